"""The dialogs of a customer: a new one, one group of fields at a time, a logged call."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import streamlit as st

from crm import audit, change_requests, customers, doubles, interactions, plans
from crm.core import clock
from crm.core.access import Owned
from crm.core.uow import UnitOfWork
from crm.customers import SOURCES, STAGES, Customer
from crm.fields import OWN
from crm.interactions import DIRECTIONS, OUTCOMES
from crm.templates import Group, Level, Place
from ui import choices, customer_types, forms, own_fields, request_forms, words
from ui.double_forms import Doubles
from ui.forms import MUST, Form, Versions, in_dialog
from ui.page import dialog_key, go, seen_version
from ui.session import _, asked, attempt, may, me, tell, translated, uow, zone

LAST_TYPE: Final = "new-customer.type"
EARLY = ("name", "phones", "emails", "city")
"""By these a double is known: what is typed is looked for as soon as it is typed."""
PAUSE: Final = "1s"
"""After such a rest what was typed outside a form leaves the browser, wherever the cursor stands: a restart then loses nothing.

The name has none: half a name would be looked for, and it cannot be lost in silence, for it must be there.
"""


def labels() -> dict[str, str]:
    """Return the name of every field that everybody has."""
    return {
        "name": _("Name"),
        "kind": _("Kind"),
        "type": _("Type"),
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
    # before the form: what is asked depends on it
    code = form.chips("type", name["type"], customer_types.names(), value=_last_type(), together=2, required=True)
    groups = customer_types.asked_of(customer_types.of(code))
    asked_for = customer_types.places(groups)
    for key in (one for one in EARLY if one in asked_for):
        draw_field(form, asked_for[key], {})
    check, typed = Doubles(form), form.values | _lists(form.values)
    check.look(typed)
    check.draw()
    with form.drawn():
        _draw_rest(form, groups)
        responsible = None
        if may("customers.assign"):
            responsible = form.choice("responsible", _("Responsible"), {None: "–"} | people, value=me().id)
        check.ask_why()
        if form.submit(check.label(_("Add customer"), _("Add all the same"))) and not check.hold_up(typed):
            raw = {key: value for key, value in form.values.items() if key != "responsible"}
            raw |= _lists(raw) | own_fields.typed(own_fields.known(), raw)
            with attempt(_("Customer added.")) as tried, uow(dialog_key()) as u:
                tried.result = doubles.add(u, raw, responsible_id=responsible, reason=check.reason).id
            if tried.ok and tried.result:
                st.session_state[LAST_TYPE] = code
                go("customer", id=tried.result)
            form.finish(tried)


def _last_type() -> str:
    """Return the type of the customer whom this person added last."""
    if LAST_TYPE not in st.session_state:
        with uow() as u:
            st.session_state[LAST_TYPE] = customers.last_type(u)
    last = st.session_state[LAST_TYPE]
    return last if last in customer_types.names() else next(iter(customer_types.names()))


def _draw_rest(form: Form, groups: Sequence[Group]) -> None:
    """Draw what is asked besides: first what is wanted, under the titles of its groups, then what one may know besides."""
    rest = [Group(_title_of_rest(one), tuple(each for each in one.places if each.key not in EARLY)) for one in groups]
    first = [Group(one.title, tuple(each for each in one.places if _is_wanted(each))) for one in rest]
    _draw_groups(form, [one for one in first if one.places], {})
    further = [each for one in rest for each in one.places if not _is_wanted(each)]
    if further:
        with st.expander(_("Further fields")):
            for each in further:
                draw_field(form, each, {})


def _title_of_rest(one: Group) -> str:
    """Return a group's title; the one that holds the name has begun above already, without any."""
    return "" if any(each.key == "name" for each in one.places) else one.title


def _is_wanted(one: Place) -> bool:
    return one.counts or one.key.startswith(OWN)


def _lists(raw: dict[str, Any]) -> dict[str, list[str]]:
    return {
        key: [part.strip() for part in str(raw[key] or "").split(",")] for key in ("phones", "emails") if key in raw
    }


def edit(customer_id: int, group: str) -> None:
    """Draw the dialog of one group of fields: 'personal' or 'business'."""
    title = _("Name and contact data") if group == "personal" else _("Business data")
    in_dialog(title, lambda: _edit(customer_id, group))


def _edit(customer_id: int, group: str) -> None:
    form, personal = Form(f"edit-{group}"), group == "personal"
    with uow() as u:
        record = customers.one(u, customer_id)
        stored, version = customers.values(u, customer_id), record.version
        waiting = change_requests.open_of(u, customer_id)
    seen = seen_version() or version
    shown_version, original = st.session_state.setdefault(form.key("original"), (version, stored))
    if mine := st.session_state.get(form.key("in-conflict")):
        # after a restart of the server nobody knows any more what the form showed at first
        versions = _versions(mine, stored, original if shown_version == seen else None)
        _settle(form, customer_id, group, versions, version)
        return
    if personal:
        request_forms.said_before(waiting)
    groups = _groups_of(form, original, personal=personal)
    fields = customer_types.places(groups)
    check = Doubles(form, of=customer_id)
    check.look_again()
    with form.drawn():
        _draw_groups(form, groups, original)
        check.draw()
        check.ask_why()
        verified = _draw_verified(form, record)
        if not form.submit(check.label(_("Save"), _("Save all the same"))):
            return
        why = str(form.values.pop("stage_reason", ""))
        raw = form.values | _lists(form.values) | own_fields.typed(own_fields.known(), form.values)
        changed = {key: value for key, value in raw.items() if _written(value) != _written(original.get(key))}
        if check.hold_up(fresh := _fresh(changed, original)):
            return
        with attempt(_("Saved.")) as tried, uow(dialog_key()) as u:
            check.settle(u, fresh)
            _save(u, customer_id, changed, seen=seen, form=fields, reason=None if personal else why)
            if verified:
                customers.verify(u, customer_id)
        if tried.conflict:
            st.session_state[form.key("in-conflict")] = raw
            st.rerun()
        form.finish(tried)


def _save(
    u: UnitOfWork, customer_id: int, raw: dict[str, Any], *, seen: int, form: Iterable[str], reason: str | None
) -> None:
    """Save personal data, or business data. reason: why the stage changes, None where the form is that of personal data."""
    if reason is None:
        customers.edit_personal(u, customer_id, raw, seen=seen, form=form)
    else:
        customers.edit(u, customer_id, raw, seen=seen, form=form, reason=reason)


def _groups_of(form: Form, original: dict[str, Any], *, personal: bool) -> list[Group]:
    """Return the groups of this form, as the type has them that is chosen above it; what the address asks for comes first."""
    code = original["type"]
    if not personal:
        names = customer_types.names(kept=code)
        code = form.choice("type", labels()["type"], names, value=code)
    groups = customer_types.within(customer_types.asked_of(customer_types.of(code)), personal=personal)
    wanted = customer_types.places(groups).get(asked("field"))
    if wanted is None:
        return groups
    others = (Group(one.title, tuple(each for each in one.places if each.key != wanted.key)) for one in groups)
    return [Group("", (wanted,)), *(one for one in others if one.places)]


def _draw_verified(form: Form, record: Customer) -> bool:
    """Draw the box by which somebody stands for all the data of the customer, not only for what is changed here."""
    owner = Owned(record.responsible_id, record.team_id, record.partner_id)
    if not me().covers("customers.verify", owner):
        return False
    ticked = form.check("verified", _("I have checked all the data: they are right today"))
    del form.values["verified"]
    return ticked


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


def _draw_groups(form: Form, groups: Sequence[Group], value: Mapping[str, Any]) -> None:
    """Draw fields under the titles of their groups; one group alone needs no title."""
    for one in groups:
        if len(groups) > 1 and one.title:
            st.caption(f"**{words.md(customer_types.title_of(one))}**")
        for each in one.places:
            draw_field(form, each, value)


def draw_field(form: Form, place: Place, value: Mapping[str, Any]) -> None:
    """Draw one field of a customer as its template asks for it, with what is stored in it."""
    field, now = place.key, value.get(place.key)
    if field.startswith(OWN):
        own_fields.draw(form, place, now)
        return
    label = labels()[field] + (MUST if place.level is Level.MUST else "")
    if field == "stage":
        form.choice(field, label, translated(STAGES), value=now)
        if now is not None:
            form.text("stage_reason", _("Why the stage changes"), max_chars=customers.REASON_LENGTH)
    elif field == "source":
        form.choice(field, label, {None: "–"} | translated(SOURCES), value=now)
    elif field == "country":
        form.choice(field, label, {None: "–"} | choices.countries(kept=now), value=now)
    elif field == "employees":
        form.number(field, label, value=now, min_value=0)
    elif field in {"need", "note"}:
        form.area(field, label, value=now, height=90)
    elif field in {"phones", "emails"}:
        form.text(field, label, value=", ".join(now or ()), help=_("Several with commas between them."), live=PAUSE)
    elif field == "name":
        form.text(field, label, value=now, max_chars=customers.NAME_LENGTH)
    else:
        form.text(field, label, value=now, live=PAUSE)


def _settle(form: Form, customer_id: int, group: str, versions: Versions, version: int) -> None:
    """Let the person decide between mine and theirs, then save on top of the version that they just saw."""
    with uow() as u:
        who = audit.last_by(u, "customers", customer_id) or _("Somebody")
    chosen: dict[str, Any] | None = {}
    if versions.in_dispute():
        called = labels() | {key: words.md(label) for key, label in own_fields.labels().items()}
        chosen = forms.conflict(form, called, versions, who, write=_said)
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


def _said(key: str, value: Any) -> str | None:
    """Return a value in dispute in words, None where it is shown as it is."""
    if key == "type":
        return customer_types.name_of(value)
    if key in _CODED:
        return words.named(_CODED[key], value)
    return own_fields.shown_by_key(key, value)


_CODED: Mapping[str, Mapping[Any, str]] = {"stage": STAGES, "source": SOURCES}


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
