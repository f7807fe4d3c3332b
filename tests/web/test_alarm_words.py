"""Every alarm there is has words on the district's page; without them the whole list would break."""

from __future__ import annotations

from idp_bridge.domain.events import EVENTS, is_alarm
from idp_bridge.web.alarm_wording import ALARMS


def test_each_alarm_has_words_and_no_words_are_left_over():
    assert set(ALARMS) == {name for name in EVENTS if is_alarm(name)}
