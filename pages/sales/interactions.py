"""The journal: every contact with every customer that the reader may see, newest first."""

from datetime import timedelta
from typing import Any

from crm import interactions
from crm.core import clock
from crm.core.uow import UnitOfWork
from crm.interactions import COUNT_CAP, DIRECTIONS, KINDS, Filters
from ui import filters, tables, timeline
from ui.page import empty, header
from ui.session import _, colleagues, may, read_before, translated, watched_each, zone

DAYS_BACK = {"today": 0, "week": 6, "month": 29, "year": 364}

people = colleagues()
header(_("Journal"), _("Calls, mails, meetings and messages, newest first."))
period, kind, direction, who = filters.row(
    filters.choice(
        "period", _("Any time"), {"today": _("Today"), "week": _("7 days"), "month": _("30 days"), "year": _("A year")}
    ),
    filters.choice("kind", _("Kind"), translated(KINDS)),
    filters.choice("direction", _("Direction"), translated(DIRECTIONS)),
    filters.choice("responsible", _("Responsible"), {str(key): name for key, name in people.items()}),
)
first_day = clock.day_of(clock.now(), zone()) - timedelta(days=DAYS_BACK[period]) if period else None
wanted = Filters(
    responsible_id=int(who) if who else None,
    kind=kind or None,
    direction=direction or None,
    since=clock.start_of(first_day, zone()) if first_day else None,
)

number = tables.asked_page()
before = read_before(("journal", wanted, number - 1))


def read(u: UnitOfWork) -> list[dict[str, Any]]:
    """Return the contacts of the page; from one page to the next, reading goes on after the last one."""
    return interactions.page(u, wanted, number=number, size=tables.SIZE, after=before[-1] if before else None)


count, rows = watched_each(
    (("journal", wanted), lambda u: interactions.count(u, wanted)), (("journal", wanted, number), read)
)
if count:
    tables.table(
        rows,
        timeline.columns(people, with_customer=True),
        key="journal",
        opens=timeline.opens,
        count=tables.counted(count, COUNT_CAP, "{n} entry", "{n} entries"),
        rows_in_all=min(count, COUNT_CAP),
    )
elif wanted == Filters():
    empty(
        _("The journal is empty. Open a customer and log the first contact.")
        if may("interactions.log")
        else _("The journal is empty. What colleagues log with their customers appears here."),
        button=_("Show customers") if may("interactions.log") else "",
        href="/customers",
        icon="forum",
    )
else:
    empty(_("Nothing matches these filters."), button=_("Show everything"), href="/interactions", icon="filter_alt_off")
