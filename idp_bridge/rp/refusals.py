"""Name what can go wrong at a relying app's door; never decides what the page says."""

from __future__ import annotations

from werkzeug.exceptions import BadRequest, Forbidden, ServiceUnavailable


class TokenRefused(Exception):
    """A token is not one of ours, not for us, or not for now. `reason` is for the log, never for a page."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class IssuerDown(ServiceUnavailable):
    """The sign-in service did not answer in time, or answered nonsense. Status 503."""

    description = "The sign-in service does not answer right now. Please try again in a few minutes."


class SignInRefused(BadRequest):
    """This sign-in cannot be finished: an old page, a foreign state, a bad token. Status 400."""

    description = "This sign-in could not be finished. Please start again."


class EntryDenied(Forbidden):
    """The issuer itself refused this account for this app (its gate). Status 403."""

    description = "This account cannot open this app yet."
