"""Name how a system we do not own can fail a use case; never decides what to do about it.

They live with the ports, because services must catch them and must not import `outside`.
"""

from __future__ import annotations


class OutsideFailure(Exception):
    """A system we do not own did not do its part; `system` names it for logs and pages."""

    def __init__(self, system: str, what: str = "") -> None:
        super().__init__(f"{system}: {what}" if what else system)
        self.system = system
        self.what = what


class Unreachable(OutsideFailure):
    """Down, hanging, resetting or answering 5xx: the request may or may not have been done."""


class CircuitOpen(Unreachable):
    """It was not asked at all: it did not answer several times, and rests. Nothing was done."""


class Undone(Unreachable):
    """The database took the whole transaction back because of another one: nothing was done, and doing it
    again is right."""


class Refused(OutsideFailure):
    """It answered and said no (400, 401, 403): repeating will not help until somebody acts."""


class NotNow(Refused):
    """It answered and said later (SMTP 4xx): repeating after a while helps by itself."""


class Gone(OutsideFailure):
    """The thing asked for is not there any more (404)."""


class Mismatch(OutsideFailure):
    """It said yes and does not hold what it was given."""
