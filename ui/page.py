"""What every page is made of: its heading, its empty state, and its dialogs, which live in the address."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import streamlit as st

from ui.navigation import screen
from ui.parts import draw as draw_part
from ui.session import _, asked

DIALOG: Final = "do"
"""The query parameter that names the open dialog, so that reload and restart open it again."""

DIALOG_FACTS: Final = (DIALOG, "seen", "once")
LONGEST_ID: Final = 18


@dataclass(frozen=True)
class Action:
    """A link at the head of a page: label, address, icon, whether it is the one thing to do here, and its key."""

    label: str
    href: str
    icon: str = ""
    primary: bool = False
    key: str = ""


def header(
    title: str,
    line: str = "",
    *,
    actions: Sequence[Action] = (),
    figures: Sequence[tuple[str, str]] = (),
    tabs: Mapping[str, str] | None = None,
    tags: Sequence[tuple[str, str]] = (),
    key: str = "head",
) -> str:
    """Draw the head of a page and return the chosen tab.

    line: what the page is. actions: at most one of them primary. figures: (label, value). tabs: code -> name, kept in the
    address; the first one is chosen where the address names none. tags: (text, tone), as in tables.
    """
    codes = list(tabs or ())
    tab = asked("tab")
    now = tab if tab in codes else next(iter(codes), "")
    data = {
        "title": title,
        "line": line,
        "acts": actions,
        "figures": [list(one) for one in figures],
        "tags": [list(one) for one in tags],
        "tabs": [
            {"label": name, "href": here(tab=code, page=None), "now": code == now}
            for code, name in (tabs or {}).items()
        ],
    }
    draw_part("head", key=key, data=data)
    return now


def empty(
    sentence: str,
    *,
    button: str = "",
    href: str = "",
    icon: str = "inbox",
    key: str = "empty",
    on_click: Callable[..., None] | None = None,
) -> None:
    """Draw an empty state: why it is empty and the next step (a link, or a callback)."""
    draw_part(
        "empty",
        key=f"empty-{key}",
        data={"sentence": sentence, "button": button if href else "", "href": href, "icon": icon},
    )
    if button and on_click:
        with st.container(horizontal=True, horizontal_alignment="center"):
            st.button(button, on_click=on_click, key=f"empty-button-{key}")


# --- dialogs in the address -------------------------------------------------


def here(**changed: Any) -> str:
    """Return this page's address with some query parameters changed; None takes one out."""
    query = st.query_params.to_dict() | changed
    return "?" + urlencode({key: value for key, value in query.items() if value not in (None, "")})


def opening(dialog: str, *, seen: int | None = None, **ids: Any) -> str:
    """Return the address that opens a dialog of this page. `seen` is the version of the record that it shows."""
    return here(do=dialog, seen=seen, once=None, **ids)


def opener(dialog: str, *ids: str) -> Callable[..., str]:
    """Return what writes the addresses that open a dialog for one record each; `ids` are the parameters that differ."""
    start = opening(dialog, **dict.fromkeys(ids))
    return lambda **facts: f"{start}&{urlencode(facts)}"


def open_dialog(name: str, *, seen: int | None = None, **ids: Any) -> None:
    """Open a dialog (a callback, where a link cannot be used)."""
    close_dialog()
    st.query_params[DIALOG] = name
    for key, value in ({"seen": seen} | ids).items():
        if value is not None:
            st.query_params[key] = str(value)


def close_dialog() -> None:
    """Close the dialog: its facts leave the address; what was typed comes back when it is opened again."""
    for key in DIALOG_FACTS:
        st.query_params.pop(key, None)


def drawn_dialog() -> dict[str, str]:
    """Return what the address says of the open dialog: two of the same kind differ in it."""
    query = st.query_params.to_dict()
    return {key: query.get(key, "") for key in DIALOG_FACTS}


def dismissed(drawn: Mapping[str, str]) -> None:
    """Close the dialog that somebody dismissed (a callback), unless the address already opens the next one.

    On a busy server the wish to close one and the wish to open the next arrive in the same run.
    """
    if not drawn or drawn == drawn_dialog():
        close_dialog()


def saved() -> None:
    """Close the dialog after its command worked: what was typed is no draft any more."""
    new_draft()
    close_dialog()


def new_draft() -> None:
    """Let the open dialog begin anew when it is opened the next time: what was typed does not come back."""
    st.session_state.pop(_draft(), None)


def dialog() -> str:
    """Return the name of the dialog that the address opens, '' when none is."""
    return asked(DIALOG)


def dialog_key() -> str | None:
    """Return the idempotency key of the open dialog; it stands in the address, so a restart does not forget it."""
    if not dialog():
        return None
    if "once" not in st.query_params:
        st.query_params["once"] = st.session_state.setdefault(_draft(), secrets.token_urlsafe(9))
    return str(st.query_params["once"])


def _draft() -> str:
    facts = {key: value for key, value in st.query_params.items() if key != "once"}
    return f"_draft.{sorted(facts.items())}"


def seen_version() -> int | None:
    """Return the version of the record that the open dialog showed."""
    return asked_id("seen")


def asked_id(key: str = "id") -> int | None:
    """Return a number from the address, None when it is absent or no number."""
    text = asked(key)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_ID else None


def go(address: str, **query: Any) -> None:
    """Leave for another screen, with its query."""
    st.switch_page(screen(address).path, query_params={key: str(value) for key, value in query.items()})


def not_there() -> None:
    """Draw the one text for 'absent' and 'hidden'."""
    empty(_("There is no such record, or it is not yours to see."), icon="search_off", key="absent")
