"""Parents, staff, restrictions, clock, crashes against a plain model: 2,000 steps, more by LIFE_EXAMPLES.

I1 no acknowledged change is lost; I2 nothing is visible without a verified, unexpired, unrestricted link;
I4 one audit event per change and the chain whole; I5 nothing that ended comes back by itself.

New moves: a rule in the file of those who do it, or a new file whose class is added to `Life`. A rule acts
through `do` and says in the model what must have come of it; the invariants in `acting.py` do the rest.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from idp_bridge.domain.events import EVENTS
from tests.life.acting import Acting
from tests.life.at_counter import AtCounter
from tests.life.from_paper import FromPaper
from tests.life.going import Going
from tests.life.in_the_roster import InTheRoster
from tests.life.of_age import OfAge
from tests.life.taking_back import TakingBack

CI = 48
EXAMPLES = int(os.environ.get("LIFE_EXAMPLES") or CI)
QUICK = "LIFE_QUICK" in os.environ
"""Whether the first failure is told as it came, not made small: a second instead of minutes."""
STEPS = 50
"""At most; Hypothesis makes some runs shorter, so that 48 of them are 2,000 steps."""


class Life(TakingBack, AtCounter, Going, FromPaper, OfAge, InTheRoster):
    """Everybody together."""


def test_the_life_of_links(filled):
    Life.filled = filled
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize="LIFE_EXAMPLES" not in os.environ,  # CI walks the same way each time
            phases=[Phase.generate] if QUICK else tuple(Phase),
            report_multiple_bugs=not QUICK,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(dict(Acting.seen), sorted(name for name in EVENTS if name not in Acting.seen))
