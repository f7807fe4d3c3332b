"""Show the worker's figures to Prometheus on the status port; never decides what to do about one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from idp_bridge.services.journals import ProjectionCounts

LOOPBACK = "127.0.0.1"
SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 3600)


class Metrics:
    """Figures of one worker process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._arrived = Histogram(
            "idp_bridge_decision_to_token_seconds",
            "From a decision to the attribute read back",
            buckets=SECONDS,
            registry=self.registry,
        )
        self._asked = Histogram(
            "idp_bridge_keycloak_seconds",
            "One call of Keycloak's Admin API",
            ["call"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._mismatches = Counter(
            "idp_bridge_projection_mismatches",
            "Values read back otherwise than written",
            registry=self.registry,
        )

    def arrived(self, seconds: float) -> None:
        """Count one decision that reached the token."""
        self._arrived.observe(seconds)

    def mismatch(self) -> None:
        """Count one value that was read back otherwise than written."""
        self._mismatches.inc()

    @contextmanager
    def asking(self, call: str) -> Iterator[None]:
        """Time one call of Keycloak, whether it answers or not."""
        began = monotonic()
        try:
            yield
        finally:
            self._asked.labels(call).observe(monotonic() - began)

    def serve(
        self,
        port: int,
        counts: Callable[[], tuple[ProjectionCounts, float]],
        circuit_closed: Callable[[], bool],
    ) -> None:
        """Answer Prometheus on loopback. `counts` gives the projections and the oldest one's age in s."""
        gauges: dict[str, tuple[str, Callable[[], float]]] = {
            "due": ("Parents whose token is behind", lambda: counts()[0].due),
            "due_losses": ("Those of them who lost something", lambda: counts()[0].losses),
            "failing": ("Those of them whose last attempt failed", lambda: counts()[0].failing),
            "stopped": ("Parents stopped for a higher revision", lambda: counts()[0].stopped),
            "oldest_due_seconds": ("How long the oldest is due", lambda: counts()[1]),
            "circuit_open": ("1 while Keycloak is not asked", lambda: float(not circuit_closed())),
        }
        for name, (words, read) in gauges.items():
            Gauge(f"idp_bridge_projection_{name}", words, registry=self.registry).set_function(read)
        start_http_server(port, LOOPBACK, registry=self.registry)
