"""Languages: gettext with English in the source; Russian and Chinese catalogues are compiled in memory."""

import gettext
import io
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from crm.core.config import ROOT
from crm.core.errors import N_ as N_  # noqa: PLC0414  everybody takes it from here; errors needs it first
from crm.core.errors import CrmError

LANGUAGES: Final = {"en": "English", "ru": "Русский", "zh": "中文"}
"""The languages of the product, each in its own name."""

DEFAULT: Final = "en"


@lru_cache(maxsize=8)
def catalogue(language: str) -> gettext.NullTranslations:
    """Return the compiled catalogue of a language; English needs none."""
    path = ROOT / "locale" / language / "LC_MESSAGES" / "messages.po"
    if language not in LANGUAGES or language == DEFAULT or not path.exists():
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def translate(language: str, text: str) -> str:
    """Return the text in a language."""
    return catalogue(language).gettext(text) if text else text


def say(language: str, error: CrmError) -> str:
    """Return the sentence of an error in a language, its values filled in."""
    return translate(language, error.text).format(**error.values)


@lru_cache(maxsize=8)
def locale(language: str) -> Locale:
    """Return the Babel locale that writes dates, numbers and money for a language."""
    return Locale.parse({"zh": "zh_Hans_CN", "ru": "ru_RU"}.get(language, "en_GB"))


def guess(wishes: str | Iterable[str] | None) -> str:
    """Choose the first language we speak from an Accept-Language header or a list such as ['ru-RU', 'en']."""
    parts = re.split(r"[,\s]+", wishes) if isinstance(wishes, str) else list(wishes or ())
    ranked = sorted(((_weight(part), -place, part) for place, part in enumerate(parts) if part), reverse=True)
    for weight, _, part in ranked:
        code = re.split(r"[-_;]", part.strip().lower())[0]
        if weight > 0 and code in LANGUAGES:
            return code
    return DEFAULT


def _weight(wish: str) -> float:
    found = re.search(r";\s*q=([0-9.]+)", wish)
    try:
        return float(found.group(1)) if found else 1.0
    except ValueError:
        return 0.0
