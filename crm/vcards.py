"""vCards: address cards as phones and mail programs keep them. 2.1, 3.0 and 4.0 are read, 4.0 is written (RFC 6350).

Promises: one broken property never costs the card, nor one card the file; whatever stands in a value stays inside its value
(no name can begin a property or a second card); a line that is written is never longer than the 75 bytes that the standard
allows and is folded between characters.
"""

import quopri
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

LONGEST_LINE: Final = 75
"""Bytes of a line, its end not counted."""


def text(value: str) -> str:
    """Return a value with what separates values, parts and lines escaped."""
    plain = value.replace("\r\n", "\n").replace("\r", "\n")
    for sign in ("\\", ",", ";"):
        plain = plain.replace(sign, f"\\{sign}")
    return "".join(sign for sign in plain if sign >= " " or sign in "\n\t").replace("\n", "\\n")


def written(properties: Iterable[tuple[str, str]]) -> str:
    """Return one card: name (with its parameters) -> value, the value escaped already. What is empty is left out."""
    lines = [f"{name}:{value}" for name, value in properties if value.strip(";")]
    return "".join(map(_folded, ("BEGIN:VCARD", "VERSION:4.0", *lines, "END:VCARD")))


def _folded(line: str) -> str:
    pieces, room = [""], LONGEST_LINE
    for sign in line:
        size = len(sign.encode())
        if size > room:
            pieces.append("")
            room = LONGEST_LINE - 1  # the blank that begins a folded line
        pieces[-1] += sign
        room -= size
    return "\r\n ".join(pieces) + "\r\n"


# --- reading ------------------------------------------------------------------

COLUMNS: Final = (
    "FN", "N.family", "N.given", "N.middle", "KIND", "TEL", "EMAIL", "ORG", "TITLE", "ADR", "ADR.city", "ADR.region", "ADR.code",
    "ADR.country", "ADR.other", "URL", "NOTE", "BDAY", "CATEGORIES",
)  # fmt: skip
"""What is read of a card, each under the name of its property."""

MOST_SIGNS: Final = 20_000
"""So long one property is read; what is longer is a picture or a key."""
_PROPERTY: Final = re.compile(r'(?:[\w-]+\.)?([A-Za-z][\w-]*)((?:;(?:[^:";]|"[^"]*")*)*):(.*)', re.DOTALL)
_QUOTED: Final = re.compile(r";(?:ENCODING=)?QUOTED-PRINTABLE\b", re.IGNORECASE)
_CHARSET: Final = re.compile(r";CHARSET=\"?([\w-]+)", re.IGNORECASE)
_LOST_FOLD: Final = re.compile(r"=[0-9A-Fa-f]{2}")
_PARTS: Final = re.compile(r"(?<!\\)(?:\\\\)*;")


@dataclass(frozen=True)
class _Property:
    """One property of a card: its name in capitals, its parameters and its value as they are written."""

    name: str
    parameters: str
    value: str

    def says(self, *, old: bool) -> str:
        """Return the value as text."""
        return self._decoded(self.value, old=old)

    def parts(self, *, old: bool) -> list[str]:
        """Return the parts of a value that has several (a name, an address)."""
        places = [-1, *(found.end() - 1 for found in _PARTS.finditer(self.value)), len(self.value)]
        return [self._decoded(self.value[a + 1 : b], old=old).strip() for a, b in pairwise(places)]

    def _decoded(self, value: str, *, old: bool) -> str:
        if _QUOTED.search(self.parameters):
            charset = _CHARSET.search(self.parameters)
            value = _in_charset(quopri.decodestring(value.encode()), charset[1] if charset else "utf-8")
        return _unescaped(value, old=old).replace("\r\n", "\n")


def _in_charset(raw: bytes, charset: str) -> str:
    try:
        return raw.decode(charset, "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")


def _unescaped(value: str, *, old: bool) -> str:
    """Return what an escaped value says; in version 2.1 a backslash before n is a path of Windows."""
    signs = r"\\([;])" if old else r"\\([nN,;:\\])"
    return re.sub(signs, lambda found: "\n" if found[1] in "nN" else found[1], value)


def is_cards(text: str) -> bool:
    """Say whether the beginning of a text is that of address cards."""
    return re.match(r"\s*(?:[\w-]+\.)?begin:vcard\s*$", text, re.IGNORECASE | re.MULTILINE) is not None


def read(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    """Give the cards of a file, each as column of COLUMNS -> text. What cannot be understood of a card is left out.

    A card inside a card (an assistant's) is no customer; one that is cut off at the end of the file is read as far as it goes.
    """
    depth = 0
    found: list[_Property] = []
    for one in _properties(lines):
        if one.name == "BEGIN" and one.value.strip().upper() == "VCARD":
            depth += 1
            found = found if depth > 1 else []
        elif one.name == "END" and one.value.strip().upper() == "VCARD":
            depth = max(depth - 1, 0)
            if not depth and found:
                yield _columns(found)
                found = []
        elif depth == 1:
            found.append(one)
    if found:
        yield _columns(found)


def _properties(lines: Iterable[str]) -> Iterator[_Property]:
    """Give the properties with their folded lines put together, also where a telephone folded them wrongly."""
    pieces: list[str] = []
    for raw in lines:
        line = raw.rstrip("\r\n")
        if pieces and (goes_on := _continued(pieces, line)) is not None:
            if sum(map(len, pieces)) <= MOST_SIGNS:
                pieces.append(goes_on)
            continue
        if pieces and (one := _property("".join(pieces))):
            yield one
        pieces = [line] if line.strip() else []
    if pieces and (one := _property("".join(pieces))):
        yield one


def _continued(pieces: list[str], line: str) -> str | None:
    """Return what a line adds to the property before it, None when it begins a new one."""
    if _QUOTED.search(pieces[0].partition(":")[0]):
        if pieces[-1].endswith("="):
            pieces[-1] = pieces[-1][:-1]
            return line
        if _LOST_FOLD.match(line):  # the sign of the fold is missing
            return line
    return line[1:] if line.startswith((" ", "\t")) else None


def _property(line: str) -> _Property | None:
    found = _PROPERTY.fullmatch(line) if len(line) <= MOST_SIGNS else None
    return _Property(found[1].upper(), found[2], found[3]) if found else None


def _columns(card: Sequence[_Property]) -> dict[str, str]:
    """Return a card as the row of a table."""
    by_name: dict[str, list[_Property]] = defaultdict(list)
    for one in card:
        by_name[one.name].append(one)
    old = any(one.value.strip() == "2.1" for one in by_name["VERSION"])

    def said(name: str, sign: str) -> str:
        return sign.join(dict.fromkeys(filter(None, (one.says(old=old).strip() for one in by_name[name]))))

    name = (by_name["N"][0].parts(old=old) if by_name["N"] else []) + [""] * 5
    organisations = [", ".join(filter(None, one.parts(old=old))) for one in by_name["ORG"]]
    row = {
        "FN": said("FN", " "), "N.family": name[0], "N.given": name[1], "N.middle": name[2],
        "ORG": "; ".join(filter(None, organisations)), "TITLE": said("TITLE", "; "), "URL": said("URL", "; "),
        "NOTE": said("NOTE", "\n"), "BDAY": said("BDAY", "; "), "CATEGORIES": said("CATEGORIES", ", "),
        "TEL": "; ".join(dict.fromkeys(filter(None, (_phone(one.says(old=old)) for one in by_name["TEL"])))),
        "EMAIL": "; ".join(dict.fromkeys(filter(None, (_address(one.says(old=old)) for one in by_name["EMAIL"])))),
    }  # fmt: skip
    row |= _places([one.parts(old=old) for one in by_name["ADR"]], said("LABEL", "\n"))
    return _named(row, said("KIND", " ").lower(), said("X-ABSHOWAS", " ").upper())


def _phone(value: str) -> str:
    """Return a phone without what makes it a link: 'tel:+7-916;ext=5' is '+7-916 ext. 5'."""
    plain = re.sub(r"^tel:", "", value.strip(), flags=re.IGNORECASE)
    number, _, facts = plain.partition(";")
    extension = re.search(r"(?:^|;)ext=(\d+)", facts)
    return f"{number.strip()} ext. {extension[1]}" if extension else number.strip()


def _address(value: str) -> str:
    return re.sub(r"^mailto:", "", value.strip(), flags=re.IGNORECASE)


def _places(addresses: Sequence[Sequence[str]], label: str) -> dict[str, str]:
    """Return the first address by its parts and the others as they would stand on an envelope."""
    first = [*(addresses[0] if addresses else ()), *[""] * 7]
    street = ", ".join(filter(None, (first[2], first[1], first[0])))
    others = (", ".join(filter(None, one)) for one in addresses[1:])
    return {
        "ADR": street or ("" if any(first) else label),
        "ADR.city": first[3],
        "ADR.region": first[4],
        "ADR.code": first[5],
        "ADR.country": first[6],
        "ADR.other": "\n".join(filter(None, others)),
    }


def _named(row: dict[str, str], kind: str, shown_as: str) -> dict[str, str]:
    """Say what the card is of and how it is called, also where its full name is missing or broken."""
    in_parts = any(row[key] for key in ("N.family", "N.given", "N.middle"))
    if "\ufffd" in row["FN"] and in_parts:
        row["FN"] = ""
    nameless = not row["FN"] and not in_parts
    company = kind in {"org", "organization"} or shown_as == "COMPANY" or (nameless and row["ORG"])
    row["FN"] = row["ORG"] if nameless else row["FN"]
    is_company = bool(company) or (bool(row["ORG"]) and row["FN"] == row["ORG"] and not in_parts)
    return {"KIND": "company" if is_company else "person"} | row
