"""What becomes of every file of a folder: how it is read, what its rows would be, or with which sentence it is refused.

    python -m bench.import_files FOLDER [FOLDER …]

Each file goes the whole way of an import into an empty database: recognised, mapped by its headings, tried, run, undone. A
file that neither comes in nor is refused in words, or whose run differs from its trial, is printed with BROKEN; exit status 1.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


def paths_of(folders: Sequence[str]) -> Iterator[Path]:
    """Give every file below these folders."""
    for folder in folders:
        yield from sorted(one for one in Path(folder).rglob("*") if one.is_file())


def become(database: Any, path: Path) -> str:
    """Import a file and undo it; say in one line what came of it."""
    from crm.core.access import SYSTEM
    from crm.core.errors import Invalid, InvalidForm
    from crm.core.uow import unit_of_work
    from crm.imports import files, mapping, run, steps, trial, undo
    from crm.imports.records import Import

    try:
        received = files.receive(path.name, path.read_bytes())
    except Invalid as refused:
        return f"refused: {refused.text.format(**refused.values)}"
    with unit_of_work(database, SYSTEM) as u:
        record = steps.stage(u, received)
        plan = record.plan.as_json()
        if (
            not {"name", "given_name", "surname", "middle_name"} & set(plan["columns"].values())
            and not plan["template"]
        ):
            plan["columns"] = {**plan["columns"], record.headings[0]: "name"}
        try:
            steps.choose(u, record.id, mapping.from_json(plan | {"keep_own_fields": True}), seen=record.version)
        except InvalidForm as refused:
            return f"mapping refused: {refused}"
        import_id = record.id
        steps.attempt(u, import_id)
    trial.try_all(database, SYSTEM, import_id)
    with unit_of_work(database, SYSTEM) as u:
        tried = dict(u.get(Import, import_id).trial or {})
        steps.start_here(u, import_id, again=True)
    run.run_all(database, SYSTEM, import_id)
    with unit_of_work(database, SYSTEM) as u:
        done = u.get(Import, import_id)
        same = all(tried[key] == number for key, number in done.counts.items())
        if done.can_be_undone(u.now):
            steps.take_all_back(u, import_id)
    undo.undo_all(database, SYSTEM, import_id)
    return f"{'' if same else 'BROKEN '}{_said(done, tried)}"


def _said(done: Any, tried: dict[str, Any]) -> str:
    from crm.imports import in_words
    from crm.imports.queries import system_of
    from crm.imports.records import as_faults

    counts = ", ".join(f"{number} {key}" for key, number in done.counts.items() if number)
    how = " ".join(filter(None, (system_of(done), done.how.encoding, repr(done.how.delimiter))))
    fields = ", ".join(f"{heading}→{field}" for heading, field in list(done.plan.columns.items())[:8])
    faults = {in_words(as_faults(causes), str, {}) for _, causes in tried["faults"]}
    return f"{counts} [{how}] {fields}" + "".join(f"\n        ! {one[:160]}" for one in sorted(faults)[:4])


def main() -> int:
    """Go through the folders and print a line for each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", metavar="FOLDER")
    asked = parser.parse_args()
    broken = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RAPPORT_DATA"] = folder
        from crm.core import jobs, records
        from db.engine import connect

        database = connect(f"sqlite:///{folder}/rapport.db")
        records.load().create_all(database.writer)
        jobs.make_tables(database)
        for path in paths_of(asked.folders):
            try:
                said = become(database, path)
            except Exception as error:  # noqa: BLE001  the very thing that is looked for
                said = f"BROKEN {error!r}"
            broken += said.startswith("BROKEN")
            print(f"{path.name}: {said}", flush=True)
        database.close()
    print(f"{broken} broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
