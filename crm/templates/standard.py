"""The templates as they are delivered: a company must have a name and an address, a private person a name."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from crm.core.i18n import LANGUAGES, N_, translate
from crm.fields import Whose
from crm.templates.records import Group, Level, Place, Type

PERSONAL: Final = ("name", "phones", "emails", "address")
"""The fields that are somebody's personal data: they stand in a form of their own, with a right of their own."""

STANDARD_KEYS: Final = (
    *PERSONAL,
    "stage",
    "industry",
    "employees",
    "city",
    "region",
    "country",
    "website",
    "source",
    "source_detail",
    "need",
    "note",
    "external_number",
)
"""Every field that a template can ask for, besides the company's own ones."""

_WAYS, _BUSINESS = N_("Name and contact data"), N_("Business data")
TITLES: Final = (_WAYS, _BUSINESS)
"""The titles of the groups that are delivered."""
NAMES: Final = {str(Whose.COMPANY): N_("Company"), str(Whose.PERSON): N_("Private person")}
_M, _W, _F = Level.MUST, Level.WANTED, Level.FREE
_COMPANY: Final = {
    _WAYS: {"name": _M, "phones": _W, "emails": _W, "address": _M},
    _BUSINESS: {
        "stage": _F, "industry": _W, "employees": _W, "city": _W, "region": _F, "country": _F, "website": _F,
        "source": _W, "source_detail": _F, "need": _W, "note": _F,
    },
}  # fmt: skip
_PERSON: Final = {
    _WAYS: {"name": _M, "phones": _W, "emails": _W, "address": _W},
    _BUSINESS: {
        "stage": _F, "city": _W, "region": _F, "country": _F, "source": _W, "source_detail": _F, "need": _F, "note": _F,
    },
}  # fmt: skip


def _type(code: str, fields: dict[str, dict[str, Level]], position: int) -> Type:
    groups = tuple(
        Group(title, tuple(Place(key, level) for key, level in those.items())) for title, those in fields.items()
    )
    named = {key for those in fields.values() for key in those}
    return Type(code, NAMES[code], code, groups, frozenset(STANDARD_KEYS) - named, position)


DELIVERED: Final = (_type(str(Whose.COMPANY), _COMPANY, -2), _type(str(Whose.PERSON), _PERSON, -1))


def delivered(code: str) -> Type | None:
    """Return a type as it was delivered."""
    return next((one for one in DELIVERED if one.code == code), None)


@lru_cache(maxsize=1)
def delivered_names() -> dict[str, str]:
    """Return what the delivered types are called in every language, case folded -> their code."""
    return {translate(code, text).casefold(): key for code in LANGUAGES for key, text in NAMES.items()}


def named(types: Iterable[Type], text: str) -> Type | None:
    """Return the type that a code or a name in any language means."""
    wanted = " ".join(text.split()).casefold()
    those = tuple(types)
    found = next((one for one in those if wanted in (one.code.casefold(), one.name.casefold())), None)
    return found or next((one for one in those if one.code == delivered_names().get(wanted)), None)
