"""Has anything changed: what looks every second may rely on the answer."""

from datetime import date

import pytest
from sqlalchemy import insert

from crm import interactions, plans, rights, settings, teams, users
from crm.core import changes
from crm.core.audit_log import AuditEntry
from tests.cast import NORTH, NOW, PARTS, SOUTH, a_customer

REP = PARTS["rep"].id


def _log(u):
    interactions.log(u, 1, kind="call")


def _set_target(u):
    plans.set_target(u, measure="calls", target=3, starts_on=date(2026, 2, 1), ends_on=date(2026, 2, 28), team_id=NORTH)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("rep", _log),
        ("leader", _set_target),
        ("admin", lambda u: teams.move_person(u, REP, SOUTH)),
        ("admin", lambda u: rights.adjust(u, "sales_rep", "plans.view", None)),
        ("admin", lambda u: settings.change(u, "timezone", "Asia/Shanghai")),
        ("admin", lambda u: users.disable(u, REP)),
    ],
    ids=["call", "target", "team", "rights", "calendar", "account"],
)
def test_every_change_changes_the_mark(cast, part, change):
    a_customer(cast)
    before = changes.mark(cast.database)
    with cast.unit(getattr(cast, part)) as u:
        change(u)
    assert changes.mark(cast.database) != before


def test_without_a_change_the_mark_stays(cast):
    a_customer(cast)
    before = changes.mark(cast.database)
    with cast.unit(cast.rep) as u:
        plans.progress(u, NOW.date())
    changes.forget(cast.database)
    assert changes.mark(cast.database) == before


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)  # on SQLite one writes after the other
def test_a_change_that_took_longer_than_a_later_one_is_seen(cast):
    """Two at once: the first to take a number is the last to end."""
    entry = {"at": NOW, "verb": "test", "record": "test", "record_id": 1, "changes": {}}
    with cast.database.writer.connect() as slow, slow.begin() as ends:
        slow.execute(insert(AuditEntry.__table__).values(entry))
        with cast.database.writing() as quick:
            quick.execute(insert(AuditEntry.__table__).values(entry))
        changes.forget(cast.database)
        before = changes.mark(cast.database)
        ends.commit()
    changes.forget(cast.database)
    assert changes.mark(cast.database) != before
