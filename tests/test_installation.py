"""The database is made once, brought up to date after a copy, and never made a second time in place of lost data."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from crm import customers, installation
from crm.core import config, jobs, records
from crm.core.config import Config
from crm.core.errors import Unavailable
from crm.core.uow import as_system
from db import migrate
from db.backup import copies
from db.engine import Database, connect


@dataclass
class Home:
    """A data folder and an address at which nothing is yet."""

    config: Config
    database: Database


@pytest.fixture
def home(kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setenv("RAPPORT_DATA", str(tmp_path / "house"))
    monkeypatch.delenv("RAPPORT_DATABASE_URL", raising=False)
    server = request.getfixturevalue("postgres_server") if kind == "postgresql" else None
    if server is None:
        config.forget()
        yield Home(config.config(), config.database())
        config.forget()
        return
    with server.database() as url:
        monkeypatch.setenv("RAPPORT_DATABASE_URL", url)
        config.forget()
        yield Home(config.config(), config.database())
        config.forget()


def names(home: Home) -> list[str]:
    with home.database.reader.connect() as connection:
        return sorted(connection.scalars(text("SELECT name FROM customers")))


def test_the_newest_migration_makes_exactly_the_tables_of_the_models(home: Home) -> None:
    prepared = installation.prepare(home.config, home.database)
    assert prepared.was_empty
    assert prepared.after == migrate.head()
    with home.database.reader.connect() as connection:
        found = migrate.differences(connection, records.load())
    ours = [one for one in found if not _is_the_engines(one)]
    assert ours == []


def _is_the_engines(difference: object) -> bool:
    """Say whether a difference is about a table of the job engine, or about an index of one."""
    what = difference[1] if isinstance(difference, tuple) else None
    table = getattr(what, "table", None)
    return not {getattr(what, "name", None), getattr(table, "name", None)}.isdisjoint(jobs.OWN_TABLES)


def test_preparing_twice_changes_nothing(home: Home) -> None:
    installation.prepare(home.config, home.database)
    with as_system(home.database) as u:
        customers.create(u, {"name": "Kept"})
    again = installation.prepare(home.config, home.database)
    assert (again.was_empty, again.before) == (False, again.after)
    assert names(home) == ["Kept"]
    assert copies(home.config.backups_dir) == []
    installation.verify(home.config, home.database)


def test_a_database_with_data_is_copied_before_its_tables_change(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    installation.prepare(home.config, home.database)
    with as_system(home.database) as u:
        customers.create(u, {"name": "Kept"})
    later = _a_later_migration(
        home.config.data_dir, "op.create_table('later', sa.Column('id', sa.Integer(), primary_key=True))"
    )
    monkeypatch.setattr(migrate, "FOLDER", later)
    with pytest.raises(Unavailable, match="older version"):
        installation.verify(home.config, home.database)
    installation.prepare(home.config, home.database)
    assert names(home) == ["Kept"]
    [copy] = copies(home.config.backups_dir)
    assert (copy.revision, copy.rows["customers"]) == ("0001", 1)
    installation.verify(home.config, home.database)


def test_a_migration_that_fails_leaves_everything_as_it_was(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    installation.prepare(home.config, home.database)
    with as_system(home.database) as u:
        customers.create(u, {"name": "Kept"})
    broken = "op.create_table('half', sa.Column('id', sa.Integer(), primary_key=True))\n    op.drop_column('users', 'no_such')"
    with monkeypatch.context() as patched:
        patched.setattr(migrate, "FOLDER", _a_later_migration(home.config.data_dir, broken))
        with pytest.raises(Exception, match="no_such"):
            installation.prepare(home.config, home.database)
    assert names(home) == ["Kept"]
    installation.verify(home.config, home.database)
    with home.database.reader.connect() as connection:
        assert "half" not in migrate.tables(connection)


def test_children_survive_when_their_parents_table_is_made_anew(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    installation.prepare(home.config, home.database)
    with as_system(home.database) as u:
        customers.create(u, {"name": "Kept", "phones": ["+79161234567"]})
    anew = "with op.batch_alter_table('customers') as batch:\n        batch.alter_column('kind', nullable=True)"
    monkeypatch.setattr(migrate, "FOLDER", _a_later_migration(home.config.data_dir, anew))
    installation.prepare(home.config, home.database)
    with home.database.reader.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM phones")) == 1
        if home.database.is_sqlite:
            assert connection.scalar(text("PRAGMA foreign_keys")) == 1


def _a_later_migration(folder: Path, does: str) -> Path:
    """A folder of migrations with one more."""
    migrations = folder / "migrations"
    shutil.copytree(migrate.FOLDER, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    script = (
        f"import sqlalchemy as sa\nfrom alembic import op\nrevision = '9999'\ndown_revision = '{migrate.head()}'\n"
        f"def upgrade():\n    {does}\n"
    )
    (migrations / "versions" / "9999_later.py").write_text(script, encoding="utf-8")
    return migrations


def test_a_database_of_a_newer_version_is_not_touched(home: Home) -> None:
    installation.prepare(home.config, home.database)
    with home.database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for look in (installation.verify, installation.prepare):
        with pytest.raises(Unavailable, match="newer version"):
            look(home.config, home.database)


def test_tables_of_somebody_else_are_not_touched(home: Home) -> None:
    home.config.data_dir.mkdir(parents=True)
    with home.database.writing() as connection:
        connection.execute(text("CREATE TABLE theirs (id INTEGER)"))
    with pytest.raises(Unavailable, match="not Rapport's"):
        installation.prepare(home.config, home.database)
    with home.database.reader.connect() as connection:
        assert migrate.tables(connection) == ["theirs"]


def test_a_new_house_has_no_database_and_looking_makes_none(home: Home) -> None:
    with pytest.raises(Unavailable, match="no database yet"):
        installation.verify(home.config, home.database)
    assert not home.config.data_dir.exists()


def test_data_that_are_gone_are_not_replaced_by_an_empty_database(home: Home) -> None:
    installation.prepare(home.config, home.database)
    home.database.close()
    if home.database.path:
        home.database.path.unlink()
    else:
        with home.database.writing() as connection:
            for name in migrate.tables(connection):
                connection.execute(text(f'DROP TABLE "{name}" CASCADE'))
    for look in (installation.verify, installation.prepare):
        with pytest.raises(Unavailable, match="does not make an empty one") as told:
            look(home.config, home.database)
        assert told.value.code == "D3"
    assert not home.database.path or not home.database.path.exists()


def test_the_data_folder_may_move_and_a_marker_cut_off_by_a_full_disk_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAPPORT_DATABASE_URL", raising=False)
    for folder in ("here", "there"):
        monkeypatch.setenv("RAPPORT_DATA", str(tmp_path / folder))
        config.forget()
        if folder == "here":
            installation.prepare(config.config(), config.database())
            config.forget()
            shutil.move(tmp_path / "here", tmp_path / "there")
    assert list(json.loads((tmp_path / "there" / "installed").read_text())) == ["rapport.db"]
    installation.verify(config.config(), config.database())
    config.database().close()
    (tmp_path / "there" / "rapport.db").unlink()
    (tmp_path / "there" / "installed").write_text("{")
    with pytest.raises(Unavailable, match="does not make an empty one"):
        installation.prepare(config.config(), config.database())


def test_a_password_is_never_part_of_a_place(tmp_path: Path) -> None:
    database = connect("postgresql://me:secret@db.example:6000/rapport")
    home = Config(tmp_path, "", "http://localhost", frozenset())
    assert installation.place(home, database) == "db.example:6000/rapport"
