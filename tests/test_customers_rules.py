"""Rules: a list narrowed by any field with 'and' and 'or', written as one short text that harms nobody."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from crm import customers, exports, fields, tags
from crm.core.access import SYSTEM
from crm.customers import Filters, lists, rules
from crm.customers.rules import OPERATORS, Askable, Condition, Operator, Rule, Takes, askable, read, written
from crm.exports import Form, Wish
from tests.cast import NORTH, NOW, SOUTH, Cast, a_call, a_customer, a_field

NOTHING = {"phones": [], "emails": [], "address": ""}


def found(cast: Cast, where: str, by: str = "keeper", order: str = "name", **filters: object) -> list[str]:
    """Return who is found; the page, the count and the file agree."""
    wanted = Filters(where=where, **filters)  # type: ignore[arg-type]
    with cast.unit(getattr(cast, by)) as u:
        rows = [row["name"] for row in customers.page(u, wanted, order=order)]
        assert customers.count(u, wanted) == len(rows)
        assert list(customers.listing(u, wanted, order=order)["name"]) == rows
    return rows


def said(cast: Cast, where: str, by: str = "keeper") -> list[str]:
    """Return the sentences about what of a rule is left out."""
    with cast.unit(getattr(cast, by)) as u:
        return [str(one) for one in read(where, askable(u.actor, fields.definitions(u)))[1]]


@pytest.fixture
def several(cast) -> dict[str, int]:
    """Four customers who differ in everything."""
    raw = {
        "Alpha": {"city": "Казань", "stage": "active", "source": "exhibition", "employees": "50", "note": "Likes 100% wool"},
        "beta": NOTHING | {"city": "Tver", "stage": "lost", "kind": "person", "industry": "Retail, wholesale"},
        "Гамма": {"city": "казань", "employees": "7", "need": "Лампы и стулья", "source": "sales"},
        "Delta": {"city": "", "website": "https://delta.example", "address": "", "external_number": "D-1.2"},
    }  # fmt: skip
    owners = dict(zip(raw, ("rep", "mate", "rival", None), strict=True))
    keys = {name: a_customer(cast, owners[name], name=name, **facts) for name, facts in raw.items()}
    with cast.unit() as u:
        tags.change(u, keys["Alpha"], on=["VIP"])
        tags.change(u, keys["beta"], on=["VIP", "Slow"])
    a_call(cast, keys["Alpha"], at=NOW - timedelta(days=3))
    a_call(cast, keys["Alpha"], at=NOW)
    a_call(cast, keys["beta"], by="mate", at=NOW - timedelta(days=40))
    return keys


# --- fields of everybody ----------------------------------------------------


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("city.is.Казань", ["Alpha", "Гамма"]),
        ("city.is.TVER", ["beta"]),
        ("city.is.Казань.Tver", ["Alpha", "beta", "Гамма"]),
        ("city.not.казань", ["beta", "Delta"]),
        ("city.contains.АЗА", ["Alpha", "Гамма"]),
        ("city.begins.аз", []),
        ("city.begins.каз", ["Alpha", "Гамма"]),
        ("city.empty", ["Delta"]),
        ("city.filled", ["Alpha", "beta", "Гамма"]),
        ("name.contains.амм", ["Гамма"]),
        ("name.begins.BET", ["beta"]),
        ("note.contains.100%", ["Alpha"]),
        ("note.contains.1_0", []),
        ("need.contains.стулья", ["Гамма"]),
        ("industry.contains.retail, w", ["beta"]),
        ("external_number.is.D--1-d2", ["Delta"]),
        ("website.contains.delta-dexample", ["Delta"]),
        ("stage.is.active.lost", ["Alpha", "beta"]),
        ("stage.not.potential", ["Alpha", "beta"]),
        ("kind.is.person", ["beta"]),
        ("source.is.exhibition", ["Alpha"]),
        ("source.not.exhibition", ["beta", "Delta", "Гамма"]),
        ("source.empty", ["beta", "Delta"]),
        ("employees.is.7", ["Гамма"]),
        ("employees.more.7", ["Alpha"]),
        ("employees.less.50", ["Гамма"]),
        ("employees.empty", ["beta", "Delta"]),
        ("contacts.more.1", ["Alpha"]),
        ("contacts.less.1", ["Delta", "Гамма"]),
        ("purchases.is.0", ["Alpha", "beta", "Delta", "Гамма"]),
        ("last_contact.last.3", ["Alpha"]),
        ("last_contact.older.30", ["beta"]),
        ("last_contact.empty", ["Delta", "Гамма"]),
        ("last_contact.filled", ["Alpha", "beta"]),
        ("last_contact.is.20260209", ["Alpha"]),
        ("last_contact.before.20260209", ["beta"]),
        ("last_contact.after.20251231", ["Alpha"]),
        ("created.last.1", ["Alpha", "beta", "Delta", "Гамма"]),
        ("created.before.20260209", []),
        ("last_purchase.empty", ["Alpha", "beta", "Delta", "Гамма"]),
        ("responsible.is.3", ["Alpha"]),
        ("responsible.not.3", ["beta", "Delta", "Гамма"]),
        ("responsible.empty", ["Delta"]),
        (f"team.is.{NORTH}", ["Alpha", "beta"]),
        (f"team.is.{SOUTH}.{NORTH}", ["Alpha", "beta", "Гамма"]),
        ("team.empty", ["Delta"]),
        ("phone.empty", ["beta"]),
        ("phone.filled", ["Alpha", "Delta", "Гамма"]),
        ("email.empty", ["beta"]),
        ("address.empty", ["beta", "Delta"]),
        ("address.filled", ["Alpha", "Гамма"]),
        ("tag.filled", ["Alpha", "beta"]),
        ("tag.empty", ["Delta", "Гамма"]),
        ("archived.is.no", ["Alpha", "beta", "Delta", "Гамма"]),
        ("archived.is.yes", []),
    ],
)
@pytest.mark.usefixtures("several")
def test_every_field_is_asked_in_its_own_ways(cast, where, names):
    assert sorted(found(cast, where)) == sorted(names)
    assert said(cast, where) == []


@pytest.mark.usefixtures("several")
def test_every_field_can_be_asked_in_every_way_that_is_offered(cast):
    a_field(cast, "Demand", "several", choices=["Lamps"])
    for takes in ("text", "number", "date", "yes_no", "link"):
        a_field(cast, f"Of {takes}", takes)
    with cast.unit(cast.keeper) as u:
        known = askable(u.actor, fields.definitions(u))
    values = {Takes.MOMENT: "20260209", Takes.DAY: "20260209", Takes.YES_NO: "yes"}
    for one in known.values():
        for operator in one.operators:
            value = "7" if operator in rules.IN_DAYS else values.get(one.takes, next(iter(one.choices), "7"))
            asked = Condition(one.key, operator, () if operator in rules.WHETHER else (value,))
            text = written(Rule(((asked,),)))
            assert said(cast, text) == [], text
            found(cast, text)


@pytest.mark.usefixtures("several")
def test_tags_are_asked_by_few_and_by_many_alike(cast, monkeypatch):
    with cast.unit() as u:
        named = {one["name"]: key for key, one in tags.directory(u).items()}
    for often in (2_000, 1, 0):
        monkeypatch.setattr(lists, "OFTEN", often)
        monkeypatch.setattr(lists, "MANY", often)
        assert found(cast, f"tag.is.{named['VIP']}") == ["Alpha", "beta"]
        assert found(cast, f"tag.is.{named['Slow']}.{named['VIP']}..stage.is.lost") == ["beta"]
        assert found(cast, f"tag.not.{named['Slow']}") == ["Alpha", "Delta", "Гамма"]
        assert found(cast, f"tag.is.{named['Slow']}.or.city.is.Казань") == ["Alpha", "beta", "Гамма"]
        assert found(cast, "tag.is.4711") == []


@pytest.mark.usefixtures("several")
def test_me_is_whoever_reads(cast):
    assert found(cast, "responsible.is.me", by="rep") == ["Alpha"]
    assert found(cast, "responsible.is.me", by="mate") == ["beta"]
    assert found(cast, "responsible.is.me.4", by="rep") == ["Alpha", "beta"]


def test_days_begin_where_the_reader_lives(cast):
    key = a_customer(cast)
    a_call(cast, key, at=NOW.replace(hour=1))  # in Moscow; still the day before in London
    assert found(cast, "last_contact.is.20260209", by="rep") == ["Customer of rep"]
    with cast.unit(cast.rep) as u:
        from crm import users

        users.set_timezone(u, "Europe/London")
    assert found(cast, "last_contact.is.20260209", by="rep") == []
    assert found(cast, "last_contact.is.20260208", by="rep") == ["Customer of rep"]


# --- own fields -------------------------------------------------------------


def test_own_fields_of_every_kind_are_asked_in_their_own_ways(cast):
    need = a_field(cast, "Demand", "several", choices=["Lamps", "Chairs"])
    size, day, agreed = (
        a_field(cast, "Size", "number"),
        a_field(cast, "Since", "date"),
        a_field(cast, "Agreed", "yes_no"),
    )
    rank, note, link = (
        a_field(cast, "Rank", "choice", choices=["A", "B"]),
        a_field(cast, "Remark"),
        a_field(cast, "Page", "link"),
    )
    a_customer(
        cast, name="A", **{need.key: ["choice_1", "choice_2"], size.key: "9.5", agreed.key: True, day.key: "2026-02-12"}
    )
    a_customer(cast, name="B", **{need.key: ["choice_2"], size.key: "10", agreed.key: False, rank.key: "choice_2"})
    a_customer(cast, name="C", **{note.key: "Ждёт звонка", day.key: "2025-12-31", link.key: "https://c.example/x"})
    for where, names in {
        "demand.is.choice_1": "A",
        "demand.is.choice_1.choice_2": "AB",
        "demand.not.choice_1": "BC",
        "demand.empty": "C",
        "demand.filled": "AB",
        "size.is.10": "B",
        "size.more.9-d5": "B",
        "size.less.10": "A",
        "size.more.9": "AB",
        "size.empty": "C",
        "since.next.3": "A",
        "since.older.30": "C",
        "since.last.60": "C",
        "since.before.20260101": "C",
        "since.after.20260101": "A",
        "since.is.20260212": "A",
        "since.empty": "B",
        "agreed.is.yes": "A",
        "agreed.is.no": "B",
        "agreed.empty": "C",
        "rank.is.choice_2": "B",
        "rank.not.choice_2": "AC",
        "remark.contains.ЗВОНК": "C",
        "remark.begins.ждёт": "C",
        "remark.is.ждёт звонка": "C",
        "remark.not.ждёт звонка": "AB",
        "remark.filled": "C",
        "page.contains.c-dexample": "C",
    }.items():
        assert "".join(found(cast, f"own-{where}")) == names, where
        assert said(cast, f"own-{where}") == [], where


def test_a_field_out_of_use_is_left_out_with_a_sentence(cast):
    one = a_field(cast, "Size", "number")
    a_customer(cast, name="A", **{one.key: "3"})
    assert found(cast, "own-size.more.5") == []
    with cast.unit(cast.keeper) as u:
        fields.retire(u, one.id, seen=one.version)
    assert found(cast, "own-size.more.5") == ["A"]
    assert said(cast, "own-size.more.5") == [
        "There is no field 'size' that you could filter by: this condition is left out."
    ]


# --- and, or ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("city.is.Казань..stage.is.active", ["Alpha"]),
        ("city.is.Tver.or.city.empty", ["beta", "Delta"]),
        ("city.is.Казань.or.stage.is.lost..contacts.more.0", ["Alpha", "beta"]),
        ("any..city.is.Казань.and.stage.is.active..city.empty", ["Alpha", "Delta"]),
        ("any..stage.is.lost.and.city.is.Tver", ["beta"]),
        ("any..stage.is.lost..employees.is.7", ["beta", "Гамма"]),
        ("stage.is.lost..stage.is.active", []),
    ],
)
@pytest.mark.usefixtures("several")
def test_blocks_hang_together_with_and_and_or(cast, where, names):
    assert sorted(found(cast, where)) == sorted(names)


@pytest.mark.usefixtures("several")
def test_a_rule_narrows_beside_every_other_filter_and_the_look_up(cast):
    assert found(cast, "city.is.Казань", text="alph") == ["Alpha"]
    assert found(cast, "city.is.Казань", stage="active") == ["Alpha"]
    assert found(cast, "city.is.Казань", by="rep", mine=True) == ["Alpha"]


def test_the_bin_is_looked_into_only_by_whoever_may_take_things_out_of_it(cast, several):
    with cast.unit(cast.keeper) as u:
        customers.archive(u, several["beta"], seen=customers.one(u, several["beta"]).version)
    assert found(cast, "archived.is.yes") == ["beta"]
    assert "beta" not in found(cast, "archived.is.no")
    assert found(cast, "city.is.Tver") == []
    assert found(cast, "archived.is.yes", by="rep") == ["Alpha"]
    assert "There is no field 'archived'" in said(cast, "archived.is.yes", by="rep")[0]


# --- what is not understood -------------------------------------------------


@pytest.mark.parametrize(
    "where",
    [
        "nonsense.is.1", "city", "city.", ".", "....", "any", "any..", "or", "city.like.x", "stage.is.nonsense", "stage.contains.a",
        "employees.more.many", "employees.is.١", "employees.more.1e5", "created.last.0", "created.last.99999999999999999999",
        "created.is.20261345", "created.is.00010101", "created.before.99991231", "created.empty", "responsible.is.you",
        "tag.is.x", "phone.contains.916", "phone.is.79161234567", "email.begins.ivan", "address.contains.Tver", "address.is.x",
        "own-.is.x", "own-x.is.y", "version.is.1", "sort_name.is.x", "extra.filled", "__class__.is.x", "archived_at.empty",
        "name.contains.", "created.is.2026-0209", "city.is." + "x" * 201,
        "city.is." + ".".join(map(str, range(51))), "\x00", "city.is.\x00", "city.contains.\ud800",
    ],
)  # fmt: skip
def test_what_is_not_understood_is_no_error_and_narrows_nothing(cast, where):
    a_customer(cast, name="A")
    assert found(cast, where) == ["A"]


def test_what_is_left_out_is_said(cast):
    assert said(cast, "phone.contains.916") == ["The condition on 'Phone' is not understood and left out."]
    assert said(cast, "x.is.1..city.is.Tver")[0].startswith("There is no field 'x'")
    assert said(cast, "city.like.x") == ["'city.like.x' is not understood and left out."]
    assert said(cast, "city.is." + "x" * 5_000) == ["This filter is too long and was left out."]
    many = "..".join(["city.filled"] * 21)
    assert said(cast, many) == ["At most 20 conditions fit here; the others are left out."]
    assert found(cast, many) == []


def test_what_somebody_types_is_looked_for_as_it_is(cast):
    for sign in ("%", "_", "!", "'", '"', "\\", "🙂", "\u202e"):
        a_customer(cast, name=f"with {sign} inside", city=f"a{sign}b")
    with cast.unit(cast.keeper) as u:
        known = askable(u.actor, ())
    for sign in ("%", "_", "!", "'", '"', "\\", "🙂", "\u202e"):
        for operator, value in ((Operator.CONTAINS, sign), (Operator.IS, f"a{sign}b"), (Operator.BEGINS, f"a{sign}")):
            rule = Rule(((Condition("city", operator, (value,)),),))
            assert read(written(rule), known) == (rule, ())
            assert found(cast, written(rule)) == [f"with {sign} inside"], (sign, operator)


VALUES = some.text(min_size=1, max_size=20).map(lambda text: text.replace("\x00", "").strip()).filter(bool)
CONDITIONS = some.builds(
    Condition,
    some.sampled_from(["city", "own:size", "note", "own:or"]),
    some.just(Operator.IS),
    some.lists(VALUES | some.sampled_from(["or", "and", "any", "-", ".", "-d", ".."]), min_size=1, max_size=3, unique=True).map(tuple),
)  # fmt: skip
KNOWN = {key: Askable(key, key, Takes.TEXT) for key in ("city", "own:size", "note", "own:or")}


@given(some.lists(some.lists(CONDITIONS, min_size=1, max_size=3).map(tuple), min_size=1, max_size=4), some.booleans())
def test_a_rule_comes_back_from_its_text_as_it_was(blocks, either):
    rule = Rule.of(blocks, either=either)
    assert read(written(rule), KNOWN) == (rule, ())


@given(some.text(max_size=200))
def test_no_text_is_an_error(text):
    rule, _faults = read(text, askable(SYSTEM, ()))
    assert read(written(rule), askable(SYSTEM, ())) == (rule, ())


def test_an_address_keeps_a_rule_readable():
    rule = Rule(
        (
            (Condition("city", Operator.IS, ("Kazan", "St. Petersburg")),),
            (Condition("own:size", Operator.MORE, ("9.5",)),),
        )
    )
    assert written(rule) == "city.is.Kazan.St-d Petersburg..own-size.more.9-d5"


def test_a_condition_is_taken_out_of_its_block():
    one, two, three = (Condition("city", Operator.IS, (name,)) for name in "abc")
    assert Rule(((one, two), (three,))).without(0, 1) == Rule(((one,), (three,)))
    assert Rule(((one,), (three,))).without(1, 0) == Rule(((one,),))
    assert Rule(((one, two), (three,)), either=True).without(1, 0) == Rule(((one,), (two,))), (
        "they still apply together"
    )
    assert Rule(((one,),)).without(0, 0) == Rule()


def test_every_kind_has_its_ways_and_each_way_its_words():
    assert set(OPERATORS) == set(Takes)
    assert all(text for ways in OPERATORS.values() for text in ways.values())


# --- how it is asked --------------------------------------------------------


def test_few_and_many_are_found_in_two_ways_with_one_outcome(cast, monkeypatch):
    for n in range(12):
        a_customer(cast, name=f"{n:02}", city="Tver" if n % 2 else "Omsk")
    outcomes = set()
    for most in (10_000, 3):
        monkeypatch.setattr(lists, "COUNT_CAP", most)
        lists._short_lists.cache_clear()
        with cast.unit(cast.rep) as u:
            pages = [customers.page(u, Filters(where="city.is.Tver"), number=n, size=4, order="-name") for n in (1, 2)]
        outcomes.add(tuple(row["name"] for rows in pages for row in rows))
    assert outcomes == {("11", "09", "07", "05", "03", "01")}


@pytest.mark.usefixtures("several")
def test_a_statement_is_made_once_for_all_who_ask_alike(cast):
    found(cast, "city.is.Tver..stage.is.lost")
    made = lists._counts.cache_info().misses
    found(cast, "city.is.Kazan.Omsk.Perm..stage.is.new")
    found(cast, "city.is.Tver..stage.is.lost", by="rep")
    assert lists._counts.cache_info().misses == made


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("-name", ["Гамма", "Delta", "beta", "Alpha"]),
        ("recent", ["Alpha", "beta", "Delta", "Гамма"]),
        ("-recent", ["beta", "Alpha", "Гамма", "Delta"]),
        ("contacts", ["Alpha", "beta", "Delta", "Гамма"]),
        ("newest", ["Delta", "Гамма", "beta", "Alpha"]),
        ("-newest", ["Alpha", "beta", "Гамма", "Delta"]),
        ("nonsense", ["Alpha", "beta", "Delta", "Гамма"]),
    ],
)
@pytest.mark.usefixtures("several")
def test_the_list_is_put_in_order_by_its_columns(cast, order, names):
    assert found(cast, "", order=order) == names
    assert sorted(found(cast, "city.filled.or.city.empty", order=order)) == sorted(names)


@pytest.mark.usefixtures("several")
def test_who_has_no_city_stands_behind_in_both_directions(cast):
    assert found(cast, "", order="city")[-1] == found(cast, "", order="-city")[-1] == "Delta"


def test_a_list_shows_the_columns_that_were_chosen(cast):
    size, other = a_field(cast, "Size", "number", listed=True), a_field(cast, "Other")
    a_customer(cast, name="A", industry="Arts", **{size.key: "3", other.key: "x"})
    with cast.unit(cast.rep) as u:
        for wanted in (Filters(), Filters(text="A"), Filters(where="city.empty")):
            (row,) = customers.page(u, wanted, columns=["industry", other.key, "nonsense"])
            assert (row["industry"], row[other.key], size.key in row, "note" in row) == ("Arts", "x", False, False)


# --- files ------------------------------------------------------------------


@pytest.mark.usefixtures("several")
def test_a_file_follows_the_rule_the_columns_and_the_order(cast):
    size = a_field(cast, "Size", "number")
    wish = Wish(
        Filters(where="city.is.Казань"), Form.CSV, "en", ("responsible", "last_interaction_at", size.key), "-name"
    )
    with cast.unit(cast.keeper) as u:
        assert exports.count(u, wish.filters) == 2
        kept = exports.write_now(u, wish)
    with cast.unit(cast.keeper) as u:
        record = exports.keep(u, wish, kept, sign_in_id=None)
        assert record.wanted == wish.filters
        assert "rule" not in record.filters
    lines = record.path.read_text("utf-8-sig").splitlines()
    assert lines == ["Name,Responsible,Last contact,Size", "Гамма,Wei Rival,,", "Alpha,Ivan Rep,2026-02-09,"]


@pytest.mark.usefixtures("several")
def test_the_log_does_not_repeat_what_a_rule_says(cast):
    wish = Wish(Filters(where="name.contains.Alpha"), Form.CSV, "en")
    with cast.unit(cast.keeper) as u:
        exports.ask(u, wish, sign_in_id=None)
    from crm import audit

    with cast.unit(cast.admin) as u:
        (entry,) = [one for one in audit.page(u) if one["verb"] == "exports.ask"]
        assert "Alpha" not in str(entry["changes"])
        assert "rule" in entry["changes"]
