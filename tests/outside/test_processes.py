"""Which workers of this machine are dead: only processes of our own host, and only dead ones."""

from __future__ import annotations

import socket
import subprocess
import sys

from idp_bridge.outside.processes import dead, own_name


def test_a_process_that_ended_is_dead_and_a_running_one_is_not():
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    here = socket.gethostname()
    names = (f"{here}:{gone.pid}", own_name(), "elsewhere:1", f"{here}:worker", "", f"{here}:1")
    assert dead(names) == (f"{here}:{gone.pid}",)
