"""The screen of imports as it is used: from the empty list to the file of faulty rows."""

import pytest
from sqlalchemy import insert

from crm import customers, imports
from crm.core.access import RightAdjustment
from crm.core.errors import Invalid
from crm.core.grants import PRESETS
from crm.imports import Import, State, run, steps, trial, undo
from tests.cast import Cast, a_customer, a_type
from tests.pages.screen import opened, part, press, rows, texts
from tests.test_imports import ran, record_of, staged

CONTENT = "name,phone,city,shoe\nAcme,8 916 000-00-01,Bonn,42\nBeta,no phone,Rome,\n"


def give_leaders_imports(cast: Cast) -> None:
    given = [
        {"role": str(role), "right": right, "scope": str(scope), "version": 1}
        for role, right, scope in PRESETS["small_team"]
    ]
    with cast.database.writing() as connection:
        connection.execute(insert(RightAdjustment.__table__), given)


def button(at, key):
    return next(one for one in at.button if one.key == key)


def test_without_an_import_the_page_says_what_to_do(cast):
    at = opened("imports", cast.keeper)
    assert "Nothing was imported yet" in part(at, "empty-empty")["sentence"]
    assert part(at, "head")["acts"][0]["label"] == "Import a file"
    assert part(opened("imports", cast.admin), "head")["acts"] == []


@pytest.mark.parametrize("name", ["rep", "service", "leader", "marketer", "partner"])
def test_others_see_nothing_there_even_when_they_know_the_address(cast, name):
    import_id = staged(cast, CONTENT)
    for query in ({}, {"id": import_id}, {"do": "new"}, {"id": import_id, "do": "reading"}):
        at = opened("imports", getattr(cast, name), **query)
        assert "customers.csv" not in texts(at)
        assert "Acme" not in texts(at)
        assert not at.button
        assert not at.get("file_uploader")


def test_a_leader_sees_the_own_imports_only(cast):
    give_leaders_imports(cast)
    own, other = staged(cast, CONTENT, "mine.csv", by="leader"), staged(cast, CONTENT, "theirs.csv")
    assert [row[0] for row in rows(opened("imports", cast.leader), "imports")] == ["mine.csv"]
    assert "Acme" in texts(opened("imports", cast.leader, id=own))
    hidden = opened("imports", cast.leader, id=other)
    assert "There is no such record, or it is not yours to see." in texts(hidden)
    assert "theirs.csv" not in texts(hidden)


def test_the_administrator_sees_the_counts_and_no_row(cast):
    import_id = staged(cast, CONTENT)
    ran(cast, import_id)
    at = opened("imports", cast.admin, id=import_id)
    assert [one.value for one in at.metric] == ["1", "0", "0", "1"]
    assert "Only whoever imports this file may look into it." in texts(at)
    assert "no phone" not in texts(at)
    assert not at.button
    assert not at.exception


def test_an_uploaded_file_becomes_an_import(cast):
    at = opened("imports", cast.keeper, do="new")
    at.get("file_uploader")[0].upload("customers.csv", CONTENT.encode(), "text/csv").run()
    with cast.unit(cast.keeper) as u:
        assert imports.listing(u)["file_name"].tolist() == ["customers.csv"]


def test_a_refused_file_says_why_and_is_looked_at_once(cast, monkeypatch):
    at = opened("imports", cast.keeper, do="new")
    at.get("file_uploader")[0].upload("customers.csv", b"PK\x03\x04", "text/csv").run()
    assert at.error[0].value == "What is inside this file does not fit its name. Save it anew as .csv or .xlsx."
    monkeypatch.setattr(imports, "receive", lambda *_: 1 / 0)
    assert at.run().error[0].value.startswith("What is inside this file")


def test_a_staged_file_shows_what_its_columns_become_and_its_first_rows(cast):
    at = opened("imports", cast.keeper, id=staged(cast, CONTENT))
    assert part(at, "head")["line"].startswith("Being prepared · 2 rows · UTF-8 · Comma")
    columns = next(one for one in at.get("bidi_component") if one.key.startswith("columns-"))
    data = part(at, columns.key)
    assert data["chosen"] == {"name": "name", "phone": "phones", "city": "city"}
    assert data["columns"][0] == {"heading": "name", "examples": "Acme · Beta"}
    assert rows(at, "preview") == [
        ["2", "New", "Acme", "+7 916 000-00-01", "Bonn"],
        ["3", "Faulty", "Beta", "'no phone' is not a phone number.", "Rome"],
    ]
    assert part(at, "preview")["rows"][1]["cells"][3][1] == "bad"


def test_the_options_are_kept_in_the_import(cast):
    import_id = staged(cast, CONTENT)
    at = opened("imports", cast.keeper, id=import_id)
    options = {one.key.split("-")[0]: one for one in (*at.selectbox, *at.checkbox, *at.text_input)}
    options["kind"].set_value("person")
    options["responsible"].set_value(3)
    options["on_match"].set_value("update")
    options["keep"].set_value(True)
    press(at, "Show the preview")
    plan = record_of(cast, import_id).plan
    assert (plan.fixed["kind"], plan.fixed["responsible_id"], str(plan.on_match), plan.keep_own_fields) == (
        "person",
        3,
        "update",
        True,
    )
    again = opened("imports", cast.keeper, id=import_id)
    assert rows(again, "preview")[0][-1] == "42"


def test_new_customers_get_the_type_that_is_chosen_beside_the_columns(cast):
    shop = a_type(cast, "Shop")
    import_id = staged(cast, CONTENT)
    at = opened("imports", cast.keeper, id=import_id)
    next(one for one in at.selectbox if one.key.startswith("kind-")).set_value(shop)
    press(at, "Show the preview")
    fixed = record_of(cast, import_id).plan.fixed
    assert (fixed["kind"], fixed["type"]) == ("company", shop)
    again = opened("imports", cast.keeper, id=import_id)
    assert next(one for one in again.selectbox if one.key.startswith("kind-")).value == shop


def test_a_mapping_without_a_name_is_told_beside_the_columns(cast):
    import_id = staged(cast, CONTENT)
    at = opened("imports", cast.keeper, id=import_id)
    columns = next(one.key for one in at.get("bidi_component") if one.key.startswith("columns-"))
    text = next(one for one in at.text_input if one.key.startswith("template-"))
    text.set_value("Customer {absent}")
    press(at, "Show the preview")
    assert "The file has no column 'absent'" in at.error[0].value.replace("\\", "")
    assert columns


def test_a_trial_run_and_a_run_from_the_screen(cast):
    import_id = staged(cast, CONTENT)
    at = opened("imports", cast.keeper, id=import_id)
    button(at, "try").click().run()
    assert record_of(cast, import_id).state == State.CHECKING
    assert "0 of 2 rows" in str(at.get("progress")[0].proto.text)
    trial.try_all(cast.database, cast.keeper, import_id)
    at = opened("imports", cast.keeper, id=import_id)
    assert [one.value for one in at.metric] == ["1", "0", "0", "1"]
    assert rows(at, "trial-faults") == [["3", "Phones: 'no phone' is not a phone number."]]
    button(at, "start").click().run()
    assert record_of(cast, import_id).state == State.RUNNING
    run.run_all(cast.database, cast.keeper, import_id)
    at = opened("imports", cast.keeper, id=import_id)
    assert [one["href"] for one in part(at, "head")["acts"]] == [
        f"?id={import_id}&do=undo",
        f"/customers?import={import_id}",
    ]
    assert rows(at, "faulty-rows") == [["3", "Phones: 'no phone' is not a phone number."]]
    press(at, "Make the file of faulty rows")
    assert at.get("download_button")


def test_a_run_can_be_stopped_and_taken_up_on_the_screen(cast):
    import_id = staged(cast, CONTENT)
    with cast.unit(cast.keeper) as u:
        imports.start(u, import_id)
    at = opened("imports", cast.keeper, id=import_id)
    button(at, "stop").click().run()
    assert record_of(cast, import_id).state == State.STOPPED
    at = opened("imports", cast.keeper, id=import_id)
    assert "0 of 2 rows are done. What was stored stays." in texts(at)
    button(at, "resume").click().run()
    assert record_of(cast, import_id).state == State.RUNNING


def test_the_same_file_again_must_be_meant(cast):
    ran(cast, staged(cast, CONTENT))
    import_id = staged(cast, CONTENT)
    at = opened("imports", cast.keeper, id=import_id)
    assert "This file was imported with the same mapping on" in at.warning[0].value
    assert button(at, "start").disabled
    next(one for one in at.checkbox if one.key.startswith("again-")).check().run()
    button(at, "start").click().run()
    assert record_of(cast, import_id).state == State.RUNNING


def test_a_failed_import_says_why(cast):
    import_id = staged(cast, CONTENT)
    with cast.unit(cast.keeper) as u:
        imports.start(u, import_id)
    with cast.unit() as u:
        run.fail(u, import_id, Invalid("At most {most} fit here.", most=3))
    at = opened("imports", cast.keeper, id=import_id)
    assert at.error[0].value == "At most 3 fit here."


def test_what_a_file_says_is_never_markup(cast):
    heading, name = "**b** <b>x</b>", "![x](http://evil.example/x.png)"
    at = opened(
        "imports", cast.keeper, id=staged(cast, f"name,{heading}\n{name},y\n", "![a](b).csv", keep_own_fields=True)
    )
    drawn = " ".join(str(one.value) for kind in ("markdown", "caption", "subheader") for one in at.get(kind))
    assert "evil.example" not in drawn
    assert rows(at, "preview")[0][2] == name
    assert part(at, "head")["title"] == "![a](b).csv"


def test_a_thrown_away_import_is_gone(cast):
    import_id = staged(cast, CONTENT)
    button(opened("imports", cast.keeper, id=import_id), "discard").click().run()
    with cast.unit(cast.keeper) as u:
        assert imports.count(u) == 0
    assert "There is no such record" in texts(opened("imports", cast.keeper, id=import_id))


def test_an_import_whose_file_was_removed_says_so(cast):
    import_id = staged(cast, CONTENT)
    with cast.unit() as u:
        u.session.get(Import, import_id)
    with cast.database.writing() as connection:
        table = Import.__table__
        connection.execute(table.update().where(table.c.id == import_id).values(file_removed_at=cast.now))
    assert "The file of this import was removed" in texts(opened("imports", cast.keeper, id=import_id))
    with pytest.raises(Invalid), cast.unit(cast.keeper) as u:
        steps.attempt(u, import_id)


def test_a_trial_run_shows_what_updates_would_change(cast):
    key = a_customer(cast, external_number="17", name="Acme", city="Bonn", phones=["8 916 000-00-01"])
    content = "name,external number,city,phone,stage\nAcme,17,Rome,8 916 000-00-02,loyal\nAcme,17,Rome,,\n"
    import_id = staged(cast, content, on_match="update")
    with cast.unit(cast.keeper) as u:
        imports.attempt(u, import_id)
    trial.try_all(cast.database, cast.keeper, import_id)
    at = opened("imports", cast.keeper, id=import_id)
    assert [one.value for one in at.metric] == ["0", "1", "1", "0"]
    assert rows(at, "trial-updates") == [
        ["2", "Acme", "Stage", "Potential", "Loyal"],
        ["2", "Acme", "City", "Bonn", "Rome"],
        ["2", "Acme", "Phones", "+7 916 000-00-01", "+7 916 000-00-01; +7 916 000-00-02"],
    ]
    assert part(at, "trial-updates")["rows"][0]["href"] == f"/customer?id={key}"


def test_an_import_is_undone_from_the_screen_and_comes_once_more(cast):
    kept = a_customer(cast, external_number="17", name="Acme", city="Bonn")
    import_id = staged(cast, "name,external number,city\nAcme,17,Rome\nBeta,18,Oslo\n", on_match="update")
    ran(cast, import_id)
    with cast.unit(cast.keeper) as u:
        customers.edit(u, kept, {"city": "Wien"}, seen=u.get(customers.Customer, kept).version)
    at = opened("imports", cast.keeper, id=import_id, do="undo")
    assert "1 new customer is removed." in texts(at)
    press(at, "Undo the import")
    assert record_of(cast, import_id).state == State.UNDOING
    assert "0 of 2 customers" in str(opened("imports", cast.keeper, id=import_id).get("progress")[0].proto.text)
    undo.undo_all(cast.database, cast.keeper, import_id)
    at = opened("imports", cast.keeper, id=import_id)
    assert [one.value for one in at.metric] == ["1", "1", "0", "0", "1", "0", "1"]
    assert rows(at, "kept") == [["Acme", "City"]]
    assert not part(at, "head")["acts"]
    button(at, "again").click().run()
    assert record_of(cast, import_id + 1).state == State.STAGED


def test_a_key_without_a_column_is_told(cast):
    import_id = staged(cast, CONTENT)
    at = opened("imports", cast.keeper, id=import_id)
    next(one for one in at.selectbox if one.key.startswith("key-")).set_value("inn")
    press(at, "Show the preview")
    assert "Say which column is the field" in at.error[0].value
