"""Boxes of facts: labelled lines of text with one link that edits them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ui.parts import draw as draw_part

Line = tuple[str, str, str]
"""Label, text, icon ('' shows the label above the text)."""
Link = tuple[str, str, str]
"""Label, address, icon."""


@dataclass(frozen=True)
class Brief:
    """What takes the place of a box's lines and note after some seconds. at: when they began; no two boxes share it."""

    lines: Sequence[Line]
    note: str
    seconds: int
    at: str


@dataclass(frozen=True)
class Box:
    """One box. edit: the label of the link to `href` that changes the facts; note: a quiet line below; links: further ones."""

    title: str
    lines: Sequence[Line]
    edit: str = ""
    href: str = ""
    note: str = ""
    links: Sequence[Link] = ()
    brief: Brief | None = None


def draw(*boxes: Box, key: str, beside: bool = False) -> None:
    """Draw boxes of facts one below the other, or `beside` one another where there is room."""
    draw_part("facts", key=key, data={"boxes": [_written(one) for one in boxes], "beside": beside})


def _written(box: Box) -> dict[str, Any]:
    return vars(box) | {"brief": vars(box.brief) if box.brief else None}
