"""One running web application with the cast in its database, and how a stranger's programs talk to it."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import bcrypt
import httpx
from sqlalchemy import delete, select
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_socket

from crm import sessions
from crm.core.audit_log import AuditEntry
from crm.core.config import config
from crm.core.people import SignIn
from crm.sessions import HashedPassword, SignedIn, passwords
from db.engine import Database, connect
from tests.cast import PARTS, Cast
from tests.support.server import AppServer

PASSWORD = "seven quiet otters"
COMMAND = (sys.executable, "-m", "tests.web.serve")
SIGNED_OUT = 4401
DEVICE = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"


@lru_cache(maxsize=2)
def hashed(cost: int = 4) -> HashedPassword:
    """Return a hash of PASSWORD that is checked in a moment; cost 12, as the product makes it, takes a quarter of a second."""
    folded = passwords._folded(PASSWORD).encode()
    return HashedPassword(bcrypt.hashpw(folded, bcrypt.gensalt(cost)).decode())


@dataclass
class Site:
    """A running application and its database."""

    server: AppServer
    database: Database

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def give_passwords(self, *parts: str, cost: int = 4) -> None:
        """Let people of the cast sign in with PASSWORD, as if nothing had happened to their accounts."""
        with self.database.writing() as connection:
            for part in parts or PARTS:
                sessions.set_password(connection, PARTS[part].id, hashed(cost), must_change=False)
                sessions.drop_totp(connection, PARTS[part].id)

    def forget_tries(self) -> None:
        with self.database.writing() as connection:
            connection.execute(delete(sessions.Throttle))

    def forget_tries_but(self, part: str) -> None:
        kept = sessions.throttle.account_key(part)
        with self.database.writing() as connection:
            connection.execute(delete(sessions.Throttle).where(sessions.Throttle.key != kept))

    def open(self, part: str) -> SignedIn:
        """Sign somebody in below the form; the token is what the form puts into the cookie."""
        return sessions.open_sign_in(self.database, PARTS[part].id, address="127.0.0.1", device=DEVICE)

    def http(self, token: str | None = None, **headers: str) -> httpx.Client:
        """Return a browser-like client; with a token it is signed in."""
        given = {"origin": self.url, "accept": "text/html,*/*", "user-agent": DEVICE} | headers
        cookies = {"rapport": token} if token else {}
        return httpx.Client(base_url=self.url, headers=given, cookies=cookies, timeout=30)

    def socket(
        self,
        token: str | None = None,
        *,
        origin: str | None = "",
        session: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        port: int | None = None,
    ) -> "Tab":
        """Open a websocket as Streamlit's page does; raises InvalidStatus when it is refused. origin: '' is the right one."""
        said = [*headers, *([("Cookie", f"rapport={token}")] if token else [])]
        where = f"127.0.0.1:{port or self.server.port}"
        connection = connect_socket(
            f"ws://{where}/_stcore/stream",
            origin=f"http://{where}" if origin == "" else origin,
            additional_headers=said,
            subprotocols=["streamlit", "x", *([session] if session else [])],
            max_size=None,
            compression=None,
            legacy=True,
            open_timeout=20,
        )
        return Tab(connection)

    def entries(self, verb: str) -> list[Any]:
        """Return the audit entries of a verb of `crm.sessions`, the latest last."""
        with self.database.reader.connect() as connection:
            wanted = select(AuditEntry.__table__).where(AuditEntry.verb == f"sessions.{verb}").order_by(AuditEntry.id)
            return list(connection.execute(wanted))

    def sign_in_row(self, sign_in_id: int) -> Any:
        with self.database.reader.connect() as connection:
            return connection.execute(select(SignIn.__table__).where(SignIn.id == sign_in_id)).one()


@dataclass
class Tab:
    """One websocket, speaking Streamlit's protocol."""

    connection: ClientConnection

    def say(self, message: BackMsg | bytes | str) -> None:
        self.connection.send(message.SerializeToString() if isinstance(message, BackMsg) else message)

    def rerun(self, query: str = "", *, page: str = "", auto: bool = False, fragment: str = "") -> list[ForwardMsg]:
        """Let the script run; return what it drew."""
        message = BackMsg()
        message.rerun_script.query_string, message.rerun_script.page_name = query, page
        message.rerun_script.is_auto_rerun, message.rerun_script.fragment_id = auto, fragment
        self.say(message)
        return self.hear(lambda one: one.WhichOneof("type") == "script_finished")

    def press(self, query: str, page: str, names: Iterable[str]) -> list[ForwardMsg]:
        """Say that buttons were pressed, whether or not they were drawn here, and let the script run."""
        message = BackMsg()
        message.rerun_script.query_string, message.rerun_script.page_name = query, page
        for name in names:
            message.rerun_script.widget_states.widgets.add(id=name, trigger_value=True)
        self.say(message)
        return self.hear(lambda one: one.WhichOneof("type") == "script_finished")

    def hear(self, last: Callable[[ForwardMsg], bool], seconds: float = 30) -> list[ForwardMsg]:
        """Return the messages until one is the last."""
        heard, until = [], time.monotonic() + seconds
        while True:
            heard.append(ForwardMsg.FromString(self.connection.recv(timeout=until - time.monotonic())))
            if last(heard[-1]):
                return heard

    def close_code(self, seconds: float) -> int | None:
        """Wait until the server closes; return its code. Raises TimeoutError when it does not."""
        until = time.monotonic() + seconds
        try:
            while True:
                self.connection.recv(timeout=max(0.0, until - time.monotonic()))
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()


def session_of(heard: list[ForwardMsg]) -> str:
    """Return the Streamlit session's id."""
    return next(one.new_session.initialize.session_id for one in heard if one.WhichOneof("type") == "new_session")


def told(heard: list[ForwardMsg]) -> bytes:
    """Return everything that was sent, to look for texts in."""
    return b"".join(one.SerializeToString() for one in heard)


def _share_keys(folder: Path) -> None:
    """Let the application encrypt with the keys of this process, so that a test can do below the form what the form does."""
    (folder / "keys").mkdir(parents=True, exist_ok=True)
    for name in ("totp", "tickets"):
        (folder / "keys" / f"{name}.key").write_bytes(config().key(name))


@contextmanager
def running(
    url: str, folder: Path, *, env: Mapping[str, str] | None = None, people: bool = True, app: str = "app.py"
) -> Iterator[Site]:
    """Run the application on an empty database, with the cast in it, all of them with PASSWORD."""
    _share_keys(folder)
    server = AppServer(url, folder, command=[*COMMAND, "--app", app], env=env)
    with server:
        database = connect(url)
        try:
            site = Site(server, database)
            if people:
                Cast.assemble(database)
                site.give_passwords()
            yield site
        finally:
            database.close()
