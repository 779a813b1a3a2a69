"""The index of the look-up: under which tokens a customer is found, and what is known of the words among them.

A further field that is to be found (a tax number, a tag, a contact person) is one entry of FIELDS, one Why with its words,
and its values in the call of `tokens` by whoever keeps it; what stands in many rows of its own (notes) is one `also_in`.

Two tables, alike in both databases and kept in the transaction of the change. TOKENS names the customers of each token.
PARTS is the vocabulary: it leads from the inside of a word, from its sound and from the word with one letter left out to the
tokens that stand in TOKENS, once for each different word however many customers bear it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, permutations
from typing import Any, Final

from pypinyin import lazy_pinyin
from sqlalchemy import Column, Index, String, Table, bindparam, select

from crm.core.uow import UnitOfWork
from crm.search.reasons import Why
from crm.search.spelling import HAN, LEGAL_HAN, WORD, fold, heard, number_key, without_one, words
from db.base import Base, BigId
from db.dialect import each_new, insert_new
from db.given import given, rows_of, text_of

LONGEST: Final = 40
SHORTEST_INSIDE: Final = 3
NAME_OF_A_PERSON: Final = 4
"""Signs, at most: then the last one alone may be what somebody types."""

SHORTEST_TAX: Final = 8
"""Signs that a tax number has, at least."""

SLIPS: Final = range(4, 25)
"""How long a word must be, and may be, to be found with a slip of the pen."""

PAIRED: Final = 3
"""So many words of a name stand in pairs, too."""

_CLOSED: Final = {"view": "customers.view_personal"}


def _text(name: str) -> Column[str]:
    # ranges need the order of code points, which PostgreSQL keeps only under the collation C
    return Column(name, String().with_variant(String(collation="C"), "postgresql"), primary_key=True, info=_CLOSED)


# One token under which a customer is found. The first letter tells its kind: n name, f folded, 2 two words of a name, y pinyin,
# x number, p phone, r phone from its end, e e-mail, m part of an e-mail, c contact person, i tax number.
# No record, because it may narrow what people ask for and never be asked for itself: it holds the digits of phones.
TOKENS: Final = Table(
    "search_tokens",
    Base.metadata,
    _text("token"),
    Column("customer_id", BigId, primary_key=True, info=_CLOSED),
    Index("ix_search_tokens_customer", "customer_id", "token"),
    sqlite_with_rowid=False,
)

# What leads to a token of a name: '*' its end from the second letter on, '-' itself and itself with one letter left out, '~' its sound.
PARTS: Final = Table("search_parts", Base.metadata, _text("part"), _text("token"), sqlite_with_rowid=False)


@lru_cache(maxsize=50_000)
def _word_tokens(word: str) -> tuple[str, ...]:
    if HAN.search(word):
        return (*(f"n{sign}" for sign in word[:LONGEST]), *_pinyin(word))
    return (f"n{word[:LONGEST]}", f"f{fold(word)[:LONGEST]}")


def sounds_of(word: str) -> list[str]:
    """Return the sounds of a Chinese word's first signs, its legal form left out."""
    return lazy_pinyin(LEGAL_HAN.sub("", word)[:12]) or lazy_pinyin(word[:12])


def pair_of(one: str, other: str) -> str:
    """Return what two folded words, or two signs, ask for side by side."""
    return f"{one}{other}" if HAN.search(one) else f"{one} {other}"


def _pairs(found: Iterable[str]) -> Iterator[str]:
    """Give two words of a name in either order, and the neighbours among the signs of a Chinese one.

    A surname and a first name that ten thousand bear each are borne together by a few.
    """
    spelt = []
    for word in found:
        if HAN.search(word):
            signs = LEGAL_HAN.sub("", word)[:LONGEST]
            yield from (pair_of(one, other) for one, other in pairwise(signs))
        else:
            spelt.append(fold(word))
    yield from (pair_of(one, other) for one, other in permutations(spelt[:PAIRED], 2))


def _pinyin(word: str) -> Iterator[str]:
    """Give the sounds and their initials from each of the first signs on: people leave out the city, or the surname."""
    sounds = sounds_of(word)
    for start in range(min(len(sounds) - (len(sounds) > NAME_OF_A_PERSON), 5)):
        yield f"y{''.join(sounds[start:])}"[:LONGEST]
        if len(sounds) - start > 1 or start == 0:
            yield f"y{''.join(sound[:1] for sound in sounds[start:])}"


def _numbers(text: str) -> Iterator[str]:
    """Give a customer number and those of its parts that have digits."""
    found = WORD.findall(text.lower())
    yield from map(number_key, {"".join(found), *(one for one in found if not one.isalpha())} - {""})


def _asked_number(text: str) -> str:
    return number_key(text) if any(sign.isdigit() for sign in text) else ""


def _asked_tax(text: str) -> str:
    found = "".join(WORD.findall(text.lower()))
    return found if len(found) >= SHORTEST_TAX and sum(map(str.isdigit, found)) * 2 > len(found) else ""


def _of_person(name: str) -> Iterator[str]:
    """Give the words of a person's name in one Latin spelling, those in Chinese by their signs and their sound."""
    yield from _pairs(words(name))
    for word in words(name):
        if HAN.search(word):
            yield from word[:LONGEST]
            yield fold("".join(lazy_pinyin(word[:NAME_OF_A_PERSON])))
        else:
            yield fold(word)


def _asked_person(text: str) -> str:
    return fold(text) if text.isalpha() else ""


@dataclass(frozen=True)
class Field:
    """A field by whose values customers are found.

    kind: the first letter of its tokens, one that no other has. keys: under which a stored value is found. asked: what is
    looked for when this was typed, '' for nothing. closed: only some may see it, so that parts of it answer to them alone.
    whole: only the whole value answers. by_sign: Chinese words are found by each of their signs, as those of the name are.
    """

    kind: str
    why: Why
    keys: Callable[[str], Iterable[str]]
    asked: Callable[[str], str]
    closed: bool = False
    by_sign: bool = False
    whole: bool = False


FIELDS: Final = {
    "external_number": Field("x", Why.NUMBER, _numbers, _asked_number),
    "contact": Field("c", Why.CONTACT, _of_person, _asked_person, by_sign=True),
    "tax": Field("i", Why.TAX, lambda number: [number.lower()], _asked_tax, whole=True),
}


def tokens(
    name: str, external_number: str | None, phones: Iterable[str], emails: Iterable[str], **more: Iterable[str]
) -> set[str]:
    """Return every token of a customer. phones: digits of E.164; more: values of further FIELDS."""
    found = {token for word in words(name) for token in _word_tokens(word)}
    found |= {f"2{pair}"[:LONGEST] for pair in _pairs(words(name))}
    for field, values in (more | {"external_number": [external_number or ""]}).items():
        kind, keys = FIELDS[field].kind, FIELDS[field].keys
        found |= {f"{kind}{key}"[:LONGEST] for value in values for key in keys(value)}
    for digits in phones:
        found |= {f"p{digits}", f"p{digits[-10:]}", f"p{digits[-7:]}", f"r{digits[::-1]}"}
    for email in emails:
        local, _, domain = email.partition("@")
        found.add(f"e{email}"[:LONGEST])
        found |= {f"m{one}"[:LONGEST] for one in (local, domain, *WORD.findall(local)[1:])}
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
        learn(u, vocabulary(found))


def forget(u: UnitOfWork, *customer_ids: int) -> None:
    """Take customers out of the index, and out of the vocabulary the words that nobody else bears.

    Part of the verb that erases them or takes them back.
    """
    theirs = TOKENS.c.customer_id.in_(customer_ids)
    stored: dict[int, set[str]] = {}
    for row in u.execute(select(TOKENS.c.token, TOKENS.c.customer_id).where(theirs), raw=True).mappings():
        stored.setdefault(row["customer_id"], set()).add(row["token"])
    u.execute(TOKENS.delete().where(theirs), raw=True, bulk=True)
    unlearn(u, {word for found in stored.values() for word in vocabulary(found)})


def unlearn(u: UnitOfWork, lost: set[str]) -> None:
    """Take words out of the vocabulary that nobody bears any more. lost: of the vocabulary."""
    words = given(*((word, f"n{word[1:]}" if word[0] == "f" else "") for word in sorted(lost)))
    gone = set(u.execute(_UNBORNE, {"words": words}, raw=True).scalars()) if lost else set()
    if rows := [{"p": part, "t": token} for part, token in leads(gone)]:
        these = (PARTS.c.part == bindparam("p")) & (PARTS.c.token == bindparam("t"))
        u.execute(PARTS.delete().where(these), rows, raw=True, bulk=True)


def _unborne() -> Any:
    """Select the words that stand in nobody's tokens; a folded word beside the same word as it is spelt stands for nothing."""
    words, bearer, same = rows_of("words"), TOKENS.alias(), TOKENS.alias()
    spelt = select(same.c.token).where(same.c.token == text_of(words, 1), same.c.customer_id == bearer.c.customer_id)
    borne = select(bearer.c.token).where(bearer.c.token == text_of(words, 0), ~spelt.correlate(words, bearer).exists())
    return select(text_of(words, 0)).where(~borne.correlate(words).exists())


_UNBORNE: Final = _unborne()


# --- the vocabulary ---------------------------------------------------------


def vocabulary(found: set[str]) -> set[str]:
    """Return the tokens of words among those of a customer. A folded word that is spelt the same stands for itself already."""
    return {
        token
        for token in found
        if len(token) > SHORTEST_INSIDE
        and (token[0] == "n" or (token[0] == "f" and f"n{token[1:]}" not in found))
        and not HAN.search(token)
    }


def parts(token: str) -> set[str]:
    """Return everything that leads to a token of the vocabulary."""
    kind, word = token[0], token[1:]
    found = {f"-{token}"} | {f"*{kind}{word[start:]}" for start in range(1, len(word) - SHORTEST_INSIDE + 1)}
    if word.isalpha():
        if len(word) in SLIPS:
            found |= {f"-{kind}{less}" for less in without_one(word)}
        if kind == "n" and (sound := heard(word)):
            found.add(f"~{sound}")
    return found


def learn(u: UnitOfWork, found: set[str]) -> None:
    """Take up words that no customer had before; part of the verb that changed customers. found: of the vocabulary."""
    marks = select(PARTS.c.token).where(PARTS.c.part.in_(sorted(f"-{token}" for token in found)))
    known = set(u.execute(marks, raw=True).scalars()) if found else set()
    if rows := [{"part": part, "token": token} for part, token in leads(found - known)]:
        u.execute(each_new(u.session.get_bind().dialect, PARTS), rows, raw=True, bulk=True)


def leads(found: Iterable[str]) -> list[tuple[str, str]]:
    """Return the rows of PARTS for tokens of the vocabulary, in one order: two writers at once never wait for each other."""
    return sorted((part, token) for token in found for part in parts(token))
