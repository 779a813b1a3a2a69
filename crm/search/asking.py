"""What a typed text asks for: which tokens would answer it, and in which words the answer is explained."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import Integer, Select, bindparam, select

from crm.core.uow import UnitOfWork
from crm.search.reasons import WHYS, Why
from crm.search.spelling import (
    HAN,
    LATIN,
    LEGAL_HAN,
    fold,
    heard,
    is_one_slip,
    other_layout,
    plain,
    without_one,
    words,
)
from crm.search.tokens import FIELDS, LONGEST, PARTS, SHORTEST_INSIDE, SLIPS, pair_of, sounds_of
from db.given import apart, given, in_one_text, number_of, rows_of, text_of, texts

DIGITS: Final = re.compile(r"^[\d\s()+.\-/]*\d[\d\s()+.\-/]*$")
LAST: Final = "\U0010ffff"
MOST_WORDS: Final = 6
MOST_INSIDE: Final = 60
MOST_NEAR: Final = 12
MOST_PAIRS: Final = 40
ALIKE: Final = 0.5
LONGEST_TEXT: Final = 120
WHOLE_PHONE, PART_OF_PHONE, LOCAL_PHONE = 7, 4, 10
"""Digits: of a number without its area, of the shortest part of a number that is looked up, of a number without its country."""


@dataclass(frozen=True, slots=True)
class Way:
    """One token that answers a word of the question.

    begins: it answers with whatever follows, too. closed: it speaks of contact data in part, so that it answers only for
    customers whose contact data the reader sees in full. text: what the explanation quotes.
    """

    token: str
    why: Why
    text: str = ""
    begins: bool = True
    closed: bool = False

    def meets(self, token: str, *, whole: bool) -> bool:
        """Say whether a stored token is an answer."""
        return token.startswith(self.token) if self.begins and not whole else token == self.token


def last(way: Way, *, whole: bool) -> str:
    """Return the last token that is an answer; the first one is the way's own."""
    return way.token + LAST if way.begins and not whole else way.token


Group = tuple[Way, ...]
Question = tuple[Group, ...]
"""For each word the ways in which it may be met; each word must be."""


def is_long_enough(text: str) -> bool:
    """Say whether a text can be looked up: two letters or digits, or one Chinese character."""
    compact = text.strip()
    return len(compact) >= 2 or bool(HAN.search(compact))  # noqa: PLR2004  one letter finds everybody


# --- as it was typed, or meant on other keys --------------------------------


def questions(text: str) -> list[Question]:
    """Return what is asked when the text is taken as it stands."""
    query = plain(text[:LONGEST_TEXT])
    if DIGITS.match(query):
        return [(group,) for group in _of_digits(re.sub(r"\D", "", query), in_one=query.isdigit())]
    if "@" in query:
        return [(_of_email(query),)]
    found = [_of_words(words(query)[:MOST_WORDS], _word)]
    if any(sign.isdigit() for sign in query) and len(words(query)) > 1:
        found += [((way,),) for way in _of_fields(query)]
    if LATIN.search(query) and not query.isalnum() and " " not in query:
        found.append(((Way(f"m{query}"[:LONGEST], Why.PART_OF_EMAIL, query, closed=True),),))
    return [one for one in found if one]


def on_other_keys(text: str) -> list[Question]:
    """Return what is asked when the text was typed under the other layout of the keyboard; nothing where it could not be."""
    meant = other_layout(text[:LONGEST_TEXT])
    asked = words(meant)[:MOST_WORDS] if meant else []

    def word(one: str) -> Question:
        ways = [way for group in _word(one) for way in group if not way.closed]
        return (tuple(Way(way.token, Why.LAYOUT, meant.strip()) for way in ways),)

    return [_of_words(asked, word)] if asked else []


def _of_words(asked: Iterable[str], ways: Callable[[str], Question]) -> Question:
    return tuple(group for word in asked for group in ways(word))


def _of_digits(digits: str, *, in_one: bool) -> list[Group]:
    """Return whole numbers and ends of phones first, then what stands elsewhere in a phone."""
    found = _of_fields(digits)
    if in_one:
        found.append(Way(f"n{digits}"[:LONGEST], Why.NAME))
    if len(digits) >= WHOLE_PHONE:
        whole = {digits, digits[-LOCAL_PHONE:]} if len(digits) > WHOLE_PHONE else {digits}
        found += [Way(f"p{one}", Why.PHONE, begins=False) for one in sorted(whole)]
    if len(digits) < PART_OF_PHONE:
        return [tuple(found)]
    found.append(Way(f"r{digits[::-1]}", Why.END_OF_PHONE, digits, closed=True))
    begins = [digits, f"7{digits[1:]}"] if digits[0] == "8" else [digits]  # 8 916 … is +7 916 … within Russia
    return [tuple(found), tuple(Way(f"p{one}", Why.PART_OF_PHONE, digits, closed=True) for one in begins)]


def _of_email(query: str) -> Group:
    local, _, domain = query.partition("@")
    found = [Way(f"e{query}"[:LONGEST], Why.EMAIL, begins=False)]
    if local:
        found.append(Way(f"e{query}"[:LONGEST], Why.PART_OF_EMAIL, query, closed=True))
    elif domain:
        found.append(Way(f"m{domain}"[:LONGEST], Why.PART_OF_EMAIL, query, closed=True))
    return tuple(found)


def _word(word: str) -> Question:
    if HAN.search(word):
        signs = dict.fromkeys(LEGAL_HAN.sub("", word)[:LONGEST] or word[:LONGEST])
        return tuple((Way(f"n{sign}", Why.NAME, begins=False), *_of_sign(sign, word)) for sign in signs)
    short = word[:LONGEST]
    found = [Way(f"n{short}", Why.NAME)]
    if (sound := fold(word)[:LONGEST]) and word.isalpha():
        found.append(Way(f"f{sound}", Why.SOUND, word))
    if LATIN.search(word):
        if word.isascii() and word.isalpha():
            found.append(Way(f"y{short}", Why.PINYIN, word))
        found += [Way(f"{kind}{short}", Why.PART_OF_EMAIL, word, closed=True) for kind in "em"]
    return (tuple(found + _of_fields(word)),)


def _of_sign(sign: str, word: str) -> list[Way]:
    fields = (field for field in FIELDS.values() if field.by_sign)
    return [Way(f"{field.kind}{sign}", field.why, word, begins=False) for field in fields]


def _of_fields(text: str) -> list[Way]:
    asked = ((field, field.asked(text)) for field in FIELDS.values())
    return [
        Way(
            f"{field.kind}{key}"[:LONGEST],
            field.why,
            text if "{text}" in WHYS[field.why] else "",
            begins=not field.whole,
            closed=field.closed,
        )
        for field, key in asked
        if key
    ]


# --- two words side by side -------------------------------------------------


def side_by_side(question: Question) -> Question:
    """Return what each two neighbouring words ask for together, and the words that have no such neighbour; () without any pair.

    The first of two words is taken as a whole one, the second may go on where it might before.
    """
    paired: list[Group] = []
    alone = set(range(len(question)))
    for place, (first, second) in enumerate(pairwise(question)):
        if ways := _together(first, second):
            paired.append(ways)
            alone -= {place, place + 1}
    return (*paired, *(question[place] for place in sorted(alone))) if paired else ()


def _together(first: Group, second: Group) -> Group:
    ones, others = _spelt(first), _spelt(second)
    if len(ones) * len(others) > MOST_PAIRS:
        return ()
    pairs = {
        pair_of(one, other): begins
        for one in ones
        for other, begins in others.items()
        if bool(HAN.search(one)) is bool(HAN.search(other))
    }
    return tuple(
        Way(f"{kind}{pair}"[:LONGEST], why, begins=begins)
        for pair, begins in pairs.items()
        for kind, why in (("2", Why.NAME), (FIELDS["contact"].kind, Why.CONTACT))
    )


def _spelt(group: Group) -> dict[str, bool]:
    """Return the folded words of names that are ways to meet a word -> whether what begins so meets it, too."""
    found: dict[str, bool] = {}
    for way in group:
        if way.token[0] in "nf" and (word := fold(way.token[1:])):
            found[word] = found.get(word, False) or way.begins
    return found


# --- as it may have been meant ----------------------------------------------


def _ending() -> Select[Any]:
    """Return the statement of the tokens of words that go on like each of the ends that are given."""
    ends = rows_of("ends")
    here = select(PARTS.c.token).where(PARTS.c.part >= text_of(ends, 1), PARTS.c.part <= text_of(ends, 2))
    first = here.order_by(PARTS.c.part).limit(bindparam("most", type_=Integer))
    return select(number_of(ends, 0), in_one_text(first.correlate(ends)))


_ENDING: Final = _ending()
_LEADING: Final = select(PARTS.c.part, PARTS.c.token).where(PARTS.c.part.in_(texts("parts"))).limit(MOST_INSIDE * 10)


def inside(u: UnitOfWork, text: str) -> list[Question]:
    """Return what is asked when words of the text stand inside the words of a name. Asks the vocabulary."""
    asked = _asked_words(text)
    insides = {word: {f"*n{word}", f"*f{fold(word)}"} for word in asked if _is_long(word)}
    ends = sorted({end for found in insides.values() for end in found})
    tokens: dict[str, list[str]] = {end: [] for end in ends}
    if ends:
        asked_for = given(*((place, end, end + LAST) for place, end in enumerate(ends)))
        rows: Any = u.execute(_ENDING, {"ends": asked_for, "most": MOST_INSIDE}, raw=True)
        for place, found in rows:
            tokens[ends[place]] = apart(found)

    def ways(word: str) -> Question:
        group, *more = _word(word)
        found = {token for end in insides.get(word, ()) for token in tokens[end]}
        return (group + tuple(Way(token, Why.PART_OF_NAME, word, begins=False) for token in sorted(found)), *more)

    return [_of_words(asked, ways)] if any(tokens.values()) else []


def _is_long(word: str) -> bool:
    return len(word) >= SHORTEST_INSIDE and not HAN.search(word)


def near(u: UnitOfWork, text: str) -> list[Question]:
    """Return what is asked when words of the text were misspelt or written by ear. Asks the vocabulary."""
    found = [_near(u, _asked_words(text), by_ear=True)]
    if meant := other_layout(text[:LONGEST_TEXT]):
        found.append(_near(u, words(meant)[:MOST_WORDS], by_ear=False))
    return [one for one in found if one]


def _asked_words(text: str) -> list[str]:
    query = plain(text[:LONGEST_TEXT])
    return [] if DIGITS.match(query) or "@" in query else words(query)[:MOST_WORDS]


def _near(u: UnitOfWork, asked: list[str], *, by_ear: bool) -> Question:
    known = _leads(u, {part for word in asked for part in _parts_of(word)})

    def ways(word: str) -> Question:
        (group, *more) = _word(word)
        if more:
            return (group, *more)
        leads = {(token, part[0]) for part in _parts_of(word) for token in known.get(part, ())}
        slips = {token for token, lead in leads if lead == "-" and _is_slip(word, token)}
        found = [Way(token, Why.SLIP, word, begins=False) for token in slips]
        if by_ear:
            heard_so = {token for token, lead in leads if lead == "~" and _likeness(word, token) >= ALIKE} - slips
            found += [Way(token, Why.SOUND, word, begins=False) for token in heard_so]
        found.sort(key=lambda way: (-_likeness(word, way.token), way.token[0] != "n", way.token))
        return (group + tuple(found[:MOST_NEAR]),)

    question = _of_words(asked, ways)
    return question if question != _of_words(asked, _word) else ()


def _parts_of(word: str) -> set[str]:
    """Return what in the vocabulary leads to words like this one."""
    if not word.isalpha() or HAN.search(word):
        return set()
    found = {f"~{sound}"} if (sound := heard(word)) else set()
    for form in {f"n{word}", f"n{fold(word)}", f"f{fold(word)}"}:
        if len(form) - 1 in range(SLIPS.start - 1, SLIPS.stop + 1):
            found |= {f"-{form}"} | {f"-{form[0]}{less}" for less in without_one(form[1:])}
    return found


def _leads(u: UnitOfWork, parts: set[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    if parts:
        rows: Any = u.execute(_LEADING, {"parts": given(*((part,) for part in sorted(parts)))}, raw=True)
        for part, token in rows:
            found.setdefault(part, []).append(token)
    return found


def _is_slip(word: str, token: str) -> bool:
    return is_one_slip(word, token[1:]) or is_one_slip(fold(word), token[1:])


def _likeness(word: str, token: str) -> float:
    return SequenceMatcher(None, fold(word), fold(token[1:])).ratio()


# --- the same thing once more ------------------------------------------------


def same_phone(digits: str) -> Question:
    """Return what is asked for a whole phone, given as the digits of E.164."""
    return ((Way(f"r{digits[::-1]}", Why.PHONE, begins=False),),)


def same_email(address: str) -> Question:
    """Return what is asked for a whole address; of a long one the index keeps the beginning, so that its halves are asked, too."""
    local, _, domain = address.partition("@")
    parts = (f"e{address}", f"m{local}", f"m{domain}") if len(address) >= LONGEST else (f"e{address}",)
    return tuple((Way(one[:LONGEST], Why.EMAIL, begins=False),) for one in parts)


def same_tax(number: str) -> Question:
    """Return what is asked for a whole tax number."""
    return ((Way(f"i{number.lower()}"[:LONGEST], Why.TAX, begins=False),),)


def alike(u: UnitOfWork, name: str) -> Question:
    """Return what is asked for customers of a similar name: each word by ear or with one slip. Asks the vocabulary."""
    asked = words(plain(name[:LONGEST_TEXT]))[:MOST_WORDS]
    known = _leads(u, {part for word in asked for part in _parts_of(word)})
    return tuple(_alike(word, known) for word in asked)


def _alike(word: str, known: dict[str, list[str]]) -> Group:
    if HAN.search(word):
        sounds = sounds_of(word)
        least = -(-2 * len(sounds) // 3)  # the city may stand before the name in one of the two
        ends = ("".join(sounds[start:]) for start in range(min(len(sounds) - least + 1, 5)))
        return tuple(Way(f"y{end}"[:LONGEST], Why.PINYIN, begins=False) for end in ends)
    slips = {token for part in _parts_of(word) if part[0] == "-" for token in known.get(part, ())}
    near = sorted((one for one in slips if _is_slip(word, one)), key=lambda one: (-_likeness(word, one), one))
    same = f"f{fold(word)}"[:LONGEST]
    tokens = [same, *(one for one in near[:MOST_NEAR] if one != same)]
    return tuple(Way(token, Why.SOUND, begins=False) for token in tokens)


# --- the likeliest first ----------------------------------------------------


def best(reader_id: int | None, text: str, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return found customers, the likeliest first: exact words, own customers, those talked to lately."""
    asked, meant = set(words(text)), set(words(other_layout(text)))

    def rank(row: dict[str, Any]) -> tuple[bool, int, bool, float]:
        last, named = row["last_interaction_at"], set(words(row["name"]))
        return (
            named in (asked, meant),
            max(len(asked & named), len(meant & named)),
            row["responsible_id"] == reader_id,
            last.timestamp() if last else 0.0,
        )

    return sorted(rows, key=rank, reverse=True)
