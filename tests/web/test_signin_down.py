"""Keycloak is down: nobody waits long, nothing is lost, and what needs no sign-in goes on."""

from __future__ import annotations

import time

import pytest

from tests.conftest import AMARA
from tests.web.families import links_of
from tests.web.pages import ANSWERS, fill_in, text


@pytest.mark.parametrize("path", ["/signin/parents", "/signin/parents?new=1", "/signin/district"])
def test_signing_in_is_refused_at_once_with_what_to_do(client, path):
    began = time.monotonic()
    answer = client.get(path)
    assert time.monotonic() - began < 5
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    page = text(answer.text)
    assert "We cannot do this right now" in page
    assert "Try again" in page


def test_who_is_signed_in_can_still_ask_and_see(sign_in_parent, house):
    client = sign_in_parent()
    fill_in(client, ANSWERS)
    assert client.post("/children/add/check", data={"true": "y"}).location == "/visit"
    assert client.get("/visit").status_code == 200
    assert len(links_of(house, AMARA)) == 1


def test_signing_out_still_ends_our_session(sign_in_parent):
    client = sign_in_parent()
    answer = client.post("/signout")
    assert (answer.status_code, answer.location) == (302, "/")
    assert client.get("/children").status_code == 302
