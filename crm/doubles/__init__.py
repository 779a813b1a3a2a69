"""Doubles: whoever enters a customer hears at once that it is there already, and asks for access instead of adding it again.

Promises: a customer out of sight is told of as 'exists, responsible: X' and nothing else, to whoever knows a whole phone,
e-mail or tax number (or name and city); such answers are noted and limited for each person and hour, and whoever guesses on
hears nothing any more, right or wrong; a double is saved only with a reason, which the card's history keeps.
"""

from crm.doubles.access import ask_for_access, grant, who_can_grant
from crm.doubles.finding import FIELDS, TAX, pairs
from crm.doubles.saving import REASONS, SAVE, Reason, add, settle
from crm.doubles.telling import CHECK, Answer, Double, look, told

__all__ = [
    "CHECK",
    "FIELDS",
    "REASONS",
    "SAVE",
    "TAX",
    "Answer",
    "Double",
    "Reason",
    "add",
    "ask_for_access",
    "grant",
    "look",
    "pairs",
    "settle",
    "told",
    "who_can_grant",
]
