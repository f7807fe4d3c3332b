"""The district's LDAP behind its gate: the same promises of the fake and of a real slapd."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Protocol

import pytest

from idp_bridge.domain.access import StaffMember, read_roles
from idp_bridge.outside.directory import LOCKED_BY_ADMIN, LdapDirectory
from idp_bridge.outside.sample_files import MAIL_DOMAIN
from idp_bridge.services.ports import Directory
from idp_bridge.services.sampling import STAFF
from tests.fakes.directory import FakeDirectory
from tools.stack.ldap import BASE_DN, LdapServer


class Side(Protocol):
    """A directory, fake or real, with what the district does to it."""

    directory: Directory

    def join(self, uid: str, role: str) -> None: ...
    def leave(self, uid: str, role: str) -> None: ...
    def lock(self, uid: str, since: str) -> None: ...
    def rename(self, uid: str, given: str, family: str) -> None: ...
    def forget_birth_date(self, uid: str) -> None: ...


@dataclass
class FakeSide:
    """The sample district in memory."""

    directory: FakeDirectory = field(default_factory=lambda: FakeDirectory({p.uid: p for p in sample()}))

    def join(self, uid: str, role: str) -> None:
        self._set(uid, roles=self.directory.people[uid].roles | read_roles([role]))

    def leave(self, uid: str, role: str) -> None:
        self._set(uid, roles=self.directory.people[uid].roles - read_roles([role]))

    def lock(self, uid: str, since: str) -> None:
        if since == LOCKED_BY_ADMIN:
            self.directory.locked.add(uid)

    def rename(self, uid: str, given: str, family: str) -> None:
        self._set(uid, given_name=given, family_name=family)

    def forget_birth_date(self, uid: str) -> None:
        self._set(uid, birth_date=None)

    def _set(self, uid: str, **fields: object) -> None:
        self.directory.people[uid] = replace(self.directory.people[uid], **fields)


@dataclass
class RealSide:
    """The stack's slapd; every change is undone at the end."""

    ldap: LdapServer
    directory: LdapDirectory
    undo: list[Callable[[], None]] = field(default_factory=list)

    def join(self, uid: str, role: str) -> None:
        self.ldap.join_group(uid, role)
        self.undo.append(lambda: self.ldap.leave_group(uid, role))

    def leave(self, uid: str, role: str) -> None:
        self.ldap.leave_group(uid, role)
        self.undo.append(lambda: self.ldap.join_group(uid, role))

    def lock(self, uid: str, since: str) -> None:
        self._modify(uid, f"replace: pwdAccountLockedTime\npwdAccountLockedTime: {since}")
        self.undo.append(lambda: self._modify(uid, "delete: pwdAccountLockedTime"))

    def rename(self, uid: str, given: str, family: str) -> None:
        person = next(person for person in STAFF if person.uid == uid)
        self._name(uid, given, family)
        self.undo.append(lambda: self._name(uid, person.given_name, person.family_name))

    def forget_birth_date(self, uid: str) -> None:
        born = next(person for person in STAFF if person.uid == uid).birth_date
        self._modify(uid, "delete: schacDateOfBirth")
        self.undo.append(lambda: self._modify(uid, f"add: schacDateOfBirth\nschacDateOfBirth: {born:%Y%m%d}"))

    def _name(self, uid: str, given: str, family: str) -> None:
        self._modify(uid, f"replace: givenName\ngivenName: {given}\n-\nreplace: sn\nsn: {family}")

    def _modify(self, uid: str, change: str) -> None:
        self.ldap.modify(f"dn: uid={uid},ou=staff,ou=people,{BASE_DN}\nchangetype: modify\n{change}\n")


def sample() -> Iterator[StaffMember]:
    for person in STAFF:
        yield StaffMember(
            uid=person.uid,
            directory_id=f"entry-{person.uid}",
            given_name=person.given_name,
            family_name=person.family_name,
            mail=f"{person.uid}@{MAIL_DOMAIN}",
            birth_date=person.birth_date,
            roles=read_roles(person.roles),
        )


@pytest.fixture
def fake_side() -> FakeSide:
    return FakeSide()


@pytest.fixture
def real_side(stack, bridge_directory) -> Iterator[RealSide]:
    side = RealSide(stack.ldap, bridge_directory)
    yield side
    for step in reversed(side.undo):
        step()


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.live)])
def side(request) -> Side:
    return request.getfixturevalue(f"{request.param}_side")


def roles(side: Side, uid: str) -> set[str]:
    staff = side.directory.staff(uid)
    assert staff is not None
    return {f"{role.school}:{role.duty}" for role in staff.roles}


def test_everybody_of_the_sample_district_is_told_as_written(side):
    for expected in sample():
        found = side.directory.staff(expected.uid)
        assert found is not None
        assert found.directory_id
        assert replace(found, directory_id=expected.directory_id) == expected


def test_the_directory_id_is_one_per_person_and_stays(side):
    ids = [side.directory.staff(person.uid).directory_id for person in STAFF]
    assert len(set(ids)) == len(STAFF)
    assert [side.directory.staff(person.uid).directory_id for person in STAFF] == ids


@pytest.mark.parametrize(
    ("uid", "expected"),
    [
        ("jo.hathaway", {"0552:office"}),
        ("ana.ruiz", {"0552:office", "0552:principal"}),
        ("dee.collins", {"9001:district-office"}),
        ("tess.moore", set()),
    ],
)
def test_duties_come_from_groups(side, uid, expected):
    assert roles(side, uid) == expected


def test_a_duty_taken_a_moment_ago_is_gone_and_one_given_is_there(side):
    assert roles(side, "jo.hathaway") == {"0552:office"}
    side.leave("jo.hathaway", "0552:office")
    assert roles(side, "jo.hathaway") == set()
    side.join("jo.hathaway", "0610:office")
    assert roles(side, "jo.hathaway") == {"0610:office"}


def test_one_person_may_have_duties_at_several_schools(side):
    side.join("ana.ruiz", "0610:office")
    side.join("ana.ruiz", "0731:principal")
    assert roles(side, "ana.ruiz") == {"0552:office", "0552:principal", "0610:office", "0731:principal"}


@pytest.mark.parametrize("uid", ["nobody.here", "46100001", "keycloak", "admin", "jo", "jo.hathaway2"])
def test_somebody_unknown_is_nobody(side, uid):
    assert side.directory.staff(uid) is None


HOSTILE = (
    "", " ", "*", "jo*", "j?.hathaway", "jo.hathaway)(uid=*", "*)(objectClass=*", ")(|(uid=*", "\\2a", "\\",
    "jo.hathaway\x00", "\x00", "(", ")", "uid=jo.hathaway", "jo.hathaway,ou=staff", "jo.hathaway\\",
    "J" * 256, "jo.hathaway" * 5000, "😀", "‮", "jo.hathaway;lang-en", "&", "|", "!", "jo.hathaway#",
    "jo,hathaway", "\ud800",
)  # fmt: skip


@pytest.mark.parametrize("uid", HOSTILE, ids=[repr(uid)[:24] for uid in HOSTILE])
def test_a_hostile_name_is_nobody_and_harms_nobody_after(side, uid):
    assert side.directory.staff(uid) is None
    assert roles(side, "jo.hathaway") == {"0552:office"}


@pytest.mark.parametrize("uid", ["JO.HATHAWAY", " jo.hathaway ", "Jo.Hathaway"])
def test_case_and_space_around_do_not_matter(side, uid):
    assert side.directory.staff(uid).uid == "jo.hathaway"


@pytest.mark.parametrize(
    ("given", "family"), [("José", "Muñoz-García"), ("Zoë", "O’Neil"), ("မြတ်", "သူ"), ("ليلى", "حداد")]
)
def test_names_keep_their_letters(side, given, family):
    side.rename("tess.moore", given, family)
    staff = side.directory.staff("tess.moore")
    assert (staff.given_name, staff.family_name) == (given, family)
    assert staff.name == f"{given} {family}"


def test_a_birth_date_may_be_missing(side):
    assert side.directory.staff("tess.moore").birth_date == date(1993, 10, 28)
    side.forget_birth_date("tess.moore")
    assert side.directory.staff("tess.moore").birth_date is None


def test_somebody_locked_by_an_administrator_is_nobody(side):
    side.lock("jo.hathaway", LOCKED_BY_ADMIN)
    assert side.directory.staff("jo.hathaway") is None


def test_a_strangers_guesses_take_no_duty_away(side):
    side.lock("jo.hathaway", "20261124150000Z")
    assert roles(side, "jo.hathaway") == {"0552:office"}


# --- real only -----------------------------------------------------------------------------------


@contextmanager
def added(ldap: LdapServer, entry: str) -> Iterator[None]:
    dn = entry.splitlines()[0].removeprefix("dn: ")
    ldap.modify(entry.replace("\n", "\nchangetype: add\n", 1))
    try:
        yield
    finally:
        ldap.modify(f"dn: {dn}\nchangetype: delete\n")


@pytest.mark.live
def test_somebody_of_another_branch_is_nobody(real_side):
    """A former employee keeps an entry, and may keep a group; a namesake below a person is no employee."""
    dn = f"uid=gone.by,ou=former,{BASE_DN}"
    person = f"dn: {dn}\nobjectClass: inetOrgPerson\nuid: gone.by\ncn: Gone By\nsn: By\n"
    below = f"dn: uid=sly.fox,uid=tess.moore,ou=staff,ou=people,{BASE_DN}\n"
    below += "objectClass: inetOrgPerson\nuid: sly.fox\ncn: Sly Fox\nsn: Fox\n"
    with added(real_side.ldap, person), added(real_side.ldap, below):
        assert real_side.directory.staff("gone.by") is None
        assert real_side.directory.staff("sly.fox") is None


@pytest.mark.live
def test_a_group_that_names_no_known_duty_gives_none(real_side):
    member = f"member: uid=tess.moore,ou=staff,ou=people,{BASE_DN}"
    group = f"dn: cn=lunch,ou=groups,{BASE_DN}\nobjectClass: groupOfNames\ncn: lunch\n{member}\n"
    with added(real_side.ldap, group + "ou: lunch club\nou: 0552:lunch\nou: :office\nou: 0552\n"):
        assert roles(real_side, "tess.moore") == set()


@pytest.mark.live
def test_two_entries_of_one_uid_give_nobody(real_side):
    """Which of them signed in cannot be told."""
    twin = f"dn: cn=Twin,ou=staff,ou=people,{BASE_DN}\nobjectClass: inetOrgPerson\ncn: Twin\nsn: Hathaway\n"
    with added(real_side.ldap, twin + "uid: jo.hathaway\n"):
        assert real_side.directory.staff("jo.hathaway") is None


@pytest.mark.live
def test_a_name_in_a_distinguished_name_cannot_reach_another_group(real_side):
    """The entry's own name goes into the search for its groups, so it is escaped there too."""
    odd = f"dn: cn=Odd \\2a)(member\\3d*,ou=staff,ou=people,{BASE_DN}\nobjectClass: inetOrgPerson\n"
    with added(real_side.ldap, odd + "cn: Odd *)(member=*\nsn: Odd\nuid: odd.one\n"):
        assert roles(real_side, "odd.one") == set()


@pytest.mark.live
def test_the_bridges_account_can_write_nothing_and_read_no_password(real_side, stack):
    """Asked by OpenLDAP's own tools, with the account the gate binds as."""
    bind = ["-x", "-H", stack.ldap.plain_url, "-D", stack.ldap.bind_dn, "-w", stack.secrets["ldap_bridge"]]
    who = f"uid=jo.hathaway,ou=staff,ou=people,{BASE_DN}"
    asked = ["ldapsearch", "-LLL", *bind, "-b", who, "(objectClass=*)", "uid", "userPassword"]
    read = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert "uid: jo.hathaway" in read
    assert "userPassword" not in read
    change = f"dn: {who}\nchangetype: modify\nreplace: sn\nsn: Changed\n"
    tried = subprocess.run(["ldapmodify", *bind], input=change, capture_output=True, text=True, check=False)
    assert tried.returncode == 50, tried.stderr  # insufficientAccessRights
