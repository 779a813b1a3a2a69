"""Who has the same phone, e-mail or tax number, or a similar name in the same city: keys from the index of the look-up.

What is found here is found whoever asks, so that nothing of it may leave but through `crm.doubles.telling`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import Any, Final

from sqlalchemy import func, select

from crm import customers, requisites, search, settings
from crm.contact_data import clean_email, clean_phone
from crm.core.errors import Invalid, InvalidForm
from crm.core.uow import UnitOfWork
from crm.customers import Customer
from crm.search import Question
from db.given import given, numbers, texts

TAX: Final = ("inn", "ogrn", "uscc", "vat")
FIELDS: Final = ("name", "phones", "emails", *TAX)
"""What is compared. A name counts only together with a city."""

ALIKE: Final = 0.8
"""So alike are two names that are held to be one: a slip of the pen, a legal form, exchanged words, a city before it."""

MOST_LOOKED: Final = 3_000
"""So many of those who bear all words of a name, or one number, are looked at, the newest first."""

MOST_TEXTS: Final = 10
"""So many phones or addresses of one form are compared: nobody has more, and a list of guesses has."""

_CITY: Final = re.compile(r"^(?:г\.|город(?=\s))\s*|市$", re.IGNORECASE)

Typed = Mapping[str, str | Sequence[str]]
"""Field of FIELDS or `city` -> text; `phones` and `emails` are sequences of text. As in the form, cleaned here."""

Pair = tuple[str, str]
"""A field and one text typed into it."""


@dataclass(frozen=True)
class Met:
    """A customer who has the same. Of one out of sight only the responsible may be told."""

    id: int
    name: str
    city: str | None
    responsible_id: int | None
    team_id: int | None


def pairs(typed: Typed) -> list[Pair]:
    """Return what is to be compared, each text with its field: no empty ones, and of a field not more than MOST_TEXTS."""
    found = []
    for field in FIELDS:
        value = typed.get(field) or ()
        texts_of_it = (value,) if isinstance(value, str) else value
        found += [(field, text.strip()) for text in texts_of_it if text.strip()][:MOST_TEXTS]
    return [one for one in found if one[0] != "name" or str(typed.get("city") or "").strip()]


def met(u: UnitOfWork, typed: Typed, *, but: int | None = None) -> dict[Pair, list[Met]]:
    """Return whom each typed text means, whoever may see them, the newest first; `but` is the customer at hand."""
    asked = list(_asked(u, typed))
    keys = customers.bearers(u, [question for _, question in asked])
    city = str(typed.get("city") or "")
    found: dict[Pair, list[Met]] = {}
    for (pair, _), those in zip(asked, keys, strict=True):
        field, text = pair
        rows = _rows(u, those - {but}, city if field == "name" else "")
        if field == "name":
            rows = [one for one in rows if search.likeness(text, one.name) >= ALIKE]
        found[pair] = rows
    return found


def _asked(u: UnitOfWork, typed: Typed) -> Iterator[tuple[Pair, Question]]:
    """Give what the index is asked for each text; what cannot be understood is told by the form when it is saved."""
    for field, text in pairs(typed):
        try:
            question = _question(u, field, text)
        except (Invalid, InvalidForm):
            continue
        if question and all(question):
            yield (field, text), question


def _question(u: UnitOfWork, field: str, text: str) -> Question:
    if field == "phones":
        return search.same_phone(clean_phone(text, settings.value(u, "phone_region"))[1])
    if field == "emails":
        return search.same_email(clean_email(text))
    if field in TAX:
        number = requisites.checked({field: text})[field]
        return search.same_tax(number) if number else ()
    return search.alike(u, text[: customers.NAME_LENGTH])


_TABLE: Final = Customer.__table__.c
_WHO: Final = (
    select(_TABLE.id, _TABLE.name, _TABLE.city, _TABLE.responsible_id, _TABLE.team_id)
    .where(_TABLE.archived_at.is_(None), _TABLE.id.in_(numbers("ids")))
    .order_by(_TABLE.id.desc())
)
# so that nobody begins with everybody in Moscow: an expression has no index
_WHO_THERE: Final = _WHO.where(func.coalesce(_TABLE.city, "").in_(texts("cities")))


def _rows(u: UnitOfWork, ids: set[int], city: str) -> list[Met]:
    if not ids:
        return []
    given_ids = given(*((key,) for key in nlargest(MOST_LOOKED, ids)))
    facts = {"ids": given_ids} | ({"cities": given(*((one,) for one in sorted(_cities(city))))} if city else {})
    rows: Any = u.execute(_WHO_THERE if city else _WHO, facts, raw=True)
    return [Met(*row) for row in rows]


def _cities(text: str) -> set[str]:
    """Return the ways in which people write a city: in capitals or not, with 'г.' or 市 or without."""
    name = _CITY.sub("", text.strip())
    forms = {name, name.lower(), name.upper(), name.title(), name.capitalize()}
    return {text.strip(), f"{name}市"} | forms | {f"г. {one}" for one in forms} | {f"г.{one}" for one in forms}
