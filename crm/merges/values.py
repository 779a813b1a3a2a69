"""Values: what two cards say in the same field, which of it stays, and what can be put back later. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from crm.core.errors import Invalid
from crm.core.i18n import N_
from crm.customers import LENGTHS, Customer, sort_name
from crm.fields import Definition, FieldKind, is_filled
from crm.merges.records import Side

OWNER: Final = ("responsible_id", "team_id", "partner_id")
RESPONSIBLE: Final = "responsible"
"""The field that stands for all three of OWNER: a customer goes with the team of its responsible."""

EXTRA: Final = "extra:"
"""What the key of a value in `customers.extra` begins with here."""

NOT_CHOSEN: Final = frozenset(
    {"id", "version", "extra", "archived_at", "merged_into_id", "verified_at", "verified_by_id", *OWNER}
)
"""Of these nobody chooses. Who stood for the data of the card that stays still does: nobody has looked at the other's for it."""

FIELDS: Final = tuple(
    key for key, one in Customer.__table__.c.items() if key not in NOT_CHOSEN and not one.info.get("kept")
)
TOGETHER: Final = ("need", "note")
"""Long texts: what both cards say can stand one below the other."""

Values = Mapping[str, Any]
"""Field -> value of one card: FIELDS, RESPONSIBLE (the three of OWNER), and EXTRA with the keys of `extra`."""

Change = list[Any]
"""What stood in a field before, and what stands there afterwards."""


@dataclass(frozen=True)
class Question:
    """A field in which two cards differ. sides: whose values can stay; default: whose does unless somebody chooses."""

    key: str
    mine: Any
    theirs: Any
    sides: tuple[Side, ...]
    default: Side


def of_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a card from the row of its customer."""
    found = {key: row[key] for key in FIELDS} | {RESPONSIBLE: [row[key] for key in OWNER]}
    return found | {f"{EXTRA}{key}": value for key, value in row["extra"].items()}


def is_empty(key: str, value: Any) -> bool:
    """Say whether a field says nothing."""
    return value[0] is None if key == RESPONSIBLE else not is_filled(value)


def several(defined: Iterable[Definition]) -> frozenset[str]:
    """Return the keys of own fields that take any number of choices."""
    return frozenset(f"{EXTRA}{one.key}" for one in defined if one.kind is FieldKind.SEVERAL)


def questions(mine: Values, theirs: Values, many: frozenset[str]) -> list[Question]:
    """Return the fields in which two cards differ. many: own fields that take several choices.

    The kind is no question where the types differ: it is that of the type.
    """
    found = []
    for key in dict.fromkeys((*mine, *theirs)):
        if key == "kind" and mine["type"] != theirs["type"]:
            continue
        pair = mine.get(key), theirs.get(key)
        filled = [one is not None and not is_empty(key, one) for one in pair]
        if not any(filled) or _is_same(key, *pair):
            continue
        sides = (Side.SURVIVOR, Side.OTHER) + ((Side.BOTH,) if all(filled) and _joined(key, *pair, many) else ())
        default = sides[-1] if len(sides) > 2 else Side.SURVIVOR if filled[0] else Side.OTHER  # noqa: PLR2004  both fit
        found.append(Question(key, *pair, sides, default))
    return found


def _is_same(key: str, mine: Any, theirs: Any) -> bool:
    return mine[0] == theirs[0] if key == RESPONSIBLE else mine == theirs  # type: ignore[no-any-return]  # plain values


def _joined(key: str, mine: Any, theirs: Any, many: frozenset[str]) -> Any:
    """Return what both say together, None where that does not fit."""
    if key in many and isinstance(mine, list) and isinstance(theirs, list):
        return list(dict.fromkeys((*mine, *theirs)))
    if key not in TOGETHER:
        return None
    text = f"{mine}\n{theirs}"
    return text if len(text) <= LENGTHS[key] else None


def settled(mine: Values, theirs: Values, many: frozenset[str], choices: Mapping[str, str]) -> dict[str, Change]:
    """Return field -> [before, after] of what changes on the card that stays. Raises Invalid beside a field."""
    asked = {one.key: one for one in questions(mine, theirs, many)}
    for key, side in choices.items():
        if key in asked and side not in asked[key].sides:
            raise Invalid(N_("Please choose one of the list."), field=key)
    found = {}
    for key, one in asked.items():
        side = Side(choices.get(key, one.default))
        value = {Side.SURVIVOR: one.mine, Side.OTHER: one.theirs}.get(side)
        value = _joined(key, one.mine, one.theirs, many) if side is Side.BOTH else value
        if value != one.mine:
            found[key] = [one.mine, value]
    if "type" in found and mine["kind"] != theirs["kind"]:
        found["kind"] = [mine["kind"], theirs["kind"]]
    return found


def put_back(now: Values, changes: Mapping[str, Change]) -> tuple[dict[str, Change], tuple[str, ...]]:
    """Return what undoing changes on the card that stayed, and the fields that somebody changed since, which stay as they are."""
    back = {key: [after, before] for key, (before, after) in changes.items() if now.get(key) == after}
    if "type" in changes and "type" not in back:
        back.pop("kind", None)
    return back, tuple(key for key in changes if key not in back)


def write(customer: Customer, changes: Mapping[str, Change]) -> None:
    """Set the fields of a card to what they become."""
    extra = dict(customer.extra)
    for key, (_, value) in changes.items():
        if key == RESPONSIBLE:
            for name, one in zip(OWNER, value, strict=True):
                setattr(customer, name, one)
        elif key.startswith(EXTRA):
            extra[key.removeprefix(EXTRA)] = value
        else:
            setattr(customer, key, value)
    if "name" in changes:
        customer.sort_name = sort_name(customer.name)
    if (kept := {key: value for key, value in extra.items() if value is not None}) != customer.extra:
        customer.extra = kept
