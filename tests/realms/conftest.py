"""Give the live tests realms of their own on the real Keycloak, a mailbox and a small directory."""

from __future__ import annotations

import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from idp_bridge.outside.realms.applying import KeycloakRealms
from idp_bridge.outside.realms.declared import DeclaredRealm
from idp_bridge.outside.realms.server import AdminServer, Realm

from .directory import SmallDirectory
from .sample import declared, under_another_name
from .signing_in import Person


def free_port() -> int:
    """Return a port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def server(keycloak: Any) -> AdminServer:
    """The real Keycloak, as an administrator."""
    return AdminServer(keycloak.url, keycloak.admin_user, keycloak.admin_password)


@pytest.fixture(scope="session")
def realms(server: AdminServer) -> KeycloakRealms:
    """What the use cases see of the real Keycloak."""
    return KeycloakRealms(server)


class Mailbox:
    """A mail server on loopback that keeps every mail."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], Message]] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port())

    @property
    def port(self) -> int:
        """Return where it listens."""
        return int(self._controller.port)

    def start(self) -> None:
        """Listen."""
        self._controller.start()

    def stop(self) -> None:
        """Stop listening."""
        self._controller.stop()

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:
        """Keep one mail."""
        self.mails.append((envelope.rcpt_tos, message_from_bytes(envelope.content)))
        return "250 kept"

    def link_to(self, address: str) -> str:
        """Return the link in the last mail to `address`; waits up to five seconds for it."""
        for _ in range(50):
            if mails := [mail for to, mail in self.mails if address in to]:
                text = next(part for part in mails[-1].walk() if part.get_content_type() == "text/plain")
                found = re.search(r"http\S+action-token\S+", text.get_payload(decode=True).decode())
                assert found, text
                return found[0]
            time.sleep(0.1)
        raise AssertionError(f"no mail for {address}")


@pytest.fixture(scope="session")
def mailbox() -> Iterator[Mailbox]:
    """Where the parents realm's mails go."""
    mailbox = Mailbox()
    mailbox.start()
    yield mailbox
    mailbox.stop()


@pytest.fixture(scope="session")
def ldap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDirectory]:
    """A real slapd with three employees and a student."""
    directory = SmallDirectory(Path(tmp_path_factory.mktemp("ldap")), free_port())
    directory.start()
    yield directory
    directory.stop()


def delete(server: AdminServer, name: str) -> None:
    """Delete a realm if it is there."""
    if server.find(name) is not None:
        with server.patient():
            server.delete(name)


@pytest.fixture
def scratch(server: AdminServer) -> Iterator[Callable[..., DeclaredRealm]]:
    """Return a function that declares a realm under a name nobody has; it is deleted afterwards."""
    made: list[str] = []

    def declare(realm: str, **values: str) -> DeclaredRealm:
        name = f"{realm}-{secrets.token_hex(4)}"
        made.append(name)
        return under_another_name(declared(realm, **values), name)

    yield declare
    for name in made:
        delete(server, name)


@pytest.fixture(scope="session")
def declared_parents(mailbox: Mailbox) -> DeclaredRealm:
    """The parents realm under a name of its own, with the test's mailbox."""
    values = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(mailbox.port)}
    return under_another_name(declared("parents", **values), f"parents-{secrets.token_hex(4)}")


@pytest.fixture(scope="session")
def parents(server: AdminServer, realms: KeycloakRealms, declared_parents: DeclaredRealm) -> Iterator[Realm]:
    """The parents realm, applied to the real Keycloak."""
    realms.bring(declared_parents)
    yield Realm(server, declared_parents.name)
    delete(server, declared_parents.name)


@pytest.fixture(scope="session")
def district(server: AdminServer, realms: KeycloakRealms, ldap: SmallDirectory) -> Iterator[Realm]:
    """The district realm, applied to the real Keycloak and the small directory."""
    values = {"LDAP_URL": ldap.url, "LDAP_BIND_PASSWORD": ldap.bind_password}
    realm = under_another_name(declared("district", **values), f"district-{secrets.token_hex(4)}")
    realms.bring(realm)
    yield Realm(server, realm.name)
    delete(server, realm.name)


def first_links(realm: Realm, user: str) -> list[str]:
    """Wait for what the workflow gives a new account: it runs right after the request, not within it.

    Seen: 46 of 160 accounts made by four threads did not have it yet at the first look; 35 ms at most.
    """
    for _ in range(50):
        if links := realm.get(f"users/{user}").get("attributes", {}).get("student_links"):
            return list(links)
        time.sleep(0.1)
    raise AssertionError("the workflow gave the new account nothing")


@pytest.fixture
def parent(parents: Realm) -> Iterator[Person]:
    """A parent with a verified e-mail and a password, made by an administrator."""
    person = Person(f"p{secrets.token_hex(4)}@mail.example", f"Tide-{secrets.token_hex(6)}")
    person.id = parents.post("users", person.representation(), "user")
    first_links(parents, person.id)
    yield person
    parents.delete(f"users/{person.id}", "user")
