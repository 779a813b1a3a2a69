"""'I forgot my password': the wish is put before the administrators, and the one who asks learns nothing from the answer."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, or_, select

from crm import notifications
from crm.core import clock
from crm.core.grants import Role
from crm.core.i18n import N_
from crm.core.people import User
from crm.core.uow import as_system
from crm.sessions import ledger, throttle
from crm.sessions.policy import Limit
from db.engine import Database

PER_ACCOUNT: Final = Limit(3, timedelta(hours=1), timedelta(hours=1))
PER_ADDRESS: Final = Limit(20, timedelta(hours=1), timedelta(hours=1))
_USERS = User.__table__.c


def request_reset(database: Database, who: str, *, address: str, now: datetime | None = None) -> bool:
    """Tell the administrators that somebody (a user name or mail address) wants a new password.

    Returns whether they were told; the web page says the same either way and does not wait for this.
    """
    at, name = now or clock.now(), who.strip().lower()[:254]
    with database.writing() as connection:
        from_here = throttle.count(connection, f"reset-{throttle.address_key(address)}", PER_ADDRESS, at)
        for_them = throttle.count(connection, f"reset-{throttle.account_key(name)}", PER_ACCOUNT, at)
    if not (from_here and for_them):
        return False
    person = _find(database, name)
    if person is None:
        return False
    with database.writing() as connection:
        ledger.write(connection, "request_reset", person.id, at)
    _tell_administrators(database, person, at)
    return True


def _find(database: Database, name: str) -> Any:
    """Return the one open account with this name or mail address; a mail address that several share finds nobody."""
    open_accounts = (_USERS.disabled_at.is_(None), _USERS.deleted_at.is_(None))
    called = or_(_USERS.username == name, func.lower(_USERS.email) == name)
    with database.reader.connect() as connection:
        found = connection.execute(select(_USERS.id, _USERS.name, _USERS.username).where(called, *open_accounts)).all()
    exact = [person for person in found if person.username == name]
    return exact[0] if exact else (found[0] if len(found) == 1 and name else None)


def _tell_administrators(database: Database, person: Any, now: datetime) -> None:
    with as_system(database, now=now) as u:
        people = u.all(select(User).where(User.disabled_at.is_(None), User.deleted_at.is_(None)))
        for one in people:
            if Role.ADMINISTRATOR in one.roles:
                notifications.send(
                    u,
                    one.id,
                    N_("{name} ({username}) cannot sign in and asks for a new password."),
                    page="users",
                    query={"id": str(person.id)},
                    name=person.name,
                    username=person.username,
                )
