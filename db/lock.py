"""A lock between processes of one machine: held while the process lives, gone with it, however it ended."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class Taken(OSError):  # noqa: N818  the lock's own word
    """Somebody else holds the lock."""


class FileLock:
    """An advisory lock on a file beside what it protects. Use as a context manager, or `take` and `give_back`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take the lock now; raise Taken when another process (or another FileLock of this one) holds it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if sys.platform == "win32":
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise Taken(f"{self.path.name} is held by another process") from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())  # for people who look; the lock is what counts
        self._descriptor = descriptor

    def give_back(self) -> None:
        """Give the lock back. The file stays: removing it would let two processes lock two files of one name."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        """Take the lock."""
        self.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lock back."""
        self.give_back()
