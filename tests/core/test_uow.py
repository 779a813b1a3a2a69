"""The unit of work: one user action is one transaction, for one actor, with both databases behaving alike."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from crm import customers, interactions, plans, settings
from crm.core.audit_log import AuditEntry
from crm.core.errors import AlreadyDone, Conflict, Invalid, NotFound, Refused, Unavailable
from crm.core.people import User
from crm.core.uow import as_system, unit_of_work
from crm.counters import DailyCount
from crm.customers import Customer
from crm.interactions import Interaction
from db.engine import Gate
from tests.cast import NOW, PARTS, a_call, a_customer


class Stumble(Exception):  # noqa: N818  a mistake of ours, in the middle of a unit
    """Anything that goes wrong between two changes."""


def city(cast, key):
    with cast.unit() as u:
        return customers.one(u, key).city


def entries(cast):
    with cast.unit() as u:
        return u.value(select(func.count(AuditEntry.id)))


def together(count, work):
    """Run `work(n)` in so many threads that begin at the same moment; return results and exceptions, in order."""
    barrier = threading.Barrier(count)

    def run(n):
        barrier.wait(10)
        try:
            return work(n)
        except Exception as error:  # noqa: BLE001  what came out is what the test looks at
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


# --- one transaction --------------------------------------------------------


def test_leaving_the_unit_makes_the_change_durable(cast):
    key = a_customer(cast)
    with cast.unit(cast.rep) as u:
        customers.edit(u, key, {"city": "Kazan"}, seen=1)
    assert city(cast, key) == "Kazan"


def test_an_error_inside_undoes_everything(cast):
    key = a_customer(cast)
    before = entries(cast)
    with pytest.raises(Stumble), cast.unit(cast.rep) as u:
        customers.edit(u, key, {"city": "Kazan"}, seen=1)
        interactions.log(u, key, kind="call")
        raise Stumble
    with cast.unit() as u:
        assert customers.one(u, key).city is None
        assert customers.one(u, key).interaction_count == 0
        assert u.value(select(func.count(Interaction.id))) == 0
        assert u.value(select(func.count()).select_from(DailyCount)) == 0
    assert entries(cast) == before


def test_a_refusal_undoes_what_was_done_before_it(cast):
    key = a_customer(cast)
    with pytest.raises(Refused), cast.unit(cast.leader) as u:
        customers.edit(u, key, {"city": "Kazan"}, seen=1)
        customers.edit_personal(u, key, {"name": "Zed"}, seen=2)
    assert city(cast, key) is None


def test_a_refusal_that_was_caught_does_not_save_the_refused_change(cast):
    key = a_customer(cast)
    with pytest.raises(Refused), cast.unit(cast.leader) as u:
        with pytest.raises(Refused):
            customers.edit(u, key, {"name": "Zed"}, seen=1)
        customers.edit(u, key, {"city": "Kazan"}, seen=1)
    assert city(cast, key) is None


def test_the_next_writer_is_not_held_up_by_an_error(cast):
    key = a_customer(cast)
    for _ in range(3):
        with pytest.raises(Stumble), cast.unit(cast.rep) as u:
            interactions.log(u, key, kind="call")
            raise Stumble
    a_call(cast, key)


def test_a_record_stays_readable_after_the_unit(cast):
    key = a_customer(cast, city="Omsk")
    with cast.unit(cast.rep) as u:
        shown = customers.one(u, key)
        logged = interactions.log(u, key, kind="call", note="hello")
    assert (shown.city, shown.interaction_count, logged.note) == ("Omsk", 1, "hello")


def test_a_unit_that_only_reads_takes_no_turn_to_write(cast):
    key = a_customer(cast)
    with cast.unit(cast.leader), cast.unit(cast.rep) as reader:
        customers.one(reader, key)
        a_call(cast, key)


def test_a_writer_inside_a_reader_is_seen_by_the_next_unit(cast):
    key = a_customer(cast)
    with cast.unit(cast.rep) as outer:
        assert customers.one(outer, key).interaction_count == 0
        a_call(cast, key)
    with cast.unit(cast.rep) as later:
        assert customers.one(later, key).interaction_count == 1


def test_a_writer_inside_a_writer_is_told_busy_and_loses_nothing(cast, monkeypatch):
    """On the embedded database one unit writes at a time; the inner one gives up, the outer one is saved."""
    key, second = a_customer(cast), a_customer(cast, city="Omsk")
    patient = Gate.acquire
    monkeypatch.setattr(Gate, "acquire", lambda gate, timeout=0.2: patient(gate, timeout))
    with cast.unit(cast.rep) as outer:
        customers.edit(outer, key, {"city": "Kazan"}, seen=1)
        if cast.database.is_sqlite:
            with pytest.raises(Unavailable) as busy, cast.unit(cast.rep) as inner:
                customers.edit(inner, second, {"city": "Perm"}, seen=1)
            assert busy.value.code == "D2"
        else:
            with cast.unit(cast.rep) as inner:
                customers.edit(inner, second, {"city": "Perm"}, seen=1)
    assert (city(cast, key), city(cast, second)) == ("Kazan", "Omsk" if cast.database.is_sqlite else "Perm")


def test_what_waits_for_the_commit_runs_only_after_it(cast):
    key, ran = a_customer(cast), []
    with cast.unit(cast.rep) as u:
        u.after_commit(lambda: ran.append(city(cast, key)))
        customers.edit(u, key, {"city": "Kazan"}, seen=1)
        assert ran == []
    assert ran == ["Kazan"]
    with pytest.raises(Stumble), cast.unit(cast.rep) as u:
        u.after_commit(lambda: ran.append("never"))
        raise Stumble
    assert ran == ["Kazan"]


def test_the_clock_of_a_unit_stands_still(cast):
    key = a_customer(cast)
    with cast.unit(cast.rep) as u:
        first, second = interactions.log(u, key, kind="call"), interactions.log(u, key, kind="email")
    assert first.logged_at == second.logged_at == NOW


def test_a_key_that_clashes_is_a_conflict_in_words(cast):
    with pytest.raises(Conflict) as told, cast.unit() as u, u.acting("test.clash", "users.manage"):
        u.add(User(username="rep", name="x", roles=["analyst"], created_at=NOW))
    assert "meanwhile" in str(told.value)


def test_a_mistake_in_our_sql_is_not_hidden_behind_a_sentence(cast):
    with pytest.raises(OperationalError if cast.database.is_sqlite else Exception) as told, cast.unit(cast.rep) as u:
        u.execute(text("SELECT 1 +"), raw=True)
    assert not isinstance(told.value, Unavailable)


# --- optimistic locking -----------------------------------------------------


def test_a_stale_form_is_a_conflict_and_the_first_save_stays(cast):
    key = a_customer(cast)
    with cast.unit(cast.rep) as u:
        customers.edit(u, key, {"city": "Kazan"}, seen=1)
    with pytest.raises(Conflict) as told, cast.unit(cast.leader) as u:
        customers.edit(u, key, {"city": "Omsk"}, seen=1)
    assert told.value.record.city == "Kazan"  # theirs, for the comparison
    assert city(cast, key) == "Kazan"


def test_two_units_that_write_the_same_record_at_once_do_not_overwrite_each_other(cast):
    key = a_customer(cast)

    def save(n):
        with cast.unit(cast.rep) as u:
            customers.edit(u, key, {"city": f"City {n}"}, seen=1)
        return n

    results = together(6, save)
    won = [one for one in results if isinstance(one, int)]
    assert len(won) == 1
    assert all(isinstance(one, Conflict) for one in results if not isinstance(one, int))
    assert city(cast, key) == f"City {won[0]}"


def test_a_change_between_reading_and_flushing_is_a_conflict(cast):
    """On PostgreSQL both transactions are open at once; on SQLite the second writer waits and then sees the first's version."""
    key = a_customer(cast)
    barrier = threading.Barrier(2)

    def change(n):
        with cast.unit(cast.keeper) as u, u.acting("test.change", "customers.edit"):
            customer = u.get(Customer, key)
            if not cast.database.is_sqlite:
                barrier.wait(10)
            customer.city = f"City {n}"
        return n

    results = together(2, change)
    conflicts = [one for one in results if isinstance(one, Conflict)]
    assert len(conflicts) == (0 if cast.database.is_sqlite else 1), results
    with cast.unit() as u:
        assert customers.one(u, key).version == (3 if cast.database.is_sqlite else 2)


def test_logging_a_call_does_not_disturb_an_open_form(cast):
    key = a_customer(cast)
    a_call(cast, key)
    with cast.unit(cast.rep) as u:
        assert customers.edit(u, key, {"city": "Kazan"}, seen=1).city == "Kazan"


def test_absent_records_are_not_found(cast):
    with cast.unit(cast.keeper) as u, pytest.raises(NotFound):
        u.get(Customer, 999_999)


# --- many at once -----------------------------------------------------------


def test_no_call_is_lost_when_eight_people_log_at_once(cast):
    key = a_customer(cast, "mate")
    with cast.unit(cast.leader) as u:
        plans.set_target(u, measure="calls", target=200, starts_on=NOW.date(), ends_on=NOW.date(), responsible_id=3)

    def log(_):
        done = 0
        for _ in range(15):
            with cast.unit(cast.rep) as u:
                interactions.log(u, key, kind="call", direction="out")
            done += 1
        return done

    assert together(8, log) == [15] * 8
    with cast.unit() as u:
        assert customers.one(u, key).interaction_count == 120
        assert u.value(select(func.count(Interaction.id))) == 120
        assert plans.progress(u, NOW.date())[0].done == 120


def test_readers_are_not_disturbed_by_writers(cast):
    key = a_customer(cast)

    def work(n):
        for _ in range(10):
            with cast.unit(cast.rep) as u:
                if n % 2:
                    interactions.log(u, key, kind="call")
                else:
                    one = customers.one(u, key)
                    logged = interactions.count(u)
                    if not u.database.is_sqlite:
                        continue
                    assert one.interaction_count == logged  # one snapshot
        return "done"

    assert together(6, work) == ["done"] * 6


# --- for whom ---------------------------------------------------------------


def test_a_verb_without_its_right_is_refused_before_it_begins(cast):
    with pytest.raises(Refused) as told, cast.unit(cast.analyst) as u:
        customers.create(u, {"name": ""})
    assert "role" in str(told.value)


def test_the_rights_for_buttons_are_those_of_the_door(cast):
    with cast.unit(cast.rep) as u:
        assert u.may("customers.edit")
        assert not u.may("customers.edit_personal")
        with pytest.raises(Refused):
            u.need("customers.edit_personal")


def test_system_acts_without_a_person(cast):
    with as_system(cast.database, now=NOW) as u:
        assert (u.actor.id, u.actor.is_system) == (None, True)
        settings.change(u, "company_name", "House")
    with as_system(cast.database) as u:
        assert settings.value(u, "company_name") == "House"


def test_values_that_are_wrong_are_said_at_their_field(cast):
    with pytest.raises(Invalid) as told, cast.unit(cast.rep) as u:
        interactions.log(u, a_customer(cast), kind="smoke signal")
    assert told.value.field == "kind"


def test_frames_have_their_columns_without_rows(cast):
    with cast.unit(cast.rep) as u:
        frame = u.frame(select(Customer.id, Customer.name.label("who")))
    assert list(frame.columns) == ["id", "who"]
    assert frame.empty


def test_a_second_use_of_a_key_ends_the_unit(cast):
    key = a_customer(cast)
    with unit_of_work(cast.database, cast.rep, now=NOW, key="k") as u:
        interactions.log(u, key, kind="call")
        interactions.log(u, key, kind="email")  # one unit may do several things under its key
    with pytest.raises(AlreadyDone), unit_of_work(cast.database, cast.rep, now=NOW, key="k") as u:
        interactions.log(u, key, kind="call")
    with cast.unit() as u:
        assert u.value(select(func.count(Interaction.id))) == 2
        assert PARTS["rep"].id == u.value(select(Interaction.responsible_id).limit(1))
