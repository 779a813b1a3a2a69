"""Migrations: forward only, one transaction, for both databases. Knows no table by name: the caller brings them."""

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, MetaData, column, inspect, select, text
from sqlalchemy import table as named_table

from db.engine import Database, connect

FOLDER: Final = Path(__file__).parent / "migrations"
VERSION_TABLE: Final = "alembic_version"
_REVISION: Final = select(named_table(VERSION_TABLE, column("version_num")))
_LOCK: Final = 7_240_113
"""Any number: the key of the advisory lock that lets one process migrate at a time."""


class UnknownRevision(Exception):  # noqa: N818  what it is
    """The database has a revision that this version does not know: it was made by a newer one."""


def _config(attributes: Mapping[str, Any] | None = None) -> Config:
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes.update(attributes or {})
    return config


def head() -> str:
    """Return the revision that this version of the product works with."""
    return _head(FOLDER)


@lru_cache(maxsize=4)
def _head(_folder: Path) -> str:
    """Read the newest migration once: the files of a running product do not change."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    if found is None:
        raise LookupError("There is no migration at all.")
    return found


def revision(connection: Connection) -> str | None:
    """Return the revision of a database, None when it was never migrated."""
    if not connection.dialect.has_table(connection, VERSION_TABLE):
        return None
    return connection.execute(_REVISION).scalar_one_or_none()


def tables(connection: Connection) -> list[str]:
    """Return the names of all tables in the database's own schema."""
    return inspect(connection).get_table_names()


def is_known(one: str) -> bool:
    """Say whether this version of the product knows a revision."""
    return _is_known(FOLDER, one)


@lru_cache(maxsize=16)
def _is_known(_folder: Path, one: str) -> bool:
    try:
        return ScriptDirectory.from_config(_config()).get_revision(one) is not None
    except CommandError:
        return False


def upgrade(database: Database, metadata: MetaData, to: str = "head") -> None:
    """Bring a database to a revision; nothing happens when it is there. Raises UnknownRevision for a newer database."""
    with changing_schema(database) as connection:
        upgrade_on(connection, metadata, to)


def upgrade_on(connection: Connection, metadata: MetaData, to: str = "head") -> None:
    """Do the same within a transaction that the caller holds."""
    at = revision(connection)
    if at is not None and not is_known(at):
        raise UnknownRevision(at)
    command.upgrade(_config({"connection": connection, "metadata": metadata}), to)


def stamp(database: Database) -> None:
    """Say that a database whose tables were made from the models is at the newest revision; for tests and tools."""
    with changing_schema(database) as connection:
        command.stamp(_config({"connection": connection, "metadata": MetaData()}), "head")


@contextmanager
def changing_schema(database: Database) -> Iterator[Connection]:
    """Give one transaction in which tables may be made anew: alone, without time limits, checked before it is committed."""
    with database.turn(), database.writer.connect() as connection:
        if database.is_sqlite:
            # cascades would empty the children of a table that is made anew; inside a transaction this pragma does nothing
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]
        try:
            with connection.begin():
                if not database.is_sqlite:
                    connection.execute(text("SET LOCAL statement_timeout = 0"))
                    connection.execute(text("SET LOCAL lock_timeout = '60s'"))
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                yield connection
                if database.is_sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
                    raise ValueError(f"The change leaves rows of {broken[0]} without the row they point to.")
        finally:
            if database.is_sqlite:
                connection.invalidate()  # the next connection is opened with its foreign keys on


def differences(connection: Connection, metadata: MetaData) -> list[Any]:
    """Return what the models have and the database has not, or the reverse, as alembic's operations. Empty is right."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


def draft(metadata: MetaData, message: str, scratch: Path) -> Path:
    """Write a migration from the newest revision to the models; return its file, which a person then reads and corrects.

    scratch: an empty folder for a database. The recipe stands in migrations/README.md.
    """
    database = connect(f"sqlite:///{scratch / 'draft.db'}")
    try:
        config = _config({"metadata": metadata})
        if ScriptDirectory.from_config(config).get_current_head() is not None:
            upgrade(database, metadata)
        with changing_schema(database) as connection:
            config.attributes["connection"] = connection
            number = len(list((FOLDER / "versions").glob("[0-9]*.py"))) + 1
            made = command.revision(config, message, autogenerate=True, rev_id=f"{number:04d}")
    finally:
        database.close()
    if not isinstance(made, Script):
        raise TypeError("One revision was expected.")
    path = Path(made.path)
    late = _late_foreign_keys(metadata) if number == 1 else ""
    drafted = path.read_text(encoding="utf-8").replace("# ### end Alembic commands ###", late)
    if number == 1:
        drafted = drafted.replace("() -> None:", "() -> None:  # noqa: PLR0915  every table of the first version")
    path.write_text(re.sub(r" *# ### commands auto.*\n", "", drafted).rstrip() + "\n", encoding="utf-8")
    return path


def _late_foreign_keys(metadata: MetaData) -> str:
    """Return code for the foreign keys that close a circle: PostgreSQL gets them when both tables stand, SQLite has them."""
    lines = []
    for table in metadata.sorted_tables:
        for key in table.foreign_key_constraints:
            if key.use_alter:
                ours, theirs = [c.name for c in key.columns], [element.column.name for element in key.elements]
                names = f'"{key.name}", "{table.name}", "{key.referred_table.name}", {ours!r}, {theirs!r}'
                lines.append(f"        op.create_foreign_key({names})")
    return "\n".join(['if op.get_bind().dialect.name == "postgresql":', *lines]) if lines else ""
