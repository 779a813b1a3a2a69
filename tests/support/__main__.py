"""Say what the tests will use; install what is missing, before any test's time runs: python -m tests.support."""

import os
import sys

from tests.support import browser, postgres
from tests.support.machine import MissingError


def main() -> int:
    """Return 0 if everything is there; else say in one line what is missing."""
    try:
        if os.environ.get("RAPPORT_TEST_POSTGRES_URL"):
            print("PostgreSQL: the server that RAPPORT_TEST_POSTGRES_URL names")
        else:
            programs = postgres.find()
            print(f"PostgreSQL: {'.'.join(map(str, postgres.version(programs)))}, {programs}")
        print(f"Chromium:   {browser.chromium_path()}")
    except MissingError as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
