"""Two people who act at the same moment, in two threads with real transactions."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from crm.core.access import Identity
from crm.core.errors import CrmError
from crm.core.uow import UnitOfWork
from tests.cast import Cast

Act = tuple[Identity, Callable[[UnitOfWork], Any]]


def at_once(cast: Cast, *acts: Act) -> list[CrmError]:
    """Let everybody look first and then act together; return what was refused."""
    ready, errors = threading.Barrier(len(acts)), list[CrmError]()

    def act(who: Identity, what: Callable[[UnitOfWork], Any]) -> None:
        try:
            with cast.unit(who) as u:
                ready.wait(10)
                what(u)
        except CrmError as error:
            errors.append(error)

    _run([threading.Thread(target=act, args=one) for one in acts])
    return errors


def meanwhile(cast: Cast, first: str, acts: Mapping[str, Act], *, seconds: float = 0.4) -> list[CrmError]:
    """Let the act named `first` happen, and the others arrive before it commits; return what was refused."""
    began, errors = threading.Event(), list[CrmError]()

    def act(name: str) -> None:
        who, what = acts[name]
        try:
            with cast.unit(who) as u:
                if name != first:
                    began.wait(10)
                what(u)
                if name == first:
                    began.set()
                    time.sleep(seconds)
        except CrmError as error:
            errors.append(error)

    _run([threading.Thread(target=act, args=(name,)) for name in acts])
    return errors


def _run(threads: list[threading.Thread]) -> None:
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
