"""Know everybody: turn settings into a House, the Flask app and the worker; never holds a rule."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from flask import Flask

from idp_bridge.domain.evidence import adapted
from idp_bridge.domain.limits import Limits
from idp_bridge.domain.people import ParentId
from idp_bridge.outside.directory import LdapDirectory
from idp_bridge.outside.keycloak import KeycloakAccounts
from idp_bridge.outside.mail import SmtpMail
from idp_bridge.outside.queue import HueyWakeup, make_queue, run_consumer
from idp_bridge.services.expiring import end_links, end_withdrawn, lapse_visits
from idp_bridge.services.guessing import raise_alarms, sweep_counters
from idp_bridge.services.house import House, Rules
from idp_bridge.services.notifying import remind, send_due, warn_ends
from idp_bridge.services.projecting import project, sweep
from idp_bridge.settings import Settings
from idp_bridge.storage import http_limits
from idp_bridge.storage.sessions import SqlSessions
from idp_bridge.storage.store import SqlStore
from idp_bridge.web.front_door import Options, build


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
        accounts=KeycloakAccounts(settings.keycloak),
        directory=LdapDirectory(settings.directory),
        mail=SmtpMail(settings.mail, settings.district, settings.web.url),
        wakeup=HueyWakeup(make_queue(settings.worker)),
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
    """Run the worker until it is told to stop: projections at once, a sweep every minute."""
    store = make_store(settings)
    house = make_house(settings, store)
    sessions = SqlSessions(store)

    def every_minute() -> None:
        now = house.clock.now()
        sweep(house, now)
        lapse_visits(house, now)
        end_links(house, now)
        end_withdrawn(house, now)
        remind(house, now)
        warn_ends(house, now)
        send_due(house, now)
        raise_alarms(house, now)
        sweep_counters(house, now)
        sessions.sweep(now)

    def one(parent: str) -> None:
        project(house, ParentId(parent))
        send_due(house, house.clock.now())

    run_consumer(make_queue(settings.worker), project=one, sweep=every_minute)


__all__ = ["SystemClock", "make_house", "make_store", "make_web", "run_worker"]
