"""What a list of customers shows of each, and in which orders."""

from collections.abc import Mapping
from typing import Any, Final

from crm.core.i18n import N_
from crm.customers.records import Customer

COLUMNS: Final = (
    Customer.id,
    Customer.name,
    Customer.kind,
    Customer.stage,
    Customer.city,
    Customer.responsible_id,
    Customer.team_id,
    Customer.partner_id,
    Customer.last_interaction_at,
    Customer.interaction_count,
)
MORE: Final[Mapping[str, Any]] = {
    key: getattr(Customer, key)
    for key in (
        "type",
        "completeness",
        "verified_at",
        "source",
        "source_detail",
        "industry",
        "employees",
        "need",
        "website",
        "country",
        "region",
        "external_number",
        "note",
        "last_purchase_at",
        "purchase_count",
        "created_at",
    )
}
"""What else a list can show, by the key of the column."""


def _by(column: Any, *, last: bool = False) -> tuple[Any, ...]:
    """Return an order by a column, those without a value behind; last: from its end on."""
    return (column.desc().nulls_last(), Customer.id.desc()) if last else (column.asc().nulls_last(), Customer.id.asc())


ORDERS: Final[Mapping[str, tuple[Any, ...]]] = {
    "name": (Customer.sort_name, Customer.id),
    "-name": (Customer.sort_name.desc(), Customer.id.desc()),
    "recent": _by(Customer.last_interaction_at, last=True),
    "-recent": _by(Customer.last_interaction_at),
    "newest": (Customer.id.desc(),),
    "-newest": (Customer.id,),
    "city": _by(Customer.city),
    "-city": _by(Customer.city, last=True),
    "contacts": (Customer.interaction_count.desc(), Customer.id.desc()),
    "-contacts": (Customer.interaction_count, Customer.id),
    "complete": (Customer.completeness, Customer.id),
    "-complete": (Customer.completeness.desc(), Customer.id.desc()),
    "verified": (Customer.verified_at, Customer.id),
    "-verified": (Customer.verified_at.desc(), Customer.id.desc()),
}
"""The orders of a list by their codes; each has its reverse."""

ORDER_NAMES: Final[Mapping[str, str]] = {
    "name": N_("Name, A to Z"),
    "-name": N_("Name, Z to A"),
    "recent": N_("Last contact, the latest first"),
    "-recent": N_("Last contact, the earliest first"),
    "newest": N_("Created, the newest first"),
    "-newest": N_("Created, the oldest first"),
    "city": N_("City, A to Z"),
    "-city": N_("City, Z to A"),
    "contacts": N_("Number of contacts, the most first"),
    "-contacts": N_("Number of contacts, the fewest first"),
    "complete": N_("Completeness, the least first"),
    "-complete": N_("Completeness, the most first"),
    "verified": N_("Verified, the longest ago first"),
    "-verified": N_("Verified, the latest first"),
}
