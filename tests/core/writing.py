"""A process that writes as fast as it can and tells what was acknowledged: `python writing.py URL CUSTOMER FILE THREADS`."""

import os
import sys
import threading
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from crm import interactions
from crm.core.access import Identity
from crm.core.uow import unit_of_work
from db.engine import connect
from tests.cast import PARTS


def main(url: str, customer_id: str, acknowledged: str, threads: str) -> None:
    """Log calls with notes that nobody else writes; each note is told once its transaction was committed."""
    database, told = connect(url), os.open(acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(thread: int) -> None:
        for number in count():
            note = f"{os.getpid()}-{thread}-{number}"
            with unit_of_work(database, Identity(PARTS["rep"].id)) as u:
                interactions.log(u, int(customer_id), kind="call", direction="out", note=note)
            os.write(told, f"{note}\n".encode())

    for thread in range(int(threads)):
        threading.Thread(target=write, args=(thread,), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:5])
