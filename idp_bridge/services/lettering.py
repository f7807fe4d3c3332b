"""Gather what a noted mail says by now, or find that there is nothing to say any more; never sends it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from idp_bridge.domain.link import WAITING, Link, LinkState, Visit, end_of_childhood
from idp_bridge.domain.notice import OF_A_VISIT, Notice, NoticeKind, corrected_by
from idp_bridge.domain.people import Parent, SchoolCode, Student
from idp_bridge.domain.visit_code import make
from idp_bridge.services.house import House
from idp_bridge.services.ports import Letter
from idp_bridge.services.rows import Rows

SHOWN_DIGITS = 4
"""So many digits of a student number tell a parent which child it is, and a stranger nothing."""

STATES = {
    NoticeKind.VERIFIED: {LinkState.VERIFIED},
    NoticeKind.ANOTHER_GUARDIAN: {LinkState.VERIFIED},
    NoticeKind.ENDS_SOON: {LinkState.VERIFIED},
    NoticeKind.REFUSED: {LinkState.DENIED},
    NoticeKind.LAPSED: {LinkState.LAPSED},
    NoticeKind.ENDED: {LinkState.ENDED},
}
"""In which states of its link a mail is still true. A hold silences every one of them."""


def letter_of(house: House, rows: Rows, notice: Notice) -> Letter | None:
    """Return the mail, or None where it would not be true any more, or nobody has an address for it."""
    parent = rows.parents.get(notice.parent)
    to = notice.address or (parent.email if parent else "")
    if parent is None or not to:
        return None
    link = rows.links.get(notice.link) if notice.link else None
    if link is None or notice.kind is NoticeKind.MOVED:
        return _plain(notice, parent, to)
    if notice.kind in OF_A_VISIT:
        return _of_visit(house, rows, notice, parent, link)
    if not _true(rows, notice, link) or _on_hold(rows, notice, link):
        return None
    return _of_link(house, rows, notice, parent, link)


def _true(rows: Rows, notice: Notice, link: Link) -> bool:
    """Tell whether what the mail says holds by now.

    That a decision was taken back is news to whom it was told: to the parent while the request waits, for the
    next decision is told by itself; to another guardian until the link stands again.
    """
    if notice.kind is not NoticeKind.TAKEN_BACK:
        return link.state in STATES[notice.kind]
    stands = link.state is LinkState.VERIFIED if _to_another(notice, link) else link.state not in WAITING
    return not stands and rows.notices.went(corrected_by(notice))


def _to_another(notice: Notice, link: Link) -> bool:
    """Tell whether the reader is another guardian of the student, who learns nothing but that it happened."""
    return notice.parent != link.parent


def _plain(notice: Notice, parent: Parent, to: str) -> Letter | None:
    """Return a mail that is about the account and no link."""
    if notice.kind not in (NoticeKind.EMAIL_CHANGED, NoticeKind.MOVED):
        return None
    return Letter(notice.key, to, parent.locale, notice.kind, "", "", None, "")


def _of_visit(house: House, rows: Rows, notice: Notice, parent: Parent, link: Link) -> Letter | None:
    visit = rows.visits.get(link.visit)
    waiting = [one for one in rows.links.of_visit(link.visit) if one.state in WAITING]
    if visit is None or visit.closed_at is not None or not waiting:
        return None
    names = _names(rows, dict.fromkeys(one.claimed.school for one in waiting))
    return Letter(
        id=notice.key,
        to=parent.email,
        language=parent.locale,
        kind=notice.kind,
        reason="",
        school=names[0],
        visit_by=visit.visit_by,
        code=_code(house, visit),
        schools=names,
    )


def _of_link(house: House, rows: Rows, notice: Notice, parent: Parent, link: Link) -> Letter:
    """Return a mail about one link. Before it was ever verified only what the parent typed is told."""
    student = rows.students.get(link.student) if link.student and link.verified_at else None
    school = rows.schools.get(student.school if student else link.claimed.school)
    hidden = _to_another(notice, link)
    number = student.number if student else link.claimed.student_number
    return Letter(
        id=notice.key,
        to=parent.email,
        language=parent.locale,
        kind=notice.kind,
        reason=_reason(house, notice, link, student),
        school=school.name if school else "",
        visit_by=None,
        code="",
        phone=school.phone if school else "",
        ending="" if hidden else number[-SHOWN_DIGITS:],
        day=None if hidden else _day(house, rows, notice, link, student),
    )


def _on_hold(rows: Rows, notice: Notice, link: Link) -> bool:
    """Tell whether the reader's own link to the student does not work: another guardian is no news then."""
    if not _to_another(notice, link) or link.student is None:
        return False
    own = (one for one in rows.links.of_student(link.student) if one.parent == notice.parent)
    return all(one.state is not LinkState.VERIFIED for one in own)


def _reason(house: House, notice: Notice, link: Link, student: Student | None) -> str:
    if _to_another(notice, link):
        return "another-guardian" if notice.kind is NoticeKind.TAKEN_BACK else ""
    if notice.kind is NoticeKind.VERIFIED:
        return link.evidence or ""
    if notice.kind is NoticeKind.ENDS_SOON:
        return "student_is_18" if _until_of_age(house, link, student) else "expired"
    return link.reason or ""


def _day(house: House, rows: Rows, notice: Notice, link: Link, student: Student | None) -> date | None:
    """Return the day a mail names: the last of a link that ends before the student is 18, or of a visit."""
    if notice.kind is NoticeKind.ENDS_SOON:
        return _last_day(house, link, student)
    if notice.kind is NoticeKind.VERIFIED and not _until_of_age(house, link, student):
        return _last_day(house, link, student)
    visit = rows.visits.get(link.visit) if notice.kind is NoticeKind.TAKEN_BACK else None
    return visit.visit_by if visit else None


def _until_of_age(house: House, link: Link, student: Student | None) -> bool:
    return student is not None and link.expires_at == end_of_childhood(student.birth_date, house.rules.zone)


def _last_day(house: House, link: Link, student: Student | None) -> date | None:
    ends: datetime | None = link.expires_at
    if ends is None:
        return None
    if not _until_of_age(house, link, student):
        ends -= timedelta(seconds=1)  # the last day it works, where it ends with the day
    return ends.astimezone(house.rules.zone).date()


def _names(rows: Rows, codes: dict[SchoolCode, None]) -> tuple[str, ...]:
    schools = (rows.schools.get(code) for code in codes)
    return tuple(school.name if school else "" for school in schools)


def _code(house: House, visit: Visit) -> str:
    return make(house.rules.code_key, visit.id, visit.code_turn)
