"""The command line: `python -m crm run | worker | migrate | demo | import | backup | restore | doctor`."""

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import crm
from crm.core import i18n, logs
from crm.core.config import ROOT, config, database, forget
from crm.core.errors import CrmError

EPILOG = """\
What a command needs to know beyond its options it reads from the environment:
  RAPPORT_DATA          the folder of database, keys, attachments, copies and logs   (default: data/ beside app.py)
  RAPPORT_DATABASE_URL  the database, for example postgresql://user:password@host/rapport   (default: a file in RAPPORT_DATA)
  RAPPORT_BACKUPS       the folder of the copies   (default: backups/ in RAPPORT_DATA)
  RAPPORT_URL           the address people type, for example https://crm.example.org   (default: http://localhost:PORT)
  RAPPORT_HOSTS         further names under which the server is reached, separated by commas
  RAPPORT_PORT          the port, where --port does not say another

Exit status: 0 done; 1 not done, and a sentence says why; 2 the command was not understood; 130 interrupted.
"""


class NotDoneError(Exception):
    """A command cannot be done; the sentence is for the terminal, which speaks English."""


def say(*lines: str) -> None:
    """Write to the terminal, at once: somebody is waiting."""
    print(*lines, sep="\n", flush=True)


# --- run and worker ---------------------------------------------------------


def run(args: argparse.Namespace) -> int:
    """Make or upgrade the database, fill it with demonstration data if wanted, run web application and worker."""
    from crm import installation, running
    from crm.core import retry

    os.environ["RAPPORT_PORT"] = str(args.port)
    forget()
    if not running.port_is_free(args.port, args.address):
        raise NotDoneError(f"Port {args.port} is taken. Choose another one: python -m crm run --port 8502")
    logs.configure(config().data_dir / "logs", "run")
    prepared = retry.patiently(lambda: installation.prepare(config(), database(), say=say))
    if prepared.was_empty:
        say(f"A new database was made: {installation.place(config(), database())}")
    elif prepared.before != prepared.after:
        say(f"The database was brought up to date (revision {prepared.before} to {prepared.after}).")
    demonstrates = args.demo and _fill_if_empty()
    database().close()
    parts = [running.web(ROOT, args.port, args.address, os.environ)]
    if args.worker:
        parts.append(running.worker(ROOT, os.environ))
    host = "127.0.0.1" if args.address in {"", "0.0.0.0", "::"} else args.address  # noqa: S104  compared, not bound
    local = f"http://[{host}]:{args.port}" if ":" in host else f"http://{host}:{args.port}"

    def ready() -> None:
        say("", f"Rapport is ready: {config().base_url}", *(_who_signs_in() if demonstrates else ()))
        say(
            "" if args.worker else "No worker runs: imports, copies and other work in the background wait.",
            "Stop it with Ctrl-C.",
        )
        if args.browser and sys.stdout.isatty():
            running.open_browser(config().base_url)

    say("Starting ...")
    return running.House(parts, local, say, ready).run()


def _fill_if_empty() -> bool:
    """Fill an empty database with demonstration data; say whether the demonstration's people can sign in."""
    from crm import demo, sessions

    if demo.is_empty(database()) and not sessions.has_users(database()):
        say(f"Filling the database with {demo.CUSTOMERS} invented customers ...")
        demo.fill(database())
    return _is_demonstration()


def _is_demonstration() -> bool:
    from sqlalchemy import select

    from crm import demo
    from crm.core.people import User

    with database().reader.connect() as connection:
        known = set(connection.scalars(select(User.username).where(User.deleted_at.is_(None))))
    return {person.username for person in demo.CAST} <= known


def _who_signs_in() -> list[str]:
    from crm import demo
    from crm.core.grants import ROLES

    rows = [f"  {one.username:<10} {ROLES[one.role]:<16} {one.name}" for one in demo.CAST]
    return [f"Sign in with one of these names and the password {demo.PASSWORD}", *rows]


def worker(args: argparse.Namespace) -> int:
    """Work off jobs and schedules until told to stop. What runs then goes on at the next start."""
    from crm import installation
    from crm.core import records, retry
    from crm.core import worker as workers
    from crm.running import PARENT

    logs.configure(config().data_dir / "logs", args.name, echo=True)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    records.load()
    retry.patiently(lambda: installation.verify(config(), database()))
    parent = os.environ.get(PARENT, "")
    workers.work(database(), name=args.name, stop=stop, parent=int(parent) if parent.isdigit() else None)
    sys.stdout.flush()
    os._exit(0)  # a step that still runs in a thread must not keep the process: it is done again at the next start


# --- the data ---------------------------------------------------------------


def migrate(args: argparse.Namespace) -> int:
    """Make the database, or bring its tables up to date after making a copy."""
    from crm import installation

    del args
    prepared = installation.prepare(config(), database(), say=say)
    if prepared.was_empty:
        say(f"A new database was made (revision {prepared.after}).")
    elif prepared.before == prepared.after:
        say(f"The database is up to date (revision {prepared.after}).")
    else:
        say(f"The database was brought up to date (revision {prepared.before} to {prepared.after}).")
    return 0


def demo(args: argparse.Namespace) -> int:
    """Fill a database without customers with invented data, the same for the same seed."""
    from crm import demo as demonstration
    from crm import installation

    installation.prepare(config(), database(), say=say)
    filled = demonstration.fill(
        database(), customers=args.customers, seed=args.seed, progress=lambda count: say(f"  {count:,} customers")
    )
    say(
        f"{filled.customers:,} customers, {filled.interactions:,} interactions, {filled.purchases:,} purchases.",
        *_who_signs_in(),
    )
    return 0


def import_(args: argparse.Namespace) -> int:
    """Import a file of customers, as the page 'Imports' does. The same command after an interruption goes on."""
    from crm import imports, installation

    installation.verify(config(), database())
    told = 0.0

    def progress(done: int, rows: int) -> None:
        nonlocal told
        if done == rows or done - told >= rows / 20:
            told = done
            say(f"  {done:,} of {rows:,} rows")

    done = imports.run_file(
        args.file,
        mapping=_mapping(args.mapping),
        username=args.username,
        again=args.again,
        database=database(),
        progress=progress,
    )
    say(
        f"{done.new_count:,} new, {done.updated_count:,} updated, {done.skipped_count:,} left out, {done.faulty_count:,} with faults."
    )
    return 0


def _mapping(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotDoneError(f"The mapping {path} cannot be read: {error}.") from error
    if not isinstance(found, dict):
        raise NotDoneError(f"The mapping {path} cannot be read: it is no JSON object.")
    return found


def backup(args: argparse.Namespace) -> int:
    """Make a copy of everything and prove it, or list the copies that are there."""
    from crm import backups, installation
    from db.backup import Kind

    if args.list:
        return _list_copies()
    installation.verify(config(), database())
    copy = backups.copy_now(config(), database(), Kind.MANUAL)
    rows = sum(copy.rows.values())
    say(
        f"{copy.path}",
        f"{copy.bytes / 2**20:,.1f} MiB, {rows:,} rows, {len(copy.files)} files, proved, in {copy.seconds:.1f} s.",
    )
    return 0


def _list_copies() -> int:
    from db.backup import copies

    found = copies(config().backups_dir)
    for copy in found:
        say(f"{copy.name}  {copy.bytes / 2**20:10,.1f} MiB  {sum(copy.rows.values()):12,} rows  Rapport {copy.version}")
    if not found:
        say(f"There is no copy in {config().backups_dir}.")
    return 0


def restore(args: argparse.Namespace) -> int:
    """Bring a copy back in place of everything, or list the copies that there are to choose from."""
    from crm import backups

    if args.copy is None:
        return _list_copies()
    restored = backups.bring_back(config(), database(), args.copy, force=args.force)
    say(
        f"The copy {restored.copy.name} was brought back and proved in {restored.seconds:.1f} s.",
        f"What was there before lies in {restored.aside}. Everybody signs in anew; jobs of that time are not resumed.",
    )
    return 0


def doctor(args: argparse.Namespace) -> int:
    """Look at everything and say in words what is wrong and what to do."""
    from crm import health

    marks = {health.Level.GOOD: "ok  ", health.Level.WARN: "note", health.Level.BAD: "BAD "}
    checks = health.doctor(database())
    if args.json:
        state = health.Readiness(tuple(checks))
        say(json.dumps(state.as_dict(), indent=1))
    else:
        for check in checks:
            say(
                f"{marks[check.level]}  {check.text.format(**check.values)}"
                + (f"\n      {check.advice}" if check.advice else "")
            )
    return 1 if any(check.level is health.Level.BAD for check in checks) else 0


# --- reading the command ----------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """Return the description of all commands."""
    top = argparse.ArgumentParser(
        prog="python -m crm",
        description="Rapport, a CRM for the people who talk to customers. 'python -m crm COMMAND --help' tells more.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"Rapport {crm.__version__}")
    commands = top.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    _running(commands)
    _data(commands)
    _copies(commands)
    return top


def _add(
    commands: Any, name: str, function: Callable[[argparse.Namespace], int], line: str, more: str = ""
) -> argparse.ArgumentParser:
    one: argparse.ArgumentParser = commands.add_parser(
        name, help=line, description=f"{line}\n\n{more}".strip(), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    one.set_defaults(function=function)
    return one


def _running(commands: Any) -> None:
    one = _add(
        commands,
        "run",
        run,
        "Run Rapport: the web application and the worker.",
        "The first start makes the database and fills it with invented customers, so that there is something to look at;\n"
        "with --no-demo it stays empty, and whoever opens it first becomes administrator with the code printed here.\n"
        "A new version brings the database up to date after copying it. Both processes are started again when they die,\n"
        "and end together on Ctrl-C.",
    )
    port = os.environ.get("RAPPORT_PORT", "8501")
    one.add_argument(
        "--port", type=_port, default=_port(port), help="the port of the web application (default: %(default)s)"
    )
    one.add_argument(
        "--address",
        default="127.0.0.1",
        help="the network address to listen on; 0.0.0.0 is all of them (default: %(default)s)",
    )
    one.add_argument(
        "--no-demo", dest="demo", action="store_false", help="do not fill an empty database with invented data"
    )
    one.add_argument("--no-worker", dest="worker", action="store_false", help="run the web application only")
    one.add_argument("--no-browser", dest="browser", action="store_false", help="do not open a browser")
    one = _add(
        commands,
        "worker",
        worker,
        "Work off imports, copies and everything else in the background.",
        "'run' starts one by itself. Several workers share the work on PostgreSQL; each has its own name, the same at every\n"
        "start: by it a worker that was killed finds its unfinished jobs again.",
    )
    one.add_argument("--name", type=_name, default="worker", help="this worker's name (default: %(default)s)")


def _data(commands: Any) -> None:
    _add(
        commands,
        "migrate",
        migrate,
        "Make the database, or bring its tables up to date.",
        "A database with data is copied first. Migrations go forward only; the copy is the way back.",
    )
    one = _add(
        commands,
        "demo",
        demo,
        "Fill a database without customers with invented ones.",
        "Two years of purchases and interactions of invented people and companies, the same for the same seed.",
    )
    one.add_argument("--customers", type=_count, default=300, help="how many customers (default: %(default)s)")
    one.add_argument("--seed", type=int, default=1, help="another number gives other data (default: %(default)s)")
    one = _add(
        commands,
        "import",
        import_,
        "Import customers from a CSV or Excel file.",
        "Without a mapping the headings decide which column is what. The same command after an interruption goes on where it\n"
        "stopped; the same file twice is refused without --again.",
    )
    one.add_argument("file", type=Path, help="the file")
    one.add_argument(
        "--mapping", type=Path, help="a JSON file that says which column is what, as the page 'Imports' saves it"
    )
    one.add_argument("--as", dest="username", help="import with the rights of this colleague (default: Rapport's own)")
    one.add_argument("--again", action="store_true", help="import although the same file was imported before")


def _copies(commands: Any) -> None:
    one = _add(
        commands,
        "backup",
        backup,
        "Copy everything: database, attachments, keys.",
        "The copy is proved before it counts: whole pages, foreign keys, the rules over the data, a hash for every file.\n"
        "Copies of the last 24 hours, 14 days and 12 months are kept. Rapport may run meanwhile.",
    )
    one.add_argument("--list", action="store_true", help="list the copies instead")
    one = _add(
        commands,
        "restore",
        restore,
        "Bring a copy back.",
        "Stop Rapport first. The copy is proved before anything is touched; what was there before is kept aside. A copy made on\n"
        "the embedded database can be brought back into PostgreSQL, and the reverse. Without COPY the copies are listed.",
    )
    one.add_argument("copy", nargs="?", metavar="COPY", help="the copy's name, the path of its folder, or 'newest'")
    one.add_argument(
        "--force", action="store_true", help="although Rapport is running, or what is there cannot be copied"
    )
    one = _add(
        commands,
        "doctor",
        doctor,
        "Say in words what is wrong and what to do.",
        "Looks at database, tables, worker, copies, disk, engine and the rules over the data. Changes nothing.\n"
        "Exit status 1 when something keeps people from working.",
    )
    one.add_argument("--json", action="store_true", help="write codes and levels for programs")


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:  # noqa: PLR2004  ports have 16 bits
        raise argparse.ArgumentTypeError(f"'{text}' is no port")
    return int(text)


def _count(text: str) -> int:
    plain = text.replace("_", "").replace(",", "")
    if not plain.isdigit() or int(plain) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no number above 0")
    return int(plain)


def _name(text: str) -> str:
    if not text.replace("-", "").isalnum() or not text.isascii():
        raise argparse.ArgumentTypeError("a name is made of letters, digits and hyphens")
    return text


def main(words: Sequence[str] | None = None) -> int:
    """Understand and do one command; return its exit status."""
    args = parser().parse_args(words)
    os.umask(0o077)  # database, keys, copies and logs are for the user that runs Rapport, and for nobody else
    try:
        if args.command not in {"run", "worker"}:
            logs.configure(config().data_dir / "logs", "command")
        return int(args.function(args))
    except CrmError as error:
        code = getattr(error, "code", "")
        print(i18n.say(i18n.DEFAULT, error) + (f" ({code})" if code else ""), file=sys.stderr)
    except NotDoneError as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001  the edge: a number for the person, the rest for the log
        number = logs.number_of(error)
        print(
            f"Something broke on our side: {type(error).__name__}. Error number {number}; the log tells more.",
            file=sys.stderr,
        )
    return 1


if __name__ == "__main__":
    sys.exit(main())
