"""Quality: figures of exactly those whom the right reaches, each leading to the very customers; who verifies stands for it."""

from datetime import timedelta

import pytest

from crm import audit, customers, quality, settings
from crm.core.errors import Conflict, NotFound, Refused
from crm.core.grants import Role
from crm.customers import Customer, Filters
from crm.quality import Quality
from tests.cast import NOW, PARTS, Cast, a_customer
from tests.test_exports import adjust

REP, MATE, RIVAL = (PARTS[name].id for name in ("rep", "mate", "rival"))


def aged(cast: Cast, key: int, days: int, by: str | None = None) -> None:
    """Let a customer have been verified (by: by somebody) so many days ago."""
    who = None if by is None else PARTS[by].id
    with cast.database.writing() as connection:
        table = Customer.__table__
        facts = {"verified_at": NOW - timedelta(days=days), "verified_by_id": who}
        connection.execute(table.update().where(table.c.id == key).values(**facts))


def waiting(cast: Cast, by: str = "keeper", *, days: int = 180, **wanted) -> list[int]:
    with cast.unit(getattr(cast, by)) as u:
        rows = quality.queue(u, days=days, **wanted)
        assert quality.queue_count(u, days=days, **wanted) == len(rows)
        return [row["id"] for row in rows]


def people(cast: Cast, by: str = "keeper", days: int = 180) -> dict[int | None, Quality]:
    with cast.unit(getattr(cast, by)) as u:
        return {one.responsible_id: one.quality for one in quality.per_person(u, days=days)}


def test_a_new_customer_counts_as_right_on_the_day_it_came_and_as_verified_by_nobody(cast):
    key = a_customer(cast)
    assert waiting(cast) == []
    with cast.unit() as u:
        assert (customers.one(u, key).verified_at, customers.one(u, key).verified_by_id) == (NOW, None)
    with cast.unit(cast.keeper, now=NOW + timedelta(days=181)) as u:
        assert [row["id"] for row in quality.queue(u, days=180)] == [key]


def test_the_queue_falls_by_one_with_each_that_is_verified_and_the_figure_rises(cast):
    keys = [a_customer(cast) for _ in range(3)]
    for n, key in enumerate(keys):
        aged(cast, key, 400 - n)
    assert waiting(cast) == keys, "the longest first"
    assert people(cast)[REP] == Quality(3, people(cast)[REP].complete, 0, 3)
    with cast.unit(cast.keeper) as u:
        customers.verify(u, keys[0], seen=1)
    assert waiting(cast) == keys[1:]
    after = people(cast)[REP]
    assert (after.fresh, after.due) == (1, 2)
    assert after.share_fresh == pytest.approx(1 / 3)
    with cast.unit() as u:
        one = customers.one(u, keys[0])
        assert (one.verified_at, one.verified_by_id) == (NOW, PARTS["keeper"].id)
    with cast.unit(cast.keeper) as u:
        history = audit.history(u, "customers", keys[0])
    assert history.iloc[0]["verb"] == "customers.verify"


def test_how_many_days_count_is_chosen_or_the_companys(cast):
    key = a_customer(cast)
    aged(cast, key, 100)
    assert waiting(cast, days=90) == [key]
    assert waiting(cast, days=180) == []
    with cast.unit(cast.admin) as u:
        assert quality.days_of(u, None) == 180
        settings.change(u, "verify_after_days", "90")
        assert (quality.days_of(u, None), quality.days_of(u, 30), quality.days_of(u, 10**9)) == (90, 30, 3650)


def test_changing_data_does_not_verify_them(cast):
    key = a_customer(cast)
    aged(cast, key, 400)
    with cast.unit(cast.keeper) as u:
        customers.edit_personal(u, key, {"phones": ["+7 916 000-00-00"]}, seen=1)
    assert waiting(cast) == [key]


def test_a_stale_look_verifies_nothing(cast):
    key = a_customer(cast)
    with cast.unit(cast.keeper) as u:
        customers.edit(u, key, {"city": "Perm"}, seen=1)
    with pytest.raises(Conflict), cast.unit(cast.rep) as u:
        customers.verify(u, key, seen=1)
    with cast.unit() as u:
        assert customers.one(u, key).verified_by_id is None


def test_each_sees_the_figures_and_the_queue_of_those_whom_his_right_reaches(cast):
    keys = {name: a_customer(cast, name) for name in ("rep", "mate", "rival", None)}
    for key in keys.values():
        aged(cast, key, 400)
    reach = {"keeper": {REP, MATE, RIVAL, None}, "leader": {REP, MATE}, "rival_leader": {RIVAL}, "rep": {REP}}
    for by, whom in reach.items():
        assert set(people(cast, by)) == whom, by
        assert {PARTS[name].id if name else None for name, key in keys.items() if key in waiting(cast, by)} == whom
    assert waiting(cast, "leader", responsible_id=RIVAL) == []
    for by in ("service", "partner", "marketer"):
        for ask in (lambda u: quality.per_person(u, days=1), lambda u: quality.queue(u, days=1)):
            with pytest.raises(Refused), cast.unit(getattr(cast, by)) as u:
                ask(u)


def test_nobody_verifies_what_he_does_not_reach(cast):
    mates, rivals = a_customer(cast, "mate"), a_customer(cast, "rival")
    for by, key, fault in (("rep", mates, Refused), ("rep", rivals, NotFound), ("service", mates, Refused)):
        with pytest.raises(fault), cast.unit(getattr(cast, by)) as u:
            customers.verify(u, key)


def test_a_right_to_change_customers_is_none_to_stand_for_them(cast):
    adjust(cast, Role.ANALYST, "customers.edit", "all")
    key = a_customer(cast)
    with pytest.raises(Refused), cast.unit(cast.analyst) as u, u.acting("test.attack", "customers.edit"):
        u.get(Customer, key).verified_by_id = MATE
    with pytest.raises(Refused), cast.unit(cast.analyst) as u:
        customers.verify(u, key)


def test_customers_in_the_bin_count_for_nothing(cast):
    key = a_customer(cast)
    aged(cast, key, 400)
    with cast.unit() as u:
        customers.archive(u, key, seen=1)
    assert waiting(cast) == []
    assert people(cast) == {}


def test_the_base_is_the_sum_of_everybodys_customers(cast):
    for of, raw in (("rep", {}), ("rep", {"city": "Kazan"}), ("mate", {"phones": []})):
        a_customer(cast, of, **raw)
    with cast.unit(cast.keeper) as u:
        those = quality.per_person(u, days=180)
        rows = customers.page(u, Filters(), columns=["completeness"])
    whole = quality.together(those)
    assert whole.customers == 3
    assert whole.complete == pytest.approx(sum(row["completeness"] for row in rows) / 3)
    assert [one.responsible_id for one in those] == [MATE, REP], "the least complete first"
    assert quality.together([]) == Quality(0, 0.0, 0, 0)
