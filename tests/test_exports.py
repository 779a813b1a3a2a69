"""Exporting customers: nobody more and nothing fuller than on the screen, harmless in a spreadsheet, noted, on both databases."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from openpyxl import load_workbook
from sqlalchemy import delete, insert, select

from crm import customers, exports, search
from crm.core import clock
from crm.core.access import RightAdjustment
from crm.core.audit_log import AuditEntry
from crm.core.errors import Invalid, NotFound, Refused
from crm.core.grants import Role
from crm.core.jobs import JobContext
from crm.customers import Customer, Filters
from crm.exports import Export, Form, State, Wish, forms, records, steps, writing
from crm.imports.files import guarded, unguarded
from crm.notifications import Notification
from db.engine import Database
from tests.cast import ADDRESS, EMAIL, NOW, PARTS, PHONE, Cast, a_customer
from tests.test_imports import ran, staged, stored

EVERYBODY = Filters()
PAYLOADS = (
    "=1+1", "+1+1", "-1+1", "@SUM(1)", "|calc", "\u200b=1", " =1", "＝1+1", "%0A=1", "'=1+1", "''+1", "=cmd|'/C calc'!A0", "#N/A",
    "a\nEND:VCARD\nBEGIN:VCARD", "a;b,c\\d", '"; DROP TABLE customers', "<script>alert(1)</script>",
)  # fmt: skip


def taken_out(
    cast: Cast, by: str = "keeper", form: Form = Form.CSV, filters: Filters = EVERYBODY, language: str = "en"
) -> Export:
    """Export for somebody at once; return the export."""
    wish = Wish(filters, form, language)
    with cast.unit(getattr(cast, by)) as u:
        written = exports.write_now(u, wish)
    with cast.unit(getattr(cast, by)) as u:
        return exports.keep(u, wish, written, sign_in_id=None)


def table_of(record: Export) -> list[dict[str, str]]:
    """Return the rows of a file as dictionaries, its cells as the file has them."""
    if record.form is Form.XLSX:
        sheet = load_workbook(io.BytesIO(record.path.read_bytes())).active
        rows = [[cell.value or "" for cell in row] for row in sheet.iter_rows()]
    else:
        text = record.path.read_bytes().decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=";" if record.language == "ru" else ","))
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def names_in(record: Export) -> set[str]:
    """Return the names in a file of any form."""
    if record.form is Form.VCARD:
        return {line[3:].strip() for line in record.path.read_text("utf-8").splitlines() if line.startswith("FN:")}
    return {row["Name"] for row in table_of(record)}


def text_of(record: Export) -> str:
    """Return everything that a file says as one text."""
    if record.form is Form.XLSX:
        return "\n".join("\t".join(row.values()) for row in table_of(record))
    return record.path.read_text("utf-8")


def adjust(cast: Cast, role: Role, right: str, scope: str | None) -> None:
    with cast.database.writing() as connection:
        row = {"role": role.value, "right": right, "scope": scope, "version": 1}
        connection.execute(insert(RightAdjustment.__table__), row)


def entries(cast: Cast, verb: str) -> list[dict[str, Any]]:
    with cast.database.reader.connect() as connection:
        found = select(AuditEntry.__table__).where(AuditEntry.verb == verb).order_by(AuditEntry.id)
        return [dict(row) for row in connection.execute(found).mappings()]


# --- who gets whom ---------------------------------------------------------------


@pytest.mark.parametrize("form", Form)
def test_a_file_has_the_customers_inside_the_scope_of_the_right_and_no_other(cast, form):
    for of in ("rep", "mate", "rival", None):
        a_customer(cast, of)
    everybody = {"Customer of rep", "Customer of mate", "Customer of rival", "Nobody's"}
    assert names_in(taken_out(cast, "keeper", form)) == everybody
    assert names_in(taken_out(cast, "leader", form)) == {"Customer of rep", "Customer of mate"}
    assert names_in(taken_out(cast, "rival_leader", form)) == {"Customer of rival"}


@pytest.mark.parametrize("part", sorted(set(PARTS) - {"keeper", "leader", "rival_leader", "head", "gone"}))
def test_whoever_has_not_the_right_takes_nothing_out_in_any_way(cast, part):
    a_customer(cast, "rep")
    record = taken_out(cast)
    wish = Wish(EVERYBODY, Form.CSV, "en")
    for way in (
        lambda u: exports.count(u, EVERYBODY),
        lambda u: exports.write_now(u, wish),
        lambda u: exports.keep(u, wish, ("0" * 32, 1), sign_in_id=None),
        lambda u: exports.ask(u, wish, sign_in_id=None),
        lambda u: exports.take(u, record.stored_as, sign_in_id=None),
    ):
        with pytest.raises(Refused), cast.unit(getattr(cast, part)) as u:
            way(u)
    with cast.unit(getattr(cast, part)) as u:
        assert exports.mine(u, None) == []
        assert u.all(select(Export)) == []


def test_a_right_that_is_narrower_than_seeing_narrows_the_file_and_the_count(cast):
    adjust(cast, Role.SERVICE_REP, "customers.export", "own")
    a_customer(cast, "service")
    a_customer(cast, "rep")
    with cast.unit(cast.service) as u:
        assert (customers.count(u), exports.count(u, EVERYBODY)) == (2, 1)
    assert names_in(taken_out(cast, "service")) == {"Customer of service"}


def test_another_teams_customer_is_not_found_by_a_filter_either(cast):
    a_customer(cast, "rival", name="Hidden Ltd")
    for filters in (Filters(text="Hidden"), Filters(text=PHONE), Filters(responsible_id=PARTS["rival"].id)):
        assert table_of(taken_out(cast, "leader", filters=filters)) == [], filters


def test_the_filters_of_the_list_narrow_the_file(cast):
    a_customer(cast, name="Alpha", stage="loyal")
    a_customer(cast, name="Beta", stage="lost")
    assert names_in(taken_out(cast, filters=Filters(stage="lost"))) == {"Beta"}
    assert names_in(taken_out(cast, filters=Filters(text="alph"))) == {"Alpha"}


def test_who_was_put_into_the_bin_is_not_taken_out(cast):
    key = a_customer(cast)
    with cast.unit(cast.keeper) as u:
        customers.archive(u, key, seen=1)
    assert table_of(taken_out(cast)) == []


@pytest.mark.parametrize("form", Form)
def test_what_the_reader_sees_in_part_stands_in_the_file_in_part(cast, form):
    adjust(cast, Role.MARKETER, "customers.export", "all")
    a_customer(cast, "rep")
    full, part = text_of(taken_out(cast, "keeper", form)), text_of(taken_out(cast, "marketer", form))
    for secret in (PHONE, EMAIL, ADDRESS):
        assert secret in full
        assert secret not in part
    assert "45-67" not in part
    assert "•••-••-67" in part


def test_own_customers_are_full_and_colleagues_in_part_in_one_file(cast):
    adjust(cast, Role.SALES_REP, "customers.export", "team")
    a_customer(cast, "rep")
    a_customer(cast, "mate")
    phones = {row["Name"]: row["Phones"] for row in table_of(taken_out(cast, "rep", Form.XLSX))}
    assert phones == {"Customer of rep": PHONE, "Customer of mate": "+7 •••-••-67"}


# --- harmless ---------------------------------------------------------------------


def injected(cast: Cast, real_data: Any = None) -> list[str]:
    """Put customers whose every text is an attack into the house; return the texts as they are stored."""
    lists = [] if real_data is None else sorted((real_data / "injection_payloads").rglob("*.txt"))
    found = [*PAYLOADS, *(line for path in lists for line in path.read_text("utf-8", "replace").splitlines())]
    texts = list(dict.fromkeys(text.strip()[:200].replace("\x00", "") for text in found if text.strip()))
    for text in texts:
        a_customer(cast, name=text, city=text, note=text, need=text, address=text, website=text, phones=[], emails=[])
    return texts


def test_no_cell_of_a_table_as_text_begins_as_a_formula(cast, real_data):
    texts = injected(cast, real_data)
    rows = table_of(taken_out(cast))
    assert {unguarded(row["Name"]) for row in rows} == set(texts)
    for row in rows:
        for heading, cell in row.items():
            bare = cell.lstrip(" \u200b\u2060\ufeff\t\r\n")
            assert not bare.startswith(("=", "+", "-", "@", "|", "%", "＝", "＋", "－", "＠")), (heading, cell)


def test_every_cell_of_a_workbook_is_text_and_stays_what_it_was(cast, real_data):
    texts = injected(cast, real_data)
    record = taken_out(cast, form=Form.XLSX)
    sheet = load_workbook(io.BytesIO(record.path.read_bytes())).active
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} == {"s"}
    kept = {forms.ILLEGAL_CHARACTERS_RE.sub("", text) for text in texts}
    assert {row["Name"].replace("\r\n", "\n") for row in table_of(record)} == {
        one.replace("\r\n", "\n") for one in kept
    }


def test_no_name_begins_a_second_card_or_a_property(cast):
    texts = injected(cast)
    lines = taken_out(cast, form=Form.VCARD).path.read_bytes().decode("utf-8").replace("\r\n", "\n").split("\n")
    assert lines.count("BEGIN:VCARD") == lines.count("END:VCARD") == len(texts)
    known = ("BEGIN:", "VERSION:4.0", "KIND:", "FN:", "ORG:", "ADR:", "URL:", "NOTE:", "END:", " ", "")
    assert [line for line in lines if line and not line.startswith(known[:-1])] == []


def test_an_own_fields_heading_is_guarded_too(cast):
    key = a_customer(cast)
    with cast.database.writing() as connection:
        table = Customer.__table__
        connection.execute(table.update().where(table.c.id == key).values(extra={"=1+1": "=2+2"}))
    heading = list(table_of(taken_out(cast))[0].items())[-1]
    assert heading == ("'=1+1", "'=2+2")


@given(some.text(alphabet="'=+-@|\t\r\n%＝ \u200bab1", max_size=8))
def test_what_is_guarded_is_harmless_and_says_the_same_again(text):
    assert unguarded(guarded(text)) == text
    assert not guarded(text).lstrip(" \u200b\u2060\ufeff\t\r\n").startswith(("=", "+", "-", "@", "|", "%", "＝"))


# --- the way out and back ------------------------------------------------------------


def known(cast: Cast) -> list[dict[str, Any]]:
    """Return what is stored of all customers, without what every record has of its own."""
    fields = [key for key in exports.EXPORTED if key not in {"phones", "emails", "responsible", "tags"}]
    found = [
        {key: row[key] for key in (*fields, "extra", "responsible_id")}
        | {"phones": [one["number"] for one in row["phones"]], "emails": [one["address"] for one in row["emails"]]}
        for row in stored(cast)
    ]
    return sorted(found, key=lambda row: row["name"])


def empty(cast: Cast) -> None:
    with cast.database.writing() as connection:
        connection.execute(delete(Customer.__table__))
        connection.execute(delete(search.TOKENS))


@pytest.mark.parametrize("language", ["en", "ru", "zh"])
@pytest.mark.parametrize("form", [Form.CSV, Form.XLSX])
def test_what_was_exported_comes_back_as_it_was(cast, form, language):
    a_customer(
        cast, name="ООО «Ромашка»", external_number="007", phones=[PHONE, "+86 138 0013 8000"], emails=[EMAIL, "b@example.com"],
        stage="won_back", source="exhibition", source_detail="=SUM(A1)", industry="-", employees="12", need='a;b,"c"',
        website="https://example.com", country="Россия", region="МО", city="+Казань", note="two\nlines", kind="company",
    )  # fmt: skip
    a_customer(cast, None, name="王伟", kind="person", phones=[], emails=[], address="", source=None)
    with cast.database.writing() as connection:
        table = Customer.__table__
        connection.execute(table.update().where(table.c.name == "王伟").values(extra={"Shoe": "42", "=x": "'=y"}))
    before = known(cast)
    record = taken_out(cast, form=form, language=language)
    content, name = record.path.read_bytes(), f"out{exports.SUFFIXES[form]}"
    empty(cast)
    done = ran(cast, staged(cast, content, name))
    assert (done.new_count, done.faulty_count) == (2, 0)
    assert known(cast) == before


def test_excel_finds_the_marks_that_it_expects(cast):
    a_customer(cast, name="Иванов, Пётр; сын")
    english, russian = taken_out(cast), taken_out(cast, language="ru")
    for record, sign in ((english, ","), (russian, ";")):
        content = record.path.read_bytes()
        assert content.startswith(b"\xef\xbb\xbf")
        assert sign in content.decode("utf-8-sig").splitlines()[0]
        assert b"\r\n" in content
    assert next(iter(table_of(russian)[0].values())) == "Иванов, Пётр; сын"


def test_an_address_card_has_what_an_address_book_has_room_for(cast):
    a_customer(cast, name="Acme, Inc", city="Kazan", website="https://acme.example", note="two\nlines")
    text = taken_out(cast, form=Form.VCARD).path.read_bytes().decode("utf-8")
    assert text == (
        "BEGIN:VCARD\r\nVERSION:4.0\r\nKIND:org\r\nFN:Acme\\, Inc\r\nORG:Acme\\, Inc\r\n"
        f"TEL:{PHONE}\r\nEMAIL:{EMAIL}\r\nADR:;;{ADDRESS};Kazan;;;\r\n"
        "URL:https://acme.example\r\nNOTE:two\\nlines\r\nEND:VCARD\r\n"
    )


# --- noted --------------------------------------------------------------------------


def test_the_audit_log_tells_who_took_how_many_by_which_filters_in_which_form(cast):
    a_customer(cast, stage="lost", city="Kazan")
    record = taken_out(cast, "leader", filters=Filters(text=PHONE, stage="lost"))
    (entry,) = entries(cast, "exports.keep")
    assert (entry["actor_id"], entry["record"], entry["record_id"]) == (PARTS["leader"].id, "exports", record.id)
    told = {key: entry["changes"][key][1] for key in ("format", "filters", "row_count", "searched")}
    assert told == {"format": "csv", "filters": {"stage": "lost"}, "row_count": 1, "searched": "•"}
    assert "916" not in str(entry["changes"])
    with cast.unit(cast.leader) as u:
        exports.take(u, record.stored_as, sign_in_id=None)
    assert [one["changes"] for one in entries(cast, "exports.take")] == [{"taken": [None, 1]}]


@pytest.mark.parametrize("adjusted", ["customers.export", "account.edit"])
def test_whoever_tries_without_the_right_is_noted_once_a_minute_whatever_way_he_takes(cast, adjusted):
    """Nothing of a refused unit is kept but this, and no right that is taken away keeps anybody out of the log."""
    adjust(cast, Role.SALES_REP, adjusted, None)
    record = taken_out(cast)
    for way, part, seconds in (
        (lambda u: exports.count(u, EVERYBODY), "rep", 0),
        (lambda u: exports.write_now(u, Wish(EVERYBODY, Form.CSV, "en")), "rep", 20),
        (lambda u: exports.ask(u, Wish(EVERYBODY, Form.CSV, "en"), sign_in_id=None), "rep", 70),
        (lambda u: exports.take(u, record.stored_as, sign_in_id=None), "mate", 70),
    ):
        with pytest.raises(Refused), cast.unit(getattr(cast, part), now=NOW + timedelta(seconds=seconds)) as u:
            way(u)
    noted = entries(cast, "exports.note_refusal")
    rep, mate = PARTS["rep"].id, PARTS["mate"].id
    expected = [(rep, NOW), (rep, NOW + timedelta(seconds=70)), (mate, NOW + timedelta(seconds=70))]
    assert [(one["actor_id"], one["at"]) for one in noted] == expected
    assert [(one["record"], one["record_id"]) for one in noted] == [("users", rep), ("users", rep), ("users", mate)]
    assert {str(one["changes"]) for one in noted} == {str({"refused": [None, "customers.export"]})}
    taken_out(cast, "leader")
    assert len(entries(cast, "exports.note_refusal")) == 3


# --- the file waits for its author ------------------------------------------------------


def test_a_file_is_for_the_person_and_the_sign_in_that_asked(cast):
    a_customer(cast)
    wish = Wish(EVERYBODY, Form.CSV, "en")
    with cast.unit(cast.keeper) as u:
        written = exports.write_now(u, wish)
        record = exports.keep(u, wish, written, sign_in_id=7)
    for who, sign_in in ((cast.keeper, 8), (cast.keeper, None), (cast.leader, 7), (cast.head, 7)):
        with pytest.raises(NotFound), cast.unit(who) as u:
            exports.take(u, record.stored_as, sign_in_id=sign_in)
        with cast.unit(who) as u:
            assert exports.mine(u, sign_in) == []
    with cast.unit(cast.keeper) as u:
        assert [one.id for one in exports.mine(u, 7)] == [record.id]
        assert exports.take(u, record.stored_as, sign_in_id=7).id == record.id
    assert record.path.stat().st_mode & 0o077 == 0


def test_a_file_waits_for_a_day_and_for_five_minutes_after_it_was_taken(cast):
    a_customer(cast)
    record = taken_out(cast)
    with pytest.raises(NotFound), cast.unit(cast.keeper, now=NOW + timedelta(hours=24)) as u:
        exports.take(u, record.stored_as, sign_in_id=None)
    with cast.unit(cast.keeper, now=NOW + timedelta(hours=23, minutes=59)) as u:
        exports.take(u, record.stored_as, sign_in_id=None)
    second = taken_out(cast)
    with cast.unit(cast.keeper) as u:
        exports.take(u, second.stored_as, sign_in_id=None)
    with cast.unit(cast.keeper, now=NOW + timedelta(minutes=4)) as u:
        exports.take(u, second.stored_as, sign_in_id=None)
    with pytest.raises(NotFound), cast.unit(cast.keeper, now=NOW + timedelta(minutes=6)) as u:
        exports.take(u, second.stored_as, sign_in_id=None)


def test_files_that_nobody_can_take_any_more_are_removed(cast):
    a_customer(cast)
    old, waits = taken_out(cast), taken_out(cast)
    orphan = records.path_of("0" * 32)
    orphan.write_text("left behind")
    with cast.unit(cast.keeper) as u:
        exports.take(u, old.stored_as, sign_in_id=None)
    context = JobContext(cast.database, "test", steps.SYSTEM)
    with clock.stopped(NOW + timedelta(minutes=10)):
        exports.remove_files_job(context)
    assert (old.path.exists(), waits.path.exists()) == (False, True)
    with clock.stopped(clock.now() + timedelta(days=36500)):
        exports.remove_files_job(context)
    assert (waits.path.exists(), orphan.exists()) == (False, False)


# --- many: a job ------------------------------------------------------------------------


@pytest.fixture
def many(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Seven customers, where two are a page and three too many to wait for."""
    monkeypatch.setattr(writing, "CHUNK", 2)
    monkeypatch.setattr(steps, "AT_ONCE", 2)
    names = [f"Customer {n}" for n in range(7)]
    for name in names:
        a_customer(cast, name=name)
    return names


def asked(cast: Cast, by: str = "keeper", form: Form = Form.CSV) -> Export:
    with cast.unit(getattr(cast, by)) as u:
        return exports.ask(u, Wish(EVERYBODY, form, "en"), sign_in_id=None)


def context_of(database: Database, who: Any) -> JobContext:
    return JobContext(database, "test", who)


def record_of(cast: Cast, export_id: int) -> Export:
    with cast.unit() as u:
        return u.get(Export, export_id)


def test_many_are_refused_at_once_and_written_by_a_job_in_pages(cast, many, monkeypatch):
    with pytest.raises(Invalid), cast.unit(cast.keeper) as u:
        exports.write_now(u, Wish(EVERYBODY, Form.CSV, "en"))
    pages, page = [], writing.page
    monkeypatch.setattr(writing, "page", lambda u, these: pages.append(len(these)) or page(u, these))
    record = asked(cast)
    assert not record.is_there(NOW)
    exports.write_job(context_of(cast.database, cast.keeper), export_id=record.id)
    done = record_of(cast, record.id)
    assert (done.state, done.row_count, pages) == (State.READY, 7, [2, 2, 2, 1])
    assert [row["Name"] for row in table_of(done)] == many
    assert entries(cast, "exports.finish")[0]["changes"] == {"row_count": [None, 7]}
    with cast.unit() as u:
        (told,) = u.all(select(Notification))
    assert (told.responsible_id, told.values, told.address) == (
        PARTS["keeper"].id,
        {"count": 7},
        "/customers?do=export",
    )


def test_each_customer_is_there_once_whatever_colleagues_change_meanwhile(cast, many, monkeypatch):
    page = writing.page

    def while_others_work(u: Any, these: list[int]) -> list[dict[str, Any]]:
        with cast.database.writing() as connection:  # who was first is last from now on
            table = Customer.__table__
            connection.execute(table.update().where(table.c.id == these[0]).values(sort_name="zzz", name="Z"))
        return page(u, these)

    monkeypatch.setattr(writing, "page", while_others_work)
    record = asked(cast)
    exports.write_job(context_of(cast.database, cast.keeper), export_id=record.id)
    assert len(table_of(record_of(cast, record.id))) == len(many)


@pytest.mark.parametrize("form", Form)
def test_a_job_that_was_killed_writes_its_file_anew_and_whole(cast, many, monkeypatch, form):
    page = writing.page

    class Killed(BaseException):
        """As kill -9 does it: nothing of ours runs afterwards."""

    def dies(u: Any, these: list[int]) -> Any:
        if len(these) == 1:
            raise Killed
        return page(u, these)

    record = asked(cast, form=form)
    monkeypatch.setattr(writing, "page", dies)
    with pytest.raises(Killed):
        exports.write_job(context_of(cast.database, cast.keeper), export_id=record.id)
    assert not record.path.exists()
    assert record_of(cast, record.id).state == State.MAKING
    monkeypatch.setattr(writing, "page", page)
    exports.write_job(context_of(cast.database, cast.keeper), export_id=record.id)
    assert names_in(record_of(cast, record.id)) == set(many)


def test_a_customer_who_leaves_the_scope_of_the_right_meanwhile_is_not_written(cast):
    adjust(cast, Role.SERVICE_REP, "customers.export", "own")
    key = a_customer(cast, "service")
    with cast.unit(cast.service) as u:
        assert [row["name"] for row in writing.page(u, [key])] == ["Customer of service"]
    with cast.unit(cast.keeper) as u:
        customers.assign(u, key, responsible_id=PARTS["rep"].id, seen=1)
    with cast.unit(cast.service) as u:
        assert writing.page(u, [key]) == []


@pytest.mark.usefixtures("many")
def test_whoever_loses_the_right_meanwhile_gets_no_file(cast, monkeypatch):
    page = writing.page

    def and_then_no_more(u: Any, these: list[int]) -> Any:
        found = page(u, these)
        adjust(cast, Role.RECORD_KEEPER, "customers.export", None)
        return found

    record = asked(cast)
    monkeypatch.setattr(writing, "page", and_then_no_more)
    with pytest.raises(Refused):
        exports.write_job(context_of(cast.database, cast.keeper), export_id=record.id)
    done = record_of(cast, record.id)
    assert done.state == State.FAILED
    assert str(exports.problem_of(done)).startswith("Your role does not allow this.")
    assert not list(records.folder().glob(f"{record.stored_as}*"))


@pytest.mark.usefixtures("many")
def test_more_than_a_sheet_holds_is_refused_with_a_way_out(cast, monkeypatch):
    monkeypatch.setattr(forms, "MOST_IN_A_SHEET", 5)
    record = asked(cast, form=Form.XLSX)
    with pytest.raises(Invalid):
        exports.write_job(context_of(cast.database, cast.keeper), export_id=record.id)
    assert "Take the table as text (CSV)" in str(exports.problem_of(record_of(cast, record.id)))
