"""The log tells what happened and holds no personal data."""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from crm.core import logs
from crm.core.errors import Invalid
from db.engine import Database


@contextmanager
def quiet_after() -> Iterator[None]:
    """Let a test set up the log of this process; the settings of before come back."""
    names = ("", "dbos", *logs.TALKATIVE)
    before = {name: (list(logging.getLogger(name).handlers), logging.getLogger(name).level) for name in names}
    for name in ("", "dbos"):
        logging.getLogger(name).handlers = []
    yield
    for handler in logging.getLogger("dbos").handlers:
        handler.close()
    for name, (handlers, level) in before.items():
        logging.getLogger(name).handlers = handlers
        logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """The log of this process for one test."""
    with quiet_after():
        yield logs.configure(tmp_path, "test")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_line_is_json_with_its_moment_level_and_logger(log_file: Path) -> None:
    logs.logger("rapport.x").info("call logged", customer_id=7, seconds=0.25)
    logging.getLogger("library").warning("slow %s", "query")
    ours, theirs = lines(log_file)
    assert ours | {"at": ""} == {
        "at": "", "event": "call logged", "level": "info", "logger": "rapport.x", "customer_id": 7, "seconds": 0.25,
    }  # fmt: skip
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("slow query", "warning", "library")


@pytest.mark.parametrize(
    "secret",
    [
        "+7 916 123-45-67",
        "8 (916) 123-45-67",
        "89161234567",
        "+86 138 0013 8000",
        "ivan.petrov@example.com",
        "a+b@x.co.uk",
    ],
)
def test_phones_and_addresses_are_masked_wherever_they_stand(log_file: Path, secret: str) -> None:
    logs.logger("x").info(f"wrote to {secret}.", who=secret, more=[secret, {"deep": f"<{secret}>"}])
    logging.getLogger("library").error("refused: %s", secret)
    assert secret not in log_file.read_text()
    assert secret.split("@", maxsplit=1)[0] not in log_file.read_text()


@settings(deadline=None)  # a shared machine has slow moments
@given(st.from_regex(r"(\+7|8)[ (-]{0,2}9\d{2}[ )-]{0,2}\d{3}[ -]?\d{2}[ -]?\d{2}", fullmatch=True))
def test_no_way_of_writing_a_phone_gets_through(number: str) -> None:
    assert number[-4:] not in logs.masked(f"call {number} back")


@pytest.mark.parametrize(
    "plain",
    [
        "2026-11-21 18:00:00.123456",
        "2026-11-21T18:00:00+00:00",
        "865aaa4f-577a-430a-9b47-026f048f6042",
        "127.0.0.1:35863",
        "3.53.4",
        "12345",
    ],
)
def test_moments_ids_and_versions_stay_readable(plain: str) -> None:
    assert logs.masked(f"at {plain} it was") == f"at {plain} it was"


def test_a_field_is_cut(log_file: Path) -> None:
    logs.logger("x").info("long", value="x" * 100_000)
    assert logs.LONGEST - 50 < len(lines(log_file)[0]["value"]) <= logs.LONGEST


@pytest.mark.parametrize("text_", ["x", "8 ", "a@", "+7(", "'", "1.2."])
def test_no_text_takes_long_to_mask(text_: str) -> None:
    begun = time.process_time()
    logs.safe_message(ValueError(text_ * 50_000))
    assert time.process_time() - begun < 0.5


def test_a_phone_at_the_cut_is_not_left_half() -> None:
    for length in range(20):
        text_ = "x " * (logs.LONGEST // 2 - 12) + "." * length + "8 916 123-45-67" + " and so on" * 10
        assert "916" not in logs.masked(text_)


def test_an_error_gets_one_number_and_the_log_explains_it_without_values(log_file: Path) -> None:
    def work(phone: str) -> None:
        int(phone)

    with pytest.raises(ValueError, match="916") as caught:
        work("8 916 123-45-67 Иванов")
    number = logs.number_of(caught.value)
    assert number == logs.number_of(caught.value)
    assert len(number) == 4
    [line] = lines(log_file)
    assert (line["number"], line["error"]) == (number, "ValueError")
    assert line["trace"][-1].endswith(" work")
    assert "Иванов" not in log_file.read_text()
    assert "916" not in log_file.read_text()


def test_the_cause_of_an_error_is_explained_too(log_file: Path) -> None:
    cause = KeyError("Иванов")
    error = RuntimeError("while saving")
    error.__cause__ = cause
    logs.number_of(error)
    [line] = lines(log_file)
    assert (line["cause"], line["cause_says"]) == ("KeyError", "'…'")


def test_values_of_a_statement_that_failed_are_not_written(log_file: Path, database: Database) -> None:
    insert = text(
        "INSERT INTO users (username, name, email, roles, created_at, version)"
        " VALUES (:name, 'Иванов', 'ivan@example.com', '[]', '2026-01-01', 1)"
    )

    def twice() -> None:
        for _ in range(2):
            with database.writing() as connection:
                connection.execute(insert, {"name": "petrov"})

    with pytest.raises(IntegrityError) as caught:
        twice()
    logs.number_of(caught.value)
    logging.getLogger("library").error("it broke", exc_info=caught.value)
    written = log_file.read_text()
    assert "IntegrityError" in written
    assert "petrov" not in written
    assert "Иванов" not in written
    assert "ivan@" not in written


def test_a_sentence_for_people_is_logged_by_its_class_not_by_its_values(log_file: Path) -> None:
    logs.logger("x").warning("refused", error=Invalid("'{text}' is no phone.", text="8 916 123-45-67"))
    assert lines(log_file)[0]["error"] == "Invalid: '…' is no phone."


@pytest.mark.usefixtures("log_file")
def test_a_log_that_cannot_be_written_is_nobodys_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    logs.logger("x").info("before")
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.FileHandler)
    handler.stream.close()
    with Path("/dev/full").open("w", buffering=1) as full:
        handler.stream = full
        logs.logger("x").info("lost")
        handler.stream = None  # type: ignore[assignment]
        with suppress(OSError):
            full.close()
    assert capsys.readouterr().err == ""


def test_files_are_rotated(log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = logging.getLogger().handlers[0]
    monkeypatch.setattr(handler, "maxBytes", 2_000)
    for number in range(200):
        logs.logger("x").info("line", number_of_line=number)
    files = sorted(log_file.parent.glob("test.log*"))
    assert len(files) == logs.FILES + 1
    assert all(path.stat().st_size <= 2_000 for path in files)
