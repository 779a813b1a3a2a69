"""Storing: customers as the rows have left them are written at once, with the look-up's index, the log and what an undo needs.

Promises: what is written is what was decided, or nothing; a customer that somebody changed meanwhile is a Conflict and the
chunk is done again; only what differs is written.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, select, update

from crm import customers, fields, search, tags, templates
from crm.core.errors import Conflict
from crm.core.uow import UnitOfWork
from crm.customers import Customer
from crm.imports.matching import Match
from crm.imports.portraits import COLUMNS, FACTS, MODELS, Changes, Portrait, differences, told
from db.dialect import each_new, free_ids

_LOCAL: Final = {"customer_tags": ("tag_id",)}
"""Columns of a portrait's rows that are the table's own, where not all are."""


@dataclass
class Written:
    """What was written: customer -> changes, and the tags that were made."""

    changes: dict[int, Changes] = field(default_factory=dict)
    tags: list[int] = field(default_factory=list)


def write(u: UnitOfWork, matches: Iterable[Match], mark: Mapping[str, Any]) -> Written:
    """Store new customers and changed ones. mark: what the log says of each change besides.

    Raises Conflict when one was changed meanwhile. What the guards would ask was asked by whoever decided, for each.
    """
    some = [one for one in matches if one.now is not None and one.now != one.stored]
    fresh, changed = [one for one in some if one.stored is None], [one for one in some if one.stored is not None]
    done = Written()
    _number(u, fresh)
    done.tags = _name_tags(u, some)
    _restore(u, changed)
    _add(u, fresh)
    _number_rows(u, changed)  # behind the others: SQLite gives them the ids above
    done.changes = {one.id or 0: differences(*_pair(one)) for one in changed}
    for one in changed:
        _change(u, one, done.changes[one.id or 0])
    customers.note_steps(u, _steps(changed))
    customers.measure(u, [one.id for one in changed if one.id])
    # at once: a word that one row brings and a later one takes away is none of those that an undo knows of
    search.unlearn(u, _index(u, fresh, changed))
    log = {one.id or 0: told(*_pair(one)) | dict(mark) for one in changed}
    if log:
        u.remember_each(Customer, log)
    return done


def _pair(match: Match) -> tuple[Portrait, Portrait]:
    if match.stored is None or match.now is None:  # pragma: no cover  only what is stored can differ from itself
        raise AssertionError
    return match.stored, match.now


def _steps(changed: Sequence[Match]) -> list[tuple[int, str, str]]:
    """Return the steps of stored customers from stage to stage; who stays where he is takes none."""
    pairs = [(one.id or 0, *_pair(one)) for one in changed]
    return [(key, before.facts["stage"], now.facts["stage"]) for key, before, now in pairs]


# --- ids and tags ---------------------------------------------------------------


def _ids(u: UnitOfWork, table: Any, count: int) -> Sequence[int]:
    """Return ids for new rows. raw: no record is asked for; ids that are known before spare asking for each row's."""
    found = u.execute(free_ids(u.session.get_bind().dialect, table, count), raw=True) if count else None
    return list(found.scalars()) if found else []


def _number(u: UnitOfWork, fresh: Sequence[Match]) -> None:
    for match, key in zip(fresh, _ids(u, Customer.__table__, len(fresh)), strict=True):
        match.id = key


def _number_rows(u: UnitOfWork, changed: Sequence[Match]) -> None:
    """Give the new rows of stored customers their ids: an undo must find them again."""
    for name, model in MODELS.items():
        new = [(one, number) for one in changed for number in _pair(one)[1].rows[name] if number < 0]
        given = dict(zip(((one.id, number) for one, number in new), _ids(u, model.__table__, len(new)), strict=True))
        for one in {match.id: match for match, _ in new}.values():
            rows = _pair(one)[1].rows[name].items()
            _set(one, name, {given.get((one.id, number), number): row for number, row in rows})


def _set(match: Match, name: str, rows: Mapping[int, Any]) -> None:
    now = match.now
    if now is not None:
        match.now = replace(now, rows={**now.rows, name: rows})


def _name_tags(u: UnitOfWork, some: Sequence[Match]) -> list[int]:
    """Let every tag that rows put on be there; return those that were made."""
    new = [(one, row) for one in some if one.now for row in one.now.rows["customer_tags"].values() if not row["tag_id"]]
    names = list({tags.key_of(row["name"]): row["name"] for _, row in new}.values())
    known = tags.known(u, names)
    fresh = [name for name in names if tags.key_of(name) not in known]
    made = {key: one for key, one in tags.learn(u, fresh).items() if key not in known} if fresh else {}
    known |= made
    for one in {id(match): match for match, _ in new}.values():
        rows = one.now.rows["customer_tags"] if one.now else {}
        named = {
            number: {**row, "tag_id": row["tag_id"] or known[tags.key_of(row["name"])]} for number, row in rows.items()
        }
        _set(one, "customer_tags", named)
    return sorted(made.values())


def _restore(u: UnitOfWork, changed: Sequence[Match]) -> None:
    """Insert the rows that come back, each under the id that it had where that is still free.

    raw, bulk: as in `_add`.
    """
    for name, model in MODELS.items():
        table: Any = model.__table__
        back = [
            (one, n) for one in changed for n in _pair(one)[1].rows[name] if n > 0 and n not in _pair(one)[0].rows[name]
        ]
        if not back:
            continue
        taken = set(u.execute(select(table.c.id).where(table.c.id.in_([n for _, n in back])), raw=True).scalars())
        rows = [_row(name, one, n) | {"id": n} for one, n in back if n not in taken]
        if rows:
            u.execute(insert(table), rows, raw=True, bulk=True)
        for one, n in back:
            one.restored |= {(name, n)} - {(name, other) for other in taken}
        for one, n in ((one, n) for one, n in back if n in taken):
            some = _pair(one)[1].rows[name]
            _set(one, name, {(min(0, *some) - 1 if number == n else number): row for number, row in some.items()})


# --- rows -----------------------------------------------------------------------


def _add(u: UnitOfWork, fresh: Sequence[Match]) -> None:
    """Insert new customers with everything of theirs.

    raw, bulk: a record object per row costs ten times as much.
    """
    found: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    own, given = fields.definitions(u), {one.now.facts["type"] for one in fresh if one.now}
    demands = {code: templates.demanded(one, own) for code, one in templates.types(u).items() if code in given}
    for one in fresh:
        found[Customer.__table__].append(_customer(u, one) | {"completeness": _complete(one, demands)})
        for name, model in MODELS.items():
            mine = one.now.rows[name] if one.now else {}
            found[model.__table__] += [
                _row(name, one, number) | _born(u, name) for number in sorted(mine, reverse=True)
            ]
    for table, rows in found.items():
        if rows:
            u.execute(insert(table), rows, raw=True, bulk=True)


def _customer(u: UnitOfWork, match: Match) -> dict[str, Any]:
    if match.now is None or match.row is None:  # pragma: no cover  a new customer has both
        raise AssertionError
    stated = {key: match.row.created[key] for key in ("created_at", "created_by_id") if key in match.row.created}
    made = {"created_at": u.now, "created_by_id": u.actor.id} | stated
    return {**match.now.facts, "id": match.id, "extra": dict(match.now.extra), **made, "import_id": match.import_id}


def _complete(match: Match, demands: Mapping[str, Sequence[str]]) -> int:
    """Return how complete a new customer is. demands: type -> what makes one complete; made once for all rows."""
    if match.now is None:  # pragma: no cover  a new customer has one
        raise AssertionError
    now = match.now
    ways = {way: bool(now.rows[way]) for way in ("phones", "emails")}
    return templates.share(demands[now.facts["type"]], templates.filled(now.facts, extra=now.extra, **ways))


def _row(name: str, match: Match, number: int) -> dict[str, Any]:
    row = _values(name, match.now.rows[name][number] if match.now else {})
    return row | {"customer_id": match.id}


def _values(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in _LOCAL.get(name, COLUMNS[name]) if key in row}


def _born(u: UnitOfWork, name: str) -> dict[str, Any]:
    by = {"created_by_id": u.actor.id} if name == "contacts" else {}
    return {"created_at": u.now, **by} if name in {"contacts", "requisites"} else {}


def _change(u: UnitOfWork, match: Match, changes: Changes) -> None:
    """Write where a stored customer differs.

    raw, bulk: the guards would ask for every row what was asked for the customer. Raises Conflict.
    """
    table, (_, now) = Customer.__table__, _pair(match)
    values: dict[str, Any] = {key: now.facts[key] for key in FACTS if key in changes}
    if any(key.startswith("extra/") for key in changes):
        values["extra"] = dict(now.extra)
    seen = (table.c.id == match.id) & (table.c.version == match.version)
    raised = update(table).where(seen).values(**values, version=table.c.version + 1)
    if u.execute(raised, raw=True, bulk=True).rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict
    for key, (was, became) in changes.items():
        name, _, number = key.partition("/")
        if not number or name == "extra" or (was is None and became is None):
            continue
        rows: Any = MODELS[name].__table__
        mine = rows.c.id == int(number)
        if became is None:
            u.execute(delete(rows).where(mine), raw=True, bulk=True)
        elif was is not None:
            differing = {column: became[column] for column in _values(name, became) if was[column] != became[column]}
            u.execute(update(rows).where(mine).values(**differing, version=rows.c.version + 1), raw=True, bulk=True)
        elif (name, int(number)) not in match.restored:
            row = _row(name, match, int(number)) | _born(u, name) | {"id": int(number)}
            u.execute(insert(rows), [row], raw=True, bulk=True)


# --- the look-up ------------------------------------------------------------------


def _index(u: UnitOfWork, fresh: Sequence[Match], changed: Sequence[Match]) -> set[str]:
    """Keep the look-up in step; return the words that customers lost. What they had is known, so that nobody asks.

    raw, bulk: the tokens are no records.
    """
    new = [{"token": token, "customer_id": one.id} for one in fresh for token in sorted(_tokens(one.now))]
    if new:
        u.execute(insert(search.TOKENS), new, raw=True, bulk=True)
    gone, come, lost = [], [], set()
    learnt = {word for one in fresh for word in search.vocabulary(_tokens(one.now))}
    for one in changed:
        before, after = _tokens(one.stored), _tokens(one.now)
        gone += [{"t": token, "c": one.id} for token in sorted(before - after)]
        come += [{"token": token, "customer_id": one.id} for token in sorted(after - before)]
        learnt |= search.vocabulary(after) - search.vocabulary(before)
        lost |= search.vocabulary(before) - search.vocabulary(after)
    table = search.TOKENS
    if gone:
        these = (table.c.token == bindparam("t")) & (table.c.customer_id == bindparam("c"))
        u.execute(delete(table).where(these), gone, raw=True, bulk=True)
    if come:
        u.execute(each_new(u.session.get_bind().dialect, table), come, raw=True, bulk=True)
    search.learn(u, learnt)
    return lost


def _tokens(portrait: Portrait | None) -> set[str]:
    return portrait.tokens() if portrait is not None else set()
