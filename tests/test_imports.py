"""Importing customers: what a file says is what is stored, whole or not at all, by whom it may, on both databases."""

import csv
import io
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from crm import customers, imports, search
from crm.core import clock, jobs
from crm.core.config import ROOT
from crm.core.errors import Conflict, Invalid, InvalidForm, NotFound, Refused
from crm.core.grants import PRESETS, Role
from crm.core.jobs import JobContext
from crm.customers import Customer, Email, Phone
from crm.imports import FieldMapping, Import, ImportRow, OnMatch, State, files, guessing, mapping, run, steps, trial
from crm.notifications import Notification
from tests.cast import NORTH, PARTS, SOUTH, Cast, a_customer

HEADING = "name,external number,phone,email,city,responsible"


# --- helpers: the way of an import ---------------------------------------------


def staged(cast: Cast, content: bytes | str, name: str = "customers.csv", *, by: str = "keeper", **plan: Any) -> int:
    """Stage a file for somebody, with the proposed mapping or with changes to it; return the import's id."""
    who = getattr(cast, by)
    with cast.unit(who) as u:
        received = imports.receive(u, name, content.encode() if isinstance(content, str) else content)
    with cast.unit(who) as u:
        record = imports.stage(u, received)
        if plan:
            imports.choose(u, record.id, mapping.from_json(record.mapping | plan), seen=record.version)
        return record.id


def ran(cast: Cast, import_id: int, *, by: str = "keeper", again: bool = False) -> Import:
    """Run an import to its end in this process, as its job would."""
    who = getattr(cast, by)
    with cast.unit(who) as u:
        steps.start_here(u, import_id, again=again)
    run.run_all(cast.database, who, import_id)
    return record_of(cast, import_id)


def tried(cast: Cast, import_id: int, *, by: str = "keeper") -> dict[str, Any]:
    """Make a trial run in this process and return its report."""
    with cast.unit(getattr(cast, by)) as u:
        imports.attempt(u, import_id)
    trial.try_all(cast.database, getattr(cast, by), import_id)
    return record_of(cast, import_id).trial or {}


def record_of(cast: Cast, import_id: int) -> Import:
    with cast.unit() as u:
        return u.get(Import, import_id)


def stored(cast: Cast, **wanted: Any) -> list[dict[str, Any]]:
    """Return the customers as they are stored, with everything they are reached by."""
    table = Customer.__table__
    with cast.database.reader.connect() as connection:
        found = [dict(row) for row in connection.execute(select(table).order_by(table.c.id)).mappings()]
        for row in found:
            for key, model in (("phones", Phone.__table__), ("emails", Email.__table__)):
                mine = select(model).where(model.c.customer_id == row["id"]).order_by(model.c.position)
                row[key] = [dict(one) for one in connection.execute(mine).mappings()]
            tokens = select(search.TOKENS.c.token).where(search.TOKENS.c.customer_id == row["id"])
            row["tokens"] = set(connection.scalars(tokens))
    return [row for row in found if all(row[key] == value for key, value in wanted.items())]


def names(cast: Cast) -> list[str]:
    return [row["name"] for row in stored(cast)]


def counts(record: Import | dict[str, Any]) -> tuple[int, int, int, int]:
    """Return new, updated, left, faulty."""
    found = record.counts if isinstance(record, Import) else record
    return found["new"], found["updated"], found["skipped"], found["faulty"]


def causes(cast: Cast, import_id: int) -> dict[int, str]:
    """Return row -> what is wrong with it, in words."""
    with cast.unit(cast.keeper) as u:
        return {row: imports.in_words(faults, str, {}) for row, faults in imports.faulty_rows(u, import_id)}


def give(cast: Cast, preset: str) -> None:
    """Let the administrator give the rights of a preset."""
    from crm.core.access import RightAdjustment

    rows = [
        {"role": str(role), "right": right, "scope": str(scope), "version": 1} for role, right, scope in PRESETS[preset]
    ]
    with cast.database.writing() as connection:
        connection.execute(insert(RightAdjustment.__table__), rows)


# --- real files --------------------------------------------------------------


def test_the_accounts_of_a_real_company_come_in_with_the_proposed_mapping(cast, real_data):
    content = (real_data / "crm_sales_opportunities" / "accounts.csv").read_bytes()
    import_id = staged(cast, content, "accounts.csv", keep_own_fields=True)
    assert counts(tried(cast, import_id)) == (85, 0, 0, 0)
    assert names(cast) == []
    assert counts(ran(cast, import_id)) == (85, 0, 0, 0)
    first = stored(cast)[0]
    assert {key: first[key] for key in ("name", "industry", "employees", "country", "kind", "source", "import_id")} == {
        "name": "Acme Corporation", "industry": "technolgy", "employees": 2822, "country": "United States",
        "kind": "company", "source": "file", "import_id": import_id,
    }  # fmt: skip
    assert first["extra"] == {"year_established": "1996", "revenue": "1100.04"}


def test_customers_without_a_name_get_one_from_a_template(cast, real_data):
    content = (real_data / "marketing_campaign" / "marketing_campaign.csv").read_bytes()
    import_id = staged(cast, content, "marketing_campaign.csv", keep_own_fields=True)
    assert record_of(cast, import_id).reading["delimiter"] == "\t"
    assert counts(ran(cast, import_id)) == (2240, 0, 0, 0)
    found = stored(cast)
    assert (found[0]["name"], found[0]["external_number"], found[0]["kind"]) == ("Customer 5524", "5524", "person")
    assert (found[0]["extra"]["Year_Birth"], len(found[0]["extra"])) == ("1957", 28)
    assert len({row["external_number"] for row in found}) == 2240


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("contacts_zh_gb18030.csv", (199, 1, 0)),
        ("contacts_zh_utf16le_bom.csv", (199, 1, 0)),
        ("amocrm_koi8r_comma.csv", None),
        ("amocrm_utf16le_bom_tab.txt", None),
    ],
)
def test_files_in_other_encodings_come_in(cast, real_data, name, kept):
    found = ran(cast, staged(cast, (real_data / "encodings_derived" / name).read_bytes(), name))
    assert found.next_row == found.row_count
    assert kept is None or (found.new_count, found.skipped_count, found.faulty_count) == kept
    rows = stored(cast)
    if kept:
        assert (rows[0]["name"], rows[0]["phones"][0]["digits"]) == ("孙淑华", "8615349365368")
    else:
        assert rows[0]["name"] == "Анна Смирнова"


def test_every_file_of_the_torture_folders_is_imported_or_refused_with_a_sentence(cast, real_data):
    folders = [
        real_data / "csv_torture" / "csv-spectrum" / "csvs",
        real_data / "encodings_derived",
        real_data / "crm_formats",
    ]
    paths = [path for folder in folders for path in sorted(folder.iterdir())]
    said: Counter[str] = Counter()
    for path in paths:
        try:
            import_id = staged(cast, path.read_bytes(), path.name)
            heading = record_of(cast, import_id).headings[0]
            with cast.unit(cast.keeper) as u:
                plan = u.get(Import, import_id).plan
                if not {"name", "given_name", "surname"} & set(plan.columns.values()) and not plan.template:
                    imports.choose(
                        u, import_id, FieldMapping(columns={heading: "name"}), seen=u.get(Import, import_id).version
                    )
        except Invalid as refused:
            said[refused.text] += 1
            continue
        done = ran(cast, import_id)
        assert (done.state, done.next_row) == (State.FINISHED, done.row_count), path.name
        assert sum(done.counts.values()) == done.row_count, path.name
    assert len(paths) > 30
    assert set(said) <= {
        "Only files ending in .csv, .tsv, .txt, .xlsx or .vcf can be imported.",
        "This file holds deals, not customers. Export contacts or companies from {system} and import that file.",
        "There are no rows below the heading.",
    }


def test_naughty_strings_are_stored_exactly(cast, real_data):
    lists = [path for path in (real_data / "naughty_strings").rglob("*") if path.suffix == ".txt"]
    lines = {line.strip() for path in lists for line in path.read_text(encoding="utf-8").split("\n")}
    strings = sorted(line for line in lines if line and len(line) <= 200)
    written = io.StringIO(newline="")
    csv.writer(written).writerows([["name", "own"], *([text, text] for text in strings)])
    done = ran(cast, staged(cast, written.getvalue(), keep_own_fields=True))
    assert counts(done) == (len(strings), 0, 0, 0)
    clean = [text.replace("\x00", "") for text in strings]
    assert names(cast) == clean
    assert [row["extra"]["own"] for row in stored(cast)] == clean


# --- the same as by hand ------------------------------------------------------

BY_HAND = [
    {
        "name": "ООО «Спецстрой»",
        "phones": ["8 916 123-45-67", "+7 495 123-45-67"],
        "emails": ["Ivan@Specstroy.ru"],
        "city": "Москва",
    },
    {
        "name": "王伟",
        "kind": "person",
        "phones": ["+86 138 0013 8000"],
        "note": "a\nb",
        "address": "Tverskaya 1",
        "stage": "loyal",
    },
    {
        "name": "=Formula Inc",
        "external_number": "007",
        "employees": "12",
        "website": "https://example.com",
        "source": "exhibition",
    },
    {"name": "  Padded  ", "region": "NA", "country": "null", "need": "x", "industry": "y", "source_detail": "z"},
]


@pytest.mark.parametrize("by", ["keeper", "rep", "leader", "service"])
def test_an_imported_customer_equals_one_added_by_hand(cast, by):
    give(cast, "small_team")
    for right in ("imports.run", "imports.view"):
        grant(cast, PARTS[by].role, right, "all")
    columns = sorted({key for raw in BY_HAND for key in raw})
    with cast.unit(getattr(cast, by)) as u:
        for raw in BY_HAND:
            customers.create(u, raw)
    written = io.StringIO(newline="")
    csv.writer(written).writerow(columns)
    csv.writer(written).writerows(
        [";".join(v) if isinstance(v := raw.get(key, ""), list) else v for key in columns] for raw in BY_HAND
    )
    plan = {"columns": {key: key for key in columns}, "fixed": {}, "on_match": "create"}
    assert counts(ran(cast, staged(cast, written.getvalue(), by=by, **plan), by=by)) == (4, 0, 0, 0)
    rows = stored(cast)
    for hand, imported in zip(rows[:4], rows[4:], strict=True):
        assert imported["import_id"]
        for row in (hand, imported):
            row["created_at"] = row["import_id"] = row["id"] = None
            for way in (*row["phones"], *row["emails"]):
                way["id"] = way["customer_id"] = None
        assert imported == hand


def grant(cast: Cast, role: Role, right: str, scope: str | None) -> None:
    from crm.core.access import RightAdjustment

    table = RightAdjustment.__table__
    with cast.database.writing() as connection:
        connection.execute(table.delete().where(table.c.role == str(role), table.c.right == right))
        connection.execute(insert(table), [{"role": str(role), "right": right, "scope": scope, "version": 1}])


def test_an_imported_customer_is_found_by_the_look_up(cast):
    ran(cast, staged(cast, "name,phone,email\n北京华信科技,+86 138 0013 8000,info@huaxin.cn\n"))
    with cast.unit(cast.keeper) as u:
        for text in ("beijing", "华信", "13800138000", "info@huaxin"):
            assert customers.count(u, customers.Filters(text)) == 1, text


# --- whom a row means ----------------------------------------------------------


def test_a_row_finds_its_customer_by_number_phone_or_mail(cast):
    known = ({"external_number": "17"}, {"phones": ["8 916 000-00-01"]}, {"emails": ["x@y.ru"]})
    for place, raw in enumerate(known):
        a_customer(cast, **({"name": f"Known {place}", "phones": [], "emails": []} | raw))
    content = f"{HEADING}\nA,17,,,Bonn,\nB,,+7 916 000 00 01,,Rome,\nC,,,X@Y.ru,Oslo,\nD,18,,,Wien,\n"
    for on_match, expected in (("skip", (1, 0, 3, 0)), ("update", (0, 3, 1, 0)), ("create", (4, 0, 0, 0))):
        import_id = staged(cast, content + "\n" * len(on_match), on_match=on_match)
        trial = counts(tried(cast, import_id))
        assert (trial, counts(ran(cast, import_id))) == (expected, expected), on_match
    assert [row["city"] for row in stored(cast)] == ["Bonn", "Rome", "Oslo", "Wien"] * 2


def test_an_update_changes_what_the_row_says_and_keeps_the_rest(cast):
    key = a_customer(
        cast, external_number="17", city="Bonn", note="kept", phones=["8 916 000-00-01"], emails=["a@b.ru"]
    )
    ran(
        cast,
        staged(
            cast,
            "external number,phone,city,note,shoe\n17,8 916 000-00-02,Rome,,42\n",
            on_match="update",
            keep_own_fields=True,
        ),
    )
    row = stored(cast, id=key)[0]
    assert (row["city"], row["note"], row["name"], row["extra"]) == ("Rome", "kept", "Customer of rep", {"shoe": "42"})
    assert [phone["digits"] for phone in row["phones"]] == ["79160000001", "79160000002"]
    assert [mail["address"] for mail in row["emails"]] == ["a@b.ru"]
    assert {"p79160000002", "p79160000001", "x17"} <= row["tokens"]
    assert row["responsible_id"] == PARTS["rep"].id


def test_an_update_hands_the_customer_to_whom_the_row_names(cast):
    key = a_customer(cast, external_number="17")
    ran(cast, staged(cast, "external number,responsible\n17,wei rival\n", on_match="update"))
    row = stored(cast, id=key)[0]
    assert (row["responsible_id"], row["team_id"]) == (PARTS["rival"].id, SOUTH)


@pytest.mark.parametrize("on_match", list(OnMatch))
def test_rows_of_one_file_meet_each_other(cast, on_match):
    rows = [
        "A,1,8 916 000-00-01,,",
        "A again,1,,,Rome",
        "B,,8 916 000-00-01,b@b.ru,Oslo",
        "C,,,b@b.ru,Wien",
        "D,2,8 916 000-00-01,,",
    ]
    content = "name,external number,phone,email,city\n" + "\n".join(rows) + "\n"
    expected = {"skip": (3, 0, 2, 0), "update": (2, 3, 0, 0), "only_update": (0, 0, 0, 5), "create": (5, 0, 0, 0)}[
        on_match
    ]
    import_id = staged(cast, content, on_match=str(on_match))
    assert counts(tried(cast, import_id)) == expected
    assert counts(ran(cast, import_id)) == expected
    if on_match is OnMatch.UPDATE:
        assert [(row["name"], row["city"], len(row["phones"])) for row in stored(cast)] == [
            ("C", "Wien", 1),
            ("D", None, 1),
        ]


def test_one_known_under_another_number_is_somebody_else(cast):
    a_customer(cast, external_number="17", phones=["8 916 000-00-01"], emails=[])
    import_id = staged(cast, "name,external number,phone\nBrother,18,8 916 000-00-01\n", on_match="update")
    assert counts(ran(cast, import_id)) == (1, 0, 0, 0)


def test_a_row_that_means_several_customers_is_a_fault_of_an_update(cast):
    for _ in range(2):
        a_customer(cast, phones=["8 916 000-00-01"], emails=[])
    import_id = staged(cast, "name,phone\nA,8 916 000-00-01\n", on_match="update")
    assert counts(ran(cast, import_id)) == (0, 0, 0, 1)
    assert "2 customers have this phone" in causes(cast, import_id)[2]


def test_customers_in_the_bin_are_not_met(cast):
    key = a_customer(cast, external_number="17")
    with cast.unit(cast.keeper) as u:
        customers.archive(u, key, seen=1)
    assert counts(ran(cast, staged(cast, "name,external number\nA,17\n"))) == (1, 0, 0, 0)


def test_the_trial_and_the_run_agree_on_a_sheet_of_a_thousand_rows(cast):
    content = old_sheet(cast)
    import_id = staged(cast, content, on_match="update")
    before = stored(cast)
    trial = tried(cast, import_id)
    assert stored(cast) == before
    assert counts(trial) == (940, 35, 0, 25)
    begun = time.monotonic()
    assert counts(ran(cast, import_id)) == (940, 35, 0, 25)
    assert time.monotonic() - begun < 60
    assert len(causes(cast, import_id)) == 25


def old_sheet(cast: Cast) -> str:
    """Return a sheet of 1,000 rows with phones as people type them; 35 customers are known and 25 rows are faulty."""
    shapes = ("8916{:07d}", "+7 (916) {:07d}", "8-916-{:07d}", "7916{:07d}")
    rows = []
    with cast.unit(cast.keeper) as u:
        for n in range(1000):
            phone = shapes[n % 4].format(n)
            if n < 35:
                customers.create(u, {"name": f"Known {n}", "phones": [phone]}, responsible_id=PARTS["rep"].id)
            rows.append([f"Customer {n}", "no phone" if 100 <= n < 125 else phone, f"c{n}@example.com", "Казань"])
    written = io.StringIO(newline="")
    csv.writer(written).writerows([["ФИО", "Телефон", "Почта", "Город"], *rows])
    return written.getvalue()


# --- faults --------------------------------------------------------------------


def test_faulty_rows_come_back_as_a_file_with_the_cause_and_can_be_imported_when_corrected(cast):
    content = (
        f"{HEADING}\nGood,1,+7 916 000 00 01,a@b.ru,,rep\n"
        "=Bad,2,no phone,,,\nRagged,3\n,4,,,,\nWho,5,,,,Nobody Known\nMail,6,,not a mail,,\n"
    )
    import_id = staged(cast, content)
    assert counts(ran(cast, import_id)) == (1, 0, 0, 5)
    with cast.unit(cast.keeper) as u:
        written = imports.faults_file(u, import_id, str, {"phones": "Phones"})
    rows = list(csv.reader(io.StringIO(written.decode("utf-8-sig"), newline="")))
    assert rows[0] == ["Row of the file", "What is wrong", *HEADING.split(",")]
    assert [row[0] for row in rows[1:]] == ["3", "4", "5", "6", "7"]
    assert rows[1][1:4] == ["Phones: 'no phone' is not a phone number.", "'=Bad", "2"]
    assert rows[2][1] == "This row has 2 cells and the heading has 6."
    assert "Please enter a name." in rows[3][1]
    assert "There is no colleague 'Nobody Known'." in rows[4][1]
    assert "'not a mail' is not an e-mail address." in rows[5][1]
    rows[1][4] = "'+7 916 000 00 02"
    corrected = io.StringIO(newline="")
    csv.writer(corrected).writerows([rows[0], rows[1]])
    again = staged(cast, corrected.getvalue(), "corrected.csv")
    assert record_of(cast, again).mapping == record_of(cast, import_id).mapping
    assert counts(ran(cast, again)) == (1, 0, 0, 0)
    assert (stored(cast)[1]["name"], stored(cast)[1]["phones"][0]["digits"]) == ("=Bad", "79160000002")


def test_no_cell_of_the_fault_file_runs_as_a_formula(cast):
    payloads = ["=1+1", "+1", "-1", "@a", "|a", "\t=1", "＝1", " =1", "\u00a0=1"]
    written = io.StringIO(newline="")
    csv.writer(written).writerows([["name", "phone", "=cmd|heading"], *([text, "x" + text, text] for text in payloads)])
    import_id = staged(cast, written.getvalue(), columns={"name": "name", "phone": "phones"})
    ran(cast, import_id)
    with cast.unit(cast.keeper) as u:
        content = imports.faults_file(u, import_id, str, {}).decode("utf-8-sig")
    found = list(csv.reader(io.StringIO(content, newline="")))
    assert len(found) == len(payloads) + 1
    assert not [cell for row in found for cell in row if files._STARTS_FORMULA.match(cell)]


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"name": "x" * 201}, "At most 200 characters"),
        ({"name": "A", "note": "x" * 200_000}, "At most 5000 characters"),
        ({"name": "A", "own": "x" * 2001}, "At most 2000 characters"),
        ({"name": "A", "employees": "many"}, "whole number"),
        ({"name": "A", "stage": "nonsense"}, "'nonsense' is not one of the choices."),
        ({"name": "A", "phone": "12"}, "'12' is not a phone number."),
    ],
)
def test_a_fault_names_its_field_and_stores_nothing(cast, cells, says):
    content = ",".join(cells) + "\n" + ",".join(cells.values()) + "\n"
    columns = {key: {"phone": "phones"}.get(key, key) for key in cells if key != "own"}
    import_id = staged(cast, content, columns=columns, keep_own_fields=True)
    assert counts(ran(cast, import_id)) == (0, 0, 0, 1)
    assert says in causes(cast, import_id)[2]
    assert names(cast) == []


def test_the_preview_shows_what_will_be_stored_and_what_is_wrong(cast):
    a_customer(cast, external_number="9")
    import_id = staged(
        cast, "name,phone,external number,shoe\nA,8 916 000-00-01,1,42\nB,x,2,\nC,,9,\n", keep_own_fields=True
    )
    with cast.unit(cast.keeper) as u:
        found = imports.preview(u, import_id)
    assert [(row.number, str(row.outcome)) for row in found.rows] == [(2, "new"), (3, "faulty"), (4, "skipped")]
    assert found.rows[0].values == {"name": "A", "phones": "+7 916 000-00-01", "external_number": "1", "shoe": "42"}
    assert (found.rows[1].values["phones"], list(found.rows[1].faults)) == ("x", ["phones"])
    assert (found.fields[:1], found.own) == (("name",), ("shoe",))


# --- mapping -------------------------------------------------------------------


def guessed(heading: str, *rows: str, **options: Any) -> dict[str, str]:
    sign = ","
    return dict(guessing.guess(heading.split(sign), [row.split(sign) for row in rows], **options).columns)


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        (
            "Название,ИНН,Сайт,Телефон раб.,E-mail",
            {"Название": "name", "ИНН": "inn", "Сайт": "website", "Телефон раб.": "phones", "E-mail": "emails"},
        ),
        (
            "Фамилия,Имя,Отчество,Моб.",
            {"Фамилия": "surname", "Имя": "given_name", "Отчество": "middle_name", "Моб.": "phones"},
        ),
        (
            "客户名称,联系电话,邮箱,所属行业,备注",
            {"客户名称": "name", "联系电话": "phones", "邮箱": "emails", "所属行业": "industry", "备注": "note"},
        ),
        (
            "First Name,Last Name,Phone 1 - Label,Phone 1 - Value",
            {"First Name": "given_name", "Last Name": "surname", "Phone 1 - Value": "phones"},
        ),
        ("Company name,Record ID,City", {"Company name": "name", "Record ID": "external_number", "City": "city"}),
        ("Nothing,Known", {}),
    ],
)
def test_headings_are_understood_in_three_languages(heading, expected):
    assert guessed(heading) == expected


def test_the_values_decide_where_a_heading_is_not_enough():
    assert guessed("name,location", "A,Kenya", "B,Россия")["location"] == "country"
    assert guessed("name,location", "A,Bonn", "B,Казань")["location"] == "city"
    assert "PhoneService" not in guessed("name,PhoneService", "A,Yes")
    assert "stage" not in guessed("name,stage", "A,Qualified")
    assert guessed("name,stage", "A,Лояльный", "B,loyal").get("stage") in {"stage", None}
    assert "owner" not in guessed("name,owner", "A,Somebody")
    assert guessed("name,owner", "A,Ivan Rep", people=["ivan rep"])["owner"] == "responsible"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"surname": "Иванов", "given_name": "Иван", "middle_name": "Петрович"}, "Иванов Иван Петрович"),
        ({"surname": "Public", "given_name": "John", "middle_name": "Q."}, "John Q. Public"),
        ({"surname": "王", "given_name": "伟"}, "王伟"),
        ({"given_name": "Camille"}, "Camille"),
        ({}, ""),
    ],
)
def test_parts_of_a_name_are_joined_as_people_write_them(parts, expected):
    from crm.imports.rows import joined

    assert joined(parts) == expected


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        ({"columns": {"absent": "name"}}, "absent"),
        ({"columns": {"a": "nonsense"}}, "a"),
        ({"columns": {"a": "name", "b": "name"}}, "b"),
        ({"columns": {"a": "city"}}, "columns"),
        ({"columns": {}, "template": "Customer"}, "columns"),
        ({"columns": {}, "template": "Customer {absent}"}, "template"),
        ({"columns": {}, "template": "{a}" + "x" * 300}, "template"),
        ({"columns": {"a": "name"}, "fixed": {"kind": "robot"}}, "fixed.kind"),
        ({"columns": {"a": "name"}, "fixed": {"version": 9}}, "fixed.version"),
        ({"columns": {"a": "name"}, "fixed": {"responsible_id": "1 OR 1=1"}}, "fixed.responsible_id"),
        ({"columns": {"a": "name"}, "phone_region": "XX"}, "phone_region"),
    ],
)
def test_a_mapping_that_cannot_be_used_says_where(cast, plan, field):
    import_id = staged(cast, "a,b\n1,2\n")
    with pytest.raises(InvalidForm) as refused, cast.unit(cast.keeper) as u:
        imports.choose(u, import_id, mapping.from_json(plan), seen=u.get(Import, import_id).version)
    assert next(iter(refused.value.faults)) == field


@pytest.mark.parametrize(
    "raw", [{"columns": 7}, {"columns": {}, "sql": "x"}, {"on_match": "delete"}, {"columns": [1, 2]}]
)
def test_what_is_no_mapping_is_refused(raw):
    with pytest.raises(Invalid, match="not a mapping"):
        mapping.from_json(raw)


def test_the_template_is_no_format_string():
    assert mapping.filled("{a.__class__} {a}", {"a": "x"}) == ""
    assert mapping.filled("{a}!{b}", {"a": "{b}", "b": "1"}) == "{b}!1"
    assert mapping.filled("{a.b} {0} {c!r:>9}", {"a.b": "x", "0": "y", "c!r:>9": "z"}) == "x y z"


def test_a_mapping_serves_the_next_file_with_the_same_headings(cast):
    ran(cast, staged(cast, "a,b\nAcme,Bonn\n", columns={"a": "name", "b": "city"}))
    assert record_of(cast, staged(cast, "a,b\nBeta,Rome\n")).mapping["columns"] == {"a": "name", "b": "city"}


def test_a_trial_does_not_outlive_its_mapping(cast):
    import_id = staged(cast, "name,city\nA,B\n")
    tried(cast, import_id)
    with cast.unit(cast.keeper) as u:
        record = imports.choose(
            u, import_id, FieldMapping(columns={"name": "name"}), seen=u.get(Import, import_id).version
        )
        assert record.trial is None


def test_another_encoding_is_taken_over(cast):
    import_id = staged(cast, "имя;город\nПетров;Казань\n".encode("cp1251"))
    with cast.unit(cast.keeper) as u:
        survey = imports.survey(u, import_id, imports.Reading(encoding="koi8-r", delimiter=","))
    with cast.unit(cast.keeper) as u:
        record = imports.reread(u, import_id, survey, seen=u.get(Import, import_id).version)
        assert record.headings == ["ХЛЪ;ЦНПНД"]
    with cast.unit(cast.keeper) as u, pytest.raises(Invalid):
        imports.survey(u, import_id, imports.Reading(encoding="rot13", delimiter=","))


# --- whose ---------------------------------------------------------------------


def test_new_customers_go_to_whom_the_row_or_the_import_names(cast):
    content = "name,responsible\nA,Ivan Rep\nB,RIVAL\nC,leader@rapport.example\nD,\nE,Dmitri Gone\n"
    import_id = staged(cast, content, fixed={"responsible_id": PARTS["mate"].id})
    assert counts(ran(cast, import_id)) == (4, 0, 0, 1)
    found = [(row["responsible_id"], row["team_id"]) for row in stored(cast)]
    assert found == [(3, NORTH), (5, SOUTH), (7, NORTH), (4, NORTH)]


def test_new_customers_can_go_to_a_team(cast):
    ran(cast, staged(cast, "name\nA\n", fixed={"team_id": SOUTH}))
    assert [(row["responsible_id"], row["team_id"]) for row in stored(cast)] == [(None, SOUTH)]


def test_a_leader_imports_for_the_own_team_only(cast):
    give(cast, "small_team")
    a_customer(cast, "rival", external_number="9", name="Hidden")
    content = "name,responsible,external number\nA,rep,1\nB,rival,2\nC,,3\nHidden,rep,9\n"
    import_id = staged(cast, content, by="leader", on_match="update")
    expected = (3, 0, 0, 1)
    assert counts(tried(cast, import_id, by="leader")) == expected
    assert counts(ran(cast, import_id, by="leader")) == expected
    assert causes(cast, import_id) == {3: "responsible: You may not add customers for this person or team."}
    assert len(stored(cast, name="Hidden")) == 2
    assert [row["team_id"] for row in stored(cast, import_id=import_id)] == [NORTH] * 3


@pytest.mark.parametrize(
    ("run_scope", "create_scope", "new"),
    [("own", "team", 1), ("team", "own", 1), ("team", "team", 2), ("all", None, 0)],
)
def test_a_new_customer_must_be_within_both_rights(cast, run_scope, create_scope, new):
    for right, scope in (("imports.run", run_scope), ("imports.view", "own"), ("customers.create", create_scope)):
        grant(cast, Role.SALES_MANAGER, right, scope)
    import_id = staged(cast, "name,responsible\nA,Maria Leader\nB,Ivan Rep\n", by="leader")
    assert counts(ran(cast, import_id, by="leader")) == (new, 0, 0, 2 - new)


def test_an_update_needs_the_rights_that_a_form_needs(cast):
    key = a_customer(cast, external_number="9", city="Bonn")
    for right in ("imports.run", "imports.view"):
        grant(cast, Role.SALES_MANAGER, right, "team")
    plan = {"columns": {"external number": "external_number", "city": "city", "phone": "phones"}, "on_match": "update"}
    content = "external number,city,phone\n9,Rome,\n9,,8 916 000-00-01\n"
    import_id = staged(cast, content, by="leader", **plan)
    assert counts(ran(cast, import_id, by="leader")) == (0, 1, 0, 1)
    row = stored(cast, id=key)[0]
    assert (row["city"], len(row["phones"])) == ("Rome", 1)


@pytest.mark.parametrize("part", sorted(set(PARTS) - {"keeper"}))
def test_without_the_right_nobody_imports(cast, part):
    with (
        pytest.raises(Refused) if part != "gone" else pytest.raises(Exception, match="signed out"),
        cast.unit(getattr(cast, part)) as u,
    ):
        imports.receive(u, "a.csv", b"name\nA\n")
    assert not files.stored_tokens()


def test_nobody_sees_the_import_or_the_file_of_another_team(cast):
    give(cast, "small_team")
    import_id = staged(cast, "name,phone\nA,x\n", columns={"name": "name", "phone": "phones"}, by="leader")
    ran(cast, import_id, by="leader")
    for part in ("rival_leader", "rep", "head", "marketer"):
        with cast.unit(getattr(cast, part)) as u:
            assert imports.count(u) == 0
            assert imports.listing(u).empty
            for look in (
                imports.one,
                imports.preview,
                imports.faulty_rows,
                lambda u, key: imports.faults_file(u, key, str, {}),
            ):
                with pytest.raises(NotFound):
                    look(u, import_id)
        for change in (imports.attempt, imports.start, imports.stop, imports.resume, imports.discard):
            with pytest.raises((NotFound, Refused)), cast.unit(getattr(cast, part)) as u:
                change(u, import_id)


def test_the_administrator_sees_that_there_is_an_import_and_not_into_the_file(cast):
    import_id = staged(cast, "name,phone\nA,x\n", columns={"name": "name", "phone": "phones"})
    ran(cast, import_id)
    with cast.unit(cast.admin) as u:
        assert imports.count(u) == 1
        assert not imports.may_work_with(u, imports.one(u, import_id))
        for look in (imports.preview, imports.faulty_rows, lambda u, key: imports.faults_file(u, key, str, {})):
            with pytest.raises(Refused):
                look(u, import_id)


def test_seeing_all_imports_is_not_deciding_about_them(cast):
    import_id = staged(cast, "name\nA\n")
    for right, scope in (("imports.run", "own"), ("imports.view", "all")):
        grant(cast, Role.SALES_MANAGER, right, scope)
    deciding = (
        imports.attempt,
        imports.start,
        imports.stop,
        imports.resume,
        imports.discard,
        imports.take_faults_file,
        run.finish,
    )
    for decide in deciding:
        with pytest.raises(Refused), cast.unit(cast.leader) as u:
            decide(u, import_id)
    with pytest.raises(Refused), cast.unit(cast.leader) as u:
        imports.survey(u, import_id, imports.Reading())
    with pytest.raises(Refused), cast.unit(cast.leader) as u:
        imports.choose(u, import_id, FieldMapping(columns={"name": "name"}), seen=1)


# --- life ----------------------------------------------------------------------


def test_the_same_file_with_the_same_mapping_is_noticed(cast):
    ran(cast, staged(cast, "name\nA\n"))
    again = staged(cast, "name\nA\n", "other name.csv")
    with (
        pytest.raises(Invalid, match="imported with the same mapping on 2026-02-09") as refused,
        cast.unit(cast.keeper) as u,
    ):
        imports.start(u, again)
    assert refused.value.field == "again"
    assert counts(ran(cast, again, again=True)) == (1, 0, 0, 0)
    assert counts(ran(cast, staged(cast, "name\nA\n", fixed={"kind": "person"}))) == (1, 0, 0, 0)


def test_an_import_is_one_entry_of_the_audit_log_and_one_notification(cast):
    import_id = staged(cast, "name\nA\nB\n")
    ran(cast, import_id)
    from crm.core.audit_log import AuditEntry

    entries = AuditEntry.__table__
    with cast.database.reader.connect() as connection:
        of_customers = connection.scalar(select(func.count()).where(entries.c.record == "customers"))
        said = connection.scalars(
            select(entries.c.changes).where(entries.c.record == "imports", entries.c.verb == "imports.finish")
        ).all()
    assert of_customers == 0
    assert {"new": [0, 2], "updated": [0, 0], "skipped": [0, 0], "faulty": [0, 0]} in said
    run.notify(cast.database, import_id)
    with cast.unit(cast.keeper) as u:
        notices = u.all(select(Notification))
    assert [(one.page, one.query, one.values["new"]) for one in notices] == [("imports", {"id": str(import_id)}, 2)]


def test_a_run_that_is_stopped_keeps_what_it_stored_and_can_be_taken_up(cast, monkeypatch):
    monkeypatch.setattr(run, "CHUNK", 10)
    import_id = staged(cast, "name\n" + "".join(f"N{n}\n" for n in range(50)))
    with cast.unit(cast.keeper) as u:
        steps.start_here(u, import_id)

    def stop_at(done: int) -> None:
        if done == 20:
            with cast.unit(cast.keeper) as u:
                imports.stop(u, import_id)

    run.run_all(cast.database, cast.keeper, import_id, stop_at)
    stopped = record_of(cast, import_id)
    assert (stopped.state, stopped.next_row, len(names(cast))) == (State.STOPPED, 20, 20)
    with cast.unit(cast.keeper) as u:
        imports.resume(u, import_id)
    run.run_all(cast.database, cast.keeper, import_id)
    assert names(cast) == [f"N{n}" for n in range(50)]
    assert record_of(cast, import_id).state == State.FINISHED


def test_two_processes_at_one_import_store_every_row_once(cast, monkeypatch):
    monkeypatch.setattr(run, "CHUNK", 10)
    import_id = staged(cast, "name\n" + "".join(f"N{n}\n" for n in range(40)))
    with cast.unit(cast.keeper) as u:
        steps.start_here(u, import_id)
    run.run_all(
        cast.database,
        cast.keeper,
        import_id,
        lambda done: done == 10 and run.run_all(cast.database, cast.keeper, import_id),
    )
    assert names(cast) == [f"N{n}" for n in range(40)]
    assert record_of(cast, import_id).next_row == 40


def test_rows_that_another_process_has_done_are_not_done_again(cast):
    import_id = staged(cast, "name\nA\nB\nC\n")
    with cast.unit(cast.keeper) as u:
        steps.start_here(u, import_id)
        source = run.source_of(u, import_id)
    with source.rows() as found:
        rows = list(found)
    taken = []
    for place, some in ((0, rows[:2]), (0, rows[:2]), (3, rows[2:]), (2, rows[2:])):
        with cast.unit(cast.keeper) as u:
            taken.append(run.take(u, import_id, place, some, source.under))
    assert (taken, names(cast)) == ([2, -1, -1, 1], ["A", "B", "C"])


def test_a_long_chunk_of_updates_is_cut_so_that_others_can_write(cast, monkeypatch):
    for n in range(6):
        a_customer(cast, external_number=str(n))
    import_id = staged(cast, "external number,city\n" + "".join(f"{n},Bonn\n" for n in range(6)), on_match="update")
    monkeypatch.setattr(run, "LONGEST_HOLD", 0.0)
    places: list[int] = []
    with cast.unit(cast.keeper) as u:
        steps.start_here(u, import_id)
    run.run_all(cast.database, cast.keeper, import_id, places.append)
    assert places == [1, 2, 3, 4, 5, 6]
    assert counts(record_of(cast, import_id)) == (0, 6, 0, 0)


def test_a_failed_chunk_leaves_nothing_and_says_why(cast, monkeypatch):
    import_id = staged(cast, "name\nA\nB\n")
    with cast.unit(cast.keeper) as u:
        imports.start(u, import_id)
    monkeypatch.setattr(search, "tokens", lambda *_, **_more: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run.run_job(JobContext(cast.database, "test", cast.keeper), import_id=import_id)
    failed = record_of(cast, import_id)
    assert (failed.state, failed.next_row, names(cast)) == (State.FAILED, 0, [])
    assert "Something broke on our side" in str(imports.problem_of(failed))
    monkeypatch.undo()
    with cast.unit(cast.keeper) as u:
        imports.resume(u, import_id)
    run.run_all(cast.database, cast.keeper, import_id)
    assert names(cast) == ["A", "B"]


def test_an_import_ends_when_its_person_may_no_longer(cast):
    import_id = staged(cast, "name\nA\n")
    with cast.unit(cast.keeper) as u:
        imports.start(u, import_id)
    grant(cast, Role.RECORD_KEEPER, "imports.run", None)
    with pytest.raises(Refused):
        run.run_job(JobContext(cast.database, "test", cast.keeper), import_id=import_id)
    assert (record_of(cast, import_id).state, names(cast)) == (State.FAILED, [])


def test_a_staged_import_can_be_thrown_away_with_its_file(cast):
    import_id = staged(cast, "name\nA\n")
    token = record_of(cast, import_id).stored_as
    with cast.unit(cast.keeper) as u:
        imports.discard(u, import_id)
    assert not files.path_of(token).exists()
    done = staged(cast, "name\nA\n")
    ran(cast, done)
    with pytest.raises(Conflict), cast.unit(cast.keeper) as u:
        imports.discard(u, done)


def test_old_files_are_removed_with_what_was_quoted_from_them(cast):
    import_id = staged(cast, "name,phone\nA,secret phone\n", columns={"name": "name", "phone": "phones"})
    ran(cast, import_id)
    left = staged(cast, "name\nB\n")
    tokens = [record_of(cast, key).stored_as for key in (import_id, left)]
    later = clock.now().replace(month=2, day=20)
    with clock.stopped(later):
        run.remove_files_job(JobContext(cast.database, "test", run.SYSTEM))
        assert [files.path_of(token).exists() for token in tokens] == [True, False]
    with clock.stopped(later.replace(month=4)):
        run.remove_files_job(JobContext(cast.database, "test", run.SYSTEM))
    assert [files.path_of(token).exists() for token in tokens] == [False, False]
    with cast.database.reader.connect() as connection:
        assert connection.scalars(select(ImportRow.__table__.c.causes)).all() == [[]]
    with cast.unit(cast.keeper) as u, pytest.raises(Invalid, match="was removed"):
        imports.faults_file(u, import_id, str, {})


def test_the_job_of_a_started_import_runs_it_to_its_end_and_tells_how_far_it_is(cast):
    import_id = staged(cast, "name\nA\nB\n")
    with cast.unit(cast.keeper) as u:
        imports.start(u, import_id)
        job_id = u.get(Import, import_id).job_id
        assert imports.is_waiting(u, u.get(Import, import_id))
    run.run_job(JobContext(cast.database, job_id or "", cast.keeper), import_id=import_id)
    with cast.unit(cast.keeper) as u:
        state = jobs.state(u, job_id or "")
    assert (state.name, state.done, state.total, names(cast)) == ("imports.run", 2, 2, ["A", "B"])


def test_an_import_whose_job_is_gone_can_be_taken_up(cast):
    import_id = staged(cast, "name\nA\n")
    with cast.unit(cast.keeper) as u:
        imports.start(u, import_id)
    with pytest.raises(Conflict), cast.unit(cast.keeper) as u:
        imports.resume(u, import_id)
    with cast.database.writing() as connection:
        connection.execute(update(Import.__table__).values(job_id="gone"))
    with cast.unit(cast.keeper) as u:
        assert imports.is_stuck(u, u.get(Import, import_id))
        imports.resume(u, import_id)
        assert u.get(Import, import_id).job_id != "gone"


# --- cells made to keep a program busy ------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "1" * 200_000,
        "a" * 200_000,
        " " * 100_000 + "x",
        "a@" * 100_000,
        "1;" * 100_000,
        "1, " * 60_000,
        "'" * 200_000,
        "王" * 200_000,
    ],
)
def test_no_cell_keeps_the_import_busy(text):
    begun = time.monotonic()
    received = files.receive(
        "a.csv",
        f'name,phone,mail,employees,kind,note\n"{text}","{text}","{text}","{text}","{text}","{text}"\n'.encode(),
    )
    columns = {
        "name": "name",
        "phone": "phones",
        "mail": "emails",
        "employees": "employees",
        "kind": "kind",
        "note": "note",
    }
    guessing.guess(received.survey.columns, files.sample(received.token, received.format, received.survey.reading))
    under = run.reading.Terms(FieldMapping(columns=columns), received.survey.columns, "RU", {})
    with files.table(received.token, received.format, received.survey.reading) as (_, rows):
        assert [bool(run.reading.prepare(row, under).faults) for row in rows] == [True]
    assert time.monotonic() - begun < 10


# --- kill -9 ---------------------------------------------------------------------

KILLED = """
import sys
sys.path.insert(0, sys.argv[1])
import crm
from crm.core.access import Identity
from crm.imports import run
from db.engine import connect
run.CHUNK = 20
run.run_all(connect(sys.argv[2]), Identity(int(sys.argv[3])), int(sys.argv[4]), lambda done: print(done, flush=True))
"""


def test_kill_minus_nine_leaves_no_half_rows_and_no_doubles(cast):
    rows = 600
    content = "name,phone,external number\n" + "".join(f"N{n},8916{n:07d},{n}\n" for n in range(rows))
    import_id = staged(cast, content)
    with cast.unit(cast.keeper) as u:
        steps.start_here(u, import_id)
    url = cast.database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", KILLED, str(ROOT), url, str(cast.keeper.user_id), str(import_id)]
    for kill in range(3):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(kill + 2):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        found, place = stored(cast), record_of(cast, import_id).next_row
        assert 0 < place < rows
        assert [row["name"] for row in found] == [f"N{n}" for n in range(place)]
        assert all(len(row["phones"]) == 1 and row["tokens"] for row in found)
    run.run_all(cast.database, cast.keeper, import_id)
    assert names(cast) == [f"N{n}" for n in range(rows)]
    assert counts(record_of(cast, import_id)) == (rows, 0, 0, 0)


# --- the command line ------------------------------------------------------------


def test_the_command_line_imports_a_file_as_somebody(cast, tmp_path):
    path = tmp_path / "old customers.csv"
    path.write_text("name,city\nA,Bonn\nB,Rome\n", encoding="utf-8")
    said: list[tuple[int, int]] = []
    done = imports.run_file(path, username="Keeper", database=cast.database, progress=lambda *now: said.append(now))
    assert (counts(done), done.file_name, said) == ((2, 0, 0, 0), "old customers.csv", [(2, 2)])
    with pytest.raises(Invalid, match="imported with the same mapping"):
        imports.run_file(path, username="keeper", database=cast.database)
    plan = {"columns": {"name": "name"}, "fixed": {"kind": "person"}}
    assert counts(imports.run_file(path, mapping=plan, database=cast.database)) == (2, 0, 0, 0)
    with pytest.raises(NotFound):
        imports.run_file(path, username="nobody", database=cast.database)
    with pytest.raises(Refused):
        imports.run_file(path, username="rep", database=cast.database)
    with pytest.raises(Invalid, match="cannot be read"):
        imports.run_file(tmp_path / "absent.csv", database=cast.database)


def test_the_same_command_goes_on_where_the_killed_one_stopped(cast, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("name\n" + "".join(f"N{n}\n" for n in range(1200)), encoding="utf-8")

    def die(_done: int, _rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imports.run_file(path, username="keeper", database=cast.database, progress=die)
    assert len(names(cast)) == 500
    done = imports.run_file(path, username="keeper", database=cast.database)
    assert (done.next_row, len(names(cast)), len(files.stored_tokens())) == (1200, 1200, 1)
