"""Templates: which types of customers there are, and what is asked of each: which fields, in which group and order, how much.

Promises: a type keeps its code for ever, whatever it is called later; a type belongs to one kind of customer; for each kind
there is one type that cannot be taken away; a field that no template names is asked at the end, so that nothing new is ever
lost from sight; a change holds from the next click on.

This is what stands below the customers: the definitions and what follows from them. The verbs are in `crm.types`.
"""

from crm.templates.queries import TypeList, everything, forget, in_use, types
from crm.templates.records import (
    BASE,
    LEVELS,
    MOST_TYPES,
    NAME_LENGTH,
    RIGHT,
    TITLE_LENGTH,
    CustomerType,
    Group,
    Level,
    Place,
    Type,
)
from crm.templates.scoring import FULL, Filled, absent, demanded, filled, missing, score, share, strict
from crm.templates.standard import DELIVERED, PERSONAL, STANDARD_KEYS, TITLES, delivered

__all__ = [
    "BASE",
    "DELIVERED",
    "FULL",
    "LEVELS",
    "MOST_TYPES",
    "NAME_LENGTH",
    "PERSONAL",
    "RIGHT",
    "STANDARD_KEYS",
    "TITLES",
    "TITLE_LENGTH",
    "CustomerType",
    "Filled",
    "Group",
    "Level",
    "Place",
    "Type",
    "TypeList",
    "absent",
    "delivered",
    "demanded",
    "everything",
    "filled",
    "forget",
    "in_use",
    "missing",
    "score",
    "share",
    "strict",
    "types",
]
