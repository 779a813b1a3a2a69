"""Whether this server lives and whether it can work: for monitors and load balancers, without a secret."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from crm import health
from crm.core.config import database

PATIENCE_SECONDS: Final = 8.0
KEPT_SECONDS: Final = 1.0


async def living(_request: Request) -> Response:
    """Answer that the process runs: a supervisor restarts it when this stays silent."""
    return JSONResponse({"status": "ok"}, headers={"cache-control": "no-store"})


async def ready(_request: Request) -> Response:
    """Answer 200 when people can work, 503 when not, with the state of the database and the worker."""
    state = await _state()
    return JSONResponse(state.facts, state.code, {"cache-control": "no-store"})


@dataclass
class _Looked:
    """The latest look: how often strangers ask must not decide how often the database is looked at."""

    at: float = -KEPT_SECONDS
    code: int = 503
    facts: dict[str, Any] = field(default_factory=dict)


_looked = _Looked()
_looking = asyncio.Lock()


async def _state() -> _Looked:
    async with _looking:
        if time.monotonic() - _looked.at >= KEPT_SECONDS:
            _looked.code, _looked.facts = await _look()
            _looked.at = time.monotonic()
    return _looked


async def _look() -> tuple[int, dict[str, Any]]:
    try:
        state = await asyncio.wait_for(asyncio.to_thread(lambda: health.readiness(database())), PATIENCE_SECONDS)
    except TimeoutError:
        return 503, {"ok": False, "checks": {"database": "no answer"}}
    return (200 if state.ok else 503), state.as_dict()


ROUTES: Final = [Route("/livez", living, methods=["GET"]), Route("/healthz", ready, methods=["GET"])]
