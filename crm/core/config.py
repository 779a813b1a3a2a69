"""Where this installation keeps its things and how it is reached: read once from the environment."""

import os
import secrets
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from db.engine import Database, connect

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds app.py."""

BOOT = secrets.token_hex(8)
"""Names this run of this process: a browser that sees another one knows that the server was restarted."""


@dataclass(frozen=True)
class Config:
    """What the environment decides. Everything else is a setting in the database.

    data_dir: database, keys, attachments, copies and logs of this installation.
    database_url: SQLAlchemy address; the default is the embedded database in `data_dir`.
    base_url: the address people type, for example https://crm.example.org; links in mails are made from it.
    hosts: the Host headers that are answered.
    """

    data_dir: Path
    database_url: str
    base_url: str
    hosts: frozenset[str]

    @property
    def origins(self) -> frozenset[str]:
        """The Origin headers that may open a websocket."""
        scheme = urlsplit(self.base_url).scheme
        return frozenset(f"{scheme}://{host}" for host in self.hosts)

    @property
    def secure(self) -> bool:
        """Say whether people reach Rapport over https (then cookies are Secure)."""
        return self.base_url.startswith("https://")

    @property
    def attachments_dir(self) -> Path:
        """Files that belong to records."""
        return self.data_dir / "attachments"

    @property
    def backups_dir(self) -> Path:
        """Copies, unless the administrator chose another folder."""
        return Path(os.environ.get("RAPPORT_BACKUPS", self.data_dir / "backups"))

    @property
    def keys_dir(self) -> Path:
        """Keys made at first start; never in git."""
        return self.data_dir / "keys"

    def key(self, name: str) -> bytes:
        """Return 32 secret bytes kept under `name`, made at first use and readable by this system user only."""
        path = self.keys_dir / f"{name}.key"
        if not path.exists():
            self.keys_dir.mkdir(parents=True, exist_ok=True, mode=stat.S_IRWXU)
            fresh = path.with_suffix(f".{secrets.token_hex(8)}")  # nobody else writes here, be it in this process
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(32))
                os.fsync(file.fileno())
            try:
                os.link(fresh, path)  # whoever comes second keeps the first one's key
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path.read_bytes()


def from_environment() -> Config:
    """Read RAPPORT_DATA, RAPPORT_DATABASE_URL, RAPPORT_URL, RAPPORT_HOSTS and RAPPORT_PORT."""
    data_dir = Path(os.environ.get("RAPPORT_DATA", ROOT / "data")).resolve()
    port = os.environ.get("RAPPORT_PORT", "8501")
    base_url = os.environ.get("RAPPORT_URL", f"http://localhost:{port}").rstrip("/")
    named = {urlsplit(base_url).netloc, *os.environ.get("RAPPORT_HOSTS", "").split(",")}
    local = {f"localhost:{port}", f"127.0.0.1:{port}"}
    return Config(
        data_dir=data_dir,
        database_url=os.environ.get("RAPPORT_DATABASE_URL", f"sqlite:///{data_dir / 'rapport.db'}"),
        base_url=base_url,
        hosts=frozenset(host.strip().lower() for host in named | local if host.strip()),
    )


@lru_cache(maxsize=1)
def config() -> Config:
    """Return this process's configuration."""
    return from_environment()


@lru_cache(maxsize=1)
def database() -> Database:
    """Return this process's database: one pool per process."""
    return connect(config().database_url)


def forget() -> None:
    """Read the environment and open the database anew at the next use (tests, restore)."""
    if database.cache_info().currsize:
        database().close()
    database.cache_clear()
    config.cache_clear()
