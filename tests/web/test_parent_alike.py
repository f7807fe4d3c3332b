"""Five kinds of request are one: hit, miss, wrong birth date, linked already, restricted.

Same status, same bytes on every page the parent sees afterwards, same mails, once code, anti-forgery value
and what the parent typed are blanked.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from difflib import unified_diff

import pytest

from idp_bridge.domain.link import WAITING
from idp_bridge.domain.people import ParentId
from idp_bridge.domain.restriction import Basis, Restriction, RestrictionId
from idp_bridge.services.notifying import remind, send_due
from tests.conftest import AMARA, IRIS, NOW, OTHER, TEO
from tests.web.families import asked, claim_for, confirmed
from tests.web.pages import answers, birth, plain, send

KINDS = ("hit", "miss", "wrong birth date", "linked already", "restricted")
NUMBER, UNKNOWN = "4655 4860", "4655 4861"
PATHS = (
    "/visit",
    "/visit/slip",
    "/children",
    "/children/{link}/cancel",
    "/children/{link}/about",
    "/children/{link}/leave",
    "/children/add/number",
    "/children/add/check",
    "/",
)
STATUSES = [200, 200, 200, 200, 404, 302, 200, 302, 302]


def order(parent: ParentId) -> Restriction:
    return Restriction(
        RestrictionId("order"),
        IRIS.id,
        "Amara",
        "Quintero-Bell",
        None,
        parent,
        access=True,
        messages=True,
        basis=next(iter(Basis)),
        note="",
        review_on=date(2027, 6, 1),
        placed_by="p",
        placed_at=NOW,
    )


def said(kind: str) -> dict[str, dict[str, str]]:
    if kind == "miss":
        return answers(number={"number": UNKNOWN})
    return answers(birth_date=birth(date(2016, 3, 8))) if kind == "wrong birth date" else answers()


def blanked(text: str) -> str:
    """Blank chance, and what the parent typed: the one number or day that differs by the test itself."""
    for typed, word in ((UNKNOWN, NUMBER), (UNKNOWN.replace(" ", ""), IRIS.number), ("March 8", "March 9")):
        text = text.replace(typed, word)
    return plain(text)


@pytest.fixture
def seen(sign_in_parent, house):
    """Return a function: what a parent of a linked child gets after a request of this kind."""

    def see(parent: ParentId, kind: str, times: int = 1) -> dict[str, object]:
        client = sign_in_parent(parent)
        linked = IRIS if kind == "linked already" else TEO
        confirmed(house, asked(house, parent, claim_for(linked)), linked)
        if kind == "restricted":
            with house.store.transaction() as rows:
                rows.restrictions.add(order(parent))
        _mails(house)
        house.clock.advance(minutes=1)  # another sitting: requests of one moment share their mail
        for _ in range(times):
            answer = send(client, said(kind))
        with house.store.reading() as rows:
            waiting = next(link for link in rows.links.of_parent(parent) if link.state in WAITING)
        pages = {path: client.get(path.format(link=waiting.id)) for path in PATHS}
        return {
            "sent": (
                answer.status_code,
                answer.location,
                blanked(answer.text),
                sorted(answer.headers.keys()),
            ),
            "pages": {
                path: (
                    page.status_code,
                    blanked(page.location or ""),
                    _without_the_linked(blanked(page.text)),
                )
                for path, page in pages.items()
            },
            "mails": _mails(house),
        }

    return see


def differing(one: tuple[object, ...], other: tuple[object, ...]) -> list[str]:
    """Return the lines in which two pages differ."""
    lines = ("\n".join(map(str, page)).split("\n") for page in (one, other))
    return [line for line in unified_diff(*lines, n=0, lineterm="") if line[:2] not in ("@@", "--", "++")]


def _page(page) -> tuple[int, str, str]:
    return page.status_code, blanked(page.location or ""), _without_the_linked(blanked(page.text))


def _without_the_linked(text: str) -> str:
    """Blank the child that is linked already, which is another one where Iris herself is."""
    for student in (IRIS, TEO):
        for words in (student.name, student.given_name, f"Grade {int(student.grade)}", _spaced(student)):
            text = text.replace(words, "CHILD")
    return text


def _spaced(student) -> str:
    return f"{student.number[:4]} {student.number[4:]}"


def _mails(house) -> list[object]:
    """Return the mails of today and of the days before the visit ends, without id and code."""
    house.mail.letters.clear()
    for days in (0, 12):
        house.clock.at = NOW + timedelta(days=days)
        remind(house, house.clock.now())
        send_due(house, house.clock.now())
    house.clock.at = NOW
    return [replace(letter, id="", code="CODE" if letter.code else "") for letter in house.mail.letters]


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("kind", KINDS[1:])
def test_every_page_and_mail_is_that_of_a_hit(seen, kind, times):
    hit, other = seen(AMARA, "hit", times), seen(OTHER, kind, times)
    assert other["sent"] == hit["sent"]
    for path in PATHS:
        assert differing(hit["pages"][path], other["pages"][path]) == [], path
    assert other["mails"] == hit["mails"]
    assert len(hit["mails"]) == 2
    assert [status for status, *_ in hit["pages"].values()] == STATUSES


def test_the_comparison_can_fail(seen):
    """A page that names the child would show: the blanks hide nothing but what the parent typed."""
    hit = seen(AMARA, "hit")
    assert blanked("Iris") != blanked("Teo")
    assert "CODE-CODE" in hit["pages"]["/visit"][2]
