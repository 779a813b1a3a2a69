"""Upkeep: what grows by itself is cut back every night. It promises to delete nothing that anybody can still ask for."""

from datetime import timedelta
from typing import Final

from sqlalchemy import Table, delete, exists, select, text

from crm import documents, sessions
from crm.backups import Backup
from crm.core import clock, jobs, logs
from crm.core.i18n import N_
from crm.core.jobs import JobContext, JobProgress, job
from crm.core.once import CommandKey
from crm.customers import Customer
from crm.documents import Document
from crm.mass_edits import KEPT_FOR, MassEdit
from crm.notifications import Notification
from crm.search import PARTS, TOKENS
from db.engine import Database

KEYS_KEPT: Final = timedelta(days=7)
RUNS_KEPT: Final = timedelta(days=30)
READ_KEPT: Final = timedelta(days=90)
GONE_KEPT: Final = timedelta(days=400)
ORPHANS_KEPT: Final = timedelta(days=1)
"""So long an uploaded file waits for the row that names it: it lies on the disk before the row is saved."""
AT_ONCE: Final = 500

log = logs.logger("rapport.upkeep")


@job("upkeep.nightly", title=N_("Nightly upkeep"), cron="41 1 * * *")
def nightly(ctx: JobContext) -> dict[str, int]:
    """Cut back what grew; returns how many rows of each kind went."""
    gone = ctx.step("rows", _rows, ctx.database)
    gone["orphans"] = ctx.step("files", _orphans, ctx.database)
    gone["sign_ins"] = ctx.step("sign-ins", sessions.clear_old, ctx.database)
    gone["runs"] = ctx.step("runs", jobs.forget_before, ctx.database, clock.now() - RUNS_KEPT)
    ctx.step("tidy", tidy, ctx.database)
    log.info("upkeep done", **gone)
    return gone


def _rows(database: Database) -> dict[str, int]:
    """Delete in one short transaction per table, so that a person waits for none of them."""
    now = clock.now()
    keys, notices, backups = _table(CommandKey), _table(Notification), _table(Backup)
    progress, customers, edits = _table(JobProgress), _table(Customer), _table(MassEdit)
    orders = {
        "command_keys": delete(keys).where(keys.c.at < now - KEYS_KEPT),
        "notices": delete(notices).where(notices.c.read_at < now - READ_KEPT),
        "backups": delete(backups).where(backups.c.gone_at < now - GONE_KEPT),
        "mass_edits": delete(edits).where(edits.c.created_at < now - KEPT_FOR),
        "job_progress": delete(progress).where(progress.c.at < now - RUNS_KEPT),
        "search_tokens": delete(TOKENS).where(~exists().where(customers.c.id == TOKENS.c.customer_id)),
        "search_parts": delete(PARTS).where(
            ~exists().where(TOKENS.c.token == PARTS.c.token)
        ),  # a name that nobody bears any more
    }
    gone = {}
    for name, order in orders.items():
        with database.writing() as connection:
            gone[name] = connection.execute(order).rowcount
    return gone


def _orphans(database: Database) -> int:
    """Remove the files of documents that no row names: of an upload that was given up, or an erasure that was cut off."""
    young = (clock.now() - ORPHANS_KEPT).timestamp()
    old = sorted(token for token, at in documents.stored_tokens().items() if at < young)
    stored_as, gone = _table(Document).c.stored_as, 0
    for start in range(0, len(old), AT_ONCE):
        some = set(old[start : start + AT_ONCE])
        with database.reader.connect() as connection:
            some -= set(connection.scalars(select(stored_as).where(stored_as.in_(some))))
        for token in some:
            documents.remove(token)
        gone += len(some)
    return gone


def _table(record: type) -> Table:
    return record.__table__  # type: ignore[attr-defined, no-any-return]


def tidy(database: Database) -> None:
    """Let SQLite look at its figures and empty its log. PostgreSQL does both by itself."""
    if not database.is_sqlite:
        return
    with database.writing() as connection:
        connection.execute(text("PRAGMA optimize"))
    with database.turn(), database.reader.connect() as connection:  # below SQLAlchemy: not allowed inside a transaction
        driver = connection.connection.driver_connection
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
