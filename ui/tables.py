"""Tables: one look for every list. Rows are links, narrow screens get cards, what somebody typed is never markup."""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from ui.page import here, opening
from ui.parts import draw as draw_part
from ui.session import _, asked, n_
from ui.words import number

QUICK: Final = "quick"
"""The dialog that changes one field of one row; the address names them as `id` and `field`."""
SIZE: Final = 50
"""Rows on a page."""
LONGEST: Final = 200
"""Characters of a long text that are sent for its two lines; its own window shows the rest."""


@dataclass(frozen=True)
class Column:
    """One column: its label, how a value is written, and how it looks.

    wrap: long text takes several lines; grow: it takes the room that is left, two lines at most.
    tone: value -> 'good', 'warn', 'bad' or '' for tags (always with the word inside).
    spare: left out where no row of the page has anything in it, as the names of colleagues whom a partner may not see.
    sorts: the order in which a click on its heading puts the list (the reverse has a '-' in front); falls: the largest first.
    edits: the field that a pencil in its cells changes, in rows that can be changed.
    """

    label: str
    write: Callable[[Any], str] = str
    main: bool = False
    right: bool = False
    muted: bool = False
    tag: bool = False
    wrap: bool = False
    grow: bool = False
    spare: bool = False
    tone: Callable[[Any], str] | None = None
    sorts: str = ""
    falls: bool = False
    edits: str = ""

    @property
    def css(self) -> str:
        """The cell's classes."""
        marks = {"main": self.main, "end": self.right, "muted": self.muted, "wrap": self.wrap, "grow": self.grow}
        return " ".join(name for name, on in marks.items() if on)


def table(
    rows: Sequence[Mapping[str, Any]] | pd.DataFrame,
    columns: Mapping[str, Column],
    *,
    key: str,
    opens: Callable[[Mapping[str, Any]], str] | None = None,
    count: str = "",
    rows_in_all: int = 0,
    order: str = "",
    changes: Callable[[Mapping[str, Any]], bool] | None = None,
) -> None:
    """Draw rows: dictionaries by column name, or a frame whose index is the records' id.

    opens: row -> the address that it leads to, such as '/customer?id=7'.
    count: what stands above ('1,204 customers'); rows_in_all: how many rows all pages have, for the paging below.
    order: in which the rows are, as columns are sorted by. changes: row -> whether the reader may change it here.
    """
    given: Sequence[Mapping[Any, Any]] = (
        rows.reset_index().to_dict("records") if isinstance(rows, pd.DataFrame) else rows
    )
    drawn = [(column, _written(column, [row[name] for row in given])) for name, column in columns.items()]
    drawn = [(column, cells) for column, cells in drawn if not column.spare or any(text for text, _tone in cells)]
    written = [cells for _column, cells in drawn]
    lines = [{"href": opens(row) if opens else "", "cells": cells} for row, *cells in zip(given, *written, strict=True)]
    heads = [_heading(one, order) for one, _cells in drawn]
    data: dict[str, Any] = {"columns": heads, "rows": lines, "count": count, "pages": pages(rows_in_all)}
    if changes is not None:
        lines = [line | ({"id": row["id"]} if changes(row) else {}) for line, row in zip(lines, given, strict=True)]
        data |= {"rows": lines, "edit": opening(QUICK), "pencil": _("Change")}
    draw_part("table", key=key, data=data)


def _heading(column: Column, order: str) -> dict[str, Any]:
    head = {"label": column.label, "css": column.css, "tag": column.tag} | _sorting(column, order)
    return head | ({"edits": column.edits} if column.edits else {})


def _sorting(column: Column, order: str) -> dict[str, str]:
    """Return where a click on the heading leads, and an arrow where the rows are in this order: 'up' from small to large."""
    if not column.sorts:
        return {}
    is_now, turned = order.removeprefix("-") == column.sorts, order.startswith("-")
    arrow = ("up" if turned is column.falls else "down") if is_now else ""
    return {"href": here(sort=f"-{column.sorts}" if is_now and not turned else column.sorts, page=None), "arrow": arrow}


def _written(column: Column, values: list[Any]) -> list[tuple[str, str]]:
    """Write the values of a column; equal values are written once."""
    known: dict[Any, tuple[str, str]] = {}
    cells = []
    for value in values:
        if not isinstance(value, Hashable):
            cells.append(_cell(column, value))
            continue
        if value not in known:
            known[value] = _cell(column, value)
        cells.append(known[value])
    return cells


def _cell(column: Column, value: Any) -> tuple[str, str]:
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return "", ""
    text = column.write(value)
    if column.grow and len(text) > LONGEST:
        text = f"{text[:LONGEST].rstrip()}…"
    return text, column.tone(value) if column.tone else ""


def counted(n: int, cap: int, one: str, many: str) -> str:
    """Write how many rows there are: '1,204 customers', or '10,000+ customers' beyond the cap."""
    return n_(one, many, min(n, cap), shown=f"{number(cap)}+" if n > cap else number(n))


def asked_page() -> int:
    """Return the page that the address asks for."""
    text = asked("page")
    return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) < 9 else 1  # noqa: PLR2004  a page number


def pages(rows: int, size: int = SIZE) -> list[dict[str, Any]]:
    """Return the paging: first, last, and those around the present page."""
    last, now = -(-rows // size), asked_page()
    if last <= 1:
        return []
    found: list[dict[str, Any]] = []
    for place in sorted({1, last, *range(max(now - 2, 1), min(now + 2, last) + 1)}):
        if found and place - int(found[-1]["at"]) > 1:
            found.append({"text": "…", "at": place - 1})
        address = here(page=None if place == 1 else place)
        found.append({"text": number(place), "at": place, "now": place == now, "href": "" if place == now else address})
    return found
