"""Erasing a customer: everything personal goes from every table, index and file; sums and the fact itself stay.

Promises: what is emptied is emptied in one transaction or not at all; purchases and counts stay under 'Erased customer 123';
the audit log keeps that it happened, and who did it, without a word of what was there. It cannot be undone.

On SQLite the pages are overwritten (`secure_delete`, db/engine.py) and the journal is emptied after the commit; PostgreSQL clears
dead rows by itself (autovacuum). Copies that were made before keep the data until they are thrown away.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import JSON, Text, bindparam, cast, delete, or_, select, update
from sqlalchemy.exc import DBAPIError

from crm import documents, exports, merges, search, upkeep
from crm.core.access import Owned
from crm.core.audit_log import HIDDEN, AuditEntry
from crm.core.errors import Conflict, Invalid, Refused
from crm.core.i18n import N_
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import Customer, Kind, rules, sort_name
from crm.exports import Export
from crm.fields import OWN
from crm.imports import Import, ImportRow, State, files
from crm.notifications import Notification
from crm.privacy.holdings import HOLDINGS, Holding
from crm.privacy.person_file import Rows, entries_of, rows_of
from crm.privacy.traces import RIGHT, Person, Traces, person_of
from crm.reports import Report
from crm.saved_filters import SavedFilter
from db.engine import Database


class Reason(StrEnum):
    """Why a customer is erased. A code and no text: nobody writes the name into it."""

    ASKED = "asked"
    WITHDRAWN = "withdrawn"
    NOT_NEEDED = "not_needed"
    MISTAKE = "mistake"


REASONS: Final[Mapping[str, str]] = {
    Reason.ASKED: N_("The person asked for it"),
    Reason.WITHDRAWN: N_("Consent was withdrawn"),
    Reason.NOT_NEEDED: N_("The data are not needed any more"),
    Reason.MISTAKE: N_("Entered by mistake or without a basis"),
}


@verb("privacy.erase")
def erase(u: UnitOfWork, customer_id: int, reason: str, traces: Traces | None = None, *, called: str = "") -> None:
    """Erase a customer. traces: what `look_through` found; called: how the empty card is named, with its number behind.

    Raises Invalid beside `reason`, NotFound, Refused, Conflict while an import works on a file that names the customer.
    """
    customer = u.get(Customer, customer_id)
    if not u.actor.covers(RIGHT, Owned(customer.responsible_id, customer.team_id, customer.partner_id)):
        raise Refused(N_("This record is outside your reach."))
    if reason not in set(Reason):
        raise Invalid(N_("Please choose one of the list."), field="reason")
    ids = merges.one_and_all(u, customer_id)  # whoever was merged into it is the same person
    kept = {one.name: rows_of(u, one, ids) for one in HOLDINGS}
    person = person_of(kept)
    _clear_imports(u, kept, traces or Traces(), person)
    _clear_exports(u, ids, person)
    _clear_filters(u, person)
    for row in kept["documents"]:
        u.after_commit(partial(documents.remove, row["stored_as"]))
    _clear_reports(u, person, is_private=any(row["kind"] == Kind.PERSON for row in kept["customers"]))
    _hide_in_log(u, kept, {one.name: _gone_of(one) for one in HOLDINGS})
    for row in kept["customers"]:
        _clear_notices(u, row["id"], row["name"])
        _empty(u, row["id"], called or "Erased customer")
        search.forget(u, row["id"])
    u.remember(customer, {"erased": [None, str(reason)]})
    u.after_commit(partial(_sweep, u.database))


# --- tables -------------------------------------------------------------------


def _empty(u: UnitOfWork, customer_id: int, called: str) -> None:
    """Empty or delete the rows of every holding.

    raw, bulk: the entries that a flush writes would tell of every single row, and the scopes of other rights end before this.
    """
    for one in HOLDINGS:
        table = one.model.__table__
        mine = one.mine([customer_id])
        if one.goes:
            u.execute(delete(table).where(mine), raw=True, bulk=True)
            continue
        values: dict[str, Any] = dict(one.emptied)
        if one.model is Customer:
            name = f"{called} {customer_id}"
            values |= {"name": name, "sort_name": sort_name(name), "archived_at": u.now}
        if values:
            raised = {"version": table.c.version + 1} if "version" in table.c else {}
            u.execute(update(table).where(mine).values(**values, **raised), raw=True, bulk=True)


Gone = Callable[[str, list[Any]], bool]
"""Says of a field in the log and its values, before and after, whether they are hidden."""


def _gone_of(one: Holding) -> Gone:
    """Return what is hidden of a holding: the emptied fields, and own fields, which the log knows by their own names."""
    if one.goes:
        return lambda _key, _pair: True
    columns = one.model.__table__.c
    return lambda key, pair: key in one.emptied or (key not in columns and not _says_only_that(key, pair))


def _says_only_that(key: str, pair: list[Any]) -> bool:
    """Say whether this tells no more than that something was done: 'contact data shown: yes'."""
    return not key.startswith(OWN) and all(isinstance(value, bool | None) for value in pair)


def _hide_in_log(u: UnitOfWork, kept: Mapping[str, Rows], gone: Mapping[str, Gone]) -> None:
    """Hide in the log what is gone of these rows; that it changed, when and by whom stays."""
    hidden = []
    for entry in entries_of(u, kept):
        is_gone = gone[entry.record]
        changes = {
            key: [value and HIDDEN for value in pair] if is_gone(key, pair) else pair
            for key, pair in entry.changes.items()
        }
        if changes != entry.changes:
            hidden.append({"entry": entry.id, "hidden": changes})
    if hidden:
        table = AuditEntry.__table__
        order = update(table).where(table.c.id == bindparam("entry")).values(changes=bindparam("hidden", type_=JSON()))
        u.execute(order, hidden, raw=True, bulk=True)


def _clear_notices(u: UnitOfWork, customer_id: int, name: str) -> None:
    """Take away what lies behind somebody's bell and opens this card, or names the customer."""
    table = Notification.__table__
    opens = (table.c.page == "customer") & cast(table.c.query, Text).contains(f'"id": "{customer_id}"')
    names = cast(table.c["values"], Text).contains(json.dumps(name)[1:-1], autoescape=True)
    u.execute(delete(table).where(or_(opens, names)), raw=True, bulk=True)


# --- files --------------------------------------------------------------------


def _clear_imports(u: UnitOfWork, kept: Mapping[str, Rows], traces: Traces, person: Person) -> None:
    """Remove the files of imports in which the customer stands, with everything that was quoted from them."""
    table, rows = Import.__table__, ImportRow.__table__
    linked = {row["import_id"] for row in (*kept["customers"], *kept["import_rows"])}
    inside = cast(table.c.trial, Text)
    tried = [inside.contains(f'"customer_id": {row["id"]},') for row in kept["customers"]]
    which = or_(table.c.id.in_(sorted((linked | traces.imports) - {None})), *tried)
    found = u.execute(select(table).where(which), raw=True)
    for one in found.mappings().all():
        if one["state"] in {State.CHECKING, State.RUNNING}:
            raise Conflict(N_("An import works on a file that names this customer. Please wait until it has ended."))
        name = one["file_name"]
        if person.is_hinted_in(Path(name).stem):
            name = f"–{Path(name).suffix}"
            _hide_in_log(u, {"imports": [dict(one)]}, {"imports": lambda key, _pair: key == "file_name"})
        values = {
            "file_removed_at": one["file_removed_at"] or u.now,
            "trial": None,
            "problem": None,
            "file_name": name,
            "version": one["version"] + 1,
        }
        u.execute(update(table).where(table.c.id == one["id"]).values(**values), raw=True, bulk=True)
        u.execute(update(rows).where(rows.c.import_id == one["id"]).values(causes=[]), raw=True, bulk=True)
        u.after_commit(partial(files.remove, one["stored_as"]))


def _clear_exports(u: UnitOfWork, ids: Sequence[int], person: Person) -> None:
    """Remove the exported files that still wait: the customer may stand in any of them, and each can be written anew."""
    table = Export.__table__
    there = or_(table.c.file_removed_at.is_(None), table.c.searched.is_not(None), table.c.rule.is_not(None))
    for one in u.execute(select(table).where(there), raw=True).mappings().all():
        values: dict[str, Any] = {}
        if one["searched"] and person.is_hinted_in(one["searched"]):
            values["searched"] = None
        if one["rule"] and person.is_hinted_in(rules.plain(one["rule"])):
            values["rule"] = None
        others = one["format"] == exports.OF_PERSON and one["filters"].get("customer_id") not in ids
        if one["file_removed_at"] is None and not others:
            values |= {"file_removed_at": u.now}
            if one["state"] == exports.State.MAKING:
                values |= {"state": exports.State.FAILED, "problem": {"text": _GONE, "values": {}}}
            u.after_commit(partial(exports.remove, one["stored_as"]))
        if values:
            u.execute(update(table).where(table.c.id == one["id"]).values(**values), raw=True, bulk=True)


def _clear_filters(u: UnitOfWork, person: Person) -> None:
    """Delete the saved filters that name the person, whosever they are.

    raw, bulk: everybody's, and no entry in the log says what they were called.
    """
    table = SavedFilter.__table__
    for one in u.execute(select(table.c.id, table.c.name, table.c.query), raw=True).mappings().all():
        said = [one["name"], *(rules.plain(str(value)) for value in one["query"].values())]
        if any(person.is_hinted_in(text) for text in said):
            u.execute(delete(table).where(table.c.id == one["id"]), raw=True, bulk=True)


def _clear_reports(u: UnitOfWork, person: Person, *, is_private: bool) -> None:
    """Hide the lines of conclusions that name the person: also in reports that were filed, which no verb changes.

    Of a private person a part of the name is enough; a company's name may be made of words that stand in every text.
    """
    names = person.is_hinted_in if is_private else person.stands_in
    table = Report.__table__
    for one in u.execute(select(table.c.id, table.c.conclusion, table.c.version), raw=True).mappings().all():
        lines = one["conclusion"].split("\n")
        left = "\n".join(HIDDEN if line.strip() and names(line) else line for line in lines)
        if left != one["conclusion"]:
            values = {"conclusion": left, "version": one["version"] + 1}
            u.execute(update(table).where(table.c.id == one["id"]).values(**values), raw=True, bulk=True)


_GONE: Final = N_("Somebody who stood in this file was erased meanwhile. Please export once more.")


def _sweep(database: Database) -> None:
    """Empty SQLite's journal, which still holds the pages as they were. What is in the way now is done at night."""
    try:
        upkeep.tidy(database)
    except DBAPIError:
        return
