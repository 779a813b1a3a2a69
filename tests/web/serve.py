"""The web application without a worker, as one process: python -m tests.web.serve --port 8600."""

import argparse
import os
import sys

from tests.support.machine import ROOT


def main() -> None:
    """Become the web application."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", required=True)
    parser.add_argument("--app", default="app.py")
    parser.add_argument(
        "--plain", action="store_true", help="as somebody types it: streamlit run app.py --server.port ..."
    )
    asked = parser.parse_args()
    settings = {"RAPPORT_PORT": asked.port, "STREAMLIT_SERVER_PORT": asked.port, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "streamlit", "run", asked.app]
    if asked.plain:
        settings = {}
        command.append(f"--server.port={asked.port}")
    os.chdir(ROOT)
    os.execve(command[0], command, os.environ | settings)  # noqa: S606  the same process, so that its memory can be seen


if __name__ == "__main__":
    main()
