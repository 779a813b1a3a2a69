"""The fields that every company has, by what they are called: no own field may bear one of their names."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from crm.core.i18n import LANGUAGES, N_, translate

STANDARD: Final[Mapping[str, str]] = {
    "name": N_("Name"),
    "surname": N_("Surname"),
    "given_name": N_("Given name"),
    "middle_name": N_("Middle name"),
    "kind": N_("Kind"),
    "type": N_("Type"),
    "phones": N_("Phones"),
    "emails": N_("E-mail addresses"),
    "external_number": N_("Number in another system"),
    "responsible": N_("Responsible"),
    "stage": N_("Stage"),
    "source": N_("Source"),
    "source_detail": N_("Source in detail"),
    "industry": N_("Industry"),
    "employees": N_("Employees"),
    "need": N_("Need"),
    "website": N_("Website"),
    "country": N_("Country"),
    "region": N_("Region"),
    "city": N_("City"),
    "address": N_("Address"),
    "note": N_("Note"),
    "tags": N_("Tags"),
    "inn": N_("INN"),
    "kpp": N_("KPP"),
    "uscc": N_("USCC (China)"),
    "contact_name": N_("Contact person"),
    "contact_position": N_("Position of the contact person"),
    "contact_phones": N_("Phones of the contact person"),
    "contact_emails": N_("E-mail addresses of the contact person"),
}
"""The standard fields of a customer with their names, as files and forms know them."""


@lru_cache(maxsize=1)
def reserved() -> frozenset[str]:
    """Return what the standard fields are called in every language, case folded."""
    return frozenset(translate(code, text).casefold() for code in LANGUAGES for text in STANDARD.values())
