"""What failed for a reason that passes is tried again, and is done once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from crm import interactions
from crm.core import retry
from crm.core.errors import Refused, Unavailable
from crm.interactions import Interaction
from db.faults import Fault
from tests.cast import Cast, a_customer


class DriverError(Exception):
    """What a driver raises when the connection broke."""


def broken() -> OperationalError:
    return OperationalError("SELECT 1", {}, DriverError("gone"), connection_invalidated=True)


def notes(cast: Cast) -> list[str]:
    with cast.unit() as u:
        return [row["note"] for row in u.rows(select(Interaction.id, Interaction.note))]


def test_trouble_that_passes_is_waited_for_longer_each_time() -> None:
    pauses: list[float] = []
    answers = [broken(), Unavailable("busy", code=Fault.BUSY), broken()]

    def attempt() -> str:
        if answers:
            raise answers.pop(0)
        return "done"

    assert retry.patiently(attempt, pause=pauses.append) == "done"
    assert len(pauses) == 3
    assert all(retry.FIRST_PAUSE * 2**n / 2 <= pause <= retry.FIRST_PAUSE * 2**n for n, pause in enumerate(pauses))


def test_patience_has_an_end_and_what_no_waiting_heals_is_told_at_once() -> None:
    pauses: list[float] = []

    def fail(error: Exception) -> None:
        raise error

    with pytest.raises(OperationalError):
        retry.patiently(lambda: fail(broken()), pause=pauses.append)
    assert len(pauses) == retry.TRIES - 1
    assert max(pauses) <= retry.LONGEST_PAUSE
    pauses.clear()
    for error in (Refused("no"), Unavailable("damaged", code=Fault.DAMAGED), ValueError("ours")):
        with pytest.raises(type(error)):
            retry.patiently(lambda error=error: fail(error), pause=pauses.append)
    assert pauses == []


def test_a_verb_whose_answer_was_lost_after_the_commit_is_not_done_again(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer, losses, real = a_customer(cast), [broken()], retry.unit_of_work

    @contextmanager
    def losing(*args: Any, **options: Any) -> Iterator[Any]:
        with real(*args, **options) as u:
            yield u
        if losses:
            raise losses.pop()

    monkeypatch.setattr(retry, "unit_of_work", losing)
    assert retry.run(cast.database, cast.rep, interactions.log, customer, kind="call", note="once") is None
    assert losses == []
    assert notes(cast) == ["once"]


def test_the_same_key_is_used_once(cast: Cast) -> None:
    customer = a_customer(cast)
    for _ in range(3):
        retry.run(cast.database, cast.rep, interactions.log, customer, kind="call", note="once", key="k")
    assert notes(cast) == ["once"]


def test_without_a_key_each_run_is_one_of_its_own(cast: Cast) -> None:
    customer = a_customer(cast)
    for note in ("one", "two"):
        retry.run(cast.database, cast.rep, interactions.log, customer, kind="call", note=note)
    assert notes(cast) == ["one", "two"]


@pytest.mark.parametrize("kind", ["postgresql"])
def test_connections_cut_by_the_server_are_not_noticed_by_whoever_works(cast: Cast) -> None:
    customer = a_customer(cast)
    for number in range(5):
        with cast.database.reader.connect() as connection:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            connection.execute(text(f"{others} AND pid <> pg_backend_pid()"))
        retry.run(cast.database, cast.rep, interactions.log, customer, kind="call", note=str(number))
    assert notes(cast) == ["0", "1", "2", "3", "4"]
