"""Who somebody is and whose records each right reaches at this moment: `crm.core.grants` with what administrators changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, String, UniqueConstraint, bindparam, cast, func, select
from sqlalchemy.orm import Mapped, mapped_column

from crm.core import clock
from crm.core.errors import SignedOut
from crm.core.grants import ALL, GRANTS, RIGHTS, UNTOUCHABLE, WIDTH, Role, Scope
from crm.core.people import SignIn, Team, User
from crm.core.reach import Ownership, Reach, rows_within
from db.base import Record


class RightAdjustment(Record):
    """What an administrator changed in the table: a scope, or None where the right was taken away."""

    __tablename__ = "right_adjustments"
    __table_args__ = (UniqueConstraint("role", "right"),)

    # the audit entry names role and right at every change, so `crm.rights` writes it and not the flush
    role: Mapped[str] = mapped_column(info={"kept": True})
    right: Mapped[str] = mapped_column(info={"kept": True})
    scope: Mapped[str | None] = mapped_column(info={"kept": True})


class Owned(NamedTuple):
    """To whom a row belongs: the three facts that every scope is decided by."""

    responsible_id: int | None = None
    team_id: int | None = None
    partner_id: int | None = None


@dataclass(frozen=True)
class Actor:
    """The person for whom something is done, with the rights in force at this moment."""

    id: int | None
    name: str
    roles: tuple[str, ...]
    grants: Mapping[str, Scope]
    team_id: int | None = None
    team_ids: frozenset[int] = frozenset()
    partner_id: int | None = None
    language: str | None = None
    timezone: str | None = None
    is_system: bool = field(default=False)

    def scope(self, right: str) -> Scope | None:
        """Return how far a right of this person reaches, None when the person does not have it."""
        return ALL if self.is_system else self.grants.get(right)

    def may(self, right: str) -> bool:
        """Say whether the person has the right at all."""
        return self.scope(right) is not None

    def covers(self, right: str, owned: Owned) -> bool:
        """Say whether a row with this ownership is inside the scope of `right`. The Python twin of `within`."""
        match self.scope(right):
            case Scope.ALL:
                return True
            case Scope.TEAM if self.team_ids:
                return owned.team_id in self.team_ids
            case Scope.TEAM | Scope.OWN:
                return owned.responsible_id is not None and owned.responsible_id == self.id
            case Scope.PARTNER:
                return owned.partner_id is not None and owned.partner_id == self.partner_id
            case _:
                return False

    def within(self, right: str, owned: Ownership) -> ColumnElement[bool] | None:
        """Return the same rule as SQL over the ownership columns; None when everything is inside."""
        return rows_within(self.reach(right), owned, self.facts)

    def reach(self, right: str) -> Reach:
        """Return by which of one's facts a row is inside the scope of `right`."""
        match self.scope(right):
            case Scope.ALL:
                return Reach.EVERYTHING
            case Scope.TEAM if self.team_ids:
                return Reach.TEAM if len(self.team_ids) == 1 else Reach.TEAMS
            case Scope.TEAM | Scope.OWN if self.id is not None:
                return Reach.PERSON
            case Scope.PARTNER if self.partner_id is not None:
                return Reach.PARTNER
            case _:
                return Reach.NOTHING

    @property
    def facts(self) -> dict[Reach, Any]:
        """What rows are compared with, by the way they are reached."""
        teams = sorted(self.team_ids)
        return {
            Reach.PERSON: self.id,
            Reach.TEAM: teams[0] if teams else None,
            Reach.TEAMS: teams,
            Reach.PARTNER: self.partner_id,
        }


SYSTEM: Final = Actor(None, "Rapport", (), MappingProxyType({}), is_system=True)
"""Scheduled jobs and the command line act as this."""


def widest(scopes: Iterable[Scope | None]) -> Scope | None:
    """Return the widest of several scopes."""
    return max(scopes, key=WIDTH.__getitem__, default=None)


Adjustments = tuple[tuple[str, str, str | None], ...]


@lru_cache(maxsize=256)
def grants_of(roles: tuple[str, ...], adjustments: Adjustments = ()) -> Mapping[str, Scope]:
    """Return the rights in force for a person with these roles: the one function that answers."""
    changed = {(role, right): scope for role, right, scope in adjustments}
    known = [role for role in roles if role in GRANTS]
    scopes = {right: widest(_scope_in(role, right, changed) for role in known) for right in RIGHTS}
    return MappingProxyType({right: scope for right, scope in scopes.items() if scope is not None})


def _scope_in(role: str, right: str, changed: Mapping[tuple[str, str], str | None]) -> Scope | None:
    default = GRANTS[Role(role)].get(right)
    if (Role(role), right) in UNTOUCHABLE or (role, right) not in changed:
        return default
    adjusted = changed[role, right]
    return Scope(adjusted) if adjusted else None


_USER = User.__table__.c
_TEAM = Team.__table__.c
_SIGN_IN = SignIn.__table__.c
_ADJUSTED = RightAdjustment.__table__.c


def read_adjustments(connection: Connection) -> Adjustments:
    """Return the administrators' adjustments."""
    rows = connection.execute(
        select(_ADJUSTED.role, _ADJUSTED.right, _ADJUSTED.scope).order_by(_ADJUSTED.role, _ADJUSTED.right)
    )
    return tuple((role, right, scope) for role, right, scope in rows)


@dataclass(frozen=True)
class Identity:
    """Who asks, from which sign-in; `sign_in_id` is None where no browser is involved (jobs, command line, tests)."""

    user_id: int
    sign_in_id: int | None = None


def _in_one_text(*columns: Any) -> Any:
    """Return every row of a table in one text: 'a:b:c,a:b:c'. One question instead of three at each action of a person."""
    parts: list[Any] = [func.coalesce(cast(column, String), "") for column in columns]
    row = parts[0]
    for part in parts[1:]:
        row = row.concat(":").concat(part)
    return select(func.aggregate_strings(row, ",")).scalar_subquery()


_PERSON: Final = select(
    _USER.id,
    _USER.name,
    _USER.roles,
    _USER.team_id,
    _USER.partner_id,
    _USER.language,
    _USER.timezone,
    _in_one_text(_TEAM.id, _TEAM.parent_id, _TEAM.leader_id).label("teams"),
    _in_one_text(_ADJUSTED.role, _ADJUSTED.right, _ADJUSTED.scope).label("adjustments"),
).where(_USER.id == bindparam("user_id"), _USER.disabled_at.is_(None), _USER.deleted_at.is_(None))
_PERSON_HERE: Final = _PERSON.join(SignIn.__table__, _SIGN_IN.user_id == _USER.id).where(
    _SIGN_IN.id == bindparam("sign_in_id"), _SIGN_IN.revoked_at.is_(None), _SIGN_IN.expires_at > bindparam("now")
)


def load_actor(connection: Connection, who: Identity) -> Actor:
    """Load a person with the rights of this moment; raise SignedOut when the account or the sign-in has ended."""
    if who.sign_in_id is None:
        row = connection.execute(_PERSON, {"user_id": who.user_id}).one_or_none()
    else:
        facts = {"user_id": who.user_id, "sign_in_id": who.sign_in_id, "now": clock.now()}
        row = connection.execute(_PERSON_HERE, facts).one_or_none()
    if row is None:
        raise SignedOut
    roles = tuple(sorted(row.roles))
    return Actor(
        id=row.id,
        name=row.name,
        roles=roles,
        grants=grants_of(roles, _adjustments(row.adjustments or "")),
        team_id=row.team_id,
        team_ids=_teams_of(row.id, row.team_id, row.teams or ""),
        partner_id=row.partner_id,
        language=row.language,
        timezone=row.timezone,
    )


@lru_cache(maxsize=16)
def _adjustments(text: str) -> Adjustments:
    rows = (row.split(":") for row in text.split(",") if row)
    return tuple(sorted((role, right, scope or None) for role, right, scope in rows))


@lru_cache(maxsize=1024)
def _teams_of(user_id: int, team_id: int | None, text: str) -> frozenset[int]:
    """Return one's own team, the teams one leads, and every team below those that one leads."""
    children: dict[str, list[str]] = {}
    waiting = []
    for row in text.split(","):
        team, parent, leader = row.split(":") if row else ("", "", "")
        children.setdefault(parent, []).append(team)
        if leader == str(user_id):
            waiting.append(team)
    led: set[str] = set()
    while waiting:
        if (team_below := waiting.pop()) not in led:
            led.add(team_below)
            waiting.extend(children.get(team_below, ()))
    return frozenset(map(int, led)) | (frozenset() if team_id is None else {team_id})
