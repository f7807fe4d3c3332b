"""A system behind the pages is away: 503 in clear words within 5 s, nothing half done, no help after."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import sqlalchemy as sa

from idp_bridge.domain.claims import EMPTY
from idp_bridge.domain.link import LinkState
from idp_bridge.domain.people import ParentId, SchoolCode
from idp_bridge.outside.directory import LdapDirectory
from idp_bridge.outside.keycloak import KeycloakAccounts
from idp_bridge.outside.realms.server import AdminServer, Realm
from idp_bridge.services.linking import SignedIn, arrive
from idp_bridge.services.ports import Account
from idp_bridge.services.projecting import WAIT_OUT_S, Outcome, project
from idp_bridge.services.reading import slip_of
from idp_bridge.services.verifying import record_identity, verify_link
from idp_bridge.settings import Realm as RealmSettings
from idp_bridge.storage import journals, tables
from idp_bridge.web.front_door import Options, build
from tests.conftest import AMARA, IRIS, TEO
from tests.faults.proxy import GARBAGE, NOT_JSON, UNAVAILABLE, FaultyProxy, Mode
from tests.faults.test_gates import LONGEST_S, within
from tests.gates import directory_settings, keycloak_settings, port_of
from tests.realms.conftest import first_links
from tests.realms.signing_in import App, Browser, pkce
from tests.web.families import asked, claim_for, links_of
from tests.web.issuer import REALMS, serving
from tests.web.pages import text
from tools.walk import MAIL_WAIT_S

FAULTS: dict[str, dict[str, Any]] = {
    "hangs": {"mode": Mode.BLACK_HOLE},
    "resets": {"mode": Mode.RESET},
    "refuses": {"mode": Mode.REFUSE},
    "says 503": {"mode": Mode.ANSWER, "reply": UNAVAILABLE},
    "says something else": {"mode": Mode.ANSWER, "reply": NOT_JSON},
    "says nonsense": {"mode": Mode.ANSWER, "reply": GARBAGE},
}
WORDS = ("We cannot do this right now", "Nothing was lost.", "Try again in a few minutes.")


def rows(store) -> dict[str, list[Any]]:
    """Return every row but those of web sessions."""
    with store.connection(write=False) as connection:
        return {
            table.name: connection.execute(sa.select(table).order_by(*table.primary_key)).all()
            for table in tables.metadata.sorted_tables
            if table is not journals.sessions
        }


def says_try_again(answer) -> None:
    """Check the page a person sees while a system is away."""
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    page = text(answer.text)
    for words in WORDS:
        assert words in page
    for leak in ("Traceback", "LDAP", "localhost", "Exception", "Unreachable"):
        assert leak not in answer.text


# --- the desk while LDAP is away -----------------------------------------------------------------


@pytest.fixture
def to_ldap(stack) -> Iterator[FaultyProxy]:
    with FaultyProxy(port_of(stack.ldap.url)) as wire:
        yield wire


@pytest.fixture
def real_directory(stack, to_ldap) -> LdapDirectory:
    return LdapDirectory(directory_settings(stack, to_ldap.port, receive_timeout_s=1))


@dataclass
class Desk:
    """What a clerk has open: a visit with two children, the identity seen."""

    client: Any
    visit: str
    code: str
    first: str
    second: str

    def steps(self) -> dict[str, Callable[[], Any]]:
        """Return every step at the desk, as a request that works while all is well."""
        get, post = self.client.get, self.client.post
        return {
            "desk": lambda: get("/desk"),
            "find": lambda: post("/desk/find", data={"code": self.code}),
            "visit": lambda: get(f"/desk/visits/{self.visit}"),
            "identity": lambda: post(
                f"/desk/visits/{self.visit}/identity", data={"identity": "passport", "school": "0552"}
            ),
            "verify": lambda: post(
                f"/desk/links/{self.first}/verify", data={f"{self.first}-evidence": "school-record"}
            ),
            "ask to refuse": lambda: get(f"/desk/links/{self.second}/refuse"),
            "refuse": lambda: post(f"/desk/links/{self.second}/refuse", data={"reason": "not-the-student"}),
        }


STEPS = ("desk", "find", "visit", "identity", "verify", "ask to refuse", "refuse")


@pytest.fixture
def desk(house, real_directory, sessions, clock, web, sign_in_staff) -> Desk:
    """The pages of the small house with the real directory behind the proxy."""
    object.__setattr__(web.extensions["house"], "directory", real_directory)
    arrive(house, SignedIn(AMARA, "amara@mail.example", "Amara", "Quintero-Bell", "en"))
    first, second = (asked(house, AMARA, claim_for(child)) for child in (IRIS, TEO))
    slip = slip_of(house, AMARA)
    return Desk(sign_in_staff(), first.visit, slip.code, first.id, second.id)


@pytest.mark.live
@pytest.mark.parametrize("step", STEPS)
def test_each_step_at_the_desk_waits_for_ldap_and_then_works(house, store, desk, to_ldap, step):
    if step == "verify":
        record_identity(house, "jo.hathaway", desk.visit, SchoolCode("0552"), "passport")
    assert desk.client.get("/desk").status_code == 200  # a connection is kept now
    before = rows(store)
    for fault in ("hangs", "refuses"):
        to_ldap.switch(**FAULTS[fault])
        with within(LONGEST_S):
            says_try_again(desk.steps()[step]())
        assert rows(store) == before
        assert house.wakeup.woken == []
    to_ldap.mend()
    assert desk.steps()[step]().status_code in (200, 302)
    changed = step in ("identity", "verify", "refuse")
    assert (rows(store) != before) == changed


@pytest.mark.live
@pytest.mark.parametrize("fault", ["resets", "says 503", "says nonsense"])
def test_every_other_fault_of_ldap_reads_the_same(desk, to_ldap, fault):
    to_ldap.switch(**FAULTS[fault])
    with within(LONGEST_S):
        says_try_again(desk.steps()["desk"]())


@pytest.mark.live
def test_ldap_that_hangs_in_the_middle_of_a_decision_leaves_nothing_half_done(house, store, desk, to_ldap):
    """The page asks LDAP to show the visit and again to decide; the wire breaks in between."""
    record_identity(house, "jo.hathaway", desk.visit, SchoolCode("0552"), "passport")
    gate = house.directory
    before, answers = rows(store), iter([True])

    class BreaksAfterOne:
        def staff(self, uid: str) -> Any:
            if not next(answers, False):
                to_ldap.switch(Mode.BLACK_HOLE)
            return gate.staff(uid)

    object.__setattr__(house, "directory", BreaksAfterOne())
    with within(LONGEST_S):
        says_try_again(desk.steps()["verify"]())
    assert rows(store) == before
    to_ldap.mend()
    assert verify_link(replace(house, directory=gate), "jo.hathaway", desk.first, "school-record")


@pytest.mark.live
def test_a_parent_notices_nothing_of_ldap_being_away(desk, to_ldap, sign_in_parent):
    to_ldap.switch(Mode.BLACK_HOLE)
    parent = sign_in_parent()
    with within(1):
        assert parent.get("/children").status_code == 200
        assert parent.get("/visit").status_code == 200


# --- signing in while Keycloak is away -----------------------------------------------------------


@pytest.fixture
def provider():
    with serving() as provider:
        yield provider


@pytest.fixture
def to_realm(provider) -> Iterator[FaultyProxy]:
    with FaultyProxy(int(provider.url.rpartition(":")[2])) as wire:
        provider.url = f"http://127.0.0.1:{wire.port}"
        yield wire


@pytest.fixture
def visitor(web, house, sessions, provider, to_realm):
    """A browser at the bridge, whose realms are behind the proxy."""
    realms = {name: RealmSettings(issuer=provider.issuer(name), client_secret="secret") for name in REALMS}
    options = Options("http://localhost", "s" * 32, 8, web.config["DISTRICT"], realms, web.config["APPS"])
    app = build(house, sessions, options)
    app.config["WTF_CSRF_ENABLED"] = False
    return app.test_client()


def leave_for(visitor, realm: str) -> dict[str, str]:
    answer = visitor.get(f"/signin/{realm}")
    assert answer.status_code == 302
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.location).query).items()}


def come_back(visitor, provider, went: dict[str, str], realm: str) -> Any:
    token = provider.token(realm, nonce=went.get("nonce"), preferred_username="jo.hathaway")
    provider.answer = {"access_token": "at", "token_type": "Bearer", "id_token": token}
    return visitor.get(f"/signin/{realm}/callback", query_string={"code": "c", "state": went["state"]})


PAGE = {"parents": "/children", "district": "/desk"}


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "hangs"])
def test_starting_to_sign_in_waits_for_keycloak(visitor, to_realm, fault):
    to_realm.switch(**FAULTS[fault])
    with within(LONGEST_S):
        says_try_again(visitor.get("/signin/parents"))
    to_realm.mend()
    assert leave_for(visitor, "parents")["code_challenge_method"] == "S256"


@pytest.mark.parametrize(("realm", "fault"), [*(("parents", one) for one in FAULTS), ("district", "refuses")])
def test_coming_back_from_keycloak_is_all_or_nothing(visitor, store, provider, to_realm, realm, fault):
    went, before = leave_for(visitor, realm), rows(store)
    to_realm.switch(**FAULTS[fault])
    with within(LONGEST_S):
        says_try_again(come_back(visitor, provider, went, realm))
    assert rows(store) == before
    assert visitor.get(PAGE[realm]).status_code == 302  # still to sign in
    to_realm.mend()
    went = leave_for(visitor, realm)
    answer = come_back(visitor, provider, went, realm)
    assert (answer.status_code, answer.location) == (302, PAGE[realm])


@pytest.mark.parametrize("fault", ["hangs", "resets"])
def test_keys_that_do_not_come_after_the_token_sign_nobody_in(visitor, store, provider, to_realm, fault):
    went, before = leave_for(visitor, "parents"), rows(store)
    page, token_given = provider.page, []

    def breaks_after_the_token(path: str) -> Any:
        if path.endswith("/certs"):
            token_given.extend(provider.asked)
            to_realm.switch(**FAULTS[fault])
        return page(path)

    provider.page = breaks_after_the_token
    with within(LONGEST_S):
        says_try_again(come_back(visitor, provider, went, "parents"))
    assert token_given
    assert rows(store) == before
    provider.page = page
    to_realm.mend()
    assert come_back(visitor, provider, leave_for(visitor, "parents"), "parents").status_code == 302


# --- the worker while Keycloak is away -----------------------------------------------------------


@pytest.fixture
def realm(stack) -> Realm:
    server = stack.keycloak
    return Realm(AdminServer(server.url, server.admin_user, server.admin_password), "parents")


@pytest.fixture
def parent(realm) -> Iterator[ParentId]:
    email = f"w{secrets.token_hex(4)}@mail.example"
    body = {"username": email, "email": email, "firstName": "A", "lastName": "B", "enabled": True}
    user = realm.post("users", body, "")
    first_links(realm, user)
    yield ParentId(user)
    realm.delete(f"users/{user}", "")


@pytest.fixture
def to_keycloak(stack) -> Iterator[FaultyProxy]:
    with FaultyProxy(port_of(stack.keycloak.url)) as wire:
        yield wire


@pytest.fixture
def verified(stack, house, parent, to_keycloak):
    """A house whose worker reaches Keycloak through the proxy, and a link it has to project."""
    arrive(house, SignedIn(parent, "w@mail.example", "Wren", "Sol", "en"))
    link = asked(house, parent, claim_for(IRIS))
    record_identity(house, "jo.hathaway", link.visit, SchoolCode("0552"), "passport")
    verify_link(house, "jo.hathaway", link.id, "school-record")
    return replace(house, accounts=KeycloakAccounts(keycloak_settings(stack, to_keycloak.port, timeout_s=1)))


def behind(house, parent):
    with house.store.reading() as found:
        return found.projections.get(parent)


def projected(realm: Realm, parent: ParentId) -> str:
    (value,) = realm.get(f"users/{parent}")["attributes"]["student_links"]
    return str(value)


@pytest.mark.live
@pytest.mark.parametrize("fault", FAULTS)
def test_a_link_waits_for_keycloak_and_then_arrives(verified, clock, realm, parent, to_keycloak, fault):
    to_keycloak.switch(**FAULTS[fault])
    with within(LONGEST_S):
        assert project(verified, parent) is Outcome.FAILED
    late = behind(verified, parent)
    assert late.due_since is not None
    assert late.attempts == 1
    assert late.last_error.startswith("Unreachable: keycloak")
    assert projected(realm, parent) == EMPTY
    assert links_of(verified, parent)[0].state is LinkState.VERIFIED  # the school's part is done
    to_keycloak.mend()
    clock.advance(seconds=3)
    assert project(verified, parent) is Outcome.WRITTEN
    assert IRIS.number in projected(realm, parent)
    arrived = behind(verified, parent)
    assert (arrived.due_since, arrived.last_error) == (None, None)


class LosesTheAnswer:
    """Accounts whose write is done while its answer is lost on the way."""

    def __init__(self, accounts: KeycloakAccounts, wire: FaultyProxy) -> None:
        self._accounts, self._wire = accounts, wire
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._accounts, name)

    def write_links(self, account: Account, value: str) -> None:
        """Let the PUT pass, and nothing back."""
        self.writes += 1
        self._wire.switch(Mode.CUT, after_bytes=0)
        self._accounts.write_links(account, value)


@pytest.mark.live
def test_a_write_whose_answer_was_lost_is_looked_at_and_not_repeated(
    verified, clock, realm, parent, to_keycloak
):
    accounts = LosesTheAnswer(verified.accounts, to_keycloak)
    house = replace(verified, accounts=accounts)
    assert project(house, parent) is Outcome.FAILED
    assert IRIS.number in projected(realm, parent)
    to_keycloak.mend()
    clock.advance(seconds=WAIT_OUT_S)
    assert project(house, parent) is Outcome.EQUAL
    assert accounts.writes == 1


# --- mail is down --------------------------------------------------------------------------------


@pytest.fixture
def newcomer(realm) -> Iterator[str]:
    address = f"m{secrets.token_hex(4)}@mail.example"
    yield address
    for user in realm.get("users", email=address, exact="true"):
        realm.delete(f"users/{user['id']}", "")


def follow(browser: Browser, answer: requests.Response, app: App) -> requests.Response:
    """Follow redirects as far as pages of Keycloak lead."""
    while answer.is_redirect and not answer.headers["Location"].startswith(app.redirect_uri):
        answer = browser.get(answer.headers["Location"])
    return answer


def mail_link(stack, address: str, number: int = 1) -> str:
    """Return the link in the mail to `address` with this `number`, waiting for it."""
    for _ in range(MAIL_WAIT_S * 5):
        mails = requests.get(f"{stack.mail_url}/api/messages", params={"to": address}, timeout=5).json()
        if len(mails) >= number:
            return next(word for word in mails[number - 1]["text"].split() if "action-token" in word)
        time.sleep(0.2)
    raise AssertionError(f"no mail {number} to {address}")


@pytest.mark.live
def test_a_registration_without_mail_says_so_and_is_finished_later(stack, realm, newcomer):
    app = App(
        stack.issuer("parents"), "oneview", stack.secrets["oneview"],
        f"{stack.app_urls['oneview']}/callback/parents",
    )  # fmt: skip
    browser = Browser()
    stack.mail.stop()
    try:
        page = browser.start(app, prompt="create", **pkce()[1])
        with within(LONGEST_S):
            sent = browser.submit(page, email=newcomer, firstName="Mo", lastName="Lin")
            answer = follow(browser, sent, app)
    finally:
        stack.mail.start()
    assert answer.status_code == 500
    page = text(answer.text)
    assert "We could not send the message just now. Nothing was lost." in page
    assert "(321) 555-0142" in page
    (user,) = realm.get("users", email=newcomer, exact="true")
    assert user["emailVerified"] is False
    assert first_links(realm, user["id"]) == [EMPTY]

    stack.mail.wait_ready(lambda: _mail_answers(stack), 30)
    later = Browser()
    page = later.start(app, **pkce()[1])
    forgot = next(part for part in page.text.split('"') if "reset-credentials" in part).replace("&amp;", "&")
    url = forgot if forgot.startswith("http") else f"{stack.keycloak.url}{forgot}"
    assert later.submit(follow(later, later.get(url), app), username=newcomer).status_code in (200, 302)
    check = follow(later, later.get(mail_link(stack, newcomer)), app)
    assert "VERIFY_EMAIL" in check.url  # Keycloak sends a second mail: this parent never opened the first
    form = follow(later, later.get(mail_link(stack, newcomer, 2)), app)
    password = f"Tide-{secrets.token_hex(6)}"
    done = follow(later, later.submit(form, **{"password-new": password, "password-confirm": password}), app)
    assert done.is_redirect, text(done.text)
    assert "code=" in done.headers["Location"]
    assert realm.get(f"users/{user['id']}")["emailVerified"] is True


def _mail_answers(stack) -> bool:
    try:
        return requests.get(f"{stack.mail_url}/api/messages", timeout=2).ok
    except requests.RequestException:
        return False
