"""What a list of customers shows of each, and in which orders."""

from collections.abc import Mapping
from typing import Any, Final

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
ORDERS: Final[Mapping[str, tuple[Any, ...]]] = {
    "name": (Customer.sort_name, Customer.id),
    "recent": (Customer.last_interaction_at.desc().nulls_last(), Customer.id.desc()),
    "newest": (Customer.id.desc(),),
}
