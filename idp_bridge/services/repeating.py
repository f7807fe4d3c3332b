"""Do a use case again where the database took it back for another's sake; never one that acts outside first.

Deadlocks and serialization failures: the whole transaction was rolled back, so the same again finds the
database as the other left it, and every rule is asked again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from idp_bridge.services.failures import Undone

TIMES = 3
"""Tries in all; a third loss in a row is an outage, and the page says so."""

Given = ParamSpec("Given")
Result = TypeVar("Result")


def again_if_undone(use_case: Callable[Given, Result]) -> Callable[Given, Result]:
    """Mark a use case that may be done again: all it changes before its end is its one transaction.

    It may read LDAP and Keycloak first, and wake the worker after the commit. Raises Undone after TIMES.
    """

    @wraps(use_case)
    def done(*arguments: Given.args, **named: Given.kwargs) -> Result:
        for _ in range(TIMES - 1):
            try:
                return use_case(*arguments, **named)
            except Undone:
                continue
        return use_case(*arguments, **named)

    done.again_if_undone = True  # type: ignore[attr-defined]  # tests/house reads it
    return done
