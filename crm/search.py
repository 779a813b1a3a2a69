"""Search: the look-up box. One tokeniser in Python for both databases, an index kept in the transaction of the change.

Promises: a customer outside the reader's scope is not found; the digits of a phone that the reader may not see cannot be
guessed one by one (only whole numbers match then).
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from pypinyin import lazy_pinyin
from sqlalchemy import Column, ColumnElement, Index, String, Table, and_, false, or_, select

from crm.core.access import ALL, Scope
from crm.core.uow import UnitOfWork
from db.base import Base, BigId
from db.dialect import insert_new

WORD: Final = re.compile(r"[^\W_]+")
HAN: Final = re.compile(r"[\u4e00-\u9fff]")
DIGITS: Final = re.compile(r"^[\d\s()+.\-/]{5,}$")
LEGAL: Final = frozenset({"ооо", "ао", "зао", "пао", "ип", "ltd", "inc", "llc", "co", "gmbh"})
LONGEST: Final = 40
_CLOSED: Final = {"view": "customers.view_personal"}
MOST_WORDS: Final = 6
CYRILLIC: Final = dict(zip("абвгдезийклмнопрстуфхцыэ", "abvgdeziiklmnoprstufhcye", strict=True)) | {
    "ё": "e", "ж": "zh", "ч": "ch", "ш": "sh", "щ": "sch", "ъ": "", "ь": "", "ю": "iu", "я": "ia",
}  # fmt: skip
SAME_SOUND: Final = (
    ("shch", "sch"), ("kh", "h"), ("tz", "c"), ("ts", "c"), ("x", "ks"), ("ck", "k"), ("ph", "f"), ("w", "v"), ("q", "k"),
    ("j", "i"), ("y", "i"),
)  # fmt: skip


# One token under which a customer is found. The first letter tells its kind: n name, f folded, y pinyin, p phone, e mail.
# No record, because it may narrow what people ask for and never be asked for itself: it holds the digits of phones.
TOKENS: Final = Table(
    "search_tokens",
    Base.metadata,
    # ranges need the order of code points, which PostgreSQL keeps only under the collation C
    Column("token", String().with_variant(String(collation="C"), "postgresql"), primary_key=True, info=_CLOSED),
    Column("customer_id", BigId, primary_key=True, info=_CLOSED),
    Index("ix_search_tokens_customer", "customer_id"),
)


@lru_cache(maxsize=50_000)
def fold(word: str) -> str:
    """Return one Latin key for the spellings of a name: Иванов, Ivanov and IVANOFF-like share it."""
    latin = "".join(CYRILLIC.get(letter, letter) for letter in word.lower())
    plain = "".join(c for c in unicodedata.normalize("NFKD", latin) if not unicodedata.combining(c))
    for old, new in SAME_SOUND:
        plain = plain.replace(old, new)
    return re.sub(r"i(?=[aeou])", "i", re.sub(r"(.)\1+", r"\1", plain))


@lru_cache(maxsize=50_000)
def _word_tokens(word: str) -> tuple[str, ...]:
    if HAN.search(word):
        sounds = lazy_pinyin(word[:12])
        return (
            *(f"n{sign}" for sign in word[:LONGEST]),
            f"y{''.join(sounds)}",
            f"y{''.join(sound[:1] for sound in sounds)}",
        )
    return (f"n{word[:LONGEST]}", f"f{fold(word)[:LONGEST]}")


def words(text: str) -> list[str]:
    """Return the words of a name in lower case, legal forms left out unless nothing else is there."""
    found = WORD.findall(text.lower().replace("ё", "е"))
    return [word for word in found if word not in LEGAL] or found


def tokens(name: str, external_number: str | None, phones: Iterable[str], emails: Iterable[str]) -> set[str]:
    """Return every token of a customer. phones: digits of E.164."""
    found = {token for word in words(name) for token in _word_tokens(word)}
    found |= {f"n{word[:LONGEST]}" for word in words(external_number or "")}
    for digits in phones:
        found |= {f"p{digits}", f"p{digits[-10:]}", f"p{digits[-7:]}"}
    found |= {f"e{email[:LONGEST]}" for email in emails}
    return found


def index(u: UnitOfWork, customer_id: int, found: set[str]) -> None:
    """Put a customer under these tokens and no others; part of the verb that changed the customer."""
    stored = set(u.execute(select(TOKENS.c.token).where(TOKENS.c.customer_id == customer_id), raw=True).scalars())
    if gone := stored - found:
        u.execute(
            TOKENS.delete().where(TOKENS.c.customer_id == customer_id, TOKENS.c.token.in_(gone)), raw=True, bulk=True
        )
    if fresh := sorted(found - stored):
        rows = [{"token": token, "customer_id": customer_id} for token in fresh]
        u.execute(insert_new(u.session.get_bind().dialect, TOKENS, rows), raw=True, bulk=True)


def matches(customer_id: Any, text: str, *, full: Scope | None) -> ColumnElement[bool]:
    """Return 'this customer is found under the text' as SQL: every word must match by its beginning.

    full: how far the reader may see contact data; who does not see all of it finds phones and e-mails only whole.
    """
    query = text.strip().lower()
    if DIGITS.match(query):
        digits = re.sub(r"\D", "", query)
        wanted = {digits, digits[-10:]} if len(digits) > 7 else {digits[-7:]}  # noqa: PLR2004  seven digits: a number without its area
        return or_(*(_under(customer_id, f"p{one}", whole=True) for one in sorted(wanted)))
    if "@" in query:
        return _under(customer_id, f"e{query[:LONGEST]}", whole=full is not ALL)
    parts = words(query)[:MOST_WORDS]
    return and_(*(_word(customer_id, word) for word in parts)) if parts else false()


def _word(customer_id: Any, word: str) -> ColumnElement[bool]:
    if HAN.search(word):
        return and_(*(_under(customer_id, f"n{sign}", whole=True) for sign in word[:LONGEST]))
    ways = [_under(customer_id, f"n{word}"), _under(customer_id, f"f{fold(word)}")]
    if word.isascii() and word.isalpha():
        ways.append(_under(customer_id, f"y{word}"))
    return or_(*ways)


def _under(customer_id: Any, token: str, *, whole: bool = False) -> ColumnElement[bool]:
    column = TOKENS.c
    wanted = column.token == token if whole else and_(column.token >= token, column.token < token + "\U0010ffff")
    return customer_id.in_(select(column.customer_id).where(wanted))  # type: ignore[no-any-return]


def is_long_enough(text: str) -> bool:
    """Say whether a text can be looked up: two letters or digits, or one Chinese character."""
    compact = text.strip()
    return len(compact) >= 2 or bool(HAN.search(compact))  # noqa: PLR2004  one letter finds everybody


def best(reader_id: int | None, text: str, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return found customers, the likeliest first: exact words, own customers, those talked to lately."""
    asked = set(words(text))

    def rank(row: dict[str, Any]) -> tuple[int, bool, float]:
        last = row["last_interaction_at"]
        return (
            len(asked & set(words(row["name"]))),
            row["responsible_id"] == reader_id,
            last.timestamp() if last else 0.0,
        )

    return sorted(rows, key=rank, reverse=True)
