"""What the company decides once for everybody, in groups; each value is checked when it is saved."""

from collections.abc import Callable

import streamlit as st

from crm import settings
from crm.core.i18n import LANGUAGES
from crm.settings import DEFINITIONS, GROUPS
from ui import choices, facts
from ui.forms import Form, in_dialog
from ui.page import Action, dialog, header, new_draft, opening
from ui.session import _, attempt, uow

change = Action(_("Change settings"), opening("change"), icon="edit", primary=True, key="e")
header(_("Settings"), _("They hold for everybody and from the next click."), actions=[change])

with uow() as u:
    stored = settings.everything(u)

names: dict[str, Callable[[], dict[str, str]]] = {
    "language": lambda: dict(LANGUAGES),
    "timezone": lambda: choices.time_zones(stored["timezone"]),
    "currency": choices.currencies,
    "phone_region": choices.countries,
    "backup_hourly": lambda: {"yes": _("Yes"), "no": _("No")},
}


def named(key: str) -> str:
    """Return a value as people call it."""
    return names[key]().get(stored[key], stored[key]) if key in names else stored[key]


def box(group: str) -> facts.Box:
    """Return the settings of a group."""
    lines = [(_(one.label), named(key), "") for key, one in DEFINITIONS.items() if one.group == group]
    return facts.Box(_(GROUPS[group]), lines)


def form() -> None:
    """Draw every setting to be changed: all are saved together, or none."""
    form = Form("settings")
    shown = st.session_state.setdefault(form.key("shown"), stored)
    with form.drawn():
        for key, one in DEFINITIONS.items():
            label, line = _(one.label), _(one.line) if one.line else None
            if key in names:
                offered = {shown[key]: shown[key]} | names[key]()
                form.choice(key, label, offered, value=shown[key], help=line)
            else:
                form.text(key, label, value=shown[key], max_chars=200, help=line)
        if form.submit(_("Save settings")):
            with attempt(_("Settings saved.")) as tried, uow(form.once) as u:
                settings.change_all(u, form.values, seen=shown)
            if tried.conflict:
                new_draft()
                st.error(
                    _(
                        "Somebody else changed a setting meanwhile. "
                        "Open the window again to see it: nothing of yours was saved."
                    )
                )
            form.finish(tried)


facts.draw(*(box(group) for group in GROUPS), key="facts", beside=True)
if dialog() == "change":
    in_dialog(_("Settings"), form)
