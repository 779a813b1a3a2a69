"""The probe's application: the gate, the plain pages and the start are the product's, the screens are one small script."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from web import start

start.prepare()

from web import assets, first_administrator, health, sign_in  # noqa: E402
from web.gate import Gate  # noqa: E402

PUBLIC = [*assets.ROUTES, *health.ROUTES, *sign_in.ROUTES, *first_administrator.ROUTES]


@asynccontextmanager
async def life(_app: st.App) -> AsyncIterator[None]:
    """Begin as the product does."""
    await start.open_house()
    yield


script = Path(__file__).with_name("script.py")
app = st.App(script, routes=PUBLIC, middleware=[Middleware(Gate, public=PUBLIC)], lifespan=life)
