"""The machine under the tests: a free port, a lock between processes, a package that is missing."""

import fcntl
import os
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds app.py."""

PORTS = range(20000, 32000)
"""Below the ports that systems give to outgoing connections: a stopped server finds its port free again."""


class MissingError(RuntimeError):
    """The machine lacks something that the tests need; the text is one line that says what to install."""


def is_root() -> bool:
    """Say whether we may install packages and must not run PostgreSQL as ourselves."""
    return os.geteuid() == 0


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    for port in random.sample(PORTS, 200):
        with socket.socket() as candidate:
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise MissingError("No free port on 127.0.0.1.")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that all processes of this machine see; it falls with its holder, and whoever is done may delete the file."""
    while True:
        handle = path.open("w")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if path.exists() and os.path.samestat(os.fstat(handle.fileno()), path.stat()):
                yield
                return
        finally:
            handle.close()


def apt_install(package: str, otherwise: str) -> None:
    """Install a Debian package where we may; else raise MissingError with the line `otherwise`."""
    apt = shutil.which("apt-get")
    if not (apt and is_root()):
        raise MissingError(otherwise)
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # 1: a package must not start its service
    with locked(Path(tempfile.gettempdir()) / "rapport-apt.lock"):
        for step in (["update"], ["install", "--yes", package]):
            done = subprocess.run([apt, *step], env=env, capture_output=True, text=True, check=False)
            if done.returncode:
                last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
                raise MissingError(f"{otherwise} (apt-get {step[0]} did not manage it: {last})")
