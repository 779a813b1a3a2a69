"""What the door costs: processor time of a query in a unit of work against a bare session with the same condition.

    python -m bench.door

Prints milliseconds a query on the embedded database, the median of many short runs taken in turn.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core import records
from crm.customers import COLUMNS, Customer
from db.engine import connect
from tests.cast import NORTH, Cast, a_customer

RUNS, QUERIES = 15, 150
STATEMENTS = {
    "a list of ten columns": lambda: (
        select(*COLUMNS).where(Customer.archived_at.is_(None)).order_by(Customer.sort_name).limit(50)
    ),
    "one record": lambda: select(Customer).where(Customer.id == 1),
}


def spent(work: Callable[[], object]) -> float:
    """Return the milliseconds of processor time that one call takes."""
    begun = time.process_time()
    for _ in range(QUERIES):
        work()
    return (time.process_time() - begun) / QUERIES * 1000


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        database = connect(f"sqlite:///{Path(folder) / 'door.db'}")
        records.load().create_all(database.writer)
        cast = Cast.assemble(database)
        for of in ("rep", "mate", "rival"):
            a_customer(cast, of)
        print(f"{'':24}{'who':10}{'bare':>8}{'door':>8}{'more':>8}  ms")
        for name, statement in STATEMENTS.items():
            for who in ("rep", "keeper"):
                with Session(database.reader) as bare, cast.unit(getattr(cast, who)) as u:
                    inside = Customer.team_id == NORTH if who == "rep" else Customer.id > 0

                    def plainly() -> object:
                        return bare.execute(statement().where(inside)).all()  # noqa: B023  called within the loop

                    def through() -> object:
                        return u.session.execute(statement()).all()  # noqa: B023

                    spent(plainly), spent(through)
                    pairs = [(spent(plainly), spent(through)) for _ in range(RUNS)]
                    less, more = (statistics.median(side) for side in zip(*pairs, strict=True))
                    print(f"{name:24}{who:10}{less:8.3f}{more:8.3f}{more - less:8.3f}")
        database.close()


if __name__ == "__main__":
    main()
