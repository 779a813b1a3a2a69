"""What the strip above every page asks for between two runs of a page: the look-up, the bell, the language."""

import functools
import json
from collections.abc import Callable
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from crm import customers, notifications, search, settings, users
from crm.core import i18n
from crm.core.access import Identity
from crm.core.config import database
from crm.core.dates import when
from crm.core.errors import CrmError, SignedOut, Unavailable
from crm.core.uow import UnitOfWork, unit_of_work
from web.requests import PRESENT

MOST_FOUND: Final = 8
CANDIDATES: Final = 24
LONGEST_BODY: Final = 200


def answered(give: Callable[..., Response]) -> Callable[..., Response]:
    """Wrap a route: an error that has a sentence becomes a status without a body; the strip has its own words."""

    @functools.wraps(give)
    def careful(*given: Any) -> Response:
        try:
            return give(*given)
        except SignedOut:
            return Response(status_code=401)
        except Unavailable:
            return Response(status_code=503)
        except CrmError:
            return Response(status_code=400)

    return careful


def _who(request: Request) -> Identity:
    present = request.scope[PRESENT]
    return Identity(present.user_id, present.sign_in_id)


def _language(u: UnitOfWork, request: Request) -> str:
    return u.actor.language or i18n.guess(request.headers.get("accept-language"))


@answered
def find(request: Request) -> Response:
    """Answer the look-up box: the likeliest customers inside the reader's scope."""
    text = request.query_params.get("q", "")[:120]
    if not search.is_long_enough(text):
        return JSONResponse({"short": True, "found": []})
    with unit_of_work(database(), _who(request)) as u:
        if not u.may("customers.view"):
            return JSONResponse({"short": False, "found": []})
        rows = customers.found(u, text, most=CANDIDATES)
        names, language = users.names(u), _language(u, request)
    lines = [_line(row, names, language) for row in search.best(u.actor.id, text, rows)[:MOST_FOUND]]
    return JSONResponse({"short": False, "found": lines})


def _line(row: dict[str, Any], names: dict[int, str], language: str) -> dict[str, Any]:
    kind = i18n.translate(language, customers.KINDS[customers.Kind(row["kind"])])
    facts = (kind, row["city"], names.get(row["responsible_id"]))
    return {"id": row["id"], "name": row["name"], "line": " · ".join(filter(None, facts))}


@answered
def bell(request: Request) -> Response:
    """Answer what waits behind the bell."""
    with unit_of_work(database(), _who(request)) as u:
        latest, language = notifications.latest(u), _language(u, request)
        zone = u.actor.timezone or settings.value(u, "timezone")
    entries = [
        {
            "text": i18n.translate(language, one.text).format(**one.values),
            "at": when(one.at, language, zone),
            "href": one.address,
            "unread": one.read_at is None,
        }
        for one in latest
    ]
    return JSONResponse({"entries": entries})


@answered
def read(request: Request) -> Response:
    """Mark what waits behind the bell as read."""
    with unit_of_work(database(), _who(request)) as u:
        notifications.mark_read(u)
    return Response(status_code=204)


async def language(request: Request) -> Response:
    """Change one's own language."""
    return await run_in_threadpool(_set_language, request, await request.body())


@answered
def _set_language(request: Request, body: bytes) -> Response:
    try:
        asked = json.loads(body) if len(body) <= LONGEST_BODY else None
    except ValueError:
        asked = None
    code = asked.get("code") if isinstance(asked, dict) else None
    with unit_of_work(database(), _who(request)) as u:
        users.set_language(u, str(code))
    return Response(status_code=204)


ROUTES: Final = [
    Route("/find", find, methods=["GET"]),
    Route("/bell", bell, methods=["GET"]),
    Route("/bell/read", read, methods=["POST"]),
    Route("/language", language, methods=["POST"]),
]
"""Routes for whoever is signed in."""
