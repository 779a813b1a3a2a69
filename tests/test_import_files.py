"""What people import from: every awkward file loads as it is written, or is refused with a sentence that helps."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as some

from crm.core import config
from crm.core.errors import Invalid
from crm.core.shelf import LONGEST_NAME
from crm.imports import encodings, files, workbook
from crm.imports.files import Format, Reading, Received
from tests.support import awkward_files as awkward


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Files land in a folder of the test."""
    monkeypatch.setenv("RAPPORT_DATA", str(tmp_path))
    config.forget()
    yield tmp_path
    config.forget()


def received(content: bytes | str, name: str = "customers.csv") -> Received:
    return files.receive(name, content.encode() if isinstance(content, str) else content)


def table_of(content: bytes | str, name: str = "customers.csv") -> tuple[list[str], list[list[str]]]:
    """Return the columns and the rows of a file."""
    found = received(content, name)
    with files.table(found.token, found.format, found.survey.reading) as (columns, rows):
        return list(columns), [list(row.cells) for row in rows]


def rows_of(content: bytes | str) -> list[files.Row]:
    found = received(content)
    with files.table(found.token, found.format, found.survey.reading) as (_, rows):
        return list(rows)


# --- text files --------------------------------------------------------------


def test_every_file_of_csv_spectrum_reads_as_its_authors_say(real_data):
    folder = real_data / "csv_torture" / "csv-spectrum"
    tried = 0
    for path in sorted((folder / "csvs").iterdir()):
        columns, rows = table_of(path.read_bytes())
        expected = json.loads((folder / "json" / f"{path.stem}.json").read_text(encoding="utf-8"))
        found = [dict(zip(columns, row, strict=True)) for row in rows]
        if path.stem == "location_coordinates":  # whose authors hid the phone in one of the two files
            expected = [expected | {"Contact Phone Number": "2095257564"}]
        assert found == expected, path.name
        tried += 1
    assert tried == 12


def test_every_derived_encoding_reads_as_the_same_text(real_data):
    folder = real_data / "encodings_derived"
    known = {"amocrm": "amocrm_utf8_bom_semicolon.csv", "contacts": "contacts_zh_utf8_bom.csv"}
    expected = {stem: table_of((folder / name).read_bytes()) for stem, name in known.items()}
    tried = [path.name for path in sorted(folder.iterdir())]
    for name in tried:
        assert table_of((folder / name).read_bytes(), name) == expected[name.split("_")[0]], name
    assert expected["amocrm"][0][1] == "Название сделки"
    assert expected["contacts"][0][0] == "姓名"
    assert len(tried) == 9


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("name;phone\r\nИванов;+7 916\r\n", "cp1251"),
        ("name;city\r\nАО Ромашка;Казань\r\n", "koi8-r"),
        ("name;city\r\nАО Ромашка;Казань\r\n", "cp866"),
        ("name;city\r\nŽluťoučký;Köln\r\n", "cp1250"),
        ("name,city\nJosé,São Paulo\n", "cp1252"),
        ("姓名,手机\n王伟,13800138000\n", "gb18030"),
        ("姓名,手机\n王偉,13800138000\n", "big5"),
        ("имя;город\r\nПетров;Казань\r\n", "utf-16-le"),
        ("имя;город\r\nПетров;Казань\r\n", "utf-16-be"),
    ],
)
def test_short_texts_tell_their_encoding(text, encoding):
    assert encodings.detect(text.encode(encoding)) == encoding


def test_a_long_word_does_not_keep_the_detection_busy():
    begun = monotonic()
    assert encodings.detect(b"caf\xe9;" + b"a" * 250_000) == "cp1252"
    assert monotonic() - begun < 10


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_though_the_others_stand_in_cells(sign):
    others = [one for one in ",;|" if one != sign]
    rows = [["name", "note", "phone"], *([f"A{n}", f"a{others[0]}b{others[1]}c", "1"] for n in range(5))]
    text = "\n".join(sign.join(row) for row in rows)
    assert files.recognise(text.encode()).delimiter == sign


def test_excel_may_name_the_delimiter_in_the_first_line():
    assert table_of('sep=;\r\nname;city\r\n"Acme, Inc";Bonn\r\n') == (["name", "city"], [["Acme, Inc", "Bonn"]])


def test_a_mark_at_the_beginning_is_no_part_of_the_heading():
    assert table_of("\ufeffname,city\nA,B\n")[0] == ["name", "city"]


def test_cells_come_as_they_are_written():
    cells = [
        "007",
        "NA",
        "null",
        "None",
        "1e5",
        "03/04/05",
        "8 916 123-45-67",
        "0x1F",
        "TRUE",
        "  padded ",
        "-0",
        "１２",
    ]
    assert table_of("c,d\n" + "\n".join(f'"{cell}",x' for cell in cells))[1] == [[cell, "x"] for cell in cells]


def test_a_ragged_row_is_a_fault_and_does_not_shift():
    found = rows_of("name,phone,city\nA,1,X\nB,2\nC,3,Y,extra\nD,4,Z,,\nE,5,W\n")
    assert [row.number for row in found if row.fault] == [3, 4]
    assert found[1].fault is not None
    assert found[1].fault.values == {"found": 2, "expected": 3}
    assert [row.cells for row in found if not row.fault] == [("A", "1", "X"), ("D", "4", "Z"), ("E", "5", "W")]


def test_blank_rows_are_no_rows_and_keep_the_numbering():
    found = rows_of("\nname,phone\n\nA,1\n,\n   \nB,2\n\n")
    assert [(row.number, row.cells[0]) for row in found] == [(4, "A"), (7, "B")]


def test_nul_signs_are_taken_out_and_nothing_else():
    assert table_of("name,city\nA\x00cme,\x00\x00Bonn\n")[1] == [["Acme", "Bonn"]]


def test_a_cell_of_two_hundred_kilobytes_is_a_cell():
    long = "ж" * 200_000
    assert table_of(f'name,note\nA,"{long}"\n')[1] == [["A", long]]


def test_a_quotation_mark_that_is_never_closed_is_named_by_its_row():
    with pytest.raises(Invalid, match="Row 3: a quotation mark"):
        received('name,city\nA,B\n"C,D\nE,F\n')


def test_wrong_quotation_marks_are_a_fault_of_their_row():
    found = rows_of('name,city\n"A" b,c\nD,E\n')
    assert [bool(row.fault) for row in found] == [True, False]


def test_columns_have_names_of_their_own():
    assert table_of("name,phone,phone,,phone\na,1,2,3,4\n")[0] == ["name", "phone", "phone (2)", "D", "phone (3)"]


def test_a_file_without_a_heading_is_read_from_its_first_row():
    found = received("Acme,Bonn\nBeta,Rome\n")
    with files.table(found.token, found.format, replace(found.survey.reading, header=False)) as (columns, rows):
        assert (columns, [row.number for row in rows]) == (("A", "B"), [1, 2])


def test_another_encoding_than_the_file_has_is_refused_with_its_name():
    found = received("имя;город\nПетров;Казань\n".encode("cp1251"))
    with pytest.raises(Invalid, match="not written in UTF-8") as refused:
        files.survey(found.token, Format.CSV, replace(found.survey.reading, encoding="utf-8-sig"))
    assert refused.value.field == "encoding"


# --- what is no table ---------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("evil.exe", b"MZ\x90", "Only files ending"),
        ("x.csv.exe", b"a,b\n1,2\n", "Only files ending"),
        ("report\u202evsc.exe", b"a,b\n1,2\n", "Only files ending"),
        ("noending", b"a,b\n1,2\n", "Only files ending"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\xef\xbb\xbf\r\n \r\n", "is empty"),
        ("a.csv", b"name,phone\n", "no rows below"),
        ("a.csv", b"PK\x03\x04rest", "does not fit its name"),
        ("a.xlsx", b"name,phone\nA,1\n", "does not fit its name"),
        ("a.xls", b"\xd0\xcf\x11\xe0", "old or a protected"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0", "old or a protected"),
        ("a.xlsx", b"PK\x03\x04 torn", "not a whole Excel workbook"),
        ("a.csv", ",".join("c" * 201).encode() + b"\n" + b"1," * 200 + b"1\n", "more than 200 columns"),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence_and_leaves_no_file(name, content, says, data_folder):
    with pytest.raises(Invalid, match=says):
        files.receive(name, content)
    assert list((data_folder / "imports").glob("*")) == []


def test_a_file_that_is_too_large_is_refused_before_it_is_stored(data_folder):
    with pytest.raises(Invalid, match="larger than 100 MB"):
        files.receive("a.csv", b"a,b\n" * (26 << 20))
    with pytest.raises(Invalid, match="larger than 25 MB"):
        files.receive("a.xlsx", b"PK\x03\x04" * (7 << 20))
    assert not (data_folder / "imports").exists()


def test_a_million_rows_below_a_heading_are_a_file(monkeypatch):
    monkeypatch.setattr(files, "MOST_ROWS", 3)
    assert received("name\nA\n\nB\nC\n").survey.row_count == 3
    with pytest.raises(Invalid, match="more than 3 rows"):
        received("name\nA\nB\nC\nD\n")


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd.csv", "..\\..\\a.csv", "/abs/a.csv", "a" * 300 + ".csv", "r\u202evsc.csv", "a\x00\n.csv"],
)
def test_a_file_is_stored_under_a_name_of_ours(name, data_folder):
    found = received("name,city\nA,B\n", name)
    stored = data_folder / "imports" / found.token
    assert stored.read_bytes() == b"name,city\nA,B\n"
    assert (stored.stat().st_mode & 0o777, stored.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert not set(found.name) & set("/\\\u202e\x00\n")
    assert len(found.name) <= LONGEST_NAME
    assert [path.name for path in data_folder.rglob("*.csv")] == []


@pytest.mark.parametrize("token", ["", "../x", "a" * 31, "A" * 32, "a" * 32 + "\n", "a" * 32 + "/../b"])
def test_only_a_token_of_ours_names_a_file(token):
    with pytest.raises(ValueError, match="no name of a stored file"):
        files.path_of(token)


# --- workbooks ---------------------------------------------------------------


def test_a_workbook_reads_as_people_see_it():
    content = awkward.workbook(
        ["name", "number", "share", "day", "moment", "flag", "note"],
        ["Acme", 7, 12.0, date(2026, 11, 21), datetime(2026, 11, 21, 14, 2), True, None],  # noqa: DTZ001  Excel knows no zone
        ["NA", 89161234567, 0.1, None, None, False, "a\nb"],
        ["Far", -5, 1e300, None, time(14, 2), None, "x"],
        formats={"B2": "000"},
    )
    columns, rows = table_of(content, "customers.xlsx")
    assert columns == ["name", "number", "share", "day", "moment", "flag", "note"]
    assert rows == [
        ["Acme", "007", "12", "2026-11-21", "2026-11-21 14:02:00", "TRUE", ""],
        ["NA", "89161234567", "0.1", "", "", "FALSE", "a\nb"],
        ["Far", "-5", "1" + "0" * 300, "", "14:02:00", "", "x"],
    ]


def test_short_rows_of_a_workbook_are_filled_and_another_sheet_can_be_chosen():
    content = awkward.workbook(["name", "phone"], ["Acme"], title="First", more=["Second"])
    found = received(content, "a.xlsx")
    assert found.survey.sheets == ("First", "Second")
    with files.table(found.token, found.format, found.survey.reading) as (_, rows):
        assert [row.cells for row in rows] == [("Acme", "")]
    with pytest.raises(Invalid, match="no rows below"):
        files.survey(found.token, found.format, replace(found.survey.reading, sheet="Second"))


def test_a_sheet_that_lies_about_its_size_reads_as_it_is():
    assert table_of(awkward.lying_size(), "a.xlsx") == (["name"], [["Acme"]])


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (awkward.far_cell, "reaches beyond row"),
        (awkward.far_column, "Row 2 has more than 200 columns"),
        (awkward.spaces, "unpacks to more"),
        (awkward.giant_string, "Save the sheet as CSV|no rows below"),
        (awkward.many_rows, "reaches beyond row|takes too long"),
        (awkward.billion_laughs, "instructions that a table does not need"),
        (lambda: awkward.outside_file("/etc/passwd"), "instructions that a table does not need"),
    ],
    ids=["far cell", "far column", "spaces", "giant string", "many rows", "billion laughs", "outside file"],
)
def test_a_hostile_workbook_costs_little_and_is_refused(made, says, tmp_path):
    content = made()
    assert len(content) < files.MOST_BYTES
    begun = monotonic()
    with pytest.raises(Invalid, match=says):
        received(content, "bomb.xlsx")
    assert monotonic() - begun < workbook.SECONDS + 20
    assert not list((tmp_path / "imports").glob("*"))


def test_the_process_that_reads_a_workbook_is_bounded():
    hungry = "import sys; sys.path.insert(0, sys.argv[1]); import workbook; workbook.bound(); x = bytearray(600 << 20)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", hungry, str(Path(workbook.__file__).parent)], capture_output=True, check=False
    )
    assert b"MemoryError" in done.stderr


def test_reading_a_workbook_starts_without_the_application(tmp_path):
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(awkward.workbook(["name"], ["Acme"]))
    done = subprocess.run(
        [sys.executable, "-I", "-X", "importtime", workbook.__file__, str(source), str(target), ""],
        capture_output=True, check=True, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert json.loads(done.stdout) == {"sheets": ["Customers"], "sheet": "Customers"}
    assert not [
        line for line in done.stderr.splitlines() if line.endswith((b"sqlalchemy", b"numpy.linalg", b"pandas", b" crm"))
    ]


# --- guarding ----------------------------------------------------------------

SIGNS = ["=1+1", "+7 916", "-5", "@SUM", "|calc", "\t=1", "\r=1", "＝1", "＋1", "\u200b=1", "\u00a0=1", " =1", "%0A"]


@pytest.mark.parametrize("text", SIGNS)
def test_a_cell_that_would_run_as_a_formula_is_guarded_and_comes_back(text):
    assert files.guarded(text) == f"'{text}"
    assert files.unguarded(files.guarded(text)) == text


@given(some.text(max_size=20))
def test_guarding_never_loses_a_sign(text):
    assert files.unguarded(files.guarded(text)) == text or text.startswith("'")


def test_a_heading_of_ours_tells_that_cells_are_guarded():
    theirs = received("name,phone\n'+7 916,1\n")
    ours = received("Row of the file,What is wrong,name\n2,x,'+7 916\n")
    assert (theirs.survey.reading.ours, ours.survey.reading.ours) == (False, True)


def test_every_awkward_name_of_the_naughty_list_survives_reading(real_data):
    lists = [path for path in (real_data / "naughty_strings").rglob("*") if path.suffix in {".txt", ".json"}]
    strings = sorted(
        {
            line
            for path in lists
            for line in path.read_text(encoding="utf-8", errors="ignore").split("\n")
            if line.strip()
        }
    )
    written = Path(config.config().data_dir) / "out.csv"
    with written.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["name", "n"], *([text, str(n)] for n, text in enumerate(strings))])
    found = table_of(written.read_bytes())[1]
    assert [row[0] for row in found] == [text.replace("\x00", "") for text in strings]
    assert len(strings) > 400


def test_the_reading_of_a_file_survives_as_json():
    reading = Reading(encoding="cp1251", delimiter=";", sheet="x", header=False, ours=True)
    assert Reading(**json.loads(json.dumps(reading.as_json()))) == reading
