"""Search: the look-up box. One tokeniser in Python for both databases, an index kept in the transaction of the change.

Promises: a customer outside the reader's scope is not found; the digits of a phone that the reader may not see cannot be
guessed one by one (only whole numbers match then).
"""

from crm.search.asking import (
    Group,
    Question,
    Way,
    alike,
    best,
    inside,
    is_long_enough,
    last,
    near,
    on_other_keys,
    questions,
    same_email,
    same_phone,
    same_tax,
)
from crm.search.reasons import ELSEWHERE, WHYS, Why, also_in
from crm.search.spelling import CYRILLIC, HAN, WORD, fold, heard, is_one_slip, likeness, other_layout, words
from crm.search.tokens import FIELDS, LONGEST, PARTS, TOKENS, Field, forget, index, leads, learn, tokens, vocabulary

__all__ = [
    "CYRILLIC",
    "ELSEWHERE",
    "FIELDS",
    "HAN",
    "LONGEST",
    "PARTS",
    "TOKENS",
    "WHYS",
    "WORD",
    "Field",
    "Group",
    "Question",
    "Way",
    "Why",
    "alike",
    "also_in",
    "best",
    "fold",
    "forget",
    "heard",
    "index",
    "inside",
    "is_long_enough",
    "is_one_slip",
    "last",
    "leads",
    "learn",
    "likeness",
    "near",
    "on_other_keys",
    "other_layout",
    "questions",
    "same_email",
    "same_phone",
    "same_tax",
    "tokens",
    "vocabulary",
    "words",
]
