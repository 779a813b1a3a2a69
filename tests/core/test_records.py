"""Every table of the product is known after one call."""

import subprocess
import sys

from crm.core import config, records
from db.base import Record

records.load()

SCRIPT = """
import crm
from crm.core import jobs, records, verbs
tables = set(records.load().tables)
assert {"customers", "interactions", "worker_beats", "backups", "command_keys", "job_progress"} <= tables, tables
assert {"backups.hourly", "upkeep.nightly"} <= set(jobs.JOBS)
assert "customers.create" in verbs.VERBS
import sys
assert "streamlit" not in sys.modules
assert "dbos" not in sys.modules, "the job engine is for the worker and for whoever enqueues"
"""


def test_one_call_makes_all_tables_verbs_and_jobs_known_and_loads_neither_screens_nor_the_job_engine() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=config.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_id_of_a_row_that_is_gone_is_never_given_again() -> None:
    """On SQLite, too, where the largest one would be."""
    tables = {mapper.class_.__table__ for mapper in Record.registry.mappers if issubclass(mapper.class_, Record)}
    assert {"phones", "relations", "interactions"} <= {table.name for table in tables}
    assert [table.name for table in tables if not table.dialect_options["sqlite"]["autoincrement"]] == []
