"""Duplicates of the whole base: how many of the known ones are found, and what a look over the base costs.

    python -m bench duplicates_base --data FOLDER [--customers N]

FOLDER holds `febrl/dataset1.csv` to `dataset3.csv` (Febrl) and `splink/fake_1000.csv` (splink's own example), each where it is there; every
record of a person in them is one customer. Their columns are put into ours: names into the name, street and number into the
address, suburb or city into the city, the social security number among the tax numbers, the day of birth among the birthdays
of contact persons (a customer has none of his own). State, postcode and phone are not used.

The model is the product's, with its threshold of one half. Its weights were set by hand before it saw a label; what was changed
with sight of labels is said in docs/decisions/0021. Without --data only time and memory are taken, on the demonstration data.
"""

import csv
import os
import tempfile
import time
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from typing import Final

from bench import data
from bench.figures import Sheet, Wish
from crm.core import config
from crm.core.access import SYSTEM
from crm.duplicates import Facts, facts, look, scratch
from db.engine import Database

CUSTOMERS: Final = 100_000
GOAL: Final = 0.99
FILES: Final = {
    "febrl1": ("febrl/dataset1.csv", GOAL),
    "febrl2": ("febrl/dataset2.csv", GOAL),
    "febrl3": ("febrl/dataset3.csv", None),
    "fake_1000": ("splink/fake_1000.csv", None),
}
"""Name -> the file, and how good the balance of precision and recall must be at least."""

Known = tuple[list[Facts], dict[int, str]]
"""The records, and number -> which person it is."""


def measure(wish: Wish, sheet: Sheet) -> None:
    """Take the quality where there are data with known duplicates, then time and memory."""
    rows = []
    for name, (file, least) in FILES.items():
        path = Path(wish.data or "") / file
        if wish.data and path.exists():
            begun = time.perf_counter()
            count, found, true, both = _compared(_febrl(path) if name.startswith("febrl") else _fake(path))
            precision, recall = both / max(found, 1), both / max(true, 1)
            f1 = 2 * both / max(found + true, 1)
            sheet.add(f"duplicates_base.{name}.precision", precision, "of found")
            sheet.add(f"duplicates_base.{name}.recall", recall, "of all")
            sheet.add(f"duplicates_base.{name}.f1", f1, "", least=least)
            seconds = f"{time.perf_counter() - begun:.1f}"
            rows.append((name, *map(str, (count, true, found, both)), f"{f1:.4f}", seconds))
    if rows:
        sheet.table(("data", "records", "pairs", "found", "right", "F1", "seconds"), rows)
    _cost(wish, sheet)


def _compared(known: Known) -> tuple[int, int, int, int]:
    """Return how many records there are, pairs were found, pairs are true, and are both."""
    records, person_of = known
    with tempfile.TemporaryDirectory() as folder, scratch(Path(folder)) as go:
        go.add(records)
        found = {(one.customer_id, one.other_id) for chunk in go.link() for one in chunk}
    those = defaultdict(list)
    for key, person in person_of.items():
        those[person].append(key)
    true = {pair for keys in those.values() for pair in combinations(sorted(keys), 2)}
    return len(records), len(found), len(true), len(found & true)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, skipinitialspace=True)
        return [{key.strip(): (value or "").strip() for key, value in row.items()} for row in rows]


def _several(text: str) -> list[str]:
    return [text] if text else []


def _febrl(path: Path) -> Known:
    """Read records of Febrl: 'rec-12-org' and 'rec-12-dup-0' are of one person."""
    rows = _rows(path)
    records = [
        facts(
            number,
            f"{row['given_name']} {row['surname']}",
            city=row["suburb"],
            address=" ".join(row[key] for key in ("street_number", "address_1", "address_2")),
            numbers=_several(row["soc_sec_id"]),
            birthdays=_several(row["date_of_birth"]),
        )
        for number, row in enumerate(rows, start=1)
    ]
    return records, {number: row["rec_id"].split("-")[1] for number, row in enumerate(rows, start=1)}


def _fake(path: Path) -> Known:
    """Read splink's example: `cluster` says which person it is."""
    rows = _rows(path)
    records = [
        facts(
            number,
            f"{row['first_name']} {row['surname']}",
            city=row["city"],
            emails=_several(row["email"].lower()),
            birthdays=_several(row["dob"]),
        )
        for number, row in enumerate(rows, start=1)
    ]
    return records, {number: row["cluster"] for number, row in enumerate(rows, start=1)}


def _cost(wish: Wish, sheet: Sheet) -> None:
    """Take what a look over a base costs, as its job does it."""
    size = wish.customers or CUSTOMERS
    with tempfile.TemporaryDirectory() as folder:  # a look writes what it finds: into a copy
        os.environ["RAPPORT_DATA"] = folder
        config.forget()
        database = data.database(size, wish.seed, wish.url, folder=None if wish.url else Path(folder))
        _look(database, size, sheet)
        database.close()
    config.forget()


def _look(database: Database, size: int, sheet: Sheet) -> None:
    sheet.facts |= {"Customers": f"{size:,}", "Database": "SQLite" if database.is_sqlite else "PostgreSQL"}
    _forget_peak()
    before, begun, busy = _megabytes("VmRSS"), time.perf_counter(), time.process_time()
    steps: list[tuple[int, float]] = []
    look(
        database,
        SYSTEM,
        f"bench {time.time_ns()}",
        lambda done, _all: steps.append((done, time.perf_counter() - begun)),
    )
    seconds = time.perf_counter() - begun
    sheet.add("duplicates_base.seconds", seconds, "s", beside=f"{size / seconds:,.0f} customers/s")
    sheet.add("duplicates_base.cpu", time.process_time() - busy, "s")
    sheet.add("duplicates_base.peak", _megabytes("VmHWM"), "MiB", beside=f"{before:.0f} MiB before")
    rows = [(f"{done / 10:.0f} %", f"{at:.1f}") for done, at in steps[:: max(len(steps) // 10, 1)]]
    sheet.table(("done", "after s"), rows)


def _forget_peak() -> None:
    """Let the peak of memory begin anew: making the data took more."""
    place = Path(f"/proc/{os.getpid()}/clear_refs")
    if place.exists():
        place.write_text("5", encoding="ascii")


def _megabytes(what: str) -> float:
    """Return a figure of this process's memory, not a number where the system does not tell it."""
    place = Path("/proc/self/status")
    lines = place.read_text(encoding="ascii").splitlines() if place.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(what)), float("nan"))
