"""Boxes of facts: labelled lines of text with one link that edits them."""

from collections.abc import Sequence
from dataclasses import dataclass

from ui.parts import draw as draw_part

Line = tuple[str, str, str]
"""Label, text, icon ('' shows the label above the text)."""


@dataclass(frozen=True)
class Box:
    """One box. edit: the label of the link to `href` that changes the facts; note: a quiet line below."""

    title: str
    lines: Sequence[Line]
    edit: str = ""
    href: str = ""
    note: str = ""


def draw(*boxes: Box, key: str, beside: bool = False) -> None:
    """Draw boxes of facts one below the other, or `beside` one another where there is room."""
    draw_part("facts", key=key, data={"boxes": [vars(one) for one in boxes], "beside": beside})
