"""The command line: `python -m bench NAME [--customers N] [--seed S] [--database URL]`, `python -m bench all`."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Final

from bench.figures import Sheet, Wish, results
from crm import demo
from crm.core.config import ROOT

BENCHES: Final = {
    "pages": "every page of every role: processor time and size of a run as a ratio to an empty Streamlit page",
    "counter": "from a save to every viewer's new number, 50 viewers, and what their looking costs",
    "sessions": "signed-in people who click every 2 seconds: 150 a process, 300 on two behind nginx, memory of each",
    "lookup": "the look-up box: time of the query layer for each kind of question, and whether the one meant is found",
    "records": "the card and the list with two filters: time of the query layer for what the page reads",
    "duplicates_base": "duplicates of the whole base: precision and recall on known ones, seconds and memory of a look",
    "imports": "rows a second of an import, of updates and of an undo beside the bare insert, and what a reader waits meanwhile",
    "doubles": "whether somebody is there already: time of the look that a form takes while a customer is entered",
}
"""Name -> what it measures. Each is a module of this package with `measure(wish, sheet)`."""

RESULTS: Final = ROOT / "bench" / "RESULTS.md"


def take(name: str, wish: Wish) -> Sheet:
    """Take one bench."""
    sheet = Sheet(name)
    importlib.import_module(f"bench.{name}").measure(wish, sheet)
    return sheet


def main(arguments: Sequence[str] | None = None) -> int:
    """List the benches, or take one or all of them; 1 when a figure falls short."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure Rapport. Exit status 1: a figure falls short."
    )
    parser.add_argument(
        "name", nargs="?", choices=[*BENCHES, "all"], help="the bench to take; without it they are listed"
    )
    parser.add_argument(
        "--customers", type=int, metavar="N", help="take this size only; the limits must hold at every size"
    )
    parser.add_argument("--seed", type=int, default=demo.SEED, metavar="S", help="of the invented data")
    parser.add_argument(
        "--database", metavar="URL", help="an empty or already filled database instead of an embedded one"
    )
    parser.add_argument("--data", metavar="FOLDER", help="files with known answers, for the benches that need them")
    parser.add_argument("--details", action="store_true", help="print the tables of the written results, too")
    given = parser.parse_args(arguments)
    if given.name is None:
        for name, line in BENCHES.items():
            print(f"{name:15} {line}")
        return 0
    wish = Wish(given.customers, given.seed, given.database, given.data)
    sheets = []
    for name in BENCHES if given.name == "all" else [given.name]:
        sheets.append(take(name, wish))
        if given.details:
            print(*sheets[-1].tables, sep="\n\n")
        if given.name == "all":  # after each: who ends the last and longest keeps the others
            RESULTS.write_text(results(sheets), encoding="utf-8")
    return 1 if any(sheet.short for sheet in sheets) else 0


if __name__ == "__main__":
    sys.exit(main())
