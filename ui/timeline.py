"""The time-line: everything that happened with a customer, newest first, in one table."""

from collections.abc import Mapping
from typing import Any

from crm import interactions
from crm.core.uow import UnitOfWork
from crm.customers import Card
from crm.interactions import DIRECTIONS, KINDS, OUTCOMES, Filters
from ui import facts, filters, tables, words
from ui.filters import Filter
from ui.forms import in_dialog
from ui.page import empty
from ui.session import _, attempt, translated, uow

Asked = tuple[int | None, str | None, int]
"""With which colleague, of which kind (None: any), which page."""
Talks = tuple[list[dict[str, Any]], int]
"""The entries of a page, and how many there are in all."""

OUTCOME_TONES = {"order": "good", "finished": "", "refused": "bad", "no_answer": "warn", "call_back": "warn"}


def opens(row: Mapping[str, Any]) -> str:
    """Return the address of an entry of the journal: on the card of its customer."""
    return f"/customer?id={row['customer_id']}&do=entry&entry={row['id']}"


def columns(people: dict[int, str], *, with_customer: bool = False) -> dict[str, tables.Column]:
    """Return the columns of the journal."""
    first = {"customer": tables.Column(_("Customer"), main=True)} if with_customer else {}
    return first | {
        "at": tables.Column(_("When"), words.when),
        "kind": tables.Column(_("What"), lambda code: words.named(KINDS, code), main=not with_customer),
        "direction": tables.Column(_("Direction"), lambda code: words.named(DIRECTIONS, code), muted=True),
        "outcome": tables.Column(
            _("Result"),
            lambda code: words.named(OUTCOMES, code),
            tag=True,
            tone=lambda code: OUTCOME_TONES.get(code, ""),
        ),
        "note": tables.Column(_("Note"), grow=True),
        "responsible_id": tables.Column(_("Colleague"), lambda key: people.get(int(key), ""), muted=True, spare=True),
    }


def _choices(people: dict[int, str]) -> tuple[Filter, Filter]:
    return (
        filters.choice("with", _("All colleagues"), {str(key): name for key, name in people.items()}),
        filters.choice("what", _("All kinds"), translated(KINDS)),
    )


def asked_for(people: dict[int, str]) -> Asked:
    """Return how the address narrows the timeline."""
    who, kind = (one.value for one in _choices(people))
    return int(who) if who else None, kind or None, tables.asked_page()


def read(u: UnitOfWork, card: Card, asked: Asked) -> Talks:
    """Return a page of the timeline of one customer, narrowed as asked, and how many entries there are in all."""
    who, kind, number = asked
    wanted = Filters(customer_id=card.id, responsible_id=who, kind=kind)
    count = interactions.count(u, wanted) if who or kind else card.interaction_count
    return interactions.page(u, wanted, number=number, size=tables.SIZE), count


def draw(rows: list[dict[str, Any]], count: int, people: dict[int, str]) -> None:
    """Draw what was read, to be narrowed by colleague and kind."""
    filters.row(*_choices(people), key="timeline-filters")
    if rows:
        tables.table(rows, columns(people), key="timeline", opens=opens, rows_in_all=count)
    else:
        empty(_("Nothing logged yet. The first contact appears here."), icon="forum", key="timeline")


def entry(interaction_id: int, people: dict[int, str]) -> None:
    """Draw one entry in its own window."""
    with attempt() as found, uow() as u:
        one = interactions.one(u, interaction_id)
    if found.ok:
        in_dialog(_("What happened"), lambda: _entry(one, people))


def _entry(one: interactions.Interaction, people: dict[int, str]) -> None:
    shown = {
        _("When"): words.moment(one.at),
        _("Direction"): words.named(DIRECTIONS, one.direction),
        _("Result"): words.named(OUTCOMES, one.outcome),
        _("Colleague"): people.get(one.responsible_id, ""),
        _("Topic"): one.topic or "",
        _("What was said"): one.note,
        _("Written down"): words.moment(one.logged_at),
    }
    lines = [(label, value, "") for label, value in shown.items() if value]
    facts.draw(facts.Box(words.named(KINDS, one.kind), lines), key="entry")
