"""The dialogs of a customer: a new one, one group of fields at a time, a logged call."""

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from crm import audit, change_requests, customers, doubles, interactions, plans
from crm.core import clock
from crm.customers import KINDS, SOURCES, STAGES, Kind
from crm.interactions import DIRECTIONS, OUTCOMES
from ui import choices, forms, own_fields, request_forms, words
from ui.double_forms import Doubles
from ui.forms import Form, Versions, in_dialog
from ui.page import dialog_key, go, seen_version
from ui.session import _, attempt, may, me, tell, translated, uow, zone

PERSONAL = ("name", "phones", "emails", "address")
BUSINESS = (
    "stage",
    "industry",
    "employees",
    "city",
    "region",
    "country",
    "website",
    "source",
    "source_detail",
    "need",
    "note",
)


def labels() -> dict[str, str]:
    """Return the name of every field that everybody has."""
    return {
        "name": _("Name"),
        "kind": _("Kind"),
        "phones": _("Phones"),
        "emails": _("E-mail addresses"),
        "address": _("Address"),
        "stage": _("Stage"),
        "industry": _("Industry"),
        "employees": _("Employees"),
        "city": _("City"),
        "region": _("Region"),
        "country": _("Country"),
        "website": _("Website"),
        "source": _("Source"),
        "source_detail": _("Which advertisement or channel exactly"),
        "need": _("Need"),
        "note": _("Note"),
        "external_number": _("Number in other systems"),
    }


def new(people: dict[int, str]) -> None:
    """Draw the dialog of a new customer."""
    in_dialog(_("New customer"), lambda: _new(people))


def _new(people: dict[int, str]) -> None:
    form, name = Form("new-customer"), labels()
    # before the form: which own fields there are depends on it
    kind = form.chips("kind", name["kind"], translated(KINDS), value=Kind.COMPANY, required=True)
    own = own_fields.of_kind(kind)
    # outside the form, too: what is typed is looked for as soon as it is typed
    form.text("name", name["name"], max_chars=customers.NAME_LENGTH)
    form.text("phones", name["phones"], help=_("Several with commas between them."))
    form.text("emails", name["emails"], help=_("Several with commas between them."))
    form.text("city", name["city"])
    check, typed = Doubles(form), form.values | _lists(form.values)
    check.look(typed)
    check.draw()
    with form.drawn():
        form.choice("source", name["source"], {None: "–"} | translated(SOURCES))
        own_fields.draw(form, own, {})
        responsible = None
        if may("customers.assign"):
            responsible = form.choice("responsible", _("Responsible"), {None: "–"} | people, value=me().id)
        check.ask_why()
        if form.submit(check.label(_("Add customer"), _("Add all the same"))) and not check.hold_up(typed):
            raw = {key: value for key, value in form.values.items() if key != "responsible"}
            raw |= _lists(raw) | own_fields.typed(own, raw)
            with attempt(_("Customer added.")) as tried, uow(dialog_key()) as u:
                tried.result = doubles.add(u, raw, responsible_id=responsible, reason=check.reason).id
            if tried.ok and tried.result:
                go("customer", id=tried.result)
            form.finish(tried)


def _lists(raw: dict[str, Any]) -> dict[str, list[str]]:
    return {
        key: [part.strip() for part in str(raw[key] or "").split(",")] for key in ("phones", "emails") if key in raw
    }


def edit(customer_id: int, group: str) -> None:
    """Draw the dialog of one group of fields: 'personal' or 'business'."""
    title = _("Name and contact data") if group == "personal" else _("Business data")
    in_dialog(title, lambda: _edit(customer_id, group))


def _edit(customer_id: int, group: str) -> None:
    form, fields = Form(f"edit-{group}"), PERSONAL if group == "personal" else BUSINESS
    with uow() as u:
        stored, version = customers.values(u, customer_id), customers.one(u, customer_id).version
        waiting = change_requests.open_of(u, customer_id)
    own = own_fields.of_kind(stored["kind"]) if group == "business" else []
    seen = seen_version() or version
    shown_version, original = st.session_state.setdefault(form.key("original"), (version, stored))
    if mine := st.session_state.get(form.key("in-conflict")):
        # after a restart of the server nobody knows any more what the form showed at first
        versions = _versions(mine, stored, original if shown_version == seen else None)
        _settle(form, customer_id, group, versions, version)
        return
    if group == "personal":
        request_forms.said_before(waiting)
    check = Doubles(form, of=customer_id)
    check.look_again()
    with form.drawn():
        draw_fields(form, fields, original)
        own_fields.draw(form, own, original)
        check.draw()
        check.ask_why()
        if not form.submit(check.label(_("Save"), _("Save all the same"))):
            return
        raw = form.values | _lists(form.values) | own_fields.typed(own, form.values)
        changed = {key: value for key, value in raw.items() if _written(value) != _written(original.get(key))}
        if check.hold_up(fresh := _fresh(changed, original)):
            return
        with attempt(_("Saved.")) as tried, uow(dialog_key()) as u:
            check.settle(u, fresh)
            save = customers.edit_personal if group == "personal" else customers.edit
            save(u, customer_id, changed, seen=seen)
        if tried.conflict:
            st.session_state[form.key("in-conflict")] = raw
            st.rerun()
        form.finish(tried)


def _fresh(changed: dict[str, Any], original: dict[str, Any]) -> dict[str, Any]:
    """Return what is typed anew and may be somebody else's already."""
    found: dict[str, Any] = {
        key: [one for one in changed[key] if one not in (original[key] or ())]
        for key in ("phones", "emails")
        if key in changed
    }
    return found | ({"name": changed["name"], "city": original.get("city") or ""} if "name" in changed else {})


def _versions(mine: dict[str, Any], theirs: dict[str, Any], before: dict[str, Any] | None) -> Versions:
    """Return what was typed, what is stored and what was shown at first, in one form."""
    original = None if before is None else {key: _written(before.get(key)) for key in mine}
    return Versions(
        {key: _written(value) for key, value in mine.items()},
        {key: _written(theirs.get(key)) for key in mine},
        original,
    )


def _written(value: Any) -> Any:
    """Bring a stored and a typed value into one form: an empty field is None, a list is a tuple."""
    return (
        tuple(value) if isinstance(value, list) and value != [""] else (None if value in ("", [], [""], ()) else value)
    )


def draw_fields(form: Form, fields: Iterable[str], value: Mapping[str, Any]) -> None:
    """Draw a field of the form for each of these standard fields, with what is stored in it."""
    name = labels()
    for field in fields:
        if field == "stage":
            form.choice(field, name[field], translated(STAGES), value=value[field])
        elif field == "source":
            form.choice(field, name[field], {None: "–"} | translated(SOURCES), value=value[field])
        elif field == "country":
            form.choice(field, name[field], {None: "–"} | choices.countries(kept=value[field]), value=value[field])
        elif field == "employees":
            form.number(field, name[field], value=value[field], min_value=0)
        elif field in {"need", "note"}:
            form.area(field, name[field], value=value[field], height=90)
        elif field in {"phones", "emails"}:
            form.text(field, name[field], value=", ".join(value[field]), help=_("Several with commas between them."))
        else:
            form.text(field, name[field], value=value[field])


def _settle(form: Form, customer_id: int, group: str, versions: Versions, version: int) -> None:
    """Let the person decide between mine and theirs, then save on top of the version that they just saw."""
    with uow() as u:
        who = audit.last_by(u, "customers", customer_id) or _("Somebody")
    chosen: dict[str, Any] | None = {}
    if versions.in_dispute():
        called = labels() | {key: words.md(label) for key, label in own_fields.labels().items()}
        chosen = forms.conflict(form, called, versions, who, write=own_fields.shown_by_key)
    if chosen is None:
        return
    merged = versions.changed_by_me() | chosen
    raw = {key: _typed(key, value) for key, value in merged.items() if value != versions.theirs[key]}
    both = _("Saved. {who} had saved this customer meanwhile: the changes of both stand.").format(who=words.md(who))
    with attempt(_("Saved.") if chosen else both) as tried, uow(f"{dialog_key()}.{version}") as u:
        Doubles(form, of=customer_id).settle(u, _fresh(raw, dict(versions.theirs)))
        save = customers.edit_personal if group == "personal" else customers.edit
        save(u, customer_id, raw, seen=version)
    if tried.conflict:
        st.rerun()
    form.finish(tried)


def _typed(key: str, value: Any) -> Any:
    """Bring a compared value back into the form that `customers.checked` takes."""
    if key in {"phones", "emails"}:
        return list(value or ())
    return list(value) if isinstance(value, tuple) else value


def log(customer_id: int, name: str) -> None:
    """Draw the dialog of a logged interaction."""
    in_dialog(_("Log a contact with {name}").format(name=words.md(name[:60])), lambda: _log(customer_id))


def _log(customer_id: int) -> None:
    form = Form("log")
    with form.drawn():
        kind = form.chips(
            "kind", _("What"), translated(interactions.KINDS), value=interactions.Kind.CALL, required=True
        )
        direction = form.chips(
            "direction", _("Direction"), translated(DIRECTIONS), value=interactions.Direction.OUTBOUND
        )
        outcome = form.chips("outcome", _("Result"), translated(OUTCOMES), value=interactions.Outcome.FINISHED)
        note = form.area("note", _("What was said"), height=110, max_chars=interactions.LONGEST_NOTE)
        if form.submit(_("Log it")):
            with attempt(_("Logged.")) as tried, uow(dialog_key()) as u:
                interactions.log(u, customer_id, kind=kind, direction=direction, outcome=outcome, note=note)
            if tried.ok:
                _tell_progress(str(kind), str(direction))
            form.finish(tried)


def _tell_progress(kind: str, direction: str) -> None:
    """Say what the entry did to one's own plans: 'Calls: 5 of 10, 5 left'."""
    moved = interactions.measures(interactions.Kind(kind), direction)
    with uow() as u:
        mine = plans.progress(u, clock.day_of(clock.now(), zone()), plans.Which.MINE) if u.may("plans.view") else []
    for one in mine:
        if one.measure in moved:
            said = _("{measure}: {done} of {target}, {left} left")
            done, target, left = words.number(one.done), words.number(one.target), words.number(one.left)
            tell(said.format(measure=_(plans.MEASURES[one.measure]), done=done, target=target, left=left))
