"""The dialogs of a merge: choosing the other card, both side by side, what was done, and undoing it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from crm import customers, merges
from crm.core import i18n
from crm.core.i18n import N_
from crm.core.uow import UnitOfWork
from crm.customers import KINDS, SOURCES, STAGES, Card
from crm.merges import EXTRA, RESPONSIBLE, SIDES, Kept, Preview, Question, Side, Undoing
from ui import choices, customer_card, customer_forms, customer_types, facts, own_fields, tables, words
from ui.facts import Box
from ui.forms import Form, in_dialog
from ui.page import asked_id, dialog, dialog_key, empty, opener, opening, saved
from ui.session import Tried, _, asked, attempt, colleagues, language, n_, tell, uow

TITLES: Final[Mapping[str, str]] = {
    "interactions": N_("Contacts"),
    "purchases": N_("Purchases"),
    "contacts": N_("Contact persons"),
    "phones": N_("Phones"),
    "emails": N_("E-mail addresses"),
    "customer_tags": N_("Tags"),
    "requisites": N_("Requisites"),
    "relations": N_("Relations"),
    "stage_changes": N_("Steps from stage to stage"),
    "consents": N_("Consents"),
    "documents": N_("Documents"),
    "supplies": N_("Competitors"),
    "voices": N_("Opinions and doubts"),
    "change_requests": N_("Requests"),
}
"""What moves, in the order in which it is told. What is part of another thing (a purchase's lines) is not told."""

LONGEST: Final = 160
LOOKED, PROPOSED = 3, 8
"""So many phones and e-mails of a card are looked up, and so many cards are proposed."""


def merged_away(card: Card) -> None:
    """Lead whoever opens a card that was merged to the one that stays, with the contact that he may just be logging."""
    with uow() as u:
        key = merges.survivor_of(u, card.id)
    if key is None:
        empty(_("This customer was merged with another one that is not yours to see."), icon="merge", key="merged")
        return
    tell(_("{name} was merged with this customer.").format(name=words.md(card.name)))
    _open(key, **{name: asked(name) for name in ("do", "once") if dialog() == "log"})


def _open(customer_id: int, **query: Any) -> None:
    """Go to a card, this one or another."""
    facts_of_it = {"id": customer_id} | query
    st.query_params.from_dict({key: str(value) for key, value in facts_of_it.items() if value})
    st.rerun()


def draw(card: Card) -> None:
    """Draw the dialog of a merge that the address names."""
    other, merge = asked_id("with"), asked_id("merge") or 0
    match dialog():
        case "merge" if other is None:
            in_dialog(_("Merge with another customer"), lambda: _choose(card))
        case "merge":
            in_dialog(_("Merge two customers"), lambda: _compare(card.id, other or 0), width="large")
        case "merged":
            in_dialog(_("Merged"), lambda: _merged(merge))
        case "unmerge":
            in_dialog(_("Undo a merge"), lambda: _undo(merge))


# --- the other card -------------------------------------------------------------


def _choose(card: Card) -> None:
    form = Form("merge-with")
    text = form.text("look", _("Whom do you look for?"), placeholder=_("Name, phone, e-mail or number"))
    with uow() as u:
        found = customers.look_up(u, text) if text.strip() else _likely(u, card)
    rows = [row for row in found if row["id"] != card.id]
    if not rows:
        st.caption(_("Nobody was found.") if text.strip() else _("Type the name or phone of the other card."))
        return
    people = colleagues()
    if not text.strip():
        st.caption(_("These look like the same customer:"))
    columns = {
        "name": tables.Column(_("Name"), main=True),
        "city": tables.Column(_("City"), muted=True, spare=True),
        "responsible_id": tables.Column(_("Responsible"), lambda one: people.get(int(one), ""), spare=True),
        "interaction_count": tables.Column(_("Contacts"), words.number, right=True),
    }
    opens = opener("merge", "with")
    tables.table(rows, columns, key="merge-with", opens=lambda row: opens(**{"with": row["id"]}))


def _likely(u: UnitOfWork, card: Card) -> list[dict[str, Any]]:
    """Return who is found by what stands on this card."""
    ways = customers.reach(u, card.id)
    asked_for = [
        *(ways.phones[:LOOKED] if ways.in_full else ()),
        *(ways.emails[:LOOKED] if ways.in_full else ()),
        card.name,
    ]
    rows = (row for text in asked_for for row in customers.look_up(u, text))
    return list({row["id"]: row for row in rows}.values())[:PROPOSED]


# --- both side by side ------------------------------------------------------------


def _looked(survivor_id: int, other_id: int) -> Tried:
    with attempt() as tried, uow() as u:
        tried.result = merges.preview(u, survivor_id, other_id)
    return tried


def _compare(card_id: int, other_id: int) -> None:
    form, tried = Form("merge"), _looked(card_id, other_id)
    seen: Preview | None = tried.result
    if seen is not None:
        names = {one["id"]: _called(one) for one in (seen.mine, seen.theirs)}
        if form.chips("stays", _("Which card stays"), names, value=card_id, required=True) == other_id:
            turned = _looked(other_id, card_id)
            tried, seen = (turned, turned.result) if turned.ok else (turned, seen)
    elif "survivor" in tried.faults:  # this one lies in the bin: then the other one stays
        tried = _looked(other_id, card_id)
        seen = tried.result
    for sentence in (*tried.faults.values(), tried.sentence):
        if sentence:
            st.warning(sentence, icon=":material/info:")
    if seen is not None and tried.ok:
        _decide(form, seen)


def _called(row: Mapping[str, Any]) -> str:
    return f"{words.md(row['name'][:60])} · № {row['id']}"


def _decide(form: Form, seen: Preview) -> None:
    """Draw a choice for each field in which the two differ, what moves, and the button."""
    mine, theirs = seen.mine["id"], seen.theirs["id"]
    shown = st.session_state.setdefault(form.key(f"seen.{mine}"), seen.seen)
    with form.drawn():
        if seen.questions:
            st.markdown(_("**What stays where the cards differ**"))
        picked, sides = {}, st.columns(2, gap="medium")
        half = -(-len(seen.questions) // 2)
        for place, one in enumerate(seen.questions):
            with sides[place >= half]:
                picked[one.key] = _ask(form, one, mine)
        same = {key: value for key, value in seen.same.items() if key != "kind"}  # the type says it
        if same:
            count = len(same)
            with st.expander(n_("{n} field is the same on both cards", "{n} fields are the same on both cards", count)):
                lines = [(_label(key), _written(key, value), "") for key, value in same.items()]
                facts.draw(Box(_("The same on both cards"), lines), key="merge-same")
        facts.draw(_moving(seen), key="merge-moving")
        pressed = form.submit(_("Merge into {name}").format(name=words.md(seen.mine["name"][:40])))
    if not pressed:
        return
    with attempt(_("Merged.")) as tried, uow(dialog_key()) as u:
        tried.result = merges.merge(u, mine, theirs, picked, seen=shown).id
    if tried.ok:
        saved()
        _open(mine, do="merged" if tried.result else "", merge=tried.result)
    if tried.conflict:
        st.session_state.pop(form.key(f"seen.{mine}"))
        st.warning(_("One of the two cards was changed meanwhile. Please look again before you merge."))
    for sentence in tried.faults.values():
        st.error(sentence, icon=":material/error:")


def _ask(form: Form, one: Question, survivor_id: int) -> str:
    values = {Side.SURVIVOR: one.mine, Side.OTHER: one.theirs}
    names = {
        side: words.md(_written(one.key, values[side])) if side in values else _(SIDES[side]) for side in one.sides
    }
    origins = [_(SIDES[side]) if side in values else "" for side in one.sides]
    return str(
        form.radio(
            f"{survivor_id}.{one.key}",
            words.md(_label(one.key)),
            names,
            value=one.default,
            captions=origins,
            horizontal=True,
        )
    )


def _label(key: str) -> str:
    if key == RESPONSIBLE:
        return _("Responsible")
    if key.startswith(EXTRA):
        return own_fields.told(key.removeprefix(EXTRA), None)[0]
    return customer_forms.labels().get(key, key)


_CODES: Final[Mapping[str, Mapping[Any, str]]] = {"kind": KINDS, "stage": STAGES, "source": SOURCES}


def _written(key: str, value: Any) -> str:
    """Write the value of a field as people read it."""
    if key == RESPONSIBLE:
        return colleagues().get(value[0], "") or _("nobody")
    if key.startswith(EXTRA):
        value = own_fields.told(key.removeprefix(EXTRA), value)[1]
    elif key == "type":
        value = customer_types.name_of(value)
    elif key in _CODES:
        value = words.named(_CODES[key], value)
    elif key == "country":
        value = choices.countries().get(value or "", value)
    text = "–" if value in (None, "") else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _moving(seen: Preview) -> Box:
    """Say what moves: 14 + 9 = 23."""
    found = {one.name: one for one in seen.moving if one.comes or one.doubles}
    lines = []
    for name, title in TITLES.items():
        if name in found:
            one = found[name]
            sums = f"{words.number(one.there)} + {words.number(one.comes)} = {words.number(one.there + one.comes)}"
            twice = _("{n} on both cards").format(n=words.number(one.doubles))
            lines.append((_(title), f"{sums} ({twice})" if one.doubles else sums, ""))
    said = [_("'{name}' leaves lists and the look-up; its address leads here.").format(name=seen.theirs["name"][:60])]
    if seen.renumbered:
        said.append(_("Purchases whose number both have get '(2)' behind it."))
    said.append(_("It can be undone at any time, in the history of the card."))
    return Box(_("What moves"), lines, note=" ".join(said))


# --- what was done, and undoing it ----------------------------------------------------


def _read(merge_id: int) -> Undoing | None:
    with attempt() as tried, uow() as u:
        tried.result = merges.undoing(u, merge_id)
    if tried.sentence:
        st.warning(tried.sentence, icon=":material/info:")
    return tried.result  # type: ignore[no-any-return]  # what undoing returned


def _merged(merge_id: int) -> None:
    found = _read(merge_id)
    if found is not None:
        name = found.other[:60]
        said = _("What belonged to '{name}' stands here now. If that was wrong, undo it: now or later, in the history.")
        undo = (_("Undo"), opening("unmerge", merge=merge_id), "undo")
        facts.draw(Box(_("Came along"), _counts(found.goes), note=said.format(name=name), links=[undo]), key="merged")


def _counts(rows: Mapping[str, int]) -> list[facts.Line]:
    return [(_(title), words.number(rows[name]), "") for name, title in TITLES.items() if name in rows]


def _undo(merge_id: int) -> None:
    found = _read(merge_id)
    if found is None:
        return
    if found.refused is not None:
        st.warning(i18n.say(language(), found.refused), icon=":material/info:")
        return
    back = _counts(found.goes)
    if found.back:
        back.append((_("Fields"), words.listed(map(_label, found.back)), ""))
    boxes = [
        Box(
            _("Goes back to '{name}'").format(name=found.other[:60]),
            back,
            note="" if back else _("Only the card itself."),
        )
    ]
    stays = [(_label(one.key), _why(one), "") for one in found.kept]
    stays += [(_(TITLES.get(one.key, one.key)), _why(one), "") for one in found.gone if one.key in TITLES]
    stays += [(title, _("{n} since then").format(n=n), "") for title, n, _icon in _counts(found.stays)]
    if stays:
        boxes.append(Box(_("Stays with '{name}'").format(name=found.survivor[:60]), stays))
    facts.draw(*boxes, key="unmerge", beside=True)
    form = Form("unmerge")
    with form.drawn():
        if form.submit(_("Undo the merge")):
            done = _("Undone: '{name}' is a card of its own again.").format(name=words.md(found.other[:60]))
            with attempt(done) as tried, uow(dialog_key()) as u:
                tried.result = merges.undo(u, merge_id)
            if tried.ok and tried.result is not None:
                _tell_kept([*tried.result.kept, *tried.result.gone])
            if tried.conflict:
                st.error(tried.sentence, icon=":material/error:")
            form.finish(tried)


def _tell_kept(kept: Sequence[Kept]) -> None:
    """Say what undoing left as it was."""
    names = [_(TITLES[one.key]) if one.key in TITLES else _label(one.key) for one in kept]
    if names:
        tell(_("Left as it is, because it was changed since: {names}").format(names=words.md(words.listed(names))))


def _why(one: Kept) -> str:
    if one.at is None:
        return _("changed since: stays")
    return _("changed {moment} by {who}: stays").format(moment=words.when(one.at), who=one.by or "Rapport")


# --- in the history ---------------------------------------------------------------------


def told(card: Card) -> dict[int, tuple[str, str]]:
    """Return merge -> with whom, and where it is undone ('' where it cannot be, or not by this reader)."""
    with uow() as u:
        rows = merges.of(u, card.id)
    may_undo = customer_card.reached(card, merges.RIGHT)
    found = {}
    for row in rows:
        is_survivor = row["customer_id"] == card.id
        stands = row["undone_at"] is None and is_survivor and may_undo
        name = row["other"] if is_survivor else row["survivor"]
        found[row["id"]] = name, opening("unmerge", merge=row["id"]) if stands else ""
    return found
