"""Look at a parent's account before a new link is asked for or made real; never makes or ends a link.

Keycloak down never stops a school: then the snapshot of the last sign-in decides alone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from idp_bridge.domain.errors import DistrictAddress, NotThere, SignInAgain
from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.notice import email_changed
from idp_bridge.domain.people import Parent, ParentId, in_district_domain
from idp_bridge.services.failures import Gone, OutsideFailure
from idp_bridge.services.house import House
from idp_bridge.services.rows import Rows

BRIDGE = Actor(ActorKind.SYSTEM, "bridge")
"""Who noted that an e-mail is another one; who changed it, parent or administrator, is not known."""


def check_account(house: House, parent_id: ParentId) -> None:
    """Let a new link be asked for or made real; call it before the transaction opens.

    An e-mail that changed is noted, with a letter to the old address; until a fresh sign-in there is no new
    link. Raises NotThere (no such account any more), SignInAgain and DistrictAddress.
    """
    email = _email_now(house, parent_id)
    with house.store.reading() as rows:
        parent = _known(rows, parent_id)
    if email is not None and _other(parent, email):
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
    if not _other(parent, email):
        return parent
    done = replace(parent, email=email, email_changed_at=now)
    rows.parents.save(done)
    rows.audit.append(Event("parent:email-changed", now, BRIDGE, parent=parent.id))
    rows.notices.add(email_changed(parent, now))
    return done


def _email_now(house: House, parent_id: ParentId) -> str | None:
    """Return the account's e-mail as Keycloak says now, or None where it does not say."""
    try:
        return house.accounts.get(parent_id).email
    except Gone:
        raise NotThere from None
    except OutsideFailure:
        return None


def _other(parent: Parent, email: str) -> bool:
    return bool(parent.email) and parent.email.casefold() != email.casefold()


def _must_sign_in(parent: Parent) -> bool:
    changed, signed_in = parent.email_changed_at, parent.signed_in_at
    return changed is not None and (signed_in is None or signed_in < changed)


def _known(rows: Rows, parent_id: ParentId) -> Parent:
    parent = rows.parents.get(parent_id)
    if parent is None:
        raise NotThere
    return parent
