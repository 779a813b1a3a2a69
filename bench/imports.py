"""What an import costs: rows a second against inserting the very same rows bare, with the same indexes and chunks.

    python -m bench.imports [ROWS] [--url postgresql://…]

Prints the ratio of wall time and of processor time; the pauses in which others write are named apart.
"""

import argparse
import csv
import io
import os
import tempfile
import time
from typing import Any

ROWS = 20_000


def sheet(rows: int) -> bytes:
    """Return a table of customers with a phone, an e-mail, a number and a city each."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(["name", "phone", "email", "city", "external number", "industry"])
    for n in range(rows):
        name = f"Ромашка {n * 7919 % rows} Иван{n % 997}"
        writer.writerow([name, f"8916{n:07d}", f"user{n}@example{n % 50}.com", "Казань", n, "retail"])
    return written.getvalue().encode()


def imported(database: Any, content: bytes) -> int:
    """Import a file as SYSTEM, in this process; return the import's id."""
    from crm.core.access import SYSTEM
    from crm.core.uow import unit_of_work
    from crm.imports import files, run, steps

    received = files.receive("bench.csv", content)
    with unit_of_work(database, SYSTEM) as u:
        import_id = steps.stage(u, received).id
        steps.start_here(u, import_id)
    run.run_all(database, SYSTEM, import_id)
    return import_id


def taken_out(database: Any) -> list[list[tuple[Any, list[dict[str, Any]]]]]:
    """Take the imported rows out of the tables; return them in chunks of 500 customers, table by table."""
    from sqlalchemy import delete, select

    from crm import search
    from crm.customers import Customer, Email, Phone

    tables: Any = (Customer.__table__, Phone.__table__, Email.__table__, search.TOKENS)
    chunks: dict[int, dict[Any, list[dict[str, Any]]]] = {}
    with database.reader.connect() as connection:
        for table in tables:
            for row in connection.execute(select(table)).mappings():
                place = (row["customer_id"] if "customer_id" in row else row["id"]) // 500
                chunks.setdefault(place, {}).setdefault(table, []).append(dict(row))
    with database.writing() as connection:
        for table in reversed(tables):
            connection.execute(delete(table))
    return [[(table, found[table]) for table in tables if table in found] for _, found in sorted(chunks.items())]


def spent(work: Any) -> tuple[float, float]:
    """Return the seconds of wall time and of processor time that some work takes."""
    wall, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - busy


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=ROWS)
    parser.add_argument("--url")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RAPPORT_DATA"] = folder
        from crm.core import jobs, records
        from crm.imports import run
        from db.engine import connect

        database = connect(asked.url or f"sqlite:///{folder}/bench.db")
        records.load().create_all(database.writer)
        jobs.make_tables(database)
        imported(database, sheet(200))  # so that nothing is loaded or compiled for the first time
        taken_out(database)
        content = sheet(asked.rows)
        wall, busy = spent(lambda: imported(database, content))
        chunks = taken_out(database)

        def bare() -> None:
            for chunk in chunks:
                with database.writing() as connection:
                    for table, rows in chunk:
                        connection.execute(table.insert(), rows)

        bare_wall, bare_busy = spent(bare)
        pauses = run.PAUSE * asked.rows / run.CHUNK
        print(f"{asked.rows:,} rows on {database.reader.dialect.name}, rows a second:", end=" ")
        print(f"imported {asked.rows / wall:,.0f}, bare {asked.rows / bare_wall:,.0f}")
        print(
            f"{wall / bare_wall:.1f} times the bare insert, {(wall - pauses) / bare_wall:.1f} without the pauses, ",
            end="",
        )
        print(f"{busy / bare_busy:.1f} times its processor time")
        database.close()


if __name__ == "__main__":
    main()
