"""Jobs that only tests run, and the worker process that runs them: `python sample_jobs.py URL NAME`."""

import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from crm import interactions
from crm.core import jobs, worker
from crm.core.errors import Invalid
from crm.core.jobs import JobContext
from crm.core.uow import UnitOfWork, unit_of_work
from db.engine import connect


@jobs.job("test.log_calls", title="Log calls", queue=jobs.BULK)
def log_calls(ctx: JobContext, *, customer_id: int, count: int, pause: float) -> int:
    """Log `count` calls, each in a step of its own; returns how many."""
    for number in range(count):
        ctx.change(f"call {number}", interactions.log, customer_id, kind="call", note=str(number))
        ctx.progress(number + 1, count)
        time.sleep(pause)
    return count


@jobs.job("test.half_done", title="Half done")
def half_done(ctx: JobContext, *, customer_id: int, marker: str) -> None:
    """Commit a change and die before the engine hears of it, at the first run; at the second run everything goes well."""

    def change_and_die() -> None:
        with unit_of_work(ctx.database, ctx.who, key=f"job:{ctx.job_id}:log") as u:
            interactions.log(u, customer_id, kind="call", note="half")
        if not Path(marker).exists():
            Path(marker).write_text("died once", encoding="utf-8")
            signal.raise_signal(signal.SIGKILL)

    if not Path(marker).exists():
        ctx.step("log", change_and_die)
    ctx.change("log", interactions.log, customer_id, kind="call", note="half")


@jobs.job("test.invalid", title="Invalid")
def invalid(ctx: JobContext, *, broken: bool) -> None:
    """Fail with a sentence, or with a mistake of ours."""
    if broken:
        ctx.step("break", lambda: int("8 916 123-45-67"))
    raise Invalid("At most {most} fit here.", field="x", most=3)


@jobs.job("test.every_second", title="Every second", cron="* * * * * *")
def every_second(ctx: JobContext) -> None:
    """Count a beat as SYSTEM."""
    ctx.progress(1, 1)


def ask(u: UnitOfWork, function: object, **facts: object) -> str:
    """Enqueue a job as a verb would; no declared one, or the matrix of rights would have a row for it."""
    with u.acting("tests.ask", "account.edit"):
        return u.later(function, **facts)


def main(url: str, name: str) -> None:
    """Work until told to stop."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    worker.work(connect(url), name=name, stop=stop)


if __name__ == "__main__":
    main(*sys.argv[1:3])
