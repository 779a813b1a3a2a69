"""What a job is, and how its facts, results and errors are written: as JSON, never as pickles, which could run code."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from crm.core import errors
from crm.core.errors import CrmError

QUEUE: Final = "default"
"""Short jobs: several at once."""
BULK: Final = "bulk"
"""Long jobs that write much: one at a time, so that people hardly notice them."""
ON_SCHEDULE: Final = "@schedule"
"""Ends the name of a run that the calendar started."""


@dataclass(frozen=True)
class Job:
    """A declared job. cron: when the calendar starts it, in UTC; None: only when a verb asks for it."""

    name: str
    title: str
    queue: str
    function: Callable[..., Any]
    cron: str | None = None


class JobFailed(Exception):  # noqa: N818  what happened to the job
    """A job ended with a mistake of ours; `number` is what the log explains."""

    def __init__(self, kind: str, number: str) -> None:
        super().__init__(f"{kind}, number {number}")
        self.kind, self.number = kind, number


def plain(value: Any) -> Any:
    """Turn what JSON does not know into something it does; raise TypeError for what is neither fact nor result."""
    if isinstance(value, datetime):
        return {"$at": value.isoformat()}
    if isinstance(value, JobFailed):
        return {"$failed": value.kind, "number": value.number}
    if isinstance(value, CrmError):
        values = {
            key: one if isinstance(one, str | int | float | None) else str(one) for key, one in value.values.items()
        }
        return {"$error": type(value).__name__, "text": value.text, "values": values}
    if isinstance(value, BaseException):
        return {"$failed": type(value).__name__, "number": ""}
    raise TypeError(f"A {type(value).__name__} is no fact or result of a job.")


def rich(value: dict[str, Any]) -> Any:
    """Turn it back; for `json.loads(object_hook=...)`."""
    if "$at" in value:
        return datetime.fromisoformat(value["$at"])
    if "$failed" in value:
        return JobFailed(value["$failed"], value["number"])
    if "$error" in value:
        kind = getattr(errors, value["$error"], None)
        return (kind if kind in _KNOWN else CrmError)(value["text"], **value["values"])
    return value


_KNOWN: Final = frozenset({errors.Invalid, errors.NotFound, errors.Refused, errors.Conflict, errors.Unavailable})
