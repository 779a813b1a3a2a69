"""The process's own settings, made once before the first request.

Measured (decision record 0001 and `bench/`): Python's collector after each run cost 80 to 110 ms a click; one busy script
made everybody else's click wait 387 ms at p95, 34 ms with a shorter switch interval; a connection with Nagle's algorithm
waits 40 ms now and then; libraries that are imported at the first click cost its person two seconds.
"""

import asyncio.base_events
import gc
import importlib
import socket
import sys
from collections.abc import Iterable
from typing import Any, Final

SWITCH_SECONDS: Final = 0.0005
"""How long one thread computes before another one may."""

HEAVY: Final = (
    "pandas",
    "altair",
    "sqlalchemy.orm",
    "babel.dates",
    "babel.numbers",
    "phonenumbers",
    "email_validator",
    "openpyxl",
)
"""Imported at the start instead of at somebody's first click."""


def prepare(also: Iterable[str] = ()) -> None:
    """Import what is heavy, freeze what will never be garbage, share the processor fairly, send small packets at once."""
    for name in (*HEAVY, *also):
        importlib.import_module(name)
    sys.setswitchinterval(SWITCH_SECONDS)
    send_at_once()
    gc.collect()
    gc.freeze()


def send_at_once() -> None:
    """Let asyncio switch Nagle's algorithm off on every TCP connection.

    It does so only for sockets that name their protocol; Streamlit's server binds one that does not.
    """
    asyncio.base_events._set_nodelay = _no_delay  # type: ignore[attr-defined]  # noqa: SLF001  there is no public switch


def _no_delay(connection: Any) -> None:
    if connection.family in {socket.AF_INET, socket.AF_INET6} and connection.type == socket.SOCK_STREAM:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
