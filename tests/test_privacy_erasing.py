"""Erasing a customer: after it no table, index or file holds a word of the person, and the sums stand."""

import json
from pathlib import Path

import pytest
from sqlalchemy import MetaData, Text, select
from sqlalchemy import cast as col

from crm import (
    audit,
    change_requests,
    customers,
    exports,
    imports,
    interactions,
    notifications,
    privacy,
    products,
    purchases,
    search,
)
from crm.core.audit_log import AuditEntry
from crm.core.config import config
from crm.core.errors import Conflict, Invalid, NotFound, Refused
from crm.customers import Customer, Filters
from crm.exports import Form, Wish
from crm.imports import Import, files
from crm.invariants import INVARIANTS
from tests.cast import NOW, Cast, a_call, a_customer, a_document

NAME, PHONE, EMAIL = "Zygmunt Квашнин", "+7 916 777-01-23", "zyg.kvashnin@private.example"
SECRETS = (
    "Квашнин", "777-01-23", "9167770123", "3210777619", "kvashnin", "Vyazovaya", "porcelain", "falconry", "samovar", "back door",
    "C-4711", "Uglich", "balalaika", "widower", "moved out", "theremin",
)  # fmt: skip
"""Every word of the person that is nobody else's, in every field that can hold one."""


def lived(cast: Cast) -> int:
    """A customer with a word of his own in every field, table and file."""
    key = a_customer(
        cast, "rep", name=NAME, kind="person", phones=[PHONE], emails=[EMAIL], address="Vyazovaya 17", note="Collects porcelain",
        city="Uglich", external_number="C-4711", need="A balalaika", source_detail="The widower next door", industry="Arts",
    )  # fmt: skip
    a_call(cast, key, note="Wants a samovar", topic="samovar")
    with cast.unit() as u:
        product = products.create(u, {"code": "A1", "name": "Lamp", "price": "12.50", "currency": "RUB"}).id
        purchases.record(u, key, [purchases.Line(product)], number="N-7", note="To the back door")
        notifications.send(
            u, cast.rep.user_id, "{customer} called.", page="customer", query={"id": str(key)}, customer=NAME
        )
        notifications.send(u, cast.mate.user_id, "{customer} called.", customer=NAME)
        notifications.send(u, cast.mate.user_id, "Other business", page="customer", query={"id": f"{key}0"})
    with cast.unit() as u, u.acting("test.build", "customers.edit"):
        u.get(Customer, key).extra = {"Hobby": "falconry"}
    with cast.unit(cast.keeper) as u:
        customers.edit(u, key, {"note": "Sold the porcelain", "city": "Old Uglich"}, seen=customers.one(u, key).version)
    with cast.unit(cast.rep) as u:
        request = change_requests.ask(u, key, "He moved out").id
    a_document(cast, key, b"Sold: one theremin", name="Theremin.pdf", note="theremin")
    with cast.unit(cast.keeper) as u:
        change_requests.answer(u, request, "moved out, noted", seen=1)
    return key


def filed(cast: Cast, key: int) -> dict[str, int]:
    """Put files with and without the person on the shelves; return them by what they are."""
    contents = {
        "row": f"name;phone\nSomebody;+7 495 000-00-00\nКвашнин Zygmunt;{PHONE}\n",
        "phone": "name;phone\nX;8 (916) 777-01-23\n",
        "other": "name;phone\nZygmunt Other;+7 495 000-00-00\n",
    }
    found = {}
    with cast.unit(cast.keeper) as u:
        for name, content in contents.items():
            received = files.receive(f"{name if name != 'row' else 'Квашнин'}.csv", content.encode())
            found[name] = imports.stage(u, received).id
    for wish in (Wish(Filters(), Form.CSV, "en"), Wish(Filters(text="квашнин"), Form.VCARD, "en")):
        with cast.unit(cast.keeper) as u:
            written = exports.write_now(u, wish)
        with cast.unit(cast.keeper) as u:
            exports.keep(u, wish, written, sign_in_id=None)
    with cast.unit(cast.admin) as u:
        privacy.export_person(u, key)
    return found


def erased(cast: Cast, key: int, part: str = "keeper", reason: str = "asked") -> None:
    who = getattr(cast, part)
    with cast.unit(who) as u:
        traces = privacy.look_through(u, key)
    with cast.unit(who) as u:
        privacy.erase(u, key, reason, traces)


def writings(secret: str) -> set[str]:
    ways = {secret, secret.lower(), secret.upper()}
    return ways | {json.dumps(one)[1:-1] for one in ways}


def in_tables(cast: Cast) -> set[str]:
    """Return 'table: secret' for every secret in any column of any table of the database, the job engine's included."""
    found = set()
    with cast.database.reader.connect() as connection:
        for schema in [None] if cast.database.is_sqlite else ["public", "dbos"]:
            reflected = MetaData()
            reflected.reflect(connection, schema=schema)
            for table in reflected.tables.values():
                rows = str([tuple(row) for row in connection.execute(select(*(col(one, Text) for one in table.c)))])
                shown = rows.replace("\\\\", "\\")
                found |= {f"{table.name}: {one}" for one in SECRETS for way in writings(one) if way in shown}
    return found


def in_files() -> set[str]:
    """Return 'file: secret' for every secret in any file of the data folder, journals of the database included."""
    found = set()
    for path in Path(config().data_dir).rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found |= {f"{path.name}: {one}" for one in SECRETS for way in writings(one) if way.encode() in content}
    return found


def test_no_table_index_or_file_holds_a_word_of_whoever_was_erased(cast):
    key = lived(cast)
    other = a_customer(cast, "mate", name="Zygmunt Other", phones=["+7 495 000-00-00"], emails=["other@other.example"])
    staged = filed(cast, key)
    before = in_tables(cast)
    assert {one.partition(": ")[2] for one in before} == set(SECRETS), "else this test would look for what never was"
    assert {one.partition(":")[0] for one in before} >= {
        "customers", "phones", "emails", "interactions", "purchases", "change_requests", "search_tokens", "search_parts",
        "audit_entries", "notices", "exports", "imports", "documents",
    }  # fmt: skip
    assert len(in_files()) > 10
    erased(cast, key)
    assert in_tables(cast) == set()
    assert in_files() == set()

    with cast.unit(cast.keeper) as u:
        kept = {one.id: one for one in u.all(select(Import))}
        assert kept[staged["other"]].file_removed_at is None, "a file without the person stays"
        assert files.path_of(kept[staged["other"]].stored_as).exists()
        assert kept[staged["row"]].file_removed_at == kept[staged["phone"]].file_removed_at == NOW
        assert {row["id"] for row in customers.look_up(u, "zygmunt")} == {other}
        assert {row["id"] for row in customers.look_up(u, "zygmnut")} == {other}, "a word that others bear stays known"
        assert u.execute(select(search.PARTS.c.part).where(search.PARTS.c.part.contains("квашн")), raw=True).all() == []
        assert [
            one.text for one in u.all(select(notifications.Notification)) if one.responsible_id == cast.mate.user_id
        ] == []
    with cast.unit(cast.mate) as u:
        assert [one.text for one in notifications.latest(u)] == ["Other business"]


def test_the_sums_stay_under_a_number_and_a_second_look_finds_nobody(cast):
    key = lived(cast)
    with cast.unit(cast.keeper) as u:
        before = purchases.summary(u, key)
    erased(cast, key)
    with cast.unit(cast.keeper) as u:
        customer = customers.one(u, key)
        assert (customer.name, customer.sort_name) == (f"Erased customer {key}", f"erased customer {key}")
        assert (customer.interaction_count, customer.purchase_count) == (1, 1)
        assert (customer.kind, customer.industry, customer.extra) == ("person", "Arts", {})
        assert purchases.summary(u, key) == before
        assert [row["note"] for row in interactions.page(u, interactions.Filters(customer_id=key))] == [""]
        ways = customers.reach(u, key)
        assert (ways.phones, ways.emails, ways.address) == ((), (), None)
        for asked in (NAME, "Квашнин", PHONE, EMAIL, "0123", "C-4711", f"Erased customer {key}", "erased"):
            assert customers.look_up(u, asked) == [], asked
            assert customers.count(u, Filters(asked)) == 0, asked
        assert customers.count(u) == 0
    with cast.database.reader.connect() as connection:
        assert [one.text for one in INVARIANTS if connection.scalar(one.broken)] == []


def test_the_log_keeps_that_it_happened_and_every_change_without_its_words(cast):
    key = lived(cast)
    with cast.unit() as u:
        before = [
            (one.id, one.at, one.actor_id, one.verb, set(one.changes))
            for one in u.all(select(AuditEntry).order_by(AuditEntry.id))
        ]
    erased(cast, key, reason="withdrawn")
    with cast.unit() as u:
        entries = u.all(select(AuditEntry).order_by(AuditEntry.id))
    assert [(one.id, one.at, one.actor_id, one.verb, set(one.changes)) for one in entries][: len(before)] == before
    (last,) = entries[len(before) :]
    assert (last.verb, last.record, last.record_id, last.actor_id) == (
        "privacy.erase",
        "customers",
        key,
        cast.keeper.user_id,
    )
    assert last.changes == {"erased": [None, "withdrawn"]}
    with cast.unit(cast.keeper) as u:
        told = audit.history(u, "customers", key)
    changes = [one for one in told["changes"] if "note" in one]
    assert changes[0]["note"] == ["•", "•"]
    assert changes[-1]["kind"] == [None, "person"], "what names nobody stays"


def test_an_import_at_work_on_a_file_that_names_the_customer_is_waited_for(cast):
    key = lived(cast)
    running = filed(cast, key)["row"]
    with cast.database.writing() as connection:
        table = Import.__table__
        connection.execute(table.update().where(table.c.id == running).values(state="running"))
    with pytest.raises(Conflict, match="An import works on a file"):
        erased(cast, key)
    assert len(in_tables(cast)) > len(SECRETS)
    with cast.unit() as u:
        assert customers.one(u, key).name == NAME


def test_an_export_that_is_being_written_is_not_given_out(cast):
    key = lived(cast)
    with cast.unit(cast.keeper) as u:
        record = exports.ask(u, Wish(Filters(), Form.CSV, "en"), sign_in_id=None)
    record.path.write_text(NAME)
    erased(cast, key)
    record.path.write_text(NAME)
    with cast.unit(cast.keeper) as u:
        exports.steps.finish(u, record.id, 1)
    assert not record.path.exists()
    with cast.unit(cast.keeper) as u, pytest.raises(NotFound):
        exports.take(u, record.stored_as, sign_in_id=None)


def test_the_reason_is_one_of_the_list_so_that_nobody_writes_the_name_into_it(cast):
    key = a_customer(cast)
    with pytest.raises(Invalid) as caught:
        erased(cast, key, reason=f"{NAME} asked")
    assert caught.value.field == "reason"


@pytest.mark.parametrize("part", ["rep", "leader", "service", "marketer", "analyst", "partner", "executive"])
def test_nobody_but_the_record_keeper_and_the_administrator_erases(cast, part):
    key = a_customer(cast, "rep")
    for attempt in (privacy.look_through, lambda u, key: privacy.erase(u, key, "asked")):
        with pytest.raises((Refused, NotFound)), cast.unit(getattr(cast, part)) as u:
            attempt(u, key)
    erased(cast, key, "admin")


def test_erasing_twice_changes_nothing_more_and_other_customers_stay_as_they_are(cast):
    key, other = lived(cast), a_customer(cast, "rep", name="Another Person", note="Stays")
    a_call(cast, other, note="Stays too")
    erased(cast, key)
    erased(cast, key)
    with cast.unit(cast.keeper) as u:
        assert customers.one(u, other).note == "Stays"
        assert [row["note"] for row in interactions.page(u, interactions.Filters(customer_id=other))] == ["Stays too"]
        assert customers.reach(u, other).phones
        assert [row["id"] for row in customers.look_up(u, "another")] == [other]
