"""A wake-up that only notes whom it was for."""

from __future__ import annotations

from idp_bridge.domain.people import ParentId


class FakeWakeup:
    """Keeps the parents in the order they were named."""

    def __init__(self) -> None:
        self.woken: list[ParentId] = []
        self.comparisons = 0

    def projection_due(self, parent: ParentId) -> None:
        """Note the parent."""
        self.woken.append(parent)

    def comparison_due(self) -> None:
        """Count the comparisons that were asked for."""
        self.comparisons += 1
