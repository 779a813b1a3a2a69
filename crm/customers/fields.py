"""What a form or a file says of a customer, cleaned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from crm import fields as own_fields
from crm import templates
from crm.contact_data import clean_email, clean_phone
from crm.core.errors import Invalid, InvalidForm
from crm.core.i18n import N_
from crm.customers.records import Kind, Source, Stage
from crm.fields import OWN, FieldList
from crm.templates import Type, TypeList
from crm.templates.standard import named

NAME_LENGTH: Final = 200
TEXTS: Final = (
    "external_number",
    "source_detail",
    "industry",
    "need",
    "website",
    "country",
    "region",
    "city",
    "address",
    "note",
)
LENGTHS: Final[Mapping[str, int]] = {"need": 2000, "note": 5000, "address": 500}
CHOICES: Final[Mapping[str, type[StrEnum]]] = {"stage": Stage, "source": Source}


@dataclass(frozen=True)
class Facts:
    """What is known of a customer, cleaned: the fields to set, the phones and the e-mails (None: leave them).

    own: key -> value of the company's own fields; None empties one.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    phones: tuple[tuple[str, str], ...] | None = None
    emails: tuple[str, ...] | None = None
    own: dict[str, Any] = field(default_factory=dict)

    def onto(self, extra: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a customer's `extra` becomes."""
        return {key: value for key, value in (dict(extra) | self.own).items() if value is not None}


@dataclass(frozen=True)
class Stored:
    """What is there of a customer before the change: then what is mandatory must be filled after it."""

    kind: str
    extra: Mapping[str, Any] = field(default_factory=dict)
    type: str = ""


@dataclass(frozen=True)
class Demand:
    """What a form must not leave empty: what the template of the type says of the fields that the person had before him.

    there: what was filled in before. form: the fields of the form, None for every field.
    """

    type: str = ""
    there: frozenset[str] = frozenset()
    form: frozenset[str] | None = None


def checked(
    raw: Mapping[str, Any],
    *,
    region: str,
    own: FieldList = (),
    types: TypeList = (),
    stored: Stored | None = None,
    demand: Demand | None = None,
) -> Facts:
    """Clean what was typed or imported; raise InvalidForm with one Invalid per wrong field.

    raw: field name -> text; `phones` and `emails` are sequences of text; a field that is not there stays as it is.
    region: the country (RU, CN, …) of phones without a country code. own: the company's own fields that are in use.
    types: which types of customers there are. stored: what was there before; without it nobody asks whether something is
    missing. demand: what the template demands besides.
    """
    faults: dict[str, Invalid] = {}
    fields, values = _cleaned(raw, own, types, stored, faults)
    if stored is not None:
        kind = fields.get("kind", stored.kind)
        asked = templates.strict(_of(types, fields.get("type") or stored.type or kind), own)
        faults = own_fields.missing(asked, kind, {**stored.extra, **values}) | faults
    phones = _each(raw.get("phones"), lambda text: clean_phone(text, region), "phones", faults)
    emails = _each(raw.get("emails"), clean_email, "emails", faults)
    if demand is not None and (one := _of(types, fields.get("type") or demand.type)):
        now = templates.filled(fields, phones=bool(phones), emails=bool(emails), extra=values)
        faults = templates.missing(one, own, (demand.there - raw.keys()) | now, demand.form) | faults
    if faults:
        raise InvalidForm(faults)
    if "name" in fields:
        fields["sort_name"] = sort_name(fields["name"])
    return Facts(fields, phones, emails, values)


def _cleaned(
    raw: Mapping[str, Any], own: FieldList, types: TypeList, stored: Stored | None, faults: dict[str, Invalid]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields and the own fields as they are stored; what is wrong with the others joins `faults`."""
    fields: dict[str, Any] = {}
    values: dict[str, Any] = {}
    before = stored or Stored("")
    known = {one.key: one for one in own}
    for key, value in raw.items():
        if key in {"phones", "emails"}:
            continue
        try:
            if key in known:
                values[key] = own_fields.checked(known[key], value, kept=before.extra.get(key))
            elif key == "type":
                fields[key] = _type(types, value, before.type)
            else:
                fields[key] = _checked_field(key, value)
        except Invalid as fault:
            faults[key] = fault
    try:
        _agree(fields, types, stored)
    except Invalid as fault:
        faults["type"] = fault
    return fields, values


def _type(types: TypeList, value: Any, kept: str) -> str:
    """Return the code of the type that a code or a name means. A type out of use stays where it is and is not given anew."""
    found = named(types, str(value or ""))
    if found is None:
        raise Invalid(N_("There is no type '{text}'."), field="type", text=str(value or "")[:40])
    if found.archived and found.code != kept:
        raise Invalid(N_("'{text}' is not chosen any more."), field="type", text=found.name)
    return found.code


def _of(types: TypeList, code: str) -> Type | None:
    return next((one for one in types if one.code == code), None)


def _agree(fields: dict[str, Any], types: TypeList, stored: Stored | None) -> None:
    """Let the kind follow the type, and the type a kind of which it is not. Raises Invalid where both are said and clash."""
    chosen = _of(types, fields["type"]) if "type" in fields else None
    if chosen is not None:
        if fields.get("kind", chosen.kind) != chosen.kind:
            raise Invalid(N_("This type is for another kind of customer."), field="type")
        fields["kind"] = chosen.kind
    elif "kind" in fields and types:
        before = _of(types, stored.type) if stored else None
        fields["type"] = before.code if before and before.kind == fields["kind"] else fields["kind"]


def _checked_field(key: str, value: Any) -> Any:
    text = str(value).strip() if value is not None else ""
    if key == "name":
        if not text:
            raise Invalid(N_("Please enter a name."), field=key)
        return fitting(key, text, NAME_LENGTH)
    if key == "kind":
        return _choice(key, text, Kind)
    if key in CHOICES:
        return _choice(key, text, CHOICES[key]) if text else (Stage.POTENTIAL.value if key == "stage" else None)
    if key == "employees":
        if not text:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > 9:  # noqa: PLR2004  nobody employs a milliard
            raise Invalid(N_("Please enter a whole number."), field=key)
        return int(text)
    if key in TEXTS:
        return fitting(key, text, LENGTHS.get(key, 200)) or None
    raise Invalid(N_("There is no field '{key}'."), field=key, key=key.removeprefix(OWN))


def fitting(key: str, text: str, length: int) -> str:
    """Return a text as it is stored; raise Invalid beside its field when it is too long."""
    if len(text) > length:
        raise Invalid(N_("At most {length} characters fit here."), field=key, length=length)
    return text.replace("\x00", "")


def _choice(key: str, text: str, codes: type[StrEnum]) -> str:
    if text not in set(codes):
        raise Invalid(N_("'{text}' is not one of the choices."), field=key, text=text[:40])
    return text


def _each(values: Sequence[str] | None, clean: Any, key: str, faults: dict[str, Invalid]) -> Any:
    if values is None:
        return None
    found: dict[Any, None] = {}
    for text in values:
        if not text.strip():
            continue
        try:
            found[clean(text)] = None
        except Invalid as fault:
            faults[key] = fault
    return tuple(found)


def sort_name(name: str) -> str:
    """Return the name as lists sort it: case folded, without leading punctuation."""
    return name.casefold().lstrip(" \"'«»„“”().,-")[:NAME_LENGTH]
