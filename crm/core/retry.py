"""Trying again: a transaction that failed for a reason that passes (lost connection, deadlock, serialisation) is run anew."""

import random
import secrets
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypeVar

from crm.core.access import Actor, Identity
from crm.core.errors import AlreadyDone, Unavailable
from crm.core.uow import unit_of_work
from db.engine import Database
from db.faults import Fault, may_retry

R = TypeVar("R")

TRIES: Final = 12
FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 5.0
"""Seconds. Twelve tries wait for half a minute in all: about as long as a database server needs to restart."""


def passes(error: BaseException) -> bool:
    """Say whether the trouble behind an error may be over at the next try."""
    if isinstance(error, Unavailable):
        return error.code == Fault.BUSY or (error.__cause__ is not None and may_retry(error.__cause__))
    return may_retry(error)


def patiently(function: Callable[[], R], *, tries: int = TRIES, pause: Callable[[float], None] = time.sleep) -> R:
    """Run a function that may be run twice, again and again until it works or `tries` are used up.

    Raises what the last try raised, and at once what no waiting heals.
    """
    for attempt in range(1, tries + 1):
        try:
            return function()
        except Exception as error:
            if attempt == tries or not passes(error):
                raise
        pause(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1)) * random.uniform(0.5, 1.0))  # noqa: S311  jitter, no secret
    raise AssertionError  # pragma: no cover  the loop returns or raises


def run(
    database: Database,
    who: Identity | Actor,
    verb: Callable[..., R],
    *args: Any,
    key: str | None = None,
    now: datetime | None = None,
    tries: int = TRIES,
    **facts: Any,
) -> R | None:
    """Run one verb in a transaction of its own, exactly once, however often the connection breaks.

    key: what makes it once; without one it is made here. A first try that was committed though its answer got lost is
    known by the key, and then None is returned, as it is when somebody else used the key before.
    """
    once = key or f"run:{secrets.token_hex(16)}"

    def attempt() -> R | None:
        try:
            with unit_of_work(database, who, now=now, key=once) as u:
                return verb(u, *args, **facts)
        except AlreadyDone:
            return None

    return patiently(attempt, tries=tries)
