"""Parts of a customer's card."""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from crm import audit, change_requests, customers, privacy, purchases, tags, teams, templates
from crm.briefs import Briefing
from crm.core import clock
from crm.core.access import Owned
from crm.core.uow import UnitOfWork
from crm.customers import SOURCES, STAGES, Card, Reach
from crm.interactions import OUTCOMES
from crm.templates import PERSONAL
from ui import asking, changes, choices, customer_types, facts, own_fields, stage_parts, tables, words
from ui.asking import Asked
from ui.facts import Box
from ui.page import close_dialog, empty, opening
from ui.session import _, attempt, may, me, n_, tell, uow
from ui.stage_parts import Stage

MOST_PARTNERS: Final = 4
LONGEST_SAID: Final = 120
SHOWN_SECONDS: Final = 60
"""So long hidden contact data that somebody asked for stay on the screen."""


def figures(u: UnitOfWork, card: Card) -> list[tuple[str, str]]:
    """Return the key figures of the card as (label, value)."""
    found = [
        (_("Completeness"), words.share(card.completeness / templates.FULL)),
        (_("Contacts"), words.number(card.interaction_count)),
        (_("Last contact"), words.when(card.last_interaction_at) or "–"),
    ]
    if u.may("purchases.view"):
        found.append((_("Purchases"), words.number(card.purchase_count)))
    if card.purchase_count and u.may("purchases.view"):
        bought = purchases.summary(u, card.id)
        sums = [words.money(total, currency) for currency, total in bought.totals.items()]
        found.append((_("Bought in all"), ", ".join(sums)))
        found.append((_("Last purchase"), words.when(card.last_purchase_at)))
    return found


def line(card: Card, people: Mapping[int, str]) -> str:
    """Return in one line what the customer is, where, and whose."""
    responsible = people.get(card.responsible_id, "") if card.responsible_id else _("nobody")
    whose = _("Responsible: {name}").format(name=responsible) if responsible else ""
    facts_of_it = (customer_types.name_of(card.type), words.named(STAGES, card.stage), card.city, whose)
    return " · ".join(filter(None, facts_of_it))


def reached(card: Card, right: str) -> bool:
    """Say whether to draw what this right allows on this very card. The door asks again when it is used."""
    return me().covers(right, Owned(card.responsible_id, card.team_id, card.partner_id))


def shown(card: Card) -> Reach | None:
    """Have the hidden contact data shown that the address asks for; None when that was refused.

    The address forgets it at once and nothing keeps the values: they are for this drawing of the page.
    """
    close_dialog()
    with attempt() as tried, uow() as u:
        tried.result = privacy.show_contact_data(u, card.id)
    return tried.result if tried.ok else None


def tones(marks: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return tags as (name, tone) for drawing."""
    return [(one["name"], "" if one["tone"] == tags.Tone.PLAIN else str(one["tone"])) for one in marks]


def _tags(card: Card, marks: list[dict[str, Any]]) -> list[Box]:
    """Return the box of tags for whoever may change them; everybody sees them in the head of the card."""
    if not reached(card, "customers.edit"):
        return []
    names = words.listed(one["name"] for one in marks)
    lines = [("", names, "sell")] if marks else []
    note = "" if marks else _("No tags yet. By a tag the team knows at once whom it deals with.")
    return [Box(_("Tags"), lines, edit=_("Edit"), href=opening("tags"), note=note)]


MOST_MISSING: Final = 8


def draw_quality(card: Card, ways: Reach, stage: Stage, people: Mapping[int, str], asked: Asked) -> None:
    """Draw what to do at this stage, what is missing, each with a link to its field, and who stood for the data.

    asked: who was asked for it, as `asking.read` returns it.
    """
    missing = customer_types.absent(card, ways)
    links = [link for key in missing[:MOST_MISSING] if (link := _to_field(card, key))]
    shown = {key for _label, _address, key in links}
    others = [customer_types.label(key) for key in missing[:MOST_MISSING] if key not in shown]
    lines = [("", words.listed(others), "rule")] if others else []
    if len(missing) > MOST_MISSING:
        lines.append(("", _("and others"), "more_horiz"))
    last = asked[0].get(card.id)
    lines += [("", text, "contact_support")] if (text := asking.said(last, missing, people)) else []
    can_be_asked = asking.may_ask(vars(card), missing, last)
    at, name = words.when(card.verified_at), people.get(card.verified_by_id or 0, "")
    verified = (
        _("Verified {when} by {name}").format(when=at, name=name) if name else _("Verified {when}").format(when=at)
    )
    note = verified if card.verified_by_id else _("Entered {when}, not verified since.").format(when=at)
    title = _("Still missing") if missing else _("Complete")
    ways_in = [(label, address, "add") for label, address, _key in links]
    name = people.get(card.responsible_id or 0, "")
    if can_be_asked and (href := asking.letter(asked[1].get(card.id, ""), name, card.id, card.name, missing)):
        ways_in.append((_("Write an e-mail"), href, "mail"))
    box = Box(title, lines, note=note, links=ways_in)
    facts.draw(*stage_parts.box(card, stage, people), box, key="quality")
    _acts(card, name if can_be_asked else "")


def _acts(card: Card, asks: str) -> None:
    """Draw what one press does for the data. asks: the name of whoever can be asked for what is missing, '' for nobody."""
    with st.container(horizontal=True, gap="small"):
        if asks:
            st.button(
                _("Ask {name} for it").format(name=words.md(asks)), icon=":material/contact_support:", type="tertiary",
                key=f"ask-data-{card.id}", on_click=asking.ask, args=(card.id,),
                help=_("The bell tells what is missing, with the way into the form."),
            )  # fmt: skip
        if reached(card, "customers.verify"):
            st.button(
                _("Verified today"), icon=":material/verified:", type="tertiary", key=f"verify-{card.id}",
                on_click=verify, args=(card.id, card.version),
                help=_("You have looked at all the data and they are right."),
            )  # fmt: skip


def _to_field(card: Card, key: str) -> tuple[str, str, str] | None:
    """Return the label of a missing field, where it is filled in and its key; None for whoever may not."""
    group, right = ("personal", "customers.edit_personal") if key in PERSONAL else ("business", "customers.edit")
    if not reached(card, right):
        return None
    return customer_types.label(key), opening(group, seen=card.version, field=key), key


def verify(customer_id: int, seen: int) -> None:
    """Note that somebody stands for the data (a callback)."""
    with attempt(_("Verified.")) as tried, uow() as u:
        customers.verify(u, customer_id, seen=seen)
    if tried.conflict:
        tell(_("Somebody has changed this customer meanwhile. Please look again."), bad=True)


def draw_facts(
    card: Card, ways: Reach, marks: list[dict[str, Any]], brief: list[Box], full: Reach | None = None
) -> None:
    """Draw how to reach the customer, what to know before a talk, tags and business data. full: what was shown on request."""
    contact = _contact_data(card, ways, full)
    facts.draw(contact, *brief, *_tags(card, marks), _business_data(card), key="facts")


def before_a_talk(known: Briefing, people: Mapping[int, str]) -> list[Box]:
    """Return the box with what to know before talking, where there is anything to know."""
    lines = [(_("Open: {what}").format(what=_about(row)), _said(row, people), "") for row in known.open]
    lines += [(_("Refused before"), _said(row, people), "") for row in known.refused]
    for one in known.partners[:MOST_PARTNERS]:
        talks = n_("{n} talk in two years", "{n} talks in two years", one.talks, shown=words.number(one.talks))
        lines.append((people.get(one.person_id, _("A former colleague")), f"{talks} · {words.when(one.last_at)}", ""))
    return [Box(_("Before a talk"), lines)] if lines else []


def _about(row: Mapping[str, Any]) -> str:
    return words.named(OUTCOMES, row["outcome"])


def _said(row: Mapping[str, Any], people: Mapping[int, str]) -> str:
    said = " ".join((row["topic"] or row["note"]).split())
    facts_of_it = (words.when(row["at"]), people.get(row["responsible_id"], ""), said[:LONGEST_SAID])
    return " · ".join(filter(None, facts_of_it))


def _contact_data(card: Card, ways: Reach, full: Reach | None) -> Box:
    lines = _ways(full or ways)
    hidden = "" if ways.in_full else _("Shown in part: this is a colleague's customer.")
    links, brief = [], None
    if lines and full and not ways.in_full:
        brief = facts.Brief(_ways(ways), hidden, SHOWN_SECONDS, clock.now().isoformat())
        hidden = _("Shown for a minute. That you saw it is noted.")
    elif lines and not ways.in_full and privacy.may_be_shown(me(), card):
        links.append((_("Show"), opening("show"), "visibility"))
    if change_requests.may_ask(me(), card):
        links.append((_("Ask for a change"), opening("ask"), "edit_note"))
    return Box(
        _("Contact data"),
        lines,
        edit=_("Edit") if reached(card, "customers.edit_personal") else "",
        href=opening("personal", seen=card.version, field=None),
        note=hidden if lines else _("No phone, e-mail or address yet."),
        links=links,
        brief=brief,
    )


def _ways(ways: Reach) -> list[facts.Line]:
    lines = [("", phone, "call") for phone in ways.phones]
    lines += [("", address, "mail") for address in ways.emails]
    return lines + ([("", ways.address, "location_on")] if ways.address else [])


def _business_data(card: Card) -> Box:
    known = {
        _("Industry"): card.industry,
        _("Employees"): words.number(card.employees) if card.employees else None,
        _("Region"): card.region,
        _("Country"): choices.countries().get(card.country or "", card.country),
        _("Website"): card.website,
        _("Source"): words.named(SOURCES, card.source),
        _("Channel"): card.source_detail,
        _("Number in other systems"): card.external_number,
        _("Need"): card.need,
        _("Note"): card.note,
    }
    lines = [(label, value, "") for label, value in known.items() if value]
    lines += own_fields.lines(card.kind, card.extra)
    return Box(
        _("Business data"),
        lines,
        edit=_("Edit") if reached(card, "customers.edit") else "",
        href=opening("business", seen=card.version, field=None),
        note="" if lines else _("Nothing known yet."),
    )


def purchases_tab(card: Card) -> None:
    """Draw what the customer bought."""
    if not may("purchases.view"):
        empty(_("Purchases are not part of your role."), icon="lock", key="purchases")
        return
    with uow() as u:
        frame = purchases.listing(u, card.id, page=tables.asked_page())
    if frame.empty:
        empty(_("Nothing bought yet. The first purchase appears here."), icon="shopping_bag", key="purchases")
        return
    frame["sum"] = list(zip(frame["amount"], frame["currency"], strict=True))
    columns = {
        "number": tables.Column(_("Number"), main=True),
        "at": tables.Column(_("When"), words.when),
        "sum": tables.Column(_("Amount"), lambda pair: words.money(*pair), right=True),
    }
    tables.table(frame, columns, key="purchases", rows_in_all=card.purchase_count)


def history(customer_id: int, people: Mapping[int, str], merged: Mapping[int, tuple[str, str]]) -> None:
    """Draw who changed what on this card. Of personal fields only that they changed.

    merged: merge -> with whom, and the address where it is undone ('' where it is not).
    """
    with uow() as u:
        frame = audit.history(u, "customers", customer_id)
        team_names = teams.directory(u)
    stage_parts.history(customer_id, people)
    if frame.empty:
        empty(_("No changes yet."), icon="history", key="history")
        return
    frame["who"] = frame["who"].fillna("Rapport")
    told = [_entry(one, merged, people, team_names) for one in frame["changes"]]
    frame["changes"] = [text for text, _href in told]
    frame["href"] = [href for _text, href in told]
    frame["undo"] = [_("Undo") if href else "" for _text, href in told]
    columns = {
        "at": tables.Column(_("When"), words.when),
        "who": tables.Column(_("Who")),
        "changes": tables.Column(_("Changed fields"), main=True, wrap=True),
        "undo": tables.Column(_("Merged"), tag=True, spare=True),
    }
    tables.table(frame, columns, key="history", opens=lambda row: row["href"])


_BOTH: Final = {"merged", "merged_into"}, {"unmerged", "unmerged_from"}
"""Under these the two cards of a merge note it, and that it was undone."""


def _entry(
    noted: dict[str, Any],
    merged: Mapping[int, tuple[str, str]],
    people: Mapping[int, str],
    team_names: Mapping[int, str],
) -> tuple[str, str]:
    """Return what an entry of the history says, and the address that it opens."""
    name, href = merged.get(changes.merge_of(noted), ("", ""))
    known = [said for said in _BOTH if said & set(noted)] if name else []
    rest = {key: pair for key, pair in noted.items() if not known or key not in known[0]}
    text = changes.short("customers", rest, people, team_names)
    if not known:
        return text, ""
    joined = known[0] is _BOTH[0]
    said = _("Merged with {name}") if joined else _("Merge with {name} undone")
    return "; ".join(filter(None, (said.format(name=name), text))), href if joined else ""
