"""What is asked about merges: what one would do, what one did, and what undoing it would do. Nothing here changes anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, func, select

from crm import audit, fields
from crm.core.access import Owned
from crm.core.audit_log import AuditEntry
from crm.core.errors import Conflict, CrmError, Invalid, NotFound, Refused
from crm.core.guards import REPLACED
from crm.core.i18n import N_
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.customers import Customer
from crm.merges import values
from crm.merges.links import FIGURES, clashing, links, stays
from crm.merges.records import NOTED, RIGHT, SEES, Merge
from crm.merges.values import Question

ERASED: Final = N_("This customer was erased: what was there is gone, so that nothing can be merged or brought back.")
UNDONE: Final = N_("This merge was undone already.")
FIRST: Final = N_("First undo the merge of {other} into {survivor}: it came later.")
BINNED: Final = N_("{name} lies in the bin. Take it out first, or let the other card stay.")
ANOTHER: Final = N_("Please choose another customer.")


@dataclass(frozen=True)
class Moving:
    """Rows of one kind: so many are with the survivor, so many come, so many of the other's say nothing new and stay behind."""

    name: str
    there: int
    comes: int
    doubles: int


@dataclass(frozen=True)
class Preview:
    """What a merge would do. mine, theirs: the rows of the two customers; same: fields in which they agree.

    renumbered: so many purchases get another number, because both have one of theirs.
    """

    mine: Mapping[str, Any]
    theirs: Mapping[str, Any]
    questions: Sequence[Question]
    same: Mapping[str, Any]
    moving: Sequence[Moving]
    renumbered: int

    @property
    def seen(self) -> tuple[int, int]:
        """The versions of the two cards."""
        return self.mine["version"], self.theirs["version"]


@dataclass(frozen=True)
class Kept:
    """What undoing leaves as it is, because somebody changed it since. by: the name; both empty where nobody knows."""

    key: str
    by: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Undoing:
    """What undoing a merge would do, or did. goes: rows that go back, by kind; gone: those that are no longer there.

    back: fields that are put back; kept: those that were changed since, and stay. stays: rows that were added since, by kind.
    refused: why it cannot be undone at all.
    """

    id: int
    at: datetime
    by_id: int | None
    survivor_id: int
    survivor: str
    other_id: int
    other: str
    undone_at: datetime | None
    goes: Mapping[str, int]
    gone: Sequence[Kept]
    back: Sequence[str]
    kept: Sequence[Kept]
    stays: Mapping[str, int]
    refused: CrmError | None


# --- two cards ------------------------------------------------------------------

_SELECTED: Final = tuple(getattr(Customer, key) for key in Customer.__table__.c.keys())  # noqa: SIM118  columns are no dict
_ROWS: Final = Prepared(select(*_SELECTED).where(Customer.id.in_((bindparam("one"), bindparam("other")))))


def rows_of(u: UnitOfWork, one: int, other: int) -> list[dict[str, Any]]:
    """Return the rows of two customers, whole, for whoever may merge them. Raises NotFound, Refused."""
    found = {row["id"]: row for row in u.rows(_ROWS, one=one, other=other)}
    if one not in found or other not in found:
        raise NotFound
    for row in found.values():
        owned = Owned(*(row[key] for key in values.OWNER))
        if not all(u.actor.covers(right, owned) for right in (RIGHT, SEES)):
            raise Refused(N_("This record is outside your reach."))
    return [found[one], found[other]]


def need_two(u: UnitOfWork, mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
    """Raise what keeps two customers from being merged: one is no longer there, or lies in the bin and would stay."""
    if any(one["merged_into_id"] is not None for one in (mine, theirs)):
        raise Conflict(REPLACED)
    if is_erased(u, mine["id"], theirs["id"]):
        raise Refused(ERASED)
    if mine["archived_at"] is not None:
        raise Invalid(BINNED, field="survivor", name=mine["name"])


def is_erased(u: UnitOfWork, *customer_ids: int) -> bool:
    """Say whether one of these customers was erased."""
    entries = select(AuditEntry.id).where(AuditEntry.record == "customers", AuditEntry.record_id.in_(customer_ids))
    return u.value(entries.where(AuditEntry.verb == "privacy.erase").limit(1)) is not None


def preview(u: UnitOfWork, survivor_id: int, other_id: int) -> Preview:
    """Return what merging the other customer into the survivor would do.

    Raises Invalid (one and the same, or the survivor lies in the bin), NotFound, Refused, Conflict (merged already).
    """
    u.need(RIGHT)
    if survivor_id == other_id:
        raise Invalid(ANOTHER, field="with")
    mine, theirs = rows_of(u, survivor_id, other_id)
    need_two(u, mine, theirs)
    both = values.of_row(mine), values.of_row(theirs)
    asked = values.questions(*both, values.several(fields.everything(u)))
    differing = {one.key for one in asked}
    same = {key: value for key, value in both[0].items() if key not in differing and not values.is_empty(key, value)}
    return Preview(mine, theirs, asked, same, _moving(u, survivor_id, other_id), _renumbered(u, survivor_id, other_id))


def _moving(u: UnitOfWork, survivor_id: int, other_id: int) -> list[Moving]:
    """Count the rows of every link in one statement."""
    counts: list[Any] = []
    for one in links():
        rows = select(func.count()).select_from(one.table)
        theirs = rows.where(one.column == other_id)
        doubles = theirs.where(stays(one, survivor_id))
        counts += [each.scalar_subquery() for each in (rows.where(one.column == survivor_id), theirs, doubles)]
    found = list(u.execute(select(*counts), raw=True).one())
    triples = zip(found[::3], found[1::3], found[2::3], strict=True)
    return [
        Moving(one.name, there, of - twice, twice) for one, (there, of, twice) in zip(links(), triples, strict=True)
    ]


def _renumbered(u: UnitOfWork, survivor_id: int, other_id: int) -> int:
    clashes = clashing(survivor_id, other_id).subquery()
    return int(u.execute(select(func.count()).select_from(clashes), raw=True).scalar_one())


# --- where a merged customer leads --------------------------------------------------

LONGEST_CHAIN: Final = 100


def survivor_of(u: UnitOfWork, customer_id: int) -> int | None:
    """Return who stands for a customer who was merged, None where that one is out of sight. Raises NotFound."""
    u.get(Customer, customer_id)
    table = Customer.__table__
    found: int | None = customer_id
    for _ in range(LONGEST_CHAIN):
        # raw: whoever stands in between may be out of sight; only the last one is named, if it is in sight
        step = select(table.c.merged_into_id).where(table.c.id == found)
        further = u.execute(step, raw=True).scalar_one()
        if further is None:
            break
        found = further
    return u.value(select(Customer.id).where(Customer.id == found))  # type: ignore[no-any-return]  # an id


def one_and_all(u: UnitOfWork, customer_id: int) -> tuple[int, ...]:
    """Return a customer and all who were merged into it, one into the other too: together they are one person."""
    table = Customer.__table__
    found = [customer_id]
    for key in found:
        # raw: whoever erases or takes out one person does so with all of him
        found += u.execute(select(table.c.id).where(table.c.merged_into_id == key), raw=True).scalars()
    return tuple(found)


# --- what undoing would do ------------------------------------------------------------

_OWNED: Final = (Customer.responsible_id, Customer.team_id, Customer.partner_id)
_MERGE: Final = (
    Merge.id,
    Merge.at,
    Merge.by_id,
    Merge.customer_id,
    Merge.other_id,
    Merge.moved,
    Merge.before,
    Merge.undone_at,
)
_BEFORE: Final = Prepared(
    select(*_MERGE, *_OWNED).join(Customer, Customer.id == Merge.customer_id).where(Merge.id == bindparam("merge_id"))
)
_OF: Final = Prepared(
    select(Merge.id, Merge.customer_id, Merge.other_id, Merge.at, Merge.by_id, Merge.undone_at)
    .where((Merge.customer_id == bindparam("customer_id")) | (Merge.other_id == bindparam("customer_id")))
    .order_by(Merge.id.desc())
)
_NAMES: Final = Prepared(select(Customer.id, Customer.name).where(Customer.id.in_(bindparam("ids", expanding=True))))


def of(u: UnitOfWork, customer_id: int) -> list[dict[str, Any]]:
    """Return the merges in which a customer was one of the two, the newest first, with the names of both.

    other: of the one that went; survivor: of the one that stayed.
    """
    rows = u.rows(_OF, customer_id=customer_id)
    names = _names(u, {row[key] for row in rows for key in ("customer_id", "other_id")})
    return [row | {"survivor": names[row["customer_id"]], "other": names[row["other_id"]]} for row in rows]


def _names(u: UnitOfWork, ids: set[int]) -> dict[int, str]:
    known = {row["id"]: row["name"] for row in u.rows(_NAMES, ids=sorted(ids))} if ids else {}
    return {key: known.get(key, f"№ {key}") for key in ids}


def undoing(u: UnitOfWork, merge_id: int) -> Undoing:
    """Return what undoing a merge would do at this moment. Raises NotFound, Refused (it is not one's own to undo)."""
    u.need(RIGHT)
    found = u.rows(_BEFORE, merge_id=merge_id)
    if not found:
        raise NotFound
    (merge,) = found
    mine, theirs = rows_of(u, merge["customer_id"], merge["other_id"])
    refused = _refused(u, merge, mine)
    changes = merge["before"].get("fields", {})
    back, kept = values.put_back(values.of_row(mine), changes)
    goes = {} if merge["undone_at"] else _still_there(u, merge)
    lost = [name for name, n in merge["moved"].items() if n > goes.get(name, 0)] if not merge["undone_at"] else []
    since = _changed_since(u, merge)
    return Undoing(
        merge["id"],
        merge["at"],
        merge["by_id"],
        mine["id"],
        mine["name"],
        theirs["id"],
        theirs["name"],
        merge["undone_at"],
        goes={name: n for name, n in goes.items() if n},
        gone=[Kept(name, *since.get(name, ())) for name in lost],
        back=tuple(back),
        kept=[Kept(key, *since.get(key, ())) for key in kept],
        stays=_added_since(u, merge),
        refused=refused,
    )


def _refused(u: UnitOfWork, merge: Mapping[str, Any], mine: Mapping[str, Any]) -> CrmError | None:
    """Return why a merge cannot be undone, None when it can."""
    if merge["undone_at"] is not None:
        return Conflict(UNDONE)
    if not merge["before"] or is_erased(u, merge["customer_id"], merge["other_id"]):
        return Refused(ERASED)
    table = Merge.__table__
    later = (table.c.customer_id == merge["customer_id"]) & (table.c.id > merge["id"])
    if mine["merged_into_id"] is not None:
        later = table.c.other_id == merge["customer_id"]
    # raw: the survivor of a later merge may be out of sight; its name comes through the door
    standing = select(table.c.customer_id, table.c.other_id).where(later, table.c.undone_at.is_(None))
    found = u.execute(standing.order_by(table.c.id.desc()).limit(1), raw=True).first()
    if found is None:
        return None
    names = _names(u, {found.customer_id, found.other_id})
    return Refused(FIRST, other=names[found.other_id], survivor=names[found.customer_id])


def _still_there(u: UnitOfWork, merge: Mapping[str, Any]) -> dict[str, int]:
    """Count the rows of each link that a merge moved and that are still with the survivor, in one statement."""
    some = [one for one in links() if merge["moved"].get(one.name)]
    here = [
        select(func.count())
        .select_from(one.table)
        .where(one.column == merge["customer_id"], one.table.c.id.in_(one.under(merge["id"])))
        .scalar_subquery()
        for one in some
    ]
    counts = list(u.execute(select(*here), raw=True).one()) if here else []
    return {one.name: int(n) for one, n in zip(some, counts, strict=True)}


_NOTED: Final = {"interaction_count": "logged_at", "purchase_count": "recorded_at"}
"""When rows that a card counts were written down."""


def _added_since(u: UnitOfWork, merge: Mapping[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, _last, model in FIGURES:
        table = model.__table__
        since = (table.c.customer_id == merge["customer_id"], table.c[_NOTED[number.key]] > merge["at"])
        n = u.execute(select(func.count()).select_from(table).where(*since), raw=True).scalar_one()
        found |= {table.name: int(n)} if n else {}
    return found


_TOLD_AS: Final = {"tags": "customer_tags"} | dict.fromkeys(values.OWNER, values.RESPONSIBLE)
"""What the history of a card calls otherwise."""


def _changed_since(u: UnitOfWork, merge: Mapping[str, Any]) -> dict[str, tuple[str, datetime | None]]:
    """Return field or kind of row -> who changed it last on the survivor's card after the merge, and when."""
    found: dict[str, tuple[str, datetime | None]] = {}
    plain = {*values.FIELDS, values.RESPONSIBLE, *merge["moved"]}
    for row in audit.history(u, "customers", merge["customer_id"]).to_dict("records"):
        if row["changes"].get(NOTED) == [None, merge["id"]]:
            break
        for key in row["changes"]:
            called = _TOLD_AS.get(key, key)
            who = row["who"] if isinstance(row["who"], str) else ""
            found.setdefault(called if called in plain else f"{values.EXTRA}{called}", (who, row["at"]))
    return found
