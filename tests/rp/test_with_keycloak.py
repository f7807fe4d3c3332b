"""Refreshes and ends sign-ins at the real Keycloak: what the fake issuer only claims to be like."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from flask import Flask

from idp_bridge.rp.people import district_issuer
from idp_bridge.rp.relying import RelyingApp, relying_app
from tests.rp.conftest import MovableClock
from tools.walk import Walk

PASSWORD = "Password-1"


@pytest.fixture(scope="module")
def clerk(stack, chromium):
    """A window in which jo.hathaway is signed in to realm `district`."""
    page = Walk(stack, chromium).sign_in("district", "jo.hathaway", PASSWORD)
    yield page
    page.context.close()


@pytest.fixture
def doors(stack, clock: MovableClock):
    """An app in this process that is `oneview` to Keycloak."""
    app = Flask(__name__)
    url, secret = stack.app_urls["oneview"], stack.secrets["oneview"]
    RelyingApp((district_issuer(stack.issuer("district")),), "oneview", secret, url, clock).init_app(app)

    @app.get("/me")
    def me():
        person = relying_app().person()
        return {"roles": [f"{one.school}:{one.duty}" for one in person.school_roles]} if person else ({}, 401)

    return app.test_client()


def come_in(doors, clerk) -> None:
    """Sign in with the browser's session at Keycloak; the redirect is read, so no other app takes it."""
    started = doors.get("/signin/district")
    back = urlsplit(clerk.context.request.get(started.location, max_redirects=0).headers["location"])
    assert doors.get(f"{back.path}?{back.query}").status_code == 302


@pytest.mark.live
def test_tokens_of_keycloak_are_read_and_refreshed_again_and_again(doors, clerk, clock):
    come_in(doors, clerk)
    for _ in range(3):
        assert doors.get("/me").json == {"roles": ["0552:office"]}
        clock.forward(61)


@pytest.mark.live
def test_a_sign_out_leads_to_keycloak_and_back(stack, doors, clerk, clock):
    come_in(doors, clerk)
    answer = doors.post("/signout")
    left = clerk.context.request.get(answer.location, max_redirects=0)
    assert left.status == 302
    assert left.headers["location"].startswith(stack.app_urls["oneview"] + "/")
    assert doors.get("/me").status_code == 401
