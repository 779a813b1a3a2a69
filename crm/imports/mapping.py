"""Mapping: which column of a file becomes which field of a customer, what all new customers get, and by what rows find theirs.

Promises: a mapping is checked as a whole before anything is read with it; it names columns by their heading, so that it can
be used again for the next file with the same headings.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from phonenumbers import SUPPORTED_REGIONS

from crm.core.errors import Invalid, InvalidForm
from crm.core.i18n import LANGUAGES, N_, translate
from crm.customers import CHOICES, KINDS, SOURCES, STAGES, Kind
from crm.fields import OWN, FieldKind, FieldList
from crm.imports.headings import FIELDS
from crm.templates import TypeList


class OnMatch(StrEnum):
    """What happens to a row whose customer is there already."""

    SKIP = "skip"
    UPDATE = "update"
    ONLY_UPDATE = "only_update"
    CREATE = "create"


ON_MATCH: Final = {
    OnMatch.SKIP: N_("Add new customers, leave those that are there"),
    OnMatch.UPDATE: N_("Add new customers, update those that are there"),
    OnMatch.ONLY_UPDATE: N_("Only update those that are there"),
    OnMatch.CREATE: N_("Add every row as another customer"),
}
UPDATES: Final = frozenset({OnMatch.UPDATE, OnMatch.ONLY_UPDATE})

NAME_PARTS: Final = ("surname", "given_name", "middle_name")
SEVERAL: Final = frozenset({"phones", "emails", "address", "note", "tags", "contact_phones", "contact_emails"})
"""Fields that several columns may feed."""

CONTACT: Final = "contact_"
"""How the fields of a row's contact person begin; the rest of the word is the field of the person."""

REQUISITES: Final = ("inn", "kpp", "uscc")
"""Fields of a row that are requisites of the customer."""

ALWAYS_KEYS: Final = ("external_number", "phones", "emails")
"""Fields by which a row finds its customer where no key is chosen: the first of them, else the others."""

KEYS: Final = (*ALWAYS_KEYS, "inn", "uscc")
"""Fields that can be chosen as the key, and besides them `own_keys`."""

LONGEST_TEMPLATE: Final = 200
_PLACE: Final = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class FieldMapping:
    """How the columns of a file become customers.

    columns: heading -> field of FIELDS or key of an own field. template: the name where the file has none, for example
    'Customer {ID}'. fixed: what new customers get where the row says nothing: kind, type (one of this kind), stage, source,
    responsible_id, team_id.
    phone_region: the country of phones without a code, '' for the company's setting.
    keep_own_fields: columns that are not mapped are kept under their headings.
    key: the field by which rows find their customers, '' for the number in another system, else phones and e-mails.
    empties: an update empties what the row leaves empty, and phones, e-mails and tags become exactly those of the row.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    template: str = ""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    phone_region: str = ""
    on_match: OnMatch = OnMatch.SKIP
    keep_own_fields: bool = False
    key: str = ""
    empties: bool = False

    @property
    def updates(self) -> bool:
        """Say whether rows change customers that are there."""
        return self.on_match in UPDATES

    def as_json(self) -> dict[str, Any]:
        """Return the mapping as the record keeps it."""
        return asdict(self) | {"on_match": str(self.on_match), "columns": dict(self.columns), "fixed": dict(self.fixed)}


def from_json(raw: Mapping[str, Any]) -> FieldMapping:
    """Read a mapping from a record or from the command line. Raises Invalid beside `mapping` when it is none."""
    try:
        unknown = set(raw) - set(FieldMapping.__dataclass_fields__)
        columns = {str(key): str(value) for key, value in dict(raw.get("columns", {})).items()}
        fixed = {str(key): value for key, value in dict(raw.get("fixed", {})).items() if value not in (None, "")}
        on_match = OnMatch(raw.get("on_match", OnMatch.SKIP))
    except (TypeError, ValueError, AttributeError):
        raise Invalid(_NO_MAPPING, field="mapping") from None
    if unknown:
        raise Invalid(_NO_MAPPING, field="mapping")
    return FieldMapping(
        columns=columns,
        template=str(raw.get("template", "")),
        fixed=fixed,
        phone_region=str(raw.get("phone_region", "")),
        on_match=on_match,
        keep_own_fields=raw.get("keep_own_fields") is True,
        key=str(raw.get("key") or ""),
        empties=raw.get("empties") is True,
    )


def own_keys(own: FieldList) -> dict[str, str]:
    """Return key -> label of the own fields by whose values customers can be found."""
    return {one.key: one.label for one in own if one.kind in _SINGLE}


_SINGLE: Final = frozenset({FieldKind.TEXT, FieldKind.NUMBER, FieldKind.DATE, FieldKind.LINK})
_NO_MAPPING: Final = N_("This is not a mapping of columns to fields.")


def check(mapping: FieldMapping, columns: Sequence[str], own: FieldList = (), types: TypeList = ()) -> None:
    """Make sure that a mapping can be used with these columns; raise InvalidForm with every fault.

    own: the company's own fields. types: those that customers can get. The faults stand beside `columns` (or the heading of one
    column), `template`, `key`, `fixed.<key>` and `phone_region`.
    """
    faults: dict[str, Invalid] = {}
    fed: dict[str, str] = {}
    targets = {*FIELDS, *(one.key for one in own)}
    for heading, target in mapping.columns.items():
        if heading not in columns:
            faults[heading] = Invalid(N_("The file has no column '{column}'."), field=heading, column=heading)
        elif target not in targets:
            text = N_("There is no field '{key}'.")
            faults[heading] = Invalid(text, field=heading, key=target.removeprefix(OWN))
        elif target in fed and target not in SEVERAL:
            text = N_("Only one column can become this field; '{column}' is it already.")
            faults[heading] = Invalid(text, field=heading, column=fed[target])
        fed.setdefault(target, heading)
    _check_name(mapping, columns, set(fed), faults)
    _check_contact(fed, faults)
    _check_key(mapping, set(fed), {*KEYS, *own_keys(own)}, faults)
    _check_fixed(mapping, types, faults)
    if faults:
        raise InvalidForm(faults)


def _check_name(mapping: FieldMapping, columns: Sequence[str], fed: set[str], faults: dict[str, Invalid]) -> None:
    for heading in _PLACE.findall(mapping.template):
        if heading not in columns:
            faults["template"] = Invalid(N_("The file has no column '{column}'."), field="template", column=heading)
    if len(mapping.template) > LONGEST_TEMPLATE:
        faults["template"] = Invalid(
            N_("At most {length} characters fit here."), field="template", length=LONGEST_TEMPLATE
        )
    only_updates = mapping.updates and (fed & set(ALWAYS_KEYS) or mapping.key in fed)
    if not (fed & {"name", *NAME_PARTS} or _PLACE.search(mapping.template) or only_updates):
        text = N_("Say which column is the name, or make the name of columns, for example 'Customer {{ID}}'.")
        faults.setdefault("columns", Invalid(text, field="columns"))


def _check_key(mapping: FieldMapping, fed: set[str], keys: set[str], faults: dict[str, Invalid]) -> None:
    if mapping.key and mapping.key not in keys:
        faults["key"] = Invalid(N_("This value cannot be used here."), field="key")
    elif mapping.key and mapping.key not in fed:
        faults["key"] = Invalid(N_("Say which column is the field by which customers are found."), field="key")
    elif mapping.on_match is OnMatch.ONLY_UPDATE and not mapping.key and not fed & set(ALWAYS_KEYS):
        text = N_("Say which column is a number, a phone or an e-mail by which customers are found.")
        faults["key"] = Invalid(text, field="key")


def _check_contact(fed: Mapping[str, str], faults: dict[str, Invalid]) -> None:
    of_contact = [heading for target, heading in fed.items() if target.startswith(CONTACT)]
    if of_contact and "contact_name" not in fed:
        text = N_("Say which column is the name of the contact person, too.")
        faults.setdefault(of_contact[0], Invalid(text, field=of_contact[0]))


def _check_fixed(mapping: FieldMapping, types: TypeList, faults: dict[str, Invalid]) -> None:
    codes: dict[str, Any] = {key: set(those) for key, those in CHOICES.items()} | {"kind": set(Kind)}
    codes["type"] = {one.code for one in types if one.kind == mapping.fixed.get("kind")}
    for key, value in mapping.fixed.items():
        wrong = (
            not isinstance(value, str) or value not in codes[key]
            if key in codes
            else key not in {"responsible_id", "team_id"} or not isinstance(value, int)
        )
        if wrong:
            faults[f"fixed.{key}"] = Invalid(N_("This value cannot be used here."), field=f"fixed.{key}")
    if mapping.phone_region and mapping.phone_region not in SUPPORTED_REGIONS:
        faults["phone_region"] = Invalid(N_("This value cannot be used here."), field="phone_region")


def filled(template: str, cells: Mapping[str, str]) -> str:
    """Return the template with the cells of the named columns in place; '' when one of them is empty."""
    wanted = _PLACE.findall(template)
    if not wanted or not all(cells.get(heading, "").strip() for heading in wanted):
        return ""
    return _PLACE.sub(lambda place: cells[place[1]].strip(), template)


# --- words that stand for codes ----------------------------------------------

_KIND_WORDS: Final = {
    Kind.COMPANY: "company organisation organization business b2b legal_entity"
    " юрлицо юр.лицо юридическое_лицо компания организация 企业 公司 单位",
    Kind.PERSON: "person individual contact people b2c physical_person физлицо физ.лицо физическое_лицо человек частное_лицо 个人 自然人",
}
CODED: Final[Mapping[str, Mapping[Any, str]]] = {"kind": KINDS, "stage": STAGES, "source": SOURCES}


@lru_cache(maxsize=8)
def _words(key: str) -> Mapping[str, str]:
    """Return the words (case folded, in every language) that mean a code of `kind`, `stage` or `source`."""
    found = {str(code).casefold(): str(code) for code in CODED[key]}
    for code, text in CODED[key].items():
        found |= {translate(language, text).casefold(): str(code) for language in LANGUAGES}
    if key == "kind":
        found |= {word.replace("_", " "): str(code) for code, text in _KIND_WORDS.items() for word in text.split()}
    return found


def coded(key: str, text: str) -> str:
    """Return the code that a text means, the text itself when it means none."""
    return _words(key).get(" ".join(text.split()).casefold(), text)
