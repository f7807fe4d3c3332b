"""Look at a parent's account: before a new link, and whenever it changed; never makes or ends a link.

Keycloak down never stops a school: then the snapshot of the last sign-in decides alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from idp_bridge.domain.errors import AccountClosed, DistrictAddress, NotThere, SignInAgain
from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.notice import email_changed
from idp_bridge.domain.people import Parent, ParentId, in_district_domain
from idp_bridge.services.failures import Gone, OutsideFailure
from idp_bridge.services.house import House
from idp_bridge.services.ports import Account
from idp_bridge.services.rows import Rows

BRIDGE = Actor(ActorKind.SYSTEM, "bridge")
"""Who noted that an e-mail is another one; who changed it, parent or administrator, is not known."""


def check_account(house: House, parent_id: ParentId) -> None:
    """Let a new link be asked for or made real; call it before the transaction opens.

    An e-mail that changed is noted, with a letter to the old address; until a fresh sign-in there is no new
    link. Raises NotThere (no such account any more), AccountClosed, SignInAgain and DistrictAddress.
    """
    account = _account_now(house, parent_id)
    if account is not None and not account.enabled:
        raise AccountClosed
    email = account.email if account is not None else None
    with house.store.reading() as rows:
        parent = _known(rows, parent_id)
    if email is not None and other_email(parent, email):
        with house.store.transaction() as rows:
            save_email(rows, _known(rows, parent_id), email, house.clock.now())
        raise SignInAgain
    if _must_sign_in(parent):
        raise SignInAgain
    if in_district_domain(parent.email, house.rules.email_domains):
        raise DistrictAddress


def save_email(rows: Rows, parent: Parent, email: str, now: datetime) -> Parent:
    """Return `parent` as stored with `email`; where it is another one, it is audited and the old one told.

    Runs inside the caller's transaction. An address that was never known is not told and changes nothing.
    """
    if not other_email(parent, email):
        return parent
    done = replace(parent, email=email, email_changed_at=now)
    rows.parents.save(done)
    rows.audit.append(Event("parent:email-changed", now, BRIDGE, parent=parent.id))
    rows.notices.add(email_changed(parent, now))
    return done


def note_emails(
    rows: Rows, accounts: Iterable[Account], began: datetime, now: datetime, domains: Iterable[str]
) -> None:
    """Note e-mails of accounts the worker read after `began`: the old address is told at once.

    A district address raises an alarm: links stay, and the parent gets no new one. Whoever signed in
    meanwhile brought a newer e-mail than was read. Runs inside the caller's transaction.
    """
    read = {account.id: account.email for account in accounts}
    for parent in rows.parents.some(read).values():
        email = read[parent.id]
        if not other_email(parent, email) or (parent.signed_in_at and parent.signed_in_at >= began):
            continue
        save_email(rows, parent, email, now)
        if in_district_domain(email, tuple(domains)):
            rows.audit.append(Event("alarm:district-address", now, BRIDGE, parent=parent.id))


def _account_now(house: House, parent_id: ParentId) -> Account | None:
    """Return the account as Keycloak says now, or None where it does not say."""
    try:
        return house.accounts.get(parent_id)
    except Gone:
        raise NotThere from None
    except OutsideFailure:
        return None


def other_email(parent: Parent, email: str) -> bool:
    """Tell whether `email` is another one than the parent's snapshot knows; capitals make no other."""
    return bool(parent.email) and parent.email.casefold() != email.casefold()


def _must_sign_in(parent: Parent) -> bool:
    changed, signed_in = parent.email_changed_at, parent.signed_in_at
    return changed is not None and (signed_in is None or signed_in < changed)


def _known(rows: Rows, parent_id: ParentId) -> Parent:
    parent = rows.parents.get(parent_id)
    if parent is None:
        raise NotThere
    return parent
