"""Spellings: what the writings of one name have in common, whatever script, ear, keyboard or hurry they come from."""

import re
import unicodedata
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Final

WORD: Final = re.compile(r"[^\W_]+")
HAN: Final = re.compile(r"[\u4e00-\u9fff]")
LATIN: Final = re.compile(r"[a-z]")
RUSSIAN: Final = re.compile(r"[а-яё]")
LEGAL: Final = frozenset(
    {"ооо", "оао", "ао", "зао", "пао", "ип", "ltd", "inc", "llc", "llp", "plc", "co", "corp", "gmbh", "ag", "sa", "bv"}
)
LEGAL_HAN: Final = re.compile(r"(股份有限公司|有限责任公司|有限公司|集团|公司)$")
CYRILLIC: Final = dict(zip("абвгдезийклмнопрстуфхцыэ", "abvgdeziiklmnoprstufhcye", strict=True)) | {
    "ё": "e", "ж": "zh", "ч": "ch", "ш": "sh", "щ": "sch", "ъ": "", "ь": "", "ю": "iu", "я": "ia",
}  # fmt: skip
SAME_SOUND: Final = (
    ("shch", "sch"), ("kh", "h"), ("tz", "c"), ("ts", "c"), ("x", "ks"), ("ck", "k"), ("ph", "f"), ("w", "v"), ("q", "k"),
    ("j", "i"), ("y", "i"),
)  # fmt: skip
BY_EAR: Final = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (r"dzh|dg(?=e)|j", "g"), (r"shch|sch|sh", "s"), (r"tch|ch", "c"), (r"zh", "z"), (r"ck|q", "k"), (r"ph", "f"),
        (r"x", "ks"), (r"t[sz]", "c"), (r"c(?=[eiy])", "s"), (r"c(?![eiy]|$)", "k"), (r"gh(?=t|$)", ""),
        (r"^u(?=[aeio])", "v"), (r"w(?![aeiou])", ""), (r"w", "v"), (r"h", ""),
    )
)  # fmt: skip
_LEADING_ZEROS: Final = re.compile(r"(?<!\d)0+(?=\d)")
_VOWELS: Final = re.compile(r"[aeiouy]")
_TWICE: Final = re.compile(r"(.)\1+")
_LATIN_KEYS, _RUSSIAN_KEYS = "`qwertyuiop[]asdfghjkl;'zxcvbnm,.", "ёйцукенгшщзхъфывапролджэячсмитьбю"
_TO_RUSSIAN: Final = str.maketrans(_LATIN_KEYS + '~{}:"<>', _RUSSIAN_KEYS + "ёхъжэбю")
_TO_LATIN: Final = str.maketrans(_RUSSIAN_KEYS, _LATIN_KEYS)


def plain(text: str) -> str:
    """Return a text as it is compared: lower case, ё as е, without spaces around."""
    return text.replace("\x00", "").strip().lower().replace("ё", "е")


def words(text: str) -> list[str]:
    """Return the words of a name in lower case, legal forms left out unless nothing else is there."""
    found = WORD.findall(text.lower().replace("ё", "е"))
    return [word for word in found if word not in LEGAL] or found


def number_key(text: str) -> str:
    """Return a customer number as it is compared: 'C-0000042', 'c 42' and 'C0042' share it."""
    return _LEADING_ZEROS.sub("", "".join(WORD.findall(text.lower())))


@lru_cache(maxsize=50_000)
def _latin(word: str) -> str:
    letters = "".join(CYRILLIC.get(letter, letter) for letter in word.lower())
    return "".join(c for c in unicodedata.normalize("NFKD", letters) if not unicodedata.combining(c))


@lru_cache(maxsize=50_000)
def fold(word: str) -> str:
    """Return one Latin key for the spellings of a name: Иванов, Ivanov and IVANOFF-like share it."""
    found = _latin(word)
    for old, new in SAME_SOUND:
        found = found.replace(old, new)
    return _TWICE.sub(r"\1", found)


@lru_cache(maxsize=50_000)
def heard(word: str) -> str:
    """Return the consonants that one hears: Smith and Смит, Johnson and Джонсон share them. '' where none is left."""
    found = _latin(word)
    for pattern, new in BY_EAR:
        found = pattern.sub(new, found)
    first = "a" if _VOWELS.match(found) else found[:1]
    kept = _TWICE.sub(r"\1", first + _VOWELS.sub("", found[1:]))
    return kept if kept != "a" and kept.isascii() else ""


def other_layout(text: str) -> str:
    """Return what the same keys write under the other layout of a Russian keyboard: 'ghbdtn' -> 'привет'; '' where both are met."""
    low = text.lower()
    latin, russian = bool(LATIN.search(low)), bool(RUSSIAN.search(low))
    if latin == russian or HAN.search(low):
        return ""
    return low.translate(_TO_RUSSIAN if latin else _TO_LATIN)


def without_one(word: str) -> set[str]:
    """Return the word with each of its letters left out once."""
    return {word[:place] + word[place + 1 :] for place in range(len(word))}


def is_one_slip(one: str, other: str) -> bool:
    """Say whether one wrong, missing or superfluous letter, or two exchanged neighbours, lie between two words."""
    if abs(len(one) - len(other)) > 1:
        return False
    begin = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    one, other = one[begin:], other[begin:]
    exchanged = len(one) > 1 and one[1::-1] == other[:2] and one[2:] == other[2:]
    return exchanged or one[1:] == other[1:] or one[1:] == other or one == other[1:]


def likeness(one: str, other: str) -> float:
    """Return how alike two names are (0 to 1), whatever the order of their words, their legal form or their alphabet."""
    return float(SequenceMatcher(None, _compared(one), _compared(other), autojunk=False).ratio())


def _compared(name: str) -> str:
    return " ".join(sorted(fold(LEGAL_HAN.sub("", word) or word) for word in words(name)))
