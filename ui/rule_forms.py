"""The dialog that puts a filter together: each condition a row that reads like a sentence, in blocks with 'and' and 'or'."""

from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, Final

import streamlit as st

from crm.core.errors import Invalid
from crm.customers import rules
from crm.customers.rules import Askable, Condition, Operator, Rule, Takes
from ui.forms import DAY_FORMATS, Form, in_dialog
from ui.page import saved
from ui.rules import WHERE, Asked
from ui.session import _, language

FIELD_WIDTH: Final = 210
OPERATOR_WIDTH: Final = 220
USUAL_DAYS: Final = 30
LONGEST_NUMBER: Final = 6
_CHOSEN: Final = frozenset({Takes.CHOICE, Takes.SEVERAL, Takes.PERSON, Takes.TEAM, Takes.TAG})

Rows = list[list[tuple[int, Condition | None]]]
"""The blocks that are being put together: each row with its number, and the condition that it began as."""


def put_together(rule: Rule, asked: Asked) -> None:
    """Draw the dialog; what it makes goes into the address."""
    in_dialog(_("Filter"), lambda: _body(rule, asked), width="large")


def _body(rule: Rule, asked: Asked) -> None:
    form = Form("filter")
    rows: Rows = st.session_state.setdefault(form.key("rows"), _rows(rule))
    either = _either(form, rule, rows)
    found: list[tuple[Condition, ...]] = []
    for number, block in enumerate(rows):
        if number:
            st.caption(_("or") if either else _("and"))
        with st.container(border=True, gap="small"):
            found.append(tuple(_Row(form, *row, asked, either).draw(first=row is block[0]) for row in block))
            with st.container(horizontal=True):
                words = _("and also") if either else _("or instead")
                add = partial(_add, form.key("rows"), number)
                st.button(words, icon=":material/add:", type="tertiary", key=form.key(f"in.{number}"), on_click=add)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        more = partial(_add, form.key("rows"), None)
        st.button(_("Further condition"), icon=":material/add:", key=form.key("further"), on_click=more)
        show = st.button(_("Show these customers"), type="primary", key=form.key("show"))
    if show:
        _show(form, Rule.of(found, either=either), asked)


def _rows(rule: Rule) -> Rows:
    number = count()
    blocks: Rows = [[(next(number), one) for one in block] for block in rule.blocks]
    return blocks or [[(next(number), None)]]


def _either(form: Form, rule: Rule, rows: Rows) -> bool:
    """Draw how the blocks hang together, once there are several."""
    if len(rows) == 1:
        return False
    names = {"": _("Everything below applies"), "any": _("One of the blocks is enough")}
    now = "any" if rule.either else ""
    chosen = form.radio("either", _("How"), names, value=now, horizontal=True, label_visibility="collapsed")
    return bool(chosen == "any")


def _add(key: str, block: int | None) -> None:
    rows: Rows = st.session_state[key]
    fresh = 1 + max((one for each in rows for one, _began in each), default=-1)
    if block is None:
        rows.append([(fresh, None)])
    else:
        rows[block].append((fresh, None))


def _take_away(form: Form, number: int, *, either: bool) -> None:
    rows: Rows = st.session_state[form.key("rows")]
    left = [[row for row in block if row[0] != number] for block in rows]
    left = [block for block in left if block] or [[(number + 1, None)]]
    if either and len(left) == 1:  # what applied together in the one block that is left still does
        left = [[row] for row in left[0]]
        st.session_state[form.key("either")] = ""
    rows[:] = left


# --- a row ------------------------------------------------------------------


@dataclass(frozen=True)
class _Row:
    """One condition while it is being put together. began: what it was when the dialog was opened."""

    form: Form
    number: int
    began: Condition | None
    asked: Asked
    either: bool

    def key(self, *parts: str) -> str:
        """Return the key of one of its widgets."""
        return self.form.key(".".join((str(self.number), *parts)))

    def draw(self, *, first: bool) -> Condition:
        """Draw the row; return what it says now, perhaps without a value. first: of its block."""
        known = list(self.asked.known)
        if not first:
            st.caption(_("and") if self.either else _("or"))
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            began_as = self.began.key if self.began and self.began.key in known else known[0]
            key = st.selectbox(
                _("Field"), known, index=known.index(began_as), format_func=self.asked.label, width=FIELD_WIDTH,
                label_visibility="collapsed", key=self.key("field"), persist_state="session",
            )  # fmt: skip
            field = self.asked.known[str(key)]
            operator, began = self._operator(field)
            values = () if operator in rules.WHETHER else self._value(field, operator, began)
            off = partial(_take_away, self.form, self.number, either=self.either)
            st.button(
                "", icon=":material/close:", type="tertiary", help=_("Take away"), on_click=off, key=self.key("off")
            )
        return Condition(field.key, operator, values)

    def _operator(self, field: Askable) -> tuple[Operator, tuple[str, ...]]:
        """Draw how the field is compared; return it with the values that the row began with."""
        names = {one: _(text) for one, text in field.operators.items()}
        codes = list(names)
        same = self.began if self.began and self.began.key == field.key else None
        chosen = st.selectbox(
            _("Comparison"), codes, format_func=names.__getitem__, width=OPERATOR_WIDTH,
            index=codes.index(same.operator) if same and same.operator in names else 0,
            label_visibility="collapsed", key=self.key(field.key, "how"), persist_state="session",
        )  # fmt: skip
        return Operator(chosen), same.values if same else ()

    def _value(self, field: Askable, operator: Operator, began: tuple[str, ...]) -> tuple[str, ...]:
        """Draw what the field is compared with."""
        first = began[0] if began else ""
        if operator in rules.IN_DAYS:
            days = int(first) if first.isdigit() and len(first) < LONGEST_NUMBER else USUAL_DAYS
            how = self._how("days")
            return (str(st.number_input(value=days, min_value=1, max_value=rules.MOST_DAYS, step=1, width=140, **how)),)
        if field.takes in {Takes.MOMENT, Takes.DAY}:
            return self._day(first)
        if field.takes in _CHOSEN or (field.takes is Takes.TEXT and operator not in rules.ONE_VALUE):
            return self._several(field, began)
        if field.takes is Takes.YES_NO:
            names = self.asked.choices(field)
            codes = list(names)
            at = codes.index(first) if first in codes else 0
            how = self._how(field.key, "answer")
            return (str(st.selectbox(options=codes, index=at, format_func=names.__getitem__, **how)),)
        text = str(st.text_input(value=first, max_chars=rules.LONGEST_VALUE, **self._how(field.key, "text"))).strip()
        if field.takes is Takes.NUMBER:
            text = "".join(text.split()).replace(",", ".")
        return (text,) if text else ()

    def _how(self, *parts: str) -> dict[str, Any]:
        key = self.key(*parts)
        return {"label": _("Value"), "label_visibility": "collapsed", "persist_state": "session", "key": key}

    def _day(self, first: str) -> tuple[str, ...]:
        chosen: Any = st.date_input(
            value=rules.day_of(first), format=DAY_FORMATS.get(language(), "DD/MM/YYYY"), width=180,
            min_value=rules.FIRST_DAY, max_value=rules.LAST_DAY, **self._how("day"),
        )  # fmt: skip
        return (f"{chosen:%Y%m%d}",) if chosen else ()

    def _several(self, field: Askable, began: tuple[str, ...]) -> tuple[str, ...]:
        """Draw a choice of several values: out of what there is, or typed."""
        typed = field.takes is Takes.TEXT
        names = {one: one for one in began} if typed else self.asked.choices(field)
        chosen = st.multiselect(
            options=list(names), default=[one for one in began if one in names], accept_new_options=typed,
            format_func=lambda one: names.get(one, one),
            placeholder=_("Type and press Enter") if typed else _("Choose"), **self._how(field.key, "several"),
        )  # fmt: skip
        return tuple(map(str, chosen))


# --- what comes of it -------------------------------------------------------


def _show(form: Form, rule: Rule, asked: Asked) -> None:
    """Put the rule into the address and close, or say what is missing."""
    fault = next(filter(None, (_fault(one, asked) for one in rule.conditions)), None)
    text = rules.written(rule)
    if fault is None and len(rule.conditions) > rules.MOST_CONDITIONS:
        fault = _("At most {most} conditions fit here.").format(most=rules.MOST_CONDITIONS)
    if fault is None and len(text) > rules.LONGEST:
        fault = _("This filter is too long. Please take something away.")
    if fault is not None:
        st.error(fault, icon=":material/error:")
        return
    saved()
    st.session_state.pop(form.key("rows"), None)
    st.query_params.pop("page", None)
    st.query_params[WHERE] = text
    st.rerun()


def _fault(one: Condition, asked: Asked) -> str | None:
    """Say what is wrong with a condition, None when it can be asked."""
    try:
        rules.checked(one, asked.known)
    except Invalid:
        name = asked.label(one.key)
        if not one.values:
            return _("Please enter a value for '{name}'.").format(name=name)
        return _("'{text}' cannot be compared with '{name}'.").format(text=one.values[0][:40], name=name)
    return None
