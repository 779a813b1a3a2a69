"""Trouble of the database as people read it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from crm.core.errors import Unavailable
from crm.core.i18n import N_
from db.engine import GateTimeoutError
from db.faults import Fault, diagnose

FAULTS: Final = {
    Fault.FULL: N_("Your change was not saved: the disk is full. Nothing was lost."),
    Fault.BUSY: N_("The database is busy. Your text is kept: please try again."),
    Fault.DAMAGED: N_(
        "The database file is damaged. Nothing is written any more: ask the administrator to restore a copy."
    ),
    Fault.READ_ONLY: N_("The database cannot be written. Your text is kept: tell the administrator."),
    Fault.AWAY: N_("The database does not answer. Your text is kept: please try again in a moment."),
}
"""What the person reads when the database is in trouble."""


@contextmanager
def in_words() -> Iterator[None]:
    """Raise Unavailable in place of the database's own words for its trouble; a mistake of ours stays what it is."""
    try:
        yield
    except (DBAPIError, GateTimeoutError, PoolTimeoutError) as error:
        fault = diagnose(error)
        if fault is None:
            raise
        raise Unavailable(FAULTS[fault], code=fault.value) from error
