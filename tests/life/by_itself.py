"""What time and machines do: days pass, timers run, Keycloak breaks, the worker dies and comes back."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, time

from hypothesis import strategies as st
from hypothesis.stateful import rule

from idp_bridge.domain.link import LIVE, WAITING, LinkState
from idp_bridge.domain.people import ParentId
from idp_bridge.services.expiring import end_links, end_withdrawn, lapse_visits
from idp_bridge.services.failures import Unreachable
from idp_bridge.services.following import follow
from idp_bridge.services.ports import AccountEventKind
from idp_bridge.services.projecting import sweep
from idp_bridge.services.vanishing import TRIES
from tests.life.acting import parents
from tests.life.at_home import AtHome
from tests.life.model import GRACE, WORKS
from tests.life.world import NAMES, ZONE, purposes


class ByItself(AtHome):
    """Rules of the clock and of machines."""

    @rule(days=st.sampled_from((1, 7, 15, 60, 400, 3000)))
    def wait(self, days: int) -> None:
        """Let days pass; nothing happens by that alone, but what is over is over."""
        self.world.clock.advance(days=days)

    @rule()
    def timers(self) -> None:
        """Lapse and end what is due, and nothing else."""
        for job in (lapse_visits, end_links, end_withdrawn):
            self.do(lambda job=job: job(self.world.house, self.world.clock.now()), whole=False)
        for id in self.model.of(*WAITING):
            if self.overdue(id):
                self.becomes(id, LinkState.LAPSED)
        for id in self.model.of(*WORKS):
            reason = self.is_over(id)
            if reason:
                self.becomes(id, LinkState.ENDED, reason)

    @rule(data=st.data())
    def the_last_day_comes(self, data: st.DataObject) -> None:
        """On the last day of a visit it is still open; the day after it has lapsed."""
        id = self.one_waiting(data)
        if id:
            noon = datetime.combine(self.world.visit(id).visit_by, time(12), ZONE)
            self.world.clock.at = max(self.world.clock.at, noon.astimezone(UTC))
            self.timers()
            self.all_is_as_it_must_be()
            self.wait(1)
            self.timers()

    @rule(days=st.sampled_from((15, 60, 400)))
    def a_season_passes(self, days: int) -> None:
        """Let days pass and the timers run, as they do every minute."""
        self.wait(days)
        self.timers()

    def is_over(self, id: str) -> str | None:
        """Return why the link is over: the 18th birthday, its own end, or the student gone for a grace."""
        known, now = self.model.links[id], self.world.clock.now()
        if self.model.of_age(known.student, now) and not known.granted:
            return "student_is_18"
        if known.ends is not None and known.ends <= now:
            return "expired"
        left = self.model.left.get(known.student)
        return "withdrew" if left and left + GRACE <= now.astimezone(ZONE).date() else None

    @rule(call=st.sampled_from(("get", "write_links", "end_sessions", "drop_offline_tokens")))
    def keycloak_breaks_while_projecting(self, call: str) -> None:
        """Keycloak does not answer one call."""
        self.world.accounts.fail(call, Unreachable("keycloak"))
        sweep(self.world.house, self.world.clock.now())
        self.world.accounts.mend()

    @rule(call=st.sampled_from(("get", "write_links")))
    def the_worker_is_killed_while_projecting(self, call: str) -> None:
        """The worker dies between two calls."""
        self.world.accounts.fail(call, KeyboardInterrupt())
        with suppress(KeyboardInterrupt):
            sweep(self.world.house, self.world.clock.now())
        self.world.accounts.mend()

    @rule(parent=parents)
    def the_account_is_gone_from_keycloak(self, parent: ParentId) -> None:
        """Somebody deleted the account there: the worker asks three times, then ends the links."""
        if parent in self.model.deleted | self.model.gone:
            return
        self.world.accounts.remove(parent)
        self.world.accounts.tell(AccountEventKind.DELETED, parent, self.world.clock.now())
        assert self.came(self.do(lambda: follow(self.world.house, self.world.clock.now())), set())
        for again in range(TRIES):
            self.world.clock.advance(minutes=10)
            sweep(self.world.house, self.world.clock.now())
            assert ("parent:gone" in self.heard()) == (again == TRIES - 1)
        self.model.gone.add(parent)
        for id in self.model.of_parent(parent, *LIVE):
            works = self.model.links[id].state in WORKS
            self.becomes(id, *((LinkState.ENDED, "left") if works else (LinkState.CANCELLED,)))

    @rule()
    def the_worker_catches_up(self) -> None:
        """With everything up again, the tokens say what the links say (I2), and no less (I1)."""
        self.world.clock.advance(minutes=10)
        self.do(lambda: sweep(self.world.house, self.world.clock.now()), whole=False)
        self.world.clock.advance(minutes=10)
        sweep(self.world.house, self.world.clock.now())
        for parent in set(NAMES) - self.model.gone:
            visible = self.model.visible(parent, self.world.clock.now())
            assert purposes(self.world.token(parent)) == visible
        for parent, before in self.owed.items():
            assert parent in self.world.accounts.ended[before:] or parent in self.model.gone
        self.owed.clear()
