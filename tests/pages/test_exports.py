"""The dialog that takes customers out, as it is used."""

import pytest

from crm import exports
from crm.core.jobs import JobContext
from crm.exports import State, steps
from tests.cast import PARTS, a_customer
from tests.pages.screen import opened, part, press, rows, texts

BUTTON = "Export to a file"


def links(at):
    return [one.proto.url for one in at.get("link_button")]


def test_the_dialog_says_how_many_and_which_columns_and_gives_the_file(cast):
    a_customer(cast, name="Alpha", stage="lost")
    a_customer(cast, name="Beta", stage="loyal")
    at = opened("customers", cast.keeper, do="export", stage="lost")
    said = texts(at)
    assert "As the list is narrowed now: **1 customer**." in said
    assert "Columns: Name, Kind, Type, Phones" in said
    assert links(at) == []
    at = press(at, BUTTON)
    (address,) = links(at)
    with cast.unit(cast.keeper) as u:
        (record,) = exports.mine(u, None)
    assert address == f"/export/{record.stored_as}"
    assert (record.state, record.row_count, record.form) == (State.READY, 1, exports.Form.XLSX)
    press(at, BUTTON)
    with cast.unit(cast.keeper) as u:
        assert len(exports.mine(u, None)) == 2


def test_many_are_written_by_a_job_whose_progress_is_seen(cast, monkeypatch):
    monkeypatch.setattr(exports, "AT_ONCE", 1)
    a_customer(cast)
    a_customer(cast, "mate")
    at = press(opened("customers", cast.leader, do="export"), BUTTON)
    assert links(at) == []
    assert "Waiting for its turn." in str(at.get("progress")[0].proto)
    with cast.unit(cast.leader) as u:
        (record,) = exports.mine(u, None)
    exports.write_job(JobContext(cast.database, record.job_id or "", cast.leader), export_id=record.id)
    assert links(opened("customers", cast.leader, do="export")) == [f"/export/{record.stored_as}"]


def test_a_file_that_failed_says_why(cast):
    a_customer(cast)
    with cast.unit(cast.keeper) as u:
        record = exports.ask(u, exports.Wish(steps.Filters(), exports.Form.CSV, "en"), sign_in_id=None)
    with cast.unit() as u:
        steps.fail(u, record.id, steps.CrmError("The disk is full."))
    assert "The disk is full." in opened("customers", cast.keeper, do="export").error[0].value


@pytest.mark.parametrize("name", ["rep", "service", "marketer", "analyst", "admin", "partner"])
def test_whoever_may_not_export_sees_no_link_and_by_the_address_only_that_it_is_refused_and_noted(cast, name):
    a_customer(cast, name if PARTS[name].team_id else "rep")
    at = opened("customers", getattr(cast, name), do="export")
    assert "Export" not in [one["label"] for one in part(at, "head")["acts"]]
    assert not [one for one in at.button if one.label == BUTTON]
    assert not at.radio
    assert "As the list is narrowed now" not in texts(at), "not even how many there are"
    assert (
        at.warning[0].value
        == "Your role does not allow this. Who takes customers out as a file, or tries to, is noted."
    )
    noted = rows(opened("audit", cast.admin, verb="exports.note_refusal"), "audit")
    assert [(row[0], row[2], row[3]) for row in noted] == [("Export refused", PARTS[name].name, PARTS[name].name)]
    assert noted[0][4] == "Refused: Take customers out as a file"


def test_nobody_to_export_cannot_be_exported(cast):
    at = opened("customers", cast.keeper, do="export")
    assert [one.disabled for one in at.button if one.label == BUTTON] == [True]
