"""Know everybody: turn settings into a House, the Flask app and the worker; never holds a rule."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Flask

from idp_bridge.domain.evidence import adapted
from idp_bridge.domain.limits import Limits
from idp_bridge.outside.beside import Beside
from idp_bridge.outside.circuit import CircuitAccounts
from idp_bridge.outside.directory import LdapDirectory
from idp_bridge.outside.keycloak import KeycloakAccounts
from idp_bridge.outside.mail import SmtpMail
from idp_bridge.outside.metrics import Metrics
from idp_bridge.outside.processes import dead, own_name
from idp_bridge.outside.queue import HueyWakeup, make_queue, run_consumer
from idp_bridge.services.comparing import Comparer
from idp_bridge.services.expiring import end_links, end_withdrawn, lapse_visits
from idp_bridge.services.failures import OutsideFailure
from idp_bridge.services.following import Follower, follow
from idp_bridge.services.guessing import raise_alarms, sweep_counters
from idp_bridge.services.house import House, Rules
from idp_bridge.services.notifying import Outbox, remind, send_due, warn_ends
from idp_bridge.services.projecting import SETTLED, look_again, project_most_urgent, take_over
from idp_bridge.services.working import beat, waiting
from idp_bridge.settings import Settings
from idp_bridge.storage import http_limits
from idp_bridge.storage.sessions import ParentSessions, SqlSessions
from idp_bridge.storage.store import SqlStore
from idp_bridge.web.front_door import Options, build

CLOCK_WORK = (
    look_again,
    lapse_visits,
    end_links,
    end_withdrawn,
    remind,
    warn_ends,
    raise_alarms,
    sweep_counters,
)
"""What the worker does every minute, in this order."""
FOLLOW_S, FOLLOW_BACK_S = 2, 60
"""How often Keycloak is asked what just happened (tampering is seen in seconds), and what came in late."""
LOOK_S = 0.5
"""How often the worker looks for due parents without a wake-up: one that is lost costs no more, nor does the
wait of one that failed."""
MAIL_S = 2
"""How often mails are sent, beside everything else: a mail server that hangs holds up no revocation."""
MAILS = 10
"""Mails of one turn, so that a worker that is told to end does so after a few."""
COMPARE_EVERY, COMPARE_LOOK_S = timedelta(hours=1), 2
"""How often all parents are compared: 5,000 take some seconds and no write; and how often it is asked whether
it is time."""
BESIDES = 3
"""Connections to Keycloak beside those that project: two for its events, one for the comparison."""


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
    """Run the worker until it is told to stop.

    Threads project, losses first; beside them one follows Keycloak's events every two seconds, one compares
    all parents every hour and whenever Keycloak is back, one sends mails. The clock's work is done every
    minute.
    """
    store, metrics, name, threads = make_store(settings), Metrics(), own_name(), settings.worker.threads
    accounts = CircuitAccounts(KeycloakAccounts(settings.keycloak, threads + BESIDES), metrics)
    house = replace(make_house(settings, store), accounts=accounts, worker=name, meter=metrics)
    if settings.worker.status_port:
        metrics.serve(settings.worker.status_port, lambda: waiting(house), lambda: accounts.closed)
    take_over(house, dead)
    beside, comparer, outbox = Beside(), Comparer(house, COMPARE_EVERY), Outbox()

    def send_mails() -> bool:
        send_due(house, house.clock.now(), MAILS, outbox=outbox)
        return outbox.more

    project = beside.let(
        _unless_away(lambda: not SETTLED.isdisjoint(project_most_urgent(house))), LOOK_S, threads
    )
    compared = beside.let(comparer.turn, COMPARE_LOOK_S, finish=False)

    def compare_all() -> None:
        comparer.soon()
        compared()

    follower = Follower(house, compare_all)  # no queue between them: a wake-up can be lost
    beside.let(_unless_away(follower.turn), FOLLOW_S)
    beside.let(_unless_away(lambda: follow(house, house.clock.now())), FOLLOW_BACK_S)
    mail = beside.let(_unless_away(send_mails), MAIL_S)

    def woken(_parent: str) -> None:
        project()
        mail()

    def every_minute() -> None:
        _clock_work(house, SqlSessions(store))
        mail()

    with beside:
        run_consumer(make_queue(settings.worker), project=woken, sweep=every_minute, compare=compare_all)


def _unless_away(do: Callable[[], object]) -> Callable[[], bool]:
    """Return `do` for a thread: True where there is more; a system that is away is asked at the next turn."""

    def turn() -> bool:
        with suppress(OutsideFailure):
            return do() is True
        return False

    return turn


def _clock_work(house: House, sessions: SqlSessions) -> None:
    now = house.clock.now()
    beat(house, now)
    for job in CLOCK_WORK:
        job(house, now)
    sessions.sweep(now)


__all__ = ["SystemClock", "make_house", "make_store", "make_web", "run_worker"]
