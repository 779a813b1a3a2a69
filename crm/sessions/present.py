"""Who is here: the sign-in behind a cookie's token, and when it ends."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, select, update

from crm.core import clock
from crm.core.access import Identity
from crm.core.errors import NotFound
from crm.core.people import SignIn, User
from crm.sessions import ledger, throttle
from crm.sessions.accounts import end_sign_ins, token_hash
from crm.sessions.policy import policy
from crm.sessions.records import ResetLink
from db.engine import Database

TOUCH_EVERY: Final = timedelta(minutes=1)
"""'Last seen' is not written more often than this."""

_LINKS = ResetLink.__table__
_SIGN_INS = SignIn.__table__
_ROW = _SIGN_INS.c
_USERS = User.__table__.c


@dataclass(frozen=True)
class Present:
    """One browser that is signed in at this moment."""

    sign_in_id: int
    user_id: int
    username: str
    name: str
    language: str | None
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime

    @property
    def identity(self) -> Identity:
        """What a unit of work asks for."""
        return Identity(self.user_id, self.sign_in_id)


def _alive(now: datetime) -> Select[Any]:
    people = (_USERS.username, _USERS.name, _USERS.language)
    return (
        select(_ROW.id, _ROW.user_id, *people, _ROW.created_at, _ROW.last_seen_at, _ROW.expires_at)
        .join(User.__table__, _USERS.id == _ROW.user_id)
        .where(
            _ROW.revoked_at.is_(None), _ROW.expires_at > now, _USERS.disabled_at.is_(None), _USERS.deleted_at.is_(None)
        )
    )


def current(database: Database, token: str, *, now: datetime | None = None) -> Present | None:
    """Return who is signed in with a cookie's token; None when it is unknown, ended, too old, or the account is closed."""
    with database.reader.connect() as connection:
        row = connection.execute(_alive(now or clock.now()).where(_ROW.token_hash == token_hash(token))).one_or_none()
    return Present(*row) if row else None


def still_present(
    database: Database, sign_in_ids: Collection[int], *, now: datetime | None = None
) -> dict[int, Present]:
    """Return those of some sign-ins that are alive: one question for every open tab of this process."""
    ids, found = sorted(sign_in_ids), dict[int, Present]()
    with database.reader.connect() as connection:
        for start in range(0, len(ids), 500):
            rows = connection.execute(_alive(now or clock.now()).where(_ROW.id.in_(ids[start : start + 500])))
            found |= {row.id: Present(*row) for row in rows}
    return found


def touch(database: Database, present: Present, *, now: datetime | None = None) -> None:
    """Note that somebody did something, at most once a minute: the sign-in stays open for the idle time from now on."""
    at = now or clock.now()
    if at - present.last_seen_at < TOUCH_EVERY:
        return
    ends = min(present.created_at + policy().lifetime, at + policy().idle)
    mine = (_ROW.id == present.sign_in_id, _ROW.last_seen_at <= at - TOUCH_EVERY, _ROW.revoked_at.is_(None))
    with database.writing() as connection:
        connection.execute(
            update(_SIGN_INS).where(*mine, _ROW.expires_at > at).values(last_seen_at=at, expires_at=ends)
        )


def sign_out(database: Database, present: Present, *, now: datetime | None = None) -> None:
    """End one's own sign-in: the browser's every tab."""
    revoke(database, present.user_id, present.sign_in_id, now=now)


def revoke(database: Database, user_id: int, sign_in_id: int, *, now: datetime | None = None) -> None:
    """End one of a person's sign-ins. Raises NotFound when it is somebody else's or has ended."""
    at = now or clock.now()
    mine = (_ROW.id == sign_in_id, _ROW.user_id == user_id, _ROW.revoked_at.is_(None))
    with database.writing() as connection:
        if connection.execute(update(_SIGN_INS).where(*mine).values(revoked_at=at)).rowcount != 1:
            raise NotFound
        ledger.write(connection, "sign_out", user_id, at, actor_id=user_id, sign_in=[sign_in_id, None])


def revoke_others(database: Database, user_id: int, sign_in_id: int | None, *, now: datetime | None = None) -> int:
    """End a person's other sign-ins; return how many."""
    at = now or clock.now()
    with database.writing() as connection:
        count = end_sign_ins(connection, user_id, keep_id=sign_in_id, now=at)
        ledger.write(connection, "sign_out_elsewhere", user_id, at, actor_id=user_id, count=[None, count])
    return count


@dataclass(frozen=True)
class Browser:
    """One of a person's sign-ins, for the list under 'My account'."""

    sign_in_id: int
    device: str
    address: str
    created_at: datetime
    last_seen_at: datetime


_ALIVE: Final = (
    select(_ROW.id, _ROW.device, _ROW.address, _ROW.created_at, _ROW.last_seen_at)
    .where(_ROW.user_id == bindparam("person"), _ROW.revoked_at.is_(None), _ROW.expires_at > bindparam("now"))
    .order_by(_ROW.last_seen_at.desc())
)


def browsers(database: Database, user_id: int, *, now: datetime | None = None) -> list[Browser]:
    """Return where a person is signed in, the latest use first."""
    with database.reader.connect() as connection:
        rows = connection.execute(_ALIVE, {"person": user_id, "now": now or clock.now()}).all()
    return [
        Browser(row.id, device_name(row.device or ""), row.address or "", row.created_at, row.last_seen_at)
        for row in rows
    ]


_PROGRAMS: Final = (
    ("Edg", "Edge"),
    ("YaBrowser", "Yandex"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def device_name(user_agent: str) -> str:
    """Return a browser's User-Agent header in words: 'Firefox, Windows'."""
    program = next((name for sign, name in _PROGRAMS if sign in user_agent), "")
    system = next((name for sign, name in _SYSTEMS if sign in user_agent), "")
    return ", ".join(part for part in (program, system) if part) or user_agent[:40]


def note_refused(database: Database, token: str, *, address: str, now: datetime | None = None) -> bool:
    """Write down that a token was shown after its sign-in had ended (a copied cookie?); False when it never existed."""
    wanted = select(_ROW.id, _ROW.user_id).where(_ROW.token_hash == token_hash(token))
    with database.reader.connect() as connection:
        row = connection.execute(wanted).one_or_none()
    if row is None:
        return False
    with database.writing() as connection:
        ledger.write(
            connection,
            "refused_old_cookie",
            row.user_id,
            now or clock.now(),
            sign_in=[row.id, None],
            seen_from=[None, address],
        )
    return True


def clear_old(database: Database, *, now: datetime | None = None) -> int:
    """Delete sign-ins and links that ended 30 days ago, and yesterday's counted tries; return how many sign-ins. For the nightly job."""
    at = now or clock.now()
    before = at - timedelta(days=30)
    with database.writing() as connection:
        connection.execute(delete(_LINKS).where(_LINKS.c.expires_at < before))
        throttle.clear_old(connection, at - timedelta(days=1))
        return connection.execute(
            delete(_SIGN_INS).where((_ROW.revoked_at < before) | (_ROW.expires_at < before))
        ).rowcount
