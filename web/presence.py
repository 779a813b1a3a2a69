"""Who is connected to this process, and the watch over whether they still may be.

One question a second to the database answers for every open tab; a sign-in that has ended (signed out, disabled, another
password, too old), in whatever process, closes its tabs at once. Between the questions the answer is at most a second old;
the door itself asks anew at every action.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from crm import sessions
from crm.core.config import database
from crm.sessions import Present
from web import frames

T = TypeVar("T")
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

log = logging.getLogger(__name__)

FRESH_SECONDS: Final = 1.0
"""How long an answer of the database holds."""

LATE_SECONDS: Final = 3.0
"""When the watch is later than this, a message of a tab waits for an answer of its own."""

SIGNED_OUT: Final = 4401
"""The close code that tells the page to go to the sign-in."""

MOST_TABS: Final = 60
"""Open websockets of one sign-in."""

MOST_TOKENS: Final = 20_000
KEPT_TOKENS_SECONDS: Final = 3600
STRANGERS_A_MINUTE: Final = 300
"""Unknown tokens from one address within a minute before they are refused without asking the database."""

KEPT_FILES_SECONDS: Final = 300
"""How long files shown to a sign-in stay open after its last tab closed: long enough to reconnect."""

MOST_FILES: Final = 5_000
FILE_ADDRESS: Final = re.compile(rb"/(?:media/[\w.\-]{1,200}|_stcore/upload_file/[\w\-]{1,100}/[\w\-]{1,100})")


@dataclass(eq=False)
class Tab:
    """One open websocket as the application sees it: judged, and only while its sign-in is alive."""

    presence: "Presence"
    present: Present
    inner_receive: Receive
    inner_send: Send
    ended: bool = False

    async def receive(self) -> Message:
        """Return the browser's next message that the application may have."""
        while True:
            message = await self.inner_receive()
            if message["type"] != "websocket.receive":
                return message
            verdict = frames.judge(message.get("bytes"))
            code = verdict.close or (None if await self.presence.may_speak(self) else SIGNED_OUT)
            if code is not None:
                await self.close(code)
                return {"type": "websocket.disconnect", "code": code}
            if verdict.by_hand:
                self.presence.acted(self.present)
            if verdict.passes:
                return message

    async def send(self, message: Message) -> None:
        """Pass a message to the browser, unless its sign-in has ended."""
        if self.ended:
            return
        if message["type"] == "websocket.send" and (data := message.get("bytes")):
            self.presence.tell_files(self, data)
        if message["type"] == "websocket.close":
            self.ended = True
        await self.inner_send(message)

    async def close(self, code: int = SIGNED_OUT) -> None:
        """Close the socket; whatever the application still sends is dropped, whatever the browser still says is not heard."""
        if not self.ended:
            self.ended = True
            await self.inner_send({"type": "websocket.close", "code": code})


@dataclass
class Here:
    """One sign-in in this process. files: the addresses that its own pages were told; left_at: when its last tab closed."""

    present: Present
    checked_at: float
    tabs: set[Tab] = field(default_factory=set)
    files: dict[str, None] = field(default_factory=dict)
    touched_at: float = 0.0
    left_at: float | None = None


@dataclass
class Known:
    """What the database said about a token, and when."""

    present: Present | None
    checked_at: float


class Presence:
    """The connected people of one process. Used in the event loop only; the database is asked in two threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="gate")
        self._tokens: dict[str, Known] = {}
        self._here: dict[int, Here] = {}
        self._strangers: dict[str, list[float]] = {}
        self._accused: dict[str, float] = {}
        self._watch: asyncio.Task[None] | None = None
        self._errands: set[asyncio.Future[Any]] = set()
        self._has_users = False

    async def ask(self, question: Callable[[], T]) -> T:
        """Ask the database in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, question)

    def send_on_errand(self, errand: Callable[[], Any]) -> None:
        """Do something in the database later; nobody waits for it, trouble goes to the log."""
        done = asyncio.ensure_future(self.ask(errand))
        self._errands.add(done)
        done.add_done_callback(self._came_back)

    def _came_back(self, done: asyncio.Future[Any]) -> None:
        self._errands.discard(done)
        if not done.cancelled() and (error := done.exception()) is not None:
            log.warning("an errand of the gate failed: %s", type(error).__name__)

    async def has_users(self) -> bool:
        """Say whether anybody has an account; once yes, always yes."""
        if not self._has_users:
            self._has_users = await self.ask(lambda: sessions.has_users(database()))
        return self._has_users

    # --- tokens -------------------------------------------------------------

    async def find(self, token: str, address: str) -> Present | None:
        """Return who shows this token. Raises what the database raises."""
        if not 20 <= len(token) <= 100 or not token.isascii():  # noqa: PLR2004  ours have 43 signs
            return None
        now, known = time.monotonic(), self._tokens.get(token)
        if known is not None:
            here = self._here.get(known.present.sign_in_id) if known.present else None
            if now - (here or known).checked_at <= FRESH_SECONDS + 0.5 * bool(here):
                return here.present if here else known.present
        elif self._is_flooding(address, now):
            return None
        present = await self.ask(lambda: sessions.current(database(), token))
        self._remember(token, present, now)
        if present is None:
            self._accuse(token, address, now)
        return present

    def _remember(self, token: str, present: Present | None, now: float) -> None:
        if len(self._tokens) >= MOST_TOKENS:
            kept = [
                (key, one)
                for key, one in self._tokens.items()
                if one.present and now - one.checked_at < KEPT_TOKENS_SECONDS
            ]
            self._tokens = dict(kept[-MOST_TOKENS // 2 :])
        self._tokens[token] = Known(present, now)

    def _is_flooding(self, address: str, now: float) -> bool:
        recent = self._strangers.get(address, [])
        return len(recent) >= STRANGERS_A_MINUTE and now - recent[0] < 60  # noqa: PLR2004  a minute

    def _accuse(self, token: str, address: str, now: float) -> None:
        """Count an unknown token; write a token that was good once into the audit log, at most once a minute."""
        if len(self._strangers) > MOST_TOKENS:
            self._strangers.clear()
        recent = self._strangers.setdefault(address, [])
        recent.append(now)
        del recent[:-STRANGERS_A_MINUTE]
        if now - self._accused.get(token, -60.0) >= 60:  # noqa: PLR2004  a minute
            if len(self._accused) > MOST_TOKENS:
                self._accused.clear()
            self._accused[token] = now
            self.send_on_errand(lambda: sessions.note_refused(database(), token, address=address))

    # --- tabs ---------------------------------------------------------------

    def enter(self, tab: Tab) -> bool:
        """Note an open tab; False when its sign-in has too many."""
        here = self._here.setdefault(tab.present.sign_in_id, Here(tab.present, time.monotonic()))
        if len(here.tabs) >= MOST_TABS:
            return False
        here.tabs.add(tab)
        here.left_at = None
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._keep_watch(), name="gate-watch")
        return True

    def leave(self, tab: Tab) -> None:
        """Note that a tab is closed."""
        tab.ended = True
        here = self._here.get(tab.present.sign_in_id)
        if here is not None:
            here.tabs.discard(tab)
            if not here.tabs:
                here.left_at = time.monotonic()

    async def _keep_watch(self) -> None:
        while self._here:
            await asyncio.sleep(FRESH_SECONDS)
            try:
                await self.look_around()
            except Exception as error:  # noqa: BLE001  the watch outlives a database that is away; nobody can do anything then
                log.warning("the gate could not look after its sign-ins: %s", type(error).__name__)

    async def look_around(self) -> None:
        """Ask once for everybody who is here; close the tabs of those who have gone."""
        asked, now = list(self._here), time.monotonic()
        alive = await self.ask(lambda: sessions.still_present(database(), asked))
        for sign_in_id in asked:
            here, present = self._here.get(sign_in_id), alive.get(sign_in_id)
            if here is None:
                continue
            if present is None:
                await self.end(sign_in_id)
            elif here.left_at is not None and now - here.left_at > KEPT_FILES_SECONDS:
                del self._here[sign_in_id]
            else:
                here.present, here.checked_at = present, now

    async def end(self, sign_in_id: int) -> None:
        """Close every tab of a sign-in that has ended, and forget its tokens."""
        here = self._here.pop(sign_in_id, None)
        self._tokens = {key: one for key, one in self._tokens.items() if not _is_of(one, sign_in_id)}
        await _close_all(here.tabs if here else ())

    async def may_speak(self, tab: Tab) -> bool:
        """Say whether a tab's sign-in is alive, as of a moment ago."""
        here = self._here.get(tab.present.sign_in_id)
        if here is None or tab.ended:
            return False
        if time.monotonic() - here.checked_at > LATE_SECONDS:
            try:
                await self.look_around()
            except Exception as error:  # noqa: BLE001  without a database the door itself lets nothing through and says why
                log.warning("the gate could not look after a sign-in: %s", type(error).__name__)
        return not tab.ended

    def acted(self, present: Present) -> None:
        """Note that somebody did something by hand: the idle time starts anew, written at most once a minute."""
        here, now = self._here.get(present.sign_in_id), time.monotonic()
        if here is not None and now - here.touched_at >= sessions.TOUCH_EVERY.total_seconds():
            here.touched_at = now
            latest = here.present
            self.send_on_errand(lambda: sessions.touch(database(), latest))

    # --- files ----------------------------------------------------------------

    def tell_files(self, tab: Tab, data: bytes) -> None:
        """Note the addresses of files in a message to a tab: only who was told an address may use it."""
        here = self._here.get(tab.present.sign_in_id)
        if here is not None and (b"/media/" in data or b"/upload_file/" in data):
            for address in (one for found in FILE_ADDRESS.finditer(data) for one in _readings(data, found)):
                here.files.pop(key := address.decode("ascii"), None)
                here.files[key] = None
            while len(here.files) > MOST_FILES:
                del here.files[next(iter(here.files))]

    def was_told(self, present: Present, path: str) -> bool:
        """Say whether one of this sign-in's own tabs was told this address."""
        here = self._here.get(present.sign_in_id)
        return here is not None and path in here.files


def _readings(data: bytes, found: re.Match[bytes]) -> tuple[bytes, ...]:
    """Return an address as far as its signs go and as long as the byte before it says.

    What follows an address in a message of Streamlit can look like a part of it.
    """
    start, length = found.start(), data[found.start() - 1] if found.start() else 0
    return (found[0], data[start : start + length]) if 0 < length < len(found[0]) else (found[0],)


def _is_of(known: Known, sign_in_id: int) -> bool:
    return known.present is not None and known.present.sign_in_id == sign_in_id


async def _close_all(tabs: Iterable[Tab]) -> None:
    for tab in list(tabs):
        try:
            await tab.close()
        except Exception as error:  # noqa: BLE001  one broken connection must not keep the others open
            log.info("a tab was gone before it could be closed: %s", type(error).__name__)
