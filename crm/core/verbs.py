"""Verbs: the business's actions, each declared with the right it needs."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    from crm.core.uow import UnitOfWork

P = ParamSpec("P")
R = TypeVar("R")

VERBS: Final[dict[str, str]] = {}
"""Every verb by its name (`customers.create`) with the right that it needs. Tests read it."""

READS: Final = (".view", ".view_personal")


def reads_only(right: str) -> bool:
    """Say whether a right allows looking only; a verb with such a right may not write."""
    return right.endswith(READS)


def verb(
    right: str, *, name: str | None = None
) -> Callable[[Callable[Concatenate["UnitOfWork", P], R]], Callable[Concatenate["UnitOfWork", P], R]]:
    """Declare a business action and the right it needs.

    The action runs for the unit's actor: refused without the right, in a write transaction, flushed (so that every
    guard has spoken) before it returns. It never commits: the edge does.
    """

    def declare(function: Callable[Concatenate["UnitOfWork", P], R]) -> Callable[Concatenate["UnitOfWork", P], R]:
        known_as = name or f"{function.__module__.split('.')[1]}.{function.__name__}"
        VERBS[known_as] = right

        @functools.wraps(function)
        def run(u: "UnitOfWork", /, *args: P.args, **facts: P.kwargs) -> R:
            with u.acting(known_as, right):
                return function(u, *args, **facts)

        run.right = right  # type: ignore[attr-defined]
        run.verb = known_as  # type: ignore[attr-defined]
        return run

    return declare


def right_of(verb_name: str) -> str | None:
    """Return the right that a verb was declared with."""
    return VERBS.get(verb_name)


def is_verb(function: Any) -> bool:
    """Say whether a function was declared with `@verb`."""
    return hasattr(function, "verb")
