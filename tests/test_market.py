"""The market at a customer: who else sells there, what he thinks and doubts, and who knows it."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from crm import market, merges, privacy, settings
from crm.core.errors import Conflict, Invalid, InvalidForm, NotFound, Refused
from crm.market import Competitor, Supply, Voice
from tests.cast import DAY, NOW, Cast, a_customer, a_supply, a_voice
from tests.test_privacy import written


def here(cast: Cast, key: int, by: str = "keeper") -> list[dict]:
    with cast.unit(getattr(cast, by)) as u:
        return market.supplies(u, key)


def heard(cast: Cast, key: int, by: str = "keeper") -> list[str]:
    with cast.unit(getattr(cast, by)) as u:
        return [row["text"] for row in market.voices(u, key)]


def changed(cast: Cast, supply: int, by: str = "keeper", seen: int = 1, **raw) -> None:
    with cast.unit(getattr(cast, by)) as u:
        market.change_supply(u, supply, {"competitor": "Rivals Ltd"} | raw, seen=seen)


# --- competitors ----------------------------------------------------------------


def test_what_a_competitor_sells_is_kept_with_who_noted_it_and_where_he_knows_it_from(cast):
    key = a_customer(cast)
    facts = {"product": "Lamps", "amount": "1 200 000,50", "currency": "EUR", "period": "quarter", "since": DAY}
    a_supply(cast, key, "Rivals Ltd", "rep", **facts, source="Their buyer")
    (row,) = here(cast, key)
    assert (row["competitor"], row["product"], row["source"], row["since"]) == (
        "Rivals Ltd",
        "Lamps",
        "Their buyer",
        DAY,
    )
    assert (row["amount"], row["currency"], row["period"]) == (Decimal("1200000.50"), "EUR", "quarter")
    assert (row["noted_by_id"], row["noted_at"]) == (cast.rep.user_id, NOW)


def test_a_competitor_is_one_however_the_name_is_written(cast):
    one, other = a_customer(cast), a_customer(cast)
    for key, name in ((one, "Rivals Ltd"), (one, " rivals  LTD "), (other, "ＲＩＶＡＬＳ ltd"), (other, "Others")):
        a_supply(cast, key, name)
    with cast.unit(cast.keeper) as u:
        assert market.known(u) == ["Others", "Rivals Ltd"]
    assert {row["competitor"] for row in here(cast, one)} == {"Rivals Ltd"}


def test_an_amount_without_more_is_for_a_year_in_the_companys_currency_and_none_has_neither(cast):
    key = a_customer(cast)
    with cast.unit(cast.admin) as u:
        settings.change(u, "currency", "CNY")
    a_supply(cast, key, amount="100")
    a_supply(cast, key, currency="EUR", period="month")
    assert sorted((row["amount"] or 0, row["currency"], row["period"]) for row in here(cast, key)) == [
        (0, None, None), (Decimal(100), "CNY", "year"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"competitor": " "}, "competitor"), ({"competitor": "x" * 121}, "competitor"), ({"amount": "much"}, "amount"),
        ({"amount": "-1"}, "amount"), ({"amount": "1" + "0" * 12}, "amount"), ({"currency": "XXY"}, "currency"),
        ({"period": "century"}, "period"), ({"since": DAY + timedelta(days=1)}, "since"),
        ({"since": date(1900, 1, 1)}, "since"), ({"product": "x" * 501}, "product"), ({"source": "x" * 201}, "source"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_beside_its_field_and_stores_no_name(cast, raw, field):
    key = a_customer(cast)
    with pytest.raises(InvalidForm) as refused:
        a_supply(cast, key, **({"competitor": "Rivals Ltd"} | raw))
    assert set(refused.value.faults) == {field}
    assert refused.value.faults[field].field == field
    with cast.unit() as u:
        assert market.known(u) == []


def test_it_is_changed_and_taken_away_and_two_at_once_are_told(cast):
    key = a_customer(cast)
    one = a_supply(cast, key, amount="5")
    changed(cast, one, competitor="Others", product="Desks")
    (row,) = here(cast, key)
    assert (row["competitor"], row["product"], row["amount"]) == ("Others", "Desks", None)
    for late in (lambda: changed(cast, one), lambda: dropped(cast, one, 1)):
        with pytest.raises(Conflict):
            late()
    dropped(cast, one, 2)
    assert here(cast, key) == []


def dropped(cast: Cast, supply: int, seen: int) -> None:
    with cast.unit(cast.keeper) as u:
        market.drop_supply(u, supply, seen=seen)


# --- voices ---------------------------------------------------------------------


def test_what_is_heard_is_kept_the_newest_first(cast):
    key = a_customer(cast)
    with cast.unit(cast.rep) as u:
        market.add_voice(u, key, kind="praise", text="Quick", heard_on=DAY - timedelta(days=9))
        market.add_voice(u, key, kind="doubt", text=" Too dear ")
    assert heard(cast, key) == ["Too dear", "Quick"]
    with cast.unit(cast.keeper) as u:
        newest = market.voices(u, key)[0]
    assert (newest["kind"], newest["heard_on"], newest["noted_by_id"]) == ("doubt", DAY, cast.rep.user_id)


@pytest.mark.parametrize(
    ("raw", "field"),
    [({"kind": None}, "kind"), ({"kind": "song"}, "kind"), ({"text": " "}, "text"), ({"text": "x" * 2001}, "text"),
     ({"heard_on": DAY + timedelta(days=1)}, "heard_on")],
)  # fmt: skip
def test_a_voice_is_of_a_kind_says_something_and_lies_behind_us(cast, raw, field):
    key = a_customer(cast)
    with pytest.raises(InvalidForm) as refused, cast.unit(cast.rep) as u:
        market.add_voice(u, key, **({"kind": "doubt", "text": "x"} | raw))
    assert set(refused.value.faults) == {field}


def test_there_is_an_end_to_both(cast, monkeypatch):
    key = a_customer(cast)
    monkeypatch.setattr(market, "MOST", 1)
    for add in (a_supply, a_voice):
        add(cast, key)
        with pytest.raises(Invalid, match="At most 1"):
            add(cast, key)


# --- who ------------------------------------------------------------------------


def test_who_talks_to_a_customer_notes_what_he_says_and_who_may_change_him_the_rest(cast):
    key = a_customer(cast, "rep", partner=True)
    for by in ("rep", "mate", "leader", "service", "partner"):
        a_voice(cast, key, by, by=by)
    for by in ("rep", "leader", "keeper"):
        a_supply(cast, key, by, by=by)
    for by in ("mate", "service", "partner", "marketer", "analyst"):
        with pytest.raises(Refused):
            a_supply(cast, key, by=by)
    for by in ("marketer", "analyst", "executive"):
        with pytest.raises(Refused):
            a_voice(cast, key, by=by)
    assert len(here(cast, key, "partner")) == 3
    assert len(heard(cast, key, "mate")) == 5


@pytest.mark.parametrize("by", ["rival", "rival_leader", "stranger", "partner"])
def test_nothing_is_learnt_of_customers_out_of_reach(cast, by):
    key = a_customer(cast, "rep")
    supply, voice = a_supply(cast, key), a_voice(cast, key)
    assert here(cast, key, by) == []
    assert heard(cast, key, by) == []
    with cast.unit(getattr(cast, by)) as u:
        assert u.all(select(Supply)) == []
        assert u.all(select(Voice)) == []
    for act in (
        lambda u: market.add_voice(u, key, kind="doubt", text="x"),
        lambda u: market.drop_voice(u, voice),
        lambda u: market.change_supply(u, supply, {"competitor": "x"}, seen=1),
    ):
        with pytest.raises((NotFound, Refused)), cast.unit(getattr(cast, by)) as u:
            act(u)


# --- merging, taking out, erasing -------------------------------------------------


def test_a_merge_takes_both_along_and_undoing_brings_them_back(cast):
    one, other = a_customer(cast, name="One"), a_customer(cast, name="Other")
    a_supply(cast, one, "Mine")
    a_supply(cast, other, "Theirs")
    a_voice(cast, other)
    with cast.unit(cast.keeper) as u:
        merge = merges.merge(u, one, other).id
    assert [row["competitor"] for row in here(cast, one)] == ["Mine", "Theirs"]
    assert heard(cast, one) == ["Too dear"]
    with cast.unit(cast.keeper) as u:
        merges.undo(u, merge)
    assert ([row["competitor"] for row in here(cast, one)], heard(cast, one)) == (["Mine"], [])
    assert ([row["competitor"] for row in here(cast, other)], heard(cast, other)) == (["Theirs"], ["Too dear"])


def test_both_stand_in_a_persons_file_and_go_with_the_person(cast):
    key, other = a_customer(cast), a_customer(cast)
    a_supply(cast, key, product="Samovars")
    a_supply(cast, other)
    a_voice(cast, key)
    tables, _ = written(cast, key)
    assert {"Rivals Ltd", "Samovars"} <= set(tables["Competitors"][1])
    assert {"Doubt", "Too dear"} <= set(tables["Opinions and doubts"][1])
    with cast.unit(cast.keeper) as u:
        privacy.erase(u, key, "asked", privacy.look_through(u, key))
    assert (here(cast, key), heard(cast, key)) == ([], [])
    assert len(here(cast, other)) == 1
    with cast.unit() as u:
        assert len(u.all(select(Competitor.id))) == 1
