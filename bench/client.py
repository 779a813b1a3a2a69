"""A browser without a screen: it signs in with the form, opens tabs and speaks Streamlit's protocol over their websockets.

What it does as a browser does: cookies, the form's token, one websocket for each tab, the state of every input with each
run, big messages taken from its own cache, fragments run again by themselves. What it does not: draw.
"""

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

WAIT_SECONDS: Final = 30.0
KEPT_RUNS: Final = 2
"""So many runs later the browser forgets a big message that was not used."""

INTERRUPTED: Final = ForwardMsg.FINISHED_EARLY_FOR_RERUN
_TOKEN: Final = re.compile(r'name="token" value="([0-9a-f]+)"')


class NotSignedInError(RuntimeError):
    """The sign-in did not let us in."""


async def sign_in(url: str, username: str, password: str) -> str:
    """Sign in as a browser does; return the Cookie header that it sends from then on. Raises NotSignedInError."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=WAIT_SECONDS) as http:
        form = await http.get("/sign-in")
        token = _TOKEN.search(form.text)
        if token is None:
            raise NotSignedInError(f"The page at {form.url} is no sign-in ({form.status_code}).")
        sent = {"username": username, "password": password, "token": token.group(1)}
        answer = await http.post("/sign-in", data=sent, headers={"Origin": url})
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise NotSignedInError(f"{username} was not let in ({answer.status_code}).")
        return "; ".join(f"{one.name}={one.value}" for one in http.cookies.jar)


@dataclass(frozen=True)
class Run:
    """One run of a page or a fragment as the tab saw it: from the sent message to the last one of the answer."""

    seconds: float
    size: int


def _chosen(options: Any, index: int) -> str | None:
    return options[index] if 0 <= index < len(options) else None


INPUTS: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    "text_input": ("string_value", lambda one: one.default),
    "text_area": ("string_value", lambda one: one.default),
    "number_input": ("double_value", lambda one: one.default if one.HasField("default") else None),
    "checkbox": ("bool_value", lambda one: one.default),
    "selectbox": ("string_value", lambda one: _chosen(one.options, one.default) if one.HasField("default") else None),
    "radio": ("string_value", lambda one: _chosen(one.options, one.default) if one.HasField("default") else None),
    "button_group": ("string_array_value", lambda one: [one.options[place].content for place in one.default]),
    "date_input": ("string_array_value", lambda one: list(one.default)),
}
"""Kind of input -> the field that carries its value, and the value that it starts with."""


@dataclass
class Tab:
    """One open tab. parts: what our own components show, by their keys; timers: fragment -> seconds between its runs.

    reads: False spares the time of looking into the parts, where many tabs only click.
    """

    url: str
    cookie: str = ""
    language: str = "en-GB"
    reads: bool = True
    parts: dict[str, Any] = field(default_factory=dict)
    timers: dict[str, float] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    on_part: Callable[[str, Any], None] = lambda _key, _data: None
    _page: str = ""
    _hash: str = ""
    _query: str = ""
    _inputs: dict[str, tuple[str, Any]] = field(default_factory=dict)
    _cache: dict[str, tuple[ForwardMsg, int]] = field(default_factory=dict)
    _runs: int = 0
    _socket: ClientConnection | None = None

    async def open(self, page: str = "", query: str = "") -> Run:
        """Connect and run a page for the first time."""
        host = urlsplit(self.url).netloc
        self._socket = await connect(
            f"ws://{host}/_stcore/stream",
            origin=self.url,  # type: ignore[arg-type]
            subprotocols=["streamlit"],  # type: ignore[list-item]
            additional_headers={"Cookie": self.cookie} if self.cookie else {},
            compression=None,
            max_size=None,
            ping_interval=None,
            proxy=None,
        )
        return await self.visit(page, query)

    async def close(self) -> None:
        """Close the tab."""
        if self._socket is not None:
            await self._socket.close()

    async def visit(self, page: str, query: str = "") -> Run:
        """Go to another page of the application in the same tab."""
        self._page, self._hash, self._query = page, "", query
        self.parts.clear()
        self.timers.clear()
        self._inputs.clear()
        return await self.run()

    async def narrow(self, query: str) -> Run:
        """Change what stands behind the question mark, as a click on a filter or a page number does."""
        self._query = query
        return await self.run()

    async def run(self, fragment: str = "", *, by_itself: bool = False) -> Run:
        """Run the page, or one fragment of it, and wait until all of the answer is here. by_itself: a timer asks, not a person."""
        assert self._socket is not None, "open the tab first"
        asked = self._asked(fragment, by_itself=by_itself)
        start, size = time.perf_counter(), 0
        await self._socket.send(asked)
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                data = await self._socket.recv()
                assert isinstance(data, bytes)
                size += len(data)
                if self._take(data):
                    return Run(time.perf_counter() - start, size)

    async def watch(self, until: float) -> None:
        """Stay on the page until a moment of `time.monotonic` and run its fragments as often as they ask for."""
        assert self.timers, "nothing on this page runs by itself"
        fragment, seconds = next(iter(self.timers.items()))
        while (now := time.monotonic()) < until:
            await asyncio.sleep(min(seconds, until - now))
            await self.run(fragment, by_itself=True)

    def _asked(self, fragment: str, *, by_itself: bool) -> bytes:
        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.fragment_id, state.is_auto_rerun = self._query, fragment, by_itself
        state.page_script_hash, state.page_name = self._hash, "" if self._hash else self._page
        state.context_info.timezone, state.context_info.locale = "Europe/Moscow", self.language
        state.context_info.url = f"{self.url}/{self._page}"
        state.cached_message_hashes.extend(self._cache)
        for key, (kind, value) in self._inputs.items():
            widget = state.widget_states.widgets.add(id=key)
            if isinstance(value, list):
                getattr(widget, kind).data.extend(value)
            else:
                setattr(widget, kind, value)
        return message.SerializeToString()

    def _take(self, data: bytes) -> bool:
        """Take one message; say whether it was the last one of the run."""
        message = ForwardMsg()
        message.ParseFromString(data)
        kind = message.WhichOneof("type")
        if kind == "ref_hash":
            message, kind = self._cache[message.ref_hash][0], "delta"
        if message.metadata.cacheable and message.hash:
            self._cache[message.hash] = message, self._runs
        if kind == "new_session":
            self._hash = message.new_session.page_script_hash
        elif kind == "navigation":
            self._hash = message.navigation.page_script_hash
        elif kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "auto_rerun":
            self.timers[message.auto_rerun.fragment_id] = message.auto_rerun.interval
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self._see(message.delta.new_element)
        if kind != "script_finished" or message.script_finished == INTERRUPTED:
            return False
        self._runs += 1
        self._cache = {key: one for key, one in self._cache.items() if self._runs - one[1] <= KEPT_RUNS}
        return True

    def _see(self, element: Any) -> None:
        kind = element.WhichOneof("type")
        if kind == "bidi_component":
            if not self.reads:
                return
            part = element.bidi_component
            key, content = part.id.rpartition("-")[2], part.json or part.mixed.json or part.bytes
            self.parts[key] = json.loads(content) if content else None
            self.on_part(key, self.parts[key])
        elif kind == "exception" or (kind == "alert" and element.alert.format == element.alert.ERROR):
            self.troubles.append(element.exception.message if kind == "exception" else element.alert.body)
        elif kind in INPUTS and (one := getattr(element, kind)).id not in self._inputs:
            name, start = INPUTS[kind]
            if (value := start(one)) is not None:
                self._inputs[one.id] = (name, value)
