"""The company's own fields on every screen: in forms, on the card, in the list with its filters, in what is told of changes."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from babel.numbers import get_decimal_symbol

from crm import fields
from crm.core import i18n
from crm.core.errors import Invalid
from crm.fields import Definition, FieldKind, FieldList
from crm.templates import Level, Place
from ui import filters, tables, words
from ui.filters import Filter
from ui.forms import Form
from ui.session import _, language, watched

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)


def everything() -> FieldList:
    """Return every own field, those out of use too; read again when somebody has changed something."""
    return watched("own fields", fields.everything)


def known() -> FieldList:
    """Return the own fields that are in use, in their order."""
    return tuple(one for one in everything() if not one.archived)


def of_kind(kind: str | None) -> list[Definition]:
    """Return the own fields of a kind of customer."""
    return [one for one in known() if one.concerns(kind)]


def labels() -> dict[str, str]:
    """Return key -> label of the own fields in use."""
    return {one.key: one.label for one in known()}


# --- in words ---------------------------------------------------------------


def shown(one: Definition, value: Any) -> str:
    """Write a stored value as the reader writes it."""
    if not fields.is_filled(value):
        return ""
    try:
        return _SHOWN.get(one.kind, _as_it_is)(one, value)
    except (ValueError, ArithmeticError, TypeError):  # what a kind cannot read is shown as it is
        return str(value)


def _as_it_is(_one: Definition, value: Any) -> str:
    return str(value)


def _number(_one: Definition, value: Any) -> str:
    return words.exact(Decimal(str(value)))


def _day(_one: Definition, value: Any) -> str:
    return words.day(date.fromisoformat(str(value)))


def _choice(one: Definition, value: Any) -> str:
    return one.label_of(str(value))


def _several(one: Definition, value: Any) -> str:
    return words.listed(one.label_of(str(code)) for code in value)


def _yes_no(_one: Definition, value: Any) -> str:
    return _("Yes") if value is True else _("No")


_SHOWN: Mapping[FieldKind, Callable[[Definition, Any], str]] = {
    FieldKind.NUMBER: _number,
    FieldKind.DATE: _day,
    FieldKind.CHOICE: _choice,
    FieldKind.SEVERAL: _several,
    FieldKind.YES_NO: _yes_no,
}


def told(key: str, value: Any) -> tuple[str, str]:
    """Return the label of a key and its value in words, for what is told of changes; fields out of use are told, too."""
    one = next((one for one in everything() if one.key == key), None)
    return (one.label, shown(one, value)) if one else (key, "" if value is None else str(value))


def shown_by_key(key: str, value: Any) -> str | None:
    """Return the value of an own field in words, None when the key is none of ours."""
    return told(key, value)[1] if key.startswith(fields.OWN) else None


# --- in forms ---------------------------------------------------------------


def draw(form: Form, place: Place, value: Any) -> None:
    """Draw the field of a form for an own field, with what is stored in it."""
    one = next((one for one in known() if one.key == place.key), None)
    if one is not None:
        _draw(form, one, value, must=one.mandatory or place.level is Level.MUST)


def _draw(form: Form, one: Definition, value: Any, *, must: bool) -> None:
    label = words.md(one.label) + (" *" if must else "")
    match one.kind:
        case FieldKind.DATE:
            form.day(
                one.key,
                label,
                value=date.fromisoformat(value) if value else None,
                min_value=FIRST_DAY,
                max_value=LAST_DAY,
            )
        case FieldKind.CHOICE:
            form.choice(one.key, label, {None: "–"} | one.offered([value]), value=value)
        case FieldKind.SEVERAL:
            names = {code: words.md(text) for code, text in one.offered(value or ()).items()}
            form.several(one.key, label, names, value=[code for code in value or () if code in names])
        case FieldKind.YES_NO:
            form.choice(one.key, label, {None: "–", "yes": _("Yes"), "no": _("No")}, value=_answer(value))
        case FieldKind.NUMBER:
            form.text(one.key, label, value=_typed_number(value), max_chars=40)
        case _:
            form.text(one.key, label, value=value, max_chars=2000 if one.kind is FieldKind.TEXT else 500)


def _answer(value: Any) -> str | None:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else None


def _typed_number(value: Any) -> str:
    """Write a number as the reader types it: without groups, with the reader's comma."""
    return str(value).replace(".", get_decimal_symbol(i18n.locale(language()))) if value is not None else ""


def typed(own: Iterable[Definition], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the form holds in the own fields as it would be stored, so that it can be compared with what is.

    What cannot be stored stays as it was typed: the verb says what is wrong with it.
    """
    found = {}
    for one in own:
        if one.key in values:
            try:
                every = [each.code for each in one.choices]
                kept = every if one.kind is FieldKind.SEVERAL else values[one.key]
                found[one.key] = fields.checked(one, values[one.key], kept=kept)
            except Invalid:
                found[one.key] = values[one.key]
    return found


# --- on the card and in the list --------------------------------------------


def lines(kind: str, extra: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return what is known in the own fields of a customer, as lines of a box of facts."""
    return [
        (one.label, shown(one, extra[one.key]), "link" if one.kind is FieldKind.LINK else "")
        for one in of_kind(kind)
        if fields.is_filled(extra.get(one.key))
    ]


def columns(chosen: Iterable[str] | None = None) -> dict[str, tables.Column]:
    """Return the columns of the own fields that the list shows: those that were chosen, or those of everybody's list."""
    return {one.key: _column(one) for one in known() if (one.listed if chosen is None else one.key in chosen)}


def _column(one: Definition) -> tables.Column:
    is_long = one.kind in {FieldKind.TEXT, FieldKind.SEVERAL, FieldKind.LINK}
    return tables.Column(
        one.label, lambda value: shown(one, value), right=one.kind is FieldKind.NUMBER, wrap=is_long, edits=one.key
    )


def filter_row() -> list[Filter]:
    """Return the filters of the own fields: every choice and every yes or no; by exact value those that the list shows."""
    return [_filter(one) for one in known() if one.listed or one.kind in _BY_CHOICE]


_BY_CHOICE = fields.WITH_CHOICES | {FieldKind.YES_NO}


def _filter(one: Definition) -> Filter:
    if one.kind in fields.WITH_CHOICES:
        return filters.choice(one.key, one.label, {each.code: each.label for each in one.choices})
    if one.kind is FieldKind.YES_NO:
        answers = {"yes": _("yes"), "no": _("no")}
        return filters.choice(one.key, one.label, {code: f"{one.label}: {word}" for code, word in answers.items()})
    return filters.text(one.key, one.label)
