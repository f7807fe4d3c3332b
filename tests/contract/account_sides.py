"""Realm `parents`, fake and real, with what tests do behind the bridge's back; never a promise itself."""

from __future__ import annotations

import re
import secrets
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import requests

from idp_bridge.domain.claims import EMPTY
from idp_bridge.domain.people import ParentId
from idp_bridge.outside.keycloak import KeycloakAccounts
from idp_bridge.outside.realms.server import Realm
from idp_bridge.services.ports import Account, AccountEventKind, ParentAccounts
from tests.fakes.accounts import FakeAccounts
from tests.realms.conftest import first_links
from tests.realms.signing_in import App, Browser, pkce, sign_in

MAIL_WAIT_S = 10


def address() -> str:
    """Return an e-mail nobody has."""
    return f"zoe{secrets.token_hex(4)}@mail.example"


class Side(Protocol):
    """A realm, fake or real."""

    accounts: ParentAccounts

    def register(self, email: str, *, enabled: bool = True, outside: bool = False) -> ParentId: ...
    def change(self, parent: ParentId, **fields: Any) -> None: ...
    def stored(self, parent: ParentId) -> Account: ...
    def remove(self, parent: ParentId) -> None: ...
    def sign_in(self, parent: ParentId, client: str) -> None: ...
    def change_own_email(self, parent: ParentId, email: str) -> None: ...
    def change_own_name(self, parent: ParentId, name: str) -> None: ...
    def remove_own(self, parent: ParentId) -> None: ...
    def set_password_as_bridge(self, parent: ParentId) -> None: ...
    def change_mapper(self) -> None: ...
    def now(self) -> datetime: ...


class FakeSide:
    """The fake of every other test."""

    def __init__(self) -> None:
        self.accounts = FakeAccounts(now=self.now, tells_own=True)

    def register(self, email: str, *, enabled: bool = True, outside: bool = False) -> ParentId:
        parent = ParentId(str(uuid.uuid4()))
        attributes = {"locale": ("es",), "student_links": (EMPTY,)}
        self.accounts.add(parent, email, attributes=attributes, enabled=enabled, outside=outside)
        names = {"first_name": "Zoë", "last_name": "Núñez-O’Brien"}
        self.accounts.change(parent, **names, created_at=datetime.now(UTC))
        self._told(AccountEventKind.CHANGED_BY_SOMEBODY, parent)
        return parent

    def change(self, parent: ParentId, **fields: Any) -> None:
        self.accounts.write_over(parent, replace(self.accounts.stored(parent), **fields))
        self._told(AccountEventKind.CHANGED_BY_SOMEBODY, parent)

    def stored(self, parent: ParentId) -> Account:
        return self.accounts.stored(parent)

    def remove(self, parent: ParentId) -> None:
        self.accounts.remove(parent)
        self._told(AccountEventKind.CHANGED_BY_SOMEBODY, parent)

    def sign_in(self, parent: ParentId, client: str) -> None:
        self.accounts.used(parent, client, datetime.now(UTC))

    def change_own_email(self, parent: ParentId, email: str) -> None:
        self.accounts.edit(parent, email=email, username=email)
        self._told(AccountEventKind.EMAIL_CHANGED, parent)

    def change_own_name(self, parent: ParentId, name: str) -> None:
        self.accounts.edit(parent, first_name=name)
        self._told(AccountEventKind.PROFILE_CHANGED, parent)

    def remove_own(self, parent: ParentId) -> None:
        self.accounts.remove(parent)
        self._told(AccountEventKind.DELETED, parent)

    def set_password_as_bridge(self, parent: ParentId) -> None:
        self._told(AccountEventKind.PASSWORD_SET_BY_US, parent)

    def change_mapper(self) -> None:
        self._told(AccountEventKind.REALM_CHANGED, None, "protocol_mapper")

    def now(self) -> datetime:
        return datetime.now(UTC)

    def _told(self, kind: AccountEventKind, parent: ParentId | None, what: str = "user") -> None:
        self.accounts.tell(kind, parent, datetime.now(UTC), what)


@dataclass
class RealSide:
    """Realm `parents` of the stack; people are made and looked at by its administrator."""

    realm: Realm
    accounts: KeycloakAccounts
    made: list[str]
    apps: dict[str, App]
    mail_url: str

    def register(self, email: str, *, enabled: bool = True, outside: bool = False) -> ParentId:
        body = {
            "username": email,
            "email": email,
            "firstName": "Zoë",
            "lastName": "Núñez-O’Brien",
            "enabled": enabled,
            "emailVerified": True,
            "attributes": {"locale": ["es"]},
        }
        user = self.realm.post("users", body, "")
        self.made.append(user)
        first_links(self.realm, user)
        if outside:
            group = self.realm.get("group-by-path/parents")["id"]
            self.realm.delete(f"users/{user}/groups/{group}", "")
        return ParentId(user)

    def change(self, parent: ParentId, **fields: Any) -> None:
        user = self.realm.get(f"users/{parent}")
        if "email" in fields:
            user |= {"email": fields["email"], "username": fields["email"]}
        if "first_name" in fields:
            user |= {"firstName": fields["first_name"]}
        self.realm.put(f"users/{parent}", user, "")

    def stored(self, parent: ParentId) -> Account:
        user = self.realm.get(f"users/{parent}")
        attributes = {name: tuple(values) for name, values in user["attributes"].items()}
        return Account(
            parent, user["username"], user["email"], user["firstName"], user["lastName"],
            user["enabled"], user["emailVerified"], attributes,
            datetime.fromtimestamp(user["createdTimestamp"] / 1000, UTC),
        )  # fmt: skip

    def remove(self, parent: ParentId) -> None:
        self.realm.delete(f"users/{parent}", "")
        self.made.remove(parent)

    def sign_in(self, parent: ParentId, client: str) -> None:
        sign_in(self.apps[client], self.stored(parent).username, self._password(parent))

    def change_own_email(self, parent: ParentId, email: str) -> None:
        with self._at(parent, "UPDATE_EMAIL") as (browser, page):
            answer = browser.submit(page, email=email)
            assert answer.status_code in (200, 302), answer.text
        Browser().get(self._link_to(email))
        assert self.stored(parent).email == email

    def change_own_name(self, parent: ParentId, name: str) -> None:
        with self._at(parent, "UPDATE_PROFILE") as (browser, page):
            stored = self.stored(parent)
            answer = browser.submit(
                page, email=stored.email, firstName=name, lastName=stored.last_name, locale="es"
            )
            assert answer.status_code == 302, answer.text
        assert self.stored(parent).first_name == name

    def remove_own(self, parent: ParentId) -> None:
        with self._at(parent, "delete_account") as (browser, page):
            browser.submit(page)
        assert self.realm.find(f"users/{parent}") is None
        self.made.remove(parent)

    def set_password_as_bridge(self, parent: ParentId) -> None:
        """Do with the bridge's own key what the bridge never does."""
        password = f"Ebb-{secrets.token_hex(8)}"
        self.accounts._do(lambda admin: admin.set_user_password(parent, password, temporary=False))

    def change_mapper(self) -> None:
        scopes = {scope["name"]: scope["id"] for scope in self.realm.get("client-scopes")}
        scope = f"client-scopes/{scopes['student_links']}/protocol-mappers/models"
        mapper = self.realm.get(scope)[0]
        self.realm.put(f"{scope}/{mapper['id']}", mapper, "")

    def now(self) -> datetime:
        return datetime.now(UTC)

    @contextmanager
    def _at(self, parent: ParentId, action: str) -> Iterator[tuple[Browser, requests.Response]]:
        """Yield a browser at Keycloak's page for `action`, with the parent signed in."""
        app, browser, name = self.apps["oneview"], Browser(), self.stored(parent).username
        password = self._password(parent)
        form = browser.start(app, **pkce()[1], kc_action=action)
        answer = browser.submit(form, username=name, password=password)
        assert answer.status_code == 302, answer.text
        yield browser, browser.get(answer.headers["Location"])

    def _password(self, parent: ParentId) -> str:
        password = {"type": "password", "value": f"Tide-{secrets.token_hex(6)}", "temporary": False}
        self.realm.put(f"users/{parent}/reset-password", password, "")
        return str(password["value"])

    def _link_to(self, email: str) -> str:
        for _ in range(MAIL_WAIT_S * 5):
            answer = requests.get(f"{self.mail_url}/api/messages", params={"to": email}, timeout=5)
            for mail in answer.json():
                if found := re.search(r"http\S+action-token\S+", mail["text"]):
                    return found[0]
            time.sleep(0.2)
        raise AssertionError("no mail came")
