"""The page of reports as it is used: counted with one press, concluded, filed, and next month the same numbers again."""

from io import BytesIO

import openpyxl
import pytest

from crm import reports
from crm.core import clock
from crm.exports import as_sheet
from tests.cast import PARTS, a_customer
from tests.pages.screen import field, opened, part, press, rows, texts
from tests.test_reports import LAST, MONTH, NEXT, came, filed, make
from ui import report_parts


def figures(at) -> dict[str, str]:
    return dict(part(at, "head")["figures"])


def ledger(at, key: str) -> dict[str, list[str]]:
    return {one["name"]: one["cells"] for one in part(at, f"ledger-{key}")["lines"]}


def listed(at) -> set[str]:
    """Return the addresses of the lists that the report opens."""
    lines = [one["href"] for key in ("ledger-month", "ledger-day", "people") for one in part(at, key)["lines"]]
    return set(filter(None, lines))


def test_the_keeper_counts_concludes_and_files_and_finds_the_same_numbers_next_month(cast):
    a_customer(cast, city="Kazan")
    at = press(opened("reports", cast.keeper, do="make"), "Count")
    with cast.unit(cast.keeper) as u:
        (report,) = reports.page(u)
    assert report["starts_on"] == LAST
    at = opened("reports", cast.keeper, id=report["id"], do="conclude", seen=1)
    field(at, "conclusion").set_value("We grow.\nTwo more fairs.")
    press(at, "Save")
    press(opened("reports", cast.keeper, id=report["id"], do="file", seen=2), "File it")
    shown = opened("reports", cast.executive, id=report["id"])
    for n in range(3):
        a_customer(cast, name=f"Later {n}")
    with clock.stopped(NEXT):
        again = opened("reports", cast.executive, id=report["id"])
    assert figures(again) == figures(shown)
    assert figures(shown)["Customers in all"] == "1"
    assert part(again, "conclusion")["boxes"][0]["lines"] == [["", "We grow.\nTwo more fairs.", ""]]
    assert part(again, "head")["acts"] == []


def test_this_month_is_chosen_and_marked_as_so_far(cast):
    at = opened("reports", cast.keeper, do="make")
    assert [str(one) for one in field(at, "month").options] == ["January 2026", "February 2026, so far"]
    field(at, "month").set_value(MONTH)
    press(at, "Count")
    assert rows(opened("reports", cast.executive), "reports")[0][:2] == ["February 2026, so far", "Draft"]


def test_a_month_that_is_filed_already_says_so_beside_the_choice(cast):
    filed(cast, make(cast, LAST))
    at = press(opened("reports", cast.keeper, do="make"), "Count")
    assert "The report of this month is filed already." in texts(at)


def test_figures_stand_beside_those_of_the_month_before(cast):
    make(cast, LAST)
    a_customer(cast)
    report = make(cast, MONTH, now=NEXT)
    at = opened("reports", cast.executive, id=report["id"])
    assert ledger(at, "month")["New customers"] == ["1", "0"]
    assert ledger(at, "day")["Customers in all"] == ["1", "0"]
    assert part(at, "ledger-month")["heads"] == ["February 2026", "Month before"]
    assert part(opened("reports", cast.executive, id=report["id"] - 1), "ledger-month")["heads"] == ["January 2026"]


def test_the_number_of_new_customers_opens_their_list_and_a_draft_opens_those_of_today(cast):
    came(cast, a_customer(cast, name="Older"), NEXT.replace(year=2025))
    a_customer(cast, "mate", name="Fresh")
    report = make(cast)
    at = opened("reports", cast.keeper, id=report["id"])
    (new,) = [one for one in listed(at) if "created" in one]
    query = dict(one.split("=", 1) for one in new.partition("?")[2].split("&"))
    assert [row[0] for row in rows(opened("customers", cast.keeper, **query), "customers")] == ["Fresh"]
    assert {
        "/customers",
        "/quality",
        "/duplicates",
        f"/customers?responsible={PARTS['rep'].id}&sort=complete",
    } < listed(at)
    assert "/duplicates" not in listed(opened("reports", cast.executive, id=report["id"]))
    filed(cast, report)
    assert listed(opened("reports", cast.keeper, id=report["id"])) == {new}


def test_each_responsible_has_a_bar_with_its_number_and_of_how_many_it_is_made(cast):
    for of in ("rep", "rep", None):
        a_customer(cast, of)
    a_customer(cast, "mate", city="Kazan")
    report = make(cast)
    lines = part(opened("reports", cast.analyst, id=report["id"]), "people")["lines"]
    assert [(one["name"], one["share"], one["value"], one["note"]) for one in lines] == [
        ("nobody", 44, "44%", "1 customer · to verify: 0"),
        ("Ivan Rep", 44, "44%", "2 customers · to verify: 0"),
        ("Olga Mate", 55, "55%", "1 customer · to verify: 0"),
    ]


@pytest.mark.parametrize("name", ["executive", "analyst"])
def test_who_only_reads_has_nothing_to_press_not_even_by_the_address(cast, name):
    report = make(cast)
    for query in ({"do": "make"}, {"id": report["id"], "do": "conclude"}, {"id": report["id"], "do": "file"}):
        at = opened("reports", getattr(cast, name), **query)
        assert at.button == []
        assert part(at, "head")["acts"] == []


@pytest.mark.parametrize("name", ["rep", "leader", "service", "marketer", "partner"])
def test_who_reads_no_reports_finds_none(cast, name):
    report = make(cast)
    at = opened("reports", getattr(cast, name), id=report["id"])
    assert "There is no such record, or it is not yours to see." in texts(at)
    assert rows(opened("reports", getattr(cast, name)), "reports") == []


def test_a_filed_report_opens_no_form_by_its_address(cast):
    report = filed(cast, make(cast))
    for name in ("conclude", "file"):
        assert opened("reports", cast.keeper, id=report["id"], do=name, seen=1).button == []


def test_a_report_saved_by_somebody_else_meanwhile_is_not_overwritten(cast):
    report = make(cast)
    with cast.unit(cast.admin) as u:
        reports.conclude(u, report["id"], "First", seen=1)
    at = opened("reports", cast.keeper, id=report["id"], do="conclude", seen=1)
    field(at, "conclusion").set_value("Second")
    at = press(at, "Save")
    assert "Someone changed this record meanwhile." in texts(at)
    with cast.unit(cast.keeper) as u:
        assert reports.one(u, report["id"])["conclusion"] == "First"


def test_the_file_has_numbers_as_numbers_and_nothing_in_it_runs(cast):
    a_customer(cast, city="Kazan")
    with cast.unit(cast.keeper) as u:
        key = reports.make(u, MONTH).id
        reports.conclude(u, key, '=HYPERLINK("http://evil.example")\nWe grow.', seen=1)
        report = reports.one(u, key)
    opened("reports", cast.executive, id=key)
    people = {one.id: one.name for one in PARTS.values()}
    sheet = openpyxl.load_workbook(BytesIO(as_sheet("A/B", report_parts.sheet(report, None, people)))).active
    cells = {row[0].value: row[1].value for row in sheet.iter_rows(max_col=2) if row[0].value}
    assert (cells["New customers"], cells["Completeness on average, per cent"], cells["Ivan Rep"]) == (1, 55, 1)
    (formula,) = [cell for row in sheet.iter_rows() for cell in row if str(cell.value).startswith("=")]
    assert formula.data_type == "s"


def test_a_name_of_a_colleague_is_todays_and_one_without_account_stays_a_number(cast):
    report = make(cast)
    a_customer(cast)
    report = make(cast)
    assert report_parts._called({"responsible_id": 999}, {}) == "№ 999"
    assert [one["responsible_id"] for one in report["figures"]["people"]] == [PARTS["rep"].id]
