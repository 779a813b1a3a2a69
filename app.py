"""Rapport's web application: the gate in front, the plain pages, and the screens behind it. `streamlit run app.py` starts it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st
from starlette.middleware import Middleware

from web import start

start.prepare()  # before anything reads the configuration

from crm.core import i18n, logs  # noqa: E402
from crm.core.errors import CrmError  # noqa: E402
from ui import fragments, theme, turns  # noqa: E402
from ui.session import _, language  # noqa: E402
from web import assets, documents, exports, first_administrator, health, sign_in, strip  # noqa: E402
from web.gate import Gate  # noqa: E402

theme.remember()
fragments.heed()
turns.take()

PUBLIC = [*assets.ROUTES, *health.ROUTES, *sign_in.ROUTES, *first_administrator.ROUTES]
PRIVATE = [*strip.ROUTES, *exports.ROUTES, *documents.ROUTES]


@asynccontextmanager
async def life(_app: st.App) -> AsyncIterator[None]:
    """Make sure of the database and let the first people in before anybody is answered."""
    await start.open_house()
    yield


def tell(error: Exception) -> bool:
    """Show the sentence of an error that a person can understand, the number of any other; the log has the rest."""
    if isinstance(error, CrmError):
        st.error(i18n.say(language(), error), icon=":material/error:")
    else:
        number = logs.number_of(error)
        sentence = _("Something broke on our side. Nothing was saved. Error number {number}.")
        st.error(sentence.format(number=number), icon=":material/error:")
    return True


app = st.App(
    "ui/shell.py",
    routes=[*PUBLIC, *PRIVATE],
    middleware=[Middleware(Gate, public=PUBLIC, private=PRIVATE)],
    lifespan=life,
    on_script_error=tell,
)
