"""The parts of the screens that are drawn by small components of our own: one element each, where Streamlit needs ten.

Each part is a pair of files, `name.js` and `name.css`; what people typed reaches the browser as data and becomes text.
Links with `data-visit` change the address inside the app (the strip sees to that): the address is the state.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import orjson
import streamlit as st
from streamlit.elements.lib.layout_utils import LayoutConfig
from streamlit.elements.lib.utils import compute_and_register_element_id
from streamlit.proto.BidiComponent_pb2 import BidiComponent

_FOLDER: Final = Path(__file__).resolve().parent
_LAYOUT: Final = LayoutConfig(width="stretch", height="content")


@lru_cache(maxsize=32)
def _files(name: str) -> dict[str, Any]:
    """Return what a part is made of."""
    style = (_FOLDER / "base.css").read_text() + (_FOLDER / f"{name}.css").read_text()
    return {"html": f'<div class="{name}"></div>', "css": style, "js": (_FOLDER / f"{name}.js").read_text()}


@lru_cache(maxsize=32)
def part(name: str) -> Callable[..., Any]:
    """Return the component of a part that tells the page something, registered once in a process."""
    return st.components.v2.component(f"rapport_{name}", **_files(name))


@lru_cache(maxsize=32)
def _blank(name: str) -> BidiComponent:
    """Return the message of a part without its data."""
    contents: dict[str, Any] = {f"{kind}_content": text for kind, text in _files(name).items()}
    return BidiComponent(component_name=f"rapport_{name}", isolate_styles=True, **contents)


def written(data: Any) -> str:
    """Write what a part shows as it is sent."""
    return orjson.dumps(data).decode()


def draw(name: str, *, key: str, data: Any = None, text: str = "") -> None:
    """Draw a part that only shows: `data` that JSON can hold, or `text` that `written` made of it.

    For every component `st.components.v2` prepares state and triggers at every run, a fifth of the empty page's time. A part
    that keeps nothing in the session is the same message without them; a test compares the two.
    """
    message = BidiComponent()
    message.CopyFrom(_blank(name))
    message.json = text or written(data)
    message.id = compute_and_register_element_id("bidi_component", user_key=key, key_as_main_identity=True, dg=None)
    st._main._enqueue("bidi_component", message, layout_config=_LAYOUT)  # noqa: SLF001  as `st.components.v2` does it
