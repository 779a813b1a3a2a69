"""Encodings of text files: which ones people's tables come in, and which one a file is written in."""

import codecs
import re
from typing import Final

from charset_normalizer import from_bytes

ENCODINGS: Final = {
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16 LE",
    "utf-16-be": "UTF-16 BE",
    "cp1251": "Windows-1251",
    "koi8-r": "KOI8-R",
    "cp866": "CP866",
    "gb18030": "GB18030",
    "big5": "Big5",
    "shift_jis": "Shift JIS",
    "euc_kr": "EUC-KR",
    "cp1252": "Windows-1252",
    "cp1250": "Windows-1250",
}
"""Codec -> its usual name, in the order in which people are offered them."""

SAMPLE: Final = 256 * 1024
_PIECE: Final = 2**20
RUSSIAN: Final = ("cp1251", "koi8-r", "cp866")
_WORD: Final = re.compile(r"[^\W\d_]+|[\u2500-\u259f]+")
_LIKELY: Final = re.compile(r"[А-ЯЁ]?[а-яё]+|[А-ЯЁ]+")


def detect(content: bytes) -> str | None:
    """Return the codec that a text is written in, a key of ENCODINGS; None when none of them reads the whole of it."""
    if content.startswith(codecs.BOM_UTF8):
        return _whole(content, "utf-8-sig")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _whole(content, "utf-16")
    for propose in (_by_zeros, lambda _: ("utf-8-sig",), _by_russian_words, _by_statistics):
        for codec in propose(content[:SAMPLE]):
            if _whole(content, codec):
                return codec
    return None


def _whole(content: bytes, codec: str) -> str | None:
    """Return the codec when it reads the whole text; piece by piece, because the text of a large file takes four times its room."""
    reader = codecs.getincrementaldecoder(codec)()
    try:
        for place in range(0, len(content), _PIECE):
            reader.decode(content[place : place + _PIECE])
        reader.decode(b"", final=True)
    except UnicodeError:
        return None
    return codec


def _by_zeros(sample: bytes) -> tuple[str, ...]:
    """UTF-16 without its mark: delimiters and digits have a zero in every second place."""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if max(even, odd) * 20 < len(sample) // 2 or min(even, odd) * 4 > max(even, odd):
        return ()
    return ("utf-16-be",) if even > odd else ("utf-16-le",)


def _by_russian_words(sample: bytes) -> tuple[str, ...]:
    """In the right one of the three Russian encodings words look like words: 'Иванов', never 'иВАНОВ'."""
    found = []
    for codec in RUSSIAN:
        words = [word for word in _WORD.findall(sample.decode(codec, "replace")) if not word.isascii()]
        share = sum(bool(_LIKELY.fullmatch(word)) for word in words) / len(words) if words else 0.0
        if share > 0.9:  # noqa: PLR2004  the wrong ones reach a half at most
            found.append((share, codec))
    return tuple(codec for _, codec in sorted(found, reverse=True))


def _by_statistics(sample: bytes) -> tuple[str, ...]:
    allowed = [codecs.lookup(codec).name.replace("-", "_") for codec in ENCODINGS if not codec.startswith("utf")]
    names = {codecs.lookup(codec).name: codec for codec in ENCODINGS}
    guesses = from_bytes(sample, cp_isolation=allowed)
    found = tuple(codec for guess in guesses if (codec := names.get(codecs.lookup(guess.encoding).name)))
    return ("cp1252", *found) if found[:1] == ("cp1250",) and _is_western(sample) else found


def _is_western(sample: bytes) -> bool:
    """Say whether the western of the two Windows encodings fits: what only the eastern knows is a sign or nothing in it."""
    text = sample.decode("cp1252", "replace")
    return all(sign.isalpha() for sign in text if not sign.isascii())
