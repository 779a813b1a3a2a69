"""Undoing an import: the database is as it was, but for what somebody did since, which stays and is told."""

import csv
import io
import signal
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from crm import contacts, customers, imports, requisites, stages, tags
from crm.core import clock
from crm.core.config import ROOT
from crm.core.errors import Conflict, Refused
from crm.core.grants import Role
from crm.core.jobs import JobContext
from crm.customers import Customer, StageChange
from crm.imports import Import, ImportChange, State, run, undo
from crm.notifications import Notification
from db.base import Base
from tests.cast import PARTS, Cast, a_call, a_customer, a_type, is_measured
from tests.test_imports import counts, grant, names, ran, record_of, staged, stored

LEFT_OUT = {
    "audit_entries", "imports", "import_rows", "import_changes", "notices", "command_keys", "job_progress", "stage_changes",
}  # fmt: skip
"""What an import and its undo leave traces in: the log, steps there and back, the imports themselves and the bell."""


def everything(cast: Cast) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table but those of LEFT_OUT, without the versions that each change raises."""
    found = {}
    with cast.database.reader.connect() as connection:
        for table in Base.metadata.sorted_tables:
            if table.name not in LEFT_OUT:
                rows = connection.execute(select(table).order_by(*table.primary_key.columns)).mappings()
                found[table.name] = [{key: one[key] for key in one if key != "version"} for one in rows]
    return found


def undone(cast: Cast, import_id: int, *, by: str = "keeper") -> Import:
    """Undo an import in this process, as its job would."""
    with cast.unit(getattr(cast, by)) as u:
        imports.take_all_back(u, import_id)
    undo.undo_all(cast.database, getattr(cast, by), import_id)
    return record_of(cast, import_id)


def kept(cast: Cast, import_id: int) -> list[tuple[int, list[str]]]:
    with cast.unit(cast.keeper) as u:
        return [(key, stays) for key, _, stays in imports.left_as_they_are(u, import_id)]


RICH = "name,external number,phone,email,city,tags,ИНН,КПП,contact person,contact person phone,contact person email,responsible,Shoe\n"
COLUMNS = {
    "name": "name", "external number": "external_number", "phone": "phones", "email": "emails", "city": "city",
    "tags": "tags", "ИНН": "inn", "КПП": "kpp", "contact person": "contact_name",
    "contact person phone": "contact_phones", "contact person email": "contact_emails", "responsible": "responsible",
}  # fmt: skip
PLAN = {"columns": COLUMNS, "on_match": "update", "keep_own_fields": True}


def rich_customer(cast: Cast, number: str = "17", **raw: Any) -> int:
    """Add a customer with something of everything that an import can change."""
    key = a_customer(cast, external_number=number, city="Bonn", phones=["8 916 000-00-01"], emails=["a@b.ru"], **raw)
    with cast.unit(cast.keeper) as u:
        contacts.add(u, key, {"name": "Petra", "phones": ["8 916 000-00-09"]})
        requisites.add(u, key, {"inn": "7707083893"})
        tags.change(u, key, on=["old"])
    return key


def test_everything_that_an_import_changes_comes_back(cast):
    rich_customer(cast)
    rich_customer(cast, "18", name="Другой Клиент")
    before = everything(cast)
    content = RICH + (
        "Новое Имя,17,8 916 000-00-02,c@d.ru,Rome,new;old,7707083893,770701001,petra,8 916 000-00-03,p@p.ru,Wei Rival,42\n"
        "Zweiter,19,8 916 000-00-05,,,fresh,,,Paul,,,,\n"
        "Новое Имя,17,,,,,500100732259,,Paula,8 916 000-00-04,,,43\n"
        "Zweiter,19,8 916 000-00-06,,Oslo,,,,,,,,\n"
    )
    import_id = staged(cast, content, **PLAN)
    assert counts(ran(cast, import_id)) == (1, 3, 0, 0)
    assert everything(cast) != before
    record = undone(cast, import_id)
    assert (record.state, record.undone) == (State.UNDONE, {"removed": 1, "restored": 1, "kept": 0})
    assert everything(cast) == before


def test_undoing_and_importing_again_comes_to_the_same(cast):
    rich_customer(cast)
    content = RICH + "Neu,17,8 916 000-00-02,,Rome,vip,,,,,,,\nB,19,,b@b.ru,,vip,,,,,,,\n"
    first = staged(cast, content, **PLAN)
    ran(cast, first)
    told = [{key: row[key] for key in ("name", "city", "external_number", "tokens")} for row in stored(cast)]
    undone(cast, first)
    with cast.unit(cast.keeper) as u:
        received = imports.once_more(u, first)
    with cast.unit(cast.keeper) as u:
        again = imports.stage(u, received, like=first).id
    assert record_of(cast, again).mapping == record_of(cast, first).mapping
    assert counts(ran(cast, again)) == (1, 1, 0, 0)
    assert [{key: row[key] for key in told[0]} for row in stored(cast)] == told


def test_a_value_that_somebody_changed_since_stays_and_is_told(cast):
    key = rich_customer(cast)
    content = RICH + "Neu,17,8 916 000-00-02,,Rome,vip,,,Petra,8 916 000-00-03,,,42\n"
    import_id = staged(cast, content, **PLAN)
    ran(cast, import_id)
    with cast.unit(cast.keeper) as u:
        customer = u.get(Customer, key)
        customers.edit(u, key, {"city": "Oslo"}, seen=customer.version)
    record = undone(cast, import_id)
    row = stored(cast, id=key)[0]
    assert (row["city"], row["name"], [one["digits"] for one in row["phones"]]) == (
        "Oslo", "Customer of rep", ["79160000001"],
    )  # fmt: skip
    assert record.undone == {"removed": 0, "restored": 0, "kept": 1}
    assert kept(cast, import_id) == [(key, ["city"])]


def test_what_somebody_added_since_stays_beside_what_comes_back(cast):
    key = rich_customer(cast)
    import_id = staged(cast, RICH + "Neu,17,8 916 000-00-02,,,vip,,,,,,,\n", **PLAN)
    ran(cast, import_id)
    with cast.unit(cast.keeper) as u:
        customer = u.get(Customer, key)
        phones = ["8 916 000-00-01", "8 916 000-00-02", "8 916 000-00-07"]
        customers.edit(u, key, {"phones": phones}, seen=customer.version)
        tags.change(u, key, on=["mine"])
    undone(cast, import_id)
    row = stored(cast, id=key)[0]
    assert [one["digits"] for one in row["phones"]] == ["79160000001", "79160000007"]
    assert {"p79160000007", "p79160000001"} <= row["tokens"]
    assert "p79160000002" not in row["tokens"]
    with cast.unit(cast.keeper) as u:
        assert [one["name"] for one in tags.of(u, [key])[key]] == ["mine", "old"]
    assert kept(cast, import_id) == []


def _call(cast: Cast, key: int) -> None:
    a_call(cast, key)


def _edit(cast: Cast, key: int) -> None:
    with cast.unit(cast.keeper) as u:
        customers.edit(u, key, {"city": "Oslo"}, seen=u.get(Customer, key).version)


def _contact(cast: Cast, key: int) -> None:
    with cast.unit(cast.keeper) as u:
        contacts.add(u, key, {"name": "Petra"})


def _tag(cast: Cast, key: int) -> None:
    with cast.unit(cast.keeper) as u:
        tags.change(u, key, on=["mine"])


def _later_import(cast: Cast, _key: int) -> None:
    ran(cast, staged(cast, "external number,city\n1,Oslo\n", on_match="update"))


@pytest.mark.parametrize("work", [_call, _edit, _contact, _tag, _later_import])
def test_a_new_customer_with_whom_somebody_worked_stays_and_is_told(cast, work):
    import_id = staged(cast, "name,external number,responsible\nA,1,Ivan Rep\nB,2,Ivan Rep\n")
    ran(cast, import_id)
    key = stored(cast, name="A")[0]["id"]
    work(cast, key)
    record = undone(cast, import_id)
    assert record.undone == {"removed": 1, "restored": 0, "kept": 1}
    assert kept(cast, import_id) == [(key, [" worked"])]
    assert names(cast) == ["A"]


def test_looking_at_a_new_customer_or_putting_it_into_the_bin_is_no_work(cast):
    before = everything(cast)
    import_id = staged(cast, "name,phone\nA,8 916 000-00-01\n")
    ran(cast, import_id)
    key = stored(cast)[0]["id"]
    with cast.unit(cast.keeper) as u:
        customers.archive(u, key, seen=1)
    undone(cast, import_id)
    assert everything(cast) == before


def test_two_imports_are_undone_one_after_the_other(cast):
    before = everything(cast)
    first = staged(cast, "name,external number\nA,1\n")
    ran(cast, first)
    second = staged(cast, "external number,city,tags\n1,Oslo,vip\n", on_match="update")
    ran(cast, second)
    undone(cast, second)
    undone(cast, first)
    assert everything(cast) == before


def test_the_id_of_a_removed_customer_is_never_given_again(cast):
    import_id = staged(cast, "name\nA\n")
    ran(cast, import_id)
    key = stored(cast)[0]["id"]
    undone(cast, import_id)
    second = staged(cast, "name\nB\n")
    ran(cast, second)
    again = stored(cast, name="B")[0]["id"]
    assert again > key
    undone(cast, second)
    assert a_customer(cast) > again


def test_a_customer_who_went_out_of_reach_is_left_as_it_is(cast):
    for right in ("imports.run", "imports.view"):
        grant(cast, Role.SALES_MANAGER, right, "team")
    for right in ("customers.edit_personal", "customers.assign"):
        grant(cast, Role.SALES_MANAGER, right, "team")
    here, gone = (a_customer(cast, external_number=number, city="Bonn") for number in "12")
    import_id = staged(cast, "external number,city\n1,Rome\n2,Rome\n", by="leader", on_match="update")
    assert counts(ran(cast, import_id, by="leader")) == (0, 2, 0, 0)
    with cast.unit(cast.keeper) as u:
        customers.assign(u, gone, responsible_id=PARTS["rival"].id, seen=u.get(Customer, gone).version)
    record = undone(cast, import_id, by="leader")
    assert record.undone == {"removed": 0, "restored": 1, "kept": 1}
    assert [stored(cast, id=key)[0]["city"] for key in (here, gone)] == ["Bonn", "Rome"]


def test_only_what_ended_and_is_not_too_old_is_undone_and_once_only(cast):
    import_id = staged(cast, "name\nA\n")
    with pytest.raises(Conflict), cast.unit(cast.keeper) as u:
        imports.take_all_back(u, import_id)
    ran(cast, import_id)
    with pytest.raises(Conflict), cast.unit(cast.keeper, now=cast.now + timedelta(days=31)) as u:
        imports.take_all_back(u, import_id)
    with pytest.raises(Refused), cast.unit(cast.rep) as u:
        imports.take_all_back(u, import_id)
    undone(cast, import_id)
    with pytest.raises(Conflict), cast.unit(cast.keeper) as u:
        imports.take_all_back(u, import_id)


def test_a_stopped_import_is_undone_as_far_as_it_went(cast, monkeypatch):
    monkeypatch.setattr(run, "CHUNK", 10)
    before = everything(cast)
    import_id = staged(cast, "name\n" + "".join(f"N{n}\n" for n in range(40)))
    with cast.unit(cast.keeper) as u:
        imports.steps.start_here(u, import_id)

    def stop(_done: int) -> None:
        with cast.unit(cast.keeper) as u:
            imports.stop(u, import_id)

    run.run_all(cast.database, cast.keeper, import_id, stop)
    assert len(names(cast)) == 10
    undone(cast, import_id)
    assert everything(cast) == before


def test_an_undo_can_be_stopped_and_taken_up(cast, monkeypatch):
    monkeypatch.setattr(run, "CHUNK", 10)
    before = everything(cast)
    import_id = staged(cast, "name\n" + "".join(f"N{n}\n" for n in range(40)))
    ran(cast, import_id)
    with cast.unit(cast.keeper) as u:
        imports.take_all_back(u, import_id)

    def stop(_done: int) -> None:
        with cast.unit(cast.keeper) as u:
            imports.stop(u, import_id)

    undo.undo_all(cast.database, cast.keeper, import_id, stop)
    assert (record_of(cast, import_id).state, len(names(cast))) == (State.STOPPED, 30)
    with cast.unit(cast.keeper) as u:
        imports.resume(u, import_id)
    job = JobContext(cast.database, record_of(cast, import_id).job_id or "", cast.keeper)
    undo.undo_job(job, import_id=import_id)
    assert everything(cast) == before


KILLED = """
import sys
sys.path.insert(0, sys.argv[1])
import crm
from crm.core.access import Identity
from crm.imports import run, undo
from db.engine import connect
run.CHUNK = 20
undo.undo_all(connect(sys.argv[2]), Identity(int(sys.argv[3])), int(sys.argv[4]), lambda done: print(done, flush=True))
"""


def test_an_undo_survives_kill_minus_nine(cast):
    for n in range(100):
        a_customer(cast, external_number=str(n), city="Bonn", phones=[], emails=[])
    before = everything(cast)
    rows = "".join(f"N{n},{n},Rome,8916{n:07d}\n" for n in range(300))
    import_id = staged(cast, "name,external number,city,phone\n" + rows, on_match="update")
    assert counts(ran(cast, import_id)) == (200, 100, 0, 0)
    with cast.unit(cast.keeper) as u:
        imports.take_all_back(u, import_id)
    url = cast.database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", KILLED, str(ROOT), url, str(cast.keeper.user_id), str(import_id)]
    for kill in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(kill + 2):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        assert record_of(cast, import_id).state == State.UNDOING
    undo.undo_all(cast.database, cast.keeper, import_id)
    assert record_of(cast, import_id).undone == {"removed": 200, "restored": 100, "kept": 0}
    assert everything(cast) == before


def test_an_undo_is_told_behind_the_bell_and_stands_in_the_history_of_the_card(cast):
    key = rich_customer(cast)
    import_id = staged(cast, "external number,city\n17,Rome\n", on_match="update")
    ran(cast, import_id)
    undone(cast, import_id)
    with cast.unit(cast.keeper) as u:
        texts = [one.text for one in u.all(select(Notification))]
    assert any("undone" in text for text in texts)
    from crm import audit

    with cast.unit(cast.keeper) as u:
        entries = audit.history(u, "customers", key)
    found = [(row["verb"], row["changes"]) for row in entries.to_dict("records")][:2]
    assert found == [
        ("imports.take_back", {"city": ["Rome", "Bonn"], "import": [import_id, None]}),
        ("imports.take", {"city": ["Bonn", "Rome"], "import": [None, import_id]}),
    ]


def steps(cast: Cast, key: int) -> list[tuple[str, str, int | None]]:
    with cast.unit() as u:
        return [(row["before"], row["after"], row["by_id"]) for row in stages.steps(u, key)]


def test_a_stage_that_comes_back_is_a_step_back(cast):
    key, keeper = rich_customer(cast), PARTS["keeper"].id
    import_id = staged(cast, "external number,stage\n17,lost\n", on_match="update")
    ran(cast, import_id)
    assert steps(cast, key) == [("potential", "lost", keeper)]
    undone(cast, import_id)
    assert steps(cast, key) == [("lost", "potential", keeper), ("potential", "lost", keeper)]
    assert is_measured(cast)


def test_a_step_that_the_import_itself_took_is_no_work(cast, monkeypatch):
    monkeypatch.setattr(run, "CHUNK", 1)
    before = everything(cast)
    import_id = staged(cast, "name,external number,stage\nA,1,new\nA,1,lost\n", on_match="update")
    assert counts(ran(cast, import_id)) == (1, 1, 0, 0)
    key = stored(cast)[0]["id"]
    assert steps(cast, key) == [("new", "lost", PARTS["keeper"].id)]
    assert undone(cast, import_id).undone == {"removed": 1, "restored": 0, "kept": 0}
    assert everything(cast) == before
    with cast.unit() as u:
        assert u.all(select(StageChange)) == [], "the step went with the customer"


def test_a_step_that_somebody_took_is_work(cast):
    import_id = staged(cast, "name,external number\nA,1\nB,2\n")
    ran(cast, import_id)
    key = stored(cast, name="A")[0]["id"]
    with cast.unit(cast.keeper) as u:
        customers.edit(u, key, {"stage": "lost"}, seen=1)
    assert undone(cast, import_id).undone == {"removed": 1, "restored": 0, "kept": 1}


def test_kind_and_type_come_back_together_or_not_at_all(cast):
    shop, firm, patient = a_type(cast, "Shop"), a_type(cast, "Firm"), a_type(cast, "Patient", "person")
    keys = [a_customer(cast, external_number=number, type=shop) for number in "12"]
    columns = {"number": "external_number", "type": "type"}
    content = f"number,type\n1,{patient}\n2,{patient}\n"
    import_id = staged(cast, content, columns=columns, on_match="update")
    ran(cast, import_id)
    assert [(row["kind"], row["type"]) for row in stored(cast)] == [("person", patient)] * 2
    with cast.unit(cast.keeper) as u:
        customers.edit(u, keys[1], {"type": firm}, seen=u.get(Customer, keys[1]).version)
    undone(cast, import_id)
    assert [(row["kind"], row["type"]) for row in stored(cast)] == [("company", shop), ("company", firm)]
    assert [(key, set(stays)) for key, stays in kept(cast, import_id)] == [(keys[1], {"kind", "type"})]
    assert is_measured(cast)


def test_what_an_undo_needs_is_forgotten_with_the_file(cast):
    rich_customer(cast)
    import_id = staged(cast, "external number,city\n17,Rome\n", on_match="update")
    ran(cast, import_id)
    table = ImportChange.__table__
    with cast.database.reader.connect() as connection:
        assert len(connection.execute(select(table)).all()) == 1
    with clock.stopped(clock.now() + timedelta(days=32)):
        run.remove_files_job(JobContext(cast.database, "test", run.SYSTEM))
    with cast.database.reader.connect() as connection:
        assert connection.execute(select(table)).all() == []


# --- whatever the file says ------------------------------------------------------

NUMBERS = st.sampled_from(["", "1", "2", "3", "4"])
WORDS = st.sampled_from(["", "Anna", "Анна", "王伟", "ООО «Ёж»", "Anna Müller", "'=1+1", "NA"])
PHONES = st.sampled_from(
    ["", "8 916 000-00-01", "8 916 000-00-02", "8 916 000-00-02; 8 916 000-00-03", "+49 30 901820"]
)
EMAILS = st.sampled_from(["", "a@b.ru", "c@d.ru; a@b.ru", "x"])
TAGS = st.sampled_from(["", "vip", "VIP; new", "old"])
TAX = st.sampled_from(["", "7707083893", "500100732259", "1"])
ROWS = st.lists(
    st.tuples(
        WORDS, NUMBERS, PHONES, EMAILS, WORDS, TAGS, TAX, st.sampled_from(["", "770701001"]), WORDS, PHONES, EMAILS,
        st.sampled_from(["", "Ivan Rep", "Wei Rival"]), WORDS, st.sampled_from(["", "new", "lost"]),
        st.sampled_from(["", "person", "Shop", "Patient", "nonsense"]),
    ),
    min_size=1, max_size=8,
)  # fmt: skip


@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.generate],  # a failing example of a whole database is not made smaller
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    rows=ROWS,
    plan=st.fixed_dictionaries(
        {
            "on_match": st.sampled_from(["skip", "update", "only_update", "create"]),
            "key": st.sampled_from(["", "external_number", "phones", "emails", "inn"]),
            "empties": st.booleans(),
            "fixed": st.sampled_from([{}, {"kind": "person"}, {"kind": "company", "type": "shop", "stage": "new"}]),
        }
    ),
    chunk=st.sampled_from([1, 3, 500]),
)
def test_an_import_and_its_undo_leave_the_database_as_it_was(cast, rows, plan, chunk):
    if not stored(cast):
        rich_customer(cast, "1")
        a_type(cast, "Shop", city="must")
        a_type(cast, "Patient", "person")
        rich_customer(cast, "2", name="Анна", type="shop")
        a_customer(cast, "rival", external_number="3", phones=[], emails=["c@d.ru"])
    before = everything(cast)
    written = io.StringIO(newline="")
    csv.writer(written).writerows([[*RICH.strip().split(","), "stage", "type"], *rows])
    plan |= {"columns": COLUMNS | {"stage": "stage", "type": "type"}}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run, "CHUNK", chunk)
        patched.setattr(run, "PAUSE", 0)
        try:
            import_id = staged(cast, written.getvalue(), **PLAN | plan)
        except imports.run.CrmError:  # no row has anything
            return
        record = ran(cast, import_id, again=True)
        assert sum(record.counts.values()) == record.row_count
        assert is_measured(cast)
        if record.new_count + record.updated_count:
            assert undone(cast, import_id).undone["kept"] == 0
    assert everything(cast) == before
