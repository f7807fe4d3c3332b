"""Name every refusal the rules can give; never says how a refusal looks on a page."""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):
    """The rules say no. `web/errors.py` turns each class into a status, a page and words."""


class BadInput(Refusal):
    """What a person typed cannot be used; `fields` maps a field name to a reason key."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(", ".join(sorted(fields)))
        self.fields = dict(fields)


class NotThere(Refusal):
    """The thing does not exist or is not this person's; the two must stay indistinguishable."""


class NoDuty(Refusal):
    """The staff member has no duty that allows this, at this school, at this moment."""


class MoveRefused(Refusal):
    """The link is in a state from which this move is not allowed."""


class ChangedMeanwhile(Refusal):
    """Somebody else changed the row between reading and writing; look again, then decide."""


class AlreadyAsked(Refusal):
    """One live link per parent and student: the database already holds one."""


class CodeUnknown(Refusal):
    """No open visit has this code; also said of a code with letters that cannot occur."""


class CodeLapsed(Refusal):
    """The visit's last day is over."""


class CodeUsed(Refusal):
    """Every request of this visit is decided."""


class IdentityMissing(Refusal):
    """A relationship cannot be verified before the parent's identity was proven."""


class EvidenceRefused(Refusal):
    """This kind of evidence is not accepted for this relationship."""


class NotInRoster(Refusal):
    """The request matches no student, so there is nobody to link to."""


class ConflictOfInterest(Refusal):
    """Staff may not verify their own account or their own child."""


class Restricted(Refusal):
    """A restriction stands for this person and student; the principal decides what to say."""


class SamePerson(Refusal):
    """This needs a second person, and the first one may not be that person too."""


class EndedBefore(Refusal):
    """An earlier link of the two was refused or revoked; only a duty that may overrule can verify again."""


class OfAge(Refusal):
    """The student is 18: the rights are the student's own (34 CFR 99.5), who alone can grant them."""


class SignInAgain(Refusal):
    """The account's e-mail changed since its owner last signed in; no new link before they do."""


class AccountClosed(Refusal):
    """Somebody switched the parent's account off in Keycloak; what is linked stays, nothing new is."""


class TooLate(Refusal):
    """The short time in which a decision can be undone is over, or somebody else decided."""


class DistrictAddress(Refusal):
    """A parent account must not use a district e-mail address."""


class TooManyGuesses(Refusal):
    """The limit on guessing was reached; it heals by itself."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class OneRefused(Refusal):
    """One of several links that are decided together was refused, so none was changed."""

    def __init__(self, link: str, why: Refusal) -> None:
        super().__init__(type(why).__name__)
        self.link = link
        self.why = why


class RosterRefused(Refusal):
    """A roster bundle has faults; `faults` are sentences that name file, line and column."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults
