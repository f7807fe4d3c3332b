"""Know everybody: turn settings into a House, the Flask app and the worker; never holds a rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from flask import Flask

from idp_bridge.domain.evidence import adapted
from idp_bridge.domain.limits import Limits
from idp_bridge.outside.circuit import CircuitAccounts
from idp_bridge.outside.directory import LdapDirectory
from idp_bridge.outside.keycloak import KeycloakAccounts
from idp_bridge.outside.mail import SmtpMail
from idp_bridge.outside.metrics import Metrics
from idp_bridge.outside.processes import dead, own_name
from idp_bridge.outside.queue import HueyWakeup, every, make_queue, run_consumer
from idp_bridge.services.comparing import Comparer
from idp_bridge.services.expiring import end_links, end_withdrawn, lapse_visits
from idp_bridge.services.following import Follower
from idp_bridge.services.guessing import raise_alarms, sweep_counters
from idp_bridge.services.house import House, Rules
from idp_bridge.services.notifying import remind, send_due, warn_ends
from idp_bridge.services.projecting import project_most_urgent, retry, sweep, take_over
from idp_bridge.services.working import beat, waiting
from idp_bridge.settings import Settings
from idp_bridge.storage import http_limits
from idp_bridge.storage.sessions import ParentSessions, SqlSessions
from idp_bridge.storage.store import SqlStore
from idp_bridge.web.front_door import Options, build

CLOCK_WORK = (
    sweep,
    lapse_visits,
    end_links,
    end_withdrawn,
    remind,
    warn_ends,
    send_due,
    raise_alarms,
    sweep_counters,
)
"""What the worker does every minute, in this order."""
FOLLOW_S = 2
"""How often Keycloak is asked what happened, and what failed is tried again: both within seconds."""
COMPARE_MINUTES = 60
"""How often all parents are compared: 5,000 take some seconds and no write."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return now, aware, in UTC."""
        return datetime.now(UTC)


def make_store(settings: Settings) -> SqlStore:
    """Open the bridge's database."""
    return SqlStore(settings.database.url)


def make_house(settings: Settings, store: SqlStore) -> House:
    """Bundle storage, gates and the district's rules."""
    return House(
        store=store,
        accounts=CircuitAccounts(KeycloakAccounts(settings.keycloak)),
        directory=LdapDirectory(settings.directory),
        mail=SmtpMail(settings.mail, settings.district, settings.web.url),
        wakeup=HueyWakeup(make_queue(settings.worker)),
        sessions=ParentSessions(store, settings.parents_realm.issuer),
        clock=SystemClock(),
        rules=Rules(
            code_key=settings.web.code_key.get_secret_value().encode(),
            zone=ZoneInfo(settings.district.time_zone),
            email_domains=settings.district.email_domains,
            visit_days=settings.district.visit_days,
            withdrawal_grace_days=settings.district.withdrawal_grace_days,
            undo_minutes=settings.district.undo_minutes,
            evidence=adapted(
                {
                    name: rule.model_dump(exclude_none=True)
                    for name, rule in settings.district.evidence_policy.items()
                }
            ),
            limits=Limits(**settings.limits.model_dump()),
        ),
    )


def make_web(settings: Settings) -> Flask:
    """Build the Flask app."""
    store = make_store(settings)
    house = make_house(settings, store)
    options = Options(
        url=settings.web.url,
        secret_key=settings.web.secret_key.get_secret_value(),
        session_hours=settings.web.session_hours,
        district=settings.district,
        realms={"parents": settings.parents_realm, "district": settings.district_realm},
        apps=settings.apps,
        behind_proxy=settings.web.behind_proxy,
        counters=(
            f"{http_limits.SCHEME}://",
            {"store": store, "secret": house.rules.code_key, "now": house.clock.now},
        ),
    )
    return build(house, SqlSessions(store), options)


def run_worker(settings: Settings) -> None:
    """Run the worker until it is told to stop: losses first, Keycloak's events every two seconds, the clock's
    work every minute, a full comparison every hour and whenever Keycloak is back."""
    store, metrics, name = make_store(settings), Metrics(), own_name()
    accounts = CircuitAccounts(KeycloakAccounts(settings.keycloak), metrics)
    house = replace(make_house(settings, store), accounts=accounts, worker=name, meter=metrics)
    if settings.worker.status_port:
        metrics.serve(settings.worker.status_port, lambda: waiting(house), lambda: accounts.closed)
    take_over(house, dead)
    follower, comparer = Follower(house), Comparer(house, COMPARE_MINUTES)

    def every_minute() -> None:
        _clock_work(house, SqlSessions(store))
        comparer.minute()

    def one(_parent: str) -> None:
        project_most_urgent(house)
        send_due(house, house.clock.now())

    def beside() -> None:
        follower.turn()
        retry(house, house.clock.now())

    with every(FOLLOW_S, beside):
        run_consumer(make_queue(settings.worker), project=one, sweep=every_minute, compare=comparer.now)


def _clock_work(house: House, sessions: SqlSessions) -> None:
    now = house.clock.now()
    beat(house, now)
    for job in CLOCK_WORK:
        job(house, now)
    sessions.sweep(now)


__all__ = ["SystemClock", "make_house", "make_store", "make_web", "run_worker"]
