"""One running application per database for all tests of this folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright

from tests.support import browser
from tests.web.site import Site, running

KINDS = [pytest.param(kind, marks=pytest.mark.xdist_group(f"web-{kind}")) for kind in ("sqlite", "postgresql")]


@contextmanager
def _address(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'rapport.db'}"
        return
    with request.getfixturevalue("postgres_server").database() as url:
        yield url


@pytest.fixture(scope="session", params=KINDS)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The application with the cast; tests leave the accounts as they found them, or take people of their own."""
    folder = tmp_path_factory.mktemp(f"site-{request.param}")
    with _address(request.param, folder, request) as url, running(url, folder) as found:
        yield found


@pytest.fixture
def quiet(site: Site) -> Iterator[Site]:
    """The application with no wrong tries counted and every account as it was."""
    site.forget_tries()
    yield site
    site.forget_tries()
    site.give_passwords()


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The gate in front of a script that offers and takes a file."""
    folder = tmp_path_factory.mktemp("probe")
    with running(f"sqlite:///{folder / 'rapport.db'}", folder, app="tests/web/probe/app.py") as found:
        yield found


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """A real browser."""
    with browser.launch(playwright) as found:
        yield found
