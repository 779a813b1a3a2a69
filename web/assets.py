"""Our own few files for the browser: style of the plain pages, the script of the screens, the icon. Kept in memory."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FOLDER: Final = Path(__file__).resolve().parent / "static"
KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
A_YEAR: Final = "public, max-age=31536000, immutable"


@lru_cache(maxsize=16)
def content(name: str) -> bytes:
    """Return a file's bytes."""
    return (FOLDER / name).read_bytes()


@lru_cache(maxsize=16)
def address(name: str) -> str:
    """Return a file's address, which changes with its content: browsers keep it for a year and yet never use an old one."""
    return f"/assets/{name}?v={hashlib.sha256(content(name)).hexdigest()[:12]}"


async def give(request: Request) -> Response:
    """Answer with one of the files."""
    name = request.path_params["name"]
    if name not in {path.name for path in FOLDER.iterdir()}:
        return Response(status_code=404)
    kind = KINDS[Path(name).suffix]
    return Response(content(name), media_type=kind, headers={"cache-control": A_YEAR})


ROUTES: Final = [Route("/assets/{name}", give, methods=["GET"])]
