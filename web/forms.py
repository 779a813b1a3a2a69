"""The plain pages: one form in one template, without a script, in three languages.

A form carries a token that belongs to a cookie of the same browser (double submit), so that no other site can send it; the
gate has checked the Origin before. A form without a matching token is shown again and does nothing.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from crm.core.config import ROOT, config
from crm.core.i18n import LANGUAGES, N_, translate
from db.faults import Fault
from web import assets, headers
from web.requests import LANGUAGE_COOKIE, cookie, headers_of, language_of, own_cookie

T = TypeVar("T")

TOKEN: Final = "token"  # noqa: S105  the name of the hidden field
FORM_SECONDS: Final = 12 * 3600
LONGEST_BODY: Final = 64 * 1024
LONGEST_ADDRESS: Final = 2000
AT_ONCE: Final = 4
MOST_WAITING: Final = 32
A_YEAR: Final = 31_536_000
SECRET_SIGNS: Final = 43
NOT_A_SCREEN: Final = ("/sign-", "/reset", "/forgotten", "/first-", "/session", "/assets", "/_")

TROUBLES: Final = {
    Fault.FULL: N_("The disk of the server is full. Nothing is lost. Tell the administrator."),
    Fault.BUSY: N_("The database is busy. Nothing is lost. This page tries again by itself."),
    Fault.DAMAGED: N_("The database file is damaged. Nothing is written any more. Tell the administrator."),
    Fault.READ_ONLY: N_("The database cannot be written. Nothing is lost. Tell the administrator."),
    Fault.AWAY: N_("The database does not answer. Nothing is lost. This page tries again by itself."),
}

_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sign-in")
_waiting = 0


@dataclass(frozen=True)
class Field:
    """One field of a form, its texts translated. choices: value -> label of a list."""

    name: str
    label: str
    kind: str = "text"
    value: str = ""
    autocomplete: str = "off"
    hint: str = ""
    fault: str = ""
    inputmode: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Form:
    """One plain page, its texts translated. Without an `action` it only says something.

    line: one sentence under the title; note: how something went; trouble: what went wrong; again_in: seconds to reload.
    """

    title: str
    line: str = ""
    action: str = ""
    button: str = ""
    fields: Sequence[Field] = ()
    hidden: Mapping[str, str] = field(default_factory=dict)
    links: Sequence[tuple[str, str]] = ()
    note: str = ""
    trouble: str = ""
    focus: str = ""
    again_in: int = 0


class TooManyError(RuntimeError):
    """More people wait for their password to be checked than is sensible."""


async def in_thread(work: Callable[[], T]) -> T:
    """Do slow work (the database, a password's hash) beside the event loop. Raises TooManyError when too many wait."""
    global _waiting  # noqa: PLW0603  one queue in one process
    if _waiting >= MOST_WAITING:
        raise TooManyError
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, work)
    finally:
        _waiting -= 1


# --- drawing ------------------------------------------------------------------


@lru_cache(maxsize=1)
def _template() -> Any:
    loader = FileSystemLoader(ROOT / "web" / "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template("form.html")


def page(request: Request, form: Form, *, status: int = 200) -> Response:
    """Answer with a form."""
    given, chosen = headers_of(request.scope), chosen_language(request)
    known = cookie(given, own_cookie("rapport-form"))
    secret = known if len(known) == SECRET_SIGNS else secrets.token_urlsafe(32)
    answer = HTMLResponse(_drawn(form, chosen, _token(secret), _here(request)), status, {"cache-control": "no-store"})
    answer.headers["content-security-policy"] = headers.FORM_POLICY
    set_cookie(answer, own_cookie("rapport-form"), secret, FORM_SECONDS)
    if request.query_params.get("language") in LANGUAGES:
        set_cookie(answer, LANGUAGE_COOKIE, chosen, A_YEAR)
    return answer


def _drawn(form: Form, language: str, token: str, here: Callable[[str], str]) -> str:
    return str(
        _template().render(
            form=form,
            language=language,
            token=token,
            token_name=TOKEN,
            style=assets.address("rapport.css"),
            icon=assets.address("icon.svg"),
            languages=[(code, name, here(code)) for code, name in LANGUAGES.items()],
            languages_label=translate(language, N_("Language")),
        )
    )


def trouble_page(language: str, fault: Fault | None = None, sentence: str = "") -> Response:
    """Answer that nobody can be let in at this moment; the page tries again by itself.

    fault: the database's trouble; sentence: another trouble, translated.
    """
    busy = translate(language, N_("Too many people sign in at this moment. This page tries again by itself."))
    form = Form(
        title=translate(language, N_("Please wait a moment")),
        line=translate(language, TROUBLES[fault]) if fault else sentence or busy,
        note=fault.value if fault else "",
        again_in=10,
    )
    answer = HTMLResponse(_drawn(form, language, "", lambda code: f"?language={code}"), 503, {"retry-after": "10"})
    answer.headers["content-security-policy"] = headers.FORM_POLICY
    return answer


def chosen_language(request: Request) -> str:
    """Return the language of a plain page: what the switch says now or said before, else the browser's."""
    asked = request.query_params.get("language", "")
    return asked if asked in LANGUAGES else language_of(None, headers_of(request.scope))


def _here(request: Request) -> Callable[[str], str]:
    """Return code -> this page's address in another language."""
    kept = [(key, value) for key, value in request.query_params.multi_items() if key != "language"]
    return lambda code: f"{request.url.path}?{urlencode([*kept, ('language', code)])}"


def with_faults(form: Form, faults: Mapping[str, str]) -> Form:
    """Return a form with sentences beside its fields; what belongs to no field stands above them."""
    known = {one.name for one in form.fields}
    rest = " ".join(sentence for name, sentence in faults.items() if name not in known)
    fields = [replace(one, fault=faults.get(one.name, "")) for one in form.fields]
    first = next((one.name for one in fields if one.fault), form.focus)
    return replace(form, fields=fields, trouble=rest or form.trouble, focus=first)


# --- receiving -----------------------------------------------------------------


async def received(request: Request) -> dict[str, str] | None:
    """Return the fields of a sent form; None when its token does not belong to this browser, or it is far too long."""
    size = request.headers.get("content-length", "")
    if not size.isdigit() or int(size) > LONGEST_BODY:
        return None
    async with request.form(max_files=0, max_fields=40, max_part_size=LONGEST_BODY) as sent:
        values = {name: value for name, value in sent.items() if isinstance(value, str)}
    secret = cookie(headers_of(request.scope), own_cookie("rapport-form"))
    if not secret or not hmac.compare_digest(_token(secret).encode(), values.pop(TOKEN, "").encode("utf-8", "replace")):
        return None
    return values


def _token(secret: str) -> str:
    return hmac.new(config().key("forms"), secret.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def set_cookie(answer: Response, name: str, value: str, seconds: int) -> None:
    """Set a cookie that no script can read and no other site can use."""
    answer.set_cookie(name, value, max_age=seconds, path="/", secure=config().secure, httponly=True, samesite="lax")


def local_address(wanted: str) -> str:
    """Return where to go after signing in: an address of this server, '/' for anything else."""
    if not wanted.startswith("/") or wanted.startswith("//") or len(wanted) > LONGEST_ADDRESS:
        return "/"
    if any(ord(sign) < 32 or sign == "\\" for sign in wanted):  # noqa: PLR2004  control characters
        return "/"
    parts = urlsplit(wanted)
    return "/" if parts.scheme or parts.netloc or parts.path.startswith(NOT_A_SCREEN) else wanted


Handler = Callable[[Request], Awaitable[Response]]
