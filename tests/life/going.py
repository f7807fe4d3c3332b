"""What parents do who go: from one child, from one that is not theirs, altogether."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from idp_bridge.domain.errors import NotThere
from idp_bridge.domain.link import LIVE, LinkState
from idp_bridge.domain.people import ParentId
from idp_bridge.services.leaving import delete_account, report_wrong_child
from idp_bridge.services.linking import leave_link
from tests.life.acting import parents
from tests.life.at_law import AtLaw, limits
from tests.life.model import WORKS
from tests.life.world import STUDENTS


class Going(AtLaw):
    """Rules of parents who go."""

    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """End one's own link."""
        id = self.one_linked(data)
        if id:
            done = self.do(lambda: leave_link(self.world.house, self.model.links[id].parent, id))
            assert self.came(done, set())
            self.becomes(id, LinkState.ENDED, "left")

    @rule(data=st.data(), parent=parents)
    def not_my_child(self, data: st.DataObject, parent: ParentId) -> None:
        """Say that a child is somebody else's; the district hears of it if a school confirmed it."""
        id = self.pick(data, *sorted(LIVE)) or self.one_linked(data)
        if id is None:
            return
        known, house = self.model.links[id], self.world.house
        if parent != known.parent:
            self.refused(lambda: report_wrong_child(house, parent, id), NotThere)
        self.heard()
        done = self.do(lambda: report_wrong_child(house, known.parent, id))
        assert self.came(done, set())
        if known.state in WORKS:
            self.becomes(id, LinkState.ENDED, "left")
            assert self.heard() == ["link:left", "alarm:wrong-child"]
        else:
            self.becomes(id, LinkState.CANCELLED)
            assert self.heard() == ["link:cancelled"]

    @rule(parent=parents, turns_back=st.sampled_from((True, True, False)))
    def delete_the_account(self, parent: ParentId, turns_back: bool) -> None:
        """Go altogether: no link, no request and no proof of identity stays; not even if they turn back."""
        if parent in self.model.deleted | self.model.gone:
            return
        self.delete_this(parent)
        if not turns_back:
            self.world.accounts.remove(parent)
            self.model.gone.add(parent)
        if self.at_home(parent):
            for student in STUDENTS:
                self.ask(parent, student)
            for id in self.model.waiting(parent)[:1]:
                self.verify_unseen(id)  # the proof of before is gone with the account

    @rule(data=st.data(), limit=limits)
    def a_restricted_person_was_away(self, data: st.DataObject, limit: str) -> None:
        """An order is placed while the named person has no account; it stands when they turn back."""
        family = self.family(data)
        if family and family[0] not in self.model.deleted:
            self.delete_this(family[0])
            self.restrict_this(*family, limit)
            if self.at_home(family[0]):
                self.all_is_as_it_must_be()  # the visit looks at the name once more
                self.a_whole_visit(data, *family)

    def delete_this(self, parent: ParentId) -> None:
        """Delete one account on our page; Keycloak does so after that, if the parent goes on."""
        self.heard()
        done = self.do(lambda: delete_account(self.world.house, parent))
        assert self.came(done, set())
        for id in self.model.of_parent(parent, *LIVE):
            works = self.model.links[id].state in WORKS
            self.becomes(id, *((LinkState.ENDED, "left") if works else (LinkState.CANCELLED,)))
        assert self.heard()[-1] == "parent:deleted"
        self.model.born.pop(parent, None)
        self.model.deleted.add(parent)
