"""The verbs on accounts: the administrator's, and everybody's on his own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select, update

from crm import sessions
from crm.core.config import config
from crm.core.errors import Invalid, NotFound, Refused
from crm.core.grants import Role
from crm.core.i18n import N_
from crm.core.people import Team, User
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import Customer
from crm.sessions.passwords import NOBODY
from crm.users.fields import CHECKS, checked
from crm.users.lists import count_customers

ABOVE_ALL: Final = "rights.adjust"
"""Whoever has this right may touch an administrator's account; others with `users.manage` may not, or they could take it over."""


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
    chosen = CHECKS["roles"](roles)
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
    hold(u, user_id)
    moved = hand_over(u, user_id, hand_over_to) if hand_over_to is not None else 0
    if left := count_customers(u, user.id):
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
    hold(u, user_id, to_id)
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


def hold(u: UnitOfWork, *user_ids: int) -> None:
    """Keep others from giving these people customers until the commit; in one order, so that nobody waits in a circle."""
    u.rows(select(User.id).where(User.id.in_(user_ids)).order_by(User.id).with_for_update())


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
    u.get(User, _me(u)).language = CHECKS["language"](code)


@verb("account.edit")
def set_timezone(u: UnitOfWork, zone: str | None) -> None:
    """Choose one's own time zone; None follows the browser. Raises Invalid."""
    u.get(User, _me(u)).timezone = CHECKS["timezone"](zone)


def _me(u: UnitOfWork) -> int:
    if u.actor.id is None:
        raise Refused(N_("Only a person has an account."))
    return u.actor.id
