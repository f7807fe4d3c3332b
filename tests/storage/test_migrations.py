"""Every migration goes up and down on a database with rows, and ends where `tables.py` says."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from idp_bridge.domain.notice import Notice, NoticeKind
from idp_bridge.domain.people import Parent
from idp_bridge.domain.restriction import Basis, Restriction, RestrictionId
from idp_bridge.services.linking import request_link
from idp_bridge.storage import schema
from idp_bridge.storage.tables import metadata
from tests.conftest import AMARA, IRIS, NOW, TEO
from tests.web.families import claim_for, links_of

_SCRIPTS = ScriptDirectory(str(Path(schema.__file__).parent / "migrations"))
STEPS = tuple(script.revision for script in reversed(list(_SCRIPTS.walk_revisions())))


@pytest.fixture
def store(both_own_stores):
    """A filled database of the test's own: its tables come and go."""
    return both_own_stores


@pytest.fixture
def lived_in(house):
    """A family waits for its visit, with an order against somebody and a mail to send."""
    with house.store.transaction() as rows:
        rows.parents.save(Parent(AMARA, "amara@mail.example", "Amara", "Quintero", "en", NOW))
    request_link(house, AMARA, claim_for(IRIS))
    (link,) = links_of(house, AMARA)
    with house.store.transaction() as rows:
        rows.projections.mark_due(AMARA, NOW, loss=False)
        rows.notices.add(Notice("k", next(iter(NoticeKind)), AMARA, link.id, NOW))
        rows.restrictions.add(
            Restriction(
                RestrictionId("r"),
                IRIS.id,
                "A",
                "B",
                None,
                AMARA,
                access=True,
                messages=False,
                basis=next(iter(Basis)),
                note="",
                review_on=date(2027, 1, 1),
                placed_by="p",
                placed_at=NOW,
            )
        )
    return house.store


def counts(store) -> dict[str, int]:
    """Return how many rows each table has that is there."""
    with store.connection(write=False) as connection:
        here = set(sa.inspect(connection).get_table_names()) & set(metadata.tables)
        return {
            name: connection.execute(
                sa.select(sa.func.count()).select_from(metadata.tables[name])
            ).scalar_one()
            for name in here
        }


@pytest.mark.filterwarnings("ignore:.*expression-based index")  # SQLite cannot say what it holds
def test_the_migrations_end_at_the_declared_tables(store):
    with store.connection(write=False) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    assert schema.current(store) == (STEPS[-1], STEPS[-1])


def test_down_to_nothing_and_up_again(lived_in):
    schema.downgrade(lived_in, "base")
    assert counts(lived_in) == {}
    schema.upgrade(lived_in)
    assert counts(lived_in) == dict.fromkeys(metadata.tables, 0)


def test_rows_live_through_every_step_that_keeps_their_table(lived_in):
    before = counts(lived_in)
    assert min(before[name] for name in ("link", "notice", "restriction", "audit", "projection")) >= 1
    for step in reversed(STEPS[:-1]):
        schema.downgrade(lived_in, step)
        assert schema.current(lived_in)[0] == step
        assert counts(lived_in).items() <= before.items()
    kept = counts(lived_in)
    schema.upgrade(lived_in)
    derived = {"waiting_place": before["waiting_place"], "restricted": before["restricted"]}
    assert counts(lived_in) == {**dict.fromkeys(metadata.tables, 0), **kept, **derived}
    with lived_in.reading() as rows:
        assert rows.audit.first_bad() is None
        assert len(rows.links.of_parent(AMARA)) == 1


def test_who_had_left_before_counts_as_gone_since_the_upgrade(lived_in):
    schema.downgrade(lived_in, "0004")
    with lived_in.connection(write=True) as connection:
        connection.exec_driver_sql("UPDATE student SET enrolled = false WHERE id = 's-teo'")
    schema.upgrade(lived_in)
    with lived_in.reading() as rows:
        assert rows.students.get(TEO.id).left_on is not None
        assert rows.students.get(IRIS.id).left_on is None


def test_after_going_up_again_the_audit_is_still_guarded(lived_in):
    schema.downgrade(lived_in, "base")
    schema.upgrade(lived_in)
    with lived_in.connection(write=True) as connection:
        connection.execute(sa.insert(metadata.tables["audit"]).values(
            number=1, name="x", at=NOW, actor_kind="system", actor="x", fields={}, hash="x"))  # fmt: skip
    with (
        pytest.raises(sa.exc.DatabaseError, match="append-only"),
        lived_in.connection(write=True) as connection,
    ):
        connection.exec_driver_sql("DELETE FROM audit")


def test_an_upgrade_of_the_newest_changes_nothing(lived_in):
    before = counts(lived_in)
    schema.upgrade(lived_in)
    assert counts(lived_in) == before


def test_a_step_that_fails_leaves_the_step_before(lived_in):
    """Both databases roll DDL back: nothing stays half migrated."""
    schema.downgrade(lived_in, "0002")
    before = counts(lived_in)
    with lived_in.connection(write=True) as connection:
        connection.exec_driver_sql("CREATE TABLE notice (key integer)")  # in the way of 0003
    with pytest.raises(sa.exc.DatabaseError, match="already exists"):
        schema.upgrade(lived_in)
    assert schema.current(lived_in)[0] == "0002"
    with lived_in.connection(write=True) as connection:
        connection.exec_driver_sql("DROP TABLE notice")
    assert counts(lived_in) == before
    schema.upgrade(lived_in)
    # What the migrations that add these tables write down from the rows there were.
    derived = {"waiting_place": 1, "restricted": before["restriction"]}
    assert counts(lived_in) == {**dict.fromkeys(metadata.tables, 0), **before, **derived}
