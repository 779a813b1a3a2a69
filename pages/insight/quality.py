"""How complete and how fresh the data of customers are: what is to be verified next, and how well each keeps his customers."""

from typing import Any

from crm import missing_data, quality
from crm.core.uow import UnitOfWork
from crm.quality import OfPerson
from ui import asking, filters, quality_parts, words
from ui.asking import Asked
from ui.page import header
from ui.session import _, asked, colleagues, n_, watched

SIZE = 25
SPANS = (30, 90, 180, 365, 730)

people = colleagues()
text, whose = asked("days"), asked("responsible")
days = int(text) if text in map(str, SPANS) else None
responsible = int(whose) if whose.isdigit() and len(whose) < SIZE else None


def read(u: UnitOfWork) -> tuple[int, list[OfPerson], int, list[dict[str, Any]], dict[int, list[str]], Asked]:
    """Return after how many days data count as old, everybody's figures, the head of the queue, and what is missing there."""
    span = quality.days_of(u, days)
    wanted: dict[str, Any] = {"days": span, "responsible_id": responsible}
    count = quality.queue_count(u, **wanted)
    rows = quality.queue(u, **wanted, size=SIZE)
    ids = [row["id"] for row in rows]
    return span, quality.per_person(u, days=span), count, rows, missing_data.missing(u, ids), asking.read(u, ids)


span, those, count, rows, gaps, asked_for = watched(("quality", days, responsible), read)
tab = header(
    _("Quality"),
    _("How complete the data are, and who stood for them last."),
    figures=quality_parts.figures(quality.together(those), span),
    tabs={"verify": _("To verify"), "people": _("By responsible")},
)
spans = {str(one): n_("{n} day", "{n} days", one, shown=words.number(one)) for one in SPANS}
if tab == "people":
    filters.row(filters.choice("days", _("Verified within"), spans))
    quality_parts.of_people(those, people)
else:
    names = {str(one.responsible_id): people.get(one.responsible_id, "") for one in those if one.responsible_id}
    filters.row(
        filters.choice("days", _("Not verified for"), spans),
        filters.choice("responsible", _("Responsible"), names),
    )
    quality_parts.queue(rows, count, people, gaps, asked_for)
