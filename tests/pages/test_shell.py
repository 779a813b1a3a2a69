"""The frame around the screens: menu by rights, strip, page."""

from streamlit.testing.v1 import AppTest

from crm.core.config import ROOT
from tests.pages.screen import texts
from ui import strip
from ui.page import dismissed, drawn_dialog
from ui.session import memory


def test_a_run_whose_former_one_still_ends_shows_its_page(cast, monkeypatch):
    """A reload begins a run while the former one ends; both know the same session."""
    draw = strip.draw

    def while_the_former_one_ends(*args: object) -> None:
        for pages in memory().pages[1].values():
            for page in pages:
                page._can_be_called = False
        draw(*args)

    monkeypatch.setattr(strip, "draw", while_the_former_one_ends)
    at = AppTest.from_file(ROOT / "ui" / "shell.py", default_timeout=30)
    at.user = {"user_id": str(cast.rep.user_id), "sign_in": ""}
    at.run()
    assert not at.exception
    assert "Good day" in texts(at)


def test_dismissing_one_dialog_does_not_close_the_next(monkeypatch):
    """On a busy server 'close this one' and 'open the next one' reach the same run."""
    address = {"id": "1", "do": "log", "once": "a"}
    monkeypatch.setattr("streamlit.query_params", address)
    drawn = drawn_dialog()
    del address["once"]  # the address that opens it anew
    dismissed(drawn)
    assert address == {"id": "1", "do": "log"}
    address["once"] = "a"
    dismissed(drawn)
    assert address == {"id": "1"}
