"""A parent ends a link: asked first, done by POST only, never somebody else's."""

from __future__ import annotations

import pytest

from idp_bridge.domain.link import LinkState
from tests.conftest import AMARA, OTHER
from tests.services.test_linking import _parents, mine, settle  # noqa: F401  (autouse fixture)


@pytest.fixture
def link(house):
    return settle(house)


def test_asking_changes_nothing_and_sending_ends_it(house, link, sign_in_parent):
    client = sign_in_parent()
    assert f"/children/{link.id}/leave" in client.get("/children").text
    asked = client.get(f"/children/{link.id}/leave")
    assert asked.status_code == 200
    assert mine(house)[0].state is LinkState.VERIFIED
    assert client.post(f"/children/{link.id}/leave").location == "/children"
    assert (mine(house)[0].state, mine(house)[0].reason) == (LinkState.ENDED, "left")
    page = client.get("/children").text
    assert "You ended the link" in page
    assert client.get(f"/children/{link.id}/leave").location == "/children"
    assert client.post(f"/children/{link.id}/leave").status_code == 409


def test_somebody_elses_link_is_not_there(house, link, sign_in_parent):
    client = sign_in_parent(OTHER, "bo@mail.example", "Bo Li")
    nowhere = client.get("/children/none/leave")
    assert client.get(f"/children/{link.id}/leave").status_code == nowhere.status_code == 404
    assert client.post(f"/children/{link.id}/leave").status_code == 404
    assert mine(house, AMARA)[0].state is LinkState.VERIFIED
