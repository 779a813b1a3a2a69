"""What the strip above every page asks for between two runs of a page: the look-up, the bell, the language."""

import functools
import json
from collections.abc import Callable
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from crm import customers, interactions, notifications, search, settings, users
from crm.core import i18n
from crm.core.access import Identity
from crm.core.config import database
from crm.core.dates import when
from crm.core.errors import CrmError, SignedOut, Unavailable
from crm.core.i18n import N_
from crm.core.uow import UnitOfWork, unit_of_work
from web.requests import PRESENT

MOST_FOUND: Final = 8
LONGEST_BODY: Final = 200
LAST_CONTACT: Final = N_("Last contact {when}")
NO_CONTACT: Final = N_("No contact yet")


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
    """Answer the look-up box: the likeliest customers inside the reader's scope, why each was found and who talked to it last."""
    text = request.query_params.get("q", "")[:120]
    if not search.is_long_enough(text):
        return JSONResponse({"short": True, "found": []})
    with unit_of_work(database(), _who(request)) as u:
        if not u.may("customers.view"):
            return JSONResponse({"short": False, "found": []})
        rows = customers.look_up(u, text, most=MOST_FOUND)
        talks = interactions.latest(u, [row["id"] for row in rows])
        names, language = users.names(u), _language(u, request)
        zone = u.actor.timezone or settings.value(u, "timezone")
    lines = [_line(row, names, language) | _talk(row, talks.get(row["id"]), names, language, zone) for row in rows]
    return JSONResponse({"short": False, "found": lines})


def _line(row: dict[str, Any], names: dict[int, str], language: str) -> dict[str, Any]:
    kind = i18n.translate(language, customers.KINDS[customers.Kind(row["kind"])])
    facts = (kind, row["city"], names.get(row["responsible_id"]))
    why = i18n.translate(language, search.WHYS[row["why"]]).format(text=row["quoted"])
    return {"id": row["id"], "name": row["name"], "line": " · ".join(filter(None, facts)), "why": why}


def _talk(
    row: dict[str, Any], talk: dict[str, Any] | None, names: dict[int, str], language: str, zone: str
) -> dict[str, str]:
    """Say when the last contact was, of which kind and with whom."""
    at = talk["at"] if talk else row["last_interaction_at"]
    if at is None:
        return {"last": i18n.translate(language, NO_CONTACT)}
    facts = [i18n.translate(language, LAST_CONTACT).format(when=when(at, language, zone))]
    if talk:
        facts.append(i18n.translate(language, interactions.KINDS[interactions.Kind(talk["kind"])]))
        facts.append(names.get(talk["responsible_id"], ""))
    return {"last": " · ".join(filter(None, facts))}


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
