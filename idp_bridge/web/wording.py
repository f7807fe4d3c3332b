"""Say the codes of the domain in words, for parents and for staff; never decides anything."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from babel.lists import format_list
from flask_babel import LazyString, get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from idp_bridge.domain.evidence import EvidenceKind, IdentityKind
from idp_bridge.domain.link import LinkState
from idp_bridge.domain.people import Relationship
from idp_bridge.domain.reasons import DENIAL_REASONS as REASONS
from idp_bridge.domain.reasons import Asked, Ground
from idp_bridge.web.languages import moment

RELATIONSHIPS: dict[str, LazyString] = {
    Relationship.PARENT: _l("Birth or adoptive parent"),
    Relationship.STEP_PARENT: _l("Step-parent"),
    Relationship.LEGAL_GUARDIAN: _l("Legal guardian"),
    Relationship.FOSTER_PARENT: _l("Foster parent"),
    Relationship.CAREGIVER: _l("Caregiver acting as parent"),
    Relationship.CASEWORKER: _l("Caseworker"),
    Relationship.SURROGATE: _l("Surrogate parent"),
}

RELATIONSHIP_NOTES: dict[str, LazyString] = {
    Relationship.LEGAL_GUARDIAN: _l("Named by a court"),
    Relationship.FOSTER_PARENT: _l("The child was placed with you"),
    Relationship.CAREGIVER: _l("A relative or other adult the child lives with"),
    Relationship.CASEWORKER: _l("You work for the agency that is responsible for the child"),
    Relationship.SURROGATE: _l("Appointed for the child’s special education"),
}

STATES: dict[str, LazyString] = {
    LinkState.REQUESTED: _l("Waiting for the visit"),
    LinkState.AWAITING_VISIT: _l("Waiting for the visit"),
    LinkState.AWAITING_SECOND: _l("The school is looking at it"),
    LinkState.REFERRED: _l("The district office is looking at it"),
    LinkState.VERIFIED: _l("Linked"),
    LinkState.SUSPENDED: _l("On hold"),
    LinkState.DENIED: _l("Not confirmed"),
    LinkState.CANCELLED: _l("Taken back"),
    LinkState.LAPSED: _l("The visit time is over"),
    LinkState.ENDED: _l("Ended"),
}

IDENTITY_KINDS: dict[str, LazyString] = {
    IdentityKind.DRIVER_LICENSE: _l("Driver license or state ID"),
    IdentityKind.PASSPORT: _l("Passport"),
    IdentityKind.CONSULAR_ID: _l("Consular ID"),
    IdentityKind.MILITARY_ID: _l("Military ID"),
    IdentityKind.OTHER_PHOTO_ID: _l("Other photo ID of an authority"),
}

EVIDENCE_KINDS: dict[str, LazyString] = {
    EvidenceKind.SCHOOL_RECORD: _l("The school record names this person"),
    EvidenceKind.BIRTH_CERTIFICATE: _l("Birth certificate"),
    EvidenceKind.MARRIAGE_CERTIFICATE: _l("Marriage certificate"),
    EvidenceKind.COURT_ORDER: _l("Court order"),
    EvidenceKind.PLACEMENT_LETTER: _l("Placement letter"),
    EvidenceKind.CAREGIVER_AFFIDAVIT: _l("Caregiver affidavit"),
    EvidenceKind.AGENCY_LETTER: _l("Letter of the agency"),
    EvidenceKind.OTHER_ACCEPTED: _l("Another paper the school accepts"),
}

DENIAL_REASONS: dict[str, LazyString] = {
    "identity-not-shown": _l("No photo ID was shown"),
    "relationship-not-shown": _l("Nothing showed the relationship"),
    "not-the-student": _l("The answers do not fit this student"),
    "request-by-mistake": _l("The request was made by mistake"),
    "student-is-18": _l("The student is 18 or older"),
    "papers-not-genuine": _l("Who issued the papers does not confirm them"),
    "not-entitled": _l("The law gives this person no right to these records"),
}
"""A refusal's reason, as staff choose it."""

DENIAL_ADVICE: dict[str, LazyString] = {
    "identity-not-shown": _l(
        "The school did not see a photo ID. Ask again and bring one: a driver license, a passport, "
        "a consular or military ID, or another photo ID."
    ),
    "relationship-not-shown": _l(
        "The school did not see what shows that you may act for this child. Ask again; the visit slip says "
        "which papers the school accepts."
    ),
    "not-the-student": _l(
        "The student number, the date of birth or the school did not fit. "
        "Look at the report card, then ask again."
    ),
    "request-by-mistake": _l("The request was made by mistake. If you still need the link, ask again."),
    "student-is-18": _l(
        "The student is 18 or older, so the records are the student’s own. The student can allow you to see "
        "them: ask the school how."
    ),
    "papers-not-genuine": _l(
        "Who issued your papers could not confirm them. Ask that office for certified copies and bring them "
        "to the school."
    ),
    "not-entitled": _l(
        "The school looked at your request and found that it may not link you to this student. You can ask "
        "for the reason and bring papers that show something else."
    ),
}
"""What a parent can do after each reason."""

APPEALS: dict[str, LazyString] = {
    Asked.SCHOOL: _l(
        "If you think this is not right, ask the principal of the school to look at it again. "
        "If that does not help, ask the district office."
    ),
    Asked.DISTRICT: _l("If you think this is not right, ask the district office to look at it again."),
}
"""Whom a parent asks to have a decision looked at again."""

COMPLAINT = _l(
    "You may also write to the Student Privacy Policy Office of the U.S. Department of Education: "
    "studentprivacy.ed.gov."
)
"""Where a refusal rests on the law, the law names who hears a complaint (34 CFR 99.63)."""

REVOCATION_REASONS: dict[str, LazyString] = {
    "court-order": _l("Court order"),
    "verified-by-mistake": _l("Verified by mistake"),
    "parent-asked": _l("The parent asked for it"),
    "account-misused": _l("The account was misused"),
    "other-lawful-reason": _l("Another lawful reason"),
}

END_REASONS: dict[str, LazyString] = {
    "revoked": _l("The school or the district ended this link."),
    "left": _l("You ended this link."),
    "expired": _l("This link was made for a certain time, and the time is over."),
    "student_is_18": _l("The student turned 18, so the records are now the student’s own."),
    "withdrew": _l("The student left the district’s schools."),
    "consent_withdrawn": _l("The student, who is 18, no longer allows it."),
    "merged": _l("This link was joined with another one of yours."),
}
"""Why a link ended, in one sentence for the parent."""

END_ADVICE: dict[str, LazyString] = {
    "revoked": _l(
        "The district’s apps no longer show this student to you. If you think this is not right, call the "
        "school: they can tell you the reason and what you can do."
    ),
    "left": _l("You can ask to be linked again at any time. It takes one visit to the school."),
    "expired": _l("You can ask to be linked again. It takes one visit to the school, with current papers."),
    "student_is_18": _l(
        "From the 18th birthday on, the law gives the rights over school records to the student. "
        "The student can allow you to see them again, signed in here with the student’s own account."
    ),
    "consent_withdrawn": _l("Only the student can change that. Your other links are not touched."),
    "withdrew": _l("If the student comes back to one of our schools, you can ask to be linked again."),
    "merged": _l("Nothing is lost: look for the other link under My children."),
}

_ON_HOLD = _l("The link was put on hold")
_WORKS_AGAIN = _l("The link works again")

EVENTS: dict[str, LazyString] = {
    "link:requested": _l("You asked to be linked"),
    "link:corrected": _l("The school corrected the request with you"),
    "link:verified": _l("The school confirmed the link"),
    "link:second-person-asked": _l("The school saw your papers"),
    "link:referred": _l("The school sent your request to the district office"),
    "link:denied": _l("The school could not confirm the request"),
    "link:undone": _l("The school took its answer back"),
    "link:reopened": _l("The request was opened again"),
    "link:cancelled": _l("The request was taken back"),
    "link:lapsed": _l("The visit time was over"),
    "link:revoked": _l("The link was ended"),
    "link:left": _l("You ended the link"),
    "link:expired": _l("The link reached its end date"),
    "link:came-of-age": _l("The student turned 18"),
    "link:withdrawn": _l("The student left the district’s schools"),
    "link:merged": _l("The link moved to your newer account"),
    "link:moved": _l("The link moved here from your earlier account"),
    "link:granted": _l("The student allowed you to see this"),
    "link:grant-withdrawn": _l("The student took the permission back"),
    "link:suspended": _ON_HOLD,
    "link:disputed": _ON_HOLD,
    "link:resumed": _WORKS_AGAIN,
    "link:dispute-settled": _WORKS_AGAIN,
}
"""What a parent reads in "What has happened". An event that is not listed is not shown: it names no staff
and tells nothing of what happened behind the counter."""

BIRTH_DATE_FAULTS: dict[str, LazyString] = {
    "in-future": _l("The date of birth must be in the past"),
    "too-long-ago": _l("Check the year: a student here is not that old"),
}

APP_NAMES = {"oneview": "OneView", "focus": "Focus"}
"""Web apps of the district that a browser can open, by the name settings give them."""

CLIENT_NAMES: dict[str, LazyString | str] = {
    **APP_NAMES,
    "mobile": _l("The mobile app"),
    "idp-bridge": _l("These pages: My children and My account"),
}
"""Apps by the name they have in the realm."""

HELP_HOURS = _l("Monday to Friday, 8 to 4")
"""The usual office hours of a district, named here so that they have a translation."""


def appeal(reason: str | None) -> list[LazyString]:
    """Return the sentences that say whom to ask, and where to complain, after a refusal for `reason`."""
    known = REASONS.get(reason or "")
    if known is None:
        return [APPEALS[Asked.SCHOOL]]
    return [APPEALS[known.ask], *([COMPLAINT] if known.final and known.ground is Ground.LEGAL else [])]


def on_paper(seen_at: datetime | None) -> str:
    """Say that something was entered later, and when the papers were seen; empty where it was not."""
    return _("Entered later from a paper log of %(day)s", day=moment(seen_at)) if seen_at else ""


def student_number(number: str) -> str:
    """Return a student number as people read it aloud: `4655 4860`."""
    return f"{number[:4]} {number[4:]}"


def app_name(client: str) -> str:
    """Return the name of an app; one we have no words for under the name the realm gives it."""
    return str(CLIENT_NAMES.get(client, client))


def any_of(words: Iterable[object]) -> str:
    """Return `words` as a list within a sentence of the page's language: `a, b, or c`."""
    inside = [text[:1].lower() + text[1:] for text in map(str, words)]
    return format_list(inside, style="or", locale=get_locale() or "en")
