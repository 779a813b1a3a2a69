"""Updating by a file: by which key, what an empty cell does, what a trial run tells beforehand, when and by whom it began."""

from datetime import UTC, datetime
from typing import Any

import pytest

from crm import contacts, customers, fields, imports, requisites, tags
from crm.core.errors import Invalid, InvalidForm
from crm.core.grants import Role
from crm.customers import Customer
from crm.imports import FieldMapping, OnMatch, guessing, moments
from crm.imports.mapping import check
from crm.templates import Type
from tests.cast import PARTS, Cast, a_customer, a_field, a_type, is_measured
from tests.test_imports import causes, counts, grant, ran, record_of, staged, stored, tried


def both(cast: Cast, content: str, **plan: Any) -> tuple[int, int, int, int]:
    """Try a file, run it, make sure that the two agree, and return new, updated, left, faulty."""
    import_id = staged(cast, content, **plan)
    trial = counts(tried(cast, import_id))
    done = counts(ran(cast, import_id))
    assert trial == done
    return done


# --- by which key ----------------------------------------------------------------


def an_own_field(cast: Cast, label: str, kind: str = "text") -> str:
    with cast.unit(cast.keeper) as u:
        return fields.add(u, {"label": label, "kind": kind}).code


def known(cast: Cast, code: str) -> dict[str, int]:
    """Add three customers who are alike in all but the key."""
    found = {}
    for name, raw, inn in (
        ("by number", {"external_number": "17", "phones": [], "emails": []}, ""),
        ("by phone", {"phones": ["8 916 000-00-01"], "emails": []}, ""),
        ("by e-mail", {"phones": [], "emails": ["x@y.ru"]}, ""),
        ("by INN", {"phones": [], "emails": []}, "7707083893"),
        ("by shoe", {"phones": [], "emails": [], f"own:{code}": "Size 42"}, ""),
    ):
        found[name] = a_customer(cast, name=name, **raw)
        if inn:
            with cast.unit(cast.keeper) as u:
                requisites.add(u, found[name], {"inn": inn})
    return found


@pytest.mark.parametrize(
    ("key", "cell", "name"),
    [
        ("external_number", "17", "by number"),
        ("phones", "+7 (916) 000 00 01", "by phone"),
        ("emails", "X@Y.ru", "by e-mail"),
        ("inn", "77 07 083893", "by INN"),
        ("own:shoe", "size 42", "by shoe"),
    ],
)
def test_a_row_finds_its_customer_by_the_chosen_key_and_by_nothing_else(cast, key, cell, name):
    code = an_own_field(cast, "Shoe")
    ids = known(cast, code)
    everything = {
        "number": ("external_number", "17"), "phone": ("phones", "8 916 000-00-01"), "mail": ("emails", "x@y.ru"),
        "tax": ("inn", "7707083893"), "shoe": (f"own:{code}", "Size 42"),
    }  # fmt: skip
    mine = next(heading for heading, (target, _) in everything.items() if target == key)
    columns = {heading: target for heading, (target, _) in everything.items()} | {"city": "city"}
    content = f"city,{mine}\nRome,{cell}\n"
    columns = {heading: target for heading, target in columns.items() if heading in {"city", mine}}
    assert both(cast, content, columns=columns, on_match="only_update", key=key) == (0, 1, 0, 0)
    assert [row["id"] for row in stored(cast, city="Rome")] == [ids[name]]
    other = next(one for one in everything if one != mine)
    both_columns = {mine: key, other: everything[other][0], "name": "name"}
    content = f"name,{mine},{other}\nNew,,{everything[other][1]}\n"
    assert both(cast, content, columns=both_columns, on_match="update", key=key)[:2] == (1, 0)


def test_two_customers_with_the_same_key_make_the_row_faulty(cast):
    for _ in range(2):
        a_customer(cast, phones=["8 916 000-00-01"], emails=[])
    content = "name,phone\nA,8 916 000-00-01\nA,8 916 000-00-01\n"
    import_id = staged(cast, content, on_match="update", key="phones")
    assert counts(tried(cast, import_id)) == counts(ran(cast, import_id)) == (0, 0, 0, 2)
    assert causes(cast, import_id)[2].startswith("2 customers have this phone, e-mail or number.")


def test_only_updating_tells_which_rows_found_nobody(cast):
    a_customer(cast, external_number="17")
    content = "name,external number\nA,17\nB,18\nC,\n"
    import_id = staged(cast, content, on_match="only_update", key="external_number")
    assert counts(tried(cast, import_id)) == counts(ran(cast, import_id)) == (0, 1, 0, 2)
    assert causes(cast, import_id) == {
        3: "There is no such customer, and the import only updates those that are there.",
        4: "The row does not say by what its customer is to be found.",
    }


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        (FieldMapping({"a": "name"}, key="external_number"), "key"),
        (FieldMapping({"a": "name"}, key="city"), "key"),
        (FieldMapping({"a": "name"}, key="own:none"), "key"),
        (FieldMapping({"a": "name"}, on_match=OnMatch.ONLY_UPDATE), "key"),
        (FieldMapping({"a": "inn"}, on_match=OnMatch.UPDATE), "columns"),
    ],
)
def test_a_key_that_no_column_becomes_is_a_fault_of_the_mapping(plan, field):
    with pytest.raises(InvalidForm) as caught:
        check(plan, ["a", "b"])
    assert set(caught.value.faults) == {field}


def test_a_customer_out_of_sight_is_not_found_by_any_key(cast):
    for right in ("imports.run", "imports.view", "customers.edit_personal"):
        grant(cast, Role.SALES_MANAGER, right, "team")
    hidden = a_customer(cast, "rival", phones=["8 916 000-00-01"], emails=["x@y.ru"], external_number="17")
    with cast.unit(cast.keeper) as u:
        requisites.add(u, hidden, {"inn": "7707083893"})
    before = stored(cast, id=hidden)
    for heading, cell, key in (
        ("number", "17", "external_number"), ("phone", "89160000001", "phones"), ("mail", "x@y.ru", "emails"),
        ("ИНН", "7707083893", "inn"),
    ):  # fmt: skip
        plan = {"columns": {heading: key, "city": "city"}, "on_match": "only_update", "key": key}
        import_id = staged(cast, f"{heading},city\n{cell},Rome\n", by="leader", **plan)
        assert counts(tried(cast, import_id, by="leader")) == (0, 0, 0, 1)
        assert counts(ran(cast, import_id, by="leader")) == (0, 0, 0, 1)
    assert stored(cast, id=hidden) == before


def test_who_may_not_change_contact_data_updates_by_a_phone_and_brings_none(cast):
    for right in ("imports.run", "imports.view"):
        grant(cast, Role.SALES_MANAGER, right, "team")
    key = a_customer(cast, phones=["8 916 000-00-01"])
    plan = {"columns": {"phone": "phones", "city": "city"}, "on_match": "only_update", "key": "phones"}
    content = "phone,city\n8 916 000-00-01,Rome\n8 916 000-00-01; 8 916 000-00-02,Oslo\n"
    import_id = staged(cast, content, by="leader", **plan)
    assert counts(ran(cast, import_id, by="leader")) == (0, 1, 0, 1)
    row = stored(cast, id=key)[0]
    assert (row["city"], len(row["phones"])) == ("Rome", 1)


# --- empty cells -------------------------------------------------------------------

HEADING = "external number,name,city,note,phone,email,tags,contact person,position\n"
COLUMNS = {
    "external number": "external_number", "name": "name", "city": "city", "note": "note", "phone": "phones",
    "email": "emails", "tags": "tags", "contact person": "contact_name", "position": "contact_position",
}  # fmt: skip


def rich(cast: Cast) -> int:
    key = a_customer(
        cast,
        external_number="17",
        city="Bonn",
        note="n",
        phones=["8 916 000-00-01", "8 916 000-00-02"],
        emails=["a@b.ru"],
    )
    with cast.unit(cast.keeper) as u:
        contacts.add(u, key, {"name": "Petra", "position": "Buyer"})
        tags.change(u, key, on=["old", "vip"])
    return key


def seen(cast: Cast, key: int) -> dict[str, Any]:
    (row,) = stored(cast, id=key)
    with cast.unit(cast.keeper) as u:
        named = [one["name"] for one in tags.of(u, [key]).get(key, [])]
        (person,) = contacts.of(u, key)
    return {
        "name": row["name"], "city": row["city"], "note": row["note"], "tags": named, "position": person["position"],
        "phones": [one["digits"][-2:] for one in row["phones"]], "emails": [one["address"] for one in row["emails"]],
    }  # fmt: skip


def test_an_empty_cell_leaves_what_is_there(cast):
    key = rich(cast)
    before = seen(cast, key)
    plan = {"columns": COLUMNS, "on_match": "update"}
    assert both(cast, HEADING + "17,,,,,,,,\n17,,,,,,,Petra,\n", **plan) == (0, 0, 2, 0)
    assert seen(cast, key) == before


def test_empty_cells_empty_the_field_where_somebody_wants_it(cast):
    key = rich(cast)
    name = seen(cast, key)["name"]
    plan = {"columns": COLUMNS, "on_match": "update", "empties": True}
    assert both(cast, HEADING + "17,,,x,8 916 000-00-02;8 916 000-00-03,,vip,petra,\n", **plan) == (0, 1, 0, 0)
    assert seen(cast, key) == {
        "name": name, "city": None, "note": "x", "tags": ["vip"], "position": None, "phones": ["02", "03"], "emails": [],
    }  # fmt: skip
    row = stored(cast, id=key)[0]
    assert not {"p79160000001", "ea@b.ru"} & row["tokens"]


def test_a_mandatory_field_cannot_be_emptied_by_a_file(cast):
    with cast.unit(cast.keeper) as u:
        code = fields.add(u, {"label": "Demand", "kind": "text", "mandatory": True}).code
    key = a_customer(cast, external_number="17", **{f"own:{code}": "lamps"})
    assert both(cast, "number,Demand,city\n17,,Rome\n", on_match="update", empties=True) == (0, 0, 0, 1)
    assert stored(cast, id=key)[0]["extra"] == {f"own:{code}": "lamps"}


# --- what a trial tells ------------------------------------------------------------


def test_a_trial_shows_before_and_after_and_the_run_does_just_that(cast):
    key = rich(cast)
    content = HEADING + "17,,Rome,,8 916 000-00-03,,new,Petra,Head\n17,,Rome,,,,,,\n"
    import_id = staged(cast, content, columns=COLUMNS, on_match="update")
    trial = tried(cast, import_id)
    assert counts(trial) == (0, 1, 1, 0)
    assert trial["updates"] == [
        {
            "row": 2, "customer_id": key, "name": "Customer of rep",
            "fields": [
                ["city", "Bonn", "Rome"],
                ["phones", "+7 916 000-00-01; +7 916 000-00-02", "+7 916 000-00-01; +7 916 000-00-02; +7 916 000-00-03"],
                ["contact_name", "Petra, Buyer", "Petra, Head"],
                ["tags", "old; vip", "old; vip; new"],
            ],
        }
    ]  # fmt: skip
    assert counts(ran(cast, import_id)) == (0, 1, 1, 0)


def test_a_trial_shows_no_contact_data_to_who_may_not_see_them(cast):
    for right in ("imports.run", "imports.view", "customers.edit_personal"):
        grant(cast, Role.SALES_MANAGER, right, "team")
    grant(cast, Role.SALES_MANAGER, "customers.view_personal", "own")
    a_customer(cast, external_number="17", city="Bonn", phones=["8 916 000-00-01"], address="Secret street 1")
    plan = {"columns": {"n": "external_number", "phone": "phones", "address": "address", "city": "city"}}
    content = "n,phone,address,city\n17,8 916 000-00-02,Other street 2,Rome\n"
    trial = tried(cast, staged(cast, content, by="leader", on_match="update", **plan), by="leader")
    assert trial["updates"][0]["fields"] == [["city", "Bonn", "Rome"], ["address", "•", "•"], ["phones", "•", "•"]]


def test_an_erased_person_leaves_the_report_of_a_trial(cast):
    from crm import privacy

    key = a_customer(cast, name="Gustav Gone", phones=[], emails=[])
    with cast.unit(cast.keeper) as u:
        requisites.add(u, key, {"inn": "7707083893"})
    plan = {"columns": {"ИНН": "inn", "city": "city"}, "on_match": "only_update", "key": "inn"}
    import_id = staged(cast, "ИНН,city\n7707083893,Rome\n", **plan)
    assert "Gustav" in str(tried(cast, import_id))
    with cast.unit() as u:
        privacy.erase(u, key, "asked")
    assert record_of(cast, import_id).trial is None


# --- when and by whom ----------------------------------------------------------------


def test_a_customer_keeps_when_and_by_whom_it_was_added_elsewhere(cast):
    content = "name,Created on,Created by\nA,31.01.2024 14:02,Ivan Rep\nB,2023-05-01T10:00:00+0300,Old Colleague\nC,,\n"
    import_id = staged(cast, content)
    assert counts(ran(cast, import_id)) == (3, 0, 0, 0)
    rows = stored(cast)
    assert [(row["created_at"], row["created_by_id"], row["extra"]) for row in rows] == [
        (datetime(2024, 1, 31, 11, 2, tzinfo=UTC), PARTS["rep"].id, {}),
        (datetime(2023, 5, 1, 7, tzinfo=UTC), None, {"Created by": "Old Colleague"}),
        (cast.now, PARTS["keeper"].id, {}),
    ]


def test_an_update_leaves_when_a_customer_was_added(cast):
    key = a_customer(cast, external_number="17")
    before = stored(cast, id=key)
    content = "external number,Created on,Created by\n17,31.01.2024,Old Colleague\n"
    assert both(cast, content, on_match="update") == (0, 0, 1, 0)
    assert stored(cast, id=key) == before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-31", datetime(2024, 1, 30, 21, tzinfo=UTC)),
        ("31.01.2024", datetime(2024, 1, 30, 21, tzinfo=UTC)),
        ("31.01.24 09:05", datetime(2024, 1, 31, 6, 5, tzinfo=UTC)),
        ("31/01/2024 14:02:59", datetime(2024, 1, 31, 11, 2, 59, tzinfo=UTC)),
        ("1/31/2024", datetime(2024, 1, 30, 21, tzinfo=UTC)),
        ("1/2/2024, 2:02 PM", datetime(2024, 1, 2, 11, 2, tzinfo=UTC)),
        ("1/2/2024", datetime(2024, 1, 31, 21, tzinfo=UTC)),
        ("12/31/2024 12:00 AM", datetime(2024, 12, 30, 21, tzinfo=UTC)),
        ("2024-01-31T14:02:00.000Z", datetime(2024, 1, 31, 14, 2, tzinfo=UTC)),
        ("2024-01-31 14:02:00 UTC", datetime(2024, 1, 31, 14, 2, tzinfo=UTC)),
        ("2024-01-31T14:02:00+03:00", datetime(2024, 1, 31, 11, 2, tzinfo=UTC)),
        ("2024年1月31日 14:02", datetime(2024, 1, 31, 11, 2, tzinfo=UTC)),
    ],
)
def test_moments_are_read_as_other_systems_write_them(text, expected):
    assert moments.moment(text, "Europe/Moscow") == expected


@pytest.mark.parametrize(
    "text", ["", "yesterday", "31.02.2024", "2024", "13/13/2024", "1969-01-01", "2024-01-31 25:00", "1" * 5000]
)
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(Invalid):
        moments.moment(text, "Europe/Moscow")


def test_a_moment_still_to_come_is_a_fault_of_its_row(cast):
    import_id = staged(cast, "name,Created on\nA,31.01.2099\n")
    assert counts(ran(cast, import_id)) == (0, 0, 0, 1)
    assert causes(cast, import_id)[2] == "created_at: This moment is still to come."


def test_a_column_of_days_is_known_by_its_heading_and_its_values():
    rows = [["A", "31.01.2024", "Ivan"]]
    assert guessing.guess(["Имя", "Дата создания", "Кем создан"], rows).columns == {
        "Имя": "name", "Дата создания": "created_at", "Кем создан": "created_by",
    }  # fmt: skip
    assert "created_at" not in guessing.guess(["Имя", "Дата создания"], [["A", "soon"]]).columns.values()


# --- at once -------------------------------------------------------------------------


def test_a_customer_that_somebody_changes_meanwhile_is_done_again_and_loses_nothing(cast, monkeypatch):
    """Between the look and the write somebody saves: the chunk clashes, and is decided anew."""
    from crm.imports import run

    key = a_customer(cast, external_number="17", city="Bonn", note="old")
    import_id = staged(cast, "external number,city\n17,Rome\n", on_match="update")
    write, times = run.write, []

    def late(u: Any, matches: Any, mark: Any) -> Any:
        found = list(matches)
        times.append(len(found))
        if len(times) == 1:
            found[0].version += 1  # as if another had saved first
        return write(u, found, mark)

    monkeypatch.setattr(run, "write", late)
    assert counts(ran(cast, import_id)) == (0, 1, 0, 0)
    assert times == [1, 1]
    row = stored(cast, id=key)[0]
    assert (row["city"], row["note"]) == ("Rome", "old")


def test_an_open_form_notices_that_an_import_changed_the_customer(cast):
    key = a_customer(cast, external_number="17")
    with cast.unit(cast.keeper) as u:
        seen_version = u.get(Customer, key).version
    ran(cast, staged(cast, "external number,phone\n17,8 916 000-00-07\n", on_match="update"))
    with pytest.raises(imports.run.Conflict), cast.unit(cast.keeper) as u:
        customers.edit(u, key, {"city": "Oslo"}, seen=seen_version)


# --- types -----------------------------------------------------------------------


def classes(cast: Cast) -> list[tuple[str, str]]:
    return [(row["kind"], row["type"]) for row in stored(cast)]


def test_a_row_that_only_says_the_kind_that_it_is_leaves_the_type(cast):
    shop = a_type(cast, "Shop")
    a_customer(cast, external_number="17", type=shop)
    assert both(cast, "number,kind,city\n17,company,Rome\n", on_match="update", columns=CLASSED) == (0, 1, 0, 0)
    assert classes(cast) == [("company", shop)]
    assert both(cast, "number,kind,city\n17,person,Rome\n", on_match="update", columns=CLASSED) == (0, 1, 0, 0)
    assert classes(cast) == [("person", "person")], "the type was one of companies"


CLASSED = {"number": "external_number", "kind": "kind", "city": "city"}


def test_new_customers_get_the_chosen_type_where_the_row_says_nothing(cast):
    shop, patient = a_type(cast, "Shop"), a_type(cast, "Patient", "person")
    fixed = {"kind": "company", "type": shop}
    columns = {"name": "name", "type": "type", "kind": "kind"}
    content = "name,type,kind\nA,,\nB,Patient,\nC,,company\nD,,person\n"
    assert both(cast, content, columns=columns, fixed=fixed) == (4, 0, 0, 0)
    assert classes(cast) == [("company", shop), ("person", patient), ("company", shop), ("person", "person")]
    assert is_measured(cast)


def test_own_fields_that_the_template_leaves_out_are_not_demanded_of_a_row(cast):
    one = a_field(cast, "Fleet", whose="company", mandatory=True)
    shop = a_type(cast, "Shop", **{one.key: "out"})
    fixed = {"kind": "company", "type": shop}
    assert both(cast, "name,type\nA,\nB,Company\n", columns={"name": "name", "type": "type"}, fixed=fixed) == (
        1,
        0,
        0,
        1,
    )
    assert classes(cast) == [("company", shop)]


@pytest.mark.parametrize(
    "fixed",
    [{"type": "spaceship"}, {"kind": "person", "type": "shop"}, {"type": "shop"}, {"kind": "company", "type": ["x"]}],
)
def test_a_type_that_new_customers_cannot_get_is_a_fault_of_the_mapping(fixed):
    shop = Type("shop", "Shop", "company", ())
    with pytest.raises(InvalidForm) as caught:
        check(FieldMapping({"a": "name"}, fixed=fixed), ["a"], types=(shop,))
    assert set(caught.value.faults) == {"fixed.type"}
    check(FieldMapping({"a": "name"}, fixed={"kind": "company", "type": "shop"}), ["a"], types=(shop,))
