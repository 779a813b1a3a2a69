"""Exported files on their way to the browser: to the sign-in that asked for them and to nobody else."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from crm import exports, privacy, settings
from crm.core import clock
from crm.core.config import database
from crm.core.errors import CrmError, Unavailable
from crm.core.i18n import N_, translate
from crm.core.uow import unit_of_work
from web.requests import PRESENT, headers_of, language_of


def give(request: Request) -> Response:
    """Answer with a file that waits; the taking is in the audit log before its first byte leaves."""
    return _given(request, exports.take, N_("Customers"), exports.SUFFIXES, exports.TYPES)


def give_person(request: Request) -> Response:
    """Answer likewise with a file that holds everything about one customer."""
    of_person = {exports.OF_PERSON: ".zip"}, {exports.OF_PERSON: "application/zip"}
    return _given(request, privacy.take_person_file, N_("Customer data"), *of_person)


def _given(
    request: Request,
    take: Callable[..., exports.Export],
    called: str,
    suffixes: Mapping[Any, str],
    types: Mapping[Any, str],
) -> Response:
    present = request.scope[PRESENT]
    try:
        with unit_of_work(database(), present.identity) as u:
            record = take(u, request.path_params["token"], sign_in_id=present.sign_in_id)
            day = clock.day_of(record.created_at, u.actor.timezone or settings.value(u, "timezone"))
    except Unavailable:
        return Response(status_code=503)
    except CrmError:
        language = language_of(present, headers_of(request.scope))
        return PlainTextResponse(translate(language, _GONE), 404)
    name = f"{translate(record.language, called)} {day.isoformat()}{suffixes[record.format]}"
    return FileResponse(record.path, media_type=types[record.format], filename=name)


_GONE: Final = N_("There is no such file any more, or it was not made for you. Please export once more.")

ROUTES: Final = [
    Route("/export/{token:str}", give, methods=["GET"]),
    Route("/export/person/{token:str}", give_person, methods=["GET"]),
]
"""Routes for whoever is signed in."""
