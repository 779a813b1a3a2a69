"""Own fields: defined once, in use everywhere from then on, and nothing that was entered is lost."""

import pytest

from crm import audit, customers, exports, fields, imports
from crm.core.errors import Conflict, Invalid, InvalidForm, NotFound, Refused
from crm.customers import Filters
from crm.exports import Form
from crm.fields import FieldKind, Whose
from crm.fields.values import LONGEST_TOKEN
from crm.imports import guessing
from tests.cast import Cast, a_customer, a_field
from tests.support.meeting import at_once
from tests.test_exports import table_of, taken_out, text_of
from tests.test_imports import causes, counts, ran, record_of, staged, stored, tried

NAUGHTY = (
    "=1+1", "@SUM(1)", "<script>alert(1)</script>", "Robert'); DROP TABLE customers;--", "\u202eevil", "北京华信", "{0}%s{name}",
    "[x](http://evil.example)", "**b** `c` :red[d]", "a; b, c",
)  # fmt: skip


def edit(cast: Cast, key: int, raw: dict, by: str = "keeper"):
    with cast.unit(getattr(cast, by)) as u:
        return customers.edit(u, key, raw, seen=customers.one(u, key).version)


def value(cast: Cast, key: int, own: str):
    with cast.unit() as u:
        return customers.one(u, key).extra.get(own)


def known(cast: Cast, *, everything: bool = False) -> list[fields.Definition]:
    with cast.unit(cast.rep) as u:
        return list(fields.everything(u) if everything else fields.definitions(u))


def found(cast: Cast, *own: tuple[str, str], by: str = "keeper") -> list[str]:
    with cast.unit(getattr(cast, by)) as u:
        rows = [row["name"] for row in customers.page(u, Filters(own=own))]
        assert customers.count(u, Filters(own=own)) == len(rows)
    return rows


# --- what there is -----------------------------------------------------------


def test_a_field_is_there_for_everybody_from_the_next_click_in_its_place(cast):
    a_field(cast, "Business need", "several", choices=["Lamps", "Chairs"], mandatory=True, listed=True, whose="company")
    a_field(cast, "Since")
    first, second = known(cast)
    assert (first.key, first.label, first.kind, first.whose) == (
        "own:business_need",
        "Business need",
        FieldKind.SEVERAL,
        Whose.COMPANY,
    )
    assert ([one.label for one in first.choices], first.mandatory, first.listed) == (["Lamps", "Chairs"], True, True)
    assert (second.label, second.whose, second.mandatory, second.position) == ("Since", Whose.BOTH, False, 2)


@pytest.mark.parametrize("label", ["Потребность бизнеса", "业务需求", "!!!", "Größe", "a" * 60])
def test_a_code_comes_of_the_label_and_stays_whatever_the_field_is_called_later(cast, label):
    one = a_field(cast, label)
    assert one.code.isascii()
    assert 0 < len(one.code) <= 24
    with cast.unit(cast.keeper) as u:
        fields.change(u, one.id, {"label": "Otherwise"}, seen=1)
    (after,) = known(cast)
    assert (after.code, after.label) == (one.code, "Otherwise")
    assert a_field(cast, label).code != one.code


@pytest.mark.parametrize(
    ("raw", "wrong"),
    [
        ({}, {"label", "kind"}),
        ({"label": " ", "kind": "text"}, {"label"}),
        ({"label": "x" * 61, "kind": "text"}, {"label"}),
        ({"label": "SHOE  size", "kind": "text"}, {"label"}),
        ({"label": "потребность", "kind": "text"}, {"label"}),
        ({"label": "x", "kind": "magic"}, {"kind"}),
        ({"label": "x", "kind": "choice"}, {"choices"}),
        ({"label": "x", "kind": "several", "choices": ["", " "]}, {"choices"}),
        ({"label": "x", "kind": "choice", "choices": ["A", "a "]}, {"choices"}),
        ({"label": "x", "kind": "choice", "choices": ["y" * 101]}, {"choices"}),
        ({"label": "x", "kind": "choice", "choices": [f"c{n}" for n in range(201)]}, {"choices"}),
        ({"label": "x", "kind": "text", "whose": "cats"}, {"whose"}),
        ({"label": "x", "kind": "text", "code": "mine"}, {"code"}),
    ],
)
def test_everything_that_is_wrong_with_a_new_field_is_said_at_its_place(cast, raw, wrong):
    a_field(cast, "Shoe size")
    with cast.unit(cast.keeper) as u, pytest.raises(InvalidForm) as told:
        fields.add(u, raw)
    assert set(told.value.faults) == wrong
    assert len(known(cast)) == 1


def test_what_a_field_takes_never_changes(cast):
    one = a_field(cast, "Size")
    with cast.unit(cast.keeper) as u, pytest.raises(InvalidForm) as told:
        fields.change(u, one.id, {"kind": "number"}, seen=1)
    assert set(told.value.faults) == {"kind"}


def test_fields_are_put_in_order(cast):
    first, second, third = (a_field(cast, name) for name in ("One", "Two", "Three"))
    with cast.unit(cast.keeper) as u:
        fields.move(u, third.id, after=None)
        fields.move(u, first.id, after=second.id)
        assert [one.label for one in fields.definitions(u)] == ["Three", "Two", "One"]
    with pytest.raises(NotFound), cast.unit(cast.keeper) as u:
        fields.move(u, first.id, after=999)
    assert [one.label for one in known(cast)] == ["Three", "Two", "One"]


def test_two_moves_at_the_same_moment_leave_every_field_a_place_of_its_own(cast):
    first, second, third = (a_field(cast, name) for name in ("One", "Two", "Three"))
    errors = at_once(
        cast,
        (cast.keeper, lambda u: fields.move(u, third.id, after=None)),
        (cast.admin, lambda u: fields.move(u, first.id, after=second.id)),
    )
    assert errors == []
    assert sorted(one.position for one in known(cast)) == [1, 2, 3]


def test_a_field_out_of_use_leaves_forms_and_comes_back_with_what_was_entered(cast):
    one = a_field(cast, "Shoe size", "number", mandatory=True)
    key = a_customer(cast, **{one.key: "43"})
    with cast.unit(cast.keeper) as u:
        fields.retire(u, one.id, seen=1)
    assert known(cast) == []
    assert [each.archived for each in known(cast, everything=True)] == [True]
    edit(cast, key, {"city": "Omsk"})
    a_customer(cast, "mate")
    with pytest.raises(InvalidForm):
        edit(cast, key, {one.key: "44"})
    with cast.unit(cast.keeper) as u:
        fields.restore(u, one.id)
    assert [each.label for each in known(cast)] == ["Shoe size"]
    assert value(cast, key, one.key) == "43"


def test_a_stale_form_changes_no_field(cast):
    one = a_field(cast, "Size", "choice", choices=["S"])
    with cast.unit(cast.admin) as u:
        fields.change(u, one.id, {"label": "Dress size"}, seen=1)
    for late in (
        lambda u: fields.change(u, one.id, {"label": "Late"}, seen=1),
        lambda u: fields.rename_choice(u, one.id, "choice_1", "Late", seen=1),
        lambda u: fields.retire(u, one.id, seen=1),
    ):
        with pytest.raises(Conflict), cast.unit(cast.keeper) as u:
            late(u)
    assert [each.label for each in known(cast)] == ["Dress size"]


# --- choices ------------------------------------------------------------------


def test_a_choice_that_is_retired_stays_where_it_was_chosen_and_is_not_chosen_anew(cast):
    one = a_field(cast, "Demand", "choice", choices=["Lamps", "Chairs"])
    has, has_not = a_customer(cast, "rep", **{one.key: "choice_1"}), a_customer(cast, "mate")
    with cast.unit(cast.keeper) as u:
        fields.change(u, one.id, {"choices": ["Tables", "Chairs"]}, seen=1)
    (now,) = known(cast)
    assert [(each.code, each.label, each.retired) for each in now.choices] == [
        ("choice_3", "Tables", False),
        ("choice_2", "Chairs", False),
        ("choice_1", "Lamps", True),
    ]
    assert now.offered() == {"choice_3": "Tables", "choice_2": "Chairs"}
    assert "Lamps" in now.offered(["choice_1"]).values()
    edit(cast, has, {one.key: "choice_1", "city": "Omsk"})
    with pytest.raises(InvalidForm) as told:
        edit(cast, has_not, {one.key: "choice_1"})
    assert str(told.value.faults[one.key]) == "'Lamps' is not chosen any more."
    with cast.unit(cast.keeper) as u:
        fields.change(u, one.id, {"choices": ["lamps", "Chairs"]}, seen=2)
    assert [(each.code, each.label) for each in known(cast)[0].choices if not each.retired] == [
        ("choice_1", "lamps"),
        ("choice_2", "Chairs"),
    ]


def test_a_choice_is_renamed_for_everybody_who_has_it(cast):
    one = a_field(cast, "Demand", "choice", choices=["Lamps", "Chairs"])
    key = a_customer(cast, **{one.key: "Lamps"})
    with cast.unit(cast.keeper) as u:
        fields.rename_choice(u, one.id, "choice_1", "Lights", seen=1)
    assert value(cast, key, one.key) == "choice_1"
    assert known(cast)[0].label_of("choice_1") == "Lights"
    for code, label, wrong in (
        ("choice_9", "X", "rename"),
        ("choice_1", " ", "rename_to"),
        ("choice_1", "CHAIRS", "rename_to"),
    ):
        with pytest.raises(Invalid) as told, cast.unit(cast.keeper) as u:
            fields.rename_choice(u, one.id, code, label, seen=2)
        assert told.value.field == wrong


def test_a_choice_called_like_the_code_of_another_cannot_be_mistaken_for_it(cast):
    one = a_field(cast, "Demand", "choice", choices=["choice_1", "Chairs"])
    assert {each.code for each in one.choices} & {each.label for each in one.choices} == set()
    with pytest.raises(InvalidForm), cast.unit(cast.keeper) as u:
        fields.change(u, one.id, {"choices": [one.choices[0].code]}, seen=1)


# --- values -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("takes", "typed", "stored_as"),
    [
        ("text", "  a\x00b ", "ab"),
        ("text", "   ", None),
        ("number", "1 234,50", "1234.5"),
        ("number", "1,234.50", "1234.5"),
        ("number", "1.234.567", "1234567"),
        ("number", "1\u00a0234\u00a0567", "1234567"),
        ("number", "-0,10", "-0.1"),
        ("number", "1000", "1000"),
        ("number", "0", "0"),
        ("date", "2026-02-09", "2026-02-09"),
        ("date", "9.2.2026", "2026-02-09"),
        ("date", "09/02/2026", "2026-02-09"),
        ("date", "2026年2月9日", "2026-02-09"),
        ("date", "2026-02-09 00:00:00", "2026-02-09"),
        ("yes_no", "Да", True),
        ("yes_no", "否", False),
        ("yes_no", False, False),
        ("choice", "chairs", "choice_2"),
        ("choice", "choice_1", "choice_1"),
        ("several", "Chairs; Lamps, big; Lamps", ["choice_1", "choice_2", "choice_3"]),
        ("several", "Chairs, Lamps", ["choice_1", "choice_2"]),
        ("several", ["choice_2", "choice_1", "choice_2"], ["choice_1", "choice_2"]),
        ("several", [], None),
        ("link", "https://example.com/a?b=c#d", "https://example.com/a?b=c#d"),
        ("link", "example.com/x", "https://example.com/x"),
        ("link", "пример.рф", "https://пример.рф"),
    ],
)
def test_a_value_is_stored_in_one_form_however_it_is_typed(cast, takes, typed, stored_as):
    choices = ["Lamps", "Chairs", "Lamps, big"] if takes in fields.WITH_CHOICES else []
    one = a_field(cast, "Mine", takes, choices=choices)
    key = a_customer(cast, **{one.key: typed})
    assert value(cast, key, one.key) == stored_as
    if stored_as is not None:
        assert fields.checked(one, fields.written(one, stored_as, str)) == stored_as, "a file brings back what it took"


@pytest.mark.parametrize(
    ("takes", "typed"),
    [
        ("text", "x" * 2001),
        ("number", "many"),
        ("number", "1e9"),
        ("number", "٣"),
        ("number", "1,2,3"),
        ("number", "9" * 41),
        ("date", "31.02.2026"),
        ("date", "soon"),
        ("yes_no", "perhaps"),
        ("choice", "Sofas"),
        ("several", "Lamps; Sofas"),
        ("link", "javascript:alert(1)"),
        ("link", "data:text/html,x"),
        ("link", "ftp://example.com"),
        ("link", "https://"),
        ("link", "https://exa mple.com"),
        ("link", "https://example.com/\"onclick='x"),
        ("link", "//example.com"),
        ("link", "x" * 501),
    ],
)
def test_what_does_not_fit_is_told_at_its_field_and_nothing_is_stored(cast, takes, typed):
    one = a_field(cast, "Mine", takes, choices=["Lamps"] if takes in fields.WITH_CHOICES else [])
    key = a_customer(cast)
    with pytest.raises(InvalidForm) as told:
        edit(cast, key, {one.key: typed, "city": "Omsk"})
    assert set(told.value.faults) == {one.key}
    with cast.unit() as u:
        assert (customers.one(u, key).extra, customers.one(u, key).city) == ({}, None)


@pytest.mark.parametrize("text", NAUGHTY)
def test_naughty_text_comes_back_as_it_was_typed_from_labels_choices_and_values(cast, text):
    free, choice = a_field(cast, text), a_field(cast, f"2 {text}", "several", choices=[text, "other"])
    key = a_customer(cast, name="Acme", **{free.key: text, choice.key: text})
    assert [one.label for one in known(cast)] == [text, f"2 {text}"]
    assert (value(cast, key, free.key), value(cast, key, choice.key)) == (text, ["choice_1"])
    assert found(cast, (free.key, text), (choice.key, "choice_1")) == ["Acme"]
    (row,) = table_of(taken_out(cast, form=Form.XLSX))
    assert (row[text], row[f"2 {text}"]) == (text, text)


def test_emptying_a_field_takes_its_value_away_and_other_fields_stay(cast):
    one, other = a_field(cast, "One"), a_field(cast, "Other")
    key = a_customer(cast, **{one.key: "x", other.key: "y"})
    edit(cast, key, {one.key: ""})
    with cast.unit() as u:
        assert customers.one(u, key).extra == {other.key: "y"}


def test_a_field_that_is_not_there_is_refused(cast):
    key = a_customer(cast)
    for wrong in ("own:nothing", "own:", "extra"):
        with pytest.raises(InvalidForm) as told:
            edit(cast, key, {wrong: "x"})
        assert set(told.value.faults) == {wrong}


# --- what must be there --------------------------------------------------------


def test_nobody_is_added_without_what_is_mandatory_for_his_kind(cast):
    need = a_field(cast, "Demand", mandatory=True, whose="company")
    answer = a_field(cast, "Agreed", "yes_no", mandatory=True)
    with pytest.raises(InvalidForm) as told:
        a_customer(cast, kind="company", phones=["?"])
    assert set(told.value.faults) == {need.key, answer.key, "phones"}
    assert str(told.value.faults[need.key]) == "Please fill in this field."
    with pytest.raises(InvalidForm) as told:
        a_customer(cast, kind="person")
    assert set(told.value.faults) == {answer.key}
    a_customer(cast, kind="person", **{answer.key: "no"})


def test_who_was_there_before_is_saved_only_when_it_is_filled_but_contact_data_do_not_wait_for_it(cast):
    key = a_customer(cast)
    one = a_field(cast, "Demand", mandatory=True)
    with pytest.raises(InvalidForm) as told:
        edit(cast, key, {"city": "Omsk"})
    assert set(told.value.faults) == {one.key}
    with cast.unit(cast.keeper) as u:
        customers.edit_personal(u, key, {"phones": ["+7 495 111-22-33"]}, seen=1)
    edit(cast, key, {"city": "Omsk", one.key: "lamps"})
    with pytest.raises(InvalidForm):
        edit(cast, key, {one.key: " "})


# --- list and filters ----------------------------------------------------------


def test_the_list_has_the_columns_that_are_shown_and_no_other(cast):
    shown, hidden = a_field(cast, "Shown", listed=True), a_field(cast, "Hidden")
    a_customer(cast, name="Acme", **{shown.key: "x", hidden.key: "y"})
    a_customer(cast, name="Beta")
    with cast.unit(cast.rep) as u:
        for filters in (Filters(), Filters(text="ac"), Filters(own=((hidden.key, "Y"),))):
            row = customers.page(u, filters)[0]
            assert (row["name"], row[shown.key], hidden.key in row, "extra" in row) == ("Acme", "x", False, False)
        assert customers.page(u)[1][shown.key] is None


def test_each_kind_of_value_narrows_the_list(cast):
    need = a_field(cast, "Demand", "several", choices=["Lamps", "Chairs"])
    agreed, size = a_field(cast, "Agreed", "yes_no"), a_field(cast, "Size", "number")
    note, day = a_field(cast, "Remark"), a_field(cast, "Since", "date")
    long = "A long remark, " * 40
    a_customer(cast, name="A", **{need.key: ["choice_1", "choice_2"], agreed.key: True, size.key: "1234.5"})
    a_customer(cast, name="B", **{need.key: ["choice_2"], agreed.key: False, note.key: long, day.key: "2026-02-09"})
    a_customer(cast, name="C", **{note.key: long + "!"})
    assert found(cast, (need.key, "choice_2")) == ["A", "B"]
    assert found(cast, (need.key, "choice_2"), (agreed.key, "no")) == ["B"]
    assert found(cast, (agreed.key, "yes")) == ["A"]
    assert found(cast, (size.key, "1 234,50")) == ["A"]
    assert found(cast, (note.key, long.upper())) == ["B"]
    assert found(cast, (day.key, "9.2.2026")) == ["B"]
    for nobody in ((need.key, "choice_9"), (need.key, "Lamps"), (size.key, "many"), ("own:none", "x"), (note.key, " ")):
        assert found(cast, nobody) == [], "what is not understood finds nobody rather than everybody"


def test_values_that_many_share_narrow_the_list_as_rare_ones_do(cast, monkeypatch):
    monkeypatch.setattr(customers.lists, "OFTEN", 1)
    customers.lists._sharing.cache_clear()
    one, other = a_field(cast, "One"), a_field(cast, "Other")
    for name, of, mine in (("C", "rep", "x"), ("A", "mate", "x"), ("B", "rep", "y"), ("D", "rival", "x")):
        a_customer(cast, of, name=name, **{one.key: "shared", other.key: mine})
    assert found(cast, (one.key, "shared"), by="rep") == ["A", "B", "C"]
    assert found(cast, (one.key, "shared"), (other.key, "x"), by="rep") == ["A", "C"]
    assert found(cast, (one.key, "shared"), (other.key, "y"), by="rep") == ["B"]
    assert found(cast, (one.key, "shared"), (other.key, "z"), by="rep") == []
    customers.lists._sharing.cache_clear()


def test_the_filter_follows_every_change_in_its_own_transaction(cast):
    one = a_field(cast, "Demand", "choice", choices=["Lamps", "Chairs"])
    key = a_customer(cast, name="A", **{one.key: "choice_1"})
    edit(cast, key, {one.key: "choice_2"})
    assert (found(cast, (one.key, "choice_1")), found(cast, (one.key, "choice_2"))) == ([], ["A"])
    with cast.unit(cast.keeper) as u:
        customers.edit_personal(u, key, {"name": "Z"}, seen=2)
    assert found(cast, (one.key, "choice_2")) == ["Z"]
    edit(cast, key, {one.key: None})
    assert found(cast, (one.key, "choice_2")) == []


def test_the_look_up_box_does_not_find_by_own_fields(cast):
    one, called_so = a_field(cast, "Demand"), a_field(cast, "nquarz")
    a_customer(cast, name="Acme", **{one.key: "quarz", called_so.key: "x"})
    with cast.unit(cast.keeper) as u:
        assert [customers.look_up(u, text) for text in ("quarz", "=demand=quarz", "demand=quarz")] == [[], [], []]


@pytest.mark.parametrize("text", ["x", "x" * 30, "x" * 31, "x" * 2000, "値" * 50])
def test_every_value_has_a_token_of_its_own_that_fits(text):
    assert len(fields.token("own:code", text)) <= LONGEST_TOKEN
    assert fields.token("own:code", text) != fields.token("own:code", f"{text}!") != fields.token("own:cod", f"{text}!")


# --- files ---------------------------------------------------------------------


def test_a_column_called_like_a_field_becomes_it(cast):
    need = a_field(cast, "Business need", "several", choices=["Lamps", "Chairs"])
    agreed = a_field(cast, "Agreed", "yes_no")
    import_id = staged(cast, f"name,business NEED,{agreed.key},shoe\nAcme,chairs; Lamps,да,42\nBeta,Sofas,,\n")
    plan = record_of(cast, import_id).plan
    assert dict(plan.columns) == {"name": "name", "business NEED": need.key, agreed.key: agreed.key}
    assert counts(tried(cast, import_id)) == (1, 0, 0, 1)
    assert counts(ran(cast, import_id)) == (1, 0, 0, 1)
    (row,) = stored(cast)
    assert row["extra"] == {need.key: ["choice_1", "choice_2"], agreed.key: True}
    assert causes(cast, import_id)[3] == f"{need.key}: 'Sofas' is not one of the choices."
    assert found(cast, (need.key, "choice_2")) == ["Acme"]


def test_a_field_of_everybody_keeps_its_heading_and_a_synonym_gives_way_to_an_own_field():
    own = {"own:city": "City", "own:state": "Статус"}
    plan = guessing.guess(["Name", "City", "Статус"], [["Acme", "Bonn", "new"]], own=own)
    assert dict(plan.columns) == {"Name": "name", "City": "city", "Статус": "own:state"}


def test_a_row_without_what_is_mandatory_is_faulty_in_the_trial_as_in_the_run(cast):
    known_one = a_customer(cast, "rep", external_number="7")
    need = a_field(cast, "Demand", mandatory=True, whose="company")
    rows = "name,number,kind,Demand\nA,1,company,lamps\nB,2,company,\nC,3,person,\nD,7,,\nE,8,,x\nE,8,,\n"
    import_id = staged(cast, rows, on_match="update")
    assert counts(tried(cast, import_id)) == (3, 0, 1, 2)
    assert counts(ran(cast, import_id)) == (3, 0, 1, 2)
    assert causes(cast, import_id) == {
        3: f"{need.key}: Please fill in this field.",
        5: f"{need.key}: Please fill in this field.",
    }
    assert value(cast, known_one, need.key) is None


def test_an_import_updates_own_fields_and_leaves_what_the_row_leaves_empty(cast):
    one, other = a_field(cast, "One"), a_field(cast, "Other")
    key = a_customer(cast, "rep", external_number="7", **{one.key: "old", other.key: "kept"})
    assert counts(ran(cast, staged(cast, "number,One,Other\n7,new,\n", on_match="update"))) == (0, 1, 0, 0)
    assert (value(cast, key, one.key), value(cast, key, other.key)) == ("new", "kept")


def test_a_heading_that_looks_like_a_key_never_becomes_a_value_unchecked(cast):
    one = a_field(cast, "Agreed", "yes_no")
    import_id = staged(cast, f"name,own:{one.key},x\nAcme,maybe,1\n", keep_own_fields=True, columns={"name": "name"})
    ran(cast, import_id)
    assert stored(cast)[0]["extra"] == {one.code: "maybe", "x": "1"}


def test_a_field_that_went_out_of_use_meanwhile_stops_the_import_with_a_sentence(cast):
    one = a_field(cast, "Demand")
    import_id = staged(cast, "name,Demand\nAcme,lamps\n")
    with cast.unit(cast.admin) as u:
        fields.retire(u, one.id, seen=1)
    with pytest.raises(InvalidForm) as told, cast.unit(cast.keeper) as u:
        imports.start(u, import_id)
    assert str(told.value.faults["Demand"]) == "There is no field 'demand'."


@pytest.mark.parametrize("form", [Form.CSV, Form.XLSX])
def test_a_file_has_the_own_fields_in_words_and_brings_them_back(cast, form):
    need = a_field(cast, "Demand", "several", choices=["Lamps", "Chairs"])
    agreed, size = a_field(cast, "Agreed", "yes_no"), a_field(cast, "Size", "number")
    gone = a_field(cast, "Gone")
    key = a_customer(
        cast, name="Acme", **{need.key: "Lamps; Chairs", agreed.key: False, size.key: "1,5", gone.key: "x"}
    )
    with cast.unit(cast.keeper) as u:
        fields.retire(u, gone.id, seen=1)
        before = dict(customers.one(u, key).extra)
    taken = taken_out(cast, form=form, language="ru")
    (row,) = table_of(taken)
    assert (row["Demand"], row["Agreed"], row["Size"], "Gone" in row) == ("Lamps; Chairs", "Нет", "1.5", False)
    assert list(row)[-3:] == ["Demand", "Agreed", "Size"]
    edit(cast, key, {need.key: [], agreed.key: None, size.key: "7"})
    name = f"back{exports.SUFFIXES[form]}"
    ran(cast, staged(cast, taken.path.read_bytes(), name, on_match="update"))
    assert value(cast, key, need.key) == before[need.key]
    with cast.unit() as u:
        assert customers.one(u, key).extra == before


def test_address_cards_leave_own_fields_out_and_an_export_follows_their_filter(cast):
    one = a_field(cast, "Demand")
    a_customer(cast, name="Acme", **{one.key: "quarz"})
    a_customer(cast, name="Beta")
    assert "quarz" not in text_of(taken_out(cast, form=Form.VCARD))
    narrowed = taken_out(cast, filters=Filters(own=((one.key, "QUARZ"),)))
    assert [row["Name"] for row in table_of(narrowed)] == ["Acme"]
    with cast.unit(cast.keeper) as u:
        assert u.get(exports.Export, narrowed.id).wanted == Filters(own=((one.key, "QUARZ"),))


# --- the history ----------------------------------------------------------------


def test_the_history_names_each_own_field_that_changed_with_old_and_new(cast):
    one, other = a_field(cast, "One"), a_field(cast, "Other")
    key = a_customer(cast, **{one.key: "x", other.key: "y"})
    edit(cast, key, {one.key: "z", "city": "Omsk"})
    with cast.unit(cast.keeper) as u:
        changes = list(audit.history(u, "customers", key)["changes"])
    assert changes[0] == {"city": [None, "Omsk"], one.key: ["x", "z"]}
    assert {pair: changes[1][pair] for pair in (one.key, other.key)} == {one.key: [None, "x"], other.key: [None, "y"]}


# --- rights ----------------------------------------------------------------------


def test_who_may_see_no_customer_learns_no_field(cast):
    from crm.core.grants import Role
    from tests.test_exports import adjust

    a_field(cast, "Demand")
    assert len(known(cast)) == 1
    adjust(cast, Role.SALES_REP, "customers.view", None)
    assert known(cast) == []


def test_the_administrator_sets_up_fields_and_a_leader_does_not(cast):
    assert a_field(cast, "Demand", by="admin").label == "Demand"
    with pytest.raises(Refused):
        a_field(cast, "Other", by="leader")
