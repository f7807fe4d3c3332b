"""Nothing a parent sees tells whether the child was found: hit and miss are the same page, byte for byte."""

from __future__ import annotations

from datetime import date

import pytest

from idp_bridge.domain.link import LinkState
from tests.conftest import AMARA, IRIS, OTHER
from tests.web.families import asked, claim_for, confirmed, links_of
from tests.web.pages import answers, birth, plain, send

NUMBER = "4655 4860"


def _seen(client, said) -> list[str]:
    """Return what each page shows after sending, with chance blanked."""
    answer = send(client, said)
    pages = [client.get(path) for path in ("/visit", "/visit/slip", "/children")]
    assert (answer.status_code, answer.location) == (302, "/visit")
    assert [page.status_code for page in pages] == [200, 200, 200]
    return [plain(page.text) for page in pages]


def test_a_wrong_birth_date_looks_like_the_right_one(sign_in_parent):
    hit = _seen(sign_in_parent(), answers())
    miss = _seen(sign_in_parent(OTHER), answers(birth_date=birth(date(2016, 3, 8))))
    assert [page.replace("March 8, 2016", "March 9, 2016") for page in miss] == hit


def test_an_unknown_number_looks_like_a_known_one(sign_in_parent):
    hit = _seen(sign_in_parent(), answers())
    miss = _seen(sign_in_parent(OTHER), answers(number={"number": "4655 4861"}))
    assert [page.replace("4655 4861", NUMBER) for page in miss] == hit


def test_a_student_of_another_school_looks_like_one_of_this(sign_in_parent):
    hit = _seen(sign_in_parent(), answers(school={"school": "0610"}))
    miss = _seen(sign_in_parent(OTHER), answers(number={"number": "4655 4861"}, school={"school": "0610"}))
    assert [page.replace("4655 4861", NUMBER) for page in miss] == hit


def test_a_child_of_somebody_else_looks_like_a_free_one(sign_in_parent, house):
    free = _seen(sign_in_parent(), answers())
    sign_in_parent(OTHER)
    confirmed(house, asked(house, OTHER, claim_for(IRIS)), IRIS)
    third = type(AMARA)("33333333-3333-4333-8333-333333333333")
    assert _seen(sign_in_parent(third), answers()) == free


def test_no_name_before_proof(sign_in_parent):
    for page in _seen(sign_in_parent(), answers()):
        assert "Iris" not in page


def test_asking_for_a_linked_child_again_looks_like_any_request(sign_in_parent, house):
    client = sign_in_parent()
    confirmed(house, asked(house, AMARA, claim_for(IRIS)), IRIS)
    send(client, answers(number={"number": "4655 4861"}))
    unknown = plain(client.get("/visit").text)
    sign_in_parent(OTHER)
    confirmed(house, asked(house, OTHER, claim_for(IRIS)), IRIS)
    send(client, answers())
    assert plain(client.get("/visit").text) == unknown.replace("4655 4861", NUMBER)


def test_the_same_request_twice_stays_one(sign_in_parent, house):
    client = sign_in_parent()
    first = _seen(client, answers())
    assert _seen(client, answers()) == first
    assert len(links_of(house, AMARA)) == 1


@pytest.mark.parametrize("wrong", [date(2016, 3, 8), date(2016, 9, 3)])
def test_a_mistyped_birth_date_is_just_asked_again(sign_in_parent, house, wrong):
    client = sign_in_parent()
    send(client, answers(birth_date=birth(wrong)))
    send(client, answers())
    states = sorted(link.state for link in links_of(house, AMARA))
    assert states == [LinkState.AWAITING_VISIT, LinkState.CANCELLED]
    assert client.get("/children").text.count("Waiting for your visit to") == 1
