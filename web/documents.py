"""Documents of customers on their way to the browser: to whoever may open them, always to be saved and never to be shown here.

A page, a picture with a script in it or a program that somebody uploaded would otherwise run under our own address.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from crm import documents
from crm.core.config import database
from crm.core.errors import CrmError, NotFound, Unavailable
from crm.core.i18n import N_, say, translate
from crm.core.uow import unit_of_work
from web.requests import PRESENT, headers_of, language_of

LONGEST_ID: Final = 18
NEVER_SHOWN: Final = {"x-content-type-options": "nosniff", "content-security-policy": "default-src 'none'; sandbox"}


def give(request: Request) -> Response:
    """Answer with the file of one version; that it was taken is in the audit log before its first byte leaves."""
    present = request.scope[PRESENT]
    try:
        with unit_of_work(database(), present.identity) as u:
            key = _number(request.path_params["document_id"])
            path = documents.whole(u, key)
            record = documents.take(u, key)
    except CrmError as error:
        language = language_of(present, headers_of(request.scope))
        if isinstance(error, Unavailable):
            return PlainTextResponse(say(language, error), 503)
        return PlainTextResponse(translate(language, _ABSENT), 404)
    return FileResponse(path, media_type="application/octet-stream", filename=record.name, headers=NEVER_SHOWN)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_ID):
        raise NotFound
    return int(text)


_ABSENT: Final = N_("There is no such document, or it is not yours to open.")

ROUTES: Final = [Route("/document/{document_id:str}", give, methods=["GET"])]
"""Routes for whoever is signed in."""
