"""Pages on the embedded database: no page holds SQL, and what pages call runs on both databases in its own tests (decision 0023)."""

import pytest


@pytest.fixture(params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """The embedded database, where a test does not ask for both (`screen.ON_BOTH`)."""
    return str(request.param)
