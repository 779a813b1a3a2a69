"""Headings: what the columns of a table are called that we write ourselves, and how we know such a table when it comes back."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from crm.core.i18n import LANGUAGES, N_, translate
from crm.fields import STANDARD

FIELDS: Final[Mapping[str, str]] = {**STANDARD, "created_at": N_("Created"), "created_by": N_("Created by")}
"""What a column can become, with its name; the company's own fields come to it. `own` is not here: whatever is not mapped may be
kept under its heading."""

CAUSE_HEADING: Final = N_("What is wrong")
ROW_HEADING: Final = N_("Row of the file")

EXPORTED: Final = (
    "name", "kind", "type", "phones", "emails", "external_number", "responsible", "stage", "source", "source_detail", "industry",
    "employees", "need", "website", "country", "region", "city", "address", "note", "tags",
)  # fmt: skip
"""The fields of an exported table in their order; the company's own fields follow them."""

LISTED: Final[Mapping[str, str]] = {
    "responsible": N_("Responsible"),
    "last_interaction_at": N_("Last contact"),
    "interaction_count": N_("Number of contacts"),
    "last_purchase_at": N_("Last purchase"),
    "purchase_count": N_("Number of purchases"),
    "created_at": N_("Created"),
    "completeness": N_("Completeness in per cent"),
    "verified_at": N_("Verified"),
}
"""What a table has besides when it is made of a list's columns: nobody can bring these back."""


@lru_cache(maxsize=1)
def our_headings() -> frozenset[str]:
    """Return the headings that we add to a file of faulty rows, in every language."""
    return frozenset(translate(code, text) for code in LANGUAGES for text in (CAUSE_HEADING, ROW_HEADING))


def is_of_faults(heading: Sequence[str]) -> bool:
    """Say whether a table is a file of faulty rows: it has both of the columns that we add."""
    return len(our_headings() & set(heading)) == 2  # noqa: PLR2004  both of the two


@lru_cache(maxsize=8)
def exported(language: str) -> tuple[str, ...]:
    """Return the headings of an exported table."""
    return tuple(translate(language, FIELDS[key]) for key in EXPORTED)


def exported_in(heading: Sequence[str]) -> str | None:
    """Return the language in which we exported a table, None when it is none of ours."""
    return next((code for code in LANGUAGES if tuple(heading[: len(EXPORTED)]) == exported(code)), None)
