"""Reports on the screen: the list of them, one with its figures beside those of the month before, its file and its dialogs."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Final

import streamlit as st

from crm import exports, reports
from crm.core import clock
from crm.exports import Form as FileForm
from crm.reports import AT_MAKING, IN_MONTH, KINDS
from ui import facts, tables, words
from ui.facts import Box
from ui.forms import Form, in_dialog
from ui.page import Action, dialog_key, go, opening, seen_version
from ui.parts import draw as draw_part
from ui.session import _, attempt, may, n_, tell, uow, watched, zone

Row = Mapping[str, Any]


def month(row: Row) -> str:
    """Write the month of a report."""
    name = words.days(*clock.month_of(row["starts_on"]))
    return name if row["is_whole"] else _("{month}, so far").format(month=name)


def title(row: Row) -> str:
    """Write what a report is called."""
    return f"{words.named(KINDS, row['kind'])} · {month(row)}"


def state(row: Row) -> str:
    """Write whether a report is filed."""
    return _("Filed") if row["filed_at"] else _("Draft")


def made(row: Row, people: Mapping[int, str]) -> str:
    """Write when a report was counted and by whom, and when it was filed."""
    who = people.get(row["made_by_id"] or 0, "Rapport")
    counted = _("Counted {when} by {name}").format(when=words.moment(row["made_at"]), name=who)
    if not row["filed_at"]:
        return counted
    name = people.get(row["filed_by_id"] or 0, "Rapport")
    return f"{counted} · " + _("Filed {when} by {name}").format(when=words.moment(row["filed_at"]), name=name)


# --- the list -------------------------------------------------------------------


def listed(rows: Sequence[Row], count: int, people: Mapping[int, str]) -> None:
    """Draw the list of reports; a row opens the report."""
    told = [
        {
            **row,
            "month": month(row),
            "state": state(row),
            "customers": row["figures"]["customers"],
            "complete": row["figures"]["complete"],
            "filed": people.get(row["filed_by_id"] or 0, "") if row["filed_at"] else None,
        }
        for row in rows
    ]
    columns = {
        "month": tables.Column(_("Month"), main=True),
        "state": tables.Column(_("State"), tag=True, tone=lambda text: "" if text == _("Draft") else "good"),
        "customers": tables.Column(_("Customers in all"), words.number, right=True),
        "complete": tables.Column(_("Completeness"), lambda value: words.share(value / 100), right=True),
        "made_at": tables.Column(_("Counted"), words.when),
        "filed_at": tables.Column(_("Filed"), words.when),
        "filed": tables.Column(_("Filed by"), spare=True),
    }
    tables.table(told, columns, key="reports", opens=lambda row: f"/reports?id={row['id']}", rows_in_all=count)


# --- one report -----------------------------------------------------------------


def actions(row: Row) -> list[Action]:
    """Return what can be done with a report: nothing any more where it is filed."""
    if row["filed_at"] or not may("reports.make"):
        return []
    found = [Action(_("Conclusions"), opening("conclude", seen=row["version"]), icon="edit_note", key="e")]
    if row["starts_on"] in _months():
        found.append(Action(_("Count anew"), opening("make", month=f"{row['starts_on']:%Y%m%d}"), icon="refresh"))
    return [*found, Action(_("File it"), opening("file", seen=row["version"]), icon="inventory", primary=True)]


def key_figures(row: Row) -> list[tuple[str, str]]:
    """Return the figures of the head."""
    codes = ("customers", "new", "complete", "fresh")
    return [(_label(code, row), _value(code, row)) for code in codes]


def _label(code: str, row: Row) -> str:
    if code == "fresh":
        days = row["figures"]["days"]
        return n_("Verified within {n} day", "Verified within {n} days", days, shown=words.number(days))
    return _((IN_MONTH if code in IN_MONTH else AT_MAKING)[code])


def _number(code: str, row: Row | None) -> float | None:
    """Return a figure, shares from 0 to 1; None where this report does not have it."""
    counted = row["figures"] if row else {}
    if code not in counted:
        return None
    if code == "fresh":
        return counted["fresh"] / counted["customers"] if counted["customers"] else 0.0
    return counted["complete"] / 100 if code == "complete" else counted[code]  # type: ignore[no-any-return]  # JSON


def _value(code: str, row: Row | None) -> str:
    found = _number(code, row)
    if found is None:
        return ""
    return words.share(found) if code in {"fresh", "complete"} else words.number(found)


def draw(row: Row, before: Row | None, people: Mapping[int, str]) -> None:
    """Draw one report: what happened and how the base is beside the month before, what was concluded, and each responsible."""
    in_month, at_making = _sections(row)
    left, right = st.columns(2, gap="medium")
    with left:
        _ledger("month", *in_month, row, before)
    with right:
        _ledger("day", *at_making, row, before)
        _conclusion(row)
        _file(row, before, people)
    _people(row, people)


Section = tuple[str, Mapping[str, str]]
"""A group of figures: its title, and code -> name."""


def _sections(row: Row) -> tuple[Section, Section]:
    """Return what happened in the month, and how the base was when the report was counted."""
    day = words.day(clock.day_of(row["made_at"], zone()))
    return (_("In the month"), IN_MONTH), (_("On {day}").format(day=day), AT_MAKING)


def _ledger(key: str, title: str, codes: Mapping[str, str], row: Row, before: Row | None) -> None:
    both = [one for one in (row, before) if one is not None]
    lines = [
        {
            "name": _label(code, row),
            "href": _leads(code, row),
            "cells": [_value(code, one) for one in both],
            "empty": not any(_number(code, one) for one in both),
        }
        for code in codes
        if code in row["figures"]
    ]
    heads = [month(row), _("Month before")][: len(both)]
    draw_part("ledger", key=f"ledger-{key}", data={"title": title, "heads": heads, "lines": lines})


def _leads(code: str, row: Row) -> str:
    """Return the address of the list that a figure counts; '' where no list counts the same.

    Who came in a month is the same list for ever; how the base is, only while the report is a draft.
    """
    if code == "new":
        return f"/customers?where={reports.new_in(row['starts_on'])}" if may("customers.view") else ""
    lists = {
        "customers": ("/customers", "customers.view"),
        "due": ("/quality", "quality.view"),
        "doubles": ("/duplicates", "customers.merge"),
    }
    address, right = lists.get(code, ("", ""))
    return address if address and not row["filed_at"] and may(right) else ""


def _conclusion(row: Row) -> None:
    said = [("", row["conclusion"], "")] if row["conclusion"] else []
    edits = may("reports.make") and not row["filed_at"]
    none = (
        _("Nothing written yet: what do the figures say, and what should be done?") if edits else _("Nothing written.")
    )
    box = Box(
        _("Conclusions and recommendations"),
        said,
        edit=_("Edit") if edits else "",
        href=opening("conclude", seen=row["version"]),
        note="" if said else none,
    )
    facts.draw(box, key="conclusion")


def _people(row: Row, people: Mapping[int, str]) -> None:
    """Draw how complete the customers of each responsible are, each with how many they are."""
    opens = may("customers.view") and not row["filed_at"]
    lines = [
        {
            "name": _called(one, people),
            "href": _theirs(one) if opens else "",
            "share": one["complete"],
            "value": words.share(one["complete"] / 100),
            "note": _of(one),
        }
        for one in row["figures"]["people"]
    ]
    note = _("Average of the customers of each responsible, the least complete first.")
    note += " " + _("A name opens the list as it is today.") if opens else ""
    data = {"title": _("Completeness by responsible"), "lines": lines, "note": note if lines else ""}
    draw_part("bars", key="people", data=data)


def _called(one: Row, people: Mapping[int, str]) -> str:
    key = one["responsible_id"]
    return _("nobody") if key is None else people.get(key, f"№ {key}")


def _of(one: Row) -> str:
    many = n_("{n} customer", "{n} customers", one["customers"], shown=words.number(one["customers"]))
    return f"{many} · " + _("to verify: {n}").format(n=words.number(one["due"]))


def _theirs(one: Row) -> str:
    whose = f"responsible={one['responsible_id']}" if one["responsible_id"] is not None else "where=responsible.empty"
    return f"/customers?{whose}&sort=complete"


# --- as a file ------------------------------------------------------------------


def _file(row: Row, before: Row | None, people: Mapping[int, str]) -> None:
    st.download_button(
        _("As a file for Excel"),
        _workbook(words.named(KINDS, row["kind"]), tuple(map(tuple, sheet(row, before, people)))),
        file_name=f"{title(row).replace(' · ', ' ')}.xlsx",
        mime=exports.TYPES[FileForm.XLSX],
        icon=":material/download:",
        on_click="ignore",
        key="report-file",
    )


_workbook: Final = lru_cache(maxsize=16)(exports.as_sheet)
"""The same report is the same file: it is written once, and its address stays while the page is drawn again."""


def sheet(row: Row, before: Row | None, people: Mapping[int, str]) -> list[list[str | float]]:
    """Return a report as the rows of a sheet: numbers as numbers, shares in per cent."""
    found: list[list[str | float]] = [[title(row)], [f"{state(row)} · {made(row, people)}"]]
    for name, codes in _sections(row):
        found += [[], [name, month(row), *([_("Month before")] if before else [])]]
        found += [[_named(code, row), *_cells(code, row, before)] for code in codes if code in row["figures"]]
    heads: list[str | float] = [
        _("Responsible"),
        _("Customers"),
        _("Completeness in per cent"),
        _("Verified"),
        _("To verify"),
    ]
    found += [[], heads]
    found += [
        [_called(one, people), one["customers"], round(one["complete"], 1), one["fresh"], one["due"]]
        for one in row["figures"]["people"]
    ]
    found += [[], [_("Conclusions and recommendations")]]
    found += [[line] for line in row["conclusion"].split("\n") if line]
    return found


def _named(code: str, row: Row) -> str:
    return _("{name}, per cent").format(name=_label(code, row)) if code in {"fresh", "complete"} else _label(code, row)


def _cells(code: str, row: Row, before: Row | None) -> list[str | float]:
    both = [_number(code, one) for one in (row, before) if one is not None]
    scale = 100 if code in {"fresh", "complete"} else 1
    return ["" if one is None else round(one * scale, 1) if scale > 1 else one for one in both]


# --- dialogs --------------------------------------------------------------------


def _months() -> tuple[date, date]:
    return watched("months of reports", reports.months)


def make(asked_for: str) -> None:
    """Draw the dialog that counts a report. asked_for: the first day of the month that is chosen at first, as 20260201."""
    in_dialog(_("Make a report"), lambda: _make(asked_for))


def _make(asked_for: str) -> None:
    last, this = _months()
    names = {
        last: words.days(*clock.month_of(last)),
        this: _("{month}, so far").format(month=words.days(*clock.month_of(this))),
    }
    form = Form("make-report")
    with form.drawn():
        wanted = next((one for one in names if f"{one:%Y%m%d}" == asked_for), last)
        chosen = form.radio("month", _("Month"), names, value=wanted)
        st.caption(_("A draft that is there already is counted anew; what you have written stays."))
        if form.submit(_("Count")):
            with attempt(_("Counted.")) as tried, uow(dialog_key()) as u:
                tried.result = reports.make(u, chosen).id
            if tried.ok and tried.result:
                go("reports", id=tried.result)
            form.finish(tried)


def conclude(row: Row) -> None:
    """Draw the dialog of the conclusions."""
    in_dialog(_("Conclusions and recommendations"), lambda: _conclude(row), width="medium")


def _conclude(row: Row) -> None:
    form = Form(f"conclude-{row['id']}")
    with form.drawn():
        label = _("What the figures say, and what should be done")
        text = form.area("conclusion", label, value=row["conclusion"], height=260, max_chars=reports.LONGEST)
        st.caption(_("Please name no customers here: a report that is filed does not change any more."))
        if form.submit(_("Save")):
            with attempt(_("Saved.")) as tried, uow(dialog_key()) as u:
                reports.conclude(u, row["id"], text, seen=seen_version() or row["version"])
            if tried.conflict:
                form.fault("conclusion", tried.sentence)
            form.finish(tried)


def file(row: Row) -> None:
    """Draw the dialog that files a report."""
    in_dialog(_("File the report"), lambda: _file_it(row))


def _file_it(row: Row) -> None:
    line = _("**{title}** goes to everybody who reads reports. From then on it does not change any more.")
    st.markdown(line.format(title=words.md(title(row))))
    if not row["conclusion"]:
        st.warning(_("Nothing is written yet of what follows from the figures."))
    form = Form(f"file-{row['id']}")
    with form.drawn():
        if form.submit(_("File it")):
            with attempt(_("Filed.")) as tried, uow(dialog_key()) as u:
                reports.file(u, row["id"], seen=seen_version() or row["version"])
            if tried.conflict:
                tell(tried.sentence, bad=True)
            form.finish(tried)
