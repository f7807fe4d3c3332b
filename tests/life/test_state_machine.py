"""Parents, staff, restrictions, clock, crashes against a plain model: 4,000 steps, more by LIFE_EXAMPLES.

Each life has a number that decides all of it: the same 200 in CI each time, and `LIFE_FIRST=1000
LIFE_EXAMPLES=300` for others. One that fails says how to walk it again.

I1 no acknowledged change is lost; I2 nothing is visible without a verified, unexpired, unrestricted link;
I4 one audit event per change and the chain whole; I5 nothing that ended comes back by itself.

New moves: a rule in the file of those who do it, or a new file whose class is added to `Life`. A rule acts
through `do` and says in the model what must have come of it; the invariants in `acting.py` do the rest.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from idp_bridge.domain.events import EVENTS
from tests.life.at_counter import AtCounter
from tests.life.from_paper import FromPaper
from tests.life.in_the_roster import InTheRoster
from tests.life.of_age import OfAge
from tests.life.taking_back import TakingBack
from tests.life.world import store_in

FIRST = int(os.environ.get("LIFE_FIRST") or 0)
CI = 200
LIVES = int(os.environ.get("LIFE_EXAMPLES") or CI)
STEPS = 20
"""More lives try more sets of rules than longer ones would."""
QUICK = "LIFE_QUICK" in os.environ
"""Whether a failure is told as it came, not made small: seconds instead of minutes."""
ONE_LIFE = settings(
    max_examples=2,  # Hypothesis looks at the simplest life first, in which nothing happens
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    phases=[Phase.generate] if QUICK else [Phase.generate, Phase.shrink, Phase.explain],
    suppress_health_check=list(HealthCheck),
)
"""Asked for one by one: of many examples Hypothesis makes most by changing an earlier one a little."""


MUST_COME_UP = {
    *(name for name in EVENTS if name.startswith("link:")),
    *("parent:deleted", "roster:imported", "identity:proven", "verification:refused"),
    *("restriction:placed", "restriction:lifted", "restriction:namesake-cleared"),
    *("alarm:restriction-namesake", "alarm:refusal-overruled", "alarm:wrong-child"),
    *("AlreadyAsked", "BadInput", "CodeLapsed", "EndedBefore", "IdentityMissing", "MoveRefused", "NoDuty"),
    *("NotInRoster", "NotThere", "OfAge", "Restricted", "SamePerson", "TooLate"),
}
"""Events and refusals without which nothing was tried that leads to them."""


class Life(TakingBack, AtCounter, FromPaper, OfAge, InTheRoster):
    """Everybody together."""


def test_the_life_of_links(filled, tmp_path):
    Life.filled, Life.store = filled, store_in(tmp_path)
    for number in range(FIRST, FIRST + LIVES):
        try:
            run_state_machine_as_test(seed(number)(Life), settings=ONE_LIFE)
        except BaseException as fault:
            fault.add_note(f"Walk it again: LIFE_FIRST={number} LIFE_EXAMPLES=1")
            raise
    if LIVES >= CI:
        assert not MUST_COME_UP - set(Life.seen), "the walk does not come by there any more"
