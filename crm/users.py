"""Users: the people of the company and its partners who sign in. The administrator keeps their accounts.

Promises: there is always an active administrator, and nobody locks himself out; whoever is disabled, deleted or given a new
password is signed out in the same transaction; nobody leaves customers behind without a responsible.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar, Final
from zoneinfo import available_timezones

import pandas as pd
from sqlalchemy import ColumnElement, Select, String, case, cast, func, or_, select, update

from crm import sessions
from crm.contact_data import clean_email
from crm.core.access import ROLES, Role
from crm.core.config import config
from crm.core.errors import Invalid, InvalidForm, NotFound, Refused
from crm.core.i18n import LANGUAGES, N_
from crm.core.people import SignIn, Team, User
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import Customer
from crm.sessions.beginnings import is_username
from crm.sessions.passwords import NOBODY

NAME_LENGTH: Final = 120
ABOVE_ALL: Final = "rights.adjust"
"""Whoever has this right may touch an administrator's account; others with `users.manage` may not, or they could take it over."""


class State(StrEnum):
    """Whether a person can sign in."""

    ACTIVE = "active"
    DISABLED = "disabled"
    DELETED = "deleted"


STATES: Final = {State.ACTIVE: N_("Active"), State.DISABLED: N_("Disabled"), State.DELETED: N_("Deleted")}


@lru_cache(maxsize=1)
def time_zones() -> tuple[str, ...]:
    """Return the names of the time zones that a person can choose, such as 'Europe/Moscow'."""
    return tuple(sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))) + ("UTC",)


# --- what a form carries ----------------------------------------------------


def _username(text: str) -> str:
    found = text.strip().lower()
    if not is_username(found):
        raise Invalid(N_("A user name is made of letters, digits and . _ - @ +"), field="username")
    return found


def _name(text: str) -> str:
    found = " ".join(text.replace("\x00", "").split())
    if not found:
        raise Invalid(N_("Please enter a name."), field="name")
    if len(found) > NAME_LENGTH:
        raise Invalid(N_("At most {length} characters fit here."), field="name", length=NAME_LENGTH)
    return found


def _email(text: str | None) -> str | None:
    try:
        return clean_email(text) if text and text.strip() else None
    except Invalid as fault:
        raise Invalid(fault.text, field="email", **fault.values) from fault


def _roles(codes: Sequence[str]) -> list[str]:
    found = sorted(set(codes))
    if not found:
        raise Invalid(N_("Please choose at least one role."), field="roles")
    if not set(found) <= {str(role) for role in ROLES}:
        raise Invalid(N_("Please choose one of the list."), field="roles")
    return [str(code) for code in found]


def _partner(number: int | None) -> int | None:
    if number is not None and not 0 < number < 2**31:
        raise Invalid(N_("Please enter a whole number."), field="partner_id")
    return number


def _language(code: str | None) -> str | None:
    if code and code not in LANGUAGES:
        raise Invalid(N_("Please choose one of the list."), field="language")
    return code or None


def _timezone(zone: str | None) -> str | None:
    if zone and zone not in time_zones():
        raise Invalid(N_("Please choose one of the list."), field="timezone")
    return zone or None


CHECKS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "username": _username,
    "name": _name,
    "email": _email,
    "roles": _roles,
    "partner_id": _partner,
    "language": _language,
    "timezone": _timezone,
}
"""The fields of an account, each with the check that cleans it."""


def checked(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Clean what was typed; raise InvalidForm with one Invalid per wrong field. Fields that are not there stay as they are."""
    faults: dict[str, Invalid] = {}
    fields: dict[str, Any] = {}
    for key, value in raw.items():
        if key not in CHECKS:
            raise Invalid(N_("There is no field '{key}'."), field=key, key=key)
        try:
            fields[key] = CHECKS[key](value)
        except Invalid as fault:
            faults[key] = fault
    if faults:
        raise InvalidForm(faults)
    return fields


# --- verbs of the administrator ---------------------------------------------


@dataclass(frozen=True)
class Welcome:
    """A new account and the one-time link by which its owner chooses a password."""

    user: User
    link: str


@verb("users.manage")
def create(u: UnitOfWork, raw: Mapping[str, Any], *, team_id: int | None = None) -> Welcome:
    """Create an account. `raw` as in `checked`; username, name and roles are required.

    Raises InvalidForm, Invalid (name taken, partner missing), NotFound (no such team), Refused (an administrator by somebody
    who is none).
    """
    fields = checked({"username": "", "name": "", "roles": ()} | dict(raw))
    _name_is_free(u, fields["username"], None)
    _partner_is_known(fields["roles"], fields.get("partner_id"))
    if Role.ADMINISTRATOR in fields["roles"]:
        u.need(ABOVE_ALL)
    if team_id is not None:
        u.get(Team, team_id)
    user = u.add(User(**fields, team_id=team_id, created_at=u.now, created_by_id=u.actor.id))
    return Welcome(user, _link(u, user))


@verb("users.manage")
def change(u: UnitOfWork, user_id: int, raw: Mapping[str, Any], *, seen: int) -> User:
    """Change fields of an account, roles and team excepted. `seen` is the version that the form showed.

    Raises InvalidForm, Invalid, NotFound, Refused, Conflict.
    """
    if "roles" in raw:
        raise Invalid(N_("There is no field '{key}'."), field="roles", key="roles")
    fields = checked(raw)
    user = _account(u, user_id, seen=seen)
    if "username" in fields:
        _name_is_free(u, fields["username"], user.id)
    _partner_is_known(user.roles, fields.get("partner_id", user.partner_id))
    for key, value in fields.items():
        setattr(user, key, value)
    return user


@verb("users.manage")
def set_roles(u: UnitOfWork, user_id: int, roles: Sequence[str], *, seen: int) -> User:
    """Give a person these roles instead of the present ones; they hold from the next click.

    Raises Invalid, NotFound, Conflict, Refused (the last administrator, oneself, an administrator by somebody who is none).
    """
    chosen = _roles(roles)
    user = _account(u, user_id, seen=seen)
    _partner_is_known(chosen, user.partner_id)
    if Role.ADMINISTRATOR in chosen:
        u.need(ABOVE_ALL)
    elif Role.ADMINISTRATOR in user.roles:
        _not_oneself(u, user)
        _another_administrator_stays(u, user)
    user.roles = chosen
    return user


@verb("users.manage")
def disable(u: UnitOfWork, user_id: int) -> None:
    """Close an account for now: the person is signed out everywhere and keeps his customers. Raises NotFound, Refused."""
    user = _account(u, user_id)
    _not_oneself(u, user)
    _another_administrator_stays(u, user)
    user.disabled_at = user.disabled_at or u.now
    sessions.end_sign_ins(u, user.id, now=u.now)


@verb("users.manage")
def enable(u: UnitOfWork, user_id: int) -> None:
    """Open a disabled account again. Raises NotFound, Refused."""
    _account(u, user_id).disabled_at = None


@verb("users.manage")
def delete(u: UnitOfWork, user_id: int, *, hand_over_to: int | None = None) -> int:
    """Delete an account: its user name is free again, its name stays in the history. Returns how many customers moved.

    hand_over_to: who becomes responsible for the person's customers; required when there are any (see `customers_of`).
    Raises Invalid, NotFound, Refused (oneself, the last administrator).
    """
    user = _account(u, user_id)
    _not_oneself(u, user)
    _another_administrator_stays(u, user)
    moved = hand_over(u, user_id, hand_over_to) if hand_over_to is not None else 0
    if left := _count_customers(u, user.id):
        raise Invalid(
            N_("Choose who becomes responsible for this person's customers: {n}."), field="hand_over_to", n=left
        )
    for team in u.all(select(Team).where(Team.leader_id == user.id)):
        team.leader_id = None
    sessions.forget_person(u, user.id)
    user.username, user.email = f"{user.username}~{user.id}", None
    user.deleted_at = u.now
    return moved


@verb("users.manage")
def hand_over(u: UnitOfWork, user_id: int, to_id: int) -> int:
    """Make another person responsible for all customers of somebody; they go to that person's team. Returns how many.

    Raises Invalid, NotFound.
    """
    user, heir = _account(u, user_id), u.get(User, to_id)
    if heir.id == user.id or not heir.is_active:
        raise Invalid(N_("Please choose another colleague."), field="hand_over_to")
    # bulk: a responsible may have thousands of customers; their versions rise, so that open forms notice. Without the
    # reader's scope, because nobody's customer may stay behind.
    table = Customer.__table__
    facts = {"responsible_id": heir.id, "team_id": heir.team_id, "version": table.c.version + 1}
    statement = update(table).where(table.c.responsible_id == user.id).values(facts)
    moved = u.execute(statement, bulk=True, raw=True).rowcount  # type: ignore[attr-defined]
    if moved:
        u.remember(user, {"customers_handed_over": [None, moved], "responsible_id": [user.id, heir.id]})
    return int(moved)


@verb("users.manage")
def sign_out_everywhere(u: UnitOfWork, user_id: int) -> None:
    """End all sign-ins of a person. Raises NotFound, Refused."""
    user = _account(u, user_id)
    if sessions.end_sign_ins(u, user.id, now=u.now):
        u.remember(user, {"signed_out": [False, True]})


@verb("users.manage")
def reset_password(u: UnitOfWork, user_id: int) -> str:
    """Make the password unusable, end all sign-ins and a lock-out; return a link by which the person chooses a new password.

    Raises NotFound, Refused (one's own: that is done on the account page; a closed account).
    """
    user = _account(u, user_id)
    _not_oneself(u, user)
    if not user.is_active:
        raise Refused(N_("This account is closed. Open it first."))
    sessions.set_password(u, user.id, sessions.HashedPassword(NOBODY), must_change=True, now=u.now)
    sessions.end_sign_ins(u, user.id, now=u.now)
    u.remember(user, {"password_reset": [False, True]})
    return _link(u, user)


@verb("users.manage")
def unlock(u: UnitOfWork, user_id: int) -> None:
    """Let a person try again who typed a wrong password too often. Raises NotFound, Refused."""
    user = _account(u, user_id)
    sessions.unlock(u, user.id)
    u.remember(user, {"unlocked": [False, True]})


@verb("users.manage")
def drop_second_factor(u: UnitOfWork, user_id: int) -> None:
    """Switch off the second factor of a person who lost the telephone, and end all sign-ins. Raises NotFound, Refused."""
    user = _account(u, user_id)
    _not_oneself(u, user)
    sessions.drop_totp(u, user.id)
    sessions.end_sign_ins(u, user.id, now=u.now)
    u.remember(user, {"second_factor": [True, False]})


def _link(u: UnitOfWork, user: User) -> str:
    """Return a whole address; never made from what a browser sent, or a forged Host header would get the link."""
    return f"{config().base_url}{sessions.make_reset_link(u, user.id, u.now)}"


def _account(u: UnitOfWork, user_id: int, *, seen: int | None = None) -> User:
    """Return an account that exists and that the actor may touch."""
    user = u.get(User, user_id, seen=seen)
    if user.deleted_at is not None:
        raise NotFound
    if Role.ADMINISTRATOR in user.roles:
        u.need(ABOVE_ALL)
    return user


def _not_oneself(u: UnitOfWork, user: User) -> None:
    if user.id == u.actor.id:
        raise Refused(N_("You cannot do this to your own account. Ask another administrator."))


def _another_administrator_stays(u: UnitOfWork, user: User) -> None:
    """Refuse to take away the last active administrator.

    The rows are locked in one order before they are counted: of two administrators who remove each other at the same
    moment, the second counts what the first left. (On SQLite there is one writer at a time anyway.)
    """
    if Role.ADMINISTRATOR not in user.roles:
        return
    active = select(User.id, User.roles).where(User.disabled_at.is_(None), User.deleted_at.is_(None))
    rows = u.rows(active.order_by(User.id).with_for_update(key_share=True))
    if not any(Role.ADMINISTRATOR in row["roles"] and row["id"] != user.id for row in rows):
        raise Refused(N_("The last administrator must stay. Make somebody else administrator first."))


def _name_is_free(u: UnitOfWork, username: str, user_id: int | None) -> None:
    if u.value(select(User.id).where(User.username == username, User.id != (user_id or 0))) is not None:
        raise Invalid(N_("This user name is taken."), field="username")


def _partner_is_known(roles: Sequence[str], partner_id: int | None) -> None:
    if Role.PARTNER in roles and partner_id is None:
        raise Invalid(N_("A partner's account needs the partner's number."), field="partner_id")


# --- verbs of everybody -----------------------------------------------------


@verb("account.edit")
def set_language(u: UnitOfWork, code: str | None) -> None:
    """Choose one's own language; None follows the browser. Raises Invalid."""
    u.get(User, _me(u)).language = _language(code)


@verb("account.edit")
def set_timezone(u: UnitOfWork, zone: str | None) -> None:
    """Choose one's own time zone; None follows the browser. Raises Invalid."""
    u.get(User, _me(u)).timezone = _timezone(zone)


def _me(u: UnitOfWork) -> int:
    if u.actor.id is None:
        raise Refused(N_("Only a person has an account."))
    return u.actor.id


# --- queries ----------------------------------------------------------------


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
    (User.deleted_at.is_not(None), State.DELETED.value), (User.disabled_at.is_not(None), State.DISABLED.value), else_="active"
).label("state")
_LAST: Final = (
    select(func.max(SignIn.last_seen_at)).where(SignIn.user_id == User.id).correlate(User).scalar_subquery().label("last_seen_at")
)


def _filtered(statement: Select[Any], filters: Filters) -> Select[Any]:
    if filters.text.strip():
        # SQLite folds only a-z, so the usual spellings of other alphabets are asked for one by one
        text = filters.text.strip()
        ways = {text, text.lower(), text.upper(), text.title(), text.capitalize()}
        columns = (User.name, User.username, User.email)
        statement = statement.where(or_(*(column.icontains(way, autoescape=True) for way in ways for column in columns)))
    if filters.role:
        statement = statement.where(cast(User.roles, String).contains(f'"{filters.role}"', autoescape=True))
    if filters.team_id is not None:
        statement = statement.where(User.team_id == filters.team_id)
    if filters.state:
        return statement.where(filters.state == STATE.element)
    return statement.where(User.deleted_at.is_(None))


def listing(u: UnitOfWork, filters: Filters = Filters(), *, page: int = 1, size: int = 50) -> pd.DataFrame:
    """Return one page of the accounts, by name: `id` as index; name, username, email, roles, team, last_seen_at, state, version."""
    u.need("users.manage")
    columns = (User.id, User.name, User.username, User.email, User.roles, Team.name.label("team"), _LAST, STATE, User.version)
    statement = _filtered(select(*columns).outerjoin(Team, Team.id == User.team_id), filters).order_by(User.name, User.id)
    return u.frame(statement.limit(size).offset((max(page, 1) - 1) * size)).set_index("id")


def count(u: UnitOfWork, filters: Filters = Filters()) -> int:
    """Return how many accounts the filters leave."""
    u.need("users.manage")
    return int(u.value(_filtered(select(func.count(User.id)), filters)))


def directory(u: UnitOfWork) -> dict[int, str]:
    """Return id -> name of the active colleagues within the reader's scope, by name."""
    return reached(u, "users.view")


def reached(u: UnitOfWork, right: str) -> dict[int, str]:
    """Return id -> name of the active colleagues whom another right of the reader reaches too, by name.

    For choosing: to whom may I hand a customer over (`customers.assign`), for whom may I set a plan (`plans.set`).
    """
    return _names(u, right, User.disabled_at.is_(None), User.deleted_at.is_(None))


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


def last_seen(u: UnitOfWork, user_id: int) -> Any:
    """Return the moment of a person's last click, None when he never signed in."""
    u.need("users.manage")
    return u.value(select(func.max(SignIn.last_seen_at)).where(SignIn.user_id == user_id))


def customers_of(u: UnitOfWork, user_id: int) -> int:
    """Return for how many customers a person is responsible, those in the bin included: what a deletion would hand over."""
    u.need("users.manage")
    return _count_customers(u, user_id)


def _count_customers(u: UnitOfWork, user_id: int) -> int:
    # raw: counted without the reader's scope, because nobody's customer may stay behind
    table = Customer.__table__
    return int(u.execute(select(func.count()).select_from(table).where(table.c.responsible_id == user_id), raw=True).scalar_one())
