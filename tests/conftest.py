"""What every test shares: both databases, the cast, a clock that stands still and a place for files."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

PLACE = Path(tempfile.mkdtemp(prefix="rapport-tests-"))
"""The data folder of this process; nothing a test writes lands in the checkout. Chosen before anything reads it."""
for name in [name for name in os.environ if name.startswith("RAPPORT_") and not name.startswith("RAPPORT_TEST_")]:
    del os.environ[name]
os.environ["RAPPORT_DATA"] = str(PLACE)

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402
from playwright.sync_api import Playwright, sync_playwright  # noqa: E402
from sqlalchemy import text  # noqa: E402

from crm.core import changes, clock, config, jobs, records  # noqa: E402
from db import migrate  # noqa: E402
from db.engine import Database, connect  # noqa: E402
from tests.cast import NOW, Cast  # noqa: E402
from tests.support import postgres  # noqa: E402

settings.register_profile("house", max_examples=60, deadline=None)  # a busy machine is no counterexample
settings.load_profile("house")

REAL_DATA = Path(os.environ.get("CRM_DATA", config.ROOT.parent / "shared" / "data"))
"""Files as companies really have them; not part of the checkout."""


def pytest_unconfigure() -> None:
    config.forget()
    shutil.rmtree(PLACE, ignore_errors=True)


def _make(url: str) -> None:
    """Make every table, ours and the job engine's. That migrations make the same ones is a promise of their own test."""
    database = connect(url)
    records.load().create_all(database.writer)
    jobs.make_tables(database)
    migrate.stamp(database)
    database.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedded database with every table and no row."""
    path = tmp_path_factory.mktemp("template") / "rapport.db"
    _make(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    """The PostgreSQL server of this test run."""
    with postgres.server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres_server: postgres.PostgresServer) -> Iterator[str]:
    """The name of a database in it with every table and no row."""
    with postgres_server.database("rapport_template") as url:
        _make(url)
        yield url.rpartition("/")[2].partition("?")[0]


@pytest.fixture(scope="session")
def postgres_database(postgres_server: postgres.PostgresServer, postgres_template: str) -> Iterator[Database]:
    """This process's database in it, with every table."""
    with postgres_server.database(template=postgres_template) as url:
        database = connect(url)
        yield database
        database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which of the two databases: a test that takes it, or `database`, runs once on each."""
    return str(request.param)


@pytest.fixture
def database(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    """An empty database with every table; the process's own (`config.database()`) is the same one.

    SQLite: a copy of the template. PostgreSQL: the rows of this process's database are deleted, in 3 ms; a database made
    from a template would take 70, TRUNCATE 45.
    """
    if kind == "sqlite":
        path = tmp_path / "rapport.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        found = connect(f"sqlite:///{path}")
    else:
        found = request.getfixturevalue("postgres_database")
        _wipe(found)
        changes.forget(found)  # below the door nobody else says that everything is another
    monkeypatch.setenv("RAPPORT_DATA", str(tmp_path))
    monkeypatch.setenv("RAPPORT_DATABASE_URL", found.url.render_as_string(hide_password=False))
    config.forget()
    yield found
    config.forget()
    if kind == "sqlite":
        found.close()


def _wipe(database: Database) -> None:
    """Delete every row of a PostgreSQL database and let ids begin at 1 again."""
    tables = "SELECT format('DELETE FROM %I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('public', 'dbos')"
    ids = "SELECT format('SELECT setval(%L, 1, false)', quote_ident(schemaname) || '.' || quote_ident(sequencename)) FROM pg_sequences"
    with database.writing() as connection:
        kept = ("dbos_migrations", "alembic_version")
        orders = [one for one in connection.scalars(text(f"{tables} UNION ALL {ids}")) if not one.endswith(kept)]
        connection.exec_driver_sql(f"SET LOCAL session_replication_role = replica; {'; '.join(orders)}")


@pytest.fixture
def cast(database: Database) -> Iterator[Cast]:
    """The people of the house, in the database; the clock stands at Monday, 9 February 2026, 09:00 in Moscow."""
    with clock.stopped(NOW):
        yield Cast.assemble(database)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def standing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    """The people of the house in a database that all tests of a module share: for many tests that change nothing."""
    with ExitStack() as lent:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('standing') / 'rapport.db'}"
            shutil.copyfile(request.getfixturevalue("sqlite_template"), url.removeprefix("sqlite:///"))
        else:
            template = request.getfixturevalue("postgres_template")
            url = lent.enter_context(request.getfixturevalue("postgres_server").database(template=template))
        database = connect(url)
        lent.callback(database.close)
        yield Cast.assemble(database)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """The driver of real browsers: one per process, a second one would find the first one's event loop."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real files; a test that needs it is skipped where the folder is absent."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"the real files are absent: CRM_DATA names no folder, and {REAL_DATA} is none")
    return REAL_DATA


def pytest_make_parametrize_id(val: Any) -> str | None:
    """Name a case by what it is about."""
    named = getattr(val, "__name__", None)
    return named if isinstance(named, str) and named != "<lambda>" else None
