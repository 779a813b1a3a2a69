"""Sign-in and sign-out: plain HTML, so that a stranger never has a websocket and no script is needed to get in."""

from dataclasses import replace
from typing import Final, cast
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from crm import sessions
from crm.core.config import database
from crm.core.errors import Invalid, InvalidForm, NotFound, Unavailable
from crm.core.i18n import N_, say, translate
from crm.sessions import Failed, Outcome, Present, SignedIn, Step, Wanted, Why
from db.faults import diagnose
from web import forms
from web.forms import Field, Form, Handler
from web.presence import Presence
from web.requests import PRESENCE, client_address, cookie, headers_of, sign_in_cookie, visit_of

STATUS: Final = {Why.WRONG: 401, Why.BUSY_ADDRESS: 429, Why.EXPIRED: 401}
REASONS: Final = {
    Why.WRONG: N_("Name and password do not match. After too many attempts, signing in pauses for {n} minutes."),
    Why.BUSY_ADDRESS: N_("Too many attempts from your network: signing in pauses for {n} minutes."),
    Why.EXPIRED: N_("That took too long. Please sign in again."),
}
WRONG_CODE: Final = N_("This code is not right, was used before, or there were too many attempts.")
OLD_FORM: Final = N_("This page was open for too long. Please try again.")


def _here(request: Request) -> Presence:
    return cast("Presence", request.scope[PRESENCE])


async def _present(request: Request) -> Present | None:
    token = cookie(headers_of(request.scope), sign_in_cookie())
    return await _here(request).find(token, client_address(request.scope)) if token else None


def _next(request: Request) -> str:
    return forms.local_address(request.query_params.get("next", "/"))


def _with_next(path: str, next_address: str) -> str:
    return path if next_address == "/" else f"{path}?next={quote(next_address, safe='')}"


def careful(handler: Handler) -> Handler:
    """Let a handler answer in words when the database is away or too many people come at once."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except forms.TooManyError:
            return forms.trouble_page(forms.chosen_language(request))
        except Unavailable as trouble:
            language = forms.chosen_language(request)
            return forms.trouble_page(language, sentence=say(language, trouble))
        except Exception as error:
            fault = diagnose(error)
            if fault is None:
                raise
            return forms.trouble_page(forms.chosen_language(request), fault)

    return answer


# --- forms ------------------------------------------------------------------


def _sign_in_form(language: str, next_address: str, username: str = "") -> Form:
    def t(text: str) -> str:
        return translate(language, text)

    name = Field("username", t(N_("User name")), value=username, autocomplete="username")
    password = Field("password", t(N_("Password")), "password", autocomplete="current-password")
    return Form(
        title=t(N_("Sign in")),
        action=_with_next("/sign-in", next_address),
        button=t(N_("Sign in")),
        fields=[name, password],
        links=[("/forgotten", t(N_("I cannot sign in")))],
        focus="password" if username else "username",
    )


def _code_form(language: str, next_address: str, ticket: str) -> Form:
    def t(text: str) -> str:
        return translate(language, text)

    hint = t(N_("Six digits from the application on your telephone, or one of your recovery codes."))
    return Form(
        title=t(N_("One more step")),
        action=_with_next("/sign-in/code", next_address),
        button=t(N_("Continue")),
        fields=[Field("code", t(N_("Code")), autocomplete="one-time-code", hint=hint)],
        hidden={"ticket": ticket},
        links=[(_with_next("/sign-in", next_address), t(N_("Back to the sign-in")))],
        focus="code",
    )


def _new_password_fields(language: str) -> list[Field]:
    least = sessions.policy().shortest_password
    hint = translate(language, N_("At least {n} characters. Four words that you remember are a good password.")).format(
        n=least
    )
    again = translate(language, N_("The same once more"))
    return [
        Field("password", translate(language, N_("New password")), "password", autocomplete="new-password", hint=hint),
        Field("again", again, "password", autocomplete="new-password"),
    ]


def _password_form(language: str, next_address: str, ticket: str) -> Form:
    return Form(
        title=translate(language, N_("Choose a password of your own")),
        line=translate(language, N_("The one you have was given to you by somebody else.")),
        action=_with_next("/sign-in/password", next_address),
        button=translate(language, N_("Save and sign in")),
        fields=_new_password_fields(language),
        hidden={"ticket": ticket},
        focus="password",
    )


def _forgotten_form(language: str) -> Form:
    return Form(
        title=translate(language, N_("I cannot sign in")),
        line=translate(
            language, N_("Your administrator gets your request and gives you a link to choose a new password.")
        ),
        action="/forgotten",
        button=translate(language, N_("Ask for a new password")),
        fields=[Field("who", translate(language, N_("User name or e-mail")), autocomplete="username")],
        links=[("/sign-in", translate(language, N_("Back to the sign-in")))],
        focus="who",
    )


def _reset_form(language: str, token: str) -> Form:
    return Form(
        title=translate(language, N_("Choose a new password")),
        action=f"/reset/{token}",
        button=translate(language, N_("Save")),
        fields=_new_password_fields(language),
        focus="password",
    )


def sentences(language: str, error: Invalid) -> dict[str, str]:
    """Return field -> sentence in a language."""
    faults = error.faults.values() if isinstance(error, InvalidForm) else [error]
    return {fault.field or "": say(language, fault) for fault in faults}


def _differs(language: str, sent: dict[str, str]) -> dict[str, str]:
    same = sent.get("password", "") == sent.get("again", "")
    return {} if same else {"again": translate(language, N_("The two passwords are not the same."))}


# --- signing in ---------------------------------------------------------------


async def show_sign_in(request: Request) -> Response:
    """Show the sign-in; whoever is signed in goes on."""
    next_address = _next(request)
    if await _present(request) is not None:
        return RedirectResponse(next_address, 303)
    if not await _here(request).has_users():
        return RedirectResponse("/first-administrator", 303)
    language = forms.chosen_language(request)
    form = _sign_in_form(language, next_address)
    notes = {
        "ended": N_("You were signed out. Sign in again to go on where you were."),
        "out": N_("You are signed out."),
        "changed": N_("Your new password is saved. Sign in with it."),
    }
    note = next((text for key, text in notes.items() if key in request.query_params), "")
    return forms.page(request, replace(form, note=translate(language, note)))


async def send_sign_in(request: Request) -> Response:
    """Check name and password."""
    language, sent = forms.chosen_language(request), await forms.received(request)
    if sent is None:
        form = _sign_in_form(language, _next(request))
        return forms.page(request, replace(form, trouble=translate(language, OLD_FORM)), status=403)
    visit = visit_of(request.scope)
    username, password = sent.get("username", ""), sent.get("password", "")
    outcome = await forms.in_thread(lambda: sessions.sign_in(database(), username, password, **visit))
    return await _go_on(request, language, sent, outcome)


async def send_code(request: Request) -> Response:
    """Check the second factor."""
    language, sent = forms.chosen_language(request), await forms.received(request)
    if sent is None:
        return RedirectResponse("/sign-in", 303)
    visit, ticket, code = visit_of(request.scope), sent.get("ticket", ""), sent.get("code", "")
    outcome = await forms.in_thread(lambda: sessions.go_on(database(), ticket, code=code, **visit))
    if isinstance(outcome, Failed) and outcome.why is Why.WRONG:
        form = _code_form(language, _next(request), ticket)
        return forms.page(request, forms.with_faults(form, {"code": translate(language, WRONG_CODE)}), status=401)
    return await _go_on(request, language, sent, outcome)


async def send_password(request: Request) -> Response:
    """Take a password of one's own instead of the given one."""
    language, sent = forms.chosen_language(request), await forms.received(request)
    if sent is None:
        return RedirectResponse("/sign-in", 303)
    visit, ticket, password = visit_of(request.scope), sent.get("ticket", ""), sent.get("password", "")
    form = _password_form(language, _next(request), ticket)
    if differs := _differs(language, sent):
        return forms.page(request, forms.with_faults(form, differs), status=422)
    try:
        outcome = await forms.in_thread(lambda: sessions.go_on(database(), ticket, new_password=password, **visit))
    except Invalid as fault:
        return forms.page(request, forms.with_faults(form, sentences(language, fault)), status=422)
    return await _go_on(request, language, sent, outcome)


async def _go_on(request: Request, language: str, sent: dict[str, str], outcome: Outcome) -> Response:
    next_address = _next(request)
    if isinstance(outcome, SignedIn):
        return await signed_in(request, outcome, next_address)
    if isinstance(outcome, Wanted):
        make = _code_form if outcome.step is Step.CODE else _password_form
        return forms.page(request, make(language, next_address, outcome.ticket))
    form = _sign_in_form(language, next_address, sent.get("username", "")[:254])
    minutes = int(sessions.policy().account.lock.total_seconds() // 60)
    trouble = translate(language, REASONS[outcome.why]).format(n=minutes)
    return forms.page(request, replace(form, trouble=trouble), status=STATUS[outcome.why])


async def signed_in(request: Request, outcome: SignedIn, next_address: str) -> Response:
    """Give the browser its cookie and let it go on; a sign-in that it had before ends."""
    before = await _present(request)
    if before is not None:
        await _end(request, before)
    answer = RedirectResponse(next_address, 303)
    forms.set_cookie(answer, sign_in_cookie(), outcome.token, int(sessions.policy().lifetime.total_seconds()))
    return answer


# --- signing out ---------------------------------------------------------------


async def show_sign_out(request: Request) -> Response:
    """Ask once more: an address alone may not sign anybody out."""
    language = forms.chosen_language(request)
    title = translate(language, N_("Sign out"))
    return forms.page(request, Form(title=title, action="/sign-out", button=title))


async def send_sign_out(request: Request) -> Response:
    """End this browser's sign-in, with its every tab. The gate has seen that one of our own pages asks."""
    present = await _present(request)
    if present is not None:
        await _end(request, present)
    answer = RedirectResponse("/sign-in?out=1", 303)
    answer.delete_cookie(
        sign_in_cookie(), path="/", secure=sign_in_cookie().startswith("__"), httponly=True, samesite="lax"
    )
    answer.headers["clear-site-data"] = '"storage"'
    return answer


async def _end(request: Request, present: Present) -> None:
    def end() -> None:
        try:
            sessions.sign_out(database(), present)
        except NotFound:  # it ended in this very moment, elsewhere
            return

    await forms.in_thread(end)
    await _here(request).end(present.sign_in_id)


# --- a new password --------------------------------------------------------------


async def show_forgotten(request: Request) -> Response:
    """Show the form that asks for a new password."""
    return forms.page(request, _forgotten_form(forms.chosen_language(request)))


async def send_forgotten(request: Request) -> Response:
    """Put the request before the administrators. The answer is the same, and as quick, for every name."""
    language, sent = forms.chosen_language(request), await forms.received(request)
    if sent is None:
        return forms.page(
            request, replace(_forgotten_form(language), trouble=translate(language, OLD_FORM)), status=403
        )
    who, address = sent.get("who", ""), client_address(request.scope)
    _here(request).send_on_errand(lambda: sessions.request_reset(database(), who, address=address))
    form = Form(
        title=translate(language, N_("Your request is on its way")),
        line=translate(
            language, N_("If there is such an account, its administrator knows now and will give you a link.")
        ),
        links=[("/sign-in", translate(language, N_("Back to the sign-in")))],
    )
    return forms.page(request, form)


async def show_reset(request: Request) -> Response:
    """Show the form behind a one-time link. Looking does not use the link up: mail scanners look, too."""
    language, token = forms.chosen_language(request), request.path_params["token"]
    if not await forms.in_thread(lambda: sessions.link_is_good(database(), token)):
        return _dead_link(request, language)
    return forms.page(request, _reset_form(language, token))


async def send_reset(request: Request) -> Response:
    """Save the password that was chosen with a link."""
    language, token, sent = forms.chosen_language(request), request.path_params["token"], await forms.received(request)
    form = _reset_form(language, token)
    if sent is None:
        return forms.page(request, replace(form, trouble=translate(language, OLD_FORM)), status=403)
    if differs := _differs(language, sent):
        return forms.page(request, forms.with_faults(form, differs), status=422)
    password = sent.get("password", "")
    try:
        await forms.in_thread(lambda: sessions.use_reset_link(database(), token, password))
    except Invalid as fault:
        return forms.page(request, forms.with_faults(form, sentences(language, fault)), status=422)
    except NotFound:
        return _dead_link(request, language)
    return RedirectResponse("/sign-in?changed=1", 303)


def _dead_link(request: Request, language: str) -> Response:
    form = Form(
        title=translate(language, N_("This link does not work any more")),
        line=translate(language, N_("It was used, is too old, or was replaced by a newer one.")),
        links=[("/forgotten", translate(language, N_("Ask for a new password")))],
    )
    return forms.page(request, form, status=404)


async def back(_request: Request) -> Response:
    """Lead a reload of a later step back to the first."""
    return RedirectResponse("/sign-in", 303)


def _route(path: str, show: Handler, send: Handler) -> list[Route]:
    return [Route(path, careful(show), methods=["GET"]), Route(path, careful(send), methods=["POST"])]


ROUTES: Final = [
    *_route("/sign-in", show_sign_in, send_sign_in),
    *_route("/sign-in/code", back, send_code),
    *_route("/sign-in/password", back, send_password),
    *_route("/sign-out", show_sign_out, send_sign_out),
    *_route("/forgotten", show_forgotten, send_forgotten),
    *_route("/reset/{token}", show_reset, send_reset),
]
