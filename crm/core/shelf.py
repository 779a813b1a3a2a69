"""Files of people on our disk: each lies in a folder of its kind, under a random name of ours."""

import os
import re
import secrets
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crm.core.config import config

LONGEST_NAME: Final = 120
_TOKEN: Final = re.compile(r"[0-9a-f]{32}")
_HARMFUL: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_JOINERS: Final = frozenset("\u200c\u200d")
"""Signs that draw nothing, turn nothing round, and without which words of some scripts are written wrongly."""


@dataclass(frozen=True)
class Shelf:
    """One folder of such files inside the data folder."""

    name: str

    def folder(self) -> Path:
        """Return the folder, readable by this system user only."""
        path = config().data_dir / self.name
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    def path_of(self, token: str) -> Path:
        """Return where a file lies; a token is 32 hexadecimal digits and nothing else."""
        if not _TOKEN.fullmatch(token):
            raise ValueError("This is no name of a stored file.")
        return self.folder() / token

    def store(self, content: bytes) -> str:
        """Put a file on the shelf and return its token: under that name it is whole and on the disk, or not there at all."""
        token = secrets.token_hex(16)
        fresh = self.path_of(token).with_suffix(".part")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.rename(self.path_of(token))
        except OSError:
            fresh.unlink(missing_ok=True)  # a full disk needs the room
            raise
        _force(self.folder())
        return token

    def remove(self, token: str) -> None:
        """Remove a file, also one that was being written; one that is gone already is as good."""
        self.path_of(token).unlink(missing_ok=True)
        self.path_of(token).with_suffix(".part").unlink(missing_ok=True)

    def tokens(self) -> dict[str, float]:
        """Return the tokens of all files, unfinished ones too, with the moment each was written, as seconds since 1970."""
        found = {}
        for path in self.folder().iterdir():
            with suppress(FileNotFoundError):  # removed, or finished, since the folder was read
                found[path.stem] = path.stat().st_mtime
        return {token: at for token, at in found.items() if _TOKEN.fullmatch(token)}


def _force(folder: Path) -> None:
    """Let the new name be on the disk, too."""
    with suppress(OSError):  # Windows forces no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def label(name: str) -> str:
    """Return a file's name as it is shown: the last part, without control and direction signs, not too long."""
    last = re.split(r"[\\/]", name)[-1]
    kept = (sign for sign in last if sign in _JOINERS or unicodedata.category(sign) not in _HARMFUL)
    plain = "".join(kept).strip()
    if not plain.strip(".\u200c\u200d"):
        return "–"
    stem, dot, suffix = plain.rpartition(".")
    if not stem or len(suffix) > LONGEST_NAME // 4:
        return plain[:LONGEST_NAME]
    return f"{stem[: LONGEST_NAME - 1 - len(suffix)]}{dot}{suffix}"
