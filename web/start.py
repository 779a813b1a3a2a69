"""What happens once, when the web application starts."""

import asyncio
import logging
import os
import pkgutil
import socket
import sys
from datetime import timedelta
from typing import Final

import streamlit
import uvicorn
from streamlit import logger

import crm
from crm import installation, sessions
from crm.core import boot, logs
from crm.core.config import config, database
from crm.core.errors import CrmError, Unavailable
from crm.running import PARENT
from crm.sessions import AuthFileError

JUST_NOW: Final = timedelta(seconds=20)
NOT_FOR_SCREENS: Final = frozenset({"__main__", "demo"})


def prepare() -> None:
    """Set up this process; called when app.py is imported, before the first request."""
    # `streamlit run app.py --server.port 9000` alone: the hosts that the gate answers follow the port.
    os.environ.setdefault("RAPPORT_PORT", str(streamlit.get_option("server.port")))
    if not streamlit.get_option("server.cookieSecret"):
        streamlit.config.set_option("server.cookieSecret", config().key("streamlit").hex())
    _without_a_name()
    try:
        sessions.policy()
    except AuthFileError as trouble:
        sys.exit(str(trouble))
    capabilities = (one.name for one in pkgutil.iter_modules(crm.__path__) if one.name not in NOT_FOR_SCREENS)
    boot.prepare(also=sorted(f"crm.{name}" for name in capabilities))


def _without_a_name() -> None:
    """Keep uvicorn from naming itself in every answer: Streamlit makes its configuration and offers no option."""
    begin = uvicorn.Server.startup

    async def startup(self: uvicorn.Server, sockets: list[socket.socket] | None = None) -> None:
        self.config.encoded_headers = [one for one in self.config.encoded_headers if one[0] != b"server"]
        await begin(self, sockets)

    uvicorn.Server.startup = startup  # type: ignore[method-assign]


async def open_house() -> None:
    """Make sure of the database and let the first people in. Raises Unavailable in words when there is no database to use."""
    _write_the_log()
    await asyncio.to_thread(_open)


def _open() -> None:
    try:
        _make_sure_of_the_database()
        created = sessions.seed_accounts(database())
    except CrmError as trouble:
        _say(str(trouble))
        raise
    if PARENT not in os.environ:  # else `python -m crm run` says so when everything runs
        _say(f"Rapport: {config().base_url}")
    for username, link in created.items():
        _say(
            f"Account {username}: choose a password at {config().base_url}{link}"
            if link
            else f"Account {username} was made."
        )
    code = sessions.first_code(database(), unless_within=JUST_NOW)
    if code is not None:
        _say(f"Nobody has an account yet. Open {config().base_url} and enter this code: {code}")


def _make_sure_of_the_database() -> None:
    try:
        installation.verify(config(), database())
    except Unavailable:  # `streamlit run app.py` alone: nobody has made it or brought it up to date
        installation.prepare(config(), database())


def _say(line: str) -> None:
    """Say something to whoever started the server, and to nobody else: a code or link does not belong into the log."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _write_the_log() -> None:
    """Let the server and Streamlit write into our log, which holds no personal data, instead of the terminal."""
    logs.configure(config().data_dir / "logs", f"app-{os.environ['RAPPORT_PORT']}", echo=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "websockets", "streamlit"):
        _into_our_log(logging.getLogger(name))
    for known in list(logger._loggers.values()):  # noqa: SLF001  Streamlit offers no way to take its handlers off
        _into_our_log(known)
    logger.setup_formatter = _into_our_log  # type: ignore[assignment]  # what it does to every logger that it makes later


def _into_our_log(one: logging.Logger) -> None:
    one.handlers.clear()
    one.propagate = True
    one.setLevel(logging.WARNING)
