"""The first page of a new installation: whoever has the terminal's one-time code becomes the first administrator."""

from dataclasses import replace
from functools import lru_cache
from typing import Final
from zoneinfo import available_timezones

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from crm import sessions
from crm.core.config import database
from crm.core.errors import Invalid, Refused
from crm.core.i18n import LANGUAGES, N_, say, translate
from crm.sessions import Founder
from web import forms
from web.forms import Field, Form
from web.requests import PRESENCE, visit_of
from web.sign_in import OLD_FORM, careful, sentences, signed_in

ASKED: Final = ("code", "name", "username", "password", "company_name", "language", "timezone")
HOME: Final = {"ru": "Europe/Moscow", "zh": "Asia/Shanghai", "en": "Europe/London"}
AREAS: Final = ("Africa/", "America/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    return {
        zone: zone.replace("_", " ")
        for zone in sorted(available_timezones())
        if zone.startswith(AREAS) or zone == "UTC"
    }


def _form(language: str, sent: dict[str, str]) -> Form:
    def t(text: str) -> str:
        return translate(language, text)

    def was(name: str, otherwise: str = "") -> str:
        return sent.get(name, otherwise)

    least = t(N_("At least {n} characters. Four words that you remember are a good password."))
    fields = [
        Field(
            "code",
            t(N_("Code from the terminal")),
            value=was("code"),
            hint=t(N_("Printed where the server was started.")),
        ),
        Field("name", t(N_("Your name")), value=was("name"), autocomplete="name"),
        Field("username", t(N_("User name")), value=was("username"), autocomplete="username"),
        Field(
            "password",
            t(N_("Password")),
            "password",
            autocomplete="new-password",
            hint=least.format(n=sessions.policy().shortest_password),
        ),
        Field("company_name", t(N_("Company name")), value=was("company_name"), autocomplete="organization"),
        Field("language", t(N_("Language")), value=was("language", language), choices=LANGUAGES),
        Field("timezone", t(N_("Time zone")), value=was("timezone", HOME[language]), choices=_zones()),
    ]
    return Form(
        title=t(N_("Welcome to Rapport")),
        line=t(N_("Nobody has an account yet. You become the first administrator.")),
        action="/first-administrator",
        button=t(N_("Create the account")),
        fields=fields,
        focus="code",
    )


async def show(request: Request) -> Response:
    """Show the form as long as nobody has an account."""
    if await request.scope[PRESENCE].has_users():
        return RedirectResponse("/sign-in", 303)
    return forms.page(request, _form(forms.chosen_language(request), {}))


async def send(request: Request) -> Response:
    """Create the first administrator and sign him in."""
    if await request.scope[PRESENCE].has_users():
        return RedirectResponse("/sign-in", 303)
    language, sent = forms.chosen_language(request), await forms.received(request)
    if sent is None:
        return forms.page(request, replace(_form(language, {}), trouble=translate(language, OLD_FORM)), status=403)
    form, founder, visit = (
        _form(language, sent),
        Founder(**{name: sent.get(name, "") for name in ASKED}),
        visit_of(request.scope),
    )
    try:
        opened = await forms.in_thread(lambda: sessions.found(database(), founder, **visit))
    except Invalid as fault:
        return forms.page(request, forms.with_faults(form, sentences(language, fault)), status=422)
    except Refused as refused:
        return forms.page(request, replace(form, trouble=say(language, refused)), status=403)
    return await signed_in(request, opened, "/")


ROUTES: Final = [
    Route("/first-administrator", careful(show), methods=["GET"]),
    Route("/first-administrator", careful(send), methods=["POST"]),
]
