"""Everybody we serve: find, narrow down, open; add somebody new."""

from typing import Any

from crm import customers, tags
from crm.core.uow import UnitOfWork
from crm.customers import COUNT_CAP, KINDS, STAGES, Filters
from ui import customer_forms, export_forms, filters, handover_forms, own_fields, tables, words
from ui.page import Action, asked_id, dialog, empty, header, opening
from ui.session import _, asked, colleagues, may, translated, watched, watched_each

STAGE_TONES = {"loyal": "good", "active": "good", "won_back": "good", "at_risk": "warn", "lost": "bad"}

people = colleagues()
add = Action(_("New customer"), opening("new"), icon="add", primary=True, key="n")
take_out = Action(_("Export"), opening("export"), icon="download")
leaving = Action(_("Hand over"), opening("handover"), icon="move_group")
actions = (
    [take_out] * may("customers.export") + [leaving] * may("customers.hand_over") + [add] * may("customers.create")
)
words_known = {str(key): one["name"] for key, one in watched(("tags",), tags.directory).items()}
header(_("Customers"), _("Persons and companies that we serve."), actions=actions)

own = own_fields.filter_row()
text, kind, stage, tag, responsible, mine, *values = filters.row(
    filters.text("q", _("Name, phone, e-mail or number")),
    filters.choice("kind", _("Kind"), translated(KINDS)),
    filters.choice("stage", _("Stage"), translated(STAGES)),
    filters.choice("tag", _("Tag"), words_known),
    filters.choice("responsible", _("Responsible"), {str(key): name for key, name in people.items()}),
    filters.switch("mine", _("Mine")),
    *own,
)
imported = asked("import")
wanted = Filters(
    text=text,
    kind=kind or None,
    stage=stage or None,
    responsible_id=int(responsible) if responsible else None,
    mine=bool(mine),
    tag_id=int(tag) if tag else None,
    import_id=int(imported) if imported.isdigit() else None,
    own=tuple((one.param, value) for one, value in zip(own, values, strict=True) if value),
)

number, order = tables.asked_page(), "recent" if mine else "name"


def read(u: UnitOfWork) -> list[dict[str, Any]]:
    """Return the customers of the page with their tags: those of today first among one's own."""
    found = customers.page(u, wanted, number=number, size=tables.SIZE, order=order)
    marks = tags.of(u, [row["id"] for row in found])
    named = {key: words.listed(one["name"] for one in those) for key, those in marks.items()}
    return [row | {"tags": named.get(row["id"])} for row in found]


count, rows = watched_each(
    (("customers", wanted), lambda u: customers.count(u, wanted)), (("customers", wanted, number), read)
)
columns = {
    "name": tables.Column(_("Name"), main=True),
    "kind": tables.Column(_("Kind"), lambda code: words.named(KINDS, code), muted=True),
    "stage": tables.Column(
        _("Stage"), lambda code: words.named(STAGES, code), tag=True, tone=lambda code: STAGE_TONES.get(code, "")
    ),
    "tags": tables.Column(_("Tags"), muted=True, spare=True),
    "city": tables.Column(_("City")),
    "responsible_id": tables.Column(_("Responsible"), lambda key: people.get(int(key), ""), spare=True),
    "last_interaction_at": tables.Column(_("Last contact"), words.when),
    "interaction_count": tables.Column(_("Contacts"), lambda n: words.number(n) if n else "", right=True),
    **own_fields.columns(),
}


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
    )
elif wanted == Filters():
    nobody_yet()
else:
    empty(_("Nobody matches these filters."), button=_("Show everybody"), href="/customers", icon="filter_alt_off")

if dialog() == "new" and may("customers.create"):
    customer_forms.new(people)
if dialog() == "handover":
    handover_forms.draw(asked_id("person"))
if dialog() == "export" and may("customers.export"):
    export_forms.export(wanted)
