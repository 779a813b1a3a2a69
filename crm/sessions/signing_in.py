"""From a name and a password to a sign-in, in up to three steps: password, second factor, a password of one's own.

Between the steps the browser carries a ticket: who has come how far, encrypted, good for ten minutes and for the password
it was given for. Every try is counted before it is judged (`throttle`), and a stranger's try costs as much time as another.
"""

import base64
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Connection, insert, select, update

from crm.core import clock
from crm.core.config import config
from crm.core.errors import Invalid
from crm.core.i18n import N_
from crm.core.people import SignIn, User
from crm.sessions import ledger, passwords, second_factor, throttle
from crm.sessions.accounts import end_sign_ins, set_password, store_hash, token_hash
from crm.sessions.policy import policy
from crm.sessions.records import Credential
from db.engine import Database

TICKET_SECONDS: Final = 600
LONGEST_NAME: Final = 254
LONGEST_TYPED: Final = 1000

_USERS = User.__table__.c
_CREDENTIALS = Credential.__table__
_SIGN_INS = SignIn.__table__


class Why(StrEnum):
    """Why nobody was let in. WRONG stands for a wrong name, a wrong password, a closed and a locked account alike."""

    WRONG = "wrong"
    BUSY_ADDRESS = "busy_address"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Failed:
    """Nobody was let in."""

    why: Why


@dataclass(frozen=True)
class SignedIn:
    """Somebody was let in: `token` belongs into the cookie and is stored nowhere else."""

    token: str
    user_id: int
    sign_in_id: int


class Step(StrEnum):
    """What is still wanted after the right password."""

    CODE = "code"
    PASSWORD = "password"  # noqa: S105  the name of a step


@dataclass(frozen=True)
class Wanted:
    """The password was right, something more is wanted; `ticket` comes back with it."""

    step: Step
    ticket: str


Outcome = SignedIn | Wanted | Failed


@dataclass(frozen=True)
class _Visit:
    """Where and when somebody tries: the client's IP address, its User-Agent header, the moment."""

    address: str
    device: str
    at: datetime


def sign_in(
    database: Database,
    username: str,
    password: str,
    *,
    code: str = "",
    address: str,
    device: str = "",
    now: datetime | None = None,
) -> Outcome:
    """Try to sign somebody in.

    code: the second factor, where it was asked for together with the password.
    address: the client's IP address; device: its User-Agent header.
    """
    at, name = now or clock.now(), username.strip().lower()
    with database.writing() as connection:
        if not throttle.count(connection, throttle.address_key(address), policy().address, at):
            return Failed(Why.BUSY_ADDRESS)
        allowed = throttle.count(connection, throttle.account_key(name[:LONGEST_NAME]), policy().account, at)
        person = _person(connection, _USERS.username == name) if len(name) <= LONGEST_NAME else None
    right = passwords.matches(password[:LONGEST_TYPED], person.password_hash if person else None)
    if person is None or not (allowed and right and person.open) or len(password) > LONGEST_TYPED:
        _remember_failure(database, person, at, locked=not allowed)
        return Failed(Why.WRONG)
    if person.password_hash.startswith(passwords.PLAIN):
        person = _with_our_hash(database, person, password, at)
    if person.totp_secret is not None and not code:
        return Wanted(Step.CODE, _ticket(person, Step.CODE, at))
    return _after_password(database, person, code, _Visit(address, device, at))


def go_on(
    database: Database,
    ticket: str,
    *,
    code: str = "",
    new_password: str = "",
    address: str,
    device: str = "",
    now: datetime | None = None,
) -> Outcome:
    """Take the next step with a ticket: the second factor's `code`, or the `new_password` that replaces a given one.

    Raises Invalid beside 'password' when the new password cannot be taken; the ticket stays good.
    """
    at = now or clock.now()
    step, user_id, made_for = _open_ticket(ticket, at)
    with database.writing() as connection:
        person = _person(connection, _USERS.id == user_id) if user_id else None
        if person is None or not person.open or _fingerprint(person) != made_for:
            return Failed(Why.EXPIRED)
        if step is Step.CODE and not throttle.count(
            connection, throttle.account_key(person.username), policy().account, at
        ):
            return Failed(Why.WRONG)
    if step is Step.CODE:
        return _after_password(database, person, code, _Visit(address, device, at))
    return _replace_password(database, person, new_password, _Visit(address, device, at))


def _after_password(database: Database, person: Any, code: str, visit: _Visit) -> Outcome:
    if person.totp_secret is not None and not second_factor.accept(database, person.id, code, now=visit.at):
        _remember_failure(database, person, visit.at, locked=False)
        return Failed(Why.WRONG)
    if person.must_change:
        return Wanted(Step.PASSWORD, _ticket(person, Step.PASSWORD, visit.at))
    return _let_in(database, person, visit)


def _replace_password(database: Database, person: Any, new: str, visit: _Visit) -> Outcome:
    ready = passwords.prepare(new, person.username)
    if passwords.matches(new, person.password_hash):
        raise Invalid(N_("Choose a password that you did not have before."), field="password")
    with database.writing() as connection:
        if not _unchanged(connection, person):
            return Failed(Why.EXPIRED)
        set_password(connection, person.id, ready, must_change=False, now=visit.at)
        end_sign_ins(connection, person.id, now=visit.at)
        ledger.write(connection, "change_password", person.id, visit.at, actor_id=person.id)
        return _open(connection, person.id, visit)


def _let_in(database: Database, person: Any, visit: _Visit) -> Outcome:
    """Open a sign-in, unless the account was closed or got another password while this one was judged."""
    with database.writing() as connection:
        return _open(connection, person.id, visit) if _unchanged(connection, person) else Failed(Why.WRONG)


def _unchanged(connection: Connection, person: Any) -> bool:
    """Say whether account and password are still those that were judged, and keep them so until the transaction ends.

    Who ends the sign-ins of a person changes one of these rows first: either he is seen here, or he waits for this one.
    """
    wanted = _facts(_USERS.id == person.id).with_for_update(key_share=True)
    return bool(connection.execute(wanted).one_or_none() == person)


def open_sign_in(
    database: Database, user_id: int, *, address: str, device: str, now: datetime | None = None
) -> SignedIn:
    """Open a new sign-in for somebody who has proved who he is; the token is new each time."""
    with database.writing() as connection:
        return _open(connection, user_id, _Visit(address, device, now or clock.now()))


def _open(connection: Connection, user_id: int, visit: _Visit) -> SignedIn:
    at, token = visit.at, secrets.token_urlsafe(32)
    ends = at + min(policy().lifetime, policy().idle)
    row = {
        "token_hash": token_hash(token),
        "user_id": user_id,
        "created_at": at,
        "last_seen_at": at,
        "expires_at": ends,
    }
    opened = insert(_SIGN_INS).values(**row, address=visit.address[:64], device=visit.device[:200])
    sign_in_id = connection.execute(opened.returning(_SIGN_INS.c.id)).scalar_one()
    username = connection.execute(select(_USERS.username).where(_USERS.id == user_id)).scalar_one()
    throttle.clear(connection, [throttle.account_key(username)])
    throttle.forgive(connection, throttle.address_key(visit.address))
    ledger.write(connection, "sign_in", user_id, at, actor_id=user_id, sign_in=[None, sign_in_id])
    return SignedIn(token, user_id, sign_in_id)


def _person(connection: Connection, who: Any) -> Any:
    return connection.execute(_facts(who, also_without_password=True)).one_or_none()


def _facts(who: Any, *, also_without_password: bool = False) -> Any:
    return (
        select(
            _USERS.id,
            _USERS.username,
            (_USERS.disabled_at.is_(None) & _USERS.deleted_at.is_(None)).label("open"),
            _CREDENTIALS.c.password_hash,
            _CREDENTIALS.c.changed_at,
            _CREDENTIALS.c.must_change,
            _CREDENTIALS.c.totp_secret,
        )
        .join(_CREDENTIALS, _CREDENTIALS.c.user_id == _USERS.id, isouter=also_without_password)
        .where(who)
    )


def _remember_failure(database: Database, person: Any, now: datetime, *, locked: bool) -> None:
    """Write the failure down. An unknown name costs the same transaction, so that time does not tell."""
    with database.writing() as connection:
        if person is None:
            connection.execute(update(_CREDENTIALS).where(_CREDENTIALS.c.user_id == 0).values(must_change=False))
        else:
            ledger.write(connection, "sign_in_locked" if locked else "sign_in_failed", person.id, now)


def _with_our_hash(database: Database, person: Any, password: str, now: datetime) -> Any:
    """Replace a hash of the file by one of ours, unless the password was changed meanwhile."""
    fresh = passwords.hashed(password)
    with database.writing() as connection:
        if not _unchanged(connection, person):
            return person
        store_hash(connection, person.id, fresh, must_change=person.must_change, now=now)
        return _person(connection, _USERS.id == person.id)


# --- tickets ----------------------------------------------------------------


@lru_cache(maxsize=2)
def _cipher(key: bytes) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(key))


def _fingerprint(person: Any) -> str:
    """Return what changes with the password, so that a ticket dies with the password it was given for."""
    return token_hash(person.password_hash or "")[:16]


def _ticket(person: Any, step: Step, now: datetime) -> str:
    facts = json.dumps([step.value, person.id, _fingerprint(person)]).encode()
    return _cipher(config().key("tickets")).encrypt_at_time(facts, int(now.timestamp())).decode()


def _open_ticket(ticket: str, now: datetime) -> tuple[Step, int, str]:
    try:
        facts = _cipher(config().key("tickets")).decrypt_at_time(ticket.encode(), TICKET_SECONDS, int(now.timestamp()))
    except (InvalidToken, UnicodeEncodeError):
        return Step.CODE, 0, ""
    step, user_id, made_for = json.loads(facts)
    return Step(step), user_id, made_for
