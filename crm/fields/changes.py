"""The verbs of own fields."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pypinyin import lazy_pinyin
from sqlalchemy import select

from crm.core.errors import Invalid, InvalidForm
from crm.core.i18n import N_
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.fields.queries import everything, forget
from crm.fields.records import (
    CHOICE_LENGTH,
    LABEL_LENGTH,
    MOST_CHOICES,
    MOST_FIELDS,
    WITH_CHOICES,
    FieldKind,
    OwnField,
    Whose,
)
from crm.fields.standard import reserved
from crm.search import CYRILLIC, HAN

CODE_LENGTH: Final = 24
_NUMBERED: Final = "choice_"


@verb("fields.manage")
def add(u: UnitOfWork, raw: Mapping[str, Any]) -> OwnField:
    """Add a field at the end. raw: label, kind, whose, choices (labels), mandatory, listed. Raises InvalidForm."""
    known = everything(u)
    facts, faults = _facts(u, {"kind": "", "label": "", "whose": Whose.BOTH} | dict(raw), None)
    labels = facts.pop("choices", [])
    if facts.get("kind") in WITH_CHOICES and not labels and "choices" not in faults:
        faults["choices"] = Invalid(N_("Please enter at least one choice."), field="choices")
    if len(known) >= MOST_FIELDS:
        faults["label"] = Invalid(N_("At most {most} fit here."), field="label", most=MOST_FIELDS)
    if faults:
        raise InvalidForm(faults)
    choices = _arranged([], labels) if facts["kind"] in WITH_CHOICES else []
    code = code_of(facts["label"], {one.code for one in known})
    place = max((one.position for one in known), default=0) + 1
    field = u.add(OwnField(code=code, position=place, choices=choices, **facts))
    forget(u)
    return field


@verb("fields.manage")
def change(u: UnitOfWork, field_id: int, raw: Mapping[str, Any], *, seen: int) -> OwnField:
    """Change a field: label, whose, choices (labels), mandatory, listed; its code and its kind stay.

    A choice whose label is not among them any more is retired, one that comes back is in use again. `seen` is the version
    that the form showed. Raises InvalidForm, NotFound, Conflict.
    """
    field = u.get(OwnField, field_id, seen=seen)
    facts, faults = _facts(u, raw, field)
    labels = facts.pop("choices", None)
    if labels is not None and not labels and field.kind in WITH_CHOICES and "choices" not in faults:
        faults["choices"] = Invalid(N_("Please enter at least one choice."), field="choices")
    if faults:
        raise InvalidForm(faults)
    if labels is not None and field.kind in WITH_CHOICES:
        facts["choices"] = _arranged(field.choices, labels)
    for key, value in facts.items():
        if getattr(field, key) != value:
            setattr(field, key, value)
    u.session.flush()
    forget(u)
    return field


@verb("fields.manage")
def rename_choice(u: UnitOfWork, field_id: int, code: str, label: str, *, seen: int) -> OwnField:
    """Call a choice otherwise, in use or retired: whoever has it has it under the new name. Raises Invalid, NotFound, Conflict."""
    field = u.get(OwnField, field_id, seen=seen)
    name = _line(label, CHOICE_LENGTH, "rename_to")
    others = [one for one in field.choices if one[0] != code]
    if len(others) == len(field.choices):
        raise Invalid(N_("'{text}' is not one of the choices."), field="rename", text=code[:40])
    if name.casefold() in {one[1].casefold() for one in others}:
        raise Invalid(N_("There is a choice of this name already."), field="rename_to")
    _refuse_codes([name], [one[0] for one in field.choices], field="rename_to")
    field.choices = [[one[0], name if one[0] == code else one[1], one[2]] for one in field.choices]
    u.session.flush()
    forget(u)
    return field


@verb("fields.manage")
def move(u: UnitOfWork, field_id: int, *, after: int | None) -> None:
    """Put a field behind another one, or before all others. Raises NotFound."""
    # locked in one order: two moves at the same moment would otherwise give two fields one place
    rows = u.all(select(OwnField).order_by(OwnField.position, OwnField.id).with_for_update())
    moved = u.get(OwnField, field_id)
    if after is not None:
        u.get(OwnField, after)
    order = [one for one in rows if one.id != moved.id]
    place = next((n + 1 for n, one in enumerate(order) if one.id == after), 0)
    order.insert(place, moved)
    for position, one in enumerate(order, start=1):
        if one.position != position:
            one.position = position
    u.session.flush()
    forget(u)


@verb("fields.manage")
def retire(u: UnitOfWork, field_id: int, *, seen: int) -> None:
    """Take a field out of use: it leaves forms, lists and files; what was entered stays. Raises NotFound, Conflict."""
    field = u.get(OwnField, field_id, seen=seen)
    field.archived_at = field.archived_at or u.now
    u.session.flush()
    forget(u)


@verb("fields.manage")
def restore(u: UnitOfWork, field_id: int) -> None:
    """Take a field back into use, with everything that was entered before. Raises NotFound."""
    u.get(OwnField, field_id).archived_at = None
    u.session.flush()
    forget(u)


# --- checks -----------------------------------------------------------------


def _facts(u: UnitOfWork, raw: Mapping[str, Any], field: OwnField | None) -> tuple[dict[str, Any], dict[str, Invalid]]:
    """Return the cleaned facts, and what is wrong with the others."""
    facts: dict[str, Any] = {}
    faults: dict[str, Invalid] = {}
    for key, value in raw.items():
        try:
            facts[key] = _fact(u, key, value, field)
        except Invalid as fault:
            faults[key] = fault
    return facts, faults


def _fact(u: UnitOfWork, key: str, value: Any, field: OwnField | None) -> Any:
    if key == "label":
        label = _line(str(value or ""), LABEL_LENGTH, key)
        others = {one.label.casefold() for one in everything(u) if field is None or one.id != field.id}
        if label.casefold() in others | reserved():
            raise Invalid(N_("There is a field of this name already."), field=key)
        return label
    if key in {"mandatory", "listed"}:
        return bool(value)
    if key == "choices":
        return _labels(value or ())
    codes: Mapping[str, Iterable[str]] = {"whose": Whose} | ({"kind": FieldKind} if field is None else {})
    if key not in codes:
        raise Invalid(N_("There is no field '{key}'."), field=key, key=key)
    if value not in set(codes[key]):
        raise Invalid(N_("'{text}' is not one of the choices."), field=key, text=str(value)[:40])
    return str(value)


def _line(text: str, length: int, key: str) -> str:
    line = " ".join(text.replace("\x00", "").split())
    if not line:
        raise Invalid(N_("Please enter a name."), field=key)
    if len(line) > length:
        raise Invalid(N_("At most {length} characters fit here."), field=key, length=length)
    return line


def _labels(given: Sequence[str]) -> list[str]:
    """Return the labels of choices, each once."""
    found = [_line(text, CHOICE_LENGTH, "choices") for text in given if text.replace("\x00", "").strip()]
    if len(found) > MOST_CHOICES:
        raise Invalid(N_("At most {most} fit here."), field="choices", most=MOST_CHOICES)
    if len({one.casefold() for one in found}) < len(found):
        raise Invalid(N_("There is a choice of this name already."), field="choices")
    return found


def _arranged(before: list[Any], labels: Sequence[str]) -> list[list[Any]]:
    """Return the choices in the order of their labels, the retired ones behind them. A new one gets the next number."""
    known = {one[1].casefold(): one for one in before}
    _refuse_codes(labels, [one[0] for one in before])
    number = max((int(one[0].removeprefix(_NUMBERED)) for one in before), default=0)
    called = {label.casefold() for label in labels}
    found = []
    for label in labels:
        if (old := known.pop(label.casefold(), None)) is not None:
            found.append([old[0], label, False])
            continue
        number += 1
        while f"{_NUMBERED}{number}" in called:
            number += 1
        found.append([f"{_NUMBERED}{number}", label, False])
    return found + [[one[0], one[1], True] for one in known.values()]


def _refuse_codes(labels: Iterable[str], codes: Iterable[str], *, field: str = "choices") -> None:
    """Make sure that no label is the code of a choice: a file could mean either."""
    if {label.casefold() for label in labels} & set(codes):
        raise InvalidForm({field: Invalid(N_("There is a choice of this name already."), field=field)})


def code_of(label: str, taken: set[str]) -> str:
    """Make a code that says something out of a label: 'Business need' -> business_need, 'Потребность' -> potrebnost."""
    sounds = " ".join(lazy_pinyin(label)) if HAN.search(label) else label
    latin = "".join(CYRILLIC.get(letter, letter) for letter in sounds.lower())
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", latin) if not unicodedata.combining(sign))
    start = "_".join(re.findall(r"[a-z0-9]+", plain))[:CODE_LENGTH].strip("_") or "field"
    codes = [start, *(f"{start}_{number}" for number in range(2, len(taken) + 3))]
    return next(one for one in codes if one not in taken)
