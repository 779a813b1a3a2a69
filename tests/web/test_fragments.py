"""What is pressed in a dialog of a page that the server has not run yet is not lost."""

from typing import Any

import pytest
from streamlit.proto.ClientState_pb2 import ClientState

from ui import fragments


class Session:
    """What the session of a restarted server knows: one fragment."""

    def has_fragment(self, fragment_id: str) -> bool:
        return fragment_id == "known"


@pytest.mark.parametrize(
    ("fragment", "timer", "runs"),
    [("unknown", False, ""), ("unknown", True, "unknown"), ("known", False, "known"), ("", False, "")],
)
def test_a_press_in_an_unknown_fragment_runs_the_page_with_all_that_was_typed(
    monkeypatch: pytest.MonkeyPatch, fragment: str, timer: bool, runs: str
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(fragments, "_as_streamlit_does", lambda _session, state: asked.append(state))
    state = ClientState(fragment_id=fragment, is_auto_rerun=timer, query_string="do=log")
    state.widget_states.widgets.add(id="submit").trigger_value = True
    fragments._request_rerun(Session(), state)  # type: ignore[arg-type]  # a stand-in is enough: it is only passed on
    [run] = asked
    assert run.fragment_id == runs
    assert run.query_string == "do=log"
    assert [one.id for one in run.widget_states.widgets] == ["submit"]


def test_a_run_without_a_state_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(fragments, "_as_streamlit_does", lambda _session, state: asked.append(state))
    fragments._request_rerun(Session(), None)  # type: ignore[arg-type]  # a stand-in is enough: it is only passed on
    assert asked == [None]
