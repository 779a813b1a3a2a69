"""The matrix of rights in the reader's words, and the dialogs that adjust it."""

from functools import lru_cache, partial
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from crm import rights
from crm.core.grants import GRANTS, RIGHTS, ROLES, Role
from crm.rights import Cell
from ui import tables, words
from ui.forms import Form, in_dialog
from ui.page import DIALOG, opening
from ui.parts import draw as draw_part
from ui.parts import written
from ui.session import _, attempt, language, may, n_, translated, uow

NONE = "none"
"""Stands for 'the role does not have the right' among the scopes of a choice."""


def scope_word(right: str, scope: str | None) -> str:
    """Write a scope as it stands in a cell: 'yes' where a right is there or is not."""
    if scope is None:
        return "–"
    return _("yes") if len(rights.choices(right)) == 1 else words.named(rights.SCOPES, scope)


def _in_full(right: str, scope: str | None) -> str:
    if scope is None:
        return _("not allowed")
    return _("allowed") if len(rights.choices(right)) == 1 else words.named(rights.REACHES, scope)


def matrix(cells: tuple[Cell, ...], *, role: str | None, only_adjusted: bool) -> None:
    """Draw the matrix: rights by area down, roles across; a cell that may be adjusted leads to its dialog.

    role: only this one; only_adjusted: only the rights in which something differs from the default.
    """
    rest = opening("", **{"for": None})
    start = "" if not may("rights.adjust") else rest if rest == "?" else f"{rest}&"
    draw_part("matrix", key="matrix", text=_matrix(language(), cells, role, start, only_adjusted=only_adjusted))


@lru_cache(maxsize=16)
def _matrix(_language: str, cells: tuple[Cell, ...], role: str | None, start: str, *, only_adjusted: bool) -> str:
    """Write the matrix; it is the same until a right is adjusted."""
    groups: dict[str, dict[str, Any]] = {}
    for right, row in groupby(cells, key=lambda one: one.right):
        ones = [one for one in row if role in {None, one.role}]
        if only_adjusted and not any(one.is_adjusted for one in ones):
            continue
        area = right.partition(".")[0]
        group = groups.setdefault(area, {"name": words.named(rights.AREAS, area), "rights": []})
        group["rights"].append({"name": _(RIGHTS[right]), "cells": [_cell(one, start) for one in ones]})
    roles = [name for code, name in translated(ROLES).items() if role in {None, code}]
    return written({"corner": _("Right"), "roles": roles, "groups": list(groups.values())})


def _cell(one: Cell, start: str) -> dict[str, str]:
    spoken = _in_full(one.right, one.in_force)
    if one.is_adjusted:
        spoken = _("{now} (the default is: {default})").format(now=spoken, default=_in_full(one.right, one.default))
    if one.is_fixed:
        spoken = _("{now} (cannot be adjusted)").format(now=spoken)
    marks = {"none": one.in_force is None, "changed": one.is_adjusted, "fixed": one.is_fixed}
    return {
        "word": scope_word(one.right, one.in_force),
        "spoken": spoken,
        "css": " ".join(name for name, on in marks.items() if on),
        "href": start + urlencode({DIALOG: one.right, "for": one.role}) if start and not one.is_fixed else "",
    }


def adjust(role: str, right: str, cells: tuple[Cell, ...]) -> None:
    """Draw the dialog of one cell."""
    for one in cells:
        if (one.role, one.right, one.is_fixed) == (role, right, False):
            in_dialog(words.named(ROLES, role), partial(_adjust, one))


def _adjust(cell: Cell) -> None:
    form = Form(f"right-{cell.role}-{cell.right}")
    default = GRANTS[Role(cell.role)].get(cell.right)
    options = {str(scope or NONE): _in_full(cell.right, scope) for scope in (None, *rights.choices(cell.right))}
    shown = {
        code: _("{name} (default)").format(name=name) if code == str(default or NONE) else name
        for code, name in options.items()
    }
    with form.drawn():
        st.markdown(f"**{_(RIGHTS[cell.right])}**")
        picked = form.radio(
            "scope", _("Whose records"), shown, value=str(cell.in_force or NONE), label_visibility="collapsed"
        )
        st.caption(_("It holds from everybody's next click."))
        if form.submit(_("Adjust")):
            scope = None if picked == NONE else picked
            with attempt(_("Right adjusted.")) as tried, uow(form.once) as u:
                rights.adjust(u, cell.role, cell.right, scope)
            if tried.conflict:
                st.error(tried.sentence)
            form.finish(tried)


def preset(name: str) -> None:
    """Draw the dialog of a preset: what it is for and what it would change."""
    if name in rights.PRESET_NAMES:
        in_dialog(words.named(rights.PRESET_NAMES, name), lambda: _preset(name), width="medium")


def _preset(name: str) -> None:
    with uow() as u:
        changes = rights.preview(u, name)
    st.markdown(_(rights.PRESET_LINES[name]))
    if changes.empty:
        st.caption(_("The rights are in this state already."))
        return
    st.caption(n_("{n} right changes:", "{n} rights change:", len(changes)))
    role_names = translated(ROLES)
    shown = pd.DataFrame(
        {
            "right": [_(RIGHTS[right]) for right in changes["right"]],
            "role": [role_names[role] for role in changes["role"]],
            "change": [
                f"{scope_word(one['right'], one['before'])} → {scope_word(one['right'], one['after'])}"
                for one in changes.to_dict("records")
            ],
        }
    )
    columns = {
        "right": tables.Column(_("Right"), main=True, wrap=True),
        "role": tables.Column(_("Role")),
        "change": tables.Column(_("Change")),
    }
    tables.table(shown, columns, key="preset")
    form = Form(f"preset-{name}")
    with form.drawn():
        if form.submit(_("Apply")):
            with attempt(_("Rights changed.")) as tried, uow(form.once) as u:
                rights.apply_preset(u, name)
            form.finish(tried)
