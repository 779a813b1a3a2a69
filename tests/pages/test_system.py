"""The administrator's screens about the system and its copies, as they are used."""

from datetime import timedelta

from sqlalchemy import insert

import crm
from crm import backups
from crm.core import config, jobs
from crm.core.worker import WorkerBeat
from db.backup import CopyFailed, Kind, Trouble, copies
from tests.cast import NOW, Cast
from tests.pages.screen import opened, part, press, rows, texts


def a_beat(cast: Cast) -> None:
    row = {
        "name": "worker",
        "at": NOW,
        "started_at": NOW - timedelta(hours=1),
        "version": crm.__version__,
        "pid": 1,
        "host": "box",
    }
    with cast.database.writing() as connection:
        connection.execute(insert(WorkerBeat.__table__), [row])


def test_the_system_screen_says_what_is_wrong_and_what_to_do(cast: Cast) -> None:
    at = opened("system", cast.admin)
    assert not at.exception
    found = {row[1]: row for row in rows(at, "checks")}
    [silent] = [row for text, row in found.items() if text.startswith("No worker is at work")]
    assert silent[0] == "Attention"
    assert "python -m crm worker" in silent[2]
    assert any(row[0] == "Good" for row in found.values())
    written = texts(at)
    assert crm.__version__ in written
    assert "No worker was ever at work here." in written


def test_a_living_worker_is_shown(cast: Cast) -> None:
    a_beat(cast)
    at = opened("system", cast.admin)
    assert "The worker is on box since" in texts(at)
    assert "The worker is at work." in texts(at)


def test_room_on_the_disk_is_told_in_a_unit_that_people_know(cast: Cast) -> None:
    told = next(text for text in (row[1] for row in rows(opened("system", cast.admin), "checks")) if "room" in text)
    assert "MiB" not in told
    assert told.endswith((" GB.", " MB."))


def test_every_job_is_listed_with_its_plan_and_its_last_run(cast: Cast) -> None:
    with cast.unit(cast.admin) as u:
        backups.ask(u)
    shown = {row[0]: row for row in rows(opened("system", cast.admin, tab="jobs"), "jobs")}
    assert shown["Hourly copy"][1] == "Every hour"
    assert shown["Nightly upkeep"][1] == "Every day at 01:41 UTC"
    assert shown["Nightly upkeep"][3] == ""
    assert shown["Look for duplicates in the whole base"][1] == "Every week at 02:23 UTC"
    assert shown["Copy on demand"][1] == "On demand"
    assert shown["Copy on demand"][3] == "Waiting"
    [run] = rows(opened("system", cast.admin, tab="runs"), "runs")
    assert run[0] == "Copy on demand"


def test_nobody_else_sees_the_system_or_the_copies(cast: Cast) -> None:
    for address, shown in (("system", "checks"), ("backups", "copies")):
        for name in ("rep", "keeper", "executive"):
            at = opened(address, getattr(cast, name))
            assert len(at.exception) == 1, "the door refused"
            assert part(at, shown) is None
            assert not at.button


def test_without_a_copy_the_screen_says_so(cast: Cast) -> None:
    at = opened("backups", cast.admin)
    assert not at.exception
    assert part(at, "head")["figures"] == [["Last good copy", "never"]]
    assert part(at, "empty-empty")["sentence"].startswith("There is no copy yet")


def test_copies_and_failures_are_listed_and_the_age_stands_large(cast: Cast) -> None:
    copy = backups.copy_now(config.config(), cast.database, Kind.MANUAL)
    with cast.unit(now=NOW + timedelta(minutes=1)) as u:
        backups.note_failure(u, Kind.HOURLY, CopyFailed(Trouble.NO_ROOM))
    at = opened("backups", cast.admin)
    assert not at.exception
    assert "ago" in part(at, "head")["figures"][0][1]
    failed, good = rows(at, "copies")
    assert good[1:3] == ["On demand", "Good"]
    assert good[6] == copy.name
    assert failed[1] == "Every hour"
    assert "not enough room" in failed[2]
    assert "restore" in at.code[0].value


def test_a_copy_is_asked_for_once_watched_and_found_in_the_list(cast: Cast) -> None:
    at = press(opened("backups", cast.admin), "Make a copy now")
    assert not at.exception
    asked = _only(at.query_params["job"])
    assert [one.proto.text for one in at.get("progress")] == ["Waiting for the worker ..."]
    assert not [one for one in at.button if one.label == "Make a copy now"]
    with cast.unit(cast.admin) as u:
        assert [one.id for one in jobs.recent(u)] == [asked]
    made = backups.copy_now(config.config(), cast.database, Kind.MANUAL)
    with cast.unit(cast.admin) as u:
        jobs.cancel(u, asked)
    at.run()
    assert "job" not in at.query_params
    assert copies(config.config().backups_dir) == [made]
    assert rows(at, "copies")[0][6] == made.name


def _only(value: str | list[str]) -> str:
    return value if isinstance(value, str) else value[0]
