"""The worker's figures, as Prometheus reads them from the status port."""

from __future__ import annotations

import urllib.request
from datetime import UTC, datetime

from idp_bridge.outside.metrics import Metrics
from idp_bridge.services.journals import ProjectionCounts
from tools.stack.ports import Ports


def test_the_status_port_tells_what_is_due_and_how_long_it_took():
    metrics, port = Metrics(), Ports.free().bridge
    counts = ProjectionCounts(7, 2, 3, 1, datetime(2026, 11, 24, tzinfo=UTC))
    metrics.serve(port, lambda: (counts, 12.5), lambda: False)
    metrics.arrived(0.2)
    metrics.mismatch()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=3) as answer:
        lines = answer.read().decode().splitlines()
    for line in (
        "idp_bridge_projection_due 7.0",
        "idp_bridge_projection_due_losses 2.0",
        "idp_bridge_projection_failing 3.0",
        "idp_bridge_projection_stopped 1.0",
        "idp_bridge_projection_oldest_due_seconds 12.5",
        "idp_bridge_projection_circuit_open 1.0",
        "idp_bridge_projection_mismatches_total 1.0",
        "idp_bridge_decision_to_token_seconds_count 1.0",
    ):
        assert line in lines
