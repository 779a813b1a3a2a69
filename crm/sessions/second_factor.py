"""The second factor: time-based one-time codes (TOTP, RFC 6238) from a telephone, and eight recovery codes for its loss."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

import pyotp
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

from crm.core import clock
from crm.core.config import config
from crm.core.errors import Invalid, Unavailable
from crm.core.i18n import N_
from crm.core.uow import UnitOfWork
from crm.sessions import accounts, ledger
from crm.sessions.records import Credential, RecoveryCode
from db.engine import Database

STEP_SECONDS: Final = 30
RECOVERY_CODES: Final = 8
_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_CREDENTIALS = Credential.__table__
_RECOVERY = RecoveryCode.__table__


@dataclass(frozen=True)
class Offer:
    """A secret that is not in force yet. `uri` is what an authenticator application reads from a QR code."""

    secret: str
    uri: str


def offer_totp(username: str) -> Offer:
    """Make a new secret for a person; it takes effect with `enable_totp`."""
    secret = pyotp.random_base32()
    return Offer(secret, pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name="Rapport"))


def enable_totp(
    database: Database, user_id: int, secret: str, code: str, *, now: datetime | None = None
) -> tuple[str, ...]:
    """Put a secret into force and return the recovery codes, which are shown once.

    code: what the telephone shows now, the proof that it has the secret. Raises Invalid beside 'code'.
    """
    at = now or clock.now()
    counter = _counter_of(secret, code, at)
    if counter is None:
        raise Invalid(
            N_("This code is not right. Look at the clock of your telephone and try the next one."), field="code"
        )
    codes = tuple(_fresh_code() for _ in range(RECOVERY_CODES))
    with database.writing() as connection:
        stored = {
            "totp_secret": _cipher(config().key("totp")).encrypt(secret.encode()).decode(),
            "totp_counter": counter,
        }
        connection.execute(update(_CREDENTIALS).where(_CREDENTIALS.c.user_id == user_id).values(**stored))
        connection.execute(delete(_RECOVERY).where(_RECOVERY.c.user_id == user_id))
        connection.execute(insert(_RECOVERY), [{"code_hash": _code_hash(one), "user_id": user_id} for one in codes])
        ledger.write(connection, "enable_totp", user_id, at, actor_id=user_id)
    return codes


def disable_totp(database: Database, user_id: int, password: str, *, now: datetime | None = None) -> None:
    """Switch one's own second factor off. Raises Invalid beside 'password'."""
    at = now or clock.now()
    accounts.confirm_password(database, user_id, password, now=at)
    with database.writing() as connection:
        drop_totp(connection, user_id)
        ledger.write(connection, "disable_totp", user_id, at, actor_id=user_id)


def drop_totp(work: UnitOfWork | Connection, user_id: int) -> None:
    """Remove a person's second factor: for the administrator's verb when a telephone is lost."""
    connection = work.session.connection() if isinstance(work, UnitOfWork) else work
    nothing = {"totp_secret": None, "totp_counter": None}
    connection.execute(update(_CREDENTIALS).where(_CREDENTIALS.c.user_id == user_id).values(**nothing))
    connection.execute(delete(_RECOVERY).where(_RECOVERY.c.user_id == user_id))


_SECRET: Final = select(_CREDENTIALS.c.totp_secret).where(_CREDENTIALS.c.user_id == bindparam("person"))
_CODES_LEFT: Final = select(func.count()).select_from(_RECOVERY).where(_RECOVERY.c.user_id == bindparam("person"))


def has_totp(database: Database, user_id: int) -> bool:
    """Say whether a person signs in with a second factor."""
    with database.reader.connect() as connection:
        return connection.execute(_SECRET, {"person": user_id}).scalar_one_or_none() is not None


def recovery_codes_left(database: Database, user_id: int) -> int:
    """Return how many recovery codes a person has not used yet."""
    with database.reader.connect() as connection:
        return connection.execute(_CODES_LEFT, {"person": user_id}).scalar_one()


def accept(database: Database, user_id: int, code: str, *, now: datetime | None = None) -> bool:
    """Say whether a code opens the door now, and use it up: a code of the telephone or a recovery code, each once."""
    at, typed = now or clock.now(), "".join(code.split()).replace("-", "").upper()
    with database.reader.connect() as connection:
        wanted = select(_CREDENTIALS.c.totp_secret).where(_CREDENTIALS.c.user_id == user_id)
        stored = connection.execute(wanted).scalar_one_or_none()
    counter = _counter_of(_opened(stored), typed, at) if stored else None
    with database.writing() as connection:
        accepted = (
            _use_counter(connection, user_id, counter) if counter else _use_recovery_code(connection, user_id, typed)
        )
        if accepted and counter is None:
            ledger.write(connection, "use_recovery_code", user_id, at, actor_id=user_id)
    return accepted


def _use_counter(connection: Connection, user_id: int, counter: int) -> bool:
    fresh = or_(_CREDENTIALS.c.totp_counter.is_(None), _CREDENTIALS.c.totp_counter < counter)
    used = update(_CREDENTIALS).where(_CREDENTIALS.c.user_id == user_id, fresh).values(totp_counter=counter)
    return connection.execute(used).rowcount == 1


def _use_recovery_code(connection: Connection, user_id: int, code: str) -> bool:
    mine = (_RECOVERY.c.user_id == user_id, _RECOVERY.c.code_hash == _code_hash(code))
    return connection.execute(delete(_RECOVERY).where(*mine)).rowcount == 1


def _counter_of(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step that a code belongs to: the present one or a neighbour, because clocks differ."""
    totp, present = pyotp.TOTP(secret), int(now.timestamp()) // STEP_SECONDS
    for counter in (present, present - 1, present + 1):
        if secrets.compare_digest(totp.generate_otp(counter).encode(), code.strip().encode("utf-8", "surrogatepass")):
            return counter
    return None


@lru_cache(maxsize=2)
def _cipher(key: bytes) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(key))


def _opened(stored: str) -> str:
    try:
        return _cipher(config().key("totp")).decrypt(stored.encode()).decode()
    except InvalidToken as error:
        raise Unavailable(N_("The key of the second factors is missing. Tell the administrator.")) from error


def _fresh_code() -> str:
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    return f"{letters[:5]}-{letters[5:]}"


def _code_hash(code: str) -> str:
    return hashlib.sha256(code.replace("-", "").encode("utf-8", "surrogatepass")).hexdigest()
