"""Privacy at the record: what stands hidden is shown for a reason, in measure, and leaves a trace without the value."""

import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO

import pytest
from openpyxl import load_workbook
from sqlalchemy import JSON, String, select

from crm import change_requests, exports, notifications, privacy, products, purchases, rights, settings, teams
from crm.core import records as tables_of_ours
from crm.core.audit_log import AuditEntry
from crm.core.errors import NotFound, Refused
from crm.exports import records
from tests.cast import ADDRESS, EMAIL, NOW, PHONE, SOUTH, Cast, a_call, a_customer

SHOW = "privacy.show_contact_data"


def limited(cast: Cast, limit: int) -> None:
    with cast.unit(cast.admin) as u:
        settings.change(u, "contact_data_per_hour", str(limit))


def shown(cast: Cast, key: int, part: str = "rep", now=NOW):
    with cast.unit(getattr(cast, part), now=now) as u:
        return privacy.show_contact_data(u, key)


def noted(cast: Cast) -> list[AuditEntry]:
    with cast.unit() as u:
        return list(u.all(select(AuditEntry).where(AuditEntry.verb == SHOW).order_by(AuditEntry.id)))


def told(cast: Cast, part: str) -> list[str]:
    with cast.unit(getattr(cast, part)) as u:
        return [one.text.format(**one.values) for one in notifications.latest(u)]


# --- showing hidden contact data ----------------------------------------------


def test_hidden_contact_data_are_shown_in_full_and_the_log_keeps_that_but_no_value(cast):
    key = a_customer(cast, "mate")
    ways = shown(cast, key)
    assert (ways.phones, ways.emails, ways.address) == ((PHONE,), (EMAIL,), ADDRESS)
    (entry,) = noted(cast)
    assert (entry.record, entry.record_id, entry.actor_id) == ("customers", key, cast.rep.user_id)
    assert entry.changes == {"contact_data_shown": [None, True]}


def test_who_sees_them_in_full_anyway_is_neither_noted_nor_counted(cast):
    own, mates = a_customer(cast, "rep"), a_customer(cast, "mate")
    limited(cast, 1)
    assert shown(cast, own).phones == (PHONE,)
    assert shown(cast, mates, "leader").phones == (PHONE,)
    assert noted(cast) == []
    assert shown(cast, mates).phones == (PHONE,)


def test_a_customer_out_of_sight_is_not_there_and_one_without_the_right_is_refused(cast):
    hidden, nobodys = a_customer(cast, "rival"), a_customer(cast, None)
    for key in (hidden, nobodys, 999_999):
        with pytest.raises(NotFound):
            shown(cast, key)
    with pytest.raises(Refused):
        shown(cast, hidden, "marketer")
    assert noted(cast) == []


def test_the_51st_customer_in_an_hour_is_refused_and_the_leader_hears_of_it_once(cast):
    keys = [a_customer(cast, "mate", name=f"Customer {n}") for n in range(52)]
    for n, key in enumerate(keys[:50]):
        shown(cast, key, now=NOW + timedelta(seconds=n))
    for key in keys[50:]:
        with pytest.raises(Refused, match="50 customers"):
            shown(cast, key, now=NOW + timedelta(minutes=5))
    assert len(noted(cast)) == 50
    assert told(cast, "leader") == [
        "Ivan Rep was stopped: hidden phones and e-mails of 50 customers were shown within an hour."
    ]
    assert told(cast, "rep") == told(cast, "head") == told(cast, "admin") == []
    assert shown(cast, keys[3], now=NOW + timedelta(minutes=5)).phones, "one of the fifty may be looked at again"
    later = NOW + timedelta(hours=1, seconds=10)
    assert shown(cast, keys[51], now=later).phones, "after an hour there is room again"


def test_the_limit_is_each_persons_own_and_the_companys_to_choose(cast):
    keys = [a_customer(cast, None, name=f"Customer {n}") for n in range(3)] + [a_customer(cast, "mate")]
    limited(cast, 2)
    with cast.unit(cast.admin) as u:
        rights.adjust(u, "marketer", SHOW, "all")
    for key in keys[:2]:
        shown(cast, key, "marketer")
    with pytest.raises(Refused, match="2 customers"):
        shown(cast, keys[2], "marketer")
    assert shown(cast, keys[3]).phones, "another person's own hour"
    assert told(cast, "admin"), "nobody leads the marketer: whoever sees the changes is told"


def test_a_leader_is_told_on_by_the_next_one_above(cast):
    keys = [a_customer(cast, "rival", name=f"Customer {n}") for n in range(2)]
    limited(cast, 1)
    with cast.unit(cast.admin) as u:
        teams.move_person(u, cast.rep.user_id, SOUTH)
    with cast.unit() as u:
        teams.set_leader(u, SOUTH, cast.rep.user_id, seen=1)
    shown(cast, keys[0])
    with pytest.raises(Refused):
        shown(cast, keys[1])
    assert told(cast, "head")
    assert told(cast, "rival_leader") == told(cast, "leader") == []


def test_two_at_once_do_not_slip_through_together(cast):
    keys = [a_customer(cast, "mate", name=f"Customer {n}") for n in range(6)]
    limited(cast, 2)

    def attempt(key):
        try:
            return bool(shown(cast, key).phones)
        except Refused:
            return False

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(attempt, keys)) == [False] * 4 + [True] * 2
    assert len(told(cast, "leader")) == 1


# --- everything about one customer in one file -----------------------------------


def written(cast: Cast, key: int, part: str = "keeper", language: str = "en"):
    """Write the file; return its tables by sheet and the same as JSON has it."""
    with cast.unit(getattr(cast, part)) as u:
        record = privacy.export_person(u, key, language=language)
    with zipfile.ZipFile(record.path) as file:
        book = load_workbook(BytesIO(file.read("data.xlsx")))
        tables = {sheet.title: [[cell.value or "" for cell in row] for row in sheet] for sheet in book}
        return tables, json.loads(file.read("data.json"))


def lived(cast: Cast) -> int:
    """A customer with a bit of everything."""
    key = a_customer(cast, "rep", name="Ivan =Petrov", note="Likes tea", city="Kazan", stage="loyal")
    a_call(cast, key, note="Asked for the lamp", topic="Lamp")
    with cast.unit() as u:
        product = products.create(u, {"code": "A1", "name": "Lamp", "price": "12.50", "currency": "RUB"}).id
        purchases.record(u, key, [purchases.Line(product)], number="N-7", note="To the back door")
    with cast.unit(cast.rep) as u:
        change_requests.ask(u, key, "He moved")
    return key


def test_the_file_holds_everything_that_is_kept_about_a_customer_and_nobody_else(cast):
    key, other = lived(cast), a_customer(cast, "rep", name="Other Person", phones=["+7 495 000-00-00"])
    a_call(cast, other, note="Something else")
    tables, kept = written(cast, key)
    assert dict(zip(*tables["Customer"], strict=True)).items() >= {
        "Name": "Ivan =Petrov", "Stage": "Loyal", "City": "Kazan", "Address": ADDRESS, "Note": "Likes tea", "Responsible": "Ivan Rep",
    }.items()  # fmt: skip
    assert tables["Phones"][1][0] == PHONE
    assert tables["E-mail addresses"][1][0] == EMAIL
    assert {"Call", "Outbound", "Finished", "Lamp", "Asked for the lamp", "Ivan Rep"} <= set(tables["Contacts"][1])
    assert {"N-7", "12.5", "To the back door"} <= set(tables["Purchases"][1])
    assert {"Lamp", "1", "12.5"} <= set(tables["Lines of purchases"][1])
    assert "He moved" in tables["Requests"][1]
    assert {"Customer added", "Contact logged", "Purchase recorded"} <= {row[2] for row in tables["Changes"]}
    assert [row["number"] for row in kept["phones"]] == [PHONE]
    assert {one.name for one in privacy.HOLDINGS} | {"audit_entries"} == set(kept)
    assert "Other Person" not in str((tables, kept))
    assert "Something else" not in str((tables, kept))


def test_the_file_speaks_the_language_of_whoever_asks(cast):
    tables, _ = written(cast, lived(cast), "admin", "ru")
    assert dict(zip(*tables["Клиент"], strict=True))["Стадия"] == "Постоянный"
    assert "Клиент добавлен" in {row[2] for row in tables["Изменения"]}


def test_that_the_file_was_made_and_taken_is_in_the_log_and_it_is_for_one_sign_in(cast):
    key = a_customer(cast, "rep")
    with cast.unit(cast.keeper) as u:
        record = privacy.export_person(u, key, sign_in_id=11)
        token = record.stored_as
    for who, sign_in in ((cast.keeper, 12), (cast.admin, 11), (cast.keeper, None)):
        with pytest.raises(NotFound), cast.unit(who) as u:
            privacy.take_person_file(u, token, sign_in_id=sign_in)
    with pytest.raises(NotFound), cast.unit(cast.keeper) as u:
        exports.take(u, token, sign_in_id=11)
    with cast.unit(cast.keeper) as u:
        assert privacy.take_person_file(u, token, sign_in_id=11).path.read_bytes()[:2] == b"PK"
        assert exports.mine(u, 11) == [], "the list's own dialog does not offer it"
        assert [one.stored_as for one in exports.of_person(u, key, 11)] == [token]
        assert exports.of_person(u, key + 1, 11) == []
    with cast.unit() as u:
        verbs = [
            (one.verb, one.record)
            for one in u.all(select(AuditEntry).where(AuditEntry.actor_id == cast.keeper.user_id))
        ]
    assert ("privacy.export_person", "customers") in verbs
    assert ("privacy.take_person_file", "exports") in verbs


@pytest.mark.parametrize("part", ["rep", "leader", "service", "marketer", "analyst", "partner"])
def test_nobody_else_takes_a_customers_data_out(cast, part):
    key = a_customer(cast, "rep")
    with pytest.raises((Refused, NotFound)), cast.unit(getattr(cast, part)) as u:
        privacy.export_person(u, key)
    assert not list(records.folder().iterdir())


# --- the list of holdings ---------------------------------------------------------

KEPT_TEXTS = {
    "customers": {
        "kind": "a code", "type": "a code", "name": "becomes 'Erased customer 123'", "sort_name": "likewise", "stage": "a code",
        "source": "a code",
        "industry": "for the sums by industry: names nobody", "country": "for the sums by place: names nobody", "region": "likewise",
    },
    "stage_changes": {"before": "a code", "after": "a code"},
    "interactions": {"kind": "a code", "direction": "a code", "outcome": "a code"},
    "purchases": {"number": "the books name the purchase by it", "currency": "a code"},
    "import_rows": {"outcome": "a code"},
    "consents": dict.fromkeys(("purpose", "basis", "how", "ended_how"), "a code: on which basis the data were there"),
}  # fmt: skip
"""Texts that stay after an erasure: why."""

ELSEWHERE = {
    "search_tokens": "no record; `search.forget` takes the customer out of it",
    "exports": "`searched` and `rule` are emptied where they name the person, and the files go",
    "reports": "lines of conclusions that name the person are hidden",
    "saved_filters": "those that name the person are deleted",
}
"""Tables with data of customers that no list of rows can tell or empty: who does."""


def test_every_table_and_column_with_data_of_a_customer_stands_on_the_list():
    """Whoever adds a table of a customer's, or a text or personal column, adds it to crm/privacy/holdings.py."""
    listed = {one.name: one for one in privacy.HOLDINGS}
    missing = []
    for table in tables_of_ours.load().sorted_tables:
        belongs = "customer_id" in table.c or table.name == "customers"
        personal = {column.name for column in table.c if column.info.get("personal")}
        if table.name not in listed:
            if (belongs or personal) and table.name not in ELSEWHERE:
                missing.append(f"{table.name} is not on the list")
            continue
        one, stays = listed[table.name], KEPT_TEXTS.get(table.name, {})
        texts = {column.name for column in table.c if isinstance(column.type, String | JSON)}
        missing += [
            f"{table.name}.{key} is not told" for key in sorted((texts | personal) - set(one.told) - {"sort_name"})
        ]
        if not one.goes:
            gone = set(one.emptied) | set(stays)
            missing += [f"{table.name}.{key} is not emptied" for key in sorted((texts | personal) - gone)]
        assert set(one.told) | set(one.emptied) <= set(table.c.keys())
        assert {one.key, one.also} - {""} <= set(table.c.keys())
    assert missing == []
