"""The handbook's chapters: one file per screen and language under docs/handbook."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from crm.core.config import ROOT
from crm.core.i18n import DEFAULT
from ui.parts import draw as draw_part
from ui.session import language

_FOLDER: Final = ROOT / "docs" / "handbook"


def has(address: str) -> bool:
    """Say whether the screen at an address has a chapter."""
    return _read(DEFAULT, address) is not None


def text(address: str) -> str:
    """Return the chapter of a screen in the reader's language, as Markdown."""
    return _read(language(), address) or _read(DEFAULT, address) or ""


@lru_cache(maxsize=256)
def _read(code: str, address: str) -> str | None:
    path = _FOLDER / code / f"{address or 'my-day'}.md"
    return path.read_text(encoding="utf-8") if path.is_file() else None


def contents(chapters: Mapping[str, str], now: str) -> None:
    """Draw the list of chapters: address -> title."""
    lines = [{"title": title, "href": f"?page={address}", "now": address == now} for address, title in chapters.items()]
    draw_part("contents", key="contents", data={"lines": lines})
