"""Types of customers on every screen: what they are called, which fields of which group a form draws, what is missing of a record."""

from collections.abc import Iterable
from typing import Any, Final

from crm import fields, templates
from crm.customers import Card, Reach
from crm.fields import STANDARD
from crm.templates import PERSONAL, STANDARD_KEYS, TITLES, Group, Place, Type, TypeList
from ui import own_fields, words
from ui.session import _, watched

SEVERAL: Final = 2
"""So many types there always are: with more of them the type says something that the kind does not."""


PARTS: Final = (("own fields", fields.everything), ("customer types", templates.everything))
"""What forms and lists are drawn by, for pages that read it together with what they show."""


def everything() -> TypeList:
    """Return every type, those out of use too; read again when somebody has changed something."""
    return watched("customer types", templates.everything)


def of(code: str | None) -> Type:
    """Return the type with a code, the first one where there is none."""
    known = everything()
    return next((one for one in known if one.code == code), known[0])


def called(one: Type) -> str:
    """Return what a type is called."""
    return _(one.name) if one.is_base else one.name


def name_of(code: Any) -> str:
    """Return what the type with a code is called, the code itself where there is none."""
    return next((called(one) for one in everything() if one.code == code), str(code or ""))


def names(kept: str | None = None) -> dict[str, str]:
    """Return code -> name of the types that can be chosen. kept: one that is chosen already."""
    return {one.code: called(one) for one in everything() if not one.archived or one.code == kept}


def are_several() -> bool:
    """Say whether the company has types of its own."""
    return len(names()) > SEVERAL


def title_of(group: Group) -> str:
    """Return what a group of fields is called."""
    return _(group.title) if group.title in TITLES else group.title


def title_typed(text: str) -> str:
    """Return the title that somebody means: the delivered ones stay themselves in every language."""
    return next((title for title in TITLES if _(title) == text.strip()), text)


def asked_of(one: Type) -> tuple[Group, ...]:
    """Return the groups of fields that are asked of customers of a type."""
    return one.asked(own_fields.known(), STANDARD_KEYS)


def label(key: str) -> str:
    """Return what a field is called."""
    return own_fields.labels().get(key) or (_(STANDARD[key]) if key in STANDARD else key)


def told(value: Any) -> str:
    """Return a stored template in words: the fields of each group, or those that are not asked."""
    groups = [one for one in value or () if isinstance(one, list)]
    if not groups:
        return words.listed(label(str(key)) for key in value or ())
    return "; ".join(words.listed(label(str(key)) for key, _level in places) for _title, places in groups)


def within(groups: Iterable[Group], *, personal: bool) -> list[Group]:
    """Return of each group what stands in the form of personal data, or what stands in that of business data."""
    parts = ((one, tuple(each for each in one.places if (each.key in PERSONAL) is personal)) for one in groups)
    return [Group(one.title, places) for one, places in parts if places]


def places(groups: Iterable[Group]) -> dict[str, Place]:
    """Return key -> place of every field of some groups, in their order."""
    return {each.key: each for one in groups for each in one.places}


def absent(card: Card, ways: Reach) -> list[str]:
    """Return the keys of what is missing of a customer, in the order of the template."""
    facts = vars(card) | {"address": ways.address}
    there = templates.filled(facts, phones=bool(ways.phones), emails=bool(ways.emails), extra=card.extra)
    return templates.absent(of(card.type), own_fields.known(), there)
