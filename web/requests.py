"""What a request says about itself: headers, the cookies that are ours, where it comes from, which language it wants."""

from typing import Final, TypedDict

from starlette.types import Scope

from crm.core.config import config
from crm.core.i18n import LANGUAGES, guess
from crm.sessions import Present, policy

ONCE: Final = frozenset({"host", "origin", "cookie", "content-length"})
"""Headers that a request has once: two of them would let the gate and the application each read another one."""

LANGUAGE_COOKIE: Final = "rapport-language"

PRESENT: Final = "rapport.present"
"""Where a private route finds who is signed in: `request.scope[PRESENT]`, a `crm.sessions.Present`."""

PRESENCE: Final = "rapport.presence"
"""Where the sign-in's routes find this process's `web.presence.Presence`."""


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers by their lower-case names; one that stands twice where it must not is empty."""
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").lower()
        found[name] = "" if name in ONCE and name in found else value.decode("latin-1")
    return found


def own_cookie(name: str) -> str:
    """Return a cookie's name as the browser knows it: `__Host-` lets no other host of the domain set it, over https only."""
    return f"__Host-{name}" if config().secure else name


def sign_in_cookie() -> str:
    """Return the name of the cookie that holds the sign-in's token."""
    return own_cookie(policy().cookie_name)


def cookie(given: dict[str, str], name: str) -> str:
    """Return a cookie's value, '' without it."""
    for part in given.get("cookie", "").split(";"):
        found, _, value = part.strip().partition("=")
        if found == name:
            return value
    return ""


def client_address(scope: Scope) -> str:
    """Return the client's IP address; behind a proxy on this machine uvicorn has read it from X-Forwarded-For."""
    return str(scope["client"][0]) if scope.get("client") else "unknown"


class Visit(TypedDict):
    """From where somebody signs in: the client's IP address and what its browser calls itself."""

    address: str
    device: str


def visit_of(scope: Scope) -> Visit:
    """Return from where a request comes."""
    return {"address": client_address(scope), "device": headers_of(scope).get("user-agent", "")}


def language_of(present: Present | None, given: dict[str, str]) -> str:
    """Return the language of an answer: the person's, else what the switch on a plain page chose, else the browser's."""
    if present is not None and present.language in LANGUAGES:
        return str(present.language)
    chosen = cookie(given, LANGUAGE_COOKIE)
    return chosen if chosen in LANGUAGES else guess(given.get("accept-language"))
