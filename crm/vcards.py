"""vCards: address cards as phones and mail programs keep them. They are written in version 4.0 (RFC 6350).

Promises: whatever stands in a value stays inside its value (no name can begin a property or a second card); a line is never
longer than the 75 bytes that the standard allows and is folded between characters.
"""

from collections.abc import Iterable
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
