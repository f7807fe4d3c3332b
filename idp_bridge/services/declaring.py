"""Compare realms with their files, or bring them there and look again; never says how Keycloak is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from idp_bridge.services.failures import Mismatch


class Declared(Protocol):
    """What a realm file says; only the gate looks inside."""

    @property
    def name(self) -> str:
        """Return the realm's name."""
        ...


D = TypeVar("D", bound=Declared, contravariant=True)
R = TypeVar("R", bound=Declared)


class Realms(Protocol[D]):
    """The realms of one identity server. Every method raises Refused and Unreachable."""

    def compare(self, declared: D) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return a line for each thing that is otherwise, and where secrets are that the server hides."""
        ...

    def bring(self, declared: D, *, rewrite_secrets: bool = False) -> tuple[str, ...]:
        """Bring the realm to what is declared and return what was changed, in order."""
        ...


@dataclass(frozen=True, slots=True)
class RealmReport:
    """What was found, and done, in one realm; lines for people, without secrets."""

    realm: str
    differences: tuple[str, ...]
    """What is (plan) or was (apply) otherwise than declared."""
    changes: tuple[str, ...] = ()
    """What apply changed, in order."""
    unreadable: tuple[str, ...] = ()
    """Secrets the server does not show: `apply` writes them again only when asked to."""


def plan(realms: Realms[R], declared: Iterable[R]) -> tuple[RealmReport, ...]:
    """Say what `apply` would find otherwise, one report for each realm. Only reads."""
    return tuple(_plan(realms, one) for one in declared)


def apply(
    realms: Realms[R], declared: Iterable[R], *, rewrite_secrets: bool = False
) -> tuple[RealmReport, ...]:
    """Bring each realm to what is declared, read it again, and report; a second run changes nothing.

    Raises Mismatch where the server said yes and is still otherwise.
    """
    return tuple(_apply(realms, one, rewrite_secrets) for one in declared)


def _plan(realms: Realms[R], declared: R) -> RealmReport:
    differences, unreadable = realms.compare(declared)
    return RealmReport(declared.name, differences, unreadable=unreadable)


def _apply(realms: Realms[R], declared: R, rewrite_secrets: bool) -> RealmReport:
    before, unreadable = realms.compare(declared)
    if not before and not rewrite_secrets:
        return RealmReport(declared.name, (), unreadable=unreadable)
    changes = realms.bring(declared, rewrite_secrets=rewrite_secrets)
    left, unreadable = realms.compare(declared)
    if left:
        raise Mismatch("keycloak", f"realm {declared.name} is still otherwise:\n" + "\n".join(left))
    return RealmReport(declared.name, before, changes, unreadable)
