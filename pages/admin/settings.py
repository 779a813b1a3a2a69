"""What the company decides once for everybody, in groups; each value is checked when it is saved."""

from collections.abc import Callable

import streamlit as st

from crm import settings
from crm.core.i18n import LANGUAGES
from crm.settings import DEFINITIONS, GROUPS
from ui import choices
from ui.forms import Form
from ui.page import header
from ui.session import _, attempt, uow

header(_("Settings"), _("They hold for everybody and from the next click."))

with uow() as u:
    stored = settings.everything(u)

form = Form("settings", in_dialog=False)
shown = st.session_state.setdefault(form.key("shown"), stored)
names: dict[str, Callable[[], dict[str, str]]] = {
    "language": lambda: dict(LANGUAGES),
    "timezone": lambda: choices.time_zones(shown["timezone"]),
    "currency": choices.currencies,
    "phone_region": choices.countries,
    "backup_hourly": lambda: {"yes": _("Yes"), "no": _("No")},
}

with form.drawn(), st.container(width=640):
    for group, title in GROUPS.items():
        with st.container(border=True, key=f"group-{group}"):
            st.subheader(_(title), anchor=False)
            for key, one in DEFINITIONS.items():
                if one.group != group:
                    continue
                if key in names:
                    form.choice(
                        key, _(one.label), names[key](), value=shown[key], help=_(one.line) if one.line else None
                    )
                else:
                    form.text(
                        key, _(one.label), value=shown[key], max_chars=200, help=_(one.line) if one.line else None
                    )
    if form.submit(_("Save settings")):
        with attempt(_("Settings saved.")) as tried, uow(form.once) as u:
            settings.change_all(u, form.values, seen=shown)
        if tried.conflict:
            st.error(
                _(
                    "Somebody else changed a setting meanwhile. Open the page again to see it: nothing of yours was saved."
                )
            )
        form.finish(tried)
