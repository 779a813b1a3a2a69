"""Mass edits: one change of all customers of a list, looked at before, whole or in handfuls, and undone for a month.

Promises: nobody changes more than his rights reach, customer by customer and field by field; the history of each card tells
the change; undoing puts back what stood there and leaves what somebody changed since.
"""

from crm.mass_edits.asking import FIELDS, MOST, Preview, Wish, ask, count, preview
from crm.mass_edits.records import (
    BIN,
    FATES,
    RESPONSIBLE,
    RIGHT,
    STATES,
    TAGS_OFF,
    TAGS_ON,
    MassEdit,
    MassEditRow,
    State,
)
from crm.mass_edits.run import AT_ONCE, KEPT_FOR, all_now, change_some, one, recent, run_job, stop, undo, undo_some

__all__ = [
    "AT_ONCE",
    "BIN",
    "FATES",
    "FIELDS",
    "KEPT_FOR",
    "MOST",
    "RESPONSIBLE",
    "RIGHT",
    "STATES",
    "TAGS_OFF",
    "TAGS_ON",
    "MassEdit",
    "MassEditRow",
    "Preview",
    "State",
    "Wish",
    "all_now",
    "ask",
    "change_some",
    "count",
    "one",
    "preview",
    "recent",
    "run_job",
    "stop",
    "undo",
    "undo_some",
]
