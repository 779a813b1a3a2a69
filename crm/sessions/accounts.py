"""What administration needs from signing in: give a password, make a link, end sign-ins. And the links' other end."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from crm.core import clock
from crm.core.errors import Invalid, NotFound
from crm.core.i18n import N_
from crm.core.people import SignIn, User
from crm.core.uow import UnitOfWork
from crm.sessions import ledger, passwords, throttle
from crm.sessions.passwords import HashedPassword
from crm.sessions.policy import policy
from crm.sessions.records import Credential, RecoveryCode, ResetLink
from db.dialect import upsert
from db.engine import Database

_CREDENTIALS = Credential.__table__
_LINKS = ResetLink.__table__
_RECOVERY = RecoveryCode.__table__
_SIGN_INS = SignIn.__table__
_USERS = User.__table__


def token_hash(token: str) -> str:
    """Return what is stored of a random token: its SHA-256."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _connection(work: UnitOfWork | Connection) -> Connection:
    return work.session.connection() if isinstance(work, UnitOfWork) else work


def username_of(connection: Connection, user_id: int) -> str:
    """Return the name a person signs in with; raises NotFound."""
    found = connection.execute(select(_USERS.c.username).where(_USERS.c.id == user_id)).scalar_one_or_none()
    if found is None:
        raise NotFound
    return str(found)


# --- for the verbs of `crm.users`, inside their transaction -------------------


def set_password(
    work: UnitOfWork | Connection,
    user_id: int,
    password: str | HashedPassword,
    must_change: bool,  # noqa: FBT001  the fourth fact of four, always named
    *,
    now: datetime | None = None,
) -> None:
    """Give a person a password; links that were made for an older one stop working, a lock-out ends.

    password: checked by the rules and hashed here, which takes a quarter of a second inside the caller's transaction;
        better pass what `prepare(password, username)` returned before it. Raises Invalid(field='password').
    must_change: the password opens only the form that replaces it.
    """
    connection, at = _connection(work), now or clock.now()
    username = username_of(connection, user_id)
    ready = passwords.prepare(password, username) if isinstance(password, str) else password
    store_hash(connection, user_id, ready.text, must_change=must_change, now=at)
    connection.execute(delete(_LINKS).where(_LINKS.c.user_id == user_id))
    throttle.clear(connection, [throttle.account_key(username)])


def store_hash(connection: Connection, user_id: int, text: str | None, *, must_change: bool, now: datetime) -> None:
    """Store a hash as it is; None: the person has no password yet."""
    row = {"user_id": user_id, "password_hash": text, "changed_at": now, "must_change": must_change}
    connection.execute(upsert(connection.dialect, _CREDENTIALS, [row], ["user_id"]))


def end_sign_ins(
    work: UnitOfWork | Connection, user_id: int, *, keep_id: int | None = None, now: datetime | None = None
) -> int:
    """End a person's sign-ins, all but `keep_id`; return how many. Their open tabs are closed within two seconds."""
    mine = (_SIGN_INS.c.user_id == user_id, _SIGN_INS.c.revoked_at.is_(None))
    ended = update(_SIGN_INS).where(*mine).values(revoked_at=now or clock.now())
    if keep_id is not None:
        ended = ended.where(_SIGN_INS.c.id != keep_id)
    return _connection(work).execute(ended).rowcount


def make_reset_link(
    work: UnitOfWork | Connection, user_id: int, now: datetime | None = None, *, lasts: timedelta | None = None
) -> str:
    """Make a link with which a person chooses a password once; return its path, such as '/reset/uW3…'.

    An older link of the same person stops working. `config().base_url` in front of the path makes the whole address.
    lasts: how long it works; the default is the policy's time for links that an administrator makes.
    """
    connection, at, token = _connection(work), now or clock.now(), secrets.token_urlsafe(32)
    connection.execute(delete(_LINKS).where(_LINKS.c.user_id == user_id))
    expires_at = at + (lasts or policy().invitation)
    connection.execute(insert(_LINKS).values(token_hash=token_hash(token), user_id=user_id, expires_at=expires_at))
    return f"/reset/{token}"


def unlock(work: UnitOfWork | Connection, user_id: int) -> None:
    """End a person's lock-out after too many wrong passwords."""
    connection = _connection(work)
    throttle.clear(connection, [throttle.account_key(username_of(connection, user_id))])


def forget_person(work: UnitOfWork | Connection, user_id: int) -> None:
    """Remove everything a person could sign in with; for an account that is deleted for good."""
    connection = _connection(work)
    for table in (_CREDENTIALS, _LINKS, _RECOVERY):
        connection.execute(delete(table).where(table.c.user_id == user_id))
    end_sign_ins(connection, user_id)


# --- the person himself ----------------------------------------------------


def change_password(
    database: Database, user_id: int, old: str, new: str, *, sign_in_id: int | None = None, now: datetime | None = None
) -> None:
    """Change one's own password; every other sign-in of the person ends.

    sign_in_id: the one that stays. Raises Invalid beside 'old' or 'password'; wrong old passwords count as wrong sign-ins.
    """
    at = now or clock.now()
    with database.writing() as connection:
        username = username_of(connection, user_id)
        allowed = throttle.count(connection, throttle.account_key(username), policy().account, at)
    with database.reader.connect() as connection:
        stored = stored_hash(connection, user_id)
    if not passwords.matches(old, stored) or not allowed:
        if allowed and passwords.matches(new, stored):
            return  # the second click of a double click: the first one did it
        raise Invalid(N_("This is not your password."), field="old")
    if passwords.normal(old) == passwords.normal(new):
        raise Invalid(N_("Choose a password that you did not have before."), field="password")
    ready = passwords.prepare(new, username)
    with database.writing() as connection:
        set_password(connection, user_id, ready, must_change=False, now=at)
        end_sign_ins(connection, user_id, keep_id=sign_in_id, now=at)
        ledger.write(connection, "change_password", user_id, at, actor_id=user_id)


def stored_hash(connection: Connection, user_id: int) -> str | None:
    """Return a person's password hash."""
    wanted = select(_CREDENTIALS.c.password_hash).where(_CREDENTIALS.c.user_id == user_id)
    return connection.execute(wanted).scalar_one_or_none()


def confirm_password(database: Database, user_id: int, password: str, *, now: datetime | None = None) -> None:
    """Ask a signed-in person for the password again, before something grave. Raises Invalid beside 'password'."""
    at = now or clock.now()
    with database.writing() as connection:
        key = throttle.account_key(username_of(connection, user_id))
        allowed = throttle.count(connection, key, policy().account, at)
        stored = stored_hash(connection, user_id)
    if not passwords.matches(password, stored) or not allowed:
        raise Invalid(N_("This is not your password."), field="password")
    with database.writing() as connection:
        throttle.clear(connection, [key])


def link_is_good(database: Database, token: str, *, now: datetime | None = None) -> bool:
    """Say whether a link can be used, without using it."""
    with database.reader.connect() as connection:
        return _link_owner(connection, token, now or clock.now()) is not None


def _link_owner(connection: Connection, token: str, now: datetime) -> Any:
    wanted = (
        select(_LINKS.c.user_id, _USERS.c.username)
        .join(_USERS, _USERS.c.id == _LINKS.c.user_id)
        .where(_LINKS.c.token_hash == token_hash(token), _LINKS.c.used_at.is_(None), _LINKS.c.expires_at > now)
        .where(_USERS.c.disabled_at.is_(None), _USERS.c.deleted_at.is_(None))
    )
    return connection.execute(wanted).one_or_none()


def use_reset_link(database: Database, token: str, password: str, *, now: datetime | None = None) -> str:
    """Choose a password with a link; every sign-in of the person ends. Returns the name to sign in with.

    Raises NotFound when the link was used, is too old, or the account is closed; Invalid beside 'password'.
    """
    at = now or clock.now()
    with database.reader.connect() as connection:
        owner = _link_owner(connection, token, at)
    if owner is None:
        raise NotFound(N_("This link does not work any more. Ask for a new one."))
    ready = passwords.prepare(password, owner.username)
    with database.writing() as connection:
        claimed = update(_LINKS).where(_LINKS.c.token_hash == token_hash(token), _LINKS.c.used_at.is_(None))
        if connection.execute(claimed.values(used_at=at)).rowcount != 1 or _closed(connection, owner.user_id):
            raise NotFound(N_("This link does not work any more. Ask for a new one."))
        set_password(connection, owner.user_id, ready, must_change=False, now=at)
        end_sign_ins(connection, owner.user_id, now=at)
        ledger.write(connection, "use_reset_link", owner.user_id, at, actor_id=owner.user_id)
    return str(owner.username)


def _closed(connection: Connection, user_id: int) -> bool:
    open_account = select(_USERS.c.id).where(
        _USERS.c.id == user_id, _USERS.c.disabled_at.is_(None), _USERS.c.deleted_at.is_(None)
    )
    return connection.execute(open_account).first() is None
