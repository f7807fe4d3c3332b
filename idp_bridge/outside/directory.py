"""Ask the district's LDAP who an employee is and which duties their groups give; never writes to it."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime
from typing import Any

from ldap3 import LEVEL, NO_ATTRIBUTES, NONE, SAFE_SYNC, Connection, Server, Tls
from ldap3.core.exceptions import LDAPBindError, LDAPExceptionError
from ldap3.utils.conv import escape_filter_chars

from idp_bridge.domain.access import StaffMember, read_roles
from idp_bridge.outside.errors import Unreachable
from idp_bridge.settings import Directory

SYSTEM = "directory"
SUCCESS = 0
ONE_WAS_ENOUGH = 4
"""sizeLimitExceeded, where one entry was all we asked for."""
LONGEST_UID = 255
LOCKED_BY_ADMIN = "000001010000Z"
"""Value of `pwdAccountLockedTime` an administrator's lock has (ppolicy); a stranger's guesses set another."""

SLOW_S = 1.4
"""A page asks up to three times (shown, decided, shown again with a refusal) and must answer within 5 s. So
an answer that takes longer is cut off there, not awaited and thrown away; usual are 2 ms."""
CONNECTING_S = 4.5
"""All servers together, while somebody waits."""
ANSWERING_S = 2.5
"""One bind: ldap3 limits each read, and a server that drips goes on."""
NOT_LDAP = (LDAPExceptionError, OSError, AttributeError, LookupError, TypeError, ValueError, MemoryError)
"""What ldap3 raises: its own, and whatever its decoder hits where no LDAP server answers."""

PERSON = ("uid", "entryUUID", "givenName", "sn", "mail", "schacDateOfBirth")


class LdapDirectory:
    """One kept connection behind a lock: two searches take 1.5 ms, a new TLS connection 48 ms.

    `SAFE_RESTARTABLE` blocks 60 s when LDAP is down and a `ServerPool` never skips a hung server, so
    reconnecting (once) and the loop over servers are done here.
    """

    def __init__(self, settings: Directory) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._urls = list(settings.urls)

    def staff(self, uid: str) -> StaffMember | None:
        """Return the employee as LDAP says now, or None if there is none or an administrator locked it.

        Raises Unreachable when LDAP is down, hangs, gives half an answer, or shows no staff or no group at
        all: a missing answer must never read as "no duties".
        """
        name = uid.strip()
        if not name or len(name) > LONGEST_UID or not name.isprintable():
            return None
        began = time.monotonic()
        if not self._lock.acquire(timeout=SLOW_S):
            raise Unreachable(SYSTEM, "busy")
        try:
            return self._find(name, began)
        finally:
            self._lock.release()

    def _find(self, uid: str, began: float) -> StaffMember | None:
        kept = self._connection is not None
        try:
            return self._read(uid)
        except NOT_LDAP as fault:
            self._forget()
            if not kept or time.monotonic() - began > SLOW_S:
                raise Unreachable(SYSTEM, type(fault).__name__) from fault
        try:  # the kept connection was stale: LDAP restarted, or somebody between us cut it
            return self._read(uid)
        except NOT_LDAP as fault:
            self._forget()
            raise Unreachable(SYSTEM, type(fault).__name__) from fault

    def _read(self, uid: str) -> StaffMember | None:
        connection = self._connected()
        began = time.monotonic()
        try:
            with _cut_after(SLOW_S, connection):
                return self._ask(connection, uid)
        except Unreachable:  # it answers, and not all of it: ask another server next time, if there is one
            self._forget()
            self._urls.append(self._urls.pop(0))
            raise
        except NOT_LDAP:
            if time.monotonic() - began >= SLOW_S:  # we cut it: no second try, somebody waits
                self._forget()
                raise Unreachable(SYSTEM, "slow") from None
            raise

    def _ask(self, connection: Connection, uid: str) -> StaffMember | None:
        base = self._settings.base_dn
        staff, groups = f"ou=staff,ou=people,{base}", f"ou=groups,{base}"
        people = self._search(
            connection,
            staff,
            f"(&(objectClass=inetOrgPerson)(uid={escape_filter_chars(uid)})"
            f"(!(pwdAccountLockedTime={LOCKED_BY_ADMIN})))",
            PERSON,
        )
        if not people:
            self._refuse_empty(connection, staff, "(&(objectClass=inetOrgPerson)(uid=*))")
        if len(people) != 1:
            return None
        (person,) = people
        mine = self._search(
            connection,
            groups,
            f"(&(objectClass=groupOfNames)(member={escape_filter_chars(person['dn'])}))",
            ("ou",),
        )
        named = [value for group in mine for value in group["attributes"]["ou"]]
        if not named:
            self._refuse_empty(connection, groups, "(&(objectClass=groupOfNames)(member=*)(ou=*))")
        return _staff_member(person["attributes"], named)

    def _search(
        self, connection: Connection, base: str, query: str, attributes: tuple[str, ...]
    ) -> list[dict[str, Any]]:
        """Return the whole answer; raise Unreachable for one that is cut short or goes on elsewhere."""
        _, result, response, _ = connection.search(
            base, query, search_scope=LEVEL, attributes=list(attributes)
        )
        if result["result"] != SUCCESS:
            raise Unreachable(SYSTEM, str(result["description"]))
        if any(entry["type"] != "searchResEntry" for entry in response):
            raise Unreachable(SYSTEM, "referral")
        return list(response)

    def _refuse_empty(self, connection: Connection, base: str, query: str) -> None:
        """Raise Unreachable where a part of the tree holds nobody at all, or nothing we may read of it.

        A district always has staff, and groups with members: a server that shows none is being loaded, was
        emptied by mistake, or hides it from us. That takes no duty away from whoever is at work.
        """
        _, result, response, _ = connection.search(
            base, query, search_scope=LEVEL, attributes=[NO_ATTRIBUTES], size_limit=1
        )
        if result["result"] not in (SUCCESS, ONE_WAS_ENOUGH):
            raise Unreachable(SYSTEM, str(result["description"]))
        if not any(entry["type"] == "searchResEntry" for entry in response):
            raise Unreachable(SYSTEM, "empty")

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._first_that_answers()
        return self._connection

    def _first_that_answers(self) -> Connection:
        wanted = self._settings
        one_s = max(wanted.connect_timeout_s, wanted.receive_timeout_s)
        until = time.monotonic() + CONNECTING_S
        last: Exception | None = None
        for url in tuple(self._urls):
            if last and time.monotonic() + one_s > until:
                break
            try:
                return self._opened(url)
            except NOT_LDAP as fault:
                last = fault
                self._urls.append(self._urls.pop(0))  # last next time: two that hang must not hide a third
        raise Unreachable(SYSTEM, type(last).__name__)

    def _opened(self, url: str) -> Connection:
        wanted = self._settings
        tls = Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=wanted.ca_file)
        connection = Connection(
            Server(url, tls=tls, get_info=NONE, connect_timeout=wanted.connect_timeout_s),
            user=wanted.bind_dn,
            password=wanted.bind_password.get_secret_value(),
            client_strategy=SAFE_SYNC,
            read_only=True,
            receive_timeout=wanted.receive_timeout_s,
            auto_referrals=False,
            check_names=False,
        )
        try:
            connection.open(read_server_info=False)
            with _cut_after(ANSWERING_S, connection):
                bound, *_ = connection.bind(read_server_info=False)
            if not bound:
                raise LDAPBindError
        except NOT_LDAP:
            _close(connection)
            raise
        return connection

    def _forget(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            _close(connection)


@contextmanager
def _cut_after(seconds: float, connection: Connection) -> Iterator[None]:
    """Shut the wire down after `seconds`, so that whoever reads from it goes on with an error."""
    timer = threading.Timer(seconds, _shut, (connection,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut(connection: Connection) -> None:
    with suppress(OSError, AttributeError):  # closed meanwhile
        connection.socket.shutdown(socket.SHUT_RDWR)


def _close(connection: Connection) -> None:
    with suppress(LDAPExceptionError, OSError, AttributeError):
        connection.strategy.close()


def _staff_member(attributes: dict[str, Any], roles: list[str]) -> StaffMember:
    """Return the employee. Raises Unreachable where what names them in the audit is not shown to us."""
    directory_id = _one(attributes, "entryUUID")
    if not directory_id:
        raise Unreachable(SYSTEM, "half an entry")
    return StaffMember(
        uid=_one(attributes, "uid"),
        directory_id=directory_id,
        given_name=_one(attributes, "givenName"),
        family_name=_one(attributes, "sn"),
        mail=_one(attributes, "mail"),
        birth_date=_birth_date(_one(attributes, "schacDateOfBirth")),
        roles=read_roles(roles),
    )


def _one(attributes: dict[str, Any], name: str) -> str:
    value = attributes.get(name)
    if isinstance(value, list | tuple):
        value = value[0] if value else ""
    return value.decode() if isinstance(value, bytes) else str(value or "")


def _birth_date(text: str) -> date | None:
    """Read SCHAC's `YYYYMMDD`; anything else counts as unknown."""
    try:
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        return None
