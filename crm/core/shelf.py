"""Files of people on our disk: each lies in a folder of its kind, under a random name of ours."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crm.core.config import config

_TOKEN: Final = re.compile(r"[0-9a-f]{32}")


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

    def tokens(self) -> dict[str, float]:
        """Return the tokens of all files, unfinished ones too, with the moment each was written, as seconds since 1970."""
        found = {path: path.stat().st_mtime for path in self.folder().iterdir()}
        return {path.stem: at for path, at in found.items() if _TOKEN.fullmatch(path.stem)}
