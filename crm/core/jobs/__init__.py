"""Jobs: work that goes on when nobody waits for it, survives kill -9, and has its effect once.

A capability declares a job and enqueues it from a verb (`u.later`); it exists only if the verb's change does. The worker
process runs it with the rights of whoever asked for it; what the calendar starts runs as SYSTEM. The engine is DBOS, and
`engine` is the only module that knows it (decision record 0004).
"""

from crm.core.jobs.declared import JOBS, JobContext, JobProgress, job, start
from crm.core.jobs.engine import OWN_TABLES, enqueue, forget_before, make_tables, stop
from crm.core.jobs.facts import BULK, QUEUE, Job, JobFailed
from crm.core.jobs.runs import STATUSES, JobState, Status, as_frame, cancel, last_runs, recent, state

__all__ = [
    "BULK",
    "JOBS",
    "OWN_TABLES",
    "QUEUE",
    "STATUSES",
    "Job",
    "JobContext",
    "JobFailed",
    "JobProgress",
    "JobState",
    "Status",
    "as_frame",
    "cancel",
    "enqueue",
    "forget_before",
    "job",
    "last_runs",
    "make_tables",
    "recent",
    "start",
    "state",
    "stop",
]
