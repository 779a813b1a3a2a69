"""What a template makes of a record: what is missing, what must not be, and how complete it is in per cent."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from crm.core.errors import Invalid
from crm.core.i18n import N_
from crm.fields import Definition, is_filled
from crm.templates.records import Level, Place, Type
from crm.templates.standard import STANDARD_KEYS

FULL: Final = 100
Filled = Collection[str]
"""The keys of the fields that are filled in."""


def filled(fields: Mapping[str, Any], *, phones: bool, emails: bool, extra: Mapping[str, Any]) -> set[str]:
    """Return what of a customer is filled in. phones, emails: whether there is any."""
    found = {key for key in STANDARD_KEYS if fields.get(key) not in (None, "")}
    found |= {key for key, value in extra.items() if is_filled(value)}
    return found | {key for key, there in (("phones", phones), ("emails", emails)) if there}


def _places(one: Type, own: Iterable[Definition]) -> Iterable[Place]:
    return (place for group in one.asked(own, STANDARD_KEYS) for place in group.places)


def demanded(one: Type, own: Iterable[Definition]) -> tuple[str, ...]:
    """Return the fields that make a record of this type complete."""
    return tuple(place.key for place in _places(one, own) if place.counts)


def score(one: Type, own: Iterable[Definition], there: Filled) -> int:
    """Return how complete a record is, in whole per cent. Rounded down: 100 says that nothing is missing."""
    return share(demanded(one, own), there)


def share(keys: Collection[str], there: Filled) -> int:
    """Return how much of what is demanded is there, as `score` says it: for whoever asks for many records at once."""
    return sum(key in there for key in keys) * FULL // len(keys) if keys else FULL


def absent(one: Type, own: Iterable[Definition], there: Filled) -> list[str]:
    """Return what is missing of a record, in the order of its template."""
    return [key for key in demanded(one, own) if key not in there]


def missing(
    one: Type, own: Iterable[Definition], there: Filled, of: Collection[str] | None = None
) -> dict[str, Invalid]:
    """Return a fault for each field that must be filled in and is not. of: the fields of the form, None for all."""
    return {
        place.key: Invalid(N_("Please fill in this field."), field=place.key)
        for place in _places(one, own)
        if place.level is Level.MUST and place.key not in there and (of is None or place.key in of)
    }


def strict(one: Type | None, own: Sequence[Definition]) -> tuple[Definition, ...]:
    """Return the own fields that customers of a type have: what their template leaves out is not asked of them."""
    return tuple(own) if one is None else tuple(each for each in own if one.asks_for_own(each))
