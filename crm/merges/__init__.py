"""Merges: two cards of one customer become one, field by field, and two again whenever that was wrong.

Promises: everything that belongs to either leads to the one that stays, and nothing is deleted: what says the same twice stays
behind with the card that goes, which leads to the survivor; it happens whole or not at all. Undone, everything is back where it
was; what somebody changed since stays as it is, what was added since stays with the survivor, and both are told before and
after. Later merges are undone first; of an erased customer nothing comes back.
"""

from crm.merges.changes import merge, undo
from crm.merges.links import DOUBLES, FIGURES, STAYS, Link, leads_to_customer, links
from crm.merges.queries import (
    Kept,
    Moving,
    Preview,
    Undoing,
    of,
    one_and_all,
    preview,
    survivor_of,
    undoing,
)
from crm.merges.records import NOTED, RIGHT, ROWS, SIDES, Merge, Side
from crm.merges.values import EXTRA, FIELDS, RESPONSIBLE, Question

__all__ = [
    "DOUBLES",
    "EXTRA",
    "FIELDS",
    "FIGURES",
    "NOTED",
    "RESPONSIBLE",
    "RIGHT",
    "ROWS",
    "SIDES",
    "STAYS",
    "Kept",
    "Link",
    "Merge",
    "Moving",
    "Preview",
    "Question",
    "Side",
    "Undoing",
    "leads_to_customer",
    "links",
    "merge",
    "of",
    "one_and_all",
    "preview",
    "survivor_of",
    "undo",
    "undoing",
]
