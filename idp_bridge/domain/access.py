"""Say who on the staff may do what, and where; never asks LDAP itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from idp_bridge.domain.errors import ConflictOfInterest, NoDuty
from idp_bridge.domain.matching import same_name
from idp_bridge.domain.people import GuardianHint, Parent, SchoolCode


class Duty(StrEnum):
    """What an LDAP group `<school code>:<duty>` charges its members with."""

    OFFICE = "office"
    PRINCIPAL = "principal"
    DISTRICT_OFFICE = "district-office"
    IDENTITY_ADMIN = "identity-admin"


class Action(StrEnum):
    """What staff can ask the bridge to do."""

    FIND_VISIT = "find a visit and see the claim"
    RECORD_IDENTITY = "record an identity proof"
    VERIFY = "verify a link"
    REFUSE = "refuse a link"
    CORRECT = "correct a claim with the parent at the counter"
    MOVE_LINKS = "move links to a new account of the same person"
    SETTLE_REFERRED = "decide what a school referred to the district"
    OVERRULE = "verify again after a refusal or a revocation"
    HOLD = "put a link on hold in a dispute, and settle it"
    REVOKE = "revoke a link"
    RESTRICT = "place, read, review and lift a restriction"
    SEE_ALARMS = "see alarms"
    SEE_PROJECTION = "see what has not arrived in Keycloak"
    READ_AUDIT = "read the audit"


# Rows: what is asked. Columns: who may. A tick in a school column counts at that school only,
# a tick under district office or identity admin counts everywhere.
#                            office          principal          district office          identity admin
ALLOWED: dict[Action, frozenset[Duty]] = {
    Action.FIND_VISIT:      frozenset({Duty.OFFICE, Duty.PRINCIPAL, Duty.DISTRICT_OFFICE}),
    Action.RECORD_IDENTITY: frozenset({Duty.OFFICE, Duty.PRINCIPAL, Duty.DISTRICT_OFFICE}),
    Action.VERIFY:          frozenset({Duty.OFFICE, Duty.PRINCIPAL, Duty.DISTRICT_OFFICE}),
    Action.REFUSE:          frozenset({Duty.OFFICE, Duty.PRINCIPAL, Duty.DISTRICT_OFFICE}),
    Action.CORRECT:         frozenset({Duty.OFFICE, Duty.PRINCIPAL, Duty.DISTRICT_OFFICE}),
    Action.MOVE_LINKS:      frozenset({Duty.OFFICE, Duty.PRINCIPAL, Duty.DISTRICT_OFFICE}),
    Action.SETTLE_REFERRED: frozenset({Duty.DISTRICT_OFFICE}),
    Action.OVERRULE:        frozenset({Duty.PRINCIPAL, Duty.DISTRICT_OFFICE}),
    Action.HOLD:            frozenset({Duty.PRINCIPAL, Duty.DISTRICT_OFFICE}),
    Action.REVOKE:          frozenset({Duty.PRINCIPAL, Duty.DISTRICT_OFFICE}),
    Action.RESTRICT:        frozenset({Duty.PRINCIPAL, Duty.DISTRICT_OFFICE}),
    Action.SEE_ALARMS:      frozenset({Duty.DISTRICT_OFFICE, Duty.IDENTITY_ADMIN}),
    Action.SEE_PROJECTION:  frozenset({Duty.IDENTITY_ADMIN}),
    Action.READ_AUDIT:      frozenset({Duty.IDENTITY_ADMIN}),
}  # fmt: skip

DISTRICT_WIDE = frozenset({Duty.DISTRICT_OFFICE, Duty.IDENTITY_ADMIN})


@dataclass(frozen=True, slots=True)
class SchoolRole:
    """One duty at one school."""

    school: SchoolCode
    duty: Duty


@dataclass(frozen=True, slots=True)
class StaffMember:
    """An employee as LDAP says at this moment. `sub` is theirs in realm `district`."""

    uid: str
    directory_id: str
    """LDAP entryUUID: outlives a new `sub` in Keycloak."""
    given_name: str
    family_name: str
    mail: str
    birth_date: date | None
    roles: frozenset[SchoolRole]

    @property
    def name(self) -> str:
        """Return the name as it stands in LDAP."""
        return f"{self.given_name} {self.family_name}".strip()


def read_roles(values: Iterable[str]) -> frozenset[SchoolRole]:
    """Return the roles named by `values` (`0552:office`); a value that is no known duty is left out."""
    roles = set()
    for value in values:
        school, _, duty = value.partition(":")
        if school and duty in set(Duty):
            roles.add(SchoolRole(SchoolCode(school), Duty(duty)))
    return frozenset(roles)


def may(staff: StaffMember, action: Action, school: SchoolCode) -> bool:
    """Tell whether `staff` may do `action` for a student of `school`."""
    return any(
        role.duty in ALLOWED[action] and (role.school == school or role.duty in DISTRICT_WIDE)
        for role in staff.roles
    )


def schools_for(staff: StaffMember, action: Action, every: Iterable[SchoolCode]) -> frozenset[SchoolCode]:
    """Return those of `every` school for which `staff` may do `action`."""
    return frozenset(school for school in every if may(staff, action, school))


def reach(staff: StaffMember, action: Action) -> frozenset[SchoolCode] | None:
    """Return the schools at which `staff` may do `action`; None where that is every school there is."""
    roles = [role for role in staff.roles if role.duty in ALLOWED[action]]
    if any(role.duty in DISTRICT_WIDE for role in roles):
        return None
    return frozenset(role.school for role in roles)


def require(staff: StaffMember, action: Action, school: SchoolCode) -> None:
    """Raise NoDuty unless `staff` may do `action` at `school`."""
    if not may(staff, action, school):
        raise NoDuty(f"{action} at {school}")


def require_somewhere(staff: StaffMember, action: Action) -> None:
    """Raise NoDuty unless `staff` may do `action` at one school at least."""
    if not any(role.duty in ALLOWED[action] for role in staff.roles):
        raise NoDuty(str(action))


def refuse_own_case(staff: StaffMember, parent: Parent, hints: Iterable[GuardianHint]) -> None:
    """Raise ConflictOfInterest if the parent account or the child is the staff member's own (design 4).

    Same person: the same name, also with a middle or second family name more, without accents or in another
    order; the same e-mail, or the same mailbox name elsewhere (`pat.rivera@`). A namesake is sent to a
    colleague, which costs a minute; a clerk who verifies their own claim costs the trust in every link.
    """
    if _same_person(staff, parent.name, parent.email):
        raise ConflictOfInterest
    refuse_own_guardian(staff, hints)


def refuse_own_guardian(staff: StaffMember, hints: Iterable[GuardianHint]) -> None:
    """Raise ConflictOfInterest if the roster names the staff member as a guardian."""
    if any(_same_person(staff, hint.name, hint.email) for hint in hints):
        raise ConflictOfInterest


def _same_person(staff: StaffMember, name: str, email: str) -> bool:
    return same_name(staff.name, name) or _same_mailbox(staff.mail, email)


def _same_mailbox(one: str, other: str) -> bool:
    return bool(_mailbox(one)) and _mailbox(one) == _mailbox(other)


def _mailbox(address: str) -> str:
    """Return what stands before the `@`, without a `+tag`: people keep it when they change the provider."""
    return address.strip().partition("@")[0].partition("+")[0].casefold()
