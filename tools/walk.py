"""Walk the real pages as a parent and a clerk would, in Chromium; never takes a short cut past a page."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import requests
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tools.stack.stack import Stack

PASSWORD = "Walk-in-the-park-2026"  # noqa: S105 - of an invented parent on loopback
DISTRICT_OFFICE = "9001"
MAIL_WAIT_S = 20
ARRIVAL_WAIT_S = 20
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


class WalkFailed(Exception):
    """A page or token did not say what it must."""


@dataclass(frozen=True)
class Newcomer:
    """A parent who has no account yet."""

    email: str
    given_name: str
    family_name: str
    password: str = PASSWORD


@dataclass
class Walk:
    """One browser and the running stack. Parents and staff get a window (browser context) each."""

    stack: Stack
    browser: Browser
    say: Callable[[str], None] = lambda _: None
    windows: dict[str, Page] = field(default_factory=dict)
    locale: str = "en-US"

    def window(self, who: str) -> Page:
        """Return the window of `who`, opened at first use."""
        if who not in self.windows:
            self.windows[who] = self.browser.new_context(locale=self.locale).new_page()
            self.windows[who].set_default_timeout(15_000)
        return self.windows[who]

    # --- parent ----------------------------------------------------------------------------------

    def register(self, parent: Newcomer) -> Page:
        """Make an account at Keycloak, follow the mail's link, choose a password, arrive at the bridge."""
        page = self.window(parent.email)
        page.goto(f"{self.stack.bridge_url}/signin/parents?new=1")
        page.fill("#email", parent.email)
        page.fill("#firstName", parent.given_name)
        page.fill("#lastName", parent.family_name)
        page.click("#kc-register-form [type=submit]")
        self.say(f"{parent.given_name} registers as {parent.email}; Keycloak sends a mail")
        page.goto(self.mail_link(parent.email))
        page.fill("#password-new", parent.password)
        page.fill("#password-confirm", parent.password)
        page.click("#kc-passwd-update-form [type=submit]")
        page.wait_for_url(f"{self.stack.bridge_url}/children")
        self.say("The link in the mail is opened, a password chosen; the bridge greets the parent")
        return page

    def sign_in(self, realm: str, username: str, password: str, who: str | None = None) -> Page:
        """Sign in to the bridge's pages through `realm`."""
        page = self.window(who or username)
        page.goto(f"{self.stack.bridge_url}/signin/{realm}")
        page.fill("#username", username)
        page.fill("#password", password)
        page.click("#kc-form-login [type=submit]")
        page.wait_for_url(re.compile(f"^{re.escape(self.stack.bridge_url)}/"))
        return page

    def ask(
        self, parent: Newcomer, student: dict[str, Any], relationship: str = "birth-or-adoptive-parent"
    ) -> str:
        """Answer the four questions for one child and return the visit code."""
        page, born = self.window(parent.email), date.fromisoformat(student["birth_date"])
        page.goto(f"{self.stack.bridge_url}/children/add/number")
        page.fill("[name=number]", student["student_number"])
        _send(page)
        self.fill_day(page, "birth_date", born)
        _send(page)
        page.check(f"[name=school][value='{student['school']}']")
        _send(page)
        page.check(f"[name=relationship][value='{relationship}']")
        _send(page)
        page.check("[name=true]")
        _send(page)
        page.wait_for_url(f"{self.stack.bridge_url}/visit")
        found = re.search(r"\b[BCDFGHJ-NP-TV-XZ]{4}-[BCDFGHJ-NP-TV-XZ]{4}\b", page.inner_text("main"))
        if not found:
            raise WalkFailed("the visit page shows no code")
        self.say(f"Asks to be linked to student {student['student_number']}; visit code {found[0]}")
        return found[0]

    # --- school ----------------------------------------------------------------------------------

    def settle(self, clerk: str, password: str, code: str, evidence: str = "school-record") -> None:
        """Sign in as a clerk by LDAP, open the visit by its code, record the identity, verify every child."""
        page = self.open_visit(clerk, password, code)
        self.say(f"{clerk} signs in by LDAP and opens the visit by its code")
        self.identify(page)
        seen = page.locator(f"[name$='-evidence'][value='{evidence}']")
        for child in seen.all():
            child.check()
        if seen.count():
            with page.expect_navigation():
                seen.last.press("Enter")  # verifies every child that was chosen
        self.say("Sees the photo ID and what shows the relationship, and verifies the link")

    def at_desk(self, clerk: str, password: str) -> Page:
        """Return the clerk's window, signed in by LDAP."""
        page = self.window(clerk)
        if not page.url.startswith(self.stack.bridge_url):
            self.sign_in("district", clerk, password)
        return page

    def open_visit(self, clerk: str, password: str, code: str) -> Page:
        """Type the code at the clerk's desk and return the page of the visit."""
        page = self.at_desk(clerk, password)
        page.goto(f"{self.stack.bridge_url}/desk")
        page.fill("#code", code)
        page.press("#code", "Enter")
        page.wait_for_url(re.compile("/desk/visits/"))
        return page

    def identify(self, page: Page, born: date | None = None) -> None:
        """Record on a visit's page that the photo ID was seen, unless it is recorded already."""
        if page.locator("[name=again]").count() or not page.locator("[name=identity]").count():
            return
        visit = page.url
        page.check("[name=identity][value=driver-license]")
        if born:
            self.fill_day(page, "born", born)
        if page.locator("[type=radio][name=school]").count():  # the district office: which desk is this?
            page.check(f"[name=school][value='{DISTRICT_OFFICE}']")
        page.click("form[action$='/identity'] button")
        page.wait_for_url(visit)

    def fill_day(self, page: Page, name: str, day: date) -> None:
        """Type a day into its three fields."""
        for part, value in (("month", day.month), ("day", day.day), ("year", day.year)):
            page.fill(f"[name={name}-{part}]", str(value))

    # --- token -----------------------------------------------------------------------------------

    def token(self, parent: Newcomer) -> dict[str, Any]:
        """Get an ID token as the mobile app would and return its checked claims."""
        nonce = secrets.token_urlsafe(16)
        token, issuer = self.tokens(parent, nonce)["id_token"], self.stack.issuer("parents")
        key = jwt.PyJWKClient(f"{issuer}/protocol/openid-connect/certs").get_signing_key_from_jwt(token)
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=["RS256"], audience="mobile", issuer=issuer
        )
        if claims.get("nonce") != nonce:
            raise WalkFailed("the token answers another request")
        return claims

    def tokens(self, parent: Newcomer, nonce: str = "none") -> dict[str, Any]:
        """Get all tokens as the mobile app would (code and PKCE S256), unread."""
        page, issuer = self.window(parent.email), self.stack.issuer("parents")
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        callback = f"{self.stack.mobile_url}/callback/parents"
        asked = {
            "client_id": "mobile", "response_type": "code", "scope": "openid", "redirect_uri": callback,
            "code_challenge": challenge, "code_challenge_method": "S256", "nonce": nonce, "state": "walk",
        }  # fmt: skip
        code = self._code(page, f"{issuer}/protocol/openid-connect/auth?{urlencode(asked)}")
        answer = requests.post(
            f"{issuer}/protocol/openid-connect/token",
            data={
                "grant_type": "authorization_code", "client_id": "mobile", "redirect_uri": callback,
                "code": code, "code_verifier": verifier,
            },
            timeout=10,
        )  # fmt: skip
        answer.raise_for_status()
        tokens: dict[str, Any] = answer.json()
        return tokens

    def sessions_end(self, tokens: dict[str, Any]) -> None:
        """Wait until Keycloak no longer refreshes `tokens`: every session of the account is over."""
        deadline = time.monotonic() + ARRIVAL_WAIT_S
        while True:
            answer = requests.post(
                f"{self.stack.issuer('parents')}/protocol/openid-connect/token",
                data={
                    "grant_type": "refresh_token", "client_id": "mobile",
                    "refresh_token": tokens["refresh_token"],
                },
                timeout=10,
            )  # fmt: skip
            if answer.status_code == 400 and answer.json()["error"] == "invalid_grant":
                return
            answer.raise_for_status()
            tokens = answer.json()
            if time.monotonic() > deadline:
                raise WalkFailed("the tokens can still be refreshed")
            time.sleep(0.3)

    def linked(self, parent: Newcomer, numbers: set[str]) -> dict[str, Any]:
        """Wait until the parent's next token lists exactly `numbers`, and return its claims."""
        deadline = time.monotonic() + ARRIVAL_WAIT_S
        while True:
            claims = self.token(parent)
            found = {link["id"] for link in claims.get("student_links", {}).get("links", [])}
            if found == numbers:
                return claims
            if time.monotonic() > deadline:
                raise WalkFailed(f"the token lists {sorted(found)}, not {sorted(numbers)}")
            time.sleep(0.3)

    def open_app(self, who: str, app: str = "oneview", population: str = "parent") -> Page:
        """Open a relying app through the bridge's `/start` page and return its page."""
        page = self.window(who)
        page.goto(f"{self.stack.bridge_url}/start?app={app}&as={population}")
        page.wait_for_url(re.compile(f"^{re.escape(self.stack.app_urls[app])}/"))
        return page

    # --- mail ------------------------------------------------------------------------------------

    def mail_link(self, address: str) -> str:
        """Return the link in the newest mail to `address`, waiting for it."""
        deadline = time.monotonic() + MAIL_WAIT_S
        while time.monotonic() < deadline:
            mails = requests.get(
                f"{self.stack.mail_url}/api/messages", params={"to": address}, timeout=5
            ).json()
            if mails:
                found = re.search(r"http\S+action-token\S+", mails[-1]["text"])
                if found:
                    return found[0]
            time.sleep(0.2)
        raise WalkFailed(f"no mail with a link came to {address}")

    def _code(self, page: Page, start: str) -> str:
        """Return the code Keycloak's redirect carries, read from the answer itself: no page takes it."""
        answer = page.context.request.get(start, max_redirects=0)
        came = parse_qs(urlsplit(answer.headers.get("location", "")).query)
        if "code" not in came:
            raise WalkFailed(f"no code came back: {answer.status} {came.get('error_description', '')}")
        return came["code"][0]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium without a window."""
    with sync_playwright() as playwright:
        browser = launched(playwright)
        try:
            yield browser
        finally:
            browser.close()


def launched(playwright: Playwright) -> Browser:
    """Return a running Chromium."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))


def _send(page: Page) -> None:
    """Send the form of a question and wait for the next page."""
    with page.expect_navigation():
        page.click("main form button.primary")
