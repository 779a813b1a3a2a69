"""Logo and mark, read once: as data they cost a rerun nothing, as files each rerun would read and hash them."""

import base64
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).resolve().parent / "static"


def _data(name: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode((_FOLDER / name).read_bytes()).decode()


LOGO: Final = _data("logo.svg")
MARK: Final = _data("mark.svg")
