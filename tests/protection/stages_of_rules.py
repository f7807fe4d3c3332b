"""Stages a link reaches by restrictions, second persons, the district office, alarms and coming of age."""

from __future__ import annotations

from idp_bridge.domain.link import Claimed
from idp_bridge.domain.people import Relationship
from idp_bridge.services.expiring import end_links
from idp_bridge.services.guessing import raise_alarms
from idp_bridge.services.house import House
from idp_bridge.services.linking import SignedIn, arrive, request_link
from idp_bridge.services.restricting import ask_lift, place
from idp_bridge.services.verifying import verify_link
from tests.conftest import AMARA, IRIS, NOW
from tests.protection import stages
from tests.protection.stages import CLERK, PARENTS, STAGES, link_of, order, prove, verified


def standing(house: House) -> None:
    """An order of a court stands against the parent, whose request waits."""
    stages.proven(house)
    place(house, "ana.ruiz", order(house))


def asked(house: House) -> None:
    """One person asked to lift the order."""
    stages.suspended(house)
    ask_lift(house, "dee.collins", stages.ids(house)["restriction"])


def held(house: House) -> None:
    """The link is on hold in a dispute."""
    from idp_bridge.services.disputing import hold_link

    verified(house)
    hold_link(house, "ana.ruiz", link_of(house, AMARA).id)


def second(house: House) -> None:
    """A first person saw a paper that needs a second one to agree."""
    relationship, kind = next(
        (relationship, sorted(accepted.second_person)[0])
        for relationship, accepted in house.rules.evidence.items()
        if accepted.second_person
    )
    for parent, person in PARENTS.items():
        arrive(house, SignedIn(parent, *person, "en"))
    request_link(house, AMARA, Claimed(IRIS.number, IRIS.birth_date, IRIS.school, relationship))
    prove(house, AMARA)
    verify_link(house, CLERK, link_of(house, AMARA).id, kind)


def referred(house: House) -> None:
    """The school handed the request to the district office."""
    from idp_bridge.services.agreeing import refer_link

    stages.proven(house)
    refer_link(house, CLERK, link_of(house, AMARA).id)


def alarm(house: House) -> None:
    """Three unmatched requests raised an alarm."""
    stages.waiting(house)
    for number in ("46999991", "46999992", "46999993"):
        claimed = Claimed(number, IRIS.birth_date, IRIS.school, Relationship.PARENT)
        request_link(house, stages.UNLINKED, claimed)
    raise_alarms(house, house.clock.now())


def came_of_age(house: House) -> None:
    """The student turned 18 and the link ended."""
    verified(house)
    with house.store.connection(write=True) as connection:
        connection.exec_driver_sql("UPDATE student SET birth_date = '2008-03-09' WHERE id = 's-iris'")
        connection.exec_driver_sql("UPDATE link SET expires_at = '2026-03-09 05:00:00.000000'")
    end_links(house, NOW)


def granted(house: House) -> None:
    """The student of 18 allowed the parent to see the records again."""
    from idp_bridge.services.granting import Owner, grant

    came_of_age(house)
    house.clock.advance(minutes=1)  # which of two links is the newer one must not be chance
    grant(house, Owner(IRIS.number, "sub-iris"), link_of(house, AMARA).id, ["records"])
    house.clock.advance(minutes=-1)


STAGES.update(
    {one.__name__: one for one in (standing, asked, held, second, referred, alarm, came_of_age, granted)}
)
