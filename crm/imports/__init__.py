"""Imports: customers that come in a file. CSV, Excel and address cards (vCard), columns mapped to fields, tried before they are run.

Promises: what a file says is stored as it says it, or the row is returned with the cause in words; a run that is killed
leaves neither half rows nor doubles and goes on where it stopped; whoever imports adds and changes only what he may.

The way of an import: `receive` and `stage` (the file is here, a mapping is proposed), `choose` (the mapping), `attempt`
(a trial run over the whole file), `start` (the run, as a job), `finish`. The exports of
other systems are known by their headings (`presets`).
"""

from crm.customers import COUNT_CAP as COUNT_CAP
from crm.imports.command import run_file as run_file
from crm.imports.encodings import ENCODINGS as ENCODINGS
from crm.imports.files import (
    DELIMITERS as DELIMITERS,
)
from crm.imports.files import (
    MOST_BYTES as MOST_BYTES,
)
from crm.imports.files import (
    SUFFIXES as SUFFIXES,
)
from crm.imports.files import (
    Format as Format,
)
from crm.imports.files import (
    Reading as Reading,
)
from crm.imports.files import (
    Received as Received,
)
from crm.imports.headings import (
    FIELDS as FIELDS,
)
from crm.imports.mapping import (
    KEYS as KEYS,
)
from crm.imports.mapping import (
    ON_MATCH as ON_MATCH,
)
from crm.imports.mapping import (
    SEVERAL as SEVERAL,
)
from crm.imports.mapping import (
    FieldMapping as FieldMapping,
)
from crm.imports.mapping import (
    OnMatch as OnMatch,
)
from crm.imports.mapping import (
    own_keys as own_keys,
)
from crm.imports.portraits import field_of as field_of
from crm.imports.queries import (
    Preview as Preview,
)
from crm.imports.queries import (
    count as count,
)
from crm.imports.queries import (
    examples as examples,
)
from crm.imports.queries import (
    faults_file as faults_file,
)
from crm.imports.queries import (
    faulty_rows as faulty_rows,
)
from crm.imports.queries import (
    in_words as in_words,
)
from crm.imports.queries import (
    left_as_they_are as left_as_they_are,
)
from crm.imports.queries import (
    listing as listing,
)
from crm.imports.queries import (
    may_work_with as may_work_with,
)
from crm.imports.queries import (
    one as one,
)
from crm.imports.queries import (
    preview as preview,
)
from crm.imports.queries import (
    system_of as system_of,
)
from crm.imports.queries import (
    updated_customers as updated_customers,
)
from crm.imports.records import (
    KEPT_BECAUSE as KEPT_BECAUSE,
)
from crm.imports.records import (
    OUTCOMES as OUTCOMES,
)
from crm.imports.records import (
    STATES as STATES,
)
from crm.imports.records import (
    Import as Import,
)
from crm.imports.records import (
    ImportChange as ImportChange,
)
from crm.imports.records import (
    ImportRow as ImportRow,
)
from crm.imports.records import (
    Outcome as Outcome,
)
from crm.imports.records import (
    State as State,
)
from crm.imports.records import (
    as_faults as as_faults,
)
from crm.imports.records import (
    problem_of as problem_of,
)
from crm.imports.run import finish as finish
from crm.imports.run import remove_files_job as remove_files_job
from crm.imports.run import run_job as run_job
from crm.imports.steps import (
    attempt as attempt,
)
from crm.imports.steps import (
    choose as choose,
)
from crm.imports.steps import (
    discard as discard,
)
from crm.imports.steps import (
    earlier as earlier,
)
from crm.imports.steps import (
    is_stuck as is_stuck,
)
from crm.imports.steps import (
    is_waiting as is_waiting,
)
from crm.imports.steps import (
    once_more as once_more,
)
from crm.imports.steps import (
    receive as receive,
)
from crm.imports.steps import (
    remove_old_files as remove_old_files,
)
from crm.imports.steps import (
    reread as reread,
)
from crm.imports.steps import (
    resume as resume,
)
from crm.imports.steps import (
    stage as stage,
)
from crm.imports.steps import (
    start as start,
)
from crm.imports.steps import (
    stop as stop,
)
from crm.imports.steps import (
    survey as survey,
)
from crm.imports.steps import (
    take_all_back as take_all_back,
)
from crm.imports.steps import (
    take_faults_file as take_faults_file,
)
from crm.imports.trial import trial_job as trial_job
from crm.imports.undo import undo_job as undo_job
