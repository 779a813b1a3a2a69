"""The gate: everything that reaches this server passes here first, before Streamlit and before our own routes.

A Streamlit session id is a bearer token, so nothing of Streamlit is given to whoever is not signed in: no websocket, no
page, no file. Whose session it is Streamlit learns from two headers that only the gate can set (`trustedUserHeaders`), and
from then on it gives a session back only to the same sign-in. What is not known is refused. Decision record 0001.
"""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm.core.config import BOOT, config
from crm.sessions import Present
from db.faults import diagnose
from web import front, headers
from web.forms import trouble_page
from web.presence import Presence, Tab
from web.requests import PRESENCE, PRESENT, client_address, cookie, headers_of, language_of, sign_in_cookie
from web.uploads import Uploads

OURS: Final = b"x-rapport-"
"""Headers that begin so are the gate's: a browser's own are removed, also written with underscores."""

SCREEN: Final = re.compile(r"/(?!_)[A-Za-z0-9_-]{0,80}", re.ASCII)
"""The address of a screen. No dot, no second slash: whatever else is asked for (.git, data/rapport.db) does not exist."""

STREAM: Final = "/_stcore/stream"
ANYBODY: Final = ("/static/", "/_stcore/health")
"""What Streamlit gives to strangers too: its scripts and styles, and that it lives."""

MEMBERS: Final = (
    "/media/",
    "/component/",
    "/_stcore/upload_file/",
    "/_stcore/host-config",
    "/_stcore/bidi-components/",
)
TOLD: Final = ("/media/", "/_stcore/upload_file/")
"""Only for the sign-in whose own page was told the address."""

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate:
    """The ASGI middleware in front of everything.

    public: routes of ours for everybody; private: for those who are signed in (`request.scope[PRESENT]` tells who);
    anywhere: public ones that other sites' programs may POST to, for example one-click unsubscription.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        public: Sequence[BaseRoute] = (),
        private: Sequence[BaseRoute] = (),
        anywhere: Sequence[BaseRoute] = (),
        presence: Presence | None = None,
    ) -> None:
        self.app = app
        self.presence = presence or Presence()
        self._public, self._private, self._anywhere = list(public), list(private), list(anywhere)
        self._uploads = Uploads()
        settings = config()
        self._hosts, self._origins, self._secure = settings.hosts, settings.origins, settings.secure
        self._cookie = sign_in_cookie()
        self._policy = headers.screen_policy(settings, headers.script_hashes(front.page("en"))).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through, refuse or answer."""
        if scope["type"] == "http":
            await self._http(scope, receive, self._dressed(scope, send))
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    # --- plain requests -------------------------------------------------------

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = headers_of(scope)
        if given.get("host", "").lower() not in self._hosts:
            await PlainTextResponse("This host is not served here.", 400)(scope, receive, send)
            return
        anywhere = _matches(self._anywhere, scope)
        if scope["method"] not in SAFE and not anywhere and not self._is_own_origin(given):
            await PlainTextResponse("This request comes from another site.", 403)(scope, receive, send)
            return
        try:
            answer = await self._answer(scope, given, anywhere=anywhere)
        except Exception as error:
            fault = diagnose(error)
            if fault is None:
                raise
            answer = trouble_page(language_of(None, given), fault)
        if answer is not None:
            await answer(scope, receive, send)
            return
        await self.app(_vouched(scope, scope.get(PRESENT)), receive, send)

    async def _answer(self, scope: Scope, given: dict[str, str], *, anywhere: bool) -> Response | None:
        """Return the gate's own answer, or None when the application shall give one."""
        scope[PRESENCE] = self.presence
        if anywhere or scope["path"].startswith(ANYBODY) or _matches(self._public, scope):
            return None
        if scope["path"] == "/session":
            return await self._session(scope, given)
        if _matches(self._private, scope) or scope["path"].startswith(MEMBERS):
            return await self._for_members(scope, given)
        if SCREEN.fullmatch(scope["path"].removesuffix("/") or "/"):
            return await self._screen(scope, given)
        return _absent()

    async def _for_members(self, scope: Scope, given: dict[str, str]) -> Response | None:
        scope[PRESENT] = present = await self._present(scope, given)
        if present is None:
            return await self._to_sign_in(scope) if _wants_page(scope, given) else _refused(scope["path"])
        return self._file(scope, given, present) if scope["path"].startswith(TOLD) else None

    async def _screen(self, scope: Scope, given: dict[str, str]) -> Response:
        path = scope["path"]
        if scope["method"] not in SAFE:
            return Response(status_code=405)
        if path.endswith("/") and path != "/":
            return RedirectResponse(_with_query(path.rstrip("/"), scope), 308)
        present = await self._present(scope, given)
        if present is None:
            return await self._to_sign_in(scope)
        return HTMLResponse(front.page(language_of(present, given)))

    async def _to_sign_in(self, scope: Scope) -> Response:
        if not await self.presence.has_users():
            return RedirectResponse("/first-administrator", 303)
        wanted = _with_query(scope["path"], scope)
        return RedirectResponse("/sign-in" if wanted == "/" else f"/sign-in?next={quote(wanted, safe='')}", 303)

    async def _session(self, scope: Scope, given: dict[str, str]) -> Response:
        """Answer the pages' question whether they may stay."""
        present = await self._present(scope, given)
        return Response(status_code=204 if present else 401, headers={"x-rapport-boot": BOOT})

    def _file(self, scope: Scope, given: dict[str, str], present: Present) -> Response | None:
        if not self.presence.was_told(present, scope["path"]):
            return _absent()
        if scope["method"] == "PUT":
            size = given.get("content-length", "")
            if not size.isdigit():
                return PlainTextResponse("The size must be said.", 411)
            if not self._uploads.fits(present.sign_in_id, int(size)):
                return PlainTextResponse("Too many uploads. Please wait some minutes.", 429)
        return None

    # --- websockets -----------------------------------------------------------

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = headers_of(scope)
        if given.get("host", "").lower() not in self._hosts:
            await _reject(scope, receive, send, 400)
            return
        if scope["path"] != STREAM or not self._is_own_origin(given):
            await _reject(scope, receive, send, 403)
            return
        try:
            present = await self._present(scope, given)
        except Exception as error:
            if diagnose(error) is None:
                raise
            await _reject(scope, receive, send, 503)
            return
        if present is None:
            await _reject(scope, receive, send, 403)
            return
        tab = Tab(self.presence, present, receive, send)
        if not self.presence.enter(tab):
            await _reject(scope, receive, send, 429)
            return
        try:
            await self.app(_vouched(scope, present), tab.receive, tab.send)
        finally:
            self.presence.leave(tab)

    # --- what both need ---------------------------------------------------------

    def _is_own_origin(self, given: dict[str, str]) -> bool:
        """Say whether a request comes from a page of ours: one of our origins, and the very one it is sent to."""
        origin = given.get("origin", "").lower()
        return origin in self._origins and origin.partition("://")[2] == given.get("host", "").lower()

    async def _present(self, scope: Scope, given: dict[str, str]) -> Present | None:
        token = cookie(given, self._cookie)
        return await self.presence.find(token, client_address(scope)) if token else None

    def _dressed(self, scope: Scope, send: Send) -> Send:
        """Return a send that adds our headers to every answer."""
        keep = scope["path"].startswith(("/static/", "/assets/"))

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = headers.completed(message["headers"], self._policy, secure=self._secure, store=keep)
                message = {**message, "headers": found}
            await send(message)

        return dressed


def _matches(routes: Sequence[BaseRoute], scope: Scope) -> bool:
    return any(route.matches(scope)[0] is not Match.NONE for route in routes)


def _wants_page(scope: Scope, given: dict[str, str]) -> bool:
    return scope["method"] in SAFE and "text/html" in given.get("accept", "")


def _with_query(path: str, scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _absent() -> Response:
    return PlainTextResponse("There is nothing at this address.", 404)


def _refused(path: str) -> Response:
    return _absent() if path == "/_stcore/host-config" else PlainTextResponse("Sign in first.", 403)


def _vouched(scope: Scope, present: Present | None) -> Scope:
    """Return the scope with the gate's headers in the place of the browser's."""
    kept = [one for one in scope["headers"] if not one[0].replace(b"_", b"-").lower().startswith(OURS)]
    if present is not None:
        kept.append((b"x-rapport-user", str(present.user_id).encode()))
        kept.append((b"x-rapport-sign-in", str(present.sign_in_id).encode()))
    return {**scope, "headers": kept}


async def _reject(scope: Scope, receive: Receive, send: Send, status: int) -> None:
    """Refuse a websocket's handshake with a status."""
    await receive()
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    found = headers.completed([], b"default-src 'none'", secure=config().secure, store=False)
    await send({"type": "websocket.http.response.start", "status": status, "headers": found})
    await send({"type": "websocket.http.response.body", "body": b""})
