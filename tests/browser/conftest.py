"""One browser and one running application per database for the tests of this folder; those of a database one after the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright

from tests.browser.scene import Scene, on
from tests.support.browser import launch

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before the workers read the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group(f"browser {_house_of(item)}"))


def _house_of(item: pytest.Item) -> str:
    """Return what a test's house is called: the tests of one house must run in one process."""
    if item.path.name == "test_screens.py":
        return "screens"
    params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return str(params.get("house", "none"))


@pytest.fixture(scope="package")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    browser = launch(playwright)
    yield browser
    browser.close()


@pytest.fixture(scope="package", params=["sqlite", "postgresql"])
def house(
    request: pytest.FixtureRequest, chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """The application on each of the two databases."""
    yield from on(request.param, chromium, request, tmp_path_factory)


@pytest.fixture
def scene(house: Scene) -> Iterator[Scene]:
    """The running application, with nobody before a browser yet."""
    yield house
    house.empty()
