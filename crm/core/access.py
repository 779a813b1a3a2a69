"""Who may do what to whose records: the one table that the guard, the menu, the administrator's matrix and the tests read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

from sqlalchemy import ColumnElement, Connection, UniqueConstraint, false, select
from sqlalchemy.orm import Mapped, mapped_column

from crm.core import clock
from crm.core.errors import SignedOut
from crm.core.i18n import N_
from crm.core.people import SignIn, Team, User
from db.base import Record


class Scope(StrEnum):
    """Whose records a right reaches, from narrow to wide."""

    OWN = "own"
    PARTNER = "partner"
    TEAM = "team"
    ALL = "all"


OWN, PARTNER, TEAM, ALL = Scope
WIDTH: Final = {None: 0, OWN: 1, PARTNER: 2, TEAM: 3, ALL: 4}


class Role(StrEnum):
    """What a person is in the company."""

    ADMINISTRATOR = "administrator"
    RECORD_KEEPER = "record_keeper"
    SALES_REP = "sales_rep"
    SERVICE_REP = "service_rep"
    SALES_MANAGER = "sales_manager"
    MARKETER = "marketer"
    ANALYST = "analyst"
    EXECUTIVE = "executive"
    PRODUCT_MANAGER = "product_manager"
    PARTNER = "partner"


ROLES: Final[Mapping[Role, str]] = {
    Role.ADMINISTRATOR: N_("Administrator"),
    Role.RECORD_KEEPER: N_("Record keeper"),
    Role.SALES_REP: N_("Sales rep"),
    Role.SERVICE_REP: N_("Service rep"),
    Role.SALES_MANAGER: N_("Sales manager"),
    Role.MARKETER: N_("Marketer"),
    Role.ANALYST: N_("Data analyst"),
    Role.EXECUTIVE: N_("Executive"),
    Role.PRODUCT_MANAGER: N_("Product manager"),
    Role.PARTNER: N_("Partner"),
}
"""Each role with its name."""

RIGHTS: Final[Mapping[str, str]] = {
    "customers.view": N_("See customers"),
    "customers.create": N_("Add customers"),
    "customers.edit": N_("Change business data of customers"),
    "customers.view_personal": N_("See phones, e-mails and addresses in full"),
    "customers.edit_personal": N_("Change names, phones, e-mails and addresses"),
    "customers.assign": N_("Hand customers over to another responsible"),
    "customers.archive": N_("Put customers into the bin and take them out"),
    "imports.run": N_("Import customers from files"),
    "imports.view": N_("See imports"),
    "interactions.view": N_("See the journal of interactions"),
    "interactions.log": N_("Log calls and other interactions"),
    "interactions.edit": N_("Correct logged interactions"),
    "products.view": N_("See products"),
    "products.edit": N_("Change products"),
    "purchases.view": N_("See purchases"),
    "purchases.record": N_("Record purchases"),
    "plans.view": N_("See plans and their progress"),
    "plans.set": N_("Set plans"),
    "notifications.view": N_("Read one's own notifications"),
    "notifications.send": N_("Notify colleagues"),
    "account.edit": N_("Change one's own language, password and second factor"),
    "users.view": N_("See the names of colleagues"),
    "users.manage": N_("Create, change, disable and delete accounts"),
    "teams.view": N_("See the teams"),
    "teams.manage": N_("Create teams and move people"),
    "rights.view": N_("See the matrix of rights"),
    "rights.adjust": N_("Adjust the rights of roles"),
    "settings.view": N_("See the settings"),
    "settings.edit": N_("Change the settings"),
    "audit.view": N_("See who changed what"),
    "system.view": N_("See the health of the system"),
    "backups.view": N_("See backups"),
    "backups.make": N_("Make backups"),
}
"""Each right with what it allows."""

_EVERYONE: Final[dict[str, Scope]] = {
    "notifications.view": OWN,
    "account.edit": OWN,
    "users.view": ALL,
    "teams.view": ALL,
    "settings.view": ALL,
    "products.view": ALL,
}
_READS_ALL: Final[dict[str, Scope]] = {
    "customers.view": ALL,
    "interactions.view": ALL,
    "purchases.view": ALL,
    "plans.view": ALL,
}

GRANTS: Final[Mapping[Role, Mapping[str, Scope]]] = {
    Role.ADMINISTRATOR: _EVERYONE
    | _READS_ALL
    | {
        "customers.archive": ALL,
        "imports.view": ALL,
        "users.manage": ALL,
        "teams.manage": ALL,
        "rights.view": ALL,
        "rights.adjust": ALL,
        "settings.edit": ALL,
        "audit.view": ALL,
        "system.view": ALL,
        "backups.view": ALL,
        "backups.make": ALL,
    },
    Role.RECORD_KEEPER: _EVERYONE
    | {
        "customers.view": ALL,
        "customers.create": ALL,
        "customers.edit": ALL,
        "customers.view_personal": ALL,
        "customers.edit_personal": ALL,
        "customers.assign": ALL,
        "customers.archive": ALL,
        "imports.run": ALL,
        "imports.view": ALL,
        "interactions.view": ALL,
        "purchases.view": ALL,
        "purchases.record": ALL,
        "products.edit": ALL,
        "plans.view": OWN,
    },
    Role.SALES_REP: _EVERYONE
    | {
        "customers.view": TEAM,
        "customers.create": OWN,
        "customers.edit": OWN,
        "customers.view_personal": OWN,
        "interactions.view": TEAM,
        "interactions.log": TEAM,
        "interactions.edit": OWN,
        "purchases.view": TEAM,
        "purchases.record": OWN,
        "plans.view": OWN,
    },
    Role.SERVICE_REP: _EVERYONE
    | {
        "customers.view": ALL,
        "customers.create": OWN,
        "customers.view_personal": ALL,
        "interactions.view": ALL,
        "interactions.log": ALL,
        "interactions.edit": OWN,
        "purchases.view": ALL,
        "plans.view": OWN,
    },
    Role.SALES_MANAGER: _EVERYONE
    | {
        "customers.view": TEAM,
        "customers.create": TEAM,
        "customers.edit": TEAM,
        "customers.view_personal": TEAM,
        "customers.assign": TEAM,
        "interactions.view": TEAM,
        "interactions.log": TEAM,
        "interactions.edit": TEAM,
        "purchases.view": TEAM,
        "purchases.record": TEAM,
        "plans.view": TEAM,
        "plans.set": TEAM,
    },
    Role.MARKETER: _EVERYONE | {"customers.view": ALL, "interactions.view": ALL, "purchases.view": ALL, "plans.view": OWN},
    Role.ANALYST: _EVERYONE | _READS_ALL,
    Role.EXECUTIVE: _EVERYONE | _READS_ALL | {"plans.set": ALL},
    Role.PRODUCT_MANAGER: _EVERYONE | {"products.edit": ALL, "purchases.view": ALL, "customers.view": ALL},
    Role.PARTNER: _EVERYONE
    | {
        "users.view": PARTNER,
        "customers.view": PARTNER,
        "interactions.view": PARTNER,
        "interactions.log": PARTNER,
        "purchases.view": PARTNER,
    },
}
"""Role x right -> scope; absent = refused. This is the default: `RightAdjustment` holds what administrators changed."""

PRESETS: Final[Mapping[str, tuple[tuple[Role, str, Scope], ...]]] = {
    "division_of_labour": (),
    "small_team": (
        (Role.SALES_REP, "customers.edit_personal", OWN),
        (Role.SALES_REP, "customers.assign", OWN),
        (Role.SERVICE_REP, "customers.edit", ALL),
        (Role.SERVICE_REP, "customers.edit_personal", ALL),
        (Role.SALES_MANAGER, "customers.edit_personal", TEAM),
        (Role.SALES_MANAGER, "imports.run", TEAM),
        (Role.SALES_MANAGER, "imports.view", OWN),
    ),
}
"""Ready adjustments: the operator edits personal data and the others log events (R143), or everybody edits their own."""

UNTOUCHABLE: Final = frozenset(
    (Role.ADMINISTRATOR, right) for right in ("users.view", "users.manage", "rights.view", "rights.adjust")
)
"""Rights that cannot be taken away, or nobody could give them back."""


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


class Ownership(Protocol):
    """Columns (or labels) that say to whom a row belongs."""

    responsible_id: Any
    team_id: Any
    partner_id: Any


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
        match self.scope(right):
            case Scope.ALL:
                return None
            case Scope.TEAM if self.team_ids:
                return owned.team_id.in_(sorted(self.team_ids))  # type: ignore[no-any-return]
            case Scope.TEAM | Scope.OWN if self.id is not None:
                return owned.responsible_id == self.id  # type: ignore[no-any-return]
            case Scope.PARTNER if self.partner_id is not None:
                return owned.partner_id == self.partner_id  # type: ignore[no-any-return]
            case _:
                return false()


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
    found: dict[str, Scope] = {}
    for right in RIGHTS:
        scopes = [_scope_in(role, right, changed) for role in roles if role in GRANTS]
        if (scope := widest(scopes)) is not None:
            found[right] = scope
    return MappingProxyType(found)


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
    rows = connection.execute(select(_ADJUSTED.role, _ADJUSTED.right, _ADJUSTED.scope).order_by(_ADJUSTED.role, _ADJUSTED.right))
    return tuple((role, right, scope) for role, right, scope in rows)


@dataclass(frozen=True)
class Identity:
    """Who asks, from which sign-in; `sign_in_id` is None where no browser is involved (jobs, command line, tests)."""

    user_id: int
    sign_in_id: int | None = None


def load_actor(connection: Connection, who: Identity) -> Actor:
    """Load a person with the rights of this moment; raise SignedOut when the account or the sign-in has ended."""
    columns = (_USER.id, _USER.name, _USER.roles, _USER.team_id, _USER.partner_id, _USER.language, _USER.timezone)
    wanted = select(*columns).where(_USER.id == who.user_id, _USER.disabled_at.is_(None), _USER.deleted_at.is_(None))
    if who.sign_in_id is not None:
        wanted = wanted.join(SignIn.__table__, _SIGN_IN.user_id == _USER.id).where(
            _SIGN_IN.id == who.sign_in_id, _SIGN_IN.revoked_at.is_(None), _SIGN_IN.expires_at > clock.now()
        )
    row = connection.execute(wanted).one_or_none()
    if row is None:
        raise SignedOut
    roles = tuple(sorted(row.roles))
    teams = connection.execute(select(_TEAM.id, _TEAM.parent_id, _TEAM.leader_id)).all()
    return Actor(
        id=row.id,
        name=row.name,
        roles=roles,
        grants=grants_of(roles, read_adjustments(connection)),
        team_id=row.team_id,
        team_ids=_reach(row.id, row.team_id, teams),
        partner_id=row.partner_id,
        language=row.language,
        timezone=row.timezone,
    )


def _reach(user_id: int, team_id: int | None, teams: Iterable[Any]) -> frozenset[int]:
    """Return one's own team, the teams one leads, and every team below those that one leads."""
    children: dict[int | None, list[int]] = {}
    waiting = []
    for team in teams:
        children.setdefault(team.parent_id, []).append(team.id)
        if team.leader_id == user_id:
            waiting.append(team.id)
    led: set[int] = set()
    while waiting:
        if (team_below := waiting.pop()) not in led:
            led.add(team_below)
            waiting.extend(children.get(team_below, ()))
    return frozenset(led if team_id is None else led | {team_id})
