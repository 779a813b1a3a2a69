"""The log: JSON lines in the data folder, rotated by size, without personal data.

What is promised: no phone, no e-mail address, no value of an SQL statement and no quoted value of an error message is
written; no field is longer than LONGEST; trouble with the log (a full disk) never becomes trouble for a person.
"""

import logging
import re
import secrets
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

import structlog

from crm.core import clock
from crm.core.errors import CrmError

LONGEST: Final = 2_000
"""Characters that a field may have."""

TALKATIVE: Final = ("alembic", "dbos")
"""Libraries whose everyday news nobody needs; their warnings are kept."""

FILE_BYTES: Final = 5_000_000
FILES: Final = 5
_DEEPEST: Final = 40

_EMAIL: Final = re.compile(r"(?<![\w.+\-])[\w.+\-]+@[\w\-]+\.[\w.\-]+")
_PHONE: Final = re.compile(r"(?<![\w\-:./])\+?\d(?:[ ()\-.]{0,2}\d){8,14}(?![\w\-:])")
_PARAMETERS: Final = re.compile(r"\[(?:parameters|SQL parameters).*", re.DOTALL)
_DETAIL: Final = re.compile(r"(DETAIL|CONTEXT|HINT|ЗАМЕЧАНИЕ|ПОДРОБНОСТИ):.*", re.DOTALL)
_QUOTED: Final = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|«[^»\n]*»")
_CUT: Final = re.compile(r"[\w\s()+.\-@]{1,40}$")
"""The end of a text that was cut: half a phone number would not be known as one."""
_DAY: Final = re.compile(r"^\d{4}-\d{2}-\d{2}")

PLAIN: Final = frozenset({"at", "level", "logger", "number", "job", "trace", "version", "revision"})
"""Fields that we make ourselves: they hold no personal data, and masking would eat their digits."""

_number_of_error: Final = "_rapport_number"


def masked(text: str) -> str:
    """Return a text with e-mail addresses and phone numbers hidden, cut at LONGEST characters."""
    short = text if len(text) <= LONGEST else _CUT.sub("", text[: LONGEST - 1]) + "…"
    return _PHONE.sub(_hide_phone, _EMAIL.sub("•@•", short))


def _hide_phone(found: re.Match[str]) -> str:
    return found.group() if _DAY.match(found.group()) else "•••"


def safe_message(error: BaseException) -> str:
    """Return what an error says without the values in it: what stands in quotes, SQL parameters and details are left out."""
    text = _PARAMETERS.sub("", _DETAIL.sub("", str(error)))
    return masked(_QUOTED.sub("'…'", text).strip())


def trace_of(error: BaseException) -> list[str]:
    """Return where an error came from, innermost last: 'folder/file.py:12 function'. No values, no source lines."""
    frames = traceback.extract_tb(error.__traceback__)[-_DEEPEST:]
    return [f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno} {frame.name}" for frame in frames]


def number_of(error: BaseException) -> str:
    """Return the number of an error, such as '7F3A', which the person reads and the log explains.

    The error is written into the log at the first call; asked again about the same error, the number is the same.
    """
    known = getattr(error, _number_of_error, None)
    if known is not None:
        return str(known)
    number = secrets.token_hex(2).upper()
    with suppress(AttributeError):  # an error class with slots keeps no number: the next call writes it again
        setattr(error, _number_of_error, number)
    structlog.get_logger("rapport").error("something broke", number=number, **described(error))
    return number


def described(error: BaseException) -> dict[str, Any]:
    """Return an error as log fields: its class, its safe message, its trace, and the same of its cause."""
    fields: dict[str, Any] = {"error": type(error).__name__, "says": safe_message(error), "trace": trace_of(error)}
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and not isinstance(error, CrmError):
        fields |= {"cause": type(cause).__name__, "cause_says": safe_message(cause), "cause_trace": trace_of(cause)}
    return fields


def _stamp(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {"at": clock.now().isoformat(timespec="milliseconds"), **fields}


def _mask_fields(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {key: value if key in PLAIN else _mask_value(value) for key, value in fields.items()}


def _mask_value(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {safe_message(value)}"
    if isinstance(value, list | tuple):
        return [_mask_value(one) for one in value[:_DEEPEST]]
    if isinstance(value, Mapping):
        return {masked(str(key)): _mask_value(one) for key, one in list(value.items())[:_DEEPEST]}
    return masked(_PARAMETERS.sub("", _DETAIL.sub("", str(value))))


def _unfold_error(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Turn `exc_info` into fields of our own, so that no foreign traceback text with values gets in."""
    found = fields.pop("exc_info", None)
    error = sys.exc_info()[1] if found is True else found[1] if isinstance(found, tuple) else found
    return {**fields, **described(error)} if isinstance(error, BaseException) else fields


class _Quiet(RotatingFileHandler):
    """A file handler that keeps quiet when the disk is full: the person's work matters more than the line about it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the library's name
        """Drop the line."""
        del record

    def close(self) -> None:
        """Close the file, whatever could not be written any more."""
        with suppress(OSError):
            super().close()


_BEFORE: Final[list[Any]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
]
_AFTER: Final[list[Any]] = [
    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
    _unfold_error,
    _mask_fields,
    _stamp,
    structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
]


def configure(folder: Path, name: str, *, level: int = logging.INFO, echo: bool = False) -> Path:
    """Send this process's log, and that of the libraries, to `folder/name.log`; return the file.

    One process, one file: processes that share a folder take different names. echo: warnings go to the terminal as well.
    """
    folder.mkdir(parents=True, exist_ok=True)
    formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_BEFORE, processors=_AFTER)
    path = folder / f"{name}.log"
    handlers: list[logging.Handler] = [
        _Quiet(path, maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8", delay=True)
    ]
    if echo:
        handlers.append(logging.StreamHandler())
        handlers[-1].setLevel(logging.WARNING)
    for handler in handlers:
        handler.setFormatter(formatter)
    for logger in (logging.getLogger(), logging.getLogger("dbos")):  # the job engine's logger does not propagate
        for old in list(logger.handlers):
            logger.removeHandler(old)
            old.close()
        for handler in handlers:
            logger.addHandler(handler)
        logger.setLevel(level)
    for library in TALKATIVE:
        logging.getLogger(library).setLevel(max(level, logging.WARNING))
    structlog.configure(
        processors=[*_BEFORE, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return path


def logger(name: str) -> Any:
    """Return a logger for a module: `log.info("event in words", key=value)`."""
    return structlog.get_logger(name)
