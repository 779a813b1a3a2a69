"""Which role may do what to whose records: read the matrix, adjust a cell, apply a preset."""

import streamlit as st

from crm import rights
from crm.core.grants import ROLES
from ui import filters, rights_forms
from ui.page import Action, dialog, empty, header, opening
from ui.session import _, asked, may, n_, translated, uow

PRESET = "preset-"

presets = [
    Action(_("Preset: {name}").format(name=name), opening(PRESET + code), icon="auto_fix_high")
    for code, name in translated(rights.PRESET_NAMES).items()
    if may("rights.adjust")
]
line = _("A cell says whose records the right reaches. Whoever has several roles has the widest right of each.")
header(_("Rights"), line, actions=presets)

with uow() as u:
    cells = rights.cells(u)

role, only_adjusted = filters.row(
    filters.choice("role", _("All roles"), translated(ROLES)),
    filters.switch("adjusted", _("Only what was adjusted")),
)
adjusted = sum(one.is_adjusted for one in cells)
st.caption(
    n_(
        "{n} cell differs from the default and is marked ●.",
        "{n} cells differ from the default and are marked ●.",
        adjusted,
    )
    if adjusted
    else _("Everything is as Rapport starts.")
)
if adjusted or not only_adjusted:
    rights_forms.matrix(cells, role=role or None, only_adjusted=bool(only_adjusted))
else:
    empty(_("Nothing was adjusted."), icon="key")

if may("rights.adjust"):
    if dialog().startswith(PRESET):
        rights_forms.preset(dialog().removeprefix(PRESET))
    elif dialog():
        rights_forms.adjust(asked("for"), dialog(), cells)
