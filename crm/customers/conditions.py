"""Conditions: a rule as SQL. What it looks like (its shape) is made once; its values are given at each run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any, Final, NamedTuple

from sqlalchemy import Boolean, ColumnElement, Float, and_, bindparam, cast, not_, or_, select, type_coerce

from crm import fields as own_fields
from crm.core import clock
from crm.customers.records import Customer, CustomerTag, Email, Phone
from crm.customers.rules import IN_DAYS, ME, Askable, Condition, Operator, Rule, Takes, day_of
from crm.search import TOKENS
from db.base import AnySelect
from db.dialect import ByRow, LikeInAnyCase

CASES: Final = 3
"""In so many cases a text is looked for: as typed, in small letters, with a capital."""


class Part(NamedTuple):
    """One condition without its values. often: what bears the value is asked row by row, because so many do."""

    key: str
    takes: Takes
    column: str
    operator: Operator
    often: bool = False

    @property
    def is_under_token(self) -> bool:
        """Say whether the values of the field stand in the index of the look-up as they are compared here."""
        of_values = self.takes in {Takes.TEXT, Takes.CHOICE, Takes.SEVERAL, Takes.YES_NO}
        return not self.column and of_values and self.operator in {Operator.IS, Operator.NOT}

    @property
    def is_in_cities(self) -> bool:
        """Say whether customers of some cities are asked for."""
        return self.column == "city" and self.operator is Operator.IS

    @property
    def has_bearers(self) -> bool:
        """Say whether rows of another table say who has one of the values: few are fetched by their keys."""
        return self.operator is Operator.IS and (self.takes is Takes.TAG or self.is_under_token)


@dataclass(frozen=True)
class Shape:
    """A rule without its values: what is prepared once for all who ask alike.

    by_row: no index is taken for it, because the list is gone through in its order. by_name: that order is by name, in
    which an index leads through one city, too.
    """

    blocks: tuple[tuple[Part, ...], ...] = ()
    either: bool = False
    by_row: bool = False
    by_name: bool = False

    @property
    def parts(self) -> list[Part]:
        """Every part, in the order of their values: the first one's are called w0."""
        return [one for block in self.blocks for one in block]

    def with_often(self, often: set[int]) -> "Shape":
        """Return the shape in which these parts are asked row by row."""
        place = count()
        blocks = (tuple(one._replace(often=next(place) in often) for one in block) for block in self.blocks)
        return Shape(tuple(blocks), self.either)

    def asks_for(self, key: str) -> bool:
        """Say whether one of the conditions is on this field."""
        return any(one.key == key for one in self.parts)

    @property
    def condition(self) -> ColumnElement[bool]:
        """Return the whole rule as SQL."""
        place = count()
        inner, outer = (and_, or_) if self.either else (or_, and_)
        blocks = (
            [
                _sql(one, f"w{next(place)}", by_row=self.by_row and not (self.by_name and one.is_in_cities))
                for one in block
            ]
            for block in self.blocks
        )
        return outer(*(inner(*block) for block in blocks))


def shape_of(rule: Rule, known: Mapping[str, Askable]) -> Shape:
    """Return the shape of a rule whose conditions were checked."""
    blocks = (tuple(_part(known[one.key], one) for one in block) for block in rule.blocks)
    return Shape(tuple(blocks), rule.either)


def _part(asked: Askable, one: Condition) -> Part:
    return Part(one.key, asked.takes, asked.column, one.operator)


# --- values -----------------------------------------------------------------


@dataclass(frozen=True)
class Asker:
    """For whom and when a rule is asked: 'me', and the days of a time zone."""

    person_id: int | None
    now: datetime
    zone: str

    def day(self, ago: int) -> date:
        """Return the day so many days before today (negative: after)."""
        return clock.day_of(self.now, self.zone) - timedelta(days=ago)

    def start(self, day: date) -> datetime:
        """Return the moment at which a day begins."""
        return clock.start_of(day, self.zone)


def values_of(rule: Rule, shape: Shape, who: Asker) -> dict[str, Any]:
    """Return name -> value of everything that a rule of this shape compares with."""
    found: dict[str, Any] = {}
    for place, (part, one) in enumerate(zip(shape.parts, rule.conditions, strict=True)):
        if one.values:
            found |= {f"w{place}{tail}": value for tail, value in _values(part, one, who).items()}
    return found


def _values(part: Part, one: Condition, who: Asker) -> dict[str, Any]:
    """Return what follows the name of the part -> value."""
    if part.takes in {Takes.MOMENT, Takes.DAY}:
        return _days(part, one.values[0], who)
    if part.operator in {Operator.CONTAINS, Operator.BEGINS}:
        pattern = "".join(f"!{sign}" if sign in "!%_" else sign for sign in one.values[0])
        before = "%" if part.operator is Operator.CONTAINS else ""
        return {f"_{n}": f"{before}{each}%" for n, each in enumerate(_cased(pattern)[:CASES])}
    return {"": _compared(part, one, who)}


def _compared(part: Part, one: Condition, who: Asker) -> Any:
    if part.is_under_token:
        return [own_fields.token(part.key, value) for value in one.values]
    match part.takes:
        case Takes.PERSON | Takes.TEAM | Takes.TAG:
            return [who.person_id if value == ME else int(value) for value in one.values]
        case Takes.NUMBER:
            return float(one.values[0])
        case Takes.YES_NO:
            return one.values[0] == "yes"
        case Takes.TEXT:
            return sorted({each for value in one.values for each in _cased(value)})
        case _:
            return list(one.values)


def _cased(text: str) -> list[str]:
    """Return a text in the cases in which people write it. No database folds every alphabet by an index."""
    low = text.lower()
    return [text, low, low[:1].upper() + low[1:], text.upper(), text.title()]


def _days(part: Part, value: str, who: Asker) -> dict[str, Any]:
    """Return where a period begins (_0) and where it has ended (_1). Days are compared as text, moments as moments."""
    first = after = who.day(0)
    if part.operator in IN_DAYS:
        days = int(value)
        first, after = {
            Operator.LAST: (who.day(days - 1), who.day(-1)),
            Operator.NEXT: (who.day(0), who.day(-days - 1)),
            Operator.OLDER: (who.day(days), who.day(days - 1)),
        }[part.operator]
    elif (day := day_of(value)) is not None:
        first, after = day, day + timedelta(days=1)
    if part.column:
        return {"_0": who.start(first), "_1": who.start(after)}
    return {"_0": first.isoformat(), "_1": after.isoformat()}


# --- SQL --------------------------------------------------------------------


def _sql(part: Part, name: str, *, by_row: bool) -> ColumnElement[bool]:
    if part.key == "archived":
        return Customer.archived_at.is_not(None) == bindparam(name, type_=Boolean)
    if part.takes is Takes.PRESENCE and not part.column:
        row, customer_id = {"phone": (Phone.id, Phone.customer_id), "email": (Email.id, Email.customer_id)}[part.key]
        return _whether(part, _bears(row, customer_id))
    if part.takes is Takes.TAG:
        return _by_bearer(part, CustomerTag.customer_id, CustomerTag.tag_id, name)
    if part.is_under_token:
        return _by_bearer(part, TOKENS.c.customer_id, TOKENS.c.token, name)
    column = _column(part, by_row=by_row)
    if part.operator in {Operator.EMPTY, Operator.FILLED}:
        return column.is_(None) if part.operator is Operator.EMPTY else column.is_not(None)  # type: ignore[no-any-return]  # a condition
    return _COMPARED.get(part.takes, _among)(part, column, name)


_NEAR: Final = frozenset({Operator.LAST, Operator.IS})
"""What leads to few rows of the index of a moment; the others lead to nearly all."""


def _column(part: Part, *, by_row: bool) -> Any:
    if part.column:
        column = getattr(Customer, part.column)
        lead_far = part.takes is Takes.MOMENT and part.operator not in _NEAR
        return type_coerce(ByRow(column), column.type) if by_row or lead_far else column
    stored = Customer.extra[part.key].as_string()
    return cast(stored, Float) if part.takes is Takes.NUMBER else stored


def _whether(part: Part, there: ColumnElement[bool]) -> ColumnElement[bool]:
    return not_(there) if part.operator in {Operator.EMPTY, Operator.NOT} else there


def _bears(row: Any, customer_id: Any, *having: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return 'there is such a row of the customer', asked of each customer of the list."""
    return select(row).where(*having, customer_id == Customer.id).limit(1).correlate(Customer).exists()


def _by_bearer(part: Part, customer_id: Any, value: Any, name: str) -> ColumnElement[bool]:
    if part.operator in {Operator.EMPTY, Operator.FILLED}:
        return _whether(part, _bears(customer_id, customer_id))
    having = value.in_(bindparam(name, expanding=True))
    if part.operator is Operator.IS and not part.often:
        return Customer.id.in_(select(customer_id).where(having))
    return _whether(part, _bears(customer_id, customer_id, having))


def _among(part: Part, column: Any, name: str) -> ColumnElement[bool]:
    found = column.in_(bindparam(name, expanding=True))
    return or_(column.is_(None), not_(found)) if part.operator is Operator.NOT else found


def _text(part: Part, column: Any, name: str) -> ColumnElement[bool]:
    if part.operator in {Operator.IS, Operator.NOT}:
        return _among(part, column, name)
    return LikeInAnyCase(column, *(bindparam(f"{name}_{n}") for n in range(CASES)))


def _number(part: Part, column: Any, name: str) -> ColumnElement[bool]:
    value = bindparam(name, type_=Float)
    return {Operator.MORE: column > value, Operator.LESS: column < value}.get(part.operator, column == value)  # type: ignore[no-any-return]  # likewise


def _in_time(part: Part, column: Any, name: str) -> ColumnElement[bool]:
    begins, ended = (bindparam(f"{name}_{n}", type_=column.type) for n in range(2))
    match part.operator:
        case Operator.BEFORE:
            return column < begins  # type: ignore[no-any-return]  # likewise
        case Operator.AFTER:
            return column >= ended  # type: ignore[no-any-return]  # likewise
        case Operator.OLDER:
            return column < ended  # type: ignore[no-any-return]  # likewise
        case _:
            return and_(column >= begins, column < ended)


_COMPARED: Final[Mapping[Takes, Callable[[Part, Any, str], ColumnElement[bool]]]] = {
    Takes.TEXT: _text,
    Takes.NUMBER: _number,
    Takes.MOMENT: _in_time,
    Takes.DAY: _in_time,
}


def bearers(part: Part, name: str) -> AnySelect:
    """Return the statement of the customers who have one of the values of a part, to see whether they are many.

    It says nothing of whose they are: of a tag's rows each would be looked at for it.
    """
    tagged: Any = CustomerTag.__table__.c
    customer_id, value = (
        (tagged.customer_id, tagged.tag_id) if part.takes is Takes.TAG else (TOKENS.c.customer_id, TOKENS.c.token)
    )
    return select(customer_id).where(value.in_(bindparam(name, expanding=True)))
