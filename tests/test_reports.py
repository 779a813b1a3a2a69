"""Reports: counted once for everybody's customers, concluded by whoever made it, and never changed once it is filed."""

import json
from datetime import date, timedelta

import pytest
from sqlalchemy import select, update

from crm import (
    audit,
    customers,
    duplicates,
    imports,
    mass_edits,
    merges,
    missing_data,
    notifications,
    privacy,
    reports,
    rights,
    settings,
)
from crm.core.access import SYSTEM
from crm.core.audit_log import HIDDEN, AuditEntry
from crm.core.errors import Conflict, CrmError, Invalid, NotFound, Refused
from crm.core.grants import Role
from crm.core.jobs import JobContext
from crm.customers import Customer, Filters
from crm.imports import Import
from crm.reports import AT_MAKING, IN_MONTH, Report
from tests.cast import DAY, NOW, PARTS, Cast, a_call, a_customer, a_pair

MONTH, LAST = date(2026, 2, 1), date(2026, 1, 1)
NEXT = NOW + timedelta(days=25)
"""The sixth of March: February is over."""
REP, MATE, RIVAL, KEEPER = (PARTS[name].id for name in ("rep", "mate", "rival", "keeper"))


def make(cast: Cast, month: date = MONTH, by: str = "keeper", now=NOW) -> dict:
    with cast.unit(getattr(cast, by), now=now) as u:
        key = reports.make(u, month).id
    with cast.unit(cast.executive, now=now) as u:
        return reports.one(u, key)


def read(cast: Cast, key: int, by: str = "executive") -> dict | None:
    with cast.unit(getattr(cast, by)) as u:
        return reports.one(u, key)


def filed(cast: Cast, report: dict, now=NOW) -> dict:
    with cast.unit(cast.keeper, now=now) as u:
        reports.file(u, report["id"], seen=report["version"])
    return read(cast, report["id"])


def bell(cast: Cast, part: str) -> list[tuple[str, str]]:
    with cast.unit(getattr(cast, part)) as u:
        return [(one.text.format(**one.values), one.address) for one in notifications.latest(u)]


def came(cast: Cast, key: int, at) -> int:
    """Let a customer have come at a moment."""
    with cast.database.writing() as connection:
        table = Customer.__table__
        connection.execute(update(table).where(table.c.id == key).values(created_at=at, verified_at=at))
    return key


# --- what is counted ------------------------------------------------------------


def test_a_month_begins_and_ends_where_the_company_is(cast):
    """Moscow: January ends at 21:00 UTC."""
    edge = NOW.replace(month=1, day=31, hour=23, minute=59)
    came(cast, a_customer(cast), edge)
    came(cast, a_customer(cast), edge + timedelta(minutes=2))
    assert make(cast, MONTH)["figures"]["new"] == 1
    assert make(cast, LAST)["figures"]["new"] == 1
    with cast.unit(cast.admin) as u:
        settings.change(u, "timezone", "Europe/London")
    assert make(cast, LAST)["figures"]["new"] == 2


def test_who_came_in_the_month_is_the_very_list_that_the_number_opens(cast):
    first = NOW.replace(day=1, hour=0, minute=0)
    inside = {a_customer(cast), *(came(cast, a_customer(cast, of), first) for of in ("rival", "mate"))}
    for at in (NOW.replace(month=1, day=31, hour=23, minute=59), NOW.replace(month=3, day=1, hour=0, minute=0)):
        came(cast, a_customer(cast), at)
    gone = a_customer(cast)
    with cast.unit() as u:
        customers.archive(u, gone, seen=1)
    report = make(cast)
    with cast.unit(cast.executive) as u:
        rows = customers.page(u, Filters(where=reports.new_in(report["starts_on"])))
    assert {row["id"] for row in rows} == inside
    assert report["figures"]["new"] == len(inside)


def test_each_way_of_changing_data_counts_each_customer_once_and_no_other_deed_does(cast):
    ago = NOW - timedelta(days=60)
    names = ("edited", "called", "personal", "mass")
    old = {name: came(cast, a_customer(cast, city=name), ago) for name in names}
    fresh = a_customer(cast)
    with cast.unit(cast.keeper) as u:
        for n, city in enumerate(("Kazan", "Perm"), 1):
            customers.edit(u, old["edited"], {"city": city}, seen=n)
        customers.edit_personal(u, old["personal"], {"phones": ["+7 916 000-00-00"]}, seen=1)
        customers.edit(u, fresh, {"city": "Kazan"}, seen=1)
        customers.assign(u, old["called"], responsible_id=MATE, seen=1)
        customers.verify(u, old["called"])
    a_call(cast, old["called"])
    with cast.unit(cast.keeper) as u:
        where, wish = Filters(where="city.is.mass"), mass_edits.Wish({"stage": "lost"})
        edit = mass_edits.ask(u, where, wish, seen=1).id
        mass_edits.change_some(u, edit)
    assert make(cast)["figures"]["changed"] == 3
    assert make(cast, LAST)["figures"]["changed"] == 0


def test_verified_merged_parted_binned_erased_and_asked_are_counted_in_their_month(cast):
    keys = [a_customer(cast, name=f"Firm {n}", phones=[f"+7 916 000-00-1{n}"], emails=[]) for n in range(8)]
    apart = a_pair(cast, keys[0], keys[1])
    for one, other in ((2, 3), (2, 4), (3, 6)):  # the last one goes into the bin
        a_pair(cast, keys[one], keys[other])
    with cast.unit(cast.keeper) as u:
        customers.verify(u, keys[0])
        customers.verify(u, keys[0])
        duplicates.part(u, apart)
        merges.merge(u, keys[4], keys[5])
        undone = merges.merge(u, keys[0], keys[1]).id
        missing_data.ask(u, keys[2])
    with cast.unit(cast.keeper) as u:
        merges.undo(u, undone)
        customers.archive(u, keys[6], seen=1)
        privacy.erase(u, keys[7], "asked")
    counted = make(cast)["figures"]
    wanted = {"verified": 1, "merged": 1, "parted": 1, "binned": 1, "erased": 1, "asked": 1, "doubles": 2}
    assert {code: counted[code] for code in wanted} == wanted
    nothing = dict.fromkeys(("verified", "merged", "parted", "binned", "erased", "asked"), 0)
    counted = make(cast, LAST)["figures"]
    assert {code: counted[code] for code in nothing} == nothing


def test_imports_count_with_their_rows_unless_they_were_undone(cast):
    with cast.unit(cast.keeper) as u:
        made = [imports.stage(u, imports.files.receive(f"{n}.csv", f"name\nFirm {n}\n".encode())).id for n in range(4)]
    facts = [("finished", NOW), ("stopped", NOW), ("undone", NOW), ("finished", NOW - timedelta(days=30))]
    with cast.database.writing() as connection:
        table = Import.__table__
        for key, (state, at) in zip(made, facts, strict=True):
            values = {"state": state, "started_at": at, "new_count": 940, "updated_count": 35, "faulty_count": 25}
            connection.execute(update(table).where(table.c.id == key).values(**values))
    counted = make(cast)["figures"]
    files = ("imports", "imported_new", "imported_updated", "imported_faulty")
    assert [counted[code] for code in files] == [2, 1880, 70, 50]
    assert [make(cast, LAST)["figures"][code] for code in files] == [1, 940, 35, 25]


def test_everybodys_customers_are_counted_whoever_makes_the_report(cast):
    for of in ("rep", "rep", "mate", "rival", None):
        a_customer(cast, of)
    gone = a_customer(cast, "rival")
    with cast.unit() as u:
        customers.archive(u, gone, seen=1)
    with cast.unit(cast.admin) as u:
        for right in ("reports.make", "reports.view"):
            rights.adjust(u, Role.SALES_MANAGER, right, "all")
    for by in ("keeper", "admin", "leader"):
        counted = make(cast, by=by)["figures"]
        assert counted["customers"] == 5
        assert {one["responsible_id"]: one["customers"] for one in counted["people"]} == {
            REP: 2,
            MATE: 1,
            RIVAL: 1,
            None: 1,
        }
        assert counted["complete"] == pytest.approx(44)


def test_every_figure_has_a_name_and_every_name_a_figure(cast):
    counted = make(cast)["figures"]
    assert set(counted) == {*IN_MONTH, *AT_MAKING, "days", "people"}


def test_no_customer_is_named_in_the_figures(cast):
    for n in range(3):
        a_customer(cast, name=f"Secretive {n}", phones=[f"+7 916 000-00-0{n}"])
    written = json.dumps(make(cast)["figures"])
    for secret in ("Secretive", "916", "Ivan", "example"):
        assert secret not in written


# --- made and kept --------------------------------------------------------------


def test_the_numbers_are_stored_and_stay_when_the_base_changes(cast):
    a_customer(cast)
    report = make(cast)
    a_customer(cast)
    assert read(cast, report["id"])["figures"] == report["figures"]
    assert report["figures"]["customers"] == 1


def test_a_draft_is_counted_anew_and_keeps_what_was_written(cast):
    report = make(cast)
    with cast.unit(cast.keeper) as u:
        reports.conclude(u, report["id"], " We grow. ", seen=report["version"])
    a_customer(cast)
    again = make(cast)
    assert (again["id"], again["conclusion"], again["figures"]["customers"]) == (report["id"], "We grow.", 1)
    with cast.unit(cast.keeper) as u:
        assert reports.count(u) == 1


def test_this_month_is_marked_as_not_over_until_it_is(cast):
    report = make(cast)
    assert not report["is_whole"]
    whole = make(cast, MONTH, now=NEXT)
    assert (whole["id"], whole["is_whole"]) == (report["id"], True)


@pytest.mark.parametrize("month", [date(2025, 12, 31), date(2026, 3, 1), date(2030, 1, 1)])
def test_only_this_month_and_the_last_one_are_reported(cast, month):
    with pytest.raises(Invalid) as caught:
        make(cast, month)
    assert caught.value.field == "month"


def test_any_day_names_its_month(cast):
    assert make(cast, DAY)["starts_on"] == MONTH
    assert make(cast, date(2026, 1, 31))["starts_on"] == LAST


def test_an_unknown_kind_is_refused(cast):
    with pytest.raises(Invalid), cast.unit(cast.keeper) as u:
        reports.make(u, MONTH, "weather")


def test_conclusions_have_a_length_and_are_not_overwritten_unseen(cast):
    report = make(cast)
    with pytest.raises(Invalid) as caught, cast.unit(cast.keeper) as u:
        reports.conclude(u, report["id"], "x" * (reports.LONGEST + 1), seen=report["version"])
    assert caught.value.field == "conclusion"
    with cast.unit(cast.admin) as u:
        reports.conclude(u, report["id"], "First", seen=report["version"])
    with pytest.raises(Conflict), cast.unit(cast.keeper) as u:
        reports.conclude(u, report["id"], "Second", seen=report["version"])
    assert read(cast, report["id"])["conclusion"] == "First"


def test_what_is_filed_is_what_was_seen(cast):
    report = make(cast)
    with cast.unit(cast.admin) as u:
        reports.conclude(u, report["id"], "First", seen=report["version"])
    with pytest.raises(Conflict):
        filed(cast, report)


# --- filed ----------------------------------------------------------------------


def test_a_filed_report_is_changed_by_no_verb(cast):
    report = filed(cast, make(cast, LAST))
    assert (report["filed_at"], report["filed_by_id"]) == (NOW, KEEPER)
    a_customer(cast)
    for way in (
        lambda u: reports.conclude(u, report["id"], "Otherwise", seen=report["version"]),
        lambda u: reports.file(u, report["id"], seen=report["version"]),
        lambda u: reports.make(u, LAST),
    ):
        with pytest.raises(CrmError, match="filed"), cast.unit(cast.keeper) as u:
            way(u)
    assert read(cast, report["id"]) == report


@pytest.mark.parametrize(
    "field", ["figures", "conclusion", "made_at", "is_whole", "filed_at", "filed_by_id", "draft_of", "kind"]
)
def test_no_other_way_through_the_door_changes_a_filed_report(cast, field):
    report = filed(cast, make(cast))
    values = {"figures": {}, "made_at": NEXT, "is_whole": True, "filed_at": None, "filed_by_id": None}
    for who in (cast.keeper, SYSTEM):
        with pytest.raises(Conflict), cast.unit(who) as u, u.acting("test.attack", "reports.make"):
            setattr(u.get(Report, report["id"]), field, values.get(field, "x"))
    with pytest.raises(Conflict), cast.unit(cast.keeper) as u, u.acting("test.attack", "reports.make"):
        u.delete(u.get(Report, report["id"]))
    assert read(cast, report["id"]) == report


def test_a_month_so_far_that_was_filed_is_followed_by_the_whole_month(cast):
    so_far = filed(cast, make(cast))
    whole = make(cast, MONTH, now=NEXT)
    assert whole["id"] != so_far["id"]
    with cast.unit(cast.keeper) as u:
        assert [row["id"] for row in reports.page(u)] == [whole["id"], so_far["id"]]


def test_whoever_reads_reports_is_told_that_one_was_filed(cast):
    report = filed(cast, make(cast))
    told = ("Kira Keeper has filed a report on customers.", f"/reports?id={report['id']}")
    for part in ("executive", "analyst", "admin"):
        assert bell(cast, part) == [told], part
    for part in ("keeper", "rep", "leader", "marketer", "gone"):
        if part != "gone":
            assert bell(cast, part) == [], part


def test_the_month_before_stands_beside_it_and_only_a_whole_one(cast):
    january = make(cast, LAST)
    february = make(cast, MONTH, now=NEXT)
    with cast.unit(cast.executive) as u:
        assert reports.before(u, february)["id"] == january["id"]
        assert reports.before(u, january) is None
    with cast.database.writing() as connection:
        connection.execute(
            update(Report.__table__).where(Report.__table__.c.id == january["id"]).values(is_whole=False)
        )
    with cast.unit(cast.executive) as u:
        assert reports.before(u, february) is None


# --- by itself ------------------------------------------------------------------


def test_at_the_start_of_the_month_the_draft_is_there_and_the_keeper_is_told_once(cast):
    came(cast, a_customer(cast), NOW - timedelta(days=20))
    for _day in range(3):
        with cast.unit() as u:
            reports.draft(u)
    with cast.unit(cast.keeper) as u:
        (report,) = reports.page(u)
    assert (report["starts_on"], report["is_whole"], report["made_by_id"], report["filed_at"]) == (
        LAST,
        True,
        None,
        None,
    )
    assert report["figures"]["new"] == 1
    (told,) = bell(cast, "keeper")
    assert told[1] == f"/reports?id={report['id']}"
    assert bell(cast, "executive") == []


def test_the_months_draft_so_far_becomes_that_of_the_whole_month(cast):
    a_customer(cast)
    report = make(cast)
    with cast.unit(cast.keeper) as u:
        reports.conclude(u, report["id"], "We grow.", seen=1)
    with cast.unit(now=NEXT) as u:
        assert reports.draft(u).id == report["id"]
    after = read(cast, report["id"])
    assert (after["is_whole"], after["conclusion"], after["made_by_id"]) == (True, "We grow.", None)


def test_a_report_that_is_there_is_neither_made_again_nor_told(cast):
    came(cast, a_customer(cast), NOW - timedelta(days=20))
    filed(cast, make(cast, LAST))
    with cast.unit() as u:
        assert reports.draft(u) is None
    assert bell(cast, "keeper") == []


def test_a_company_that_came_this_month_has_nothing_to_report_of_the_last(cast):
    a_customer(cast)
    with cast.unit() as u:
        assert reports.draft(u) is None
        assert reports.count(u) == 0


def test_the_job_does_it_in_the_first_week_of_each_month(cast):
    came(cast, a_customer(cast), NOW - timedelta(days=20))
    reports.draft_monthly(JobContext(cast.database, "job", SYSTEM))
    with cast.unit(cast.keeper) as u:
        assert reports.count(u) == 1
    assert reports.draft_monthly.job.cron == "13 4 1-7 * *"


# --- rights ---------------------------------------------------------------------


@pytest.mark.parametrize("part", ["rep", "leader", "head", "service", "marketer", "product", "partner", "stranger"])
def test_who_reaches_only_some_customers_reads_no_report(cast, part):
    report = make(cast)
    who = getattr(cast, part)
    with cast.unit(who) as u:
        assert (reports.page(u), reports.count(u), reports.one(u, report["id"])) == ([], 0, None)
        assert u.rows(select(Report.figures)) == []
    for way in (lambda u: reports.make(u, MONTH), lambda u: reports.file(u, report["id"], seen=1), reports.draft):
        with pytest.raises(Refused), cast.unit(who) as u:
            way(u)


@pytest.mark.parametrize("part", ["executive", "analyst"])
def test_who_reads_reports_makes_none(cast, part):
    report = make(cast)
    assert read(cast, report["id"], part) == report
    for way in (
        lambda u: reports.make(u, MONTH),
        lambda u: reports.conclude(u, report["id"], "x", seen=1),
        lambda u: reports.file(u, report["id"], seen=1),
    ):
        with pytest.raises(Refused), cast.unit(getattr(cast, part)) as u:
            way(u)


def test_the_right_to_reports_has_no_narrower_reach(cast):
    for right in ("reports.view", "reports.make"):
        assert rights.choices(right) == ("all",)
        with pytest.raises(Invalid), cast.unit(cast.admin) as u:
            rights.adjust(u, Role.SALES_MANAGER, right, "team")


def test_no_other_right_writes_a_report(cast):
    report = make(cast)
    with pytest.raises(Refused), cast.unit(cast.leader) as u, u.acting("test.attack", "customers.edit"):
        u.add(Report(kind="customers", starts_on=LAST, is_whole=True, figures={}, made_at=NOW))
    for part in ("rep", "executive"):
        with (
            pytest.raises((Refused, NotFound)),
            cast.unit(getattr(cast, part)) as u,
            u.acting("test.attack", "requests.ask"),
        ):
            u.get(Report, report["id"]).conclusion = "x"


# --- what is kept of people -----------------------------------------------------


def test_the_log_tells_that_a_report_was_made_concluded_and_filed_and_not_what_was_written(cast):
    report = make(cast)
    with cast.unit(cast.keeper) as u:
        reports.conclude(u, report["id"], "Petrov leaves us.", seen=1)
    filed(cast, read(cast, report["id"]))
    with cast.unit() as u:
        entries = [one for one in u.all(select(AuditEntry).order_by(AuditEntry.id)) if one.record == "reports"]
    assert [one.verb for one in entries] == ["reports.make", "reports.conclude", "reports.file"]
    assert "Petrov" not in str([one.changes for one in entries])
    assert entries[1].changes["conclusion"] == [HIDDEN, HIDDEN]
    with cast.unit(cast.executive) as u:
        assert len(audit.history(u, "reports", report["id"])) == 3


def test_erasing_a_person_takes_the_lines_that_name_him_out_of_filed_reports_too(cast):
    person = a_customer(cast, kind="person", name="Ivan Petrov", phones=["+7 916 555-44-33"], emails=["ip@example.com"])
    said = "We grow.\n\nPetrov leaves us.\nCall +7 916 555-44-33\nNext: exhibitions"
    report = make(cast)
    with cast.unit(cast.keeper) as u:
        reports.conclude(u, report["id"], said, seen=1)
    before = filed(cast, read(cast, report["id"]))
    with cast.unit(cast.keeper) as u:
        privacy.erase(u, person, "asked")
    after = read(cast, report["id"])
    assert after["conclusion"] == f"We grow.\n\n{HIDDEN}\n{HIDDEN}\nNext: exhibitions"
    assert after["figures"] == before["figures"]


def test_erasing_a_company_leaves_lines_that_share_a_word_with_its_name(cast):
    firm = a_customer(cast, name="Next Exhibitions")
    report = make(cast)
    with cast.unit(cast.keeper) as u:
        reports.conclude(u, report["id"], "Next: a fair\nNext Exhibitions is closed", seen=1)
    with cast.unit(cast.keeper) as u:
        privacy.erase(u, firm, "asked")
    assert read(cast, report["id"])["conclusion"] == f"Next: a fair\n{HIDDEN}"
