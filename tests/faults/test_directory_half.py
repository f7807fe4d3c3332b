"""LDAP answers, and not all of it: no duty is taken away by that and none is given; the page says try again.

The real web process on a slapd of the test's own. Where LDAP really and completely says that somebody has no
duty, that is believed, and only as long as it says so: the bridge stores no duty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from idp_bridge.outside.directory import LdapDirectory
from idp_bridge.outside.sample_files import write_sample
from idp_bridge.services.failures import Unreachable
from idp_bridge.services.sampling import STAFF, sample_district
from idp_bridge.settings import Directory
from tests.faults.figures import LONG, within
from tests.faults.proxy import FaultyProxy, Mode
from tests.faults.running import Answer, Bridge, Employee, until
from tests.gates import port_of
from tests.web.pages import text
from tools.aims import exactly
from tools.stack.ldap import BASE_DN, LdapServer
from tools.stack.ports import Ports

PAGE_S, BACK_S = 5, 5
PASSWORD = "bridge-bind"
CLERK, PRINCIPAL, NO_DUTY, STRANGER = "jo.hathaway", "ana.ruiz", "tess.moore", "nobody.here"
STAFF_TREE, GROUPS = f"ou=staff,ou=people,{BASE_DN}", f"ou=groups,{BASE_DN}"
REFERRAL = "objectClass: referral\nobjectClass: extensibleObject\nref: ldap://elsewhere.example/\n"


@dataclass
class District(LdapServer):
    """A slapd whose tree or rules can be spoilt, and come back as they were."""

    ldif_text: str = ""
    conf_text: str = ""

    def spoil(self, *, tree: Callable[[str], str] = str, conf: Callable[[str], str] = str) -> None:
        """Restart slapd on a changed tree or configuration."""
        self.stop()
        self._ldif.write_text(tree(self.ldif_text))
        self.prepare()
        (self.folder / "slapd.conf").write_text(conf(self.conf_text))
        self.start()


def made(folder, ports: Ports) -> District:
    folder.mkdir()
    write_sample(sample_district(1), folder / "sample", bridge_password=PASSWORD, keycloak_password="k")
    server = District.__new__(District)
    LdapServer.__init__(server, folder / "ldap", ports.ldap, ports.ldaps, folder / "sample" / "district.ldif")
    server.prepare()
    server.ldif_text = server._ldif.read_text()
    server.conf_text = (server.folder / "slapd.conf").read_text()
    return server


@pytest.fixture(scope="module")
def ldap(tmp_path_factory) -> Iterator[District]:
    server = made(tmp_path_factory.mktemp("half") / "district", Ports.free())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def to_ldap(ldap) -> Iterator[FaultyProxy]:
    with FaultyProxy(port_of(ldap.url)) as wire:
        yield wire


def settings(ldap: District, *ports: int) -> dict[str, str]:
    urls = [f"ldaps://localhost:{port}" for port in ports]
    return {
        "IDP_BRIDGE_DIRECTORY__URLS": json.dumps(urls),
        "IDP_BRIDGE_DIRECTORY__BASE_DN": BASE_DN,
        "IDP_BRIDGE_DIRECTORY__BIND_DN": ldap.bind_dn,
        "IDP_BRIDGE_DIRECTORY__BIND_PASSWORD": PASSWORD,
        "IDP_BRIDGE_DIRECTORY__CA_FILE": str(ldap.ca_file),
    }


@pytest.fixture(scope="module")
def bridge(sqlite_bridge, ldap, to_ldap) -> Bridge:
    return sqlite_bridge(worker=False, **settings(ldap, to_ldap.port))


@dataclass
class AtWork:
    """Who is signed in, and what the clerk is in the middle of."""

    clerk: Employee
    principal: Employee
    no_duty: Employee
    stranger: Employee
    visit: str
    link: str

    def steps(self) -> dict[str, Answer]:
        """Take every step the two with a duty have open; no step changes anything twice."""
        evidence = {f"{self.link}-evidence": "none-of-them"}
        return {
            "the desk": self.clerk.get("/desk"),
            "the visit": self.clerk.get(f"/desk/visits/{self.visit}"),
            "the identity": self.clerk.post(
                f"/desk/visits/{self.visit}/identity", identity="passport", school="0552"
            ),
            "a verification": self.clerk.post(f"/desk/links/{self.link}/verify", **evidence),
            "a restriction": self.principal.get("/desk/restrictions/new"),
        }

    def others(self) -> list[Answer]:
        """Let those try who may do nothing."""
        return [
            one.get(path)
            for one in (self.no_duty, self.stranger)
            for path in ("/desk", f"/desk/visits/{self.visit}")
        ]


@pytest.fixture(scope="module")
def work(bridge) -> AtWork:
    (family,) = bridge.families(1)
    assert family.send().status == 302
    with bridge.store.reading() as rows:
        (link,) = rows.links.of_parent(family.id)
    return AtWork(*bridge.employees(CLERK, PRINCIPAL, NO_DUTY, STRANGER), link.visit, link.id)


def works(answers: dict[str, Answer]) -> bool:
    return all(one.status in (200, 302, 422) for one in answers.values())


# --- what is spoilt ------------------------------------------------------------------------------


def without(*names: str) -> Callable[[str], str]:
    """Return what leaves out the entries whose DN begins with one of these patterns."""
    pattern = re.compile("|".join(names))

    def leave_out(ldif: str) -> str:
        return "\n\n".join(one for one in ldif.split("\n\n") if not pattern.match(one.partition("\n")[0]))

    return leave_out


def plus(*entries: str) -> Callable[[str], str]:
    return lambda ldif: "\n\n".join((ldif.rstrip(), *entries)) + "\n"


def hiding(attribute: str) -> Callable[[str], str]:
    rule = f"access to attrs={attribute} by * none\naccess to attrs=userPassword"
    return lambda conf: conf.replace("access to attrs=userPassword", rule, 1)


def limited(conf: str) -> str:
    return re.sub(
        r"^(limits dn\.exact=\"cn=idp-bridge.*) size=unlimited",
        r"\1 size.soft=1 size.hard=1",
        conf,
        flags=re.M,
    )


IN_ANOTHER_GROUP = (
    f"dn: cn=lunch-club,{GROUPS}\nobjectClass: groupOfNames\ncn: lunch-club\nou: lunch club\n"
    + "".join(f"member: uid={uid},{STAFF_TREE}\n" for uid in (CLERK, PRINCIPAL))
)  # fmt: skip
A_UNIT = "objectClass: organizationalUnit\nou: {}\n"

SPOILT = {
    "the staff tree is empty": {"tree": without(f"dn: uid=.*,{STAFF_TREE}")},
    "the groups are empty": {"tree": without(f"dn: cn=.*,{GROUPS}")},
    "the staff tree is gone": {"tree": without(f"dn: .*{STAFF_TREE}")},
    "the groups are gone": {"tree": without(f"dn: .*{GROUPS}")},
    "nothing is loaded yet": {"tree": lambda ldif: ldif.split("\n\n")[0] + "\n"},
    "a size limit of one": {"tree": plus(IN_ANOTHER_GROUP), "conf": limited},
    "a referral among the groups": {"tree": plus(f"dn: cn=more,{GROUPS}\n{REFERRAL}cn: more\n")},
    "a referral among the staff": {"tree": plus(f"dn: cn=more,{STAFF_TREE}\n{REFERRAL}cn: more\n")},
    "members are hidden from us": {"conf": hiding("member")},
    "duties are hidden from us": {"conf": hiding("ou")},
    "identities are hidden from us": {"conf": hiding("entryUUID")},
}


OFTEN = (
    "the staff tree is empty",
    "the groups are empty",
    "a size limit of one",
    "a referral among the groups",
    "duties are hidden from us",
)
"""Those of the short run."""


def test_half_an_answer_takes_no_duty_and_gives_none(ldap, work, figure):
    chosen = SPOILT if LONG else {name: SPOILT[name] for name in OFTEN}
    seen, given, back = [], 0, []
    assert works(work.steps())
    for name, how in chosen.items():
        ldap.spoil(**how)
        try:
            answers, others = work.steps(), work.others()
        finally:
            ldap.spoil()
        for step, one in answers.items():
            assert one.status in (403, 503), f"{name}, {step}: {one.status}"
            assert one.status == 403 or "We cannot do this right now" in text(one.text)
        seen += [(name, one) for one in answers.values()]
        given += sum(one.status not in (403, 503) for one in others)
        back.append(until(lambda: works(work.steps()), 20))
    wrongly = {name for name, one in seen if one.status == 403}
    assert not wrongly
    about = f"LDAP answers half, {len(chosen)} ways, {len(seen)} pages"
    figure(f"{about}: duties wrongly taken", len(wrongly), exactly(0))
    figure(f"{about}: duties wrongly given", given, exactly(0))
    figure(f"{about}: slowest page, s", max(one.took_s for _, one in seen), within(PAGE_S))
    figure(f"{about}: longest until the work goes on, s", max(back), within(BACK_S))


def test_what_ldap_completely_says_is_believed_as_long_as_it_says_so(ldap, work, figure):
    """Half the groups are really gone: whoever was in them has no duty, everybody else keeps theirs."""
    ldap.spoil(tree=without(rf"dn: cn=school-\d+-office,{GROUPS}"))
    try:
        clerk, principal, others = work.clerk.get("/desk"), work.principal.get("/desk"), work.others()
    finally:
        ldap.spoil()
    assert (clerk.status, principal.status) == (403, 200)
    figure(
        "LDAP, half the groups deleted: duties wrongly given",
        sum(one.status != 403 for one in others),
        exactly(0),
    )
    took = until(lambda: works(work.steps()), 20)
    figure("LDAP, half the groups deleted: seconds until the duty is back", took, within(BACK_S))


# --- the wire ends anywhere ----------------------------------------------------------------------


@pytest.fixture
def gate(ldap, to_ldap) -> LdapDirectory:
    return LdapDirectory(
        Directory(
            urls=(f"ldaps://localhost:{to_ldap.port}",), base_dn=BASE_DN, bind_dn=ldap.bind_dn,
            bind_password=PASSWORD, ca_file=str(ldap.ca_file),
        )
    )  # fmt: skip


TRUE = {person.uid: set(person.roles) for person in STAFF}


def duties(gate: LdapDirectory, uid: str) -> set[str] | None:
    """Return what the gate says, None where it says that it does not know."""
    try:
        staff = gate.staff(uid)
    except Unreachable:
        return None
    return {f"{role.school}:{role.duty}" for role in staff.roles} if staff else set()


def test_a_wire_cut_after_any_number_of_bytes_never_changes_a_duty(gate, to_ldap, figure, times):
    step = times(100, 7)
    taken = given = unknown = asked = 0
    for uid in (CLERK, NO_DUTY):
        assert duties(gate, uid) == TRUE[uid]
        for cut in range(0, 5200, step):
            to_ldap.switch(Mode.CUT, after_bytes=cut)
            said = duties(gate, uid)
            to_ldap.mend()
            asked += 1
            unknown += said is None
            taken += said is not None and bool(TRUE[uid] - said)
            given += said is not None and bool(said - TRUE[uid])
        assert duties(gate, uid) == TRUE[uid]
    assert unknown
    figure(f"LDAP cut off {asked} times, after each {step} bytes: duties wrongly taken", taken, exactly(0))
    figure(f"LDAP cut off {asked} times, after each {step} bytes: duties wrongly given", given, exactly(0))


def test_the_next_server_is_asked_when_one_shows_nothing(ldap, sqlite_bridge, tmp_path, to_ldap, figure):
    """A replica that is not loaded yet: one page says try again, the next is right."""
    empty = made(tmp_path / "replica", Ports.free())
    for name in ("ca.pem", "ldap.pem", "ldap.key"):
        (empty.folder / "tls" / name).write_bytes((ldap.folder / "tls" / name).read_bytes())
    empty.program.start()
    empty.spoil(tree=without(f"dn: uid=.*,{STAFF_TREE}"))
    gate = LdapDirectory(
        Directory(
            urls=(empty.url, f"ldaps://localhost:{to_ldap.port}"), base_dn=BASE_DN, bind_dn=ldap.bind_dn,
            bind_password=PASSWORD, ca_file=str(ldap.ca_file),
        )
    )  # fmt: skip
    try:
        with pytest.raises(Unreachable, match="empty"):
            gate.staff(CLERK)
        wrong = sum(duties(gate, uid) != TRUE[uid] for uid in (CLERK, PRINCIPAL, NO_DUTY))
    finally:
        empty.stop()
    figure("LDAP, one of two servers empty: wrong answers after the first page", wrong, exactly(0))
