"""One SQLite in the whole process, and a safe one.

Python's own SQLite may carry the WAL-reset corruption bug (fixed in 3.51.3), and two copies of SQLite in one process
break each other's POSIX file locks. So the bundled copy takes the name ``sqlite3`` before anybody opens a file: our
engines, the job engine and every library then share it. Decision record 0003 tells the whole story.
"""

import importlib
import sys
from typing import Final

SAFE_VERSION: Final = (3, 51, 3)
"""The first SQLite without the WAL-reset bug."""


def _adopt_bundled() -> None:
    try:
        bundled = importlib.import_module("pysqlite3")
    except ModuleNotFoundError:  # a platform without a wheel: Python's own serves, `doctor` says so when it is old
        return
    sys.modules["sqlite3"] = bundled
    sys.modules["sqlite3.dbapi2"] = importlib.import_module("pysqlite3.dbapi2")


_adopt_bundled()

driver = importlib.import_module("sqlite3")
"""The DB-API module that every SQLite connection of this process uses."""


def version() -> tuple[int, ...]:
    """Return the version of the SQLite in use, for example ``(3, 53, 4)``."""
    return tuple(int(part) for part in driver.sqlite_version.split("."))


def is_safe() -> bool:
    """Say whether the SQLite in use is free of the WAL-reset bug."""
    return version() >= SAFE_VERSION
