"""A page as somebody sees it, without a browser: opened by its file and address, looked at by its parts and widgets."""

import json
from typing import Any, Final

import pytest
from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.testing.v1 import AppTest

from crm.core.access import Identity
from ui.navigation import screen

ON_BOTH: Final = pytest.mark.parametrize("kind", ["sqlite", "postgresql"], indirect=True)
"""For a test that opens many screens, or whose page asks the databases in ways that only pages do."""


def opened(address: str, who: Identity, **query: Any) -> AppTest:
    """Open a page for somebody; `query` is what stands behind the question mark."""
    at = AppTest.from_file(screen(address).path, default_timeout=30)
    at.user = {"user_id": str(who.user_id), "sign_in": str(who.sign_in_id or "")}
    for key, value in query.items():
        at.query_params[key] = str(value)
    return at.run()


def part(at: AppTest, key: str) -> Any:
    """Return the data that a part of our own was given, None when the part is not there."""
    for one in at.get("bidi_component"):
        if one.key == key:
            return json.loads(one.proto.json or one.proto.mixed.json)
    return None


def rows(at: AppTest, key: str) -> list[list[str]]:
    """Return what a table shows, row by row, as text."""
    table = part(at, key)
    return [] if table is None else [[text for text, _tone in row["cells"]] for row in table["rows"]]


def texts(at: AppTest) -> str:
    """Return everything written on the page as one text, parts included."""
    written = [
        str(one.value)
        for kind in ("markdown", "caption", "text", "code", "error", "toast", "subheader")
        for one in at.get(kind)
    ]
    parts = [json.dumps(part(at, one.key), ensure_ascii=False) for one in at.get("bidi_component")]
    return "\n".join(written + parts)


def field(at: AppTest, name: str) -> Any:
    """Return the input of a form's field, whatever kind of widget it is."""
    kinds = ("text_input", "selectbox", "number_input", "button_group", "radio", "checkbox", "text_area", "date_input")
    found = [one for kind in kinds for one in at.get(kind) if str(one.key).endswith(f".{name}")]
    assert len(found) == 1, (name, found)
    return found[0]


def press(at: AppTest, label: str) -> AppTest:
    """Press the button with this label."""
    found = [one for one in at.button if one.label == label]
    assert len(found) == 1, (label, [one.label for one in at.button])
    return found[0].click().run()


def happened(at: AppTest, key: str, event: str, value: Any) -> AppTest:
    """Let a part of our own tell the page something, as the browser does when it calls `setTriggerValue`."""
    found = next(one for one in at.get("bidi_component") if one.key == key)
    states = at._tree.get_widget_states()
    told = states.widgets.add()
    told.id = _make_trigger_id(found.proto.id, "events")
    told.json_trigger_value = json.dumps([{"event": event, "value": value}])
    return at._run(states)
