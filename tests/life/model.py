"""The plain model: what each link must be after all that was done; knows no SQL and no service."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from idp_bridge.domain.link import DISPUTE, LIVE, WAITING, Claimed, LinkState, end_of_childhood
from idp_bridge.domain.people import ParentId, Purpose, Student, StudentId
from tests.life.world import NAMES, STUDENTS, ZONE, Stored

GRACE = timedelta(days=30)
UNDO = timedelta(minutes=15)
WORKS = (LinkState.VERIFIED, LinkState.SUSPENDED)


@dataclass
class Known:
    """What the model knows of one link."""

    parent: ParentId
    typed: Claimed
    student: StudentId | None
    meant: tuple[str, date]
    """Number and birth date after a correction at the counter."""
    state: LinkState = LinkState.AWAITING_VISIT
    reason: str | None = None
    purposes: frozenset[Purpose] = frozenset()
    ends: datetime | None = None
    verified_at: datetime | None = None
    changed_at: datetime | None = None
    final: bool = False
    """Turned away on the merits: only who may overrule links the two again (I5)."""
    disputed: bool = False
    granted: bool = False
    """Allowed by the student of 18, who alone ends it."""
    first: str | None = None
    """Who saw the papers, where a second person must agree."""
    decided: tuple[str, datetime] | None = None
    """Who of the staff decided it and when, while nothing became of it since."""

    def as_stored(self) -> Stored:
        """Return what the row must say (I1)."""
        held = DISPUTE if self.disputed else None
        return Stored(
            parent=self.parent,
            student=self.student,
            state=self.state,
            reason=held if self.state is LinkState.SUSPENDED else self.reason,
            purposes=frozenset(self.purposes),
            ends=self.ends,
            typed=self.typed,
            meant=self.meant,
        )

    def turned_away(self) -> bool:
        """Tell whether staff refused or revoked it."""
        return self.state is LinkState.DENIED or (self.state is LinkState.ENDED and self.reason == "revoked")


@dataclass
class Order:
    """What the model knows of one restriction."""

    name: tuple[str, str]
    student: StudentId
    access: bool
    messages: bool
    born: date | None = None
    """Birth date of the restricted person, where the paper says it."""
    account: ParentId | None = None
    """The account it names itself."""
    stands: bool = True
    cleared: set[ParentId] = field(default_factory=set)
    """Accounts the school found to be a namesake's."""


@dataclass
class Model:
    """Links, restrictions, people."""

    links: dict[str, Known] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    students: dict[StudentId, Student] = field(default_factory=lambda: dict(STUDENTS))
    left: dict[StudentId, date] = field(default_factory=dict)
    """Who is not in the roster any more, and since which day."""
    born: dict[ParentId, tuple[date | None, datetime]] = field(default_factory=dict)
    """Whose identification was seen: the birth date on it, if it was noted, and when."""
    deleted: set[ParentId] = field(default_factory=set)
    """Who deleted the account and did not turn back."""
    gone: set[ParentId] = field(default_factory=set)
    """Whose account Keycloak has deleted too."""
    asked: dict[ParentId, list[datetime]] = field(default_factory=dict)

    def of(self, *states: LinkState) -> list[str]:
        """Return the ids of links in one of `states`, in a fixed order."""
        return sorted(id for id, known in self.links.items() if known.state in states)

    def of_parent(self, parent: ParentId, *states: LinkState) -> dict[str, Known]:
        """Return a parent's links in one of `states`, by id."""
        return {id: self.links[id] for id in self.of(*states) if self.links[id].parent == parent}

    def of_two(self, parent: ParentId, student: StudentId | None) -> list[Known]:
        """Return every link of one parent and one student; none where no student was found."""
        both = (parent, student)
        return [one for one in self.links.values() if student and (one.parent, one.student) == both]

    def live(self, parent: ParentId, student: StudentId | None) -> bool:
        """Tell whether the parent has a live link to the student."""
        return any(one.state in LIVE for one in self.of_two(parent, student))

    def waiting(self, parent: ParentId, student: StudentId | None = None) -> list[str]:
        """Return the parent's links that wait for the visit, for one student or for any."""
        found = self.of_parent(parent, *WAITING)
        return [id for id, known in found.items() if student in (None, known.student)]

    def by_number(self, number: str) -> Student | None:
        """Return the student in the roster with this number."""
        found = (one for one in self.students.values() if one.number == number)
        return next((one for one in found if one.id not in self.left), None)

    def fits(self, number: str, born: date) -> Student | None:
        """Return the student in the roster whom number and birth date name."""
        student = self.by_number(number)
        return student if student and student.birth_date == born else None

    def of_age(self, student: StudentId | None, now: datetime) -> bool:
        """Tell whether the student is 18."""
        return student is not None and end_of_childhood(self.students[student].birth_date, ZONE) <= now

    def ended_before(self, parent: ParentId, student: StudentId | None) -> bool:
        """Tell whether the two were turned away on the merits, and nobody has overruled that since (I5)."""
        both = self.of_two(parent, student)
        return any(
            one.turned_away()
            and one.final
            and not any(
                other.verified_at and other.verified_at > one.changed_at and not other.turned_away()
                for other in both
            )
            for one in both
        )

    # --- restrictions ----------------------------------------------------------------------------

    def concerns(self, order: Order, parent: ParentId) -> bool:
        """Tell whether a restriction stands against this account."""
        if not order.stands or parent in order.cleared:
            return False
        if order.account == parent:
            return True
        born, _at = self.born.get(parent, (None, None))
        namesake = born is not None and order.born is not None and born != order.born
        return order.name == NAMES[parent] and not namesake

    def against(self, parent: ParentId, student: StudentId | None) -> list[Order]:
        """Return what stands against this account and student."""
        return [one for one in self.orders.values() if one.student == student and self.concerns(one, parent)]

    def held_by(self, parent: ParentId) -> set[str]:
        """Return the restrictions that stand against this account's access to anybody."""
        return {id for id, one in self.orders.items() if one.access and self.concerns(one, parent)}

    def restricted(self, parent: ParentId, student: StudentId | None) -> bool:
        """Tell whether access is restricted."""
        return any(one.access for one in self.against(parent, student))

    def silenced(self, parent: ParentId, student: StudentId | None) -> bool:
        """Tell whether messages are restricted."""
        return any(one.messages for one in self.against(parent, student))

    def held(self, known: Known) -> bool:
        """Tell whether the link must be on hold."""
        return known.disputed or self.restricted(known.parent, known.student)

    def follow_restrictions(self) -> None:
        """Hold and let go what restrictions and disputes say now."""
        for known in self.links.values():
            now = LinkState.SUSPENDED if self.held(known) else LinkState.VERIFIED
            if known.state in WORKS and known.state is not now:
                known.state, known.decided = now, None

    # --- what a token may say --------------------------------------------------------------------

    def visible(self, parent: ParentId, now: datetime) -> dict[str, frozenset[str]]:
        """I2: what a token may open: verified, not expired, not restricted, the right still theirs."""
        return {
            self.students[known.student].number: self._open(known)
            for known in self.links.values()
            if known.parent == parent and known.student and known.state is LinkState.VERIFIED
            if known.ends is None or known.ends > now
            if not self.held(known)
            if known.granted or not self.of_age(known.student, now)
        }

    def _open(self, known: Known) -> frozenset[str]:
        silent = self.silenced(known.parent, known.student)
        return known.purposes - ({Purpose.MESSAGES} if silent else set())
