"""Reports: what management reads every month, counted once and kept: figures, and what whoever made it concludes from them.

Promises: a report that was filed never changes again, by no verb and in no other way; its figures count everybody's customers
and name none of them; colleagues stand in it by their ids and are named when it is read.

The record keeper makes it: it is his account of the base that he keeps. Whoever reads reports reads all of them: the figures
are everybody's, so the right has no narrower reach.
"""

from crm.reports.figures import AT_MAKING, IN_MONTH, new_in
from crm.reports.records import KINDS, LONGEST, Kind, Report
from crm.reports.steps import (
    COUNT_CAP,
    before,
    conclude,
    count,
    draft,
    draft_monthly,
    file,
    make,
    months,
    one,
    page,
)

__all__ = [
    "AT_MAKING",
    "COUNT_CAP",
    "IN_MONTH",
    "KINDS",
    "LONGEST",
    "Kind",
    "Report",
    "before",
    "conclude",
    "count",
    "draft",
    "draft_monthly",
    "file",
    "make",
    "months",
    "new_in",
    "one",
    "page",
]
