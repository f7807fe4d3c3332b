"""Which workers of this machine are dead: only processes of our own host, and only dead ones."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from idp_bridge.outside.processes import dead, own_name

HERE = socket.gethostname()


def test_a_process_that_ended_is_dead_and_a_running_one_is_not():
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    ended = f"{HERE}:{gone.pid}:4711"
    names = (ended, own_name(), "elsewhere:1:4711", "elsewhere:1", f"{HERE}:worker", "")
    assert dead(names) == (ended,)


def test_who_bears_the_number_of_an_earlier_worker_is_not_that_worker():
    """A container that is started again gives its worker the same number."""
    earlier = f"{HERE}:{os.getpid()}:4711"
    assert own_name() != earlier
    assert dead((earlier, own_name())) == (earlier,)


def test_of_a_name_without_a_start_the_number_decides():
    """As workers of an earlier version are named, while they are replaced one by one."""
    assert dead((f"{HERE}:{os.getpid()}",)) == ()
