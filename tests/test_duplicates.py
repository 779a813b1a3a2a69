"""Duplicates of the whole base: what is planted is found, namesakes are not, decisions last, nobody sees what he may not."""

import logging
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from crm import contacts, customers, duplicates, privacy, requisites
from crm.core import clock, config, jobs
from crm.core.access import SYSTEM, RightAdjustment
from crm.core.audit_log import AuditEntry
from crm.core.errors import Conflict, NotFound, Refused
from crm.core.jobs import JobContext
from crm.duplicates import Filters, Pair, Run, Sign, State, facts, linking, model, reading, run
from crm.duplicates.records import bits, signs_in
from tests.cast import INN, NOW, PARTS, Cast, a_contact, a_customer, a_pair
from tests.core.test_jobs import wait_for

FIRST = ["Anton", "Boris", "Viktor", "Georgi", "Denis", "Egor", "Kirill", "Leonid", "Maksim", "Nikita"]
LAST = ["Abramov", "Belov", "Vinogradov", "Gusev", "Dyakonov", "Zhukov", "Zaitsev", "Kalinin", "Lebedev", "Morozov"]
CITIES = ["Kazan", "Perm", "Tula", "Omsk"]


def a_crowd(cast: Cast, count: int = 40) -> list[int]:
    """Let so many different people be there, of whom some bear the same first or last names."""
    return [
        a_customer(
            cast,
            name=f"{LAST[n % 10]} {FIRST[(n // 10 + n) % 10]}",
            city=CITIES[n % 4],
            phones=[f"+7 916 {n * 7919 % 10**7:07}"],
            emails=[f"client{n * 31}@example.com"],
            address=f"Sadovaya {n + 1}",
        )
        for n in range(count)
    ]


def look(cast: Cast, job_id: str = "a job", who=SYSTEM) -> None:
    """Look over the whole base, as the job does."""
    run.look(cast.database, who, job_id)


def queue(cast: Cast, part: str = "keeper", **filters) -> list[dict]:
    with cast.unit(getattr(cast, part)) as u:
        return duplicates.page(u, Filters(**filters))


def found(cast: Cast, part: str = "keeper", **filters) -> set[tuple[int, int]]:
    return {(row["one"]["id"], row["other"]["id"]) for row in queue(cast, part, **filters)}


def last(cast: Cast) -> Run:
    with cast.unit() as u:
        record = duplicates.last_run(u)
    assert record is not None
    return record


def scratch_files() -> list[Path]:
    return list(run.SHELF.folder().iterdir())


# --- what is compared -------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [("ООО «Ромашка»", "Romashka Ltd"), ("Иванов Иван", "Ivan Ivanov"), ("北京华信科技有限公司", "北京华信科技")],
)
def test_a_name_is_the_same_in_any_alphabet_order_and_legal_form(one, other):
    assert facts(1, one).name == facts(2, other).name


def test_a_place_is_compared_by_its_street_and_its_numbers():
    here, there = facts(1, "A", address="ул. Тверская, д. 1, кв. 5"), facts(2, "B", address="Тверская 1-5")
    assert (here.street, here.house) == (there.street, there.house) == ("tverskaia", ("1", "5"))
    assert facts(1, "A", city="г. Казань").city == facts(1, "A", city="казань").city


def test_an_office_address_leads_to_nobody_but_the_whole_address_does():
    assert {"einfo@acme.com"} == {key for key in facts(1, "A", emails=["info@acme.com"]).keys if key[0] in "el"}
    assert "livan.petrov" in facts(1, "A", emails=["ivan.petrov@acme.com"]).keys


def test_signs_are_kept_as_bits_and_come_back_the_strongest_first():
    assert signs_in(bits("city", "phone")) == (Sign.PHONE, Sign.CITY)
    assert signs_in(bits(*Sign)) == tuple(Sign)


# --- what is found ----------------------------------------------------------------


def test_planted_doubles_are_found_and_namesakes_and_families_are_not(cast):
    a_crowd(cast)
    firm = a_customer(cast, "rep", name="ООО «Ромашка»", city="Kazan", phones=["+7 843 200-10-10"], emails=[])
    again = a_customer(
        cast, "rival", name="Ромашка", city="Казань", phones=["8 843 200 10 10"], emails=["info@r.example"]
    )
    slip = a_customer(cast, name="Vinogradova Svetlana", city="Perm", phones=[], emails=["svetlana.v@example.com"])
    slipped = a_customer(cast, name="Vinogradova Svitlana", city="Perm", phones=[], emails=["svetlana.v@example.com"])
    taxed = a_customer(cast, name="Stroyinvest", city="Tula", phones=[], emails=[])
    moved = a_customer(cast, name="Stroy-Invest Plus", city="Omsk", phones=[], emails=[])
    with cast.unit() as u:
        for key in (taxed, moved):
            requisites.add(u, key, {"inn": INN})
    a_customer(cast, name="Karpova Olga", city="Perm", phones=["+7 912 000-00-01"], emails=["olga@a.example"])
    a_customer(
        cast,
        name="Karpova Olga",
        city="Perm",
        phones=["+7 912 777-55-33"],
        emails=["karpova77@b.example"],
        address="Lenina 7",
    )
    a_customer(cast, name="Karpov Sergei", city="Perm", phones=["+7 912 000-00-01"], emails=["sergei@c.example"])
    look(cast)
    assert found(cast) == {(firm, again), (slip, slipped), (taxed, moved)}
    by_pair = {(row["one"]["id"], row["other"]["id"]): row for row in queue(cast)}
    assert by_pair[firm, again]["signs"] == (Sign.PHONE, Sign.NAME, Sign.ADDRESS, Sign.CITY)
    assert by_pair[slip, slipped]["signs"][:2] == (Sign.EMAIL, Sign.NAME_NEAR)
    assert by_pair[taxed, moved]["signs"][0] == Sign.NUMBER
    assert [row["certainty"] for row in queue(cast)] == sorted((row["certainty"] for row in queue(cast)), reverse=True)


def test_contact_persons_count_and_those_who_left_do_not(cast):
    a_crowd(cast, 20)
    one, other = (
        a_customer(cast, name=name, city="Tula", phones=[], emails=[]) for name in ("Vega Trade", "Vega-Treid")
    )
    gone, stays = (
        a_customer(cast, name=name, city="Omsk", phones=[], emails=[]) for name in ("Lira Group", "Lirra Grup")
    )
    for key in (one, other, gone, stays):
        phone = "+7 495 765-43-21" if key in (one, other) else "+7 495 111-22-33"
        contact = a_contact(cast, key, phones=[phone], emails=[], birthday=date(1980, 5, 17))
        if key == gone:
            with cast.unit() as u:
                contacts.leave(u, contact, seen=1)
    look(cast)
    pairs = {(row["one"]["id"], row["other"]["id"]): row["signs"] for row in queue(cast)}
    assert {Sign.PHONE, Sign.BIRTHDAY} <= set(pairs[one, other])
    assert not {Sign.PHONE, Sign.BIRTHDAY} & set(pairs.get((gone, stays), ()))


@pytest.mark.parametrize(("one", "other"), [("School 11", "School 17"), ("School 11", "School 1"), ("SMU-77", "SMU-7")])
def test_numbers_tell_names_apart(cast, one, other):
    for name in (one, other):
        a_customer(cast, name=name, city="Perm", phones=[], emails=[])
    look(cast)
    assert found(cast) == set()


def test_a_switchboard_makes_nobody_a_double(cast):
    for n in range(linking.MOST_BEARING + 2):
        a_customer(
            cast,
            name=f"{LAST[n % 10]} {FIRST[(n * 3 + n // 10) % 10]}",
            phones=["+7 495 000-00-00"],
            emails=[],
            address="",
        )
    look(cast)
    assert found(cast) == set()


def a_word(rng: random.Random) -> str:
    return "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(5))


def test_the_same_is_found_at_any_size():
    """What two agree in says as much in a base of 60 as in one of 6,000."""
    chances = []
    for size in (60, 6_000):
        rng = random.Random(7)
        people = [
            facts(n, f"{a_word(rng)} {a_word(rng)}", phones=[f"79{rng.randrange(10**9):09}"]) for n in range(2, size)
        ]
        twins = [facts(size + n, name, phones=["79990000000"]) for n, name in enumerate(("Vega", "Vega Trade"))]
        folder = run.SHELF.folder()
        with linking.scratch(folder) as go:
            go.add(people + twins)
            (pair,) = [one for chunk in go.link() for one in chunk]
        assert (pair.customer_id, pair.other_id) == (size, size + 1)
        chances.append(pair.certainty)
    assert chances[0] == pytest.approx(chances[1], abs=0.02)
    assert chances[0] < 0.9, "what is certain anyhow proves nothing"


def test_a_large_base_estimates_the_chance_of_similar_names_itself(monkeypatch):
    monkeypatch.setattr(model, "LARGE", 100)
    monkeypatch.setattr(linking, "AT_ONCE", 150)
    people = [
        facts(n, f"{LAST[n % 10]} {FIRST[n // 10 % 10]} {n}", city=CITIES[n % 4], phones=[f"7916{n:07}"])
        for n in range(1, 400)
    ]
    told: list[float] = []
    with linking.scratch(run.SHELF.folder()) as go:
        go.add([*people, facts(400, f"{LAST[1]} {FIRST[0]} 1", city=CITIES[1], phones=["79160000001"])])
        pairs = [one for chunk in go.link(told.append) for one in chunk]
    assert (1, 400) in {(one.customer_id, one.other_id) for one in pairs}
    assert told == [pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0], "several goes, each tells how far it is"


def test_two_customers_and_none_are_no_trouble(cast):
    look(cast, "empty")
    a_customer(cast)
    look(cast, "one")
    assert (last(cast).state, last(cast).customer_count, found(cast)) == (State.FINISHED, 1, set())


# --- what lasts ---------------------------------------------------------------------


def test_not_the_same_is_remembered_for_good_and_can_be_taken_back(cast):
    a_crowd(cast, 20)
    pair = tuple(a_customer(cast, name=name, phones=["+7 843 200-10-10"]) for name in ("Vega Trade", "Vega Treid"))
    look(cast)
    (row,) = queue(cast)
    with cast.unit(cast.keeper) as u:
        duplicates.part(u, row["id"])
    look(cast, "once more")
    assert (found(cast), found(cast, parted=True)) == (set(), {pair})
    (decided,) = queue(cast, parted=True)
    assert (decided["parted_by_id"], decided["parted_at"]) == (PARTS["keeper"].id, NOW)
    with cast.unit() as u:
        verbs = list(
            u.all(
                select(AuditEntry.verb).where(AuditEntry.record == "duplicate_pairs", AuditEntry.actor_id.is_not(None))
            )
        )
    assert verbs == ["duplicates.part"]
    with cast.unit(cast.keeper) as u:
        duplicates.unpart(u, row["id"])
    assert found(cast) == {pair}


def test_pairs_whose_customers_changed_or_went_away_are_refreshed_or_let_go(cast):
    a_crowd(cast, 20)
    keys = [
        a_customer(cast, name=f"Vega Tra{end}", phones=["+7 843 200-10-10"], emails=[]) for end in ("de", "da", "do")
    ]
    other = [a_customer(cast, name=f"Lirra Gru{end}", phones=["+7 843 300-30-30"], emails=[]) for end in ("p", "pp")]
    look(cast)
    assert len(found(cast)) == 4
    with cast.unit() as u:
        customers.archive(u, keys[2], seen=1)
        customers.edit_personal(u, other[0], {"name": "Something Quite Else", "phones": ["+7 999 111-11-11"]}, seen=1)
    assert found(cast) == {(keys[0], keys[1]), tuple(other)}, "who lies in the bin is no double"
    assert {row["changed"] for row in queue(cast) if row["one"]["id"] == other[0]} == {True}
    with clock.stopped(NOW + timedelta(hours=1)):
        look(cast, "once more")
    assert found(cast) == {(keys[0], keys[1])}


def test_an_erased_customer_leaves_the_queue_and_what_was_decided(cast):
    one, other, third = a_customer(cast), a_customer(cast), a_customer(cast)
    a_pair(cast, one, other)
    second = a_pair(cast, other, third)
    with cast.unit() as u:
        duplicates.part(u, second)
        privacy.erase(u, other, "asked")
    with cast.unit() as u:
        assert u.all(select(Pair.id)) == []


# --- the job ------------------------------------------------------------------------


def test_there_is_one_look_at_a_time_and_everybody_with_the_right_can_stop_it(cast):
    with cast.unit(cast.keeper) as u:
        asked = duplicates.look_now(u)
    with cast.unit() as u, pytest.raises(Conflict, match="under way"):
        duplicates.look_now(u)
    with cast.unit() as u:
        assert duplicates.step(u, asked).waits
        duplicates.stop(u, asked.id)
    look(cast, asked.job_id)
    assert last(cast).state == State.STOPPED, "a stopped one does not begin"
    with cast.unit(cast.keeper) as u:
        assert duplicates.look_now(u).state == State.WAITING
    for part in ("rep", "leader", "service", "admin", "analyst"):
        for asks in (duplicates.look_now, duplicates.last_run, duplicates.page, duplicates.count):
            with cast.unit(getattr(cast, part)) as u, pytest.raises(Refused):
                asks(u)


def test_a_stopped_look_ends_what_it_computes_and_leaves_the_last_result(cast, monkeypatch):
    keys = [a_customer(cast, name=f"Vega Tra{end}", phones=["+7 843 200-10-10"], emails=[]) for end in ("de", "da")]
    look(cast)
    monkeypatch.setattr(run, "LOOK_SECONDS", 0.05)
    slow = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3"
    begun = threading.Event()

    def compute(self: linking.Linking, *_args: object):
        begun.set()
        self._run(slow)
        yield []

    monkeypatch.setattr(linking.Linking, "link", compute)
    thread = threading.Thread(target=look, args=(cast, "slow"), daemon=True)
    thread.start()
    assert begun.wait(20)
    with cast.unit(cast.keeper) as u:
        duplicates.stop(u, last(cast).id)
    thread.join(20)
    assert not thread.is_alive()
    assert (last(cast).state, found(cast)) == (State.STOPPED, {tuple(keys)})
    assert scratch_files() == []


def test_a_look_that_fails_says_so_and_the_next_one_begins_anew(cast, monkeypatch):
    a_customer(cast)
    monkeypatch.setattr(linking.Linking, "add", lambda *_: 1 / 0)
    context = JobContext(cast.database, "broken", SYSTEM)
    with pytest.raises(ZeroDivisionError):
        run.look_job(context)
    problem = duplicates.problem_of(last(cast))
    assert (last(cast).state, "broke on our side" in str(problem)) == (State.FAILED, True)
    assert scratch_files() == []
    monkeypatch.undo()
    look(cast, "another")
    assert last(cast).state == State.FINISHED


def test_whoever_lost_the_right_meanwhile_sees_the_look_end(cast):
    a_customer(cast)
    with cast.unit(cast.keeper) as u:
        asked = duplicates.look_now(u)
    with cast.database.writing() as connection:
        row = {"role": "record_keeper", "right": duplicates.RIGHT, "scope": None, "version": 1}
        connection.execute(insert(RightAdjustment.__table__), [row])
    with pytest.raises(Refused):
        run.look_job(JobContext(cast.database, asked.job_id, cast.keeper))
    assert last(cast).state == State.FAILED


@contextmanager
def a_worker() -> Iterator[subprocess.Popen[bytes]]:
    """The real worker process on this test's database; ended at the end."""
    process = subprocess.Popen([sys.executable, "-m", "crm", "worker"], cwd=config.ROOT, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def test_a_killed_look_begins_again_and_is_done_once(cast):
    a_crowd(cast, 20)
    pair = tuple(a_customer(cast, name=f"Vega Tra{end}", phones=["+7 843 200-10-10"]) for end in ("de", "da"))
    with cast.unit(cast.keeper) as u:
        asked = duplicates.look_now(u)
    left = run.SHELF.folder() / "left by a killed one"
    left.mkdir()
    (left / "spill").write_text("+7 916", encoding="utf-8")
    with a_worker() as first:
        wait_for(lambda: last(cast).state != State.WAITING)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert last(cast).state == State.RUNNING
    with a_worker():
        wait_for(lambda: last(cast).state == State.FINISHED)
    assert (last(cast).id, last(cast).state, found(cast)) == (asked.id, State.FINISHED, {pair})
    assert scratch_files() == []


def test_what_does_not_fit_into_memory_is_put_aside_encrypted_and_gone_in_the_end(monkeypatch):
    folder, seen = run.SHELF.folder(), []
    monkeypatch.setattr(linking, "THREADS", 1)
    with linking.scratch(folder, memory="30MB") as go:
        go._run("CREATE TABLE much AS SELECT range AS n, 'somebody''s secret ' || range AS name FROM range(2000000)")
        seen = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert sum(map(len, seen)) > 1_000_000
    assert not any(b"secret" in one for one in seen)
    assert scratch_files() == []


def test_nothing_personal_is_logged(cast, caplog, capfd):
    a_crowd(cast, 20)
    for end in ("de", "da"):
        a_customer(cast, name=f"Vega Tra{end}", phones=["+7 843 200-10-10"])
    with caplog.at_level(logging.DEBUG):
        look(cast)
    said = caplog.text + "".join(capfd.readouterr())
    assert found(cast)
    for word in ("vega", "8432001010", "abramov"):
        assert word not in said.lower()


def test_the_heavy_libraries_come_with_the_job_only():
    code = "import sys, crm.core.records as r; r.load(); print({'splink', 'duckdb', 'sqlglot'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_calendar_starts_it_every_week(cast):
    one = jobs.JOBS["duplicates.look"]
    assert (one.queue, one.cron) == (jobs.BULK, "23 2 * * 6")
    a_customer(cast)
    run.look_job(JobContext(cast.database, "by the calendar", SYSTEM))
    assert (last(cast).asked_by_id, last(cast).state) == (None, State.FINISHED)


def test_the_base_is_read_in_pages(cast, monkeypatch):
    monkeypatch.setattr(reading, "PAGE", 3)
    keys = [a_customer(cast, phones=[f"+7 916 000-00-0{n}"]) for n in range(7)]
    with cast.unit() as u:
        customers.archive(u, keys[4], seen=1)
    pages = list(reading.pages(lambda: cast.unit(cast.keeper)))
    assert [[one.id for one in page] for page in pages] == [keys[:3], [keys[3], *keys[5:]]]
    assert pages[0][1].phones == ("79160000001",)


# --- the queue ----------------------------------------------------------------------


def test_the_queue_is_narrowed_by_certainty_sign_and_responsible(cast):
    keys = [a_customer(cast, of) for of in ("rep", "mate", "rival", None)]
    sure = a_pair(cast, keys[0], keys[1], 0.99, ("phone", "name"))
    likely = a_pair(cast, keys[1], keys[2], 0.85, ("email",))
    possible = a_pair(cast, keys[2], keys[3], 0.6, ("name",))

    def ids(**filters) -> list[int]:
        return [row["id"] for row in queue(cast, **filters)]

    assert ids() == [sure, likely, possible]
    assert [ids(band=code) for code in duplicates.BANDS] == [[sure], [likely], [possible]]
    assert (ids(sign="name"), ids(sign="email"), ids(sign="city")) == ([sure, possible], [likely], [])
    assert ids(responsible_id=PARTS["mate"].id) == [sure, likely]
    assert ids(band="nonsense", sign="nonsense") == [sure, likely, possible]
    with cast.unit(cast.keeper) as u:
        assert (duplicates.count(u), duplicates.count(u, Filters(sign="name"))) == (3, 2)


def test_the_queue_comes_in_pages(cast, monkeypatch):
    keys = [a_customer(cast) for _ in range(6)]
    pairs = [a_pair(cast, keys[0], key, 0.6 + n / 20) for n, key in enumerate(keys[1:])]
    monkeypatch.setattr(duplicates.queue, "SIZE", 2)
    with cast.unit(cast.keeper) as u:
        pages = [[row["id"] for row in duplicates.page(u, number=n)] for n in (1, 2, 3, 4)]
    assert pages == [pairs[:2:-1], pairs[2:0:-1], pairs[:1], []]


def lead(cast: Cast, scope: str = "team") -> None:
    """Give sales managers the right for their teams."""
    row = {"role": "sales_manager", "right": duplicates.RIGHT, "scope": scope, "version": 1}
    with cast.database.writing() as connection:
        connection.execute(insert(RightAdjustment.__table__), [row])


def test_a_reader_sees_only_pairs_of_which_he_may_see_both(cast):
    lead(cast)
    mine, mates, rivals, theirs = (a_customer(cast, of) for of in ("rep", "mate", "rival", "rival"))
    inside, across, outside = a_pair(cast, mine, mates), a_pair(cast, mates, rivals), a_pair(cast, rivals, theirs)
    assert found(cast, "leader") == {(mine, mates)}
    assert found(cast, "rival_leader") == {(rivals, theirs)}
    assert len(found(cast, "head")) == len(found(cast, "keeper")) == 3
    with cast.unit(cast.leader) as u:
        assert duplicates.count(u) == 1
        assert set(u.all(select(Pair.id))) == {inside}
        assert u.value(select(Pair.certainty).where(Pair.other_id == rivals)) is None
    for pair in (across, outside):
        for decide in (duplicates.part, duplicates.unpart):
            with cast.unit(cast.leader) as u, pytest.raises(NotFound):
                decide(u, pair)
    with cast.unit(cast.leader) as u:
        duplicates.part(u, inside)
    assert found(cast, "leader", parted=True) == {(mine, mates)}


def test_who_sees_both_and_reaches_one_decides_nothing(cast):
    lead(cast, "own")
    mine, mates = a_customer(cast, "leader"), a_customer(cast, "mate")
    pair = a_pair(cast, mine, mates)
    (row,) = queue(cast, "leader")
    assert not row["decidable"]
    with pytest.raises(Refused), cast.unit(cast.leader) as u:
        duplicates.part(u, pair)


def test_what_a_reader_may_not_see_in_full_stands_there_masked(cast):
    row = {"role": "marketer", "right": duplicates.RIGHT, "scope": "all", "version": 1}
    with cast.database.writing() as connection:
        connection.execute(insert(RightAdjustment.__table__), [row])
    a_pair(cast, a_customer(cast), a_customer(cast, "rival"))
    (seen,) = queue(cast, "marketer")
    (full,) = queue(cast, "keeper")
    assert (seen["one"]["in_full"], full["one"]["in_full"]) == (False, True)
    assert seen["one"]["phones"] != full["one"]["phones"] == ["+7 916 123-45-67"]
    assert "123-45" not in str(seen)


def test_a_look_of_somebody_with_a_narrow_right_shows_him_nothing_more(cast):
    lead(cast)
    pair = tuple(a_customer(cast, "rival", name=f"Vega Tra{end}", phones=["+7 843 200-10-10"]) for end in ("de", "da"))
    with cast.unit(cast.leader) as u:
        asked = duplicates.look_now(u)
    look(cast, asked.job_id, cast.leader)
    assert (found(cast, "leader"), found(cast)) == (set(), {pair})
