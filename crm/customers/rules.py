"""Rules: what a list of customers is narrowed by, put together from any field with 'and' and 'or'.

A rule is one short text. It stands in the address, in saved filters and in exports, and it is readable:

    city.is.Kazan.or.city.is.Tver..last_contact.older.90

'..' stands between blocks, which all apply (with 'any..' in front: one of which is enough); within a block stands the other of
'or' and 'and'. A '.' or '-' inside a value is written '-d' and '--'; days are written 20260209.

Promises: what is not understood is left out and said, never an error; of what is masked for some, nobody can ask more than
whether it is there.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any, Final

from crm.core.access import Actor
from crm.core.errors import Invalid
from crm.core.grants import ALL
from crm.core.i18n import N_
from crm.customers.records import KINDS, SOURCES, STAGES
from crm.fields import OWN, STANDARD, Definition, FieldKind
from crm.templates import DELIVERED, TypeList

MOST_CONDITIONS: Final = 20
MOST_VALUES: Final = 50
LONGEST: Final = 4_000
LONGEST_VALUE: Final = 200
MOST_DAYS: Final = 36_500
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
ME: Final = "me"
"""Whoever reads the list, among the people that a rule names: so a shared filter is everybody's own."""

_ANY, _OR, _AND = "any", "or", "and"
_ESCAPED: Final = re.compile(r"-(.)")
_NUMBER: Final = re.compile(r"-?\d{1,15}(?:\.\d{1,6})?", re.ASCII)
_ID: Final = re.compile(r"\d{1,18}", re.ASCII)
_DAY: Final = re.compile(r"\d{8}", re.ASCII)


class Operator(StrEnum):
    """How a field is compared."""

    IS = "is"
    NOT = "not"
    CONTAINS = "contains"
    BEGINS = "begins"
    MORE = "more"
    LESS = "less"
    LAST = "last"
    NEXT = "next"
    OLDER = "older"
    BEFORE = "before"
    AFTER = "after"
    EMPTY = "empty"
    FILLED = "filled"


class Takes(StrEnum):
    """What a condition on a field takes, and so which operators fit it."""

    TEXT = "text"
    NUMBER = "number"
    MOMENT = "moment"
    DAY = "day"
    CHOICE = "choice"
    SEVERAL = "several"
    PERSON = "person"
    TEAM = "team"
    TAG = "tag"
    YES_NO = "yes_no"
    PRESENCE = "presence"


_O: Final = Operator
_WHETHER: Final = {_O.EMPTY: N_("is empty"), _O.FILLED: N_("is filled in")}
_ONE_OF: Final = {_O.IS: N_("is"), _O.NOT: N_("is not")}
_SOME_OF: Final = {_O.IS: N_("has one of"), _O.NOT: N_("has none of")}
_IN_TIME: Final = {_O.LAST: N_("in the last … days"), _O.OLDER: N_("longer ago than … days")}
_BY_DATE: Final = {_O.IS: N_("on"), _O.BEFORE: N_("before"), _O.AFTER: N_("after")}
_EVER: Final = {_O.EMPTY: N_("never"), _O.FILLED: N_("at any time")}
OPERATORS: Final[Mapping[Takes, Mapping[Operator, str]]] = {
    Takes.TEXT: _ONE_OF | {_O.CONTAINS: N_("contains"), _O.BEGINS: N_("begins with")} | _WHETHER,
    Takes.NUMBER: {_O.IS: N_("is"), _O.MORE: N_("is more than"), _O.LESS: N_("is less than")} | _WHETHER,
    Takes.MOMENT: _IN_TIME | _BY_DATE | _EVER,
    Takes.DAY: _IN_TIME | {_O.NEXT: N_("in the next … days")} | _BY_DATE | _WHETHER,
    Takes.CHOICE: _ONE_OF | _WHETHER,
    Takes.SEVERAL: _SOME_OF | _WHETHER,
    Takes.PERSON: _ONE_OF | {_O.EMPTY: N_("is nobody"), _O.FILLED: N_("is somebody")},
    Takes.TEAM: _ONE_OF | {_O.EMPTY: N_("is none"), _O.FILLED: N_("is any")},
    Takes.TAG: _SOME_OF | {_O.EMPTY: N_("has none at all"), _O.FILLED: N_("has any")},
    Takes.YES_NO: {_O.IS: N_("is")} | _WHETHER,
    Takes.PRESENCE: {_O.FILLED: N_("is known"), _O.EMPTY: N_("is not known")},
}
"""What a field can be asked, in the words that stand between the field and the value."""

WHETHER: Final = frozenset({_O.EMPTY, _O.FILLED})
IN_DAYS: Final = frozenset({_O.LAST, _O.NEXT, _O.OLDER})
ONE_VALUE: Final = frozenset(_O) - {_O.IS, _O.NOT} - WHETHER


@dataclass(frozen=True)
class Askable:
    """A field that a condition can be on. column: of Customer, '' for own fields. choices: code -> msgid, or label of an own field.

    always: it is never empty. One of a company's own fields is called by `label` as it is, the others by its translation.
    """

    key: str
    label: str
    takes: Takes
    column: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    always: bool = False

    @property
    def is_own(self) -> bool:
        """Say whether the company added the field."""
        return self.key.startswith(OWN)

    @property
    def operators(self) -> dict[Operator, str]:
        """Return how it can be compared, with the words for it."""
        every = OPERATORS[self.takes]
        return {one: text for one, text in every.items() if not (self.always and one in WHETHER)}


def _codes(names: Mapping[Any, str]) -> dict[str, str]:
    return {str(code): text for code, text in names.items()}


_EVERYBODYS: Final = (
    Askable("stage", STANDARD["stage"], Takes.CHOICE, "stage", _codes(STAGES), always=True),
    Askable("kind", STANDARD["kind"], Takes.CHOICE, "kind", _codes(KINDS), always=True),
    Askable("type", STANDARD["type"], Takes.CHOICE, "type", always=True),
    Askable("city", STANDARD["city"], Takes.TEXT, "city"),
    Askable("tag", STANDARD["tags"], Takes.TAG),
    Askable("responsible", STANDARD["responsible"], Takes.PERSON, "responsible_id"),
    Askable("team", N_("Team"), Takes.TEAM, "team_id"),
    Askable("last_contact", N_("Last contact"), Takes.MOMENT, "last_interaction_at"),
    Askable("contacts", N_("Number of contacts"), Takes.NUMBER, "interaction_count", always=True),
    Askable("last_purchase", N_("Last purchase"), Takes.MOMENT, "last_purchase_at"),
    Askable("purchases", N_("Number of purchases"), Takes.NUMBER, "purchase_count", always=True),
    Askable("created", N_("Created"), Takes.MOMENT, "created_at", always=True),
    Askable("completeness", N_("Completeness in per cent"), Takes.NUMBER, "completeness", always=True),
    Askable("verified", N_("Verified"), Takes.MOMENT, "verified_at", always=True),
    Askable("source", STANDARD["source"], Takes.CHOICE, "source", _codes(SOURCES)),
    Askable("source_detail", STANDARD["source_detail"], Takes.TEXT, "source_detail"),
    Askable("phone", N_("Phone"), Takes.PRESENCE),
    Askable("email", N_("E-mail"), Takes.PRESENCE),
    Askable("address", STANDARD["address"], Takes.PRESENCE, "address"),
    Askable("name", STANDARD["name"], Takes.TEXT, "name", always=True),
    Askable("industry", STANDARD["industry"], Takes.TEXT, "industry"),
    Askable("employees", STANDARD["employees"], Takes.NUMBER, "employees"),
    Askable("region", STANDARD["region"], Takes.TEXT, "region"),
    Askable("country", STANDARD["country"], Takes.TEXT, "country"),
    Askable("need", STANDARD["need"], Takes.TEXT, "need"),
    Askable("note", STANDARD["note"], Takes.TEXT, "note"),
    Askable("website", STANDARD["website"], Takes.TEXT, "website"),
    Askable("external_number", STANDARD["external_number"], Takes.TEXT, "external_number"),
    Askable("archived", N_("In the bin"), Takes.YES_NO, "archived_at", always=True),
)
_OF_KIND: Final = {
    FieldKind.TEXT: Takes.TEXT,
    FieldKind.LINK: Takes.TEXT,
    FieldKind.NUMBER: Takes.NUMBER,
    FieldKind.DATE: Takes.DAY,
    FieldKind.CHOICE: Takes.CHOICE,
    FieldKind.SEVERAL: Takes.SEVERAL,
    FieldKind.YES_NO: Takes.YES_NO,
}
YES_NO: Final = {"yes": N_("Yes"), "no": N_("No")}


def askable(actor: Actor, own: Iterable[Definition], types: TypeList = DELIVERED) -> dict[str, Askable]:
    """Return key -> what this person can make a condition on: whom he does not see he cannot ask for, nor the bin without its right."""
    sees_people = actor.scope("users.view") is ALL
    hidden = set() if sees_people else {"responsible", "team"}
    hidden |= set() if actor.may("customers.archive") else {"archived"}
    found = {one.key: one for one in _EVERYBODYS if one.key not in hidden}
    found["type"] = replace(found["type"], choices={one.code: one.name for one in types})
    for one in own:
        choices = {each.code: each.label for each in one.choices}
        found[one.key] = Askable(one.key, one.label, _OF_KIND[one.kind], choices=choices)
    return found


# --- a rule -----------------------------------------------------------------


@dataclass(frozen=True)
class Condition:
    """One row of a rule: a field by its key, how it is compared, and with what."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """Blocks of conditions. Every block applies, and in each one of its conditions; `either`: the other way round."""

    blocks: tuple[tuple[Condition, ...], ...] = ()
    either: bool = False

    def without(self, block: int, place: int) -> "Rule":
        """Return the rule without one condition."""
        left = [
            tuple(one for at, one in enumerate(conditions) if (number, at) != (block, place))
            for number, conditions in enumerate(self.blocks)
        ]
        return Rule.of([one for one in left if one], either=self.either)

    @classmethod
    def of(cls, blocks: Sequence[tuple[Condition, ...]], *, either: bool) -> "Rule":
        """Return a rule of these blocks. One block alone has nothing beside it: its conditions become the blocks."""
        alone = either and len(blocks) == 1
        return cls(tuple((one,) for one in blocks[0]) if alone else tuple(blocks), either and not alone)

    @property
    def conditions(self) -> list[Condition]:
        """Every condition, in the order in which they stand."""
        return [one for block in self.blocks for one in block]


def checked(condition: Condition, known: Mapping[str, Askable]) -> Condition:
    """Return a condition with its values as they are compared. Raises Invalid when nobody could know what is meant."""
    asked = known.get(condition.key)
    if asked is None:
        name = condition.key.removeprefix(OWN)[:40]
        raise Invalid(N_("There is no field '{name}' that you could filter by: this condition is left out."), name=name)
    unclear = Invalid(N_("The condition on '{name}' is not understood and left out."), name=asked.label)
    if condition.operator not in asked.operators:
        raise unclear
    if condition.operator in WHETHER:
        return Condition(condition.key, condition.operator)
    values = tuple(filter(None, dict.fromkeys(map(_storable, condition.values))))
    if condition.operator in ONE_VALUE or asked.takes in {Takes.YES_NO, Takes.NUMBER, Takes.MOMENT, Takes.DAY}:
        values = values[:1]
    if not 0 < len(values) <= MOST_VALUES or not all(_fits(asked, condition.operator, one) for one in values):
        raise unclear
    return Condition(condition.key, condition.operator, values)


def _storable(text: str) -> str:
    """Return what of a text a database can be asked for."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode().strip()


def _fits(asked: Askable, operator: Operator, value: str) -> bool:
    """Say whether a value is one that this field can be compared with in this way."""
    if asked.takes in {Takes.MOMENT, Takes.DAY}:
        in_days = bool(_ID.fullmatch(value)) and 0 < int(value) <= MOST_DAYS
        return in_days if operator in IN_DAYS else day_of(value) is not None
    match asked.takes:
        case Takes.PERSON | Takes.TEAM | Takes.TAG:
            fits = bool(_ID.fullmatch(value)) or (asked.takes is Takes.PERSON and value == ME)
        case Takes.CHOICE | Takes.SEVERAL:
            fits = value in asked.choices
        case Takes.NUMBER:
            fits = bool(_NUMBER.fullmatch(value))
        case Takes.YES_NO:
            fits = value in YES_NO
        case _:
            fits = len(value) <= LONGEST_VALUE
    return fits


def day_of(text: str) -> date | None:
    """Return the day that stands in a rule, None when it is none."""
    if not _DAY.fullmatch(text):
        return None
    try:
        found = date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
    return found if FIRST_DAY <= found <= LAST_DAY else None


# --- as text ----------------------------------------------------------------


def written(rule: Rule) -> str:
    """Return the text of a rule."""
    between = f".{_AND if rule.either else _OR}."
    blocks = [between.join(map(_written, block)) for block in rule.blocks if block]
    return "..".join([_ANY] * (rule.either and bool(blocks)) + blocks)


def _written(one: Condition) -> str:
    return ".".join([one.key.replace(OWN, "own-"), one.operator, *map(_closed, one.values)])


def _closed(value: str) -> str:
    text = value.replace("-", "--").replace(".", "-d")
    return f"-{text}" if text in {_OR, _AND} else text


def _opened(text: str) -> str:
    return _ESCAPED.sub(lambda found: {"d": "."}.get(found[1], found[1]), text)


def read(text: str, known: Mapping[str, Askable]) -> tuple[Rule, tuple[Invalid, ...]]:
    """Return the rule of a text and what of it was left out because it was not understood."""
    if len(text) > LONGEST:
        return Rule(), (Invalid(N_("This filter is too long and was left out.")),)
    either, rest = (True, text[len(_ANY) + 2 :]) if text.startswith(f"{_ANY}..") else (False, text)
    faults: list[Invalid] = []
    blocks, count = [], 0
    for part in rest.split(".."):
        block = []
        for one in _apart(part, _AND if either else _OR):
            count += 1
            if count > MOST_CONDITIONS:
                break
            try:
                block.append(checked(_condition(one), known))
            except Invalid as fault:
                faults.append(fault)
        blocks.append(tuple(block))
    if count > MOST_CONDITIONS:
        faults.append(Invalid(N_("At most {most} conditions fit here; the others are left out."), most=MOST_CONDITIONS))
    return Rule.of([one for one in blocks if one], either=either), tuple(faults)


def _apart(block: str, between: str) -> list[list[str]]:
    """Return the conditions of a block as their parts."""
    found: list[list[str]] = [[]]
    for part in block.split("."):
        if part == between:
            found.append([])
        elif part:
            found[-1].append(part)
    return [one for one in found if one]


def _condition(parts: list[str]) -> Condition:
    key = f"{OWN}{parts[0][4:]}" if parts[0].startswith("own-") else parts[0]
    operator = parts[1] if len(parts) > 1 else ""
    if operator not in set(Operator):
        raise Invalid(N_("'{text}' is not understood and left out."), text=".".join(parts)[:60])
    return Condition(key, Operator(operator), tuple(map(_opened, parts[2:])))


def plain(text: str) -> str:
    """Return the words of a rule's text side by side: to see whether somebody is named in it."""
    return " ".join(_opened(part) for part in text.split(".") if part)
