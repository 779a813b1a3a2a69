"""What the company wants to know of its customers beyond what everybody asks: fields of its own, in their order."""

import streamlit as st

from crm.fields import KINDS, WHOSE, FieldList
from ui import field_forms, tables, words
from ui.page import Action, asked_id, dialog, empty, header, opener, opening
from ui.session import _, may

add = Action(_("New field"), opening("new"), icon="add", primary=True, key="n")
line = _("They appear at once in the form, on the card, in the list with its filters, in imports and exports.")
header(_("Own fields"), line, actions=[add])

known = field_forms.known()
columns = {
    "label": tables.Column(_("What it is called"), main=True, wrap=True),
    "kind": tables.Column(_("What it takes"), lambda code: words.named(KINDS, code), muted=True),
    "whose": tables.Column(_("For whom"), lambda code: words.named(WHOSE, code)),
    "choices": tables.Column(_("Choices"), wrap=True, spare=True),
    "mandatory": tables.Column(_("Must be filled in"), lambda on: _("yes") if on else "", spare=True),
    "listed": tables.Column(_("Column in the list"), lambda on: _("yes") if on else "", spare=True),
}
opens = opener("field", "id", "seen")


def table(those: FieldList, key: str) -> None:
    """Draw fields, each leading to its dialog."""
    rows = [vars(one) | {"choices": field_forms.choices_line(one)} for one in those]
    tables.table(rows, columns, key=key, opens=lambda row: opens(id=row["id"], seen=row["version"]))


in_use, archived = ([one for one in known if one.archived is gone] for gone in (False, True))
if in_use:
    table(tuple(in_use), "fields")
else:
    empty(
        _("No fields of your own yet. Add what you want to know of every customer, such as the business need."),
        button=_("New field"),
        href=opening("new"),
        icon="playlist_add",
    )
if archived:
    st.subheader(_("Out of use"), anchor=False)
    table(tuple(archived), "archived")

if dialog() == "new" and may("fields.manage"):
    field_forms.new()
elif dialog() == "field" and may("fields.manage"):
    field_forms.change(asked_id(), known)
