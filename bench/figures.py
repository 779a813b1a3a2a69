"""Figures: the one form in which every bench prints, is judged and is written down.

    figure lookup.p95 7.8 ms limit 20 ok
    figure lookup.recall 0.95 of all least 0.9 ok

The last word is `ok` or `short`. A figure without a limit is printed without one and is never short.
"""

import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from crm.demo import SEED

OK, SHORT = "ok", "short"
ABOUT: Final = """\
Written by `python -m bench all`. Where a figure can be a ratio it is one, measured in the same run: absolute times speak of
this machine only. The processes that are measured and those that measure share its cores."""
_CPU_INFO: Final = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Wish:
    """What somebody wants measured.

    customers: None takes the bench's own sizes; url: of another database; data: folder of files with known answers.
    """

    customers: int | None = None
    seed: int = SEED
    url: str | None = None
    data: str | None = None


@dataclass(frozen=True)
class Figure:
    """One measured value. limit: what it may be at most; least: what it must be at least; beside: the same as a ratio, in words."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    least: float | None = None
    beside: str = ""

    @property
    def holds(self) -> bool:
        """Say whether the value keeps its limits; what could not be measured keeps none."""
        above = self.limit is None or self.value <= self.limit
        return above and (self.least is None or self.value >= self.least)

    @property
    def bounds(self) -> str:
        """The limits in words, '' without any."""
        given = (("limit", self.limit), ("least", self.least))
        return " ".join(f"{word} {bound:g}" for word, bound in given if bound is not None)

    @property
    def verdict(self) -> str:
        """The last word of the line, '' without a limit."""
        return (OK if self.holds else SHORT) if self.bounds else ""

    def line(self) -> str:
        """Write the figure as it is printed."""
        return " ".join(filter(None, ("figure", self.name, shown(self.value), self.unit, self.bounds, self.verdict)))


def shown(value: float) -> str:
    """Write a value with three significant digits, without an exponent."""
    if value != value or abs(value) >= 1000:  # noqa: PLR0124  not a number
        return f"{value:.0f}"
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:.3g}" if 0 < abs(value) < 0.1 else f"{value:.{digits}f}"


@dataclass
class Sheet:
    """The figures of one bench, printed as they come. facts: what else belongs to them (sizes, database)."""

    bench: str
    facts: dict[str, str] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    say: Callable[[str], None] = lambda line: print(line, flush=True)

    def add(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        limit: float | None = None,
        least: float | None = None,
        beside: str = "",
    ) -> None:
        """Take a figure and print it."""
        one = Figure(name, value, unit, limit, least, beside)
        self.figures.append(one)
        self.say(one.line())

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Take a table of details, for the written results only."""
        self.tables.append("\n".join(_row(cells) for cells in (heads, ["---"] * len(heads), *rows)))

    @property
    def short(self) -> list[Figure]:
        """The figures that fall short."""
        return [one for one in self.figures if not one.holds]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def results(sheets: Sequence[Sheet], *, at: datetime | None = None) -> str:
    """Write the results of several benches as a page."""
    moment = at or datetime.now(UTC)
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    parts = [
        "# Results",
        ABOUT,
        f"Taken on {moment:%Y-%m-%d %H:%M} UTC. {machine()}. Load average at the end: {load}.",
    ]
    for sheet in sheets:
        facts = ". ".join(f"{key}: {value}" for key, value in sheet.facts.items())
        rows = [
            (one.name, f"{shown(one.value)} {one.unit}", one.bounds, one.verdict, one.beside) for one in sheet.figures
        ]
        heads = ("figure", "measured", "bound", "", "beside")
        parts += [f"## {sheet.bench}", *([f"{facts}."] if facts else [])]
        parts.append("\n".join(_row(cells) for cells in (heads, ["---"] * len(heads), *rows)))
        parts += sheet.tables
    return "\n\n".join(parts) + "\n"


def machine() -> str:
    """Describe the machine and the versions that the figures depend on."""
    found = [line.partition(":")[2].strip() for line in _lines(_CPU_INFO) if line.startswith("model name")]
    processor = found[0] if found else platform.processor() or platform.machine()
    versions = ", ".join(f"{name} {version(name)}" for name in ("streamlit", "sqlalchemy", "pandas"))
    return f"{os.cpu_count()} cores ({processor}), {platform.system()}, Python {platform.python_version()}, {versions}"


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value under which a share (0 to 1) of the values lies; NaN without values, which keeps no limit."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")
