"""What time and machines do: days pass, timers run, Keycloak breaks, the worker dies and comes back."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import strategies as st
from hypothesis.stateful import rule

from idp_bridge.domain.link import LinkState, end_of_childhood
from idp_bridge.services.expiring import end_links, lapse_visits
from idp_bridge.services.failures import Unreachable
from idp_bridge.services.projecting import sweep
from tests.life.acting import Acting
from tests.life.world import NAMES, ZONE


class ByItself(Acting):
    """Rules of the clock and of machines."""

    @rule(days=st.sampled_from((1, 7, 15, 60, 400, 3000)))
    def wait(self, days: int) -> None:
        """Let days pass; nothing happens by that alone, but what is over is over."""
        self.world.clock.advance(days=days)

    @rule()
    def timers(self) -> None:
        """Lapse and end what is due."""
        now = self.world.clock.now()
        self.do(lambda: lapse_visits(self.world.house, now), whole=False)
        self.do(lambda: end_links(self.world.house, now), whole=False)
        stored = self.world.links()
        for id, known in self.model.links.items():
            if known.state is LinkState.AWAITING_VISIT and stored[id].state is LinkState.LAPSED:
                self.becomes(id, LinkState.LAPSED)
            if known.state in (LinkState.VERIFIED, LinkState.SUSPENDED) and self.is_over(id):
                self.becomes(id, LinkState.ENDED)

    @rule(days=st.sampled_from((15, 60, 3000)))
    def a_season_passes(self, days: int) -> None:
        """Let days pass and the timers run, as they do every minute."""
        self.wait(days)
        self.timers()

    def is_over(self, id: str) -> bool:
        """Tell whether the link's end or the student's 18th birthday is reached."""
        known, now = self.model.links[id], self.world.clock.now()
        of_age = not known.granted and end_of_childhood(known.student.birth_date, ZONE) <= now
        return of_age or (known.ends is not None and known.ends <= now)

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

    @rule()
    def the_worker_catches_up(self) -> None:
        """With everything up again, the tokens say what the links say (I2), and no less (I1)."""
        self.world.clock.advance(minutes=10)
        self.do(lambda: sweep(self.world.house, self.world.clock.now()), whole=False)
        self.world.clock.advance(minutes=10)
        sweep(self.world.house, self.world.clock.now())
        for parent in NAMES:
            assert self.world.token(parent) == self.model.visible(parent, self.world.clock.now())
