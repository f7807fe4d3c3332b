"""The district's LDAP in memory: what the contract tests prove equal to the real thing."""

from __future__ import annotations

from dataclasses import replace

from idp_bridge.domain.access import StaffMember, read_roles
from idp_bridge.services.failures import Unreachable


class FakeDirectory:
    """Employees by uid."""

    def __init__(self, people: dict[str, StaffMember] | None = None) -> None:
        self.people = dict(people or {})
        self.locked: set[str] = set()
        """Whom an administrator locked."""
        self.down = False

    def staff(self, uid: str) -> StaffMember | None:
        """Return the employee, or None; a directory that shows nobody at all says nothing."""
        if self.down or not self.people:
            raise Unreachable("directory")
        name = uid.strip().casefold()
        return None if name in self.locked else self.people.get(name)

    def set_roles(self, uid: str, *roles: str) -> None:
        """Change an employee's groups a moment ago."""
        self.people[uid] = replace(self.people[uid], roles=read_roles(roles))
