"""Build a tiny relying app at two fake issuers, with a clock that can be moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from idp_bridge.rp.people import district_issuer, parents_issuer
from idp_bridge.rp.relying import RelyingApp, relying_app
from idp_bridge.testing.issuer import FakeIssuer

CLIENT, SECRET = "oneview", "a-secret"
APP_URL = "http://localhost:18501"


class MovableClock:
    """The real time, plus what a test adds: the tokens themselves carry real times."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def forward(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return MovableClock()


@pytest.fixture
def parents():
    with FakeIssuer("parents", CLIENT, SECRET) as issuer:
        yield issuer


@pytest.fixture
def district():
    with FakeIssuer("district", CLIENT, SECRET) as issuer:
        yield issuer


def make_app(parents_url: str, district_url: str, clock, secret: str | None = SECRET) -> Flask:
    app = Flask(__name__)
    issuers = (parents_issuer(parents_url), district_issuer(district_url))
    RelyingApp(issuers, CLIENT, secret, APP_URL, clock, language=lambda: "es").init_app(app)

    @app.get("/me")
    def me():
        person = relying_app().person()
        if person is None:
            return {"person": None}, 401
        links = [one.student_number for one in person.links.live(clock())]
        return {"person": person.sub, "links": links, "reason": person.links.reason, "name": person.name}

    return app


@pytest.fixture
def app(parents, district, clock):
    return make_app(parents.url, district.url, clock)


@pytest.fixture
def client(app):
    return app.test_client()
