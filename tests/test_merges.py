"""Merges: two cards become one with everything that belongs to either, and two again, to the last row, on both databases."""

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from sqlalchemy import Index, UniqueConstraint, event, select

from crm import (
    audit,
    change_requests,
    contacts,
    customers,
    handovers,
    interactions,
    invariants,
    merges,
    notifications,
    privacy,
    products,
    purchases,
    relations,
    requisites,
    rights,
    stages,
    tags,
)
from crm.core import records
from crm.core.errors import Conflict, CrmError, Invalid, NotFound, Refused
from crm.customers import Contact, Customer, Filters
from crm.merges import Merge, Side
from crm.merges.links import FOLLOWS
from tests.cast import (
    EMAIL,
    INN,
    NOW,
    PARTS,
    PHONE,
    Cast,
    a_call,
    a_contact,
    a_customer,
    a_field,
    a_relation,
    a_type,
    is_measured,
    some_requisites,
)
from tests.test_imports import ran, staged
from tests.test_privacy import written

OTHER_PHONE, OTHER_EMAIL = "+7 495 765-43-21", "other@example.com"
REP, MATE, RIVAL = (PARTS[one].id for one in ("rep", "mate", "rival"))


def merged(
    cast: Cast, survivor: int, other: int, choices: Mapping[str, str] | None = None, *, by="keeper", **facts
) -> int:
    with cast.unit(getattr(cast, by)) as u:
        return merges.merge(u, survivor, other, choices, **facts).id


def undone(cast: Cast, merge: int, by="keeper", now=NOW) -> merges.Undoing:
    with cast.unit(getattr(cast, by), now=now) as u:
        return merges.undo(u, merge)


def looked_at(cast: Cast, survivor: int, other: int, by="keeper") -> merges.Preview:
    with cast.unit(getattr(cast, by)) as u:
        return merges.preview(u, survivor, other)


def card(cast: Cast, key: int) -> customers.Card:
    with cast.unit() as u:
        return customers.card(u, key)


def ways(cast: Cast, key: int) -> tuple[list[str], list[str]]:
    with cast.unit() as u:
        found = customers.reach(u, key)
        return list(found.phones), list(found.emails)


def found(cast: Cast, text: str, by="keeper") -> list[int]:
    with cast.unit(getattr(cast, by)) as u:
        return [row["id"] for row in customers.look_up(u, text)]


def edited(cast: Cast, key: int, by="keeper", now=NOW, **raw) -> None:
    with cast.unit(getattr(cast, by), now=now) as u:
        customers.edit(u, key, raw, seen=customers.one(u, key).version)


def a_product(cast: Cast) -> int:
    with cast.unit() as u:
        known = u.value(select(products.Product.id))
        return known or products.create(u, {"code": "A1", "name": "Lamp", "price": "12.50", "currency": "RUB"}).id


def bought(cast: Cast, key: int, number: str = "") -> int:
    line = purchases.Line(a_product(cast))
    with cast.unit() as u:
        return purchases.record(u, key, [line], number=number).id


def two(cast: Cast, other_of="rep") -> tuple[int, int]:
    """Two cards of one firm, with 14 and 9 contacts and a bit of everything."""
    one = a_customer(cast, "rep", name="Ромашка ООО", city="Kazan", note="Asks for Fridays")
    other = a_customer(
        cast, other_of, name="Romashka Trade", phones=[PHONE, OTHER_PHONE], emails=[OTHER_EMAIL], address="Arbat 2",
        note="Pays late", industry="Flowers",
    )  # fmt: skip
    for n in range(14):
        a_call(cast, one, note=f"one {n}", at=NOW - timedelta(days=30 + n))
    for n in range(9):
        a_call(cast, other, "service", note=f"other {n}", at=NOW - timedelta(days=2 * n + 1))
    with cast.unit() as u:
        tags.change(u, one, on=["VIP", "Wholesale"])
        tags.change(u, other, on=["VIP", "Late payer"])
    for key in (one, other):
        a_contact(cast, key)
        some_requisites(cast, key)
        bought(cast, key, "7")
    a_contact(cast, other, name="Second Person", phones=[], emails=[])
    some_requisites(cast, other, inn=INN)
    with cast.unit(cast.service) as u:
        change_requests.ask(u, other, "New phone")
    return one, other


ELSEWHERE = frozenset({"audit_entries", "merges", "merged_rows", "notices", "command_keys"})
"""Tables that tell of a merge, or of what was done at all."""


def everything(cast: Cast) -> dict[str, Any]:
    """Return every row of every table, and whom some texts find. The versions of cards rise with each change: they are left out."""
    stored: dict[str, Any] = {}
    with cast.database.reader.connect() as connection:
        for table in records.load().sorted_tables:
            if table.name not in ELSEWHERE:
                columns = [one for one in table.c if (table.name, one.name) != ("customers", "version")]
                stored[table.name] = sorted(repr([*map(_plain, row)]) for row in connection.execute(select(*columns)))
    for text in (PHONE, OTHER_PHONE, EMAIL, OTHER_EMAIL, "Romashka", INN, "Petra", "VIP"):
        stored[text] = sorted(found(cast, text))
    return stored


def _plain(value: Any) -> Any:
    """Return a value without the order of its keys, which says nothing."""
    return sorted(value.items()) if isinstance(value, dict) else value


def is_sound(cast: Cast) -> bool:
    with cast.database.reader.connect() as connection:
        return invariants.invariants(connection) == []


# --- the list of what goes along -------------------------------------------------


def leading() -> list[Any]:
    return [column for table in records.load().sorted_tables for column in table.c if merges.leads_to_customer(column)]


def test_every_column_that_leads_to_a_customer_goes_along_or_says_why_it_stays():
    """Rows are noted by their number: a table of another key says in STAYS why its rows stay, or gets a number."""
    every = [merges.Link(one.table, one) for one in leading()]
    assert [one.name for one in every if one.name not in merges.STAYS] == [one.name for one in merges.links()]
    assert [one.name for one in merges.links() if [key.name for key in one.table.primary_key] != ["id"]] == []
    assert set(merges.STAYS) <= {one.name for one in every}
    assert all(merges.STAYS.values())


def test_what_is_part_of_a_row_goes_back_with_it():
    """A table whose rows name rows of the same table says in FOLLOWS by which column: else undoing a merge parts them."""
    inside = {
        one.name: column.name
        for one in merges.links()
        for column in one.table.c
        if any(key.column.table is one.table for key in column.foreign_keys) and column is not one.column
    }
    assert inside == dict(FOLLOWS)


RENUMBERED = "purchases"
"""Two of one number cannot stand at one customer: `links.make_room` gives the one that comes another."""


def test_what_can_stand_at_a_customer_only_once_has_a_rule_for_two():
    """A unique pair of customer and something else would break at the first merge of two that both have it."""
    clashes = set()
    for link in merges.links():
        once = [one for one in link.table.constraints if isinstance(one, UniqueConstraint)]
        once += [one for one in link.table.indexes if isinstance(one, Index) and one.unique]
        if any(link.column.name in one.columns for one in once):
            clashes.add(link.table.name)
    assert clashes <= {*merges.DOUBLES, RENUMBERED}
    for name, rule in merges.DOUBLES.items():
        assert {*rule.same, *rule.within, *rule.there} <= set(records.load().tables[name].c.keys())


LEFT = {
    "sort_name": "follows the name",
    "created_at": "when this card was made",
    "created_by_id": "likewise by whom",
    "import_id": "which file this card came from: undoing that import looks for it",
}
"""Columns that Rapport keeps itself and that no merge touches: why."""


def test_every_column_of_a_card_is_chosen_counted_anew_or_left_for_a_reason():
    """A figure that is kept from rows of another table joins FIGURES in crm/merges/links.py."""
    kept = {key for key, one in Customer.__table__.c.items() if one.info.get("kept")}
    counted = {column.key for one in merges.FIGURES for column in one[:2]} | {"completeness"}
    assert kept == counted | set(LEFT)
    assert {"verified_at", "verified_by_id"} & set(merges.FIELDS) == set(), (
        "nobody looked at the other card for this one"
    )
    assert set(merges.FIELDS) >= {"name", "kind", "stage", "address", "note", "external_number"}


# --- merging ------------------------------------------------------------------------


def test_after_a_merge_the_card_has_all_of_both_and_the_other_leads_to_it(cast):
    one, other = two(cast)
    merged(cast, one, other)
    now = card(cast, one)
    assert (now.interaction_count, now.purchase_count) == (23, 2)
    assert now.last_interaction_at == NOW - timedelta(days=1)
    assert ways(cast, one) == ([PHONE, OTHER_PHONE], [EMAIL, OTHER_EMAIL])
    with cast.unit(cast.keeper) as u:
        assert interactions.count(u, interactions.Filters(customer_id=one)) == 23
        assert [mark["name"] for mark in tags.of(u, [one])[one]] == ["Late payer", "VIP", "Wholesale"]
        assert [row["name"] for row in contacts.of(u, one)] == ["Petra Person", "Second Person"], (
            "the double stays behind"
        )
        assert [row["inn"] for row in requisites.of(u, one)] == [None, INN]
        assert purchases.summary(u, one).count == 2
        assert [row["customer_id"] for row in change_requests.page(u)] == [one]
        assert customers.count(u, Filters()) == 1
        assert customers.count(u, Filters(where="archived.is.yes")) == 0, "nobody looks for it in the bin"
        assert merges.survivor_of(u, other) == one
    for text in (OTHER_PHONE, OTHER_EMAIL, INN, "Second"):
        assert found(cast, text) == [one], text
    assert found(cast, "Romashka") == [one], "by the ear"
    assert is_sound(cast)


def test_what_the_survivor_says_stays_and_where_it_says_nothing_the_others_word_is_taken(cast):
    one, other = two(cast)
    merged(cast, one, other)
    now = card(cast, one)
    assert (now.name, now.city, now.industry, now.sort_name) == ("Ромашка ООО", "Kazan", "Flowers", "ромашка ооо")
    assert now.note == "Asks for Fridays\nPays late", "of two notes none is lost"
    with cast.unit() as u:
        assert customers.reach(u, one).address == "Tverskaya 1"


def test_field_by_field_somebody_chooses_whose_value_stays(cast):
    one, other = two(cast, other_of="mate")
    shoe = a_field(cast, "Shoe", "number")
    sort = a_field(cast, "Sort", "several", choices=["A", "B"])
    edited(cast, one, **{shoe.key: "41", sort.key: ["choice_1"]})
    edited(cast, other, **{shoe.key: "43", sort.key: ["choice_2"]})
    asked = {each.key: each for each in looked_at(cast, one, other).questions}
    assert asked["name"].sides == (Side.SURVIVOR, Side.OTHER)
    assert asked["note"].default is asked[f"extra:{sort.key}"].default is Side.BOTH
    assert asked["industry"].default is Side.OTHER
    assert "city" in asked
    assert "kind" not in asked
    merged(
        cast,
        one,
        other,
        {"name": "other", "note": "survivor", "address": "other", "responsible": "other", f"extra:{shoe.key}": "other"},
    )
    now = card(cast, one)
    assert (now.name, now.sort_name, now.note, now.responsible_id) == (
        "Romashka Trade",
        "romashka trade",
        "Asks for Fridays",
        MATE,
    )
    assert (now.extra[shoe.key], now.extra[sort.key]) == ("43", ["choice_1", "choice_2"])
    with cast.unit() as u:
        assert customers.reach(u, one).address == "Arbat 2"


def test_a_side_that_is_none_is_refused_beside_its_field(cast):
    one, other = two(cast)
    for side in ("both", "nonsense"):
        with pytest.raises(Invalid) as caught:
            merged(cast, one, other, {"name": side})
        assert caught.value.field == "name"
    with pytest.raises(Invalid) as caught:
        merged(cast, one, one)
    assert caught.value.field == "with"


def test_the_preview_says_what_will_move_and_changes_nothing(cast):
    one, other = two(cast)
    before = everything(cast)
    seen = looked_at(cast, one, other)
    moving = {each.name: (each.there, each.comes, each.doubles) for each in seen.moving}
    assert moving["interactions"] == (14, 9, 0)
    assert (moving["phones"], moving["emails"]) == ((1, 1, 1), (1, 1, 0))
    assert moving["customer_tags"] == (2, 1, 1)
    assert moving["contacts"] == (1, 1, 1)
    assert moving["requisites"] == (1, 1, 1)
    assert (moving["purchases"], moving["change_requests"], seen.renumbered) == ((1, 1, 0), (0, 1, 0), 1)
    assert seen.same["kind"] == "company"
    assert everything(cast) == before
    merge = merged(cast, one, other)
    with cast.unit() as u:
        record = u.get(Merge, merge)
        assert record.moved == {each.name: each.comes for each in seen.moving if each.comes}


def test_a_purchase_of_a_number_that_both_have_gets_another_one_until_the_merge_is_undone(cast):
    one, other = two(cast)
    bought(cast, one, "7 (2)")
    merge = merged(cast, one, other)
    with cast.unit() as u:
        assert sorted(purchases.listing(u, one)["number"]) == ["7", "7 (2)", "7 (3)"]
    undone(cast, merge)
    with cast.unit() as u:
        assert list(purchases.listing(u, other)["number"]) == ["7"]


def test_one_contact_person_is_asked_first(cast):
    one, other = a_customer(cast), a_customer(cast)
    mine, theirs = a_contact(cast, one), a_contact(cast, other, name="Boss")
    merge = merged(cast, one, other)

    def first() -> list[int]:
        with cast.unit() as u:
            return sorted(u.all(select(Contact.id).where(Contact.is_primary)))

    assert first() == [mine]
    undone(cast, merge)
    assert first() == [mine, theirs]


def test_the_history_of_both_cards_says_so_in_one_line(cast):
    one, other = two(cast)
    merge = merged(cast, one, other, {"name": "other"})
    with cast.unit(cast.keeper) as u:
        (line,) = [
            row for row in audit.history(u, "customers", one).to_dict("records") if row["verb"] == "merges.merge"
        ]
        assert line["who"] == "Kira Keeper"
        assert line["changes"].items() >= {"merged": [None, other], "merge": [None, merge], "name": ["•", "•"]}.items()
        (line,) = [
            row for row in audit.history(u, "customers", other).to_dict("records") if row["verb"] == "merges.merge"
        ]
        assert line["changes"] == {"merged_into": [None, one], "merge": [None, merge]}
        (row,) = merges.of(u, one)
        assert (row["id"], row["other"], row["undone_at"]) == (merge, "Romashka Trade", None)
    undone(cast, merge)
    with cast.unit(cast.keeper) as u:
        line = audit.history(u, "customers", one).to_dict("records")[0]
        assert (line["verb"], line["changes"]["unmerged"]) == ("merges.undo", [None, other])


def test_whoever_was_responsible_for_the_other_is_told_and_told_when_it_comes_back(cast):
    one, other = two(cast, other_of="rival")

    def told(part: str) -> list[tuple[str, str]]:
        with cast.unit(getattr(cast, part)) as u:
            return [(each.text.format(**each.values), each.address) for each in notifications.latest(u)]

    merge = merged(cast, one, other)
    text = "Kira Keeper merged your customer Romashka Trade with another one. Responsible: Ivan Rep."
    assert told("rival") == [(text, f"/customer?id={other}")]
    with cast.unit(cast.rival) as u:
        assert merges.survivor_of(u, other) is None, "who sees the one does not see the other"
    undone(cast, merge)
    assert told("rival")[0][0] == "Your customer Romashka Trade is a card of its own again: a merge was undone."
    assert told("rep") == [], "whose card it stays with has lost nothing"


def test_a_file_that_means_the_other_brings_the_survivor_up_to_date(cast):
    one, other = two(cast)
    merge = merged(cast, one, other)
    ran(cast, staged(cast, f"name,phone,industry\nRomashka Trade,{OTHER_PHONE},Garden\n", on_match="update"))
    assert card(cast, one).industry == "Garden"
    assert card(cast, other).industry == "Flowers", "the card that went is as it was"
    undone(cast, merge)
    assert (card(cast, one).industry, card(cast, other).industry) == ("Garden", "Flowers")


def test_the_file_for_the_person_holds_both_cards_and_what_was_chosen(cast):
    one, other = two(cast)
    merged(cast, one, other, {"name": "other"})
    _tables, kept = written(cast, one)
    assert {row["id"] for row in kept["customers"]} == {one, other}
    assert len(kept["interactions"]) == 23
    assert kept["merges"][0]["before"]["fields"]["name"] == ["Ромашка ООО", "Romashka Trade"]
    assert {row["customer_id"] for row in kept["phones"]} == {one, other}, "what stayed behind, too"


# --- undoing: to the last row ---------------------------------------------------------


def test_undone_everything_is_as_it_was(cast):
    one, other = two(cast, other_of="mate")
    before = everything(cast)
    merge = merged(cast, one, other, {"name": "other", "responsible": "other", "address": "other"})
    assert everything(cast) != before
    found_back = undone(cast, merge)
    assert everything(cast) == before
    assert found_back.goes["interactions"] == 9
    assert set(found_back.back) == {"name", "responsible", "address", "note", "industry"}
    assert (list(found_back.kept), list(found_back.gone), dict(found_back.stays)) == ([], [], {})
    assert is_sound(cast)
    again = merged(cast, other, one)
    undone(cast, again)
    assert everything(cast) == before, "and the other way round"


NAUGHTY = (
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "'; DROP TABLE customers; --",
    "Ω≈ç√∫˜µ",
    "王伟",
    "\u202etest",
    "ﷺ",
    "{name}",
    "%s",
)
TEXT = some.one_of(
    some.sampled_from(NAUGHTY),
    some.text(alphabet=some.characters(codec="utf-8", exclude_characters="\x00"), max_size=12),
)
PHONES = ("+7 916 123-45-67", "+7 495 765-43-21", "+86 10 6552 9988", "+44 20 7946 0018")
EMAILS = ("ivan@example.com", "ИВАН@example.com", "wang@example.cn", "o'neil@example.com")
TAGS = ("VIP", "опт", "=1+1", "王")
CARD = some.fixed_dictionaries(
    {
        "name": TEXT.filter(lambda text: bool(text.strip())),
        "kind": some.sampled_from(["person", "company"]),
        "phones": some.lists(some.sampled_from(PHONES), max_size=3),
        "emails": some.lists(some.sampled_from([EMAILS[0], *EMAILS[2:]]), max_size=3),
        "address": TEXT,
        "note": TEXT,
        "need": TEXT,
        "city": some.sampled_from(["", "Kazan", "Тверь"]),
        "typed": some.booleans(),
        "stage": some.sampled_from(["potential", "loyal", "lost"]),
        "employees": some.sampled_from(["", "7", "12"]),
        "external_number": some.sampled_from(["", "C-1", "C-2"]),
        "own": some.dictionaries(some.sampled_from(["text", "several"]), some.sampled_from([1, 2]), max_size=2),
    }
)
AROUND = some.fixed_dictionaries(
    {
        "of": some.sampled_from(["rep", "mate", "rival", None]),
        "calls": some.lists(some.tuples(some.integers(1, 900), TEXT), max_size=4),
        "purchases": some.lists(some.sampled_from(["", "7", "7 (2)", "8"]), max_size=3, unique=True),
        "tags": some.sets(some.sampled_from(TAGS)),
        "contacts": some.lists(
            some.tuples(some.sampled_from(["Petra", "Boss", "王伟"]), some.sampled_from(PHONES)), max_size=3
        ),
        "steps": some.lists(some.sampled_from(["new", "lost", "loyal"]), max_size=2),
        "verified": some.booleans(),
        "relations": some.lists(
            some.tuples(some.sampled_from(["each other", "third", "fourth"]), some.sampled_from(["partner", "parent"])),
            max_size=3,
        ),
        "requisites": some.lists(
            some.sampled_from([{"name": "Signed Ltd"}, {"inn": INN}, {"name": "Signed Ltd", "inn": INN}]), max_size=2
        ),
    }
)


def built(cast: Cast, own: Mapping[str, str], facts: Mapping[str, Any], around: Mapping[str, Any]) -> int:
    raw = {key: value for key, value in facts.items() if key not in {"own", "typed"}}
    raw |= {"type": own[facts["kind"]]} if facts["typed"] else {}
    raw |= {own[key]: [f"choice_{n}"] if key == "several" else f"says {n}" for key, n in facts["own"].items()}
    key = a_customer(cast, around["of"], **raw)
    product = a_product(cast)
    with cast.unit() as u:
        tags.change(u, key, on=around["tags"])
        for number in around["purchases"]:
            purchases.record(u, key, [purchases.Line(product)], number=number)
        for name, phone in around["contacts"]:
            contacts.add(u, key, {"name": name, "phones": [phone]})
        for signed in around["requisites"]:
            requisites.add(u, key, signed)
    for stage in around["steps"]:
        edited(cast, key, stage=stage)
    if around["verified"]:
        with cast.unit(cast.keeper) as u:
            customers.verify(u, key)
    with cast.unit(cast.service) as u:
        for days, note in around["calls"]:
            interactions.log(u, key, kind="call", note=note, at=NOW - timedelta(days=days))
        change_requests.ask(u, key, "Please look")
    return key


def linked(cast: Cast, one: int, other: int, relations_of: Mapping[str, Any]) -> None:
    """Link a card as `around` says: to the card that it is merged with, or to others whom both may know."""
    for whom, kind in relations_of:
        with suppress(Invalid):  # in this way already
            a_relation(cast, one, {"each other": other}.get(whom) or own_of(cast)[whom], kind)


OWN: dict[int, dict[str, Any]] = {}
"""The own fields and types, and two customers whom others know, in each of the databases, made once."""


def own_of(cast: Cast) -> dict[str, Any]:
    if id(cast) not in OWN:
        several = a_field(cast, "Sorts", "several", choices=["A", "B"]).key
        OWN[id(cast)] = {"several": several, "text": a_field(cast, "Slogan").key}
        OWN[id(cast)] |= {kind: a_type(cast, f"Good {kind}", kind, note="must") for kind in ("person", "company")}
        OWN[id(cast)] |= {name: a_customer(cast, name=name, phones=[], emails=[]) for name in ("third", "fourth")}
    return OWN[id(cast)]


@settings(
    max_examples=20, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow]
)  # shrinking takes minutes
@given(some.tuples(CARD, CARD), some.tuples(AROUND, AROUND), some.data())
def test_whatever_two_cards_hold_merging_and_undoing_leaves_the_database_as_it_was(standing, facts, around, data):
    own = own_of(standing)
    one, other = (built(standing, own, *pair) for pair in zip(facts, around, strict=True))
    linked(standing, one, other, around[0]["relations"])
    linked(standing, other, one, around[1]["relations"])
    binned = data.draw(some.booleans(), label="the other lies in the bin")
    if binned:
        with standing.unit() as u:
            customers.archive(u, other, seen=customers.one(u, other).version)
    before, asked = everything(standing), looked_at(standing, one, other).questions
    choices = {each.key: data.draw(some.sampled_from(each.sides), label=each.key) for each in asked}
    counts = Counter(card(standing, key).interaction_count for key in (one, other))
    merge = merged(standing, one, other, choices)
    assert card(standing, one).interaction_count == sum(n * times for n, times in counts.items())
    for each in asked:
        if choices[each.key] is Side.OTHER and each.key in merges.FIELDS and each.key != "address":
            assert getattr(card(standing, one), each.key) == each.theirs
    assert is_sound(standing)
    assert is_measured(standing), "completeness is that of what the cards have now"
    undone(standing, merge)
    assert everything(standing) == before
    assert is_measured(standing)


# --- types, stages, relations --------------------------------------------------------------


def steps(cast: Cast, key: int) -> list[tuple[str, str]]:
    with cast.unit() as u:
        return [(row["before"], row["after"]) for row in stages.steps(u, key)]


def related(cast: Cast, key: int) -> list[tuple[str, int | None]]:
    with cast.unit() as u:
        return [(str(one.kind), one.id) for one in relations.of(u, key)]


def test_with_the_type_comes_its_kind_and_neither_goes_back_without_the_other(cast):
    shop, patient = a_type(cast, "Shop"), a_type(cast, "Patient", "person")
    one, other = a_customer(cast, type=shop), a_customer(cast, type=patient)
    assert [each.key for each in looked_at(cast, one, other).questions if each.key in {"kind", "type"}] == ["type"]
    merge = merged(cast, one, other, {"type": "other"})
    assert (card(cast, one).kind, card(cast, one).type) == ("person", patient)
    undone(cast, merge)
    assert (card(cast, one).kind, card(cast, one).type) == ("company", shop)
    again = merged(cast, one, other, {"type": "other"})
    edited(cast, one, type="person")
    assert {kept.key for kept in undone(cast, again).kept} == {"kind", "type"}
    assert (card(cast, one).kind, card(cast, one).type) == ("person", "person")


def test_a_card_is_as_complete_as_what_it_has_after_a_merge_and_after_undoing_it(cast):
    one, other = a_customer(cast, phones=[], emails=[]), a_customer(cast, industry="Flowers", address="Arbat 2")
    before = [card(cast, key).completeness for key in (one, other)]
    merge = merged(cast, one, other)
    assert card(cast, one).completeness > before[0]
    assert is_measured(cast)
    undone(cast, merge)
    assert [card(cast, key).completeness for key in (one, other)] == before


def test_who_stood_for_the_data_of_the_card_that_stays_still_does(cast):
    one, other = a_customer(cast), a_customer(cast)
    with cast.unit(cast.keeper, now=NOW + timedelta(days=2)) as u:
        customers.verify(u, other)
    merge = merged(cast, one, other)
    assert (card(cast, one).verified_at, card(cast, one).verified_by_id) == (NOW, None)
    undone(cast, merge)
    assert card(cast, other).verified_by_id == PARTS["keeper"].id


def test_the_steps_of_both_come_together_and_a_stage_that_was_chosen_is_one_more(cast):
    one, other = a_customer(cast), a_customer(cast)
    edited(cast, one, stage="new")
    edited(cast, other, stage="lost")
    merge = merged(cast, one, other, {"stage": "other"})
    assert steps(cast, one) == [("new", "lost"), ("potential", "lost"), ("potential", "new")]
    undone(cast, merge)
    assert (steps(cast, one), steps(cast, other)) == ([("potential", "new")], [("potential", "lost")])
    assert card(cast, one).stage == "new"


def test_where_somebody_took_a_step_since_one_leads_back(cast):
    one, other = a_customer(cast), a_customer(cast, stage="lost")
    merge = merged(cast, one, other, {"stage": "other"})
    edited(cast, one, stage="active")
    edited(cast, one, stage="lost")
    undone(cast, merge)
    taken = [("lost", "potential"), ("active", "lost"), ("lost", "active"), ("potential", "lost")]
    assert (card(cast, one).stage, steps(cast, one)) == ("potential", taken)


def test_relations_go_along_and_lead_back_and_none_leads_to_itself(cast):
    one, other, third = a_customer(cast), a_customer(cast), a_customer(cast)
    a_relation(cast, one, other, "parent")
    a_relation(cast, other, third, "partner")
    merge = merged(cast, one, other)
    assert related(cast, one) == [("partner", third)]
    assert related(cast, third) == [("partner", one)]
    assert is_sound(cast)
    undone(cast, merge)
    assert related(cast, one) == [("parent", other)]
    assert related(cast, other) == [("subsidiary", one), ("partner", third)]
    assert related(cast, third) == [("partner", other)]


def test_a_relation_that_both_have_stands_once(cast):
    one, other, third = a_customer(cast), a_customer(cast), a_customer(cast)
    for key in (one, other):
        a_relation(cast, key, third, "employer")
    moving = {each.name: (each.there, each.comes, each.doubles) for each in looked_at(cast, one, other).moving}
    assert moving["relations"] == (1, 0, 1)
    merge = merged(cast, one, other)
    assert related(cast, one) == [("employer", third)]
    assert related(cast, third) == [("employee", one)], "not the card that went besides"
    undone(cast, merge)
    assert sorted(related(cast, third)) == [("employee", one), ("employee", other)]


def test_a_row_that_is_added_since_never_goes_away_under_the_number_of_one_that_is_gone(cast):
    one, other, third, fourth = (a_customer(cast, phones=[], emails=[]) for _ in range(4))
    a_relation(cast, other, third, "partner")
    merge = merged(cast, one, other)
    with cast.unit() as u:
        (link,) = relations.of(u, one)
        relations.unlink(u, link.relation_id)
    a_relation(cast, one, fourth, "partner")
    undone(cast, merge)
    assert related(cast, one) == [("partner", fourth)]
    assert related(cast, fourth) == [("partner", one)]
    assert related(cast, other) == []


# --- undoing after later edits ------------------------------------------------------------


def test_what_was_changed_since_stays_and_is_told_with_by_whom(cast):
    one, other = two(cast)
    merge = merged(cast, one, other, {"name": "other"})
    later = NOW + timedelta(days=3)
    edited(cast, one, by="rep", now=later, industry="Garden")
    with cast.unit(cast.keeper, now=later) as u:
        version = customers.one(u, one).version
        customers.edit_personal(u, one, {"phones": [PHONE, "+7 999 000-00-01"]}, seen=version)
        contacts.change(
            u,
            next(row["id"] for row in contacts.of(u, one) if row["name"] == "Second Person"),
            {"position": "Boss"},
            seen=1,
        )
    a_call(cast, one, note="after the merge")
    with cast.unit(cast.keeper, now=later) as u:
        seen = merges.undoing(u, merge)
    did = undone(cast, merge, now=later)
    for told in (seen, did):
        assert set(told.back) == {"name", "note"}
        assert [(kept.key, kept.by, kept.at) for kept in told.kept] == [("industry", "Ivan Rep", later)]
        assert [(kept.key, kept.by) for kept in told.gone] == [("phones", "Kira Keeper")]
        assert told.goes["interactions"] == 9
    now = card(cast, one)
    assert (now.name, now.industry, now.interaction_count) == ("Ромашка ООО", "Garden", 15)
    assert card(cast, other).interaction_count == 9
    assert ways(cast, one)[0] == [PHONE, "+7 999 000-00-01"], "what was added since stays with the survivor"
    assert ways(cast, other)[0] == [PHONE], "the phone that was taken off since comes back to nobody"
    with cast.unit() as u:
        assert {row["name"]: row["position"] for row in contacts.of(u, other)} == {
            "Petra Person": None,
            "Second Person": "Boss",
        }
    assert is_sound(cast)


def test_contacts_since_the_merge_stay_with_the_survivor_and_are_told(cast):
    one, other = two(cast)
    merge = merged(cast, one, other)
    with cast.unit(cast.rep, now=NOW + timedelta(hours=1)) as u:
        interactions.log(u, one, kind="call", note="since")
    with cast.unit(cast.keeper, now=NOW + timedelta(hours=2)) as u:
        assert dict(merges.undoing(u, merge).stays) == {"interactions": 1}
    undone(cast, merge)
    assert (card(cast, one).interaction_count, card(cast, other).interaction_count) == (15, 9)


def test_a_hand_over_in_between_is_no_obstacle(cast):
    one, other = two(cast, other_of="mate")
    merge = merged(cast, one, other, {"responsible": "other"})
    with cast.unit(cast.leader) as u:
        handovers.hand_over(u, MATE, [PARTS["service"].id])
    did = undone(cast, merge)
    assert [kept.key for kept in did.kept] == ["responsible"]
    assert card(cast, one).responsible_id == card(cast, other).responsible_id == PARTS["service"].id


# --- one after the other ------------------------------------------------------------------


def test_later_merges_are_undone_first_and_the_sentence_says_which(cast):
    a, b, c = (a_customer(cast, name=name, phones=[], emails=[]) for name in ("Alpha", "Beta", "Gamma"))
    for key in (a, b, c):
        a_call(cast, key)
    before = everything(cast)
    first, second = merged(cast, b, a), merged(cast, c, b)
    assert card(cast, c).interaction_count == 3
    with cast.unit(cast.keeper) as u:
        assert merges.survivor_of(u, a) == c
        assert merges.one_and_all(u, c) == (c, b, a)
    with pytest.raises(Refused, match="First undo the merge of Beta into Gamma"):
        undone(cast, first)
    undone(cast, second)
    third = merged(cast, b, c)
    with pytest.raises(Refused, match="First undo the merge of Gamma into Beta"):
        undone(cast, first)
    for merge in (third, first):
        undone(cast, merge)
    assert everything(cast) == before
    with pytest.raises(Conflict, match="undone already"):
        undone(cast, first)


def test_a_card_that_was_merged_takes_nothing_more_and_nothing_is_lost_on_it(cast):
    one, other = two(cast)
    person, version = a_contact(cast, other, name="Left Behind"), customers_version(cast, other)
    merged(cast, one, other)
    attempts = {
        "edit": lambda u: customers.edit(u, other, {"city": "Perm"}, seen=version),
        "personal": lambda u: customers.edit_personal(u, other, {"name": "X"}, seen=version),
        "assign": lambda u: customers.assign(u, other, responsible_id=MATE, seen=version),
        "archive": lambda u: customers.archive(u, other, seen=version),
        "restore": lambda u: customers.restore(u, other),
        "log": lambda u: interactions.log(u, other, kind="call"),
        "contact": lambda u: contacts.add(u, other, {"name": "X"}),
        "tags": lambda u: tags.change(u, other, on=["VIP"]),
        "requisites": lambda u: requisites.add(u, other, {"inn": INN}),
        "purchase": lambda u: purchases.record(u, other, [purchases.Line(1)]),
        "erase": lambda u: privacy.erase(u, other, "asked"),
        "file": lambda u: privacy.export_person(u, other),
        "merge": lambda u: merges.merge(u, other, one),
        "be merged": lambda u: merges.merge(u, one, other),
    }
    before = everything(cast)
    for name, attempt in attempts.items():
        with pytest.raises(Conflict, match="merged with another card"), cast.unit() as u:
            attempt(u)
        assert everything(cast) == before, name
    with cast.unit(cast.keeper) as u:
        contacts.change(u, person, {"position": "Boss"}, seen=1)
        assert [row["position"] for row in contacts.of(u, one) if row["id"] == person] == ["Boss"], (
            "an open form of what moved"
        )


def customers_version(cast: Cast, key: int) -> int:
    with cast.unit() as u:
        return customers.one(u, key).version


def test_what_stayed_behind_with_a_merged_card_cannot_be_changed_there(cast):
    one, other = a_customer(cast), a_customer(cast)
    a_contact(cast, one)
    behind = a_contact(cast, other)
    merged(cast, one, other)
    with pytest.raises(Conflict), cast.unit(cast.keeper) as u:
        contacts.change(u, behind, {"position": "Boss"}, seen=1)


def test_who_saw_an_older_state_of_one_of_the_cards_looks_again(cast):
    one, other = two(cast)
    seen = looked_at(cast, one, other).seen
    edited(cast, other, city="Perm")
    with pytest.raises(Conflict):
        merged(cast, one, other, seen=seen)
    merged(cast, one, other, seen=looked_at(cast, one, other).seen)


def test_an_open_form_of_the_survivor_notices(cast):
    one, other = a_customer(cast, name="A"), a_customer(cast, name="A")
    merged(cast, one, other)
    with pytest.raises(Conflict), cast.unit(cast.keeper) as u:
        customers.edit(u, one, {"city": "Perm"}, seen=1)


def test_of_two_cards_the_one_that_stays_must_not_lie_in_the_bin_the_other_may(cast):
    one, other = a_customer(cast), a_customer(cast, name="Binned")
    with cast.unit() as u:
        customers.archive(u, other, seen=1)
    before = everything(cast)
    with pytest.raises(Invalid, match="Binned lies in the bin") as caught:
        merged(cast, other, one)
    assert caught.value.field == "survivor"
    undone(cast, merged(cast, one, other))
    assert everything(cast) == before, "it is in the bin again"


# --- erasing --------------------------------------------------------------------------------


def test_erasing_a_customer_erases_whoever_was_merged_into_it_and_nothing_comes_back(cast):
    one, other = two(cast)
    merge = merged(cast, one, other, {"name": "other"})
    with cast.unit(cast.keeper) as u:
        privacy.erase(u, one, "asked")
    left = str({name: rows for name, rows in everything(cast).items() if name in records.load().tables})
    with cast.database.reader.connect() as connection:
        left += str(connection.execute(select(Merge.__table__)).all())
    for word in ("Ромашка", "Romashka", "Arbat", "Pays late", OTHER_EMAIL, "Second Person"):
        assert word not in left, word
    assert (card(cast, one).interaction_count, card(cast, one).purchase_count) == (23, 2), "the sums stay"
    with pytest.raises(Refused, match="was erased"):
        undone(cast, merge)
    another = a_customer(cast)
    for pair in ((one, another), (another, one)):
        with pytest.raises((Refused, Invalid)):
            merged(cast, *pair)


def test_an_undone_merge_keeps_no_word_of_either(cast):
    one, other = two(cast)
    undone(cast, merged(cast, one, other, {"name": "other"}))
    with cast.database.reader.connect() as connection:
        kept = str(connection.execute(select(Merge.__table__)).all())
    assert "omashka" not in kept
    assert "Arbat" not in kept
    with cast.unit(cast.keeper) as u:
        privacy.erase(u, other, "asked")
    assert card(cast, one).name == "Ромашка ООО"


# --- who may ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "part", ["rep", "service", "leader", "marketer", "analyst", "executive", "admin", "partner", "product"]
)
def test_merging_is_the_record_keepers(cast, part):
    one, other = a_customer(cast), a_customer(cast)
    merge = merged(cast, one, other)
    third = a_customer(cast)
    for attempt in (
        lambda u: merges.merge(u, one, third),
        lambda u: merges.preview(u, one, third),
        lambda u: merges.undoing(u, merge),
        lambda u: merges.undo(u, merge),
    ):
        with pytest.raises(Refused), cast.unit(getattr(cast, part)) as u:
            attempt(u)


def test_a_leader_with_the_right_merges_within_his_team_and_no_further(cast):
    mine, mates, theirs, nobodys = (a_customer(cast, of) for of in ("rep", "mate", "rival", None))
    with cast.unit(cast.admin) as u:
        rights.apply_preset(u, "small_team")
    before = everything(cast)
    for pair in ((mine, theirs), (theirs, mine), (mine, nobodys)):
        with pytest.raises(NotFound), cast.unit(cast.leader) as u:
            merges.merge(u, *pair)
        with pytest.raises(NotFound), cast.unit(cast.leader) as u:
            merges.preview(u, *pair)
    assert everything(cast) == before
    merge = merged(cast, mine, mates, {"responsible": "other"}, by="leader")
    undone(cast, merge, by="leader")
    assert everything(cast) == before
    foreign = merged(cast, mine, theirs)
    for attempt in (merges.undoing, merges.undo):
        with pytest.raises(NotFound), cast.unit(cast.leader) as u:
            attempt(u, foreign)


def test_whoever_may_merge_but_not_change_a_field_does_not_change_it_by_merging(cast):
    one, other = a_customer(cast, "rep", name="Mine"), a_customer(cast, "mate", name="Theirs")
    with cast.unit(cast.admin) as u:
        rights.adjust(u, "sales_manager", "customers.merge", "team")
    for choices in ({"name": "other"},):
        with pytest.raises(Refused), cast.unit(cast.leader) as u:
            merges.merge(u, one, other, choices)
    assert card(cast, one).name == "Mine"
    merged(cast, one, other, by="leader")


def test_whoever_sees_no_contact_data_in_full_merges_nothing(cast):
    one, other = a_customer(cast), a_customer(cast)
    with cast.unit(cast.admin) as u:
        rights.adjust(u, "marketer", "customers.merge", "all")
    for attempt in (merges.merge, merges.preview):
        with pytest.raises(Refused, match="outside your reach"), cast.unit(cast.marketer) as u:
            attempt(u, one, other)


# --- two at once, and very many ------------------------------------------------------------------


def test_of_two_who_merge_the_same_pair_at_once_one_does_and_the_other_reads_a_sentence(cast):
    for pair in (lambda a, b: (a, b), lambda a, b: (b, a)):
        one, other = a_customer(cast), a_customer(cast)

        def attempt(ids: tuple[int, int]) -> str:
            try:
                merged(cast, *ids)
            except CrmError as error:
                return str(error)
            return ""

        with ThreadPoolExecutor(2) as pool:
            said = sorted(pool.map(attempt, [(one, other), pair(one, other)]))
        assert said[0] == ""
        assert "merged with another card" in said[1]
        assert is_sound(cast)


def test_a_call_that_is_logged_while_its_customer_is_merged_is_not_lost(cast):
    for _ in range(6):
        one, other = a_customer(cast), a_customer(cast)

        def log(key: int) -> bool:
            try:
                a_call(cast, key)
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            logged = pool.submit(log, other)
            pool.submit(merged, cast, one, other).result()
        assert card(cast, one).interaction_count == int(logged.result())
        assert is_sound(cast)


@contextmanager
def counted(cast: Cast) -> Iterator[list[str]]:
    """Note every statement that is sent to the database."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    engine = cast.database.writer
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def with_many(cast: Cast, count: int) -> int:
    key = a_customer(cast)
    table = interactions.Interaction.__table__
    row = {
        "customer_id": key,
        "kind": "letter",
        "note": "",
        "at": NOW,
        "responsible_id": REP,
        "logged_at": NOW,
        "version": 1,
    }
    with cast.database.writing() as connection:
        connection.execute(table.insert(), [row] * count)
        connection.execute(Customer.__table__.update().where(Customer.id == key).values(interaction_count=count))
    return key


def test_a_large_customer_is_merged_and_unmerged_in_as_many_statements_as_a_small_one(cast):
    sent = {}
    for count in (2, 5_000):
        one, other = with_many(cast, 1), with_many(cast, count)
        with counted(cast) as there:
            merge = merged(cast, one, other)
        assert card(cast, one).interaction_count == count + 1
        with counted(cast) as back:
            undone(cast, merge)
        assert card(cast, other).interaction_count == count
        sent[count] = len(there), len(back)
    assert sent[2] == sent[5_000]
    assert max(sent[2]) < 90
