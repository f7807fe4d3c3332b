"""Keep a sign-in's claims fresh: one refresh at a time, careful with refusals; never signs anybody in."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from idp_bridge.rp.oidc import Granted, IssuerClient, RefreshRefused
from idp_bridge.rp.refusals import IssuerDown
from idp_bridge.rp.sessions import Clock, SignIn, SignIns

FRESH_FOR = timedelta(seconds=60)
ASK_AGAIN_AFTER = timedelta(seconds=15)
"""How long a silent issuer is left alone, so that pages do not wait for it one after the other."""
LOCK_WAIT_S = 4.0
PAUSE_S = 0.5
"""Before the one retry of a refused refresh."""


class Refresher:
    """Answers with claims at most `fresh_for` old, or says why not."""

    def __init__(
        self,
        clients: Mapping[str, IssuerClient],
        sign_ins: SignIns,
        clock: Clock,
        fresh_for: timedelta = FRESH_FOR,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clients = clients
        self._sign_ins = sign_ins
        self._clock = clock
        self._fresh_for = fresh_for
        self._pause = pause

    def fresh(self, id: str, newer_than: datetime | None = None) -> SignIn | None:
        """Return the sign-in with fresh claims; None when it is over; raises IssuerDown.

        `newer_than` asks for claims read after that moment, however fresh those at hand are. While the issuer
        is silent the last claims serve until the access token would have ended, and no longer.
        """
        one = self._sign_ins.get(id)
        if one is None or not self._due(one, newer_than):
            return self._usable(one)
        with self._sign_ins.alone(id, LOCK_WAIT_S) as held:
            if not held:
                raise IssuerDown()
            # Somebody else may have refreshed, or ended, this sign-in while we waited.
            one = self._sign_ins.get(id)
            if one is None or not self._due(one, newer_than):
                return self._usable(one)
            return self._renew(one)

    def _due(self, one: SignIn, newer_than: datetime | None) -> bool:
        now = self._clock()
        if one.ask_again_at and now < one.ask_again_at:
            return False
        return now >= one.refreshed_at + self._fresh_for or (
            newer_than is not None and one.refreshed_at <= newer_than
        )

    def _usable(self, one: SignIn | None) -> SignIn | None:
        if one is not None and self._clock() >= one.access_ends_at:
            raise IssuerDown()
        return one

    def _renew(self, one: SignIn) -> SignIn | None:
        try:
            granted = self._ask(one)
        except RefreshRefused:
            self._sign_ins.end(one.issuer, id=one.id)
            return None
        except IssuerDown:
            one = replace(one, ask_again_at=self._clock() + ASK_AGAIN_AFTER)
            return self._usable(one) if self._sign_ins.replace(one) else None
        if granted.claims.get("sub") != one.sub:
            self._sign_ins.end(one.issuer, id=one.id)
            return None
        renewed = self._renewed(one, granted)
        return renewed if self._sign_ins.replace(renewed) else None

    def _ask(self, one: SignIn) -> Granted:
        if one.refresh_token is None:
            raise RefreshRefused("there is no refresh token")
        client = self._clients[one.issuer]
        try:
            return client.refresh(one.refresh_token, self._clock())
        except RefreshRefused:
            # Keycloak refuses district accounts while LDAP restarts; the same token works a moment later.
            if not client.issuer.retry_refused_refresh:
                raise
        self._pause(PAUSE_S)
        return client.refresh(one.refresh_token, self._clock())

    def _renewed(self, one: SignIn, granted: Granted) -> SignIn:
        return replace(
            one,
            claims=granted.claims,
            id_token=granted.id_token,
            refresh_token=granted.refresh_token or one.refresh_token,
            access_ends_at=granted.access_ends_at,
            refreshed_at=self._clock(),
            ask_again_at=None,
        )
