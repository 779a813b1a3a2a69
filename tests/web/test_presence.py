"""The watch over open tabs: how old an answer may be, and what it costs to keep asking."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import event

from crm import sessions
from crm.core import config
from crm.sessions import Present, SignedIn
from db.engine import Database
from tests.cast import PARTS, Cast
from tests.support import loops
from web import presence
from web.presence import SIGNED_OUT, Presence, Tab

REP = PARTS["rep"].id


class Line:
    """The other side of a websocket: keeps what was sent to it."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def receive(self) -> Any:
        return {"type": "websocket.receive", "bytes": b""}


@pytest.fixture
def opened(cast: Cast) -> SignedIn:
    return sessions.open_sign_in(cast.database, REP, address="10.0.0.7", device="")


def run(work: Callable[[Presence], Awaitable[Any]]) -> Any:
    """Run something with a fresh Presence."""

    here = []

    async def inside() -> Any:
        here.append(Presence())
        return await work(here[0])

    try:
        return loops.run(inside())
    finally:
        here[0]._threads.shutdown()  # errands are done before the database goes


def tab_of(here: Presence, present: Present) -> tuple[Tab, Line]:
    line = Line()
    tab = Tab(here, present, line.receive, line.send)
    assert here.enter(tab)
    return tab, line


def test_a_late_watch_makes_a_message_wait_for_an_answer_of_its_own(
    database: Database, opened: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "LATE_SECONDS", 0.0)

    async def work(here: Presence) -> None:
        tab, line = tab_of(here, sessions.current(database, opened.token))
        assert await here.may_speak(tab)
        with database.writing() as connection:
            sessions.end_sign_ins(connection, REP)
        assert not await here.may_speak(tab)
        assert line.sent == [{"type": "websocket.close", "code": SIGNED_OUT}]
        assert (await tab.receive())["type"] == "websocket.disconnect"
        await tab.send({"type": "websocket.send", "bytes": b"customers"})
        assert len(line.sent) == 1

    run(work)


def test_an_answer_about_a_cookie_is_a_second_old_at_most(database: Database, opened: SignedIn) -> None:
    async def work(here: Presence) -> None:
        assert await here.find(opened.token, "10.0.0.7")
        with database.writing() as connection:
            sessions.end_sign_ins(connection, REP)
        await asyncio.sleep(presence.FRESH_SECONDS + 0.1)
        assert await here.find(opened.token, "10.0.0.7") is None

    run(work)


def test_ending_a_sign_in_here_holds_at_once(database: Database, opened: SignedIn) -> None:
    async def work(here: Presence) -> None:
        present = await here.find(opened.token, "10.0.0.7")
        _, line = tab_of(here, present)
        sessions.sign_out(database, present)
        await here.end(opened.sign_in_id)
        assert line.sent == [{"type": "websocket.close", "code": SIGNED_OUT}]
        assert await here.find(opened.token, "10.0.0.7") is None

    run(work)


def test_guessed_tokens_stop_reaching_the_database(opened: SignedIn) -> None:
    asked: list[str] = []
    event.listen(config.database().reader, "before_cursor_execute", lambda *given: asked.append(given[2]))

    async def work(here: Presence) -> None:
        assert await here.find(opened.token, "10.6.6.6")
        for n in range(presence.STRANGERS_A_MINUTE + 200):
            assert await here.find(f"{n:043}", "10.6.6.6") is None
        lookups = len([one for one in asked if "token_hash" in one and "JOIN users" in one])
        assert lookups <= presence.STRANGERS_A_MINUTE + 1
        assert await here.find("B" * 43, "10.0.0.8") is None  # another address is still looked up
        assert len([one for one in asked if "JOIN users" in one]) == lookups + 1
        await asyncio.sleep(1.1)
        assert await here.find(opened.token, "10.6.6.6")  # and who was known keeps being let in

    run(work)


@pytest.mark.usefixtures("database")
def test_what_cannot_be_a_token_is_not_looked_up() -> None:
    asked: list[str] = []
    event.listen(config.database().reader, "before_cursor_execute", lambda *given: asked.append(given[2]))

    async def work(here: Presence) -> None:
        for token in ("", "x", "é" * 43, "A" * 5000):
            assert await here.find(token, "10.6.6.6") is None

    run(work)
    assert asked == []


def test_one_question_serves_every_open_tab(database: Database, opened: SignedIn) -> None:
    others = [sessions.open_sign_in(database, REP, address="10.0.0.7", device="") for _ in range(30)]
    asked: list[str] = []
    event.listen(config.database().reader, "before_cursor_execute", lambda *given: asked.append(given[2]))

    async def work(here: Presence) -> None:
        for one in [opened, *others]:
            present = sessions.current(database, one.token)
            tab_of(here, present)
            tab_of(here, present)
        here._watch.cancel()  # its own question would be counted, too
        asked.clear()
        await here.look_around()
        assert len([one for one in asked if "sign_ins" in one]) == 1

    run(work)


def test_a_tab_learns_only_of_files_that_it_was_told(database: Database, opened: SignedIn) -> None:
    async def work(here: Presence) -> None:
        present = sessions.current(database, opened.token)
        tab, _ = tab_of(here, present)
        told = b"..\x0a/media/0af3.png\x12 /_stcore/upload_file/ab-1/cd-2\x00/media/../secret /media/"
        await tab.send({"type": "websocket.send", "bytes": told})
        assert here.was_told(present, "/media/0af3.png")
        assert here.was_told(present, "/_stcore/upload_file/ab-1/cd-2")
        await tab.send({"type": "websocket.send", "bytes": b"\x0a\x0f/media/77b1.csvB\x03two"})  # as protobuf packs it
        assert here.was_told(present, "/media/77b1.csv")
        assert not here.was_told(present, "/media/other.png")
        assert not here.was_told(present, "/media/../secret")
        here.leave(tab)
        assert here.was_told(present, "/media/0af3.png")  # a page that loses its connection comes back
        await here.end(opened.sign_in_id)
        assert not here.was_told(present, "/media/0af3.png")

    run(work)


def test_files_are_forgotten_some_minutes_after_the_last_tab_closed(
    database: Database, opened: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(here: Presence) -> None:
        present = sessions.current(database, opened.token)
        tab, _ = tab_of(here, present)
        await tab.send({"type": "websocket.send", "bytes": b"/media/0af3.png"})
        monkeypatch.setattr(presence, "KEPT_FILES_SECONDS", 0.0)
        await here.look_around()
        assert here.was_told(present, "/media/0af3.png")  # as long as a tab is open
        here.leave(tab)
        await here.look_around()
        assert not here.was_told(present, "/media/0af3.png")

    run(work)
