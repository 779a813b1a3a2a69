"""What colleagues ask the record keeper to change: open requests first those that wait longest, answered ones, one in its window."""

from typing import Any

from crm import change_requests
from crm.change_requests import COUNT_CAP
from crm.core.uow import UnitOfWork
from ui import request_forms, tables, words
from ui.page import asked_id, dialog, empty, header, opener
from ui.session import _, colleagues, watched

people = colleagues()


def read_counts(u: UnitOfWork) -> tuple[int, int]:
    """Return how many requests are open and how many are answered."""
    return change_requests.count(u), change_requests.count(u, done=True)


waiting, answered = watched("requests", read_counts)
tab = header(
    _("Requests"),
    _("Changes of names, phones, e-mails and addresses that colleagues ask for."),
    figures=[(_("Open"), words.number(waiting)), (_("Answered"), words.number(answered))],
    tabs={"open": _("Open"), "done": _("Answered")},
)


def read(u: UnitOfWork) -> list[dict[str, Any]]:
    """Return the page of the list."""
    return change_requests.page(u, done=tab == "done", number=tables.asked_page(), size=tables.SIZE)


rows = watched(("requests", tab, tables.asked_page()), read)
columns = {
    "customer": tables.Column(_("Customer"), main=True),
    "text": tables.Column(_("What is to be changed"), grow=True),
    "responsible_id": tables.Column(_("Who asks"), lambda key: people.get(int(key), "")),
    "asked_at": tables.Column(_("When"), words.when),
}
if tab == "done":
    columns["answer"] = tables.Column(_("Answer"), lambda text: text or _("Done."))
open_request = opener("request", "request")
if rows:
    tables.table(
        rows,
        columns,
        key="requests",
        opens=lambda row: open_request(request=row["id"]),
        rows_in_all=min(answered if tab == "done" else waiting, COUNT_CAP),
    )
elif tab == "done":
    empty(_("Nothing answered yet."), icon="inbox")
else:
    empty(_("Nobody waits. What colleagues may not change themselves they ask for here."), icon="task_alt")

if dialog() == "request":
    request_forms.answer(asked_id("request") or 0, people)
