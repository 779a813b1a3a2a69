"""Forms: fields with their faults beside them, saved once, kept through closing, reload of the server and conflict."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Final

import streamlit as st

from ui import words
from ui.page import close_dialog, dialog_key, dismissed, drawn_dialog, saved
from ui.parts import draw as draw_part
from ui.session import Tried, _, language, once_key, tell, used

DAY_FORMATS: Final = {"ru": "DD.MM.YYYY", "zh": "YYYY/MM/DD"}
"""How a day is typed in each language; elsewhere DD/MM/YYYY."""

MUST: Final = " *"
"""Stands behind the name of a field that must be filled; unescaped, for the name is read aloud as it is written."""

HANG_TOGETHER: Final = 3
"""So many chips fit beside each other on a telephone, in every language."""


class Form:
    """One form of one group of fields.

    Its widgets keep what was typed through a restart of the server: they hang on the dialog's key in the address.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.once = dialog_key() or once_key(name)
        self._slots: dict[str, Any] = {}
        self.values: dict[str, Any] = {}

    @contextmanager
    def drawn(self) -> Iterator[None]:
        """Draw the form's frame around its fields."""
        with st.form(f"form-{self.name}-{self.once}", border=False):
            yield

    def key(self, field: str) -> str:
        """Return the widget key of a field."""
        return f"{self.name}.{self.once}.{field}"

    @contextmanager
    def _place(self, field: str) -> Iterator[None]:
        with st.container(gap=None):
            yield
            self._slots[field] = st.empty()

    def text(self, field: str, label: str, *, value: str | None = "", **options: Any) -> str:
        """Draw a line of text."""
        with self._place(field):
            self.values[field] = st.text_input(
                label, value=value or "", key=self.key(field), persist_state="session", **options
            )
        return str(self.values[field])

    def area(self, field: str, label: str, *, value: str | None = "", **options: Any) -> str:
        """Draw several lines of text."""
        with self._place(field):
            self.values[field] = st.text_area(
                label, value=value or "", key=self.key(field), persist_state="session", **options
            )
        return str(self.values[field])

    def choice(self, field: str, label: str, names: Mapping[Any, str], *, value: Any = None, **options: Any) -> Any:
        """Draw a choice of codes by their names; `names` maps code -> name, the key None means 'nothing chosen'."""
        codes = list(names)
        with self._place(field):
            self.values[field] = st.selectbox(
                label, codes, index=codes.index(value) if value in codes else 0, format_func=lambda code: names.get(code, str(code)),
                key=self.key(field), persist_state="session", **options,
            )  # fmt: skip
        return self.values[field]

    def chips(
        self,
        field: str,
        label: str,
        names: Mapping[Any, str],
        *,
        value: Any = None,
        together: int = HANG_TOGETHER,
        **options: Any,
    ) -> Any:
        """Draw a choice of few codes as chips that all can be seen: two or three hang together, more may take several rows.

        together: so many hang together at most; fewer where people themselves say how long the names are.
        """
        draw = st.segmented_control if len(names) <= together else st.pills
        with self._place(field):
            self.values[field] = draw(
                label, list(names), default=value, format_func=lambda code: names[code], key=self.key(field),
                persist_state="session", **options,
            )  # fmt: skip
        return self.values[field]

    def radio(self, field: str, label: str, names: Mapping[Any, str], *, value: Any = None, **options: Any) -> Any:
        """Draw a choice of few codes, one below the other."""
        codes = list(names)
        options = {"index": codes.index(value) if value in codes else 0} | options
        with self._place(field):
            self.values[field] = st.radio(
                label,
                codes,
                format_func=lambda code: names[code],
                key=self.key(field),
                persist_state="session",
                **options,
            )
        return self.values[field]

    def several(
        self, field: str, label: str, names: Mapping[Any, str], *, value: Sequence[Any] = (), **options: Any
    ) -> list[Any]:
        """Draw a choice of any number of codes as chips that all can be seen."""
        with self._place(field):
            self.values[field] = st.pills(
                label, list(names), selection_mode="multi", default=list(value), format_func=lambda code: names[code],
                key=self.key(field), persist_state="session", **options,
            )  # fmt: skip
        return list(self.values[field])

    def learnt(self, field: str, label: str, known: Sequence[str], *, value: str | None = None, **options: Any) -> str:
        """Draw one name out of many, found while typing; also one that is not there yet."""
        with self._place(field):
            self.values[field] = st.selectbox(
                label, list(known), index=known.index(value) if value in known else None, accept_new_options=True,
                placeholder=_("Type a name"), key=self.key(field), persist_state="session", **options,
            )  # fmt: skip
        return str(self.values[field] or "")

    def words(
        self,
        field: str,
        label: str,
        known: Sequence[str],
        *,
        value: Sequence[str] = (),
        new: bool = False,
        **options: Any,
    ) -> list[str]:
        """Draw a choice of any number of words out of many, found while typing; `new`: also words that are not there yet."""
        with self._place(field):
            self.values[field] = st.multiselect(
                label, list(known), default=list(value), accept_new_options=new, key=self.key(field),
                persist_state="session", **options,
            )  # fmt: skip
        return list(self.values[field])

    def many(self, field: str, label: str, names: Mapping[Any, str], **options: Any) -> list[Any]:
        """Draw a choice of any number of codes out of many, found by their names while typing."""
        with self._place(field):
            self.values[field] = st.multiselect(
                label, list(names), format_func=lambda code: names.get(code, str(code)), key=self.key(field),
                placeholder=_("Choose"), persist_state="session", **options,
            )  # fmt: skip
        return list(self.values[field])

    def number(self, field: str, label: str, *, value: int | None = None, **options: Any) -> int | None:
        """Draw a whole number."""
        with self._place(field):
            self.values[field] = st.number_input(
                label, value=value, step=1, key=self.key(field), persist_state="session", **options
            )
        return self.values[field]  # type: ignore[no-any-return]

    def tick(self, field: str, label: str, *, value: bool = False, **options: Any) -> bool:
        """Draw a yes or no."""
        with self._place(field):
            self.values[field] = st.checkbox(
                label, value=value, key=self.key(field), persist_state="session", **options
            )
        return bool(self.values[field])

    def day(self, field: str, label: str, *, value: date | None = None, **options: Any) -> date | None:
        """Draw a day."""
        with self._place(field):
            self.values[field] = st.date_input(
                label, value=value, format=DAY_FORMATS.get(language(), "DD/MM/YYYY"), key=self.key(field),
                persist_state="session", **options,
            )  # fmt: skip
        return self.values[field]  # type: ignore[no-any-return]

    def check(self, field: str, label: str, *, value: bool = False, **options: Any) -> bool:
        """Draw something that is so or not."""
        with self._place(field):
            self.values[field] = st.checkbox(
                label, value=value, key=self.key(field), persist_state="session", **options
            )
        return bool(self.values[field])

    def files(self, field: str, label: str, *, several: bool = True) -> list[Any]:
        """Draw what takes files. Which are too large says whoever receives them: Streamlit would say it in English."""
        draw_part("uploader", key="uploader", data={"button": _("Choose a file"), "hint": _("or drop it here")})
        with self._place(field):
            found = st.file_uploader(
                label, accept_multiple_files=several, key=self.key(field), label_visibility="collapsed"
            )  # fmt: skip
        self.values[field] = found if isinstance(found, list) else [found] if found is not None else []
        return list(self.values[field])

    def submit(self, label: str) -> bool:
        """Draw the form's button; True in the run that it was pressed."""
        with st.container(horizontal=True, horizontal_alignment="right"):
            return st.form_submit_button(label, type="primary", key=f"submit-{self.name}-{self.once}")

    def beside(self, field: str) -> Any:
        """Return the place below a field that was drawn, for what there is to say of it."""
        return self._slots[field].container()

    def fault(self, field: str, sentence: str) -> None:
        """Put a sentence beside its field."""
        slot = self._slots.get(field) or st.empty()
        slot.markdown(f":red[:material/error: {sentence}]")

    def finish(self, tried: Tried) -> None:
        """Close the form when its command worked; otherwise put each sentence beside its field."""
        if tried.ok:
            used(self.name)
            saved()
            st.rerun()
        for field, sentence in tried.faults.items():
            self.fault(field, sentence)
        if tried.sentence and not tried.conflict:
            st.error(tried.sentence, icon=":material/error:")


def in_dialog(title: str, body: Callable[[], None], *, width: str = "small") -> None:
    """Open the dialog that the address names around `body`; closing it takes it out of the address."""
    drawn: dict[str, str] = {}

    def whole() -> None:
        body()
        drawn.update(drawn_dialog())  # the body gives the dialog its key

    st.dialog(title, width=width, on_dismiss=partial(dismissed, drawn))(whole)()  # type: ignore[call-overload]  # width is one of theirs


# --- two people, one record -------------------------------------------------


@dataclass(frozen=True)
class Versions:
    """One record three times, field by field: what I typed, what is stored, and what I was shown (None: nobody knows any more)."""

    mine: Mapping[str, Any]
    theirs: Mapping[str, Any]
    original: Mapping[str, Any] | None

    def in_dispute(self) -> list[str]:
        """Return the fields that a person must decide: both sides changed them, to different values.

        Without the original every difference must be decided.
        """
        found = [key for key, value in self.mine.items() if value != self.theirs.get(key)]
        if self.original is None:
            return found
        return [key for key in found if self.original.get(key) not in (self.mine[key], self.theirs.get(key))]

    def changed_by_me(self) -> dict[str, Any]:
        """Return the fields whose value I changed from what I was shown."""
        return {
            key: value for key, value in self.mine.items() if self.original is None or value != self.original.get(key)
        }


def conflict(
    form: Form,
    labels: Mapping[str, str],
    versions: Versions,
    who: str,
    *,
    write: Callable[[str, Any], str | None] = lambda _field, _value: None,
) -> dict[str, Any] | None:
    """Draw mine / theirs / original for every field in dispute; return the chosen values once the person decided.

    Fields that only one side changed need no decision: the changed value stands. write: (field, value) -> how it is called,
    None where it is shown as it is.
    """
    st.warning(
        _("{who} saved this customer while you were writing. Nothing is lost: choose what shall stand.").format(who=who)
    )
    chosen = {field: _decide(form, labels.get(field, field), field, versions, write) for field in versions.in_dispute()}
    with st.container(horizontal=True, horizontal_alignment="right"):
        decided = st.button(_("Save what I chose"), type="primary", key=form.key("conflict.save"))
    return chosen if decided else None


def _decide(form: Form, label: str, field: str, versions: Versions, write: Callable[[str, Any], str | None]) -> Any:
    sides = {"mine": versions.mine[field], "theirs": versions.theirs.get(field)}
    written = {"mine": _("Mine: {value}"), "theirs": _("Theirs: {value}"), "original": _("Original: {value}")}
    if versions.original is not None:
        sides["original"] = versions.original.get(field)
    called = {side: write(field, value) for side, value in sides.items()}
    names = {
        side: written[side].format(value=_shown(value if called[side] is None else called[side]))
        for side, value in sides.items()
    }
    picked = st.radio(label, list(sides), key=form.key(f"conflict.{field}"), format_func=names.__getitem__)
    return sides[str(picked)]


def _shown(value: Any) -> str:
    if value in (None, "", [], ()):
        return "–"
    return words.md(
        ", ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)
    )


def close_after(tried: Tried) -> None:
    """Close a dialog after a press that did something, or that came too late: then say so (for callbacks)."""
    if tried.conflict:
        tell(tried.sentence, bad=True)
    if tried.ok or tried.conflict:
        close_dialog()
