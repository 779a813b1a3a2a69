"""Which types of customers the company knows, and what is asked of each: the fields of its form, in which group and order."""

import streamlit as st

from crm.customers import KINDS
from crm.templates import LEVELS, Level, Place
from ui import customer_types, tables, type_forms, words
from ui.page import Action, dialog, header, here, opener, opening
from ui.session import _, asked, may

known = customer_types.everything()
chosen = next((one for one in known if one.code == asked("type")), None)

if chosen is None:
    add = Action(_("New type"), opening("new"), icon="add", primary=True, key="n")
    line = _("Each type has a form of its own. What it asks for holds from the next click on.")
    header(_("Types of customers"), line, actions=[add])
    columns = {
        "name": tables.Column(_("What it is called"), main=True, wrap=True),
        "kind": tables.Column(_("Kind"), lambda code: words.named(KINDS, code), muted=True),
        "must": tables.Column(_("Must be filled in"), wrap=True),
        "wanted": tables.Column(_("Wanted"), wrap=True),
        "state": tables.Column("", lambda gone: _("out of use") if gone else "", spare=True),
    }
    rows = [
        {
            "code": one.code,
            "name": customer_types.called(one),
            "kind": one.kind,
            "must": type_forms.fields_line(one, Level.MUST),
            "wanted": type_forms.fields_line(one, Level.WANTED),
            "state": one.archived or None,
        }
        for one in sorted(known, key=lambda one: one.archived)
    ]
    tables.table(rows, columns, key="types", opens=lambda row: here(type=row["code"]))
else:
    actions = [Action(_("All types"), here(type=None), icon="arrow_back")]
    actions.append(Action(_("Edit"), opening("type", seen=chosen.version), icon="edit"))
    line = _("{kind}. What is wanted or must be filled in makes a record complete.")
    header(
        customer_types.called(chosen),
        line.format(kind=words.named(KINDS, chosen.kind)),
        actions=actions,
        key="type-head",
    )
    opens = opener("field", "field", "seen")
    columns = {
        "label": tables.Column(_("Field"), main=True, wrap=True),
        "level": tables.Column(_("How much it is asked for"), lambda code: words.named(LEVELS, code)),
    }

    def fields(places: tuple[Place, ...], key: str) -> None:
        """Draw the fields of a group, each leading to its dialog."""
        lines = [
            {"key": one.key, "label": customer_types.label(one.key), "level": type_forms.level(one)} for one in places
        ]
        tables.table(lines, columns, key=key, opens=lambda row: opens(field=row["key"], seen=chosen.version))

    for number, group in enumerate(customer_types.asked_of(chosen)):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(words.md(customer_types.title_of(group)), anchor=False)
            st.button(
                _("Change the group"), key=f"group-{number}", icon=":material/edit:", type="tertiary",
                on_click=type_forms.open_group, args=(group.title, chosen.version),
            )  # fmt: skip
        fields(group.places, f"fields-{number}")
    left_out = type_forms.left_out(chosen)
    if left_out:
        st.subheader(_("Not asked"), anchor=False)
        fields(left_out, "left-out")

if may("fields.manage"):
    match dialog():
        case "new":
            type_forms.new()
        case "type" if chosen:
            type_forms.change(chosen)
        case "field" if chosen:
            type_forms.place(chosen, asked("field"))
        case "group" if chosen:
            type_forms.arrange(chosen, asked("group"))
