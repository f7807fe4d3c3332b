"""Bring the parent's link as far as a row of the table says, through the services as people would."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from idp_bridge.domain.link import LIVE, Claimed, Link
from idp_bridge.domain.people import ParentId, Relationship
from idp_bridge.domain.restriction import Basis
from idp_bridge.domain.visit_code import make
from idp_bridge.services.house import House
from idp_bridge.services.linking import SignedIn, arrive, request_link
from idp_bridge.services.refusing import refuse_link
from idp_bridge.services.restricting import Order, place
from idp_bridge.services.verifying import record_identity, verify_link
from tests.conftest import AMARA, IRIS, OTHER

UNLINKED = ParentId("33333333-3333-4333-8333-333333333333")
PARENTS = {
    UNLINKED: ("newcomer@mail.example", "Nell", "Comer"),
    AMARA: ("amara@mail.example", "Amara", "Quintero"),
    OTHER: ("tomas@mail.example", "Tomas", "Bell"),
}
CLERK = "jo.hathaway"
Ids = dict[str, str]


def waiting(house: House) -> None:
    """Somebody asked; the other parent of the child is linked already."""
    for parent, person in PARENTS.items():
        arrive(house, SignedIn(parent, *person, "en"))
    ask(house, OTHER)
    prove(house, OTHER)
    verify_link(house, CLERK, link_of(house, OTHER).id, "school-record")
    ask(house, AMARA)


def proven(house: House) -> None:
    """The identity is recorded, the relationship not yet."""
    waiting(house)
    prove(house, AMARA)


def verified(house: House) -> None:
    """The link opens the apps."""
    proven(house)
    verify_link(house, CLERK, link_of(house, AMARA).id, "school-record")


def denied(house: House) -> None:
    """The school refused."""
    proven(house)
    refuse_link(house, CLERK, link_of(house, AMARA).id, "relationship-not-shown")


def suspended(house: House) -> None:
    """An order of a court stands against the parent, and the link is stopped."""
    verified(house)
    place(house, "ana.ruiz", order(house))


STAGES: dict[str, Callable[[House], None]] = {
    stage.__name__: stage for stage in (waiting, proven, verified, denied, suspended)
}
"""Word of the table's second column -> what brings a filled database there."""


def ids(house: House) -> Ids:
    """Return what stands in an address for `{link}`, `{visit}`, `{code}` and the rest at this stage."""
    link = link_of(house, AMARA)
    with house.store.reading() as rows:
        visit = rows.visits.get(link.visit)
        restrictions = rows.restrictions.standing_for(IRIS.id)
    with house.store.connection(write=False) as connection:
        alarm = connection.exec_driver_sql("SELECT max(number) FROM audit WHERE name LIKE 'alarm:%'").scalar()
    assert visit is not None
    return {
        "link": link.id,
        "visit": link.visit,
        "code": make(house.rules.code_key, visit.id, visit.code_turn),
        "parent": AMARA,
        "student": IRIS.id,
        "number": IRIS.number,
        "alarm": str(alarm or 1),
        "restriction": restrictions[0].id if restrictions else "0" * 32,
    }


def order(house: House) -> Order:
    """Return an order of a court against the parent."""
    return Order(
        IRIS.number,
        "Amara",
        "Quintero",
        access=True,
        messages=False,
        basis=Basis.COURT_ORDER,
        review_on=house.clock.now().date() + timedelta(days=90),
        parent=AMARA,
    )


def ask(house: House, parent: ParentId) -> None:
    """Ask for the student, as the form does."""
    request_link(house, parent, Claimed(IRIS.number, IRIS.birth_date, IRIS.school, Relationship.PARENT))


def prove(house: House, parent: ParentId) -> None:
    """Record the identity at the student's school."""
    record_identity(house, CLERK, link_of(house, parent).visit, IRIS.school, "passport")


def link_of(house: House, parent: ParentId) -> Link:
    """Return the parent's newest link."""
    with house.store.reading() as rows:
        links = rows.links.of_parent(parent)
    return max(links, key=lambda link: (link.requested_at, link.state in LIVE))
