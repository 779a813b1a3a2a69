"""The parts of the screens that are drawn by small components of our own: one element each, where Streamlit needs ten.

Each part is a pair of files, `name.js` and `name.css`; what people typed reaches the browser as data and becomes text.
Links with `data-visit` change the address inside the app (the strip sees to that): the address is the state.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

_FOLDER = Path(__file__).resolve().parent


@lru_cache(maxsize=32)
def part(name: str) -> Callable[..., Any]:
    """Return the component of a part, registered once in a process."""
    style = (_FOLDER / "base.css").read_text() + (_FOLDER / f"{name}.css").read_text()
    script = (_FOLDER / f"{name}.js").read_text()
    return st.components.v2.component(f"rapport_{name}", html=f'<div class="{name}"></div>', css=style, js=script)
