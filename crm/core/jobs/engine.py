"""The job engine: everything that knows DBOS. It is imported where it is used: it is heavy, and most processes enqueue little."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import BigInteger, ColumnClause, Dialect, String, TableClause, column, select, table

from crm.core.errors import Refused
from crm.core.i18n import N_
from crm.core.jobs.facts import BULK, ON_SCHEDULE, QUEUE, Job, plain, rich
from crm.core.verbs import reads_only
from db.engine import Database

if TYPE_CHECKING:
    from crm.core.uow import UnitOfWork

R = TypeVar("R")
Perform = Callable[[Database, Job, str, int | None, Mapping[str, Any]], Any]
"""Runs a job's function: database, job, the run's id, who asked (None: nobody), facts."""

APPLICATION: Final = "rapport"
FORGET_AT_ONCE: Final = 500
RECOVERIES: Final = 10
"""A job that took its worker down so often is given up."""
COLUMNS: Final = ("workflow_uuid", "name", "status", "authenticated_user")
MOMENTS: Final = ("created_at", "started_at_epoch_ms", "completed_at")


def enqueue(u: "UnitOfWork", function: Callable[..., Any], facts: Mapping[str, Any]) -> str:
    """Enqueue a job in the transaction of a verb: rolled back, there is no job. Returns its id.

    Raises TypeError for facts that JSON does not give back as they were, Refused outside a writing verb.
    """
    one: Job = function.job  # type: ignore[attr-defined]
    if json.loads(json.dumps(facts)) != dict(facts):
        raise TypeError(f"The facts of {one.name} must be plain JSON values.")
    if not u.verb or reads_only(u.right):
        raise Refused(N_("Only a verb may change something."))
    options: dict[str, Any] = {"workflow_name": one.name, "queue_name": one.queue}
    if u.actor.id is not None:
        options["authenticated_user"] = str(u.actor.id)
    handle = client(u.database).enqueue_in_transaction(u.session.connection(), options, dict(facts))
    return str(handle.workflow_id)


@lru_cache(maxsize=16)
def client(database: Database) -> Any:
    """Return the engine's client for a database. It opens no connection of its own to enqueue."""
    from dbos import DBOSClient  # noqa: PLC0415  a quarter of a second that most units need not pay

    return DBOSClient(
        system_database_engine=database.writer,
        serializer=serializer(),
        application_name=APPLICATION,
        lazy=True,
        retry_connection_errors=False,
    )


@lru_cache(maxsize=1)
def serializer() -> Any:
    """Return how the engine writes facts, results and errors: as JSON, never as pickles, which could run code."""
    from dbos import Serializer  # noqa: PLC0415

    class Json(Serializer):
        """JSON with moments and errors."""

        def name(self) -> str:
            return "rapport_json"

        def serialize(self, data: Any) -> str:
            return json.dumps(data, default=plain, ensure_ascii=False)

        def deserialize(self, serialized_data: str) -> Any:
            return json.loads(serialized_data, object_hook=rich)

    return Json()


def start(database: Database, executor: str, declared: Iterable[Job], perform: Perform) -> None:
    """Start the engine in this process: recover what this executor was doing, then take jobs from the queues.

    executor: the worker's name, the same after a restart, or its unfinished jobs would wait for ever. The application
    version is one constant for the same reason: a job that changed its steps changes its name instead.
    """
    from dbos import DBOS  # noqa: PLC0415  heavy, and only the worker gets here

    schedules = _register(DBOS, database, declared, perform)
    DBOS(
        config={
            "name": APPLICATION,
            "system_database_url": database.url.render_as_string(hide_password=False),
            "sys_db_pool_size": 5,
            "executor_id": executor,
            "application_version": APPLICATION,
            "serializer": serializer(),
            "run_migrations": False,  # `db.migrate` did; a worker must not make tables in a file that lost them
            "log_level": "WARNING",
            "scheduler_polling_interval_sec": 5.0,
        }
    )
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=3, polling_interval_sec=0.5)
    DBOS.register_queue(BULK, global_concurrency=1, polling_interval_sec=0.5)
    wanted = {one["schedule_name"] for one in schedules}
    for old in DBOS.list_schedules():
        if old["schedule_name"] not in wanted:
            DBOS.delete_schedule(old["schedule_name"])
    DBOS.apply_schedules(schedules)


def _register(engine: Any, database: Database, declared: Iterable[Job], perform: Perform) -> list[Any]:
    """Make every declared job known to the engine; return the schedules."""
    schedules = []
    for one in declared:
        engine.workflow(name=one.name, max_recovery_attempts=RECOVERIES)(_asked(engine, database, one, perform))
        if one.cron is not None:
            ticked = _ticked(engine, database, one, perform)
            tick = engine.workflow(name=one.name + ON_SCHEDULE, max_recovery_attempts=RECOVERIES)(ticked)
            schedules.append(
                {"schedule_name": one.name, "workflow_fn": tick, "schedule": one.cron, "queue_name": one.queue}
            )
    return schedules


def _asked(engine: Any, database: Database, one: Job, perform: Perform) -> Callable[[dict[str, Any]], Any]:
    def asked(facts: dict[str, Any]) -> Any:
        asker = engine.authenticated_user
        return perform(database, one, engine.workflow_id, int(asker) if asker else None, facts)

    return asked


def _ticked(engine: Any, database: Database, one: Job, perform: Perform) -> Callable[[datetime, Any], Any]:
    def ticked(at: datetime, context: Any) -> Any:
        del at, context
        return perform(database, one, engine.workflow_id, None, {})

    return ticked


def run_step(name: str, function: Callable[[], R]) -> R:
    """Run a durable step of the job that runs in this thread."""
    from dbos import DBOS  # noqa: PLC0415

    return DBOS.run_step({"name": name}, function)


def stop(*, patience: int) -> None:
    """Stop taking jobs; wait up to `patience` seconds for those that run. What is left goes on at the next start."""
    from dbos import DBOS  # noqa: PLC0415

    DBOS.destroy(workflow_completion_timeout_sec=patience)


def forget_before(database: Database, moment: datetime) -> int:
    """Delete the runs that were asked for before a moment and are over; return how many. Part of the nightly upkeep."""
    engine, gone = client(database), 0
    over = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
    while True:
        old = engine.list_workflows(
            status=over, end_time=moment.isoformat(), limit=FORGET_AT_ONCE, load_input=False, load_output=False
        )
        if old:
            engine.delete_workflows([one.workflow_id for one in old])
        gone += len(old)
        if len(old) < FORGET_AT_ONCE:
            return gone


def make_tables(database: Database) -> None:
    """Create the engine's own tables or bring them up to date; part of `migrate`."""
    from dbos import DBOS  # noqa: PLC0415

    DBOS.migrate(database.url.render_as_string(hide_password=False))


OWN_TABLES: Final = frozenset(
    {
        "application_versions",
        "dbos_migrations",
        "notifications",
        "operation_outputs",
        "queues",
        "streams",
        "workflow_events",
        "workflow_events_history",
        "workflow_input",
        "workflow_output",
        "workflow_schedules",
        "workflow_status",
    }
)
"""The engine's tables. In the embedded database they stand beside ours, so no table of ours may have one of these names."""


def runs_table(dialect: Dialect) -> TableClause:
    """Return the engine's table of runs: read directly, in the reader's own transaction and without loading the engine."""
    return _table(dialect.name, "workflow_status")


def results_table(dialect: Dialect) -> TableClause:
    """Return the engine's table of results and errors."""
    return _table(dialect.name, "workflow_output")


@lru_cache(maxsize=4)
def _table(dialect: str, name: str) -> TableClause:
    columns: list[ColumnClause[Any]] = [
        *(column(one, String) for one in (*COLUMNS, "error")),
        *(column(one, BigInteger) for one in MOMENTS),
    ]
    return table(name, *columns, schema="dbos" if dialect == "postgresql" else None)


def was_cancelled(database: Database, job_id: str) -> bool:
    """Say whether a run was stopped by somebody."""
    runs = runs_table(database.reader.dialect)
    with database.reader.connect() as connection:
        return connection.scalar(select(runs.c.status).where(runs.c.workflow_uuid == job_id)) == "CANCELLED"
