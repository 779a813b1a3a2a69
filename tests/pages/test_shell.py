"""The frame around the screens: menu by rights, strip, page."""

import psycopg
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from streamlit.testing.v1 import AppTest

from crm import notifications, users
from crm.core import changes
from crm.core.config import ROOT
from crm.core.uow import as_system
from tests.pages.screen import part, texts
from ui import session, strip
from ui.page import dismissed, drawn_dialog
from ui.session import memory


class Address(dict):
    """What stands behind the question mark, without Streamlit."""

    def to_dict(self):
        return dict(self)


@pytest.fixture
def shell(cast):
    """Return the whole screen of the rep's start page."""
    at = AppTest.from_file(ROOT / "ui" / "shell.py", default_timeout=30)
    at.user = {"user_id": str(cast.rep.user_id), "sign_in": ""}
    return at.run()


@pytest.fixture
def looks(monkeypatch):
    """Note how often it is asked who everybody is."""
    noted, names = [], users.names

    def noting(u):
        noted.append(u.actor.id)
        return names(u)

    monkeypatch.setattr(users, "names", noting)
    return noted


def test_what_stands_around_is_looked_up_once_while_nothing_changes(monkeypatch, looks, shell):
    monkeypatch.setattr(session, "FRESH_SECONDS", 0)
    shell.run()
    assert len(looks) == 1
    monkeypatch.setattr(session, "CALM_SECONDS", 0)
    shell.run()
    assert len(looks) == 2


def test_a_message_of_somebody_else_is_behind_the_bell_at_the_next_look(cast, monkeypatch, shell):
    monkeypatch.setattr(session, "FRESH_SECONDS", 0)
    assert part(shell, "strip")["unread"] == 0
    with as_system(cast.database) as u:
        notifications.send(u, cast.rep.user_id, "Hello")
    assert part(shell.run(), "strip")["unread"] == 1


def test_a_database_that_does_not_answer_is_told_in_a_sentence(cast, monkeypatch, shell):
    def away(_engine):
        raise OperationalError("", {}, psycopg.OperationalError("connection refused"))

    monkeypatch.setattr(session, "FRESH_SECONDS", 0)
    changes.forget(cast.database)
    monkeypatch.setattr(Engine, "connect", away)
    shell.run()
    assert not shell.exception
    assert "does not answer" in texts(shell)


def test_a_run_whose_former_one_still_ends_shows_its_page(shell, monkeypatch):
    """A reload begins a run while the former one ends; both know the same session."""
    draw = strip.draw

    def while_the_former_one_ends(*args: object) -> None:
        for pages in memory().pages[1].values():
            for page in pages:
                page._can_be_called = False
        draw(*args)

    monkeypatch.setattr(strip, "draw", while_the_former_one_ends)
    shell.run()
    assert not shell.exception
    assert "Good day" in texts(shell)


def test_dismissing_one_dialog_does_not_close_the_next(monkeypatch):
    """On a busy server 'close this one' and 'open the next one' reach the same run."""
    address = Address({"id": "1", "do": "log", "once": "a"})
    monkeypatch.setattr("streamlit.query_params", address)
    drawn = drawn_dialog()
    del address["once"]  # the address that opens it anew
    dismissed(drawn)
    assert address == {"id": "1", "do": "log"}
    address["once"] = "a"
    dismissed(drawn)
    assert address == {"id": "1"}
