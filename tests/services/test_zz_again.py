from idp_bridge.domain.people import Parent, Relationship
from idp_bridge.services.linking import request_link
from tests.conftest import AMARA, IRIS, NOW
from tests.web.families import claim_for, links_of


def test_again(house):
    with house.store.transaction() as rows:
        rows.parents.save(Parent(AMARA, "amara@mail.example", "Amara", "Quintero", "en", NOW))
    request_link(house, AMARA, claim_for(IRIS))
    request_link(house, AMARA, claim_for(IRIS, Relationship.STEP_PARENT))
    print([(l.state, l.student, l.claimed.relationship) for l in links_of(house, AMARA)])
    assert [l.student for l in links_of(house, AMARA) if l.state == "awaiting_visit"] == [IRIS.id]
