"""The queries on people: the administrator's list, the directory of colleagues, one account."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar, Final

import pandas as pd
from sqlalchemy import ColumnElement, Integer, String, bindparam, case, cast, func, or_, select

from crm.core.errors import NotFound
from crm.core.i18n import N_
from crm.core.people import SignIn, Team, User
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.customers import Customer
from db.base import AnySelect


class State(StrEnum):
    """Whether a person can sign in."""

    ACTIVE = "active"
    DISABLED = "disabled"
    DELETED = "deleted"


STATES: Final = {State.ACTIVE: N_("Active"), State.DISABLED: N_("Disabled"), State.DELETED: N_("Deleted")}


class _Person:
    """A user seen as something owned: by himself, his team and his partner."""

    responsible_id: ClassVar[Any] = User.id
    team_id: ClassVar[Any] = User.team_id
    partner_id: ClassVar[Any] = User.partner_id


def inside(u: UnitOfWork, right: str = "users.view") -> tuple[ColumnElement[bool], ...]:
    """Return the reader's scope over people as conditions for `where`; none when everybody is inside."""
    scope = u.actor.within(right, _Person)
    return () if scope is None else (scope,)


@dataclass(frozen=True)
class Filters:
    """What narrows the list of people; None does not narrow. Deleted people are listed only when asked for."""

    text: str = ""
    role: str | None = None
    team_id: int | None = None
    state: str | None = None


STATE: Final = case(
    (User.deleted_at.is_not(None), State.DELETED.value),
    (User.disabled_at.is_not(None), State.DISABLED.value),
    else_="active",
).label("state")
_LAST: Final = (
    select(func.max(SignIn.last_seen_at))
    .where(SignIn.user_id == User.id)
    .correlate(User)
    .scalar_subquery()
    .label("last_seen_at")
)


def _filtered(statement: AnySelect, filters: Filters) -> AnySelect:
    if filters.text.strip():
        # SQLite folds only a-z, so the usual spellings of other alphabets are asked for one by one
        text = filters.text.strip()
        ways = {text, text.lower(), text.upper(), text.title(), text.capitalize()}
        columns = (User.name, User.username, User.email)
        statement = statement.where(
            or_(*(column.icontains(way, autoescape=True) for way in ways for column in columns))
        )
    if filters.role:
        statement = statement.where(cast(User.roles, String).contains(f'"{filters.role}"', autoescape=True))
    if filters.team_id is not None:
        statement = statement.where(User.team_id == bindparam("team", filters.team_id))
    if filters.state:
        return statement.where(STATE.element == filters.state)
    return statement.where(User.deleted_at.is_(None))


_COLUMNS: Final = (
    User.id,
    User.name,
    User.username,
    User.email,
    User.roles,
    Team.name.label("team"),
    _LAST,
    STATE,
    User.version,
)


def _accounts(filters: Filters) -> AnySelect:
    statement = _filtered(select(*_COLUMNS).outerjoin(Team, Team.id == User.team_id), filters)
    size, skipped = bindparam("size", 50, type_=Integer), bindparam("skipped", 0, type_=Integer)
    return statement.order_by(User.name, User.id).limit(size).offset(skipped)


def _counted(filters: Filters) -> AnySelect:
    return _filtered(select(func.count(User.id)), filters)


@lru_cache(maxsize=64)
def _pages(role: str | None, state: str | None, *, in_team: bool) -> Prepared:
    return Prepared(_accounts(Filters(role=role, team_id=0 if in_team else None, state=state)))


@lru_cache(maxsize=64)
def _counts(role: str | None, state: str | None, *, in_team: bool) -> Prepared:
    return Prepared(_counted(Filters(role=role, team_id=0 if in_team else None, state=state)))


def page(u: UnitOfWork, filters: Filters = Filters(), *, number: int = 1, size: int = 50) -> list[dict[str, Any]]:
    """Return one page of the accounts, by name, as rows: id, name, username, email, roles, team, last_seen_at, state, version."""
    u.need("users.manage")
    wanted = {"size": size, "skipped": (max(number, 1) - 1) * size}
    if filters.text.strip():
        return u.rows(_accounts(filters).params(**wanted))
    in_team = filters.team_id is not None
    prepared = _pages(filters.role, filters.state, in_team=in_team)
    return u.rows(prepared, **wanted, **({"team": filters.team_id} if in_team else {}))


def listing(u: UnitOfWork, filters: Filters = Filters(), *, page: int = 1, size: int = 50) -> pd.DataFrame:
    """Return one page of the accounts as `page` does: `id` as index."""
    u.need("users.manage")
    wanted = {"size": size, "skipped": (max(page, 1) - 1) * size}
    return u.frame(_accounts(filters).params(**wanted), index="id")


def count(u: UnitOfWork, filters: Filters = Filters()) -> int:
    """Return how many accounts the filters leave."""
    u.need("users.manage")
    if filters.text.strip():
        return int(u.value(_counted(filters)))
    in_team = filters.team_id is not None
    prepared = _counts(filters.role, filters.state, in_team=in_team)
    return int(u.value(prepared, **({"team": filters.team_id} if in_team else {})))


def directory(u: UnitOfWork) -> dict[int, str]:
    """Return id -> name of the active colleagues within the reader's scope, by name."""
    return reached(u, "users.view")


def reached(u: UnitOfWork, right: str, *, disabled: bool = False) -> dict[int, str]:
    """Return id -> name of the active colleagues whom another right of the reader reaches too, by name; also `disabled` ones.

    For choosing: to whom may I hand a customer over (`customers.assign`), for whom may I set a plan (`plans.set`).
    """
    active = () if disabled else (User.disabled_at.is_(None),)
    return _names(u, right, *active, User.deleted_at.is_(None))


def names(u: UnitOfWork) -> dict[int, str]:
    """Return id -> name of everybody within the reader's scope, deleted people included: for showing who did something."""
    return _names(u, "users.view")


def _names(u: UnitOfWork, right: str, *only: Any) -> dict[int, str]:
    u.need("users.view")
    statement = select(User.id, User.name).where(*only, *inside(u), *inside(u, right))
    return {row["id"]: row["name"] for row in u.rows(statement.order_by(User.name, User.id))}


def one(u: UnitOfWork, user_id: int) -> User:
    """Return one account within the reader's scope. Raises NotFound, Refused."""
    u.need("users.view")
    found = u.all(select(User).where(User.id == user_id, *inside(u)))
    if not found:
        raise NotFound
    return found[0]  # type: ignore[no-any-return]


def last_seen(u: UnitOfWork, user_id: int) -> datetime | None:
    """Return the moment of a person's last click, None when he never signed in."""
    u.need("users.manage")
    return u.value(select(func.max(SignIn.last_seen_at)).where(SignIn.user_id == user_id))  # type: ignore[no-any-return]


def customers_of(u: UnitOfWork, user_id: int) -> int:
    """Return for how many customers a person is responsible, those in the bin included: what a deletion would hand over.

    Raises Refused, NotFound of whoever is beyond the reach of that right.
    """
    u.need("users.manage")
    if u.value(select(User.id).where(User.id == user_id, *inside(u, "users.manage"))) is None:
        raise NotFound
    return count_customers(u, user_id)


def count_customers(u: UnitOfWork, user_id: int) -> int:
    """Return the same for a verb, which has asked for its own right."""
    # raw: counted without the reader's scope, because nobody's customer may stay behind
    table = Customer.__table__
    return int(
        u.execute(
            select(func.count()).select_from(table).where(table.c.responsible_id == user_id), raw=True
        ).scalar_one()
    )
