"""Documents: kept whole, given back byte for byte to whoever may have them, gone with the customer, on both databases."""

import os
import signal
import subprocess
import sys
import textwrap
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from crm import backups, documents, health, merges, privacy, rights, settings, upkeep
from crm.core import config
from crm.core.audit_log import HIDDEN, AuditEntry
from crm.core.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from crm.documents import MANAGE, TAKE, VIEW, Document
from crm.health import Level
from crm.invariants import invariants
from db.backup import Kind
from tests.cast import NOW, Cast, a_binned_document, a_customer, a_document
from tests.test_backups import alone

PAPER = bytes(range(256)) * 40


def listed(cast: Cast, key: int, by: str = "keeper", **how) -> list[str]:
    with cast.unit(getattr(cast, by)) as u:
        return [row["name"] for row in documents.page(u, key, **how)]


def opened(cast: Cast, key: int, by: str = "keeper") -> bytes:
    """Open a version as the route does."""
    with cast.unit(getattr(cast, by)) as u:
        path = documents.whole(u, key)
        documents.take(u, key)
    return path.read_bytes()


def renewed(
    cast: Cast, key: int, content: bytes, *, seen: int = 1, name: str = "Contract.pdf", by: str = "keeper"
) -> int:
    who = getattr(cast, by)
    with cast.unit(who) as u:
        received = documents.receive(u, [(name, content)])
    with cast.unit(who) as u:
        return documents.renew(u, key, received[0], seen=seen).id


def on_disk() -> set[str]:
    return {path.name for path in config.config().attachments_dir.iterdir()}


def named_by_rows(cast: Cast) -> set[str]:
    with cast.unit() as u:
        return set(u.all(select(Document.stored_as)))


def entries(cast: Cast, verb: str) -> list[AuditEntry]:
    with cast.unit() as u:
        return list(u.all(select(AuditEntry).where(AuditEntry.verb == verb).order_by(AuditEntry.id)))


# --- kept whole ---------------------------------------------------------------


def test_what_was_uploaded_is_given_back_byte_for_byte_and_noted(cast):
    key = a_customer(cast)
    one = a_document(cast, key, PAPER, by="rep", note="Signed")
    assert opened(cast, one, "rep") == PAPER
    with cast.unit(cast.rep) as u:
        (row,) = documents.page(u, key)
    assert (row["kind"], row["note"], row["size"], row["number"]) == ("contract", "Signed", len(PAPER), 1)
    assert (row["added_at"], row["added_by_id"]) == (NOW, cast.rep.user_id)
    (taken,) = entries(cast, "documents.take")
    assert (taken.record, taken.record_id, taken.actor_id) == ("documents", one, cast.rep.user_id)
    told = {(each.record, key) for each in entries(cast, "documents.add") for key in each.changes}
    assert {("documents", "kind"), ("documents", "name"), ("customers", "document")} <= told
    named = next(each.changes["name"] for each in entries(cast, "documents.add") if each.record == "documents")
    assert named == [None, HIDDEN], "a file is often called after a person"


def test_the_file_is_for_this_system_user_only_and_no_name_of_people_stands_on_the_disk(cast):
    a_document(cast, a_customer(cast), name="Ivanov.pdf")
    (path,) = config.config().attachments_dir.iterdir()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert "Ivanov" not in path.name


def test_a_file_that_is_not_what_was_uploaded_is_not_given_out_and_nothing_says_it_was(cast):
    key = a_document(cast, a_customer(cast), PAPER)
    (path,) = config.config().attachments_dir.iterdir()
    for spoil in (lambda: path.write_bytes(PAPER[:-1] + b"x"), lambda: path.write_bytes(PAPER[:-1]), path.unlink):
        spoil()
        with pytest.raises(Unavailable, match="damaged or no longer there"):
            opened(cast, key)
    assert entries(cast, "documents.take") == []


KILLED = """
    import os, signal
    from crm import documents
    from crm.core import clock, config, records
    from crm.core.access import Identity
    from crm.core.uow import unit_of_work
    records.load()

    def die(*_): os.kill(os.getpid(), signal.SIGKILL)

    {before}
    with unit_of_work(config.database(), Identity(2)) as u:
        received = documents.receive(u, [("Contract.pdf", b"x" * 100_000)])
    with unit_of_work(config.database(), Identity(2)) as u:
        documents.add(u, {customer}, received[0], kind="contract")
        {inside}
"""


@pytest.mark.parametrize(
    ("before", "inside"),
    [
        ("os.fsync = die", "pass"),  # written, not yet on the disk
        ("import pathlib; pathlib.Path.rename = die", "pass"),
        ("pass", "die()"),  # the file is there, the row is not committed
    ],
)
def test_a_killed_server_leaves_no_half_file_and_no_row_without_one(cast, before, inside):
    key = a_customer(cast)
    cast.database.close()
    program = textwrap.dedent(KILLED).format(before=before, inside=inside, customer=key)
    ended = subprocess.run([sys.executable, "-c", program], cwd=config.ROOT, check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert listed(cast, key) == []
    assert named_by_rows(cast) == set()
    for path in config.config().attachments_dir.iterdir():
        assert path.suffix == ".part" or path.stat().st_size == 100_000
    assert len(on_disk()) == 1
    aged(cast)
    assert upkeep._orphans(cast.database) == 1
    assert on_disk() == set()


def test_a_full_disk_is_said_and_leaves_nothing_behind(cast, monkeypatch):
    key = a_customer(cast)

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="perhaps the disk is full"):
        a_document(cast, key)
    assert on_disk() == named_by_rows(cast) == set()


def aged(cast: Cast, by: timedelta = timedelta(days=1, minutes=1)) -> None:
    """Let every file be older than it is, by the clock that stands still."""
    at = (cast.now - by).timestamp()
    for path in config.config().attachments_dir.iterdir():
        os.utime(path, (at, at))


def test_a_file_that_no_row_names_goes_after_a_day_and_every_other_stays(cast):
    key = a_document(cast, a_customer(cast), PAPER)
    binned = a_binned_document(cast, a_customer(cast))
    with cast.unit(cast.keeper) as u:
        documents.receive(u, [("Given up.pdf", b"x")])
    aged(cast, timedelta(hours=23))
    assert upkeep._orphans(cast.database) == 0
    assert len(on_disk()) == 3
    aged(cast)
    assert upkeep._orphans(cast.database) == 1
    assert on_disk() == named_by_rows(cast)
    assert opened(cast, key) == PAPER
    assert opened(cast, binned)


def test_the_doctor_tells_of_files_that_are_gone_and_the_system_page_how_much_room_they_take(cast):
    a_document(cast, a_customer(cast), PAPER)
    a_document(cast, a_customer(cast), PAPER)

    def looked() -> health.Check:
        return next(one for one in health.doctor(cast.database) if one.code == "files")

    assert looked().level is Level.GOOD
    next(config.config().attachments_dir.iterdir()).write_bytes(b"short")
    assert (looked().level, looked().values) == (Level.BAD, {"missing": 1})
    with cast.unit(cast.admin) as u:
        seen = health.overview(u)
    assert (seen.documents, seen.document_bytes) == (2, 2 * len(PAPER))


# --- what is taken ------------------------------------------------------------


def test_too_large_empty_too_many_and_none_are_refused_before_anything_is_stored(cast):
    key = a_customer(cast)
    with cast.unit(cast.admin) as u:
        settings.change(u, "document_megabytes", "1")
    assert a_document(cast, key, b"x" * (1 << 20), by="keeper")
    stored = on_disk()
    for files, said in (
        ([("a.pdf", b"x" * ((1 << 20) + 1))], "larger than 1 MB"),
        ([("a.pdf", b"x"), ("b.pdf", b"")], "'b.pdf' is empty"),
        ([(f"{n}.pdf", b"x") for n in range(21)], "At most 20 files"),
        ([], "choose a file"),
    ):
        with pytest.raises(Invalid, match=said) as refused, cast.unit(cast.keeper) as u:
            documents.receive(u, files)
        assert refused.value.field == "file"
    assert on_disk() == stored


@pytest.mark.parametrize("value", ["0", "101", "25.5", "", "x", "-1"])
def test_the_limit_is_a_number_that_the_server_can_take(cast, value):
    with pytest.raises(Invalid), cast.unit(cast.admin) as u:
        settings.change(u, "document_megabytes", value)


def test_a_document_is_of_a_kind_and_its_note_fits(cast):
    key = a_customer(cast)
    for facts, field in (({"kind": "poem"}, "kind"), ({"kind": None}, "kind"), ({"note": "x" * 501}, "note")):
        with pytest.raises(Invalid) as refused:
            a_document(cast, key, **facts)  # type: ignore[arg-type]  # None is what an empty form says
        assert refused.value.field == field
    assert listed(cast, key) == []


# --- versions -----------------------------------------------------------------


def test_a_new_version_takes_the_place_of_the_one_before_which_stays(cast):
    key = a_customer(cast)
    first = a_document(cast, key, b"one", note="Draft")
    second = renewed(cast, first, b"two", name="Contract 2.pdf")
    third = renewed(cast, second, b"three")
    assert listed(cast, key) == ["Contract.pdf"]
    for asked in (first, second, third):
        with cast.unit(cast.keeper) as u:
            chain = documents.chain(u, asked)
        assert [(row["id"], row["number"], row["kind"]) for row in chain] == [
            (third, 3, "contract"), (second, 2, "contract"), (first, 1, "contract"),
        ]  # fmt: skip
    assert [opened(cast, one) for one in (first, second, third)] == [b"one", b"two", b"three"]
    with cast.database.reader.connect() as connection:
        assert invariants(connection) == []


def test_of_two_who_add_a_version_at_once_the_second_is_told(cast):
    key = a_customer(cast)
    first = a_document(cast, key)

    def attempt(n: int) -> str:
        try:
            renewed(cast, first, b"%d" % n)
        except Conflict:
            return "told"
        return "done"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(attempt, range(4))) == ["done", "told", "told", "told"]
    with cast.unit(cast.keeper) as u:
        assert [row["number"] for row in documents.chain(u, first)] == [2, 1]


def test_what_was_changed_or_replaced_meanwhile_is_not_changed_again(cast):
    first = a_document(cast, a_customer(cast))
    with cast.unit(cast.keeper) as u:
        documents.change(u, first, kind="offer", note="", seen=1)
    for late in (
        lambda u: documents.change(u, first, kind="other", note="", seen=1),
        lambda u: documents.archive(u, first, seen=1),
    ):
        with pytest.raises(Conflict), cast.unit(cast.keeper) as u:
            late(u)
    renewed(cast, first, b"two", seen=2)
    with pytest.raises(Conflict), cast.unit(cast.keeper) as u:
        documents.archive(u, first, seen=3)


# --- the bin ------------------------------------------------------------------


def test_the_bin_takes_a_document_with_its_versions_and_gives_it_back(cast):
    key = a_customer(cast)
    second = renewed(cast, a_document(cast, key, b"one"), b"two")
    with cast.unit(cast.keeper) as u:
        documents.archive(u, second, seen=1)
    assert (listed(cast, key), listed(cast, key, binned=True)) == ([], ["Contract.pdf"])
    with pytest.raises(NotFound):
        renewed(cast, second, b"three", seen=2)
    assert opened(cast, second) == b"two"
    with cast.unit(cast.keeper) as u:
        documents.restore(u, second)
        assert documents.counts(u, key).here == {"contract": 1}
    assert (listed(cast, key), listed(cast, key, binned=True)) == (["Contract.pdf"], [])


def test_only_what_lies_in_the_bin_is_deleted_for_good_and_then_every_version_and_byte_is_gone(cast):
    key = a_customer(cast)
    first, other = a_document(cast, key, b"one"), a_document(cast, key, b"other", name="Other.pdf")
    second = renewed(cast, first, b"two")
    with pytest.raises(Conflict), cast.unit(cast.keeper) as u:
        documents.erase(u, second)
    with cast.unit(cast.keeper) as u:
        documents.archive(u, second, seen=1)
    with pytest.raises(Refused), cast.unit(cast.rep) as u:
        documents.erase(u, second)
    with cast.unit(cast.keeper) as u:
        documents.erase(u, second)
    assert listed(cast, key, binned=True) == []
    assert on_disk() == named_by_rows(cast)
    assert opened(cast, other) == b"other"
    for gone in (first, second):
        with pytest.raises(NotFound):
            opened(cast, gone)


def test_an_erasure_that_fails_keeps_the_bytes(cast):
    binned = a_binned_document(cast, a_customer(cast))
    before = on_disk()
    with pytest.raises(RuntimeError), cast.unit(cast.keeper) as u:
        documents.erase(u, binned)
        raise RuntimeError
    assert on_disk() == before
    assert opened(cast, binned)


def test_lists_are_paged_and_narrowed_in_the_database(cast):
    key = a_customer(cast)
    for n in range(5):
        a_document(cast, key, name=f"{n}.pdf", kind="offer" if n % 2 else "invoice")
    a_binned_document(cast, key)
    assert listed(cast, key, size=2) == ["4.pdf", "3.pdf"]
    assert listed(cast, key, size=2, number=3) == ["0.pdf"]
    assert listed(cast, key, kind="offer") == ["3.pdf", "1.pdf"]
    with cast.unit(cast.keeper) as u:
        counted = documents.counts(u, key)
    assert (counted.here, counted.binned) == ({"offer": 2, "invoice": 3}, {"contract": 1})
    assert (counted.of(None, binned=False), counted.of("offer", binned=False), counted.of(None, binned=True)) == (
        5,
        2,
        1,
    )


# --- who ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "sees", "manages"),
    [
        ("keeper", True, True), ("rep", True, True), ("mate", True, False), ("leader", True, True), ("head", True, True),
        ("service", True, True), ("executive", True, False), ("rival", False, False), ("rival_leader", False, False),
        ("stranger", False, False), ("partner", False, False), ("admin", False, False), ("marketer", False, False),
        ("analyst", False, False), ("product", False, False),
    ],
)  # fmt: skip
def test_who_sees_and_who_manages_the_documents_of_a_reps_customer(cast, part, sees, manages):
    key = a_customer(cast, "rep", partner=True)
    one, who = a_document(cast, key, PAPER), getattr(cast, part)
    assert listed(cast, key, part) == (["Contract.pdf"] if sees else [])
    if sees:
        assert opened(cast, one, part) == PAPER
    else:
        with pytest.raises((NotFound, Refused)):
            opened(cast, one, part)
        with pytest.raises(NotFound), cast.unit(who) as u:
            documents.chain(u, one)
    with cast.unit(who) as u:
        found = u.actor.may(MANAGE)
    try:
        with cast.unit(who) as u:
            documents.archive(u, one, seen=1)
        done = True
    except (Refused, NotFound):
        done = False
    assert done is manages
    assert found or not manages


def test_a_partner_who_is_given_the_right_opens_the_documents_of_that_partners_customers_and_no_others(cast):
    own, others = a_customer(cast, "rep", partner=True), a_customer(cast, "rep")
    mine, hidden = a_document(cast, own, PAPER), a_document(cast, others, PAPER)
    with cast.unit(cast.admin) as u:
        for right in (VIEW, TAKE):
            rights.adjust(u, "partner", right, "partner")
    assert opened(cast, mine, "partner") == PAPER
    assert listed(cast, others, "partner") == []
    with pytest.raises(NotFound):
        opened(cast, hidden, "partner")


def test_who_may_see_and_not_open_reads_the_list_and_gets_no_byte(cast):
    key = a_customer(cast, "rep")
    one = a_document(cast, key)
    with cast.unit(cast.admin) as u:
        rights.adjust(u, "analyst", VIEW, "all")
    assert listed(cast, key, "analyst") == ["Contract.pdf"]
    with pytest.raises(Refused):
        opened(cast, one, "analyst")


# --- merging, taking out, erasing, copies ---------------------------------------


def test_a_merge_takes_documents_along_and_undoing_it_brings_them_back(cast):
    one, other = a_customer(cast, name="One"), a_customer(cast, name="Other")
    a_document(cast, one, b"mine", name="Mine.pdf")
    first = a_document(cast, other, b"one", name="Theirs.pdf")
    second = renewed(cast, first, b"two", name="Theirs.pdf")
    a_binned_document(cast, other)
    with cast.unit(cast.keeper) as u:
        merge = merges.merge(u, one, other).id
    assert listed(cast, one) == ["Theirs.pdf", "Mine.pdf"]
    assert listed(cast, one, binned=True) == ["Old.pdf"]
    third = renewed(cast, second, b"three", name="Theirs.pdf")
    with cast.unit(cast.keeper) as u:
        merges.undo(u, merge)
    with cast.database.reader.connect() as connection:
        assert invariants(connection) == []
    assert listed(cast, one) == ["Mine.pdf"]
    assert listed(cast, other) == ["Theirs.pdf"]
    assert opened(cast, third) == b"three"


def test_a_document_is_not_added_to_a_card_that_was_merged_away(cast):
    one, other = a_customer(cast, name="One"), a_customer(cast, name="Other")
    with cast.unit(cast.keeper) as u:
        merges.merge(u, one, other)
    with pytest.raises(Conflict):
        a_document(cast, other)


def test_a_persons_file_holds_every_version_and_the_list_of_them(cast):
    key, other = a_customer(cast), a_customer(cast)
    first = a_document(cast, key, b"one", name="Contract.pdf")
    renewed(cast, first, b"two", name="Contract.pdf")
    a_binned_document(cast, key)
    a_document(cast, other, b"not his", name="Foreign.pdf")
    with cast.unit(cast.keeper) as u:
        record = privacy.export_person(u, key)
    with zipfile.ZipFile(record.path) as file:
        inside = {name.rpartition("/")[2]: [] for name in file.namelist()}
        for name in file.namelist():
            inside[name.rpartition("/")[2]].append(file.read(name))
        assert b"Foreign.pdf" not in file.read("data.json")
    assert sorted(inside["Contract.pdf"]) == [b"one", b"two"]
    assert set(inside) == {"data.xlsx", "data.json", "Contract.pdf", "Old.pdf"}


def test_a_persons_file_is_written_though_the_disk_lost_a_document(cast):
    key = a_customer(cast)
    a_document(cast, key)
    next(config.config().attachments_dir.iterdir()).unlink()
    with cast.unit(cast.keeper) as u:
        record = privacy.export_person(u, key)
    with zipfile.ZipFile(record.path) as file:
        assert "Contract.pdf" in file.read("data.json").decode()


def test_erasing_a_customer_removes_every_version_and_its_bytes_and_nobody_elses(cast):
    key, other = a_customer(cast), a_customer(cast)
    renewed(cast, a_document(cast, key, PAPER), b"two")
    a_binned_document(cast, key)
    same = a_document(cast, other, PAPER)
    with cast.unit(cast.keeper) as u:
        privacy.erase(u, key, "asked", privacy.look_through(u, key))
    assert on_disk() == named_by_rows(cast)
    assert len(on_disk()) == 1
    assert opened(cast, same) == PAPER, "who has the same paper keeps it"


def test_a_copy_holds_the_documents_and_brings_them_back(cast):
    home = config.config()
    key = a_customer(cast)
    one = renewed(cast, a_document(cast, key, PAPER), b"two")
    (home.attachments_dir / f"{'0' * 32}.part").write_bytes(b"half")
    copy = backups.copy_now(home, cast.database, Kind.MANUAL)
    assert not [name for name in copy.files if name.endswith(".part")]
    with cast.unit(cast.keeper) as u:
        privacy.erase(u, key, "asked", privacy.look_through(u, key))
    assert named_by_rows(cast) == set()
    with alone(cast):
        backups.bring_back(home, config.database(), copy.name)
    assert listed(cast, key) == ["Contract.pdf"]
    assert opened(cast, one) == b"two"
    assert on_disk() == named_by_rows(cast)


def test_a_copy_is_made_though_a_document_goes_at_that_very_moment(cast, monkeypatch):
    home = config.config()
    a_document(cast, a_customer(cast), b"stays")
    leaving = documents._SHELF.store(b"goes")
    is_file = Path.is_file

    def and_gone(path: Path) -> bool:
        there = is_file(path)
        if path.name == leaving and path.parent == home.attachments_dir:
            path.unlink(missing_ok=True)
        return there

    monkeypatch.setattr(Path, "is_file", and_gone)
    copy = backups.copy_now(home, cast.database, Kind.MANUAL)
    assert [name for name in copy.files if name.startswith("attachments/")] == [
        f"attachments/{token}" for token in sorted(named_by_rows(cast))
    ]
