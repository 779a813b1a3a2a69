"""What the page of quality is made of: figures, the queue of what is to be verified, the people and how complete theirs is."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from crm import customers, quality
from crm.core.access import Owned
from crm.customers import COUNT_CAP
from crm.quality import OfPerson, Quality
from ui import asking, tables, words
from ui.asking import Asked
from ui.page import empty
from ui.parts import part
from ui.session import _, attempt, me, n_, tell, uow

WELL, POORLY = 80, 50
"""Per cent from which a record is complete enough, and below which much is missing."""


def tone(complete: float) -> str:
    """Return in which colour a completeness is shown; the number is always beside it."""
    return "good" if complete >= WELL else "bad" if complete < POORLY else "warn"


def share(complete: float) -> str:
    """Write per cent."""
    return words.share(complete / 100)


def figures(all_of_them: Quality, days: int) -> list[tuple[str, str]]:
    """Return the figures of the head."""
    verified = n_("Verified within {n} day", "Verified within {n} days", days, shown=words.number(days))
    return [
        (_("Customers"), words.number(all_of_them.customers)),
        (_("Completeness"), share(all_of_them.complete)),
        (verified, words.share(all_of_them.share_fresh)),
        (_("To verify"), words.number(all_of_them.due)),
    ]


Gaps = Mapping[int, Sequence[str]]
"""Customer -> the keys of what is missing."""


def queue(rows: Sequence[Mapping[str, Any]], count: int, people: Mapping[int, str], gaps: Gaps, asked: Asked) -> None:
    """Draw the head of the queue; a press verifies at once, and the next one moves up. Another asks for what is missing."""
    if not rows:
        empty(_("Nothing waits: everything was verified in time."), icon="verified")
        return
    data = {
        "count": tables.counted(count, COUNT_CAP, "{n} customer waits", "{n} customers wait"),
        "act": _("Verified today"),
        "ask": _("Ask for data"),
        "mail": _("Write an e-mail"),
        "rows": [_row(one, people) | _asking(one, people, gaps.get(one["id"], ()), asked) for one in rows],
    }
    drawn = part("queue")(key="queue", data=data, on_done_change=lambda: None, on_ask_change=lambda: None)
    if (drawn.done and verify(drawn.done)) or (drawn.ask and _ask(drawn.ask)):
        st.rerun()


def _asking(one: Mapping[str, Any], people: Mapping[int, str], gaps: Sequence[str], asked: Asked) -> dict[str, Any]:
    """Return what a row offers for getting what is missing, and who was asked for it."""
    last, key = asked[0].get(one["id"]), one["id"]
    can_be_asked = asking.may_ask(one, gaps, last)
    name = people.get(one["responsible_id"] or 0, "")
    mail = asking.letter(asked[1].get(key, ""), name, key, one["name"], gaps) if can_be_asked else ""
    return {"ask": can_be_asked, "mail": mail, "asked": asking.said(last, gaps, people)}


def _ask(pressed: Any) -> bool:
    """Ask for what is missing of the row whose button was pressed; say whether a row was meant at all."""
    if not isinstance(pressed, Mapping) or not isinstance(pressed.get("id"), int):
        return False
    asking.ask(pressed["id"])
    return True


def _row(one: Mapping[str, Any], people: Mapping[int, str]) -> dict[str, Any]:
    at = words.when(one["verified_at"])
    said = _("Verified {when}") if one["verified_by_id"] else _("Entered {when}, not verified since.")
    line = [said.format(when=at).rstrip(".。"), one["city"] or "", people.get(one["responsible_id"] or 0, "")]
    owner = Owned(one["responsible_id"], one["team_id"], one["partner_id"])
    return {
        "id": one["id"],
        "seen": one["version"],
        "name": one["name"],
        "line": " · ".join(filter(None, line)),
        "href": f"/customer?id={one['id']}",
        "tag": share(one["completeness"]),
        "tone": tone(one["completeness"]),
        "act": me().covers(quality.VERIFY, owner),
    }


def verify(pressed: Any) -> bool:
    """Note that somebody stands for the data of the row whose button was pressed; say whether that was done."""
    # what came back is somebody's patch: two numbers are taken from it, and the verb asks for everything else
    if not isinstance(pressed, Mapping) or not all(isinstance(pressed.get(key), int) for key in ("id", "seen")):
        return False
    with attempt(_("Verified.")) as tried, uow() as u:
        customers.verify(u, pressed["id"], seen=pressed["seen"])
    if tried.conflict:
        tell(_("Somebody has changed this customer meanwhile. Please look again."), bad=True)
    return True


def of_people(those: Sequence[OfPerson], people: Mapping[int, str]) -> None:
    """Draw how complete and how fresh the customers of each responsible are; each number opens the very customers."""
    rows = [{"id": one.responsible_id, "name": _name(one, people)} | vars(one.quality) for one in those]
    columns = {
        "name": tables.Column(_("Responsible"), main=True),
        "customers": tables.Column(_("Customers"), words.number, right=True),
        "complete": tables.Column(_("Completeness"), share, right=True, tone=tone),
        "fresh": tables.Column(_("Verified in time"), words.number, right=True),
        "due": tables.Column(_("To verify"), words.number, right=True),
    }
    tables.table(rows, columns, key="people", opens=_theirs)


def _name(one: OfPerson, people: Mapping[int, str]) -> str:
    return _("nobody") if one.responsible_id is None else people.get(one.responsible_id, f"№ {one.responsible_id}")


def _theirs(row: Mapping[str, Any]) -> str:
    whose = f"responsible={row['id']}" if row["id"] is not None else "where=responsible.empty"
    return f"/customers?{whose}&sort=complete"
