"""The matrix of rights in the reader's words, and the dialogs that adjust it."""

from typing import Any

import pandas as pd
import streamlit as st

from crm import rights
from crm.core.access import GRANTS, RIGHTS, ROLES, Role
from ui import tables, words
from ui.forms import Form, in_dialog
from ui.page import opening
from ui.parts import draw as draw_part
from ui.session import _, attempt, may, n_, translated, uow

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


def matrix(cells: pd.DataFrame, *, role: str | None, only_adjusted: bool) -> None:
    """Draw the matrix: rights by area down, roles across; a cell that may be adjusted leads to its dialog.

    role: only this one; only_adjusted: only the rights in which something differs from the default.
    """
    if role:
        cells = cells[cells["role"] == role]
    groups: dict[str, dict[str, Any]] = {}
    for right, row in cells.groupby("right", sort=False):
        if only_adjusted and not row["is_adjusted"].any():
            continue
        area = str(right).partition(".")[0]
        group = groups.setdefault(area, {"name": words.named(rights.AREAS, area), "rights": []})
        group["rights"].append({"name": _(RIGHTS[str(right)]), "cells": [_cell(one) for one in row.itertuples()]})
    roles = [words.named(ROLES, code) for code in cells["role"].unique()]
    draw_part("matrix", key="matrix", data={"corner": _("Right"), "roles": roles, "groups": list(groups.values())})


def _cell(one: Any) -> dict[str, str]:
    spoken = _in_full(one.right, one.in_force)
    if one.is_adjusted:
        spoken = _("{now} (the default is: {default})").format(now=spoken, default=_in_full(one.right, one.default))
    if one.is_fixed:
        spoken = _("{now} (cannot be adjusted)").format(now=spoken)
    marks = {"none": one.in_force is None, "changed": one.is_adjusted, "fixed": one.is_fixed}
    can_change = may("rights.adjust") and not one.is_fixed
    return {
        "word": scope_word(one.right, one.in_force),
        "spoken": spoken,
        "css": " ".join(name for name, on in marks.items() if on),
        "href": opening(one.right, **{"for": one.role}) if can_change else "",
    }


def adjust(role: str, right: str, cells: pd.DataFrame) -> None:
    """Draw the dialog of one cell."""
    asked = cells[(cells["role"] == role) & (cells["right"] == right) & ~cells["is_fixed"].astype(bool)]
    if len(asked) == 1:
        in_dialog(words.named(ROLES, role), lambda: _adjust(next(asked.itertuples())))


def _adjust(cell: Any) -> None:
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
        "right": tables.Column(_("Right"), wrap=True),
        "role": tables.Column(_("Role")),
        "change": tables.Column(_("Change"), main=True),
    }
    tables.table(shown, columns, key="preset")
    form = Form(f"preset-{name}")
    with form.drawn():
        if form.submit(_("Apply")):
            with attempt(_("Rights changed.")) as tried, uow(form.once) as u:
                rights.apply_preset(u, name)
            form.finish(tried)
