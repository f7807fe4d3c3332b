"""A mail server that keeps the letters it is given."""

from __future__ import annotations

from idp_bridge.services.ports import Letter


class FakeMail:
    """`fail` makes it raise until `mend()`."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self._failure: Exception | None = None

    def fail(self, failure: Exception) -> None:
        """Refuse every letter from now on."""
        self._failure = failure

    def mend(self) -> None:
        """Take letters again."""
        self._failure = None

    def send(self, letter: Letter) -> None:
        """Keep the letter."""
        if self._failure:
            raise self._failure
        self.letters.append(letter)
