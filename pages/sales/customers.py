"""Everybody we serve: find, narrow down, open; add somebody new."""

from typing import Any

from crm import customers, saved_filters, tags
from crm.core.uow import UnitOfWork
from crm.customers import COUNT_CAP, KINDS, ORDERS, STAGES, Filters, rules
from ui import (
    customer_forms,
    customer_list,
    customer_types,
    export_forms,
    filters,
    handover_forms,
    mass_edit_forms,
    own_fields,
    quick_forms,
    rule_forms,
    saved_filter_forms,
    tables,
    words,
)
from ui import rules as said
from ui.page import Action, asked_id, dialog, empty, header, opening
from ui.session import _, asked, colleagues, may, translated, watched_each

people = colleagues()
add = Action(_("New customer"), opening("new"), icon="add", primary=True, key="n")
take_out = Action(_("Export"), opening("export"), icon="download")
leaving = Action(_("Hand over"), opening("handover"), icon="move_group")
many = Action(_("Mass edit"), opening("change-many"), icon="edit_note")
offers = {
    "customers.export": take_out,
    "customers.hand_over": leaving,
    "customers.edit_many": many,
    "customers.create": add,
}
actions = [one for right, one in offers.items() if may(right)]
known, offered = said.look()
saved_filter_forms.open_asked(offered)
header(_("Customers"), _("Persons and companies that we serve."), actions=actions)

own = own_fields.filter_row()
text, kind, type_, stage, tag, responsible, mine, *values = filters.row(
    filters.text("q", _("Name, phone, e-mail or number")),
    filters.choice("kind", _("Kind"), translated(KINDS)),
    filters.choice("type", _("Type"), customer_types.names() if customer_types.are_several() else {}),
    filters.choice("stage", _("Stage"), translated(STAGES)),
    filters.choice("tag", _("Tag"), known.tags),
    filters.choice("responsible", _("Responsible"), {str(key): name for key, name in people.items()}),
    filters.switch("mine", _("Mine")),
    *own,
)
imported = asked("import")
wanted = Filters(
    text=text,
    kind=kind or None,
    type=type_ or None,
    stage=stage or None,
    responsible_id=int(responsible) if responsible else None,
    mine=bool(mine),
    tag_id=int(tag) if tag else None,
    import_id=int(imported) if imported.isdigit() else None,
    own=tuple((one.param, value) for one, value in zip(own, values, strict=True) if value),
    where=asked("where"),
)
rule, left_out = rules.read(wanted.where, known.known)
said.draw(rule, left_out, known, offered)

number, order = tables.asked_page(), asked("sort")
if order not in ORDERS:
    order = "recent" if mine else "name"


def read(u: UnitOfWork) -> tuple[list[str] | None, list[dict[str, Any]]]:
    """Return the columns that the reader chose, and the customers of the page with their tags."""
    chosen = saved_filters.columns(u)
    found = customers.page(u, wanted, number=number, size=tables.SIZE, order=order, columns=chosen)
    marks = tags.of(u, [row["id"] for row in found]) if chosen is None or "tags" in chosen else {}
    named = {key: words.listed(one["name"] for one in those) for key, those in marks.items()}
    return chosen, [row | {"tags": named.get(row["id"])} for row in found]


count, (chosen, rows) = watched_each(
    (("customers", wanted), lambda u: customers.count(u, wanted)), (("customers", wanted, number, order), read)
)
columns = customer_list.columns(chosen, people)


def nobody_yet() -> None:
    """Say how the first customer comes."""
    if not may("customers.create"):
        sentence = _(
            "No customers that you may see yet. Colleagues in sales add them, or a record keeper imports a list."
        )
        empty(sentence, button=_("Show people") if may("users.manage") else "", href="/users", icon="group_add")
    elif may("imports.run"):
        sentence = _("No customers yet. Add the first one, or import the list that you have.")
        empty(sentence, button=_("New customer"), href=opening("new"), icon="group_add")
    else:
        empty(
            _("No customers yet. Add the first one."), button=_("New customer"), href=opening("new"), icon="group_add"
        )


if count:
    tables.table(
        [dict.fromkeys(columns) | row for row in rows],  # a colleague may be adding a field at this very moment
        columns,
        key="customers",
        opens="/customer?id={id}".format_map,
        count=tables.counted(count, COUNT_CAP, "{n} customer", "{n} customers"),
        rows_in_all=min(count, COUNT_CAP),
        order=order,
        changes=customer_list.is_changed_here,
    )
elif wanted == Filters():
    nobody_yet()
else:
    empty(_("Nobody matches these filters."), button=_("Show everybody"), href="/customers", icon="filter_alt_off")

match dialog():
    case "new" if may("customers.create"):
        customer_forms.new(people)
    case "handover":
        handover_forms.draw(asked_id("person"))
    case tables.QUICK:
        quick_forms.draw(asked_id() or 0, asked("field"))
    case "change-many" if may("customers.edit_many"):
        mass_edit_forms.draw(wanted)
    case "export":  # whoever may not is told, and noted
        export_forms.export(wanted, tuple(columns), order)
    case "filter":
        rule_forms.put_together(rule, known)
    case "save" if may(saved_filters.SAVE):
        saved_filter_forms.save(known)
    case "saved":
        saved_filter_forms.change(offered, known)
    case "columns" if may(saved_filters.SAVE):
        saved_filter_forms.choose_columns(tuple(columns), order)
