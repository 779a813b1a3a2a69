"""Duplicates of the whole base: which customers may be there twice, looked for by a job, decided by a person.

Promises: whoever does not see both customers does not see the pair; two that somebody called 'not the same' never come back;
nothing personal stays behind where they were compared; people who work meanwhile do not wait.
"""

from crm.duplicates.facts import Facts, facts
from crm.duplicates.linking import Found, scratch
from crm.duplicates.queue import BAND_NAMES, BANDS, COUNT_CAP, SIZE, Filters, count, page, part, unpart
from crm.duplicates.records import LEAST, RIGHT, SIGNS, Pair, Run, Sign, State, problem_of
from crm.duplicates.run import Step, last_run, look, look_job, look_now, step, stop

__all__ = [
    "BANDS",
    "BAND_NAMES",
    "COUNT_CAP",
    "LEAST",
    "RIGHT",
    "SIGNS",
    "SIZE",
    "Facts",
    "Filters",
    "Found",
    "Pair",
    "Run",
    "Sign",
    "State",
    "Step",
    "count",
    "facts",
    "last_run",
    "look",
    "look_job",
    "look_now",
    "page",
    "part",
    "problem_of",
    "scratch",
    "step",
    "stop",
    "unpart",
]
