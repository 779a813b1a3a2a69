"""Values of own fields: what somebody typed or a file says, cleaned by the kind of the field, and written again.

What is stored: text and links as text, numbers as exact decimals in text ('1234.5'), days as '2026-02-09', a choice by its
code, several by a list of codes, yes and no as true and false.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

from crm.core.errors import Invalid
from crm.core.i18n import N_
from crm.fields.records import OWN, WITH_CHOICES, Definition, FieldKind

LENGTHS: Final[Mapping[FieldKind, int]] = {FieldKind.TEXT: 2000, FieldKind.LINK: 500, FieldKind.NUMBER: 40}
LONGEST_TOKEN: Final = 40
YES: Final = frozenset({"yes", "y", "true", "1", "+", "on", "да", "истина", "д", "是", "有", "对", "✓", "✔", "x"})
NO: Final = frozenset({"no", "n", "false", "0", "-", "off", "нет", "ложь", "н", "否", "无", "不", "没有"})
_DAYS: Final = ("%Y-%m-%d", "%d.%m.%Y", "%d.%m.%y", "%Y/%m/%d", "%d/%m/%Y", "%Y.%m.%d", "%Y年%m月%d日")
_SITE: Final = re.compile(r"[^\s/:@?#\\]+\.[^\s/:@?#\\]{2,}(?:[/?#]\S*)?")
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}(?:([ ,.'\u00a0\u202f])\d{3})(?:\1\d{3})*(?:[.,]\d+)?|[+-]?\d+(?:[.,]\d+)?")
_TIME_BEHIND: Final = re.compile(r"[T ]\d{1,2}:\d{2}.*$")


def checked(one: Definition, value: Any, *, kept: Any = None) -> Any:
    """Return a value as it is stored, None for nothing. Raises Invalid beside the field's key.

    value: what a form gives (text, day, bool, code, codes) or a file says. kept: what is stored now: a retired choice stays
    where it was chosen, and is not chosen anew.
    """
    if value is None or value == [] or (isinstance(value, str) and not value.strip()):
        return None
    return _CHECKS[one.kind](one, value, kept)


def _text(one: Definition, value: Any, _kept: Any) -> str | None:
    text = str(value).replace("\x00", "").strip()
    if len(text) > LENGTHS.get(one.kind, 200):
        raise Invalid(N_("At most {length} characters fit here."), field=one.key, length=LENGTHS.get(one.kind, 200))
    return text or None


def _number(one: Definition, value: Any, _kept: Any) -> str | None:
    """Read '1 234,50', '1,234.50' or '1234.5' as one exact number."""
    text = str(value).strip()
    if len(text) > LENGTHS[FieldKind.NUMBER] or not (text.isascii() or _is_spaced(text)):
        raise Invalid(N_("'{text}' is not a number."), field=one.key, text=text[:40])
    if not (found := _GROUPED.fullmatch(text)):
        raise Invalid(N_("'{text}' is not a number."), field=one.key, text=text[:40])
    sign = found[1]
    plain = text.replace(sign, "") if sign and (text.count(sign) > 1 or sign not in ".," or _has_both(text)) else text
    number = Decimal(plain.replace(",", ".")).normalize()
    return f"{number or Decimal(0):f}"


def _is_spaced(text: str) -> bool:
    return re.sub(r"[\u00a0\u202f]", "", text).isascii()


def _has_both(text: str) -> bool:
    return "," in text and "." in text


def _day(one: Definition, value: Any, _kept: Any) -> str | None:
    if isinstance(value, date):
        return (value.date() if isinstance(value, datetime) else value).isoformat()
    text = _TIME_BEHIND.sub("", str(value).strip())
    for form in _DAYS:
        try:
            return datetime.strptime(text, form).date().isoformat()  # noqa: DTZ007  a day has no zone
        except ValueError:
            continue
    raise Invalid(N_("'{text}' is not a date. Write it like 2026-02-09 or 09.02.2026."), field=one.key, text=text[:40])


def _choice(one: Definition, value: Any, kept: Any) -> str | None:
    return _code(one, str(value), {kept})


def _code(one: Definition, text: str, kept: Iterable[Any]) -> str:
    """Return the code that a code or a label means."""
    wanted = " ".join(text.split())
    found = next((each for each in one.choices if each.code == wanted), None)
    found = found or next((each for each in one.choices if each.label.casefold() == wanted.casefold()), None)
    if found is None:
        raise Invalid(N_("'{text}' is not one of the choices."), field=one.key, text=wanted[:40])
    if found.retired and found.code not in kept:
        raise Invalid(N_("'{text}' is not chosen any more."), field=one.key, text=found.label)
    return found.code


def _several(one: Definition, value: Any, kept: Any) -> list[str] | None:
    parts = list(value) if isinstance(value, list | tuple | set) else list(_parts(one, str(value)))
    chosen = {_code(one, str(part), kept or ()) for part in parts if str(part).strip()}
    return [each.code for each in one.choices if each.code in chosen] or None


def _parts(one: Definition, text: str) -> Iterator[str]:
    """Take 'Lamps; Chairs' apart; a choice whose label has a semicolon or a comma inside is known as a whole."""
    known = {each.label.casefold() for each in one.choices}
    pieces = re.split(r"([;\n])", text) if re.search(r"[;\n]", text) else re.split(r"([,，、])", text)
    place = 0
    while place < len(pieces):
        ends = range(len(pieces), place, -2)
        joined = ("".join(pieces[place:end]).strip() for end in ends)
        end, part = next(
            ((end, part) for end, part in zip(ends, joined, strict=True) if part.casefold() in known),
            (place + 1, pieces[place]),
        )
        yield part
        place = end + 1


def _yes_no(one: Definition, value: Any, _kept: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().casefold()
    if word not in YES | NO:
        raise Invalid(N_("Please answer with yes or no."), field=one.key)
    return word in YES


def _link(one: Definition, value: Any, _kept: Any) -> str | None:
    """Take addresses of the web only: a link of another kind would do something when it is clicked."""
    text = _text(one, value, None) or ""
    if _SITE.fullmatch(text):
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        is_site = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        is_site = False
    if not is_site or re.search(r"[\s\x00-\x1f<>\"\\]", text):
        raise Invalid(N_("Please enter the address of a web page, like https://example.com."), field=one.key)
    return text


_CHECKS: Final[Mapping[FieldKind, Callable[[Definition, Any, Any], Any]]] = {
    FieldKind.TEXT: _text,
    FieldKind.NUMBER: _number,
    FieldKind.DATE: _day,
    FieldKind.CHOICE: _choice,
    FieldKind.SEVERAL: _several,
    FieldKind.YES_NO: _yes_no,
    FieldKind.LINK: _link,
}


def is_filled(value: Any) -> bool:
    """Say whether something is stored; 'no' is an answer."""
    return value is not None and value not in ("", [])


def missing(own: Iterable[Definition], kind: str, values: Mapping[str, Any]) -> dict[str, Invalid]:
    """Return a fault for each mandatory field of this kind of customer that is empty."""
    return {
        one.key: Invalid(N_("Please fill in this field."), field=one.key)
        for one in own
        if one.mandatory and one.concerns(kind) and not is_filled(values.get(one.key))
    }


# --- written and found ------------------------------------------------------


def written(one: Definition, value: Any, say: Callable[[str], str]) -> str:
    """Write a stored value into a file, so that `checked` reads the same out of it again. say: translates a msgid."""
    if not is_filled(value):
        return ""
    if one.kind is FieldKind.YES_NO:
        return say(N_("Yes")) if value is True else say(N_("No"))
    if one.kind is FieldKind.CHOICE:
        return one.label_of(str(value))
    if one.kind is FieldKind.SEVERAL:
        return "; ".join(one.label_of(str(code)) for code in value)
    return str(value)


def token(key: str, value: str) -> str:
    """Return the token of the look-up's index under which the customers with this very value stand.

    '=' is the kind of these tokens: no question of the look-up box begins with it. A long value stands by its digest.
    """
    text = f"{key.removeprefix(OWN)}={value.casefold()}"
    if len(text) >= LONGEST_TOKEN:
        text = sha256(text.encode()).hexdigest()[: LONGEST_TOKEN - 1]
    return f"={text}"


def stored_tokens(extra: Mapping[str, Any]) -> set[str]:
    """Return the tokens of everything that a customer's own fields hold."""
    found = set()
    for key, value in extra.items():
        if key.startswith(OWN) and is_filled(value):
            found |= {token(key, _plain(each)) for each in (value if isinstance(value, list) else [value])}
    return found


def _plain(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def asked(own: Iterable[Definition], key: str, text: str) -> str:
    """Return the token of the customers whose field has this value, as a filter asks for it.

    A filter that is not understood (no such field, no such value) finds nobody rather than everybody.
    """
    field = next((one for one in own if one.key == key), None)
    if field is None:
        return _NOBODY
    if field.kind in WITH_CHOICES:  # the address names a code, that of a retired choice too
        return token(key, text) if text in {one.code for one in field.choices} else _NOBODY
    try:
        value = checked(field, text)
    except Invalid:
        return _NOBODY
    return token(key, _plain(value)) if is_filled(value) else _NOBODY


_NOBODY: Final = "="
