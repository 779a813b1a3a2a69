"""One browser and one running application per database for the tests of this folder, one after the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright

from tests.browser.scene import Scene, on
from tests.support.browser import launch

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


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
