"""The first people of a new installation: the accounts of `auth.yaml`, or a first administrator with a one-time code."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, func, select

from crm import settings
from crm.core import clock
from crm.core.errors import Invalid, InvalidForm, Refused
from crm.core.grants import Role
from crm.core.i18n import N_
from crm.core.people import User
from crm.core.uow import UnitOfWork, as_system
from crm.sessions import ledger, passwords, throttle
from crm.sessions.accounts import make_reset_link, store_hash, token_hash
from crm.sessions.passwords import HashedPassword
from crm.sessions.policy import Account, Limit, policy
from crm.sessions.records import OneTimeCode
from crm.sessions.signing_in import SignedIn, open_sign_in
from db.dialect import insert_new, upsert
from db.engine import Database

PURPOSE: Final = "first administrator"
TRIES: Final = Limit(10, timedelta(minutes=15), timedelta(minutes=15))
_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_CODES = OneTimeCode.__table__
_USERS = User.__table__


def has_users(database: Database) -> bool:
    """Say whether anybody has an account yet."""
    with database.reader.connect() as connection:
        return connection.execute(select(_USERS.c.id).limit(1)).first() is not None


def first_code(
    database: Database, *, unless_within: timedelta | None = None, now: datetime | None = None
) -> str | None:
    """Make the code that protects the form for the first administrator; None once there are users.

    Printed in the terminal at each start. The code before it stops working.
    unless_within: make none (and return None) where another process made one this recently.
    """
    at = now or clock.now()
    if has_users(database):
        return None
    code = "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(3))
    row = {"purpose": PURPOSE, "code_hash": _code_hash(code), "created_at": at}
    with database.writing() as connection:
        made = connection.execute(select(_CODES.c.created_at).where(_CODES.c.purpose == PURPOSE)).scalar_one_or_none()
        if unless_within and made and at - made < unless_within:
            return None
        connection.execute(upsert(connection.dialect, _CODES, [row], ["purpose"]))
    return code


def _code_hash(typed: str) -> str:
    return token_hash("".join(typed.split()).replace("-", "").upper())


@dataclass(frozen=True)
class Founder:
    """What the form for the first administrator asks."""

    code: str
    name: str
    username: str
    password: str
    company_name: str
    language: str
    timezone: str


def found(database: Database, founder: Founder, *, address: str, device: str, now: datetime | None = None) -> SignedIn:
    """Create the first administrator and the company's settings, and sign him in.

    Raises InvalidForm with a fault per field, Refused when somebody was quicker.
    """
    at = now or clock.now()
    with database.writing() as connection:
        if not throttle.count(connection, f"first-{throttle.address_key(address)}", TRIES, at):
            raise Refused(N_("Too many wrong codes. Please wait a quarter of an hour."))
    ready = _checked(database, founder)
    with as_system(database, now=at) as u, u.acting("sessions.found", "users.manage"):
        user_id = _create(u, founder, ready, at)
    return open_sign_in(database, user_id, address=address, device=device, now=at)


def _checked(database: Database, founder: Founder) -> HashedPassword:
    faults: dict[str, Invalid] = {}
    if not 0 < len(founder.name.strip()) <= 80:  # noqa: PLR2004  as the account form has it
        faults["name"] = Invalid(N_("Please fill this in."), field="name")
    if not is_username(_username(founder)):
        faults["username"] = Invalid(N_("Use letters, digits, dots, dashes and @, without spaces."), field="username")
    for key in ("company_name", "language", "timezone"):
        if not settings.DEFINITIONS[key].accepts(getattr(founder, key).strip()):
            faults[key] = Invalid(N_("This value cannot be used here."), field=key)
    with database.reader.connect() as connection:
        stored = connection.execute(select(_CODES.c.code_hash).where(_CODES.c.purpose == PURPOSE)).scalar_one_or_none()
    if stored is None or not secrets.compare_digest(stored, _code_hash(founder.code)):
        faults["code"] = Invalid(N_("This is not the code that the terminal shows."), field="code")
    try:
        passwords.check_rules(founder.password, _username(founder))
    except Invalid as fault:
        faults["password"] = fault
    if faults:
        raise InvalidForm(faults)
    return HashedPassword(passwords.hashed(founder.password))


def _username(founder: Founder) -> str:
    return founder.username.strip().lower()


def is_username(text: str) -> bool:
    """Say whether a text can be a name to sign in with."""
    return 0 < len(text) <= 80 and all(sign.isalnum() or sign in "._-@+" for sign in text)  # noqa: PLR2004  fits every form


def _create(u: UnitOfWork, founder: Founder, ready: HashedPassword, now: datetime) -> int:
    connection = u.session.connection()
    claimed = delete(_CODES).where(_CODES.c.purpose == PURPOSE, _CODES.c.code_hash == _code_hash(founder.code))
    count = connection.execute(select(func.count()).select_from(_USERS)).scalar_one()
    if connection.execute(claimed).rowcount != 1 or count:
        raise Refused(N_("Somebody else has created the first administrator meanwhile. Please sign in."))
    user = User(
        username=_username(founder),
        name=founder.name.strip(),
        roles=[Role.ADMINISTRATOR.value],
        language=founder.language,
        timezone=founder.timezone.strip(),
        created_at=now,
    )
    u.add(user)
    store_hash(connection, user.id, ready.text, must_change=False, now=now)
    for key in ("company_name", "language", "timezone"):
        settings.change(u, key, getattr(founder, key).strip())
    return user.id


# --- accounts of auth.yaml ---------------------------------------------------


def seed_accounts(database: Database, *, now: datetime | None = None) -> Mapping[str, str | None]:
    """Put the accounts of `auth.yaml` into the database, each once; return username -> link for those just created.

    link: the path with which a person without a password chooses one, to be printed in the terminal; None where the file
    has a password. A plain one is hashed and opens only the form that replaces it. Raises AuthFileError.
    """
    at, created = now or clock.now(), {}
    with database.reader.connect() as connection:
        known = set(connection.execute(select(_USERS.c.username)).scalars())
    for account in policy().accounts:
        if account.username not in known:
            stored = _stored_form(account.password)
            with database.writing() as connection:
                user_id = _seed(connection, account, at)
                if user_id is not None:
                    store_hash(connection, user_id, stored, must_change=_is_plain(account), now=at)
                    ledger.write(connection, "seed_account", user_id, at)
                    created[account.username] = None if stored else make_reset_link(connection, user_id, at)
    return created


def _is_plain(account: Account) -> bool:
    return account.password is not None and not passwords.is_hash(account.password)


def _stored_form(password: str | None) -> str | None:
    if password is None:
        return None
    return passwords.PLAIN + password if passwords.is_hash(password) else passwords.hashed(password)


def _seed(connection: Connection, account: Account, now: datetime) -> int | None:
    facts = {"username": account.username, "name": account.name, "email": account.email, "roles": list(account.roles)}
    row = {**facts, "created_at": now, "version": 1}
    if connection.execute(insert_new(connection.dialect, _USERS, [row])).rowcount != 1:
        return None  # another process was quicker
    return int(connection.execute(select(_USERS.c.id).where(_USERS.c.username == account.username)).scalar_one())
