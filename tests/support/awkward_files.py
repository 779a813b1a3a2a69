"""Files that break programs, made when a test asks for them: bombs, entities, wrong endings, strange delimiters."""

import io
import zipfile
from collections.abc import Sequence
from typing import Any

from openpyxl import Workbook

_TYPES = """<?xml version="1.0" encoding="UTF-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>
<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>
<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>
</Types>"""
_RELS = """<?xml version="1.0" encoding="UTF-8"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/>
</Relationships>"""
_BOOK = """<?xml version="1.0" encoding="UTF-8"?>
<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"
 xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">
<sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>"""
_RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_BOOK_RELS = f"""<?xml version="1.0" encoding="UTF-8"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Type="{_RELATED}/worksheet" Target="worksheets/sheet1.xml"/>
<Relationship Id="rId2" Type="{_RELATED}/sharedStrings" Target="sharedStrings.xml"/>
</Relationships>"""
_SPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_NO_STRINGS = f'<sst xmlns="{_SPACE}" count="0" uniqueCount="0"/>'


def sheet(data: str, dimension: str = "A1:B2") -> str:
    """Return the XML of a sheet around its rows."""
    return f'<worksheet xmlns="{_SPACE}"><dimension ref="{dimension}"/><sheetData>{data}</sheetData></worksheet>'


def raw_workbook(sheet_xml: str | bytes, strings: str | bytes = _NO_STRINGS, **more: bytes) -> bytes:
    """Pack a workbook of parts as they are, valid or not."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr("_rels/.rels", _RELS)
        archive.writestr("xl/workbook.xml", _BOOK)
        archive.writestr("xl/_rels/workbook.xml.rels", _BOOK_RELS)
        archive.writestr("xl/worksheets/sheet1.xml", sheet_xml)
        archive.writestr("xl/sharedStrings.xml", strings)
        for name, content in more.items():
            archive.writestr(name, content)
    return packed.getvalue()


def cell(address: str, text: str) -> str:
    """Return one cell with its text inside."""
    return f'<c r="{address}" t="inlineStr"><is><t>{text}</t></is></c>'


def far_cell() -> bytes:
    """One cell in the last corner of the sheet: 1.7 kB that asked another reader for 2 GB."""
    rows = f'<row r="1">{cell("A1", "name")}</row><row r="1048576">{cell("XFD1048576", "x")}</row>'
    return raw_workbook(sheet(rows, "A1:XFD1048576"))


def far_column() -> bytes:
    """One cell far to the right, in the second row."""
    rows = f'<row r="1">{cell("A1", "name")}</row><row r="2">{cell("A2", "a")}{cell("XFD2", "x")}</row>'
    return raw_workbook(sheet(rows, "A1:XFD2"))


def lying_size() -> bytes:
    """A sheet that says it is as large as a sheet can be and holds two rows."""
    rows = f'<row r="1">{cell("A1", "name")}</row><row r="2">{cell("A2", "Acme")}</row>'
    return raw_workbook(sheet(rows, "A1:XFD1048576"))


def spaces(megabytes: int = 170) -> bytes:
    """A sheet that unpacks to more spaces than are allowed, packed to a thousandth of them."""
    rows = f'<row r="1">{cell("A1", "name")}</row><row r="2">{cell("A2", "a")}</row>'
    return raw_workbook(sheet(rows + " " * (megabytes << 20)))


def giant_string(megabytes: int = 120) -> bytes:
    """A workbook with one enormous shared string, below the bound on what it unpacks to."""
    strings = f'<sst xmlns="{_SPACE}" count="1" uniqueCount="1"><si><t>{"a" * (megabytes << 20)}</t></si></sst>'
    rows = f'<row r="1">{cell("A1", "name")}</row><row r="2"><c r="A2" t="s"><v>0</v></c></row>'
    return raw_workbook(sheet(rows), strings)


def many_rows(count: int = 400_000) -> bytes:
    """A sheet with very many rows, each as small as can be."""
    rows = "".join(f"<row><c><v>{n % 10}</v></c></row>" for n in range(count))
    return raw_workbook(sheet(rows))


def outside_file(path: str) -> bytes:
    """A workbook whose sheet asks for a file of the machine as an outside entity."""
    declared = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY secret SYSTEM "file://{path}">]>'
    rows = f'<row r="1">{cell("A1", "name")}</row><row r="2">{cell("A2", "&secret;")}</row>'
    return raw_workbook(declared + sheet(rows))


def billion_laughs() -> bytes:
    """A workbook whose strings are entities of entities of entities."""
    entities = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    strings = f'<!DOCTYPE sst [{entities}]><sst xmlns="{_SPACE}" count="1" uniqueCount="1"><si><t>&a9;</t></si></sst>'
    rows = f'<row r="1">{cell("A1", "name")}</row><row r="2"><c r="A2" t="s"><v>0</v></c></row>'
    return raw_workbook(sheet(rows), strings)


def workbook(
    *rows: Sequence[Any], title: str = "Customers", formats: dict[str, str] | None = None, more: Sequence[str] = ()
) -> bytes:
    """Return an honest workbook. formats: address -> number format. more: names of further, empty sheets."""
    book = Workbook()
    page = book.active
    assert page is not None
    page.title = title
    for row in rows:
        page.append(list(row))
    for address, shown_as in (formats or {}).items():
        page[address].number_format = shown_as
    for name in more:
        book.create_sheet(name)
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()
