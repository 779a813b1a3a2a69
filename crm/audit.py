"""Audit: who changed what and when, as it is read. The entries themselves are written by the door.

Promises: nothing here changes an entry; of personal fields only that they changed is shown; the history of one record is
seen by whoever may see the record.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

import pandas as pd
from sqlalchemy import BindParameter, Integer, bindparam, func, select

from crm.core import clock
from crm.core.audit_log import AuditEntry
from crm.core.errors import NotFound
from crm.core.grants import RIGHTS
from crm.core.guards import Guarded
from crm.core.i18n import N_
from crm.core.people import User
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.core.verbs import VERBS
from db.base import AnySelect, Record

COUNT_CAP: Final = 10_000
HISTORY: Final = 200
"""How many entries the history of one record shows."""

ACTIONS: Final[Mapping[str, str]] = {
    "customers.create": N_("Customer added"),
    "customers.edit": N_("Customer changed"),
    "customers.edit_personal": N_("Personal data changed"),
    "customers.assign": N_("Customer handed over"),
    "customers.verify": N_("Data verified"),
    "customers.archive": N_("Customer put into the bin"),
    "customers.restore": N_("Customer taken out of the bin"),
    "contacts.add": N_("Contact person added"),
    "contacts.change": N_("Contact person changed"),
    "contacts.complete": N_("Contact person completed"),
    "contacts.leave": N_("Contact person has left"),
    "contacts.come_back": N_("Contact person is there again"),
    "stages.set_strategy": N_("Strategy of a stage set"),
    "tags.change": N_("Tags of a customer changed"),
    "tags.learn": N_("Tag made"),
    "tags.rename": N_("Tag renamed"),
    "tags.join": N_("Tags joined"),
    "tags.drop": N_("Tag deleted"),
    "relations.link": N_("Customers linked"),
    "relations.unlink": N_("Link of two customers taken away"),
    "requisites.add": N_("Requisites added"),
    "requisites.change": N_("Requisites changed"),
    "requisites.complete": N_("Requisites completed"),
    "requisites.drop": N_("Requisites deleted"),
    "market.add_supply": N_("Competitor noted"),
    "market.change_supply": N_("What is known of a competitor changed"),
    "market.drop_supply": N_("Competitor taken away"),
    "market.add_voice": N_("Opinion noted"),
    "market.drop_voice": N_("Opinion taken away"),
    "documents.add": N_("Document added"),
    "documents.renew": N_("New version of a document added"),
    "documents.change": N_("Document changed"),
    "documents.archive": N_("Document put into the bin"),
    "documents.restore": N_("Document taken out of the bin"),
    "documents.erase": N_("Document deleted for good"),
    "documents.take": N_("Document opened"),
    "fields.add": N_("Own field added"),
    "fields.change": N_("Own field changed"),
    "fields.rename_choice": N_("Choice of an own field renamed"),
    "fields.move": N_("Own fields put in another order"),
    "fields.retire": N_("Own field taken out of use"),
    "fields.restore": N_("Own field taken back into use"),
    "mass_edits.ask": N_("Mass edit begun"),
    "mass_edits.change_some": N_("Changed by a mass edit"),
    "mass_edits.stop": N_("Mass edit stopped"),
    "mass_edits.undo": N_("Undoing of a mass edit begun"),
    "mass_edits.undo_some": N_("Put back by undoing a mass edit"),
    "types.add": N_("Type of customers added"),
    "types.rename": N_("Type of customers renamed"),
    "types.place": N_("Template of a type changed"),
    "types.arrange": N_("Groups of a template put in another order"),
    "types.retire": N_("Type of customers taken out of use"),
    "types.restore": N_("Type of customers taken back into use"),
    "types.reset": N_("Template set back"),
    "handovers.hand_over": N_("Customers of a colleague handed over"),
    "handovers.take_back": N_("Hand-over taken back"),
    "doubles.add": N_("Customer added all the same"),
    "doubles.settle": N_("Saved although it exists elsewhere"),
    "doubles.told": N_("Told that it exists"),
    "doubles.ask_for_access": N_("Access asked for"),
    "doubles.grant": N_("Access granted"),
    "merges.merge": N_("Customers merged"),
    "merges.undo": N_("Merge of customers undone"),
    "duplicates.look_now": N_("Look for duplicates asked for"),
    "duplicates.begin": N_("Look for duplicates begun"),
    "duplicates.keep": N_("Possible duplicates noted"),
    "duplicates.finish": N_("Look for duplicates finished"),
    "duplicates.fail": N_("Look for duplicates failed"),
    "duplicates.stop": N_("Look for duplicates stopped"),
    "duplicates.part": N_("Two customers told apart"),
    "duplicates.unpart": N_("Two customers no longer told apart"),
    "privacy.show_contact_data": N_("Hidden contact data shown"),
    "privacy.erase": N_("Customer erased"),
    "privacy.export_person": N_("Data of a customer taken out"),
    "privacy.take_person_file": N_("File with data of a customer taken"),
    "missing_data.ask": N_("Missing data asked for"),
    "reports.make": N_("Report made"),
    "reports.draft": N_("Report made at the start of the month"),
    "reports.conclude": N_("Conclusions of a report written"),
    "reports.file": N_("Report filed"),
    "change_requests.ask": N_("Change of personal data asked for"),
    "change_requests.answer": N_("Request for a change answered"),
    "consents.record": N_("Legal basis recorded"),
    "consents.end": N_("Withdrawal recorded"),
    "exports.keep": N_("Customers exported"),
    "exports.ask": N_("Export asked for"),
    "exports.finish": N_("Export finished"),
    "exports.fail": N_("Export failed"),
    "exports.take": N_("Exported file taken"),
    "exports.note_refusal": N_("Export refused"),
    "exports.remove_old_files": N_("Old exported files removed"),
    "interactions.log": N_("Contact logged"),
    "products.create": N_("Product added"),
    "products.change": N_("Product changed"),
    "purchases.record": N_("Purchase recorded"),
    "notifications.send": N_("Notification sent"),
    "notifications.mark_read": N_("Notifications read"),
    "imports.stage": N_("File received for an import"),
    "imports.reread": N_("File read in another way"),
    "imports.choose": N_("Columns of a file chosen"),
    "imports.attempt": N_("Trial run started"),
    "imports.report": N_("Trial run noted"),
    "imports.start": N_("Import started"),
    "imports.start_here": N_("Import started from a terminal"),
    "imports.take": N_("Rows of a file stored"),
    "imports.stop": N_("Import stopped"),
    "imports.resume": N_("Import taken up again"),
    "imports.finish": N_("Import finished"),
    "imports.fail": N_("Import failed"),
    "imports.discard": N_("Import thrown away"),
    "imports.take_all_back": N_("Undo of an import started"),
    "imports.take_back": N_("Rows of an import undone"),
    "imports.finish_undo": N_("Import undone"),
    "imports.remove_old_files": N_("Old files of imports removed"),
    "imports.take_faults_file": N_("File of faulty rows taken"),
    "saved_filters.save": N_("Filter saved"),
    "saved_filters.change": N_("Saved filter changed"),
    "saved_filters.share": N_("Saved filter shared"),
    "saved_filters.drop": N_("Saved filter deleted"),
    "saved_filters.choose_columns": N_("Columns of the list chosen"),
    "backups.note": N_("Backup noted"),
    "backups.note_failure": N_("Backup failed"),
    "backups.ask": N_("Backup asked for"),
    "jobs.cancel": N_("Job cancelled"),
    "plans.set_target": N_("Plan set"),
    "plans.drop": N_("Plan deleted"),
    "users.create": N_("Account created"),
    "users.change": N_("Account changed"),
    "users.set_roles": N_("Roles changed"),
    "users.disable": N_("Account disabled"),
    "users.enable": N_("Account enabled"),
    "users.delete": N_("Account deleted"),
    "users.hand_over": N_("Customers handed over"),
    "users.sign_out_everywhere": N_("Signed out everywhere"),
    "users.reset_password": N_("Password reset"),
    "users.unlock": N_("Waiting after wrong passwords ended"),
    "users.drop_second_factor": N_("Second factor switched off by the administrator"),
    "users.set_language": N_("Language chosen"),
    "users.set_timezone": N_("Time zone chosen"),
    "teams.create": N_("Team created"),
    "teams.rename": N_("Team renamed"),
    "teams.set_leader": N_("Leader of a team chosen"),
    "teams.set_parent": N_("Team moved"),
    "teams.move_person": N_("Person moved to another team"),
    "teams.dissolve": N_("Team dissolved"),
    "rights.adjust": N_("Right adjusted"),
    "rights.reset": N_("Right reset to its default"),
    "rights.apply_preset": N_("Preset of rights applied"),
    "settings.change": N_("Setting changed"),
    "settings.change_all": N_("Settings changed"),
    "sessions.sign_in": N_("Signed in"),
    "sessions.sign_in_failed": N_("Wrong password or code"),
    "sessions.sign_in_locked": N_("Locked out after wrong passwords"),
    "sessions.sign_out": N_("Signed out"),
    "sessions.sign_out_elsewhere": N_("Signed out elsewhere"),
    "sessions.change_password": N_("Password changed"),
    "sessions.request_reset": N_("Asked for a new password"),
    "sessions.use_reset_link": N_("New password chosen with a link"),
    "sessions.enable_totp": N_("Second factor switched on"),
    "sessions.disable_totp": N_("Second factor switched off"),
    "sessions.use_recovery_code": N_("Recovery code used"),
    "sessions.refused_old_cookie": N_("An ended sign-in was tried again"),
    "sessions.seed_account": N_("Account created from auth.yaml"),
}
"""What happened, by the verb's name. A verb that is not here is named by its right."""

RECORDS: Final[Mapping[str, str]] = {
    "customers": N_("Customer"),
    "phones": N_("Phone"),
    "emails": N_("E-mail"),
    "contacts": N_("Contact person"),
    "requisites": N_("Requisites"),
    "relations": N_("Relation"),
    "tags": N_("Tag"),
    "customer_tags": N_("Tag of a customer"),
    "consents": N_("Legal basis"),
    "documents": N_("Document"),
    "competitors": N_("Competitor"),
    "supplies": N_("Competitor at a customer"),
    "voices": N_("Opinion"),
    "stage_strategies": N_("Strategy of a stage"),
    "own_fields": N_("Own field"),
    "customer_types": N_("Type of customers"),
    "saved_filters": N_("Saved filter"),
    "list_columns": N_("Columns of the list"),
    "interactions": N_("Contact"),
    "plans": N_("Plan"),
    "products": N_("Product"),
    "purchases": N_("Purchase"),
    "change_requests": N_("Request"),
    "data_requests": N_("Request for missing data"),
    "reports": N_("Report"),
    "duplicate_pairs": N_("Possible duplicate"),
    "duplicate_runs": N_("Look for duplicates"),
    "imports": N_("Import"),
    "exports": N_("Export"),
    "mass_edits": N_("Mass edit"),
    "notices": N_("Notification"),
    "users": N_("Person"),
    "teams": N_("Team"),
    "right_adjustments": N_("Right"),
    "settings": N_("Setting"),
    "backups": N_("Backup"),
}
"""What kind of record an entry speaks of, by its table."""


def action(verb: str) -> str:
    """Return the msgid that names a verb."""
    return ACTIONS.get(verb) or RIGHTS.get(VERBS.get(verb, ""), verb)


@dataclass(frozen=True)
class Filters:
    """What narrows the list; None does not narrow. The period is in calendar days of the time zone `zone`."""

    actor_id: int | None = None
    verb: str | None = None
    record: str | None = None
    record_id: int | None = None
    since: date | None = None
    until: date | None = None
    zone: str = "UTC"


_COLUMNS: Final = (
    AuditEntry.id,
    AuditEntry.at,
    AuditEntry.actor_id,
    User.name.label("who"),
    AuditEntry.verb,
    AuditEntry.record,
    AuditEntry.record_id,
    AuditEntry.changes,
)


def _wanted(filters: Filters) -> dict[str, Any]:
    """Return filter -> value of the filters that narrow; days become the moments at which they begin and end."""
    found: dict[str, Any] = {
        "actor_id": filters.actor_id,
        "verb": filters.verb,
        "record": filters.record,
        "record_id": filters.record_id,
    }
    if filters.since is not None:
        found["since"] = clock.start_of(filters.since, filters.zone)
    if filters.until is not None:
        found["until"] = clock.start_of(filters.until + timedelta(days=1), filters.zone)
    return {key: value for key, value in found.items() if value is not None}


def _narrowed(statement: AnySelect, keys: tuple[str, ...]) -> AnySelect:
    for key in keys:
        value: BindParameter[Any] = bindparam(key)
        if key == "since":
            statement = statement.where(AuditEntry.at >= value)
        elif key == "until":
            statement = statement.where(AuditEntry.at < value)
        else:
            statement = statement.where(getattr(AuditEntry, key) == value)
    return statement


def _entries() -> AnySelect:
    return select(*_COLUMNS).outerjoin(User, User.id == AuditEntry.actor_id).order_by(AuditEntry.id.desc())


@lru_cache(maxsize=64)
def _pages(keys: tuple[str, ...]) -> Prepared:
    size, skipped = bindparam("size", type_=Integer), bindparam("skipped", type_=Integer)
    return Prepared(_narrowed(_entries(), keys).limit(size).offset(skipped))


@lru_cache(maxsize=64)
def _counts(keys: tuple[str, ...]) -> Prepared:
    some = _narrowed(select(AuditEntry.id), keys).limit(bindparam("cap", type_=Integer)).subquery()
    return Prepared(select(func.count()).select_from(some))


def page(u: UnitOfWork, filters: Filters = Filters(), *, number: int = 1, size: int = 50) -> list[dict[str, Any]]:
    """Return one page of entries, newest first, as rows: id, at, actor_id, who, verb, record, record_id, changes.

    `changes` maps field -> [old, new]; `who` is None for Rapport itself.
    """
    u.need("audit.view")
    return _page(u, filters, size=size, skipped=(max(number, 1) - 1) * size)


def _page(u: UnitOfWork, filters: Filters, *, size: int, skipped: int = 0) -> list[dict[str, Any]]:
    wanted = _wanted(filters)
    return u.rows(_pages(tuple(wanted)), **wanted, size=size, skipped=skipped)


def listing(u: UnitOfWork, filters: Filters = Filters(), *, page: int = 1, size: int = 50) -> pd.DataFrame:
    """Return one page of entries as `page` does: `id` as index."""
    u.need("audit.view")
    return _framed(_page(u, filters, size=size, skipped=(max(page, 1) - 1) * size))


def _framed(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[column.key for column in _COLUMNS]).set_index("id")


def entry(u: UnitOfWork, entry_id: int) -> dict[str, Any] | None:
    """Return one entry with the columns of `page`, None when there is none."""
    u.need("audit.view")
    rows = u.rows(_entries().where(AuditEntry.id == entry_id))
    return rows[0] if rows else None


def count(u: UnitOfWork, filters: Filters = Filters()) -> int:
    """Return how many entries the filters leave, at most COUNT_CAP + 1 (which means 'more')."""
    u.need("audit.view")
    wanted = _wanted(filters)
    return int(u.value(_counts(tuple(wanted)), **wanted, cap=COUNT_CAP + 1))


def history(u: UnitOfWork, record: str, record_id: int, *, most: int = HISTORY) -> pd.DataFrame:
    """Return the newest entries of one record, columns as in `listing`, for whoever may see the record.

    record: its table, for example `customers`. Raises NotFound when it is absent or hidden, Refused without `.view` of its
    area; records that belong to nobody are for those with `audit.view`.
    """
    _may_see(u, record, record_id)
    return _framed(_page(u, Filters(record=record, record_id=record_id), size=most))


def last_by(u: UnitOfWork, record: str, record_id: int) -> str:
    """Return who changed a record last, '' when nobody or Rapport itself did. Raises as `history`."""
    _may_see(u, record, record_id)
    rows = _page(u, Filters(record=record, record_id=record_id), size=1)
    return (rows[0]["who"] or "") if rows else ""


def _may_see(u: UnitOfWork, record: str, record_id: int) -> None:
    model: Any = next((one for one in Guarded.models() if getattr(one, "__tablename__", "") == record), None)
    if model is None or not issubclass(model, Record):
        u.need("audit.view")
        return
    u.need(f"{model.area}.view")
    if u.value(select(model.id).where(model.id == record_id)) is None:
        raise NotFound
