"""Asking a customer's responsible for missing data: with one press by the bell, or with a letter in one's own mail program."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from crm import missing_data
from crm.core import clock
from crm.core.access import Owned
from crm.core.config import config
from crm.core.uow import UnitOfWork
from ui import customer_types, words
from ui.session import _, attempt, me, tell, uow

Asked = tuple[Mapping[int, Mapping[str, Any]], Mapping[int, str]]
"""Customer -> the last request for data, and customer -> the responsible's e-mail address, for whoever may ask."""

MOST_NAMED: Final = 12
"""So many fields a letter names; mail programs take addresses of some 2,000 characters."""


def read(u: UnitOfWork, ids: Iterable[int]) -> Asked:
    """Return what was asked for of these customers, and to which addresses one may write."""
    these = list(ids)
    return missing_data.latest(u, these), missing_data.addresses(u, these)


def of_card(customer_id: int | None) -> tuple[Any, Any]:
    """Return the same of one customer, as a part of a page that is read together with others."""
    return ("asking", customer_id), partial(read, ids=[customer_id or 0])


def may_ask(row: Mapping[str, Any], gaps: Sequence[str], asked: Mapping[str, Any] | None) -> bool:
    """Say whether to offer asking: something is missing, a colleague is responsible, and nobody has just asked him."""
    owner = Owned(row["responsible_id"], row["team_id"], row["partner_id"])
    somebody = row["responsible_id"] not in {None, me().id}
    just_asked = asked is not None and missing_data.is_fresh(asked, gaps, row["responsible_id"], clock.now())
    return bool(gaps) and somebody and not just_asked and me().covers(missing_data.RIGHT, owner)


def said(asked: Mapping[str, Any] | None, gaps: Sequence[str], people: Mapping[int, str]) -> str:
    """Write who asked for data and when, '' where nothing is open."""
    if asked is None or not missing_data.is_open(asked, gaps):
        return ""
    who = people.get(asked["asked_by_id"] or 0, "Rapport")
    return _("{who} asked for what is missing, {when}").format(who=who, when=words.when(asked["asked_at"]))


def letter(address: str, name: str, customer_id: int, customer: str, gaps: Sequence[str]) -> str:
    """Return the address that opens one's own mail program with the whole letter; '' without an address."""
    if not address or not gaps:
        return ""
    named = words.listed(customer_types.label(key) for key in gaps[:MOST_NAMED])
    link = f"{config().base_url}/customer?id={customer_id}"
    text = _("Hello {name},\n\nplease fill in what is missing of {customer}: {fields}.\n\n{link}\n").format(
        name=name, customer=customer, fields=named, link=link
    )
    subject = _("Missing data: {customer}").format(customer=customer)
    lines = quote(text.replace("\n", "\r\n"), safe="")
    return f"mailto:{quote(address, safe='@')}?subject={quote(subject, safe='')}&body={lines}"


def ask(customer_id: int) -> None:
    """Ask the responsible for what is missing (a callback, or a press in a list)."""
    with attempt(_("Asked: it waits behind the bell of whoever is responsible.")) as tried, uow() as u:
        missing_data.ask(u, customer_id)
    if tried.conflict:
        tell(tried.sentence)
    for sentence in tried.faults.values():
        tell(sentence, bad=True)
