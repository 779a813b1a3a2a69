"""The laws of the house. Each has its reason; an exception stands in a list here, with its own."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest
from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

from crm.core import records
from crm.core.config import ROOT
from crm.core.grants import GRANTS, RIGHTS
from crm.core.guards import Guarded
from crm.core.i18n import DEFAULT, LANGUAGES
from crm.core.verbs import VERBS
from ui import navigation

ALL_VERBS = dict(records.load() and VERBS)


@dataclass(frozen=True)
class Source:
    """One file of ours, read once."""

    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def module(self) -> str:
        return self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @cached_property
    def where(self) -> dict[int, str]:
        """Line -> the function or class that it stands in, such as `take` or `_Writer.flush`."""
        found: dict[int, str] = {}
        for outer in self.tree.body:
            names = (
                [(outer, "")]
                if not isinstance(outer, ast.ClassDef)
                else [(one, f"{outer.name}.") for one in outer.body]
            )
            for node, prefix in names:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    found |= dict.fromkeys(range(node.lineno, (node.end_lineno or 0) + 1), prefix + node.name)
        return found

    def at(self, node: Any) -> str:
        """Return 'file:function' of a node."""
        place = self.where.get(node.lineno)
        return f"{self.name}:{place}" if place else self.name


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """Return our files under some folders (or files), migrations excepted: they are frozen."""
    found: list[Path] = []
    for folder in folders:
        place = ROOT / folder
        found.extend([place] if place.is_file() else sorted(place.rglob("*.py")))
    return tuple(Source(path) for path in found if "migrations" not in path.parts)


PRODUCT = ("app.py", "pages", "ui", "web", "crm", "db")


def imported(source: Source) -> Iterator[tuple[str, int]]:
    """Yield (module or name, line) of everything that a file imports, but not what only the type checker reads."""
    skipped: set[ast.AST] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            skipped.update(inner for one in node.body for inner in ast.walk(one))
    for node in ast.walk(source.tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((one.name, node.lineno) for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source.name}:{node.lineno}: write the full name of the module"
            yield from ((f"{node.module}.{one.name}", node.lineno) for one in node.names)


def imported_by(node: ast.stmt) -> Iterator[tuple[str, int]]:
    """Yield what one statement at the top of a module imports."""
    if isinstance(node, ast.Import):
        yield from ((one.name, node.lineno) for one in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from ((f"{node.module}.{one.name}", node.lineno) for one in node.names)


def calls(source: Source) -> Iterator[tuple[str, ast.Call]]:
    """Yield (the called name as written, the call)."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def unlisted(found: set[str], listed: dict[str, str], what: str) -> None:
    """Fail with what is new and what is no longer needed in a list of exceptions."""
    fresh, gone = sorted(found - set(listed)), sorted(set(listed) - found)
    assert not fresh, f"{what}: {fresh}. Do without, or add a line with the reason."
    assert not gone, f"{what}: {gone} is listed and not there any more: take the line out."
    assert all(listed.values())


# --- arrows -----------------------------------------------------------------

MAY_IMPORT = {
    "db": {"db"},
    "crm.core": {"db", "crm.core"},
    "crm": {"db", "crm.core", "crm"},
    "ui": {"crm.core", "crm", "ui"},
    "web": {"db", "crm.core", "crm", "web"},
    "pages": {"crm.core", "crm", "ui"},
    "app": {"db", "crm.core", "crm", "ui", "web"},
}
"""Layer -> the layers that it may know. Right may not import left: app, pages, web -> ui -> crm.x -> crm.core -> db."""


def layer(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] == "crm":
        return "crm.core" if parts[1:2] == ["core"] else "crm"
    return parts[0] if parts[0] in {"db", "ui", "web", "pages", "app", "tests", "bench"} else None


def test_arrows_point_one_way():
    wrong = []
    for source in sources(*PRODUCT):
        own = layer(source.module) or ""
        for module, line in imported(source):
            other = layer(module)
            # `import crm` alone starts the package and its SQLite
            if other is not None and other not in MAY_IMPORT[own] and module not in {"crm", "crm.core"}:
                wrong.append(f"{source.name}:{line} imports {module}")
    assert wrong == []


def test_the_core_names_no_capability():
    """crm.core.records imports every module by walking through the package, and names none."""
    wrong = [
        f"{source.name}:{line} imports {module}"
        for source in sources("crm/core")
        for module, line in imported(source)
        if module.startswith("crm.") and not module.startswith("crm.core")
    ]
    assert wrong == []


def unit_of(module: str, known: set[str]) -> str | None:
    """Return which capability a module is part of: crm.imports.rows -> crm.imports; core and db stay as they are."""
    parts = module.split(".")
    depth = 3 if parts[:2] == ["crm", "core"] else 2
    name = ".".join(parts[:depth])
    return name if name in known else None


CLOSES_A_CIRCLE = {
    (
        "crm.core.uow",
        "crm.core.jobs",
    ): "`u.later` looks the job engine up when somebody enqueues: it is heavy, and most units do not",
    ("crm.imports.run", "crm.imports.steps"): "a job that was enqueued by steps calls one of them when it runs",
}
"""Imports inside a function that would close a circle at the top of the module: why they are there."""


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return one path per circle found by walking the graph depth first."""
    found: list[list[str]] = []
    done: set[str] = set()

    def walk(node: str, path: list[str]) -> None:
        if node in path:
            found.append([*path[path.index(node) :], node])
            return
        if node not in done:
            for other in sorted(graph.get(node, ())):
                walk(other, [*path, node])
            done.add(node)

    for node in sorted(graph):
        walk(node, [])
    return found


def test_no_capability_knows_one_that_knows_it():
    every = sources("crm", "db", "ui", "web")
    known = {".".join(one.module.split(".")[: 3 if one.module.startswith("crm.core.") else 2]) for one in every} - {
        "crm",
        "crm.core",
    }
    graph: dict[str, set[str]] = defaultdict(set)
    for source in every:
        own = unit_of(source.module, known)
        for module, _ in imported(source):
            other = unit_of(module, known)
            if own is not None and other is not None and own != other:
                graph[own].add(other)
    graph.pop("crm.__main__", None)
    assert circles(without_late(graph)) == []


def without_late(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Take out the imports that happen late, after a look that nobody imports so at the top."""
    for who, whom in CLOSES_A_CIRCLE:
        for source in sources(who.replace(".", "/") + ".py"):
            top = {module for node in source.tree.body for module, _ in imported_by(node)}
            assert not [one for one in top if one.startswith(whom)], f"{who} imports {whom} at the top"
        graph.get(who, set()).discard(whom)
    return graph


def test_late_imports_are_still_needed():
    for who, whom in CLOSES_A_CIRCLE:
        assert whom.rpartition(".")[2] in Source(ROOT / (who.replace(".", "/") + ".py")).text


def test_no_module_inside_a_capability_knows_one_that_knows_it():
    every = {one.module: one for one in sources("crm", "db", "ui", "web")}
    packages = {name for name in every if any(other.startswith(f"{name}.") for other in every)}
    graph: dict[str, set[str]] = defaultdict(set)
    for name, source in every.items():
        for module, _ in imported(source):
            other = module if module in every else module.rpartition(".")[0]
            if other in every and other not in packages and name not in packages and other != name:
                graph[name].add(other)
    assert circles(without_late(graph)) == []


AROUND_STREAMLIT = {
    "web/frames.py": "the gate reads the frames of Streamlit's protocol before Streamlit does",
    "web/front.py": "serves Streamlit's own files to those who are signed in",
    "web/start.py": "starts Streamlit's server with our settings",
}
"""Files below the screens that import something of Streamlit: why."""


def test_streamlit_stays_on_top():
    found = {
        source.name
        for source in sources("crm", "web", "db")
        for module, _ in imported(source)
        if module.split(".")[0] == "streamlit"
    }
    unlisted(found, AROUND_STREAMLIT, "Streamlit below the screens")


BELOW_THE_DOOR = {
    "crm/sessions": "sign-in comes before there is anybody to act for; accounts, lock-outs and sessions are its own tables",
    "crm/health.py": "tells whether the database answers, also when no unit of work could",
    "crm/backups.py": "looks into a copy and into the database before it is replaced",
    "crm/installation.py": "opens, checks and migrates the database before anybody works in it",
    "crm/upkeep.py": "keeps the file small by night; touches no business data",
    "crm/demo/load.py": "loads up to a million invented rows into an empty database before anybody works in it",
    "crm/__main__.py": "commands of whoever owns the machine",
}
"""Files outside crm/core and db that use connections: why."""


def connection_users() -> set[str]:
    found = set()
    for source in sources("app.py", "pages", "ui", "web", "crm"):
        if source.name.startswith("crm/core/"):
            continue
        for node in ast.walk(source.tree):
            named = isinstance(node, ast.Attribute) and node.attr in {"reader", "reading", "writer", "writing", "turn"}
            if named and "database" in ast.unparse(node.value):  # type: ignore[attr-defined]
                found.add(next((one for one in BELOW_THE_DOOR if source.name.startswith(one)), source.name))
    return found


def test_connections_are_used_below_the_door_only():
    unlisted(connection_users(), BELOW_THE_DOOR, "connections outside crm/core and db")


def test_engines_and_sessions_are_made_in_one_place():
    makers = {"create_engine", "sessionmaker", "scoped_session", "Session", "sqlite3.connect", "psycopg.connect"}
    wrong = [
        f"{source.at(node)} calls {name}"
        for source in sources(*PRODUCT)
        for name, node in calls(source)
        if name in makers and not source.name.startswith(("db/", "crm/core/"))
    ]
    assert wrong == []


# --- sizes ------------------------------------------------------------------

LONGEST_PAGE, LONGEST_MODULE, LONGEST_SHELL = 150, 500, 60
LONGEST_FUNCTION, LONGEST_VERB = 40, 25


def length(source: Source) -> int:
    return len(source.text.splitlines())


def test_modules_are_short():
    longest = {"ui/shell.py": LONGEST_SHELL}
    wrong = {}
    for source in sources(*PRODUCT):
        limit = LONGEST_PAGE if source.name.startswith("pages/") else longest.get(source.name, LONGEST_MODULE)
        if length(source) > limit:
            wrong[source.name] = f"{length(source)} lines, {limit} allowed: make it a package, or give parts to ui/"
    assert wrong == {}


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function's statements: signature and docstring explain and do not count."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_functions_are_short():
    wrong = {}
    for source in sources(*PRODUCT):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                is_verb = any(ast.unparse(one).startswith("verb(") for one in node.decorator_list)
                limit = LONGEST_VERB if is_verb else LONGEST_FUNCTION
                if body_lines(node) > limit:
                    wrong[f"{source.name}:{node.name}"] = f"{body_lines(node)} lines, {limit} allowed"
    assert wrong == {}


FORBIDDEN_NAMES = {
    "util",
    "utils",
    "helper",
    "helpers",
    "common",
    "misc",
    "manager",
    "managers",
    "service",
    "services",
    "tools",
}


def test_every_module_has_a_name_that_says_something():
    parts = {part for source in sources(*PRODUCT, "tests", "bench") for part in source.module.split(".")}
    assert parts & FORBIDDEN_NAMES - {"service"} == set()
    pages = {source.name for source in sources("pages")}
    assert not [one for one in sources(*PRODUCT) if "service" in one.module.split(".") and one.name not in pages]


# --- screens ----------------------------------------------------------------


def test_every_screen_stands_in_the_table_and_the_reverse():
    files = {source.path.relative_to(ROOT / "pages").as_posix() for source in sources("pages")}
    assert files == {one.file for one in navigation.SCREENS}


def test_no_screen_lies_directly_in_pages():
    """With a flat page beside the entry script Streamlit serves a cold request to it without the entry script."""
    assert not list((ROOT / "pages").glob("*.py"))
    assert all(one.file.count("/") == 1 for one in navigation.SCREENS)


def test_addresses_are_distinct_and_the_first_is_the_front():
    addresses = [one.address for one in navigation.SCREENS]
    assert len(set(addresses)) == len(addresses)
    assert addresses[0] == ""
    assert all(re.fullmatch(r"[a-z][a-z-]*|", one) for one in addresses)


def test_every_screen_needs_a_right_that_exists_and_somebody_has():
    granted = {right for row in GRANTS.values() for right in row}
    assert {one.right for one in navigation.SCREENS} <= set(RIGHTS) & granted


def test_a_page_says_in_its_first_line_what_it_is_for():
    assert [source.name for source in sources("pages") if not ast.get_docstring(source.tree)] == []


def test_pages_know_neither_sql_nor_the_session():
    wrong = []
    for source in sources("pages", "ui"):
        wrong += [
            f"{source.name}:{line} imports {module}"
            for module, line in imported(source)
            if module.split(".")[0] in {"sqlalchemy", "db", "psycopg", "sqlite3"}
        ]
        wrong += [
            f"{source.at(node)}: {ast.unparse(node)}"
            for node in ast.walk(source.tree)
            if isinstance(node, ast.Attribute)
            and node.attr in {"session", "database", "execute", "inside", "acting"}
            and ast.unparse(node.value) in {"u", "unit", "uow"}
        ]
    assert wrong == []


def test_pages_ask_for_rights_and_never_for_roles():
    wrong = [
        f"{source.at(node)}: {ast.unparse(node)}"
        for source in sources("pages", "ui", "app.py")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Compare) and any(_is_role(inner) for inner in ast.walk(node))
    ]
    allowed = {one for one in wrong if "ui/people_forms.py" in one or "ui/rights_forms.py" in one}  # they change roles
    assert set(wrong) - allowed == set(), (
        "ask may('…'), or a role that the administrator adjusted is judged by its default"
    )


def _is_role(node: ast.AST) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name in {"role", "roles", "Role", "is_system"}


def test_pages_catch_no_errors():
    wrong = [
        f"{source.name}:{node.lineno}"
        for source in sources("pages")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Try | ast.TryStar)
    ]
    assert wrong == [], "attempt() shows what a person can understand; the rest is a mistake of ours and must be seen"


# --- the door ---------------------------------------------------------------

SAID_ALOUD = {
    "crm/counters.py:count": "adds up in the database: two at once must both count",
    "crm/customers/measuring.py:measure": "keeps a figure of customers that their verb has just changed, without raising their version",
    "crm/customers/measuring.py:measure_between": "the same figure of everybody's customers, also out of sight, after a template changed",
    "crm/types.py:_measure": "how many customers of a type there are, also out of sight, to choose the way; nothing of it leaves",
    "crm/customers/changes.py:_raise_version": "a record without a changed column keeps its version, but its phones changed",
    "crm/customers/changes.py:_remember": "adds in the database, and without raising the version: a call logged disturbs no open form",
    "crm/search/tokens.py:index": "the tokens are no records, so that nobody can ask for them",
    "crm/search/tokens.py:learn": "likewise",
    "crm/search/asking.py:inside": "the vocabulary names no customer; whom its words lead to comes through the door",
    "crm/search/asking.py:_leads": "likewise",
    "crm/customers/lists.py:_in_order": "how many bear a value, to choose the way; the customers themselves come through the door",
    "crm/customers/lists.py:_is_shared": "likewise",
    "crm/customers/lists.py:_written": "in which writings of its name a city is met, to choose the way; of customers nothing is told",
    "crm/customers/lookup.py:_looked": "keys from the index; the customers themselves come through the door",
    "crm/customers/lookup.py:_held": "likewise",
    "crm/customers/lookup.py:_explained": "tokens of customers that came through the door, to say why; none of them leaves",
    "crm/doubles/finding.py:_rows": "who has the same, also out of sight; `telling` lets nothing leave but who is responsible",
    "crm/mass_edits/asking.py:ask": "thousands of keys at once, of whom each passed every right that is needed",
    "crm/mass_edits/run.py:_note": "one statement for what became of a handful of customers",
    "crm/duplicates/reading.py:count": "the whole base is compared; whoever asks sees a pair only when he sees both",
    "crm/duplicates/reading.py:_read": "likewise: what is read goes into the comparison and nowhere else",
    "crm/duplicates/run.py:keep": "a thousand pairs at once, also of customers whom whoever asked does not see",
    "crm/duplicates/run.py:finish": "likewise the pairs that were not found any more",
    "crm/duplicates/run.py:step": "how far the job is, also for whoever did not ask for it",
    "crm/customers/changes.py:note_steps": "steps of customers whom a verb has just changed, each asked for its right",
    "crm/handovers.py:_move": "thousands of customers at once; their keys came through the door within the right's own reach",
    "crm/merges/links.py:move": "thousands of rows at once; both customers came through the door within the right's own reach",
    "crm/merges/links.py:move_back": "likewise",
    "crm/merges/links.py:give_room_back": "likewise",
    "crm/merges/links.py:_next_place": "likewise",
    "crm/merges/links.py:_step_back": "likewise",
    "crm/merges/links.py:_renumber": "likewise",
    "crm/merges/links.py:recount": "figures that cards keep, counted anew without raising a version twice",
    "crm/merges/queries.py:_moving": "how many rows belong to two customers whom the reader may merge; none of them leaves",
    "crm/merges/queries.py:_renumbered": "likewise",
    "crm/merges/queries.py:_still_there": "likewise",
    "crm/merges/queries.py:_added_since": "likewise",
    "crm/merges/queries.py:_refused": "which merge came later; whom it joined comes through the door",
    "crm/merges/queries.py:survivor_of": "whoever stands in between may be out of sight; who is named at the end comes through the door",
    "crm/merges/queries.py:one_and_all": "whoever takes out or erases a person does so with all cards that were merged into his",
    "crm/merges/changes.py:_step_back": "the step that the merge itself took, of the survivor whom the verb holds",
    "crm/merges/changes.py:_replace": "the right to merge is none to the bin; the rows are locked",
    "crm/relations.py:link": "the same fact from the side of a customer whom one sees and perhaps may not change",
    "crm/relations.py:unlink": "likewise, also when the other customer is out of sight",
    "crm/relations.py:_whose": "whose a related customer out of sight is; nothing else of him is read",
    "crm/tags.py:join": "every customer with the tag, also those whom whoever joins does not see",
    "crm/tags.py:drop": "likewise",
    "crm/privacy/traces.py:look_through": "files of whoever imports: the customer is erased from all of them",
    "crm/privacy/traces.py:_rows": "by what a customer is recognised in a file, unmasked; nothing of it leaves",
    "crm/privacy/erasing.py:_empty": "every row of a customer in every table, and no entry in the log for each of them",
    "crm/privacy/erasing.py:_hide_in_log": "the log loses what it quoted and keeps that something changed",
    "crm/privacy/erasing.py:_clear_notices": "behind everybody's bell, also where the eraser reads nothing",
    "crm/privacy/erasing.py:_clear_imports": "files of whoever imported",
    "crm/privacy/erasing.py:_clear_exports": "files of whoever exported",
    "crm/privacy/erasing.py:_clear_reports": "whoever erases reads no reports and files none",
    "crm/reports/figures.py:_count": "everybody's customers are counted, whoever makes the report; no customer leaves",
    "crm/reports/figures.py:_rows": "likewise",
    "crm/privacy/erasing.py:_clear_filters": "everybody's saved filters, and no entry in the log says what they were called",
    "crm/search/tokens.py:forget": "the tokens are no records, so that nobody can ask for them",
    "crm/search/tokens.py:unlearn": "likewise the vocabulary",
    "crm/privacy/person_file.py:rows_of": "everything kept about one customer, unmasked: the right of the verb is for exactly that",
    "crm/privacy/person_file.py:entries_of": "likewise what the log says of these rows",
    "crm/rights.py:_set": "the deletion is in the audit log as what it means: the right is the default again",
    "crm/teams.py:_plans_follow": "running plans of the person, also those that the administrator may not see",
    "crm/teams.py:move_person": "all customers of the person, also those that the administrator may not see",
    "crm/teams.py:dissolve": "deleted people and old plans of the team",
    "crm/users/accounts.py:hand_over": "nobody's customer may stay behind, and there may be thousands",
    "crm/users/lists.py:count_customers": "counts also customers that the administrator may not see: they would stay behind",
    "crm/imports/run.py:take": "what became of a thousand rows at once",
    "crm/imports/run.py:_remember": "what an undo needs of a thousand rows at once",
    "crm/imports/matching.py:load": "whole customers, unmasked, whom `look_up` found within the scope, or whose import is undone",
    "crm/imports/storing.py:_ids": "ids of rows that are not there yet",
    "crm/imports/storing.py:_restore": "rows that an undo brings back; `_may` asked every right for their customer before",
    "crm/imports/storing.py:_add": "a thousand rows at once; `decide` asked every right for each of them before",
    "crm/imports/storing.py:_change": "likewise of those that are there",
    "crm/imports/storing.py:_index": "the tokens are no records",
    "crm/imports/undo.py:take_back": "what the import did, whoever sees the customers now: each is asked for its right",
    "crm/imports/undo.py:_restore": "notes what was taken back of a thousand customers at once",
    "crm/imports/undo.py:_remove": "every customer of the import, also those that went to another team: each is asked for its right",
    "crm/imports/undo.py:_delete": "a thousand customers at once, with whom nobody worked",
    "crm/imports/undo.py:_worked_with": "what was written about them, also what whoever undoes does not see; none of it leaves",
    "crm/imports/undo.py:finish_undo": "whether anybody bears a tag, seen or not",
    "crm/imports/steps.py:remove_old_files": "empties the quotes of as many rows as the file had, and what their undo needed",
    "crm/core/jobs/runs.py:_states": "the job engine's tables are not ours and have no records",
}
"""Where a statement is said aloud (raw=, bulk=): why the door's ordinary ways do not do."""


def test_statements_said_aloud_stand_on_the_list():
    found = set()
    for source in sources("app.py", "pages", "ui", "web", "crm"):
        if source.name in {"crm/core/uow.py", "crm/core/reading.py"}:
            continue
        for _, node in calls(source):
            if any(one.arg in {"raw", "bulk"} for one in node.keywords):
                found.add(source.at(node))
    unlisted(found, SAID_ALOUD, "statements said aloud")


CONNECTIONS = {
    "crm/sessions/accounts.py:_connection": "verbs of users end sign-ins in their own transaction; sign-ins live below the door",
    "crm/sessions/second_factor.py:drop_totp": "likewise for the second factor",
    "crm/sessions/beginnings.py:_create": "the first accounts get their passwords in one transaction with themselves",
    "crm/health.py:looked_at": "looks through the transaction that is open: marks and signs of life, no business data",
    "crm/health.py:overview": "how many documents there are and how much room they take, for whoever sees none of them",
    "crm/duplicates/records.py:Pair.owned": "asks for the guard to whom both customers belong, as ChildOf does for one",
    "crm/backups.py:_who_cares": "reads the adjustments of rights as the door does",
}
"""Where a unit's connection is taken out of it: why."""


def test_nobody_takes_the_connection_out_of_a_unit():
    found = {
        source.at(node)
        for source in sources("app.py", "pages", "ui", "web", "crm")
        if not source.name.startswith("crm/core/")
        for name, node in calls(source)
        if name.endswith(("session.connection", "session.get_bind", "session.bind.connect"))
        and not _is_dialect(source, node)
    }
    unlisted(found, CONNECTIONS, "connections taken out of a unit of work")


def _is_dialect(source: Source, call: ast.Call) -> bool:
    """`u.session.get_bind().dialect` only asks which database it is."""
    return any(
        isinstance(node, ast.Attribute) and node.value is call and node.attr == "dialect"
        for node in ast.walk(source.tree)
    )


AS_SYSTEM = {
    "crm/backups.py": "copies are made and listed by the worker for nobody in particular",
    "crm/sessions": "the first administrator and reset requests: nobody is signed in yet",
    "crm/demo": "invents a company from nothing",
    "crm/imports/run.py": "tells whoever imports that it is done; removes old files by schedule",
    "crm/imports/command.py": "a command of whoever owns the machine",
    "crm/change_requests.py": "tells who can answer a request, and who asked, behind whose bells nobody else puts anything",
    "crm/missing_data.py": "tells whoever is asked for data, behind whose bell nobody else puts anything",
    "crm/reports/steps.py": "tells who makes reports and who reads them, behind whose bells nobody else puts anything",
    "crm/handovers.py": "tells whoever got customers and whoever lost them, behind whose bells nobody else puts anything",
    "crm/mass_edits/run.py": "tells whoever asked that it is done",
    "crm/merges/changes.py": "tells whoever was responsible for a merged customer, behind whose bell nobody else puts anything",
    "crm/doubles/access.py": "tells the responsible and the leader who asks for access, behind whose bells nobody else puts anything",
    "crm/privacy/limit.py": "tells the leader when somebody is stopped: the unit of whoever was stopped is rolled back",
    "crm/duplicates/run.py": "notes why a look ended when the account of whoever asked has ended; whether its job is lost",
    "crm/exports/steps.py": "tells whoever exports that the file is ready, or notes why there is none when the account has ended",
    "crm/core": "jobs that nobody asked for run as SYSTEM",
}
"""Where something is done as SYSTEM, for whom no guard is closed: why."""


def test_system_acts_only_where_nobody_asked():
    found = set()
    for source in sources("app.py", "pages", "ui", "web", "crm"):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Name) and node.id in {"SYSTEM", "as_system"}:
                found.add(next((one for one in AS_SYSTEM if source.name.startswith(one)), source.name))
    unlisted(found, AS_SYSTEM, "code that acts as SYSTEM")


IDENTITIES = {
    "ui/session.py:identity": "from the gate's word, which Streamlit bound to the session",
    "web/strip.py:_who": "from the gate's word",
    "crm/sessions/present.py:Present.identity": "from the cookie",
    "crm/core/jobs/declared.py:perform": "a job runs with the rights of whoever asked for it",
    "crm/imports/command.py:_somebody": "a command of whoever owns the machine",
    "crm/demo/story.py:_plans": "the invented leaders",
    "crm/demo/story.py:_consents": "the demonstration plays its people",
    "crm/demo/story.py:_documents": "the invented colleagues",
    "crm/demo/story.py:_market": "the invented colleagues",
    "crm/demo/story.py:_log": "the invented colleagues",
    "crm/demo/story.py:_requests": "the invented colleagues",
    "crm/demo/story.py:_data_asked_for": "the invented record keeper",
    "crm/demo/story.py:_reports": "likewise",
    "crm/demo/story.py:_wish": "the invented colleagues",
    "crm/demo/story.py:_filters": "the invented leaders",
    "crm/demo/story.py:_merge": "the invented record keeper",
    "crm/demo/story.py:_relations": "likewise",
    "crm/demo/story.py:_lapses": "the invented colleagues",
    "crm/demo/story.py:_strategies": "the invented executive",
}


def test_who_somebody_is_comes_from_the_gate():
    found = {
        source.at(node)
        for source in sources("app.py", "pages", "ui", "web", "crm")
        for name, node in calls(source)
        if name in {"Identity", "access.Identity"}
    }
    unlisted(found, IDENTITIES, "identities made up")


PARTS_OF_VERBS = {
    "crm/mass_edits/applying.py:retag",
    "crm/mass_edits/run.py:set_off",
    "crm/counters.py:count",
    "crm/exports/steps.py:keep_for_person",
    "crm/exports/steps.py:taken",
    "crm/merges/links.py:give_room_back",
    "crm/merges/links.py:move",
    "crm/merges/links.py:move_back",
    "crm/merges/links.py:recount",
    "crm/search/tokens.py:index",
    "crm/search/tokens.py:forget",
    "crm/search/tokens.py:learn",
    "crm/search/tokens.py:unlearn",
    "crm/customers/measuring.py:measure",
    "crm/customers/measuring.py:measure_between",
    "crm/customers/changes.py:note_steps",
    "crm/customers/changes.py:remember_interaction",
    "crm/customers/changes.py:remember_purchase",
}
"""Public functions that write and are part of another capability's verb, whose right covers them."""
WRITING = re.compile(r"\.(add|delete|remember|later|add_all|merge)$")


def test_whatever_writes_is_a_verb():
    """A query writes nothing; what writes for somebody is declared with the right that it needs."""
    found = set()
    for source in sources("crm"):
        if source.name.startswith(("crm/core/", "crm/sessions/", "crm/demo/")):
            continue
        for node in source.tree.body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_") or not node.args.args:
                continue
            first = node.args.args[0]
            takes_unit = first.annotation is not None and "UnitOfWork" in ast.unparse(first.annotation)
            if (
                takes_unit
                and not any("verb(" in ast.unparse(one) for one in node.decorator_list)
                and _writes(node, first.arg)
            ):
                found.add(f"{source.name}:{node.name}")
    assert found <= PARTS_OF_VERBS, f"declare as @verb: {sorted(found - PARTS_OF_VERBS)}"


def _writes(function: ast.FunctionDef, unit: str) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if (name.startswith(f"{unit}.") and WRITING.search(name)) or any(
                one.arg == "bulk" for one in node.keywords
            ):
                return True
            if name.startswith("_remember"):
                return True
    return False


def test_a_verb_is_known_by_its_capability():
    """VERBS is keyed by name: two verbs of one name would hide each other."""
    declared = defaultdict(list)
    for source in sources("crm"):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef):
                for one in node.decorator_list:
                    if isinstance(one, ast.Call) and ast.unparse(one.func) == "verb":
                        named = [ast.literal_eval(key.value) for key in one.keywords if key.arg == "name"]
                        declared[named[0] if named else f"{source.module.split('.')[1]}.{node.name}"].append(
                            source.name
                        )
    assert {name: files for name, files in declared.items() if len(files) > 1} == {}
    assert set(declared) == set(ALL_VERBS)


OTHERWISE = {
    "crm/imports/headings.py:our_headings calls translate": "knows our own file of faults again, in whichever language it was written",
    "crm/imports/headings.py:exported calls translate": "the headings of an export, and knowing them again when the file comes back",
    "crm/exports/writing.py:Words.say calls translate": "a file is written in the language of whoever asked, also by a job",
    "crm/fields/standard.py:reserved calls translate": "an own field must not be called like a standard one in any language",
    "crm/privacy/person_file.py:_Words.say calls translate": "likewise, by a verb that returns with the file written",
    "crm/imports/mapping.py:_words calls translate": "columns are known by the names that our fields have in every language",
    "crm/imports/guessing.py:_label calls translate": "likewise",
    "crm/templates/standard.py:delivered_names calls translate": "files name the types that are always there in any language",
    "crm/privacy/traces.py:look_through calls u.session.rollback": "reading files takes seconds; an open transaction lets the journal grow",
    "crm/documents.py:receive calls u.session.rollback": "forcing files to the disk takes its time; as in imports",
    "crm/imports/steps.py:receive calls u.session.rollback": "reading a file takes seconds; an open transaction lets the journal grow",
    "crm/imports/steps.py:survey calls u.session.rollback": "likewise",
    "crm/imports/steps.py:once_more calls u.session.rollback": "likewise",
}


def test_verbs_neither_commit_nor_translate():
    wrong = []
    for source in sources("crm"):
        if source.name.startswith("crm/core/"):
            continue
        for name, node in calls(source):
            if re.search(r"\bu\.(session\.)?(commit|rollback)$|^(gettext|translate|i18n\.translate|i18n\.say)$", name):
                wrong.append(f"{source.at(node)} calls {name}")
    unlisted(
        {one for one in wrong if not one.startswith("crm/__main__.py")}, OTHERWISE, "verbs that commit or translate"
    )


# --- rights -----------------------------------------------------------------

SYSTEM_ONLY = {
    "notifications.send": "messages come from Rapport; people would phish each other",
}
"""Rights that no role has: why."""

UNUSED_FOR_NOW = {
    "interactions.edit": "asked by the guard of fields when an entry is corrected; the verb comes with the journal's own issue",
}


def literals(*folders: str) -> set[str]:
    return {
        node.value
        for source in sources(*folders)
        if source.name != "crm/core/grants.py"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_right_is_granted_to_somebody():
    granted = {right for row in GRANTS.values() for right in row}
    unlisted(set(RIGHTS) - granted, SYSTEM_ONLY, "rights that nobody has")


def test_every_right_is_asked_for_somewhere():
    used = literals(*PRODUCT) | {f"{model.area}.view" for model in Guarded.models()}
    unlisted(set(RIGHTS) - used, UNUSED_FOR_NOW, "rights that nobody asks for")


def test_only_rights_that_exist_are_asked_for():
    asked = set()
    for source in sources(*PRODUCT):
        for name, node in calls(source):
            if name.split(".")[-1] in {"may", "need", "covers", "scope", "within", "acting", "verb"} and node.args:
                asked |= {
                    one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)
                }
    assert {one for one in asked if re.fullmatch(r"[a-z_]+\.[a-z_]+", one)} - set(RIGHTS) - {
        "sessions.found",
        "demo.story",
    } == set()


def test_every_right_has_a_group_in_the_matrix():
    from crm.rights import AREAS

    assert {right.partition(".")[0] for right in RIGHTS} == set(AREAS)


# --- what is not written here -----------------------------------------------

FORBIDDEN = {
    r"undefer|load_only": "loads personal columns with their record",
    r"unsafe_allow_html": "a customer's name would be a script",
    r"\bpickle\b|\bmarshal\b|\bshelve\b": "reading it runs code",
    r"\byaml\.load\b": "reading it runs code: safe_load",
    r"(?<![.\w])eval\(|(?<![.\w])exec\(": "runs what somebody wrote",
    r"components\.v1\.html|components\.html|st\.html": "a customer's name would be a script",
    r"\bos\.system\b|shell=True": "runs what somebody wrote",
    r"\bprint\(": "the log says what happened; a command answers in crm/__main__.py",
    r"\.from_statement\(": "goes round the scope on rows",
    r"\bliteral_column\(": "goes round the scope on rows",
    r"\"masked\"|'masked'": "goes round the masks",
}
FORBIDDEN_EXCEPTIONS = {
    ("crm/core/uow.py", r"\"masked\"|'masked'"): "the masks themselves",
    ("crm/core/masking.py", r"undefer|load_only"): "what it refuses",
    ("crm/__main__.py", r"\bprint\("): "a command answers on the terminal",
}


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_what_is_forbidden_is_not_there(pattern):
    found = set()
    for source in sources(*PRODUCT):
        code = "\n".join(line.split("  # ")[0] for line in source.text.splitlines())
        if re.search(pattern, code):
            found.add((source.name, pattern))
    excused = {key for key in FORBIDDEN_EXCEPTIONS if key[1] == pattern}
    assert found - excused == set(), FORBIDDEN[pattern]
    assert excused - found == set(), "an exception that is not needed any more"


SQL_TEXT = {
    "crm/core/worker.py": "PostgreSQL's advisory lock and a heart-beat have no other words",
    "crm/health.py": "asks the database how it is",
    "crm/upkeep.py": "checkpoint and vacuum have no other words",
    "crm/installation.py": "asks the database how it is",
    "crm/backups.py": "asks a copy how it is",
    "crm/invariants.py": "the promises that a copy must keep, as plain SQL on both databases",
}


def test_sql_is_written_as_text_in_db_only():
    found = {
        source.name
        for source in sources("app.py", "pages", "ui", "web", "crm")
        for name, node in calls(source)
        if name in {"text", "sqlalchemy.text", "sa.text"} and "sqlalchemy" in source.text and _is_sqls_text(source)
        if node.args
    }
    assert found <= set(SQL_TEXT), f"{sorted(found - set(SQL_TEXT))}: columns and expressions, or a reason in SQL_TEXT"


def _is_sqls_text(source: Source) -> bool:
    return any(module == "sqlalchemy.text" for module, _ in imported(source))


def test_chance_for_secrets_is_cryptographic():
    wrong = [
        source.name
        for source in sources(*PRODUCT)
        for module, _ in imported(source)
        if module.split(".")[0] == "random" and not source.name.startswith("crm/demo/")
    ]
    allowed = {"crm/core/retry.py"}  # how long to wait before trying again is no secret
    assert set(wrong) - allowed == set()


CACHES: dict[str, str] = {}
"""Uses of Streamlit's caches: why what they hold does not depend on who asks."""


def test_nothing_that_depends_on_the_reader_is_cached_for_all():
    found = {
        source.name
        for source in sources("pages", "ui", "app.py")
        if re.search(r"@?st\.cache_(data|resource)", source.text)
    }
    unlisted(found, CACHES, "caches that all sessions share")


def test_wide_suppressions_are_not_used():
    """One rule on one line, with its reason; never a whole file."""
    wrong = [
        source.name
        for source in sources(*PRODUCT, "tests", "bench")
        if re.search(r"^\s*# (ruff: noqa|mypy: ignore-errors|type: ignore)", source.text, re.MULTILINE)
    ]
    assert wrong == []


# --- tests ------------------------------------------------------------------

TESTED_ELSEWHERE = {
    "crm/__main__.py": "tests/test_installation.py and the browser tests start it as people do",
    "crm/core/records.py": "every test of both databases makes its tables with it",
    "crm/core/people.py": "tables without behaviour: test_access and test_users",
    "crm/core/reading.py": "the scope on what is read: test_attack",
    "crm/core/verbs.py": "the declaration of verbs: test_rights_matrix and test_uow",
    "crm/core/reach.py": "the SQL of every scope: test_access and test_attack",
    "crm/core/prepared.py": "test_attack asks in every way, prepared and not",
    "crm/core/errors.py": "classes without behaviour: test_i18n says each",
}
"""Modules whose tests have another name: which."""


def test_every_module_of_the_business_has_its_test():
    wanted = {}
    for source in sources("crm"):
        parts = Path(source.name).with_suffix("").parts
        if parts[-1] == "__init__" or "__pycache__" in parts:
            continue
        if parts[1] == "core":
            wanted[source.name] = f"core/test_{parts[2]}.py"
        else:
            wanted[source.name] = f"test_{parts[1]}.py"
    tests = {source.path.relative_to(ROOT / "tests").as_posix() for source in sources("tests")}
    missing = {name for name, test in wanted.items() if test not in tests and name not in TESTED_ELSEWHERE}
    assert missing == set(), f"write {sorted({wanted[name] for name in missing})}"


SKIPPED = {
    "tests/test_faults.py:small_disk": "a disk that is full can be mounted by root only; CI runs as root",
    "tests/test_running.py": "only Linux's kernel ends a child whose parent was killed; elsewhere the worker looks for itself",
}
"""Tests that are skipped for something else than absent data: why."""


def test_no_test_is_skipped_but_for_absent_data():
    wrong = set()
    for source in sources("tests"):
        for name, node in calls(source):
            if name.split(".")[-1] in {"skip", "skipif", "xfail", "importorskip"} and name.startswith("pytest"):
                said = " ".join(ast.unparse(one) for one in (*node.args, *(key.value for key in node.keywords)))
                if "absent" not in said:
                    wrong.add(source.at(node))
    unlisted(wrong, SKIPPED, "tests that are skipped")


def test_no_test_stands_on_a_mock():
    wrong = [source.name for source in sources("tests") for module, _ in imported(source) if "mock" in module]
    assert wrong == []


# --- languages --------------------------------------------------------------

ERRORS = {"CrmError", "NotFound", "Refused", "Conflict", "Invalid", "Unavailable"}


def keywords() -> dict[str, tuple[int, ...] | None]:
    """Return what `make locale` looks for, so that tool and law see the same texts."""
    line = re.search(r"^KEYWORDS = (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert line is not None
    said = re.sub(r"\$\(addprefix -k ,([^)]*)\)", r"\1", line[1]).replace("-k ", "")
    named = (word.partition(":") for word in said.split())
    return {name: tuple(map(int, places.split(","))) if places else None for name, _, places in named}


PLACE = re.compile(r"\{(\w*)[^{}]*\}")


@cache
def messages() -> dict[str, tuple[str | tuple[str, ...], str]]:
    """Return msgid -> (the msgid or both its forms, where it first stands)."""
    found: dict[str, tuple[str | tuple[str, ...], str]] = {}
    for source in sources(*PRODUCT):
        for line, message, _, _ in extract_from_file("python", source.path, keywords=keywords(), comment_tags=()):
            forms = message if isinstance(message, str) else tuple(one for one in message if one)
            found.setdefault(forms if isinstance(forms, str) else forms[0], (forms, f"{source.name}:{line}"))
        for name, node in calls(source):
            said = node.args[0] if node.args else None
            if name.split(".")[-1] in ERRORS and isinstance(said, ast.Constant) and isinstance(said.value, str):
                found.setdefault(said.value, (said.value, source.at(node)))
    found.pop("", None)
    return found


def catalogue_of(language: str) -> Catalog:
    path = ROOT / "locale" / language / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        pytest.fail(f"there is no catalogue {path.relative_to(ROOT)}")
    with path.open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


OTHERS = sorted(set(LANGUAGES) - {DEFAULT})


def test_texts_are_found_at_all():
    assert len(messages()) > 200
    assert "There is no such record." in messages()


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated(language):
    catalogue = catalogue_of(language)
    missing = []
    for key, (forms, place) in messages().items():
        message = catalogue.get(key)
        said = message.string if message is not None else ""
        plural = isinstance(forms, tuple)
        many = said if isinstance(said, tuple | list) else (said,)
        wanted = catalogue.num_plurals if plural else 1
        if message is None or message.fuzzy or len(many) != wanted or not all(many):
            missing.append(f"{place}: {key[:70]!r}")
    assert missing == [], f"{len(missing)} texts have no {language} translation"


@pytest.mark.parametrize("language", OTHERS)
def test_translations_keep_their_places(language):
    """A missing {n} loses a number; an invented one breaks the page."""
    catalogue = catalogue_of(language)
    wrong = []
    for key, (forms, place) in messages().items():
        message = catalogue.get(key)
        if message is None or not message.string:
            continue
        texts = forms if isinstance(forms, tuple) else (forms,)
        wanted = {name for text in texts for name in PLACE.findall(text)}
        for said in message.string if isinstance(message.string, tuple | list) else (message.string,):
            names = set(PLACE.findall(said))
            if names - wanted or (len(texts) == 1 and names != wanted):
                wrong.append(f"{place}: {said!r} has {sorted(names)}, the source {sorted(wanted)}")
    assert wrong == []


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_is_translated_that_nobody_says(language):
    stale = [
        str(message.id)[:70] for message in catalogue_of(language) if message.id and _key(message.id) not in messages()
    ]
    assert stale == [], "take these out of the catalogue"


def _key(msgid: Any) -> str:
    return str(msgid[0]) if isinstance(msgid, tuple | list) else str(msgid)


@pytest.mark.parametrize("language", OTHERS)
def test_plurals_follow_the_language(language):
    locale = Locale.parse(language)
    catalogue = catalogue_of(language)
    assert catalogue.num_plurals == {"ru": 3, "zh": 1}[language]
    assert str(catalogue.locale) == str(locale)


def test_no_text_is_put_together_before_it_is_translated():
    """_(f"…") and _("…" + x) are not in any catalogue; _("…".format()) is looked up with its values."""
    wrong = []
    for source in sources(*PRODUCT):
        for name, node in calls(source):
            if name in {"_", "N_", "n_", "i18n.N_"}:
                texts = node.args[:2] if name == "n_" else node.args[:1]
                plain = all(
                    isinstance(one, ast.Constant | ast.Name | ast.Attribute | ast.Subscript | ast.IfExp | ast.Call)
                    for one in texts
                )
                formatted = any(
                    isinstance(one, ast.Call) and ast.unparse(one.func).endswith(".format") for one in texts
                )
                if not plain or formatted or any(isinstance(one, ast.JoinedStr) for one in texts):
                    wrong.append(f"{source.at(node)}: {ast.unparse(node)[:80]}")
    assert wrong == []


def test_every_error_has_a_text_that_can_be_found():
    wrong = []
    for source in sources(*PRODUCT):
        for name, node in calls(source):
            said = node.args[0] if node.args else None
            if name.split(".")[-1] in ERRORS and isinstance(said, ast.JoinedStr | ast.BinOp):
                wrong.append(f"{source.at(node)}: {ast.unparse(said)[:80]}")
    assert wrong == []


def test_every_place_in_a_text_has_a_name():
    wrong = [
        f"{place}: {key!r}"
        for key, (_, place) in messages().items()
        if any(not name or name.isdigit() for name in PLACE.findall(key))
    ]
    assert wrong == []
