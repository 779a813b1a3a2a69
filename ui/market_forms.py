"""The market as it shows at a customer: the tab of the card with competitors and voices, and the dialogs that note them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import streamlit as st
from babel.numbers import list_currencies

from crm import market, settings
from crm.core import clock
from crm.customers import Card
from crm.market import PERIODS, SAID, Said
from ui import customer_card, facts, tables, words
from ui.facts import Box
from ui.forms import Form, close_after, in_dialog
from ui.page import Action, empty, not_there, opener, opening, seen_version
from ui.session import _, attempt, colleagues, translated, uow, watched, zone

TAB: Final = "market"
TONES: Final = {Said.PRAISE: "good", Said.DOUBT: "warn"}

Row = Mapping[str, Any]


def actions(card: Card) -> list[Action]:
    """Return what can be done here, for the head of the card."""
    competitor = Action(_("Note a competitor"), opening("new-supply"), icon="storefront")
    voice = Action(_("Note an opinion"), opening("new-voice"), icon="record_voice_over")
    found = [competitor] if customer_card.reached(card, market.EDIT) else []
    return found + ([voice] if customer_card.reached(card, market.HEAR) else [])


def _supplies(card: Card) -> list[dict[str, Any]]:
    return watched((TAB, "supplies", card.id), lambda u: market.supplies(u, card.id))


def _voices(card: Card) -> list[dict[str, Any]]:
    return watched((TAB, "voices", card.id), lambda u: market.voices(u, card.id))


def tab(card: Card) -> None:
    """Draw who else sells to the customer, and what he thinks and doubts."""
    people = colleagues()
    st.subheader(_("Competitors here"), anchor=False)
    if rows := _supplies(card):
        columns = {
            "competitor": tables.Column(_("Competitor"), main=True, wrap=True),
            "product": tables.Column(_("What they sell here"), grow=True, spare=True),
            "much": tables.Column(_("About how much"), _much, wrap=True, spare=True),
            "since": tables.Column(_("Since"), words.day, spare=True),
            "source": tables.Column(_("Known from"), muted=True, wrap=True, spare=True),
        }
        opens = opener("supply", "supply")
        tables.table(
            [row | {"much": row} for row in rows],
            columns,
            key="supplies",
            opens=lambda row: opens(supply=row["id"], seen=row["version"]),
        )
    else:
        sentence = _("No competitor noted yet. Who else supplies them decides what you can offer.")
        button = _("Note a competitor") if customer_card.reached(card, market.EDIT) else ""
        empty(sentence, button=button, href=opening("new-supply"), icon="storefront", key="supplies")
    st.subheader(_("What they think and doubt"), anchor=False)
    _draw_voices(card, people)


def _draw_voices(card: Card, people: Mapping[int, str]) -> None:
    rows = _voices(card)
    if not rows:
        sentence = _("Nothing noted yet. Doubts of those who did not buy tell what to change.")
        button = _("Note an opinion") if customer_card.reached(card, market.HEAR) else ""
        empty(sentence, button=button, href=opening("new-voice"), icon="record_voice_over", key="voices")
        return
    columns = {
        "kind": tables.Column(
            _("What it is"), lambda code: words.named(SAID, code), tag=True, tone=lambda code: TONES.get(code, "")
        ),
        "text": tables.Column(_("What was said"), main=True, wrap=True),
        "heard_on": tables.Column(_("When"), words.day),
        "noted_by_id": tables.Column(_("Noted by"), _by(people), muted=True, spare=True),
    }
    opens = opener("voice", "voice")
    tables.table(rows, columns, key="voices", opens=lambda row: opens(voice=row["id"]))


def _by(people: Mapping[int, str]) -> Callable[[Any], str]:
    return lambda one: people.get(int(one), "")


def _much(row: Row) -> str:
    if row["amount"] is None:
        return ""
    return f"{words.money(row['amount'], row['currency'])} {words.named(PERIODS, row['period'])}"


# --- dialogs --------------------------------------------------------------------


def draw(card: Card, name: str, supply_id: int | None, voice_id: int | None) -> None:
    """Draw the dialog that the address names, for whoever may do what it is for."""
    may_edit = customer_card.reached(card, market.EDIT)
    if name == "new-supply" and may_edit:
        in_dialog(_("Note a competitor"), lambda: _supply(card, {}))
    elif name == "new-voice" and customer_card.reached(card, market.HEAR):
        in_dialog(_("Note an opinion"), lambda: _new_voice(card))
    elif name in {"supply", "voice"}:
        rows, key = (_supplies(card), supply_id) if name == "supply" else (_voices(card), voice_id)
        with attempt() as found:
            found.result = market.one_of(rows, key)
        if not found.ok:
            in_dialog(_("Market"), not_there)
        elif name == "voice":
            in_dialog(words.named(SAID, found.result["kind"]), lambda: _voice(found.result, may_edit=may_edit))
        elif may_edit:
            in_dialog(_("Competitor"), lambda: _supply(card, found.result))
        else:
            in_dialog(found.result["competitor"], lambda: _shown(found.result))


def _supply(card: Card, row: Row) -> None:
    form = Form("supply")
    with uow() as u:
        names, currency = market.known(u), settings.value(u, "currency")
    today, currencies = clock.day_of(clock.now(), zone()), sorted(list_currencies())
    with form.drawn():
        form.learnt("competitor", _("Competitor"), names, value=row.get("competitor"))
        form.area("product", _("What they sell here"), value=row.get("product"), height=70, max_chars=500)
        amount = words.exact(row["amount"]) if row.get("amount") is not None else ""
        form.text("amount", _("About how much"), value=amount)
        form.choice("currency", _("Currency"), {one: one for one in currencies}, value=row.get("currency") or currency)
        form.choice("period", _("For"), translated(PERIODS), value=row.get("period") or "year")
        form.day("since", _("Since"), value=row.get("since"), min_value=market.FIRST_DAY, max_value=today)
        form.text("source", _("Known from"), value=row.get("source"), max_chars=200)
        if form.submit(_("Save")):
            with attempt(_("Saved.")) as tried, uow(form.once) as u:
                if row:
                    market.change_supply(u, row["id"], form.values, seen=seen_version() or row["version"])
                else:
                    market.add_supply(u, card.id, form.values)
            if tried.conflict:
                st.error(tried.sentence, icon=":material/error:")
            form.finish(tried)
    if row:
        who, at = colleagues().get(row["noted_by_id"] or 0, ""), words.when(row["noted_at"])
        st.caption(" · ".join(filter(None, (_("Noted"), at, words.md(who)))))
        st.button(
            _("Delete"), icon=":material/delete:", type="tertiary", key=f"drop-supply-{row['id']}", on_click=_drop_supply,
            args=(row["id"], row["version"]),
        )  # fmt: skip


def _shown(row: Row) -> None:
    known = {
        _("What they sell here"): row["product"],
        _("About how much"): _much(row),
        _("Since"): words.day(row["since"]),
        _("Known from"): row["source"],
        _("Noted by"): colleagues().get(row["noted_by_id"] or 0),
        _("Noted"): words.moment(row["noted_at"]),
    }
    facts.draw(Box("", [(label, value, "") for label, value in known.items() if value]), key=f"supply-{row['id']}")


def _drop_supply(supply_id: int, seen: int) -> None:
    with attempt(_("Deleted.")) as tried, uow() as u:
        market.drop_supply(u, supply_id, seen=seen)
    close_after(tried)


def _new_voice(card: Card) -> None:
    form, today = Form("voice"), clock.day_of(clock.now(), zone())
    with form.drawn():
        form.chips("kind", _("What it is"), translated(SAID))
        form.area("text", _("What was said"), height=110, max_chars=market.LENGTHS["text"])
        form.day("heard_on", _("When"), value=today, min_value=market.FIRST_DAY, max_value=today)
        if form.submit(_("Save")):
            with attempt(_("Saved.")) as tried, uow(form.once) as u:
                market.add_voice(u, card.id, **form.values)
            form.finish(tried)


def _voice(row: Row, *, may_edit: bool) -> None:
    who = colleagues().get(row["noted_by_id"] or 0, "")
    lines = [("", row["text"], "format_quote"), (_("When"), words.day(row["heard_on"]), ""), (_("Noted by"), who, "")]
    facts.draw(Box("", [line for line in lines if line[1]]), key=f"voice-{row['id']}")
    if may_edit:
        st.button(
            _("Delete"), icon=":material/delete:", type="tertiary", key=f"drop-voice-{row['id']}", on_click=_drop_voice,
            args=(row["id"],),
        )  # fmt: skip


def _drop_voice(voice_id: int) -> None:
    with attempt(_("Deleted.")) as tried, uow() as u:
        market.drop_voice(u, voice_id)
    close_after(tried)
