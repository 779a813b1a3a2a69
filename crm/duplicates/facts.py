"""What is compared of a customer: name, phones, e-mails, numbers and place, each brought into one form by the rules of the look-up.

A customer meets only those with whom it shares a key (`keys`): nobody compares everybody with everybody.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import combinations
from typing import Any, Final

from crm.search import HAN, WORD, fold, heard, words
from crm.search.spelling import LEGAL_HAN, plain
from crm.search.tokens import sounds_of

LOCAL_PHONE: Final = 10
"""Digits of a phone without its country."""

MOST_WORDS: Final = 6
LEAST_OWN: Final = 5
"""Signs of the part of an address before the @ that is somebody's own."""

OFFICES: Final = frozenset(
    {"admin", "contact", "hello", "info", "mail", "office", "order", "orders", "reception", "sales", "service", "support", "zakaz"}
)  # fmt: skip
"""What stands before the @ at half of all companies."""

_CITY: Final = re.compile(r"^(?:г\.|город(?=\s))\s*|市$", re.IGNORECASE)
_PLACES: Final = frozenset(
    {
        "ул", "улица", "пр", "просп", "проспект", "пер", "переулок", "наб", "ш", "шоссе", "пл", "площадь", "д", "дом", "кв", "оф", "офис",
        "стр", "корп", "к",
        "street", "st", "road", "rd", "avenue", "ave", "lane", "ln", "place", "pl", "drive", "dr", "flat", "apt", "unit",
    }
)  # fmt: skip
"""Words that say only what kind of place it is, and are left out as often as not."""


@dataclass(frozen=True)
class Facts:
    """What is compared of one customer; '' and () stand for what is not known.

    version: of the record. name: what equal names share, whatever their alphabet, legal form and the order of their words.
    written: the name in Latin, in its own order; sorted: its words in the order of the alphabet; words: the same one by one.
    figures: the numbers in it, by which a school or a shop is told from the next. rare: by what it is told how rare the name is
    (words, or Chinese signs). phones: digits. numbers: of the tax office. street, house: the letters and the numbers of an
    address. birthdays: 2026-12-31. keys: by which it meets others.
    """

    id: int
    version: int = 1
    name: str = ""
    written: str = ""
    sorted: str = ""
    words: Sequence[str] = ()
    figures: str = ""
    rare: Sequence[str] = ()
    phones: Sequence[str] = ()
    emails: Sequence[str] = ()
    numbers: Sequence[str] = ()
    city: str = ""
    street: str = ""
    house: Sequence[str] = ()
    birthdays: Sequence[str] = ()
    keys: Sequence[str] = ()


COLUMNS: Final = tuple(one.name for one in fields(Facts))
NUMBERS: Final = ("id", "version")
LISTS: Final = ("words", "rare", "phones", "emails", "numbers", "house", "birthdays", "keys")


def facts(
    customer_id: int,
    name: str,
    *,
    version: int = 1,
    city: str | None = None,
    address: str | None = None,
    phones: Iterable[str] = (),
    emails: Iterable[str] = (),
    numbers: Iterable[str] = (),
    birthdays: Iterable[str] = (),
) -> Facts:
    """Bring what is known of a customer into the form in which it is compared. phones: digits of E.164; numbers: of the tax office."""
    named = words(plain(name))[:MOST_WORDS]
    latin = [_in_latin(word) for word in named]
    street, house = _place(address or "")
    town = _in_latin(_CITY.sub("", plain(city or "")))
    known = {
        "phones": tuple(dict.fromkeys(phones)),
        "emails": tuple(dict.fromkeys(emails)),
        "numbers": tuple(dict.fromkeys(number.lower() for number in numbers)),
        "birthdays": tuple(dict.fromkeys(birthdays)),
    }
    return Facts(
        id=customer_id,
        version=version,
        name=" ".join(sorted(_bare(word) for word in named)),
        written=" ".join(latin),
        sorted=" ".join(sorted(latin)),
        words=tuple(dict.fromkeys(latin)),
        figures=" ".join(sorted(word for word in named if _has_digit(word))),
        rare=tuple(dict.fromkeys(_rare(named))),
        city=town,
        street=street,
        house=house,
        keys=tuple(dict.fromkeys(_keys(named, latin, town, (street, house), known))),
        **known,
    )


def _has_digit(word: str) -> bool:
    return any(sign.isdigit() for sign in word)


@lru_cache(maxsize=50_000)
def _in_latin(word: str) -> str:
    if _has_digit(word):  # folding takes 11 for 1
        return word
    return fold("".join(sounds_of(word)) if HAN.search(word) else word)


def _bare(word: str) -> str:
    """Return what equal words share: Chinese ones by their signs, others by their Latin spelling."""
    return LEGAL_HAN.sub("", word) or word if HAN.search(word) else _in_latin(word)


def _rare(named: Sequence[str]) -> Iterator[str]:
    for word in named:
        if HAN.search(word):
            yield from LEGAL_HAN.sub("", word) or word
        else:
            yield _in_latin(word)


def _place(address: str) -> tuple[str, tuple[str, ...]]:
    """Take an address apart: the name of the street, and the numbers of house, block and flat in their order."""
    found = [word for word in WORD.findall(plain(address)) if word not in _PLACES]
    numbers = [word for word in found if _has_digit(word)]
    letters = [_in_latin(word) for word in found if word not in numbers]
    return " ".join(sorted(letters)), tuple(dict.fromkeys(numbers))


def _keys(
    named: Sequence[str],
    latin: Sequence[str],
    town: str,
    place: tuple[str, Sequence[str]],
    known: dict[str, tuple[str, ...]],
) -> Iterator[str]:
    """Give everything by which two records of one customer may meet. A key that very many share leads to nobody."""
    yield from (f"p{digits[-LOCAL_PHONE:]}" for digits in known["phones"])
    yield from (f"i{number}" for number in known["numbers"])
    yield from (f"d{day}" for day in known["birthdays"])
    for address in known["emails"]:
        local = address.partition("@")[0]
        yield f"e{address}"
        if len(local) >= LEAST_OWN and local not in OFFICES:
            yield f"l{local}"
    street, house = place
    if street and house:
        yield f"a{street} {house[0]}"
    yield from _keys_of_name(named, latin, town)


def _keys_of_name(named: Sequence[str], latin: Sequence[str], town: str) -> Iterator[str]:
    sounds = [heard(word) or word for word in latin]
    for kind, text in (("n", " ".join(sorted(latin))), ("h", " ".join(sorted(sounds)))):
        yield f"{kind}{text}"
        if town:
            yield f"{kind}{text} {town}"
    for one, other in combinations(sorted(set(sounds)), 2):  # a third name is written or not
        yield f"w{one} {other}"
    if not town or not named:
        return
    yield from (f"c{sound} {town}" for sound in sounds)
    longest = max(latin, key=len)
    if len(longest) >= LEAST_OWN:
        yield f"b{longest[:4]} {town}"
        yield f"z{longest[-4:]} {town}"


def as_columns(found: Sequence[Facts]) -> dict[str, list[Any]]:
    """Return customers as columns."""
    return {key: [getattr(one, key) for one in found] for key in COLUMNS}
