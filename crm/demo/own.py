"""The invented company's own fields, and what its customers have in them."""

import json
from typing import Any, Final

from sqlalchemy import Connection, insert, select

from crm.fields import OWN, Definition, FieldKind, OwnField, Whose
from crm.fields.records import definition

BUYS_FOR, SHOWROOM = "buys_for", "showroom"
_GOODS: Final = ("Own rooms", "Resale", "Hotels and restaurants")
FIELDS: Final[tuple[dict[str, Any], ...]] = (
    {
        "code": BUYS_FOR, "label": "Buys for", "kind": FieldKind.SEVERAL, "whose": Whose.COMPANY, "listed": True,
        "choices": [[f"choice_{number}", label, False] for number, label in enumerate(_GOODS, start=1)],
    },
    {"code": SHOWROOM, "label": "Was in the showroom", "kind": FieldKind.YES_NO, "whose": Whose.BOTH, "listed": False, "choices": []},
)  # fmt: skip
KNOWN_OF: Final = 5
"""Of every so many customers two have something in these fields."""


def add_fields(connection: Connection) -> None:
    """Add the fields that are not there yet."""
    table = OwnField.__table__
    known = set(connection.scalars(select(table.c.code)))
    fresh = [
        one | {"position": place, "mandatory": False, "version": 1}
        for place, one in enumerate(FIELDS, start=len(known) + 1)
        if one["code"] not in known
    ]
    if fresh:
        connection.execute(insert(table), fresh)


def definitions() -> tuple[Definition, ...]:
    """Return the fields as everybody reads them."""
    same = {"mandatory": False, "archived_at": None, "version": 1}
    return tuple(definition(one | same | {"id": place, "position": place}) for place, one in enumerate(FIELDS, start=1))


def values(customer_id: int, *, company: bool) -> dict[str, Any]:
    """Return what a customer has in the own fields."""
    turn = customer_id % KNOWN_OF
    if company and turn == 1:
        first = customer_id // KNOWN_OF % len(_GOODS)
        return {OWN + BUYS_FOR: [f"choice_{one + 1}" for one in sorted({first, customer_id % len(_GOODS)})]}
    return {OWN + SHOWROOM: customer_id % 2 == 0} if turn == 2 else {}


def written(those: list[dict[str, Any]]) -> list[str]:
    """Return the column as the bulk path stores it."""
    return [json.dumps(one) for one in those]
