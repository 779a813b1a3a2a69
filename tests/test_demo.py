import hashlib
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import phonenumbers
import pytest
from sqlalchemy import func, inspect, select

from crm import (
    contacts,
    customers,
    demo,
    fields,
    interactions,
    merges,
    notifications,
    plans,
    products,
    purchases,
    quality,
    relations,
    reports,
    requisites,
    saved_filters,
    search,
    sessions,
    stages,
    tags,
    templates,
)
from crm.contact_data import clean_email, clean_phone
from crm.core import clock, records
from crm.core.access import Identity
from crm.core.errors import Invalid, Refused
from crm.core.uow import as_system, unit_of_work
from crm.counters import DailyCount, MonthlyCount
from crm.customers import Contact, Customer, CustomerTag, Email, Phone, Requisites
from crm.demo import chunk, firms, goods, load, own, shape, story
from crm.demo import contacts as talks
from crm.demo.chunk import Chunk, Wishes
from crm.demo.people import CAST, NEWCOMER, TEAMS
from crm.demo.span import Span
from crm.documents import Document
from crm.interactions import Interaction
from crm.invariants import invariants
from crm.missing_data import DataRequest
from crm.purchases import Line, Purchase, PurchaseLine
from crm.search import PARTS, TOKENS
from db.engine import Database, connect
from tests.cast import NOW

ZONE = "Europe/Moscow"
UTC_NOW = np.datetime64(NOW.astimezone(UTC).replace(tzinfo=None), "s")
DAY = np.timedelta64(1, "D")


@pytest.fixture
def another(sqlite_template: Path, tmp_path: Path):
    """A second, embedded database."""
    path = tmp_path / "another.db"
    path.write_bytes(sqlite_template.read_bytes())
    found = connect(f"sqlite:///{path}")
    yield found
    found.close()


@pytest.fixture(scope="module")
def told(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory):
    """A demonstration as `make run` shows it, for looking at."""
    path = tmp_path_factory.mktemp("demo") / "told.db"
    path.write_bytes(sqlite_template.read_bytes())
    found = connect(f"sqlite:///{path}")
    demo.fill(found, now=NOW)
    yield found
    found.close()


@pytest.fixture(scope="module")
def many() -> Chunk:
    """Ten thousand customers as they are drawn, without a database."""
    return chunk.make(0, Wishes(10_000, 3, 8.0, 4.0), staff(), Span(UTC_NOW), first_purchase=1)


def staff() -> Any:
    ids = {person.username: place + 1 for place, person in enumerate(CAST)}
    return load._staff(CAST, TEAMS, ids, {team.name: place + 1 for place, team in enumerate(TEAMS)})


def rows(database: Database, *columns: Any) -> list[Any]:
    with database.reader.connect() as connection:
        return list(connection.execute(select(*columns)))


def table(model: Any) -> Any:
    return model.__table__.c


def digests(database: Database) -> dict[str, str]:
    """Return each table's name -> a digest of its rows; passwords are salted, files named by chance: both are left out."""
    found = {}
    for one in records.load().sorted_tables:
        if one.name not in {"credentials", "alembic_version"}:
            content = rows(database, *(column for column in one.c if column is not Document.__table__.c.stored_as))
            plain = sorted(repr([_plain(value) for value in row]) for row in content)
            found[one.name] = f"{len(content)} {hashlib.sha256(repr(plain).encode()).hexdigest()}"
    return found


def _plain(value: Any) -> Any:
    return str(value.normalize()) if isinstance(value, Decimal) else value


# --- the same for a seed ----------------------------------------------------


def test_a_seed_gives_the_same_data_on_both_databases_and_another_seed_gives_others(database, another, tmp_path):
    demo.fill(database, customers=60, seed=5, now=NOW)
    demo.fill(another, customers=60, seed=5, now=NOW)
    assert digests(database) == digests(another)
    third = connect(f"sqlite:///{tmp_path / 'third.db'}")
    records.load().create_all(third.writer)
    demo.fill(third, customers=60, seed=6, now=NOW)
    ours, others = digests(another), digests(third)
    third.close()
    differing = {name for name in ours if ours[name] != others[name]}
    assert {"customers", "phones", "emails", "interactions", "purchases", "purchase_lines"} <= differing
    assert {"users", "teams", "products"}.isdisjoint(differing)


def test_it_goes_into_an_empty_database_only(database):
    assert demo.is_empty(database)
    demo.fill(database, customers=3, now=NOW)
    assert not demo.is_empty(database)
    before = digests(database)
    with pytest.raises(Refused):
        demo.fill(database, customers=3, now=NOW)
    assert digests(database) == before


@pytest.mark.parametrize("count", [0, 1, 2])
def test_very_small_bases_work_too(another, count):
    assert demo.fill(another, customers=count, now=NOW).customers == count


# --- consistent as if the verbs had done it ----------------------------------


@pytest.mark.parametrize(("size", "index_after"), [(1000, 1000), (40, 1000), (40, 100)])
def test_everything_agrees_with_the_journal(database, monkeypatch, size, index_after):
    """In one transaction; in chunks; in chunks with the indexes built afterwards."""
    monkeypatch.setattr(chunk, "SIZE", size)
    monkeypatch.setattr(load, "INDEX_AFTER", index_after)
    before = indexes(database)
    filled = demo.fill(database, customers=130, seed=2, now=NOW)
    assert filled.customers == len(rows(database, table(Customer).id)) == 130
    _cards_agree(database)
    _counters_agree(database)
    _tokens_agree(database)
    _sums_agree(database)
    _nothing_is_orphaned(database)
    with database.reader.connect() as connection:
        assert invariants(connection) == []
    assert indexes(database) == before
    assert not any("waiting" in name for name in inspect(database.reader).get_table_names())


def indexes(database: Database) -> dict[str, set[str]]:
    found = inspect(database.reader)
    return {one.name: {str(index["name"]) for index in found.get_indexes(one.name)} for one in load.TABLES}


def _cards_agree(database: Database) -> None:
    for model, count, last in (
        (Interaction, table(Customer).interaction_count, table(Customer).last_interaction_at),
        (Purchase, table(Customer).purchase_count, table(Customer).last_purchase_at),
    ):
        happened = defaultdict(list)
        for customer_id, at in rows(database, table(model).customer_id, table(model).at):
            happened[customer_id].append(at)
        for key, number, moment in rows(database, table(Customer).id, count, last):
            assert (number, moment) == (len(happened[key]), max(happened[key], default=None))


def _counters_agree(database: Database) -> None:
    expected: Counter[Any] = Counter()
    journal = table(Interaction)
    for at, person, kind, direction in rows(
        database, journal.at, journal.responsible_id, journal.kind, journal.direction
    ):
        for measure in interactions.measures(interactions.Kind(kind), direction):
            expected[clock.day_of(at, ZONE), person, measure] += 1
    for at, person in rows(database, table(Purchase).at, table(Purchase).responsible_id):
        expected[clock.day_of(at, ZONE), person, "purchases"] += 1
    by_month: Counter[Any] = Counter()
    for (day, person, measure), count in expected.items():
        by_month[day.replace(day=1), person, measure] += count
    for counts, right in ((table(DailyCount), expected), (table(MonthlyCount), by_month)):
        columns = (counts.day, counts.responsible_id, counts.measure, counts.count)
        assert {tuple(key): count for *key, count in rows(database, *columns)} == right


def _tokens_agree(database: Database) -> None:
    phones, emails, stored = defaultdict(list), defaultdict(list), defaultdict(set)
    for found, key, value in (
        (phones, table(Phone).customer_id, table(Phone).digits),
        (emails, table(Email).customer_id, table(Email).address),
    ):
        for customer_id, text in rows(database, key, value):
            found[customer_id].append(text)
    for customer_id, token in rows(database, TOKENS.c.customer_id, TOKENS.c.token):
        stored[customer_id].add(token)
    persons = defaultdict(list)
    people = table(Contact)
    for key, name, digits, addresses in rows(database, people.customer_id, people.name, people.digits, people.emails):
        persons[key].append(name)
        phones[key] += digits.split()
        emails[key] += addresses.split()
    tax = defaultdict(list)
    for one in rows(database, *table(Requisites)):
        tax[one.customer_id] += [number for number in (one.inn, one.ogrn, one.uscc, one.vat) if number]
    facts = (table(Customer)[key] for key in ("id", "name", "external_number", "extra"))
    assert stored == {
        key: search.tokens(name, number, phones[key], emails[key], contact=persons[key], tax=tax[key])
        | fields.stored_tokens(extra)
        for key, name, number, extra in rows(database, *facts)
    }
    known = {token for found in stored.values() for token in search.vocabulary(found)}
    assert set(rows(database, *PARTS.c)) == set(search.leads(known))


def _sums_agree(database: Database) -> None:
    lines, sums = table(PurchaseLine), defaultdict(Decimal)
    for line in rows(database, *lines):
        assert line.amount == purchases.line_amount(line.quantity, line.price, line.discount, "RUB")
        sums[line.purchase_id, line.customer_id] += line.amount
    sold = table(Purchase)
    assert sums == {(one.id, one.customer_id): one.amount for one in rows(database, *sold)}


def _nothing_is_orphaned(database: Database) -> None:
    with database.reader.connect() as connection:
        for one in records.load().sorted_tables:
            for key in one.foreign_keys:
                parents = select(key.column)
                lost = select(func.count()).where(key.parent.is_not(None), key.parent.not_in(parents))
                assert connection.execute(lost).scalar() == 0, f"{one.name}.{key.parent.name}"
    owners = rows(database, table(Customer).responsible_id, table(Customer).team_id)
    teams = dict(rows(database, *(records.load().tables["users"].c[name] for name in ("id", "team_id"))))
    assert all(team == teams.get(person) for person, team in owners)


def test_verbs_give_the_rows_that_the_bulk_path_wrote(database, another):
    """Every fact of a filled database, typed in by its people: as they write phones, at the moments it happened."""
    wishes = Wishes(25, 4, 4.0, 2.0)
    with clock.stopped(NOW):
        load.load(another, wishes, NOW, ZONE, progress=lambda _: None)
        with database.writing() as connection:
            load.add_people(connection, wishes, NOW, load._password())
            load._products(connection)
            load._tags(connection)
            own.add_fields(connection)
            shape.add_types(connection)
    _create_all(database, another)
    _let_it_happen(database, another)
    for one in load.TABLES:
        left_out = {"id", "purchase_id"} if one.name != "customers" else {"partner_id"}  # only partners give partners
        columns = [column for column in one.c if column.name not in left_out]
        assert sorted(map(repr, map(list, map(_plain_row, rows(database, *columns))))) == sorted(
            map(repr, map(list, map(_plain_row, rows(another, *columns))))
        ), one.name


def _plain_row(row: Any) -> list[Any]:
    return [_plain(value) for value in row]


def typed(number: str) -> str:
    """Write a number as people of its country do."""
    parts = re.split(r"[ -]", number)
    if parts[0] == "+7":
        return f"8 ({parts[1]}) {parts[2]}-{parts[3]}{parts[4]}"
    return f"{parts[0]}{'-'.join(parts[1:])}"


def _create_all(database: Database, source: Database) -> None:
    phones, emails = defaultdict(list), defaultdict(list)
    for one in rows(source, *table(Phone)):
        phones[one.customer_id].append((one.position, typed(one.number)))
    for one in rows(source, *table(Email)):
        emails[one.customer_id].append((one.position, one.address.upper()))
    for card in sorted(rows(source, *table(Customer)), key=lambda one: one.id):
        raw = {key: getattr(card, key) for key in (*customers.TEXTS, "name", "type", "employees", "stage", "source")}
        raw |= card.extra
        ways = {
            "phones": [text for _, text in sorted(phones[card.id])],
            "emails": [text for _, text in sorted(emails[card.id])],
        }
        with unit_of_work(database, Identity(card.created_by_id), now=card.created_at) as u:
            key = customers.create(u, raw | ways, responsible_id=card.responsible_id).id
        if card.verified_by_id:
            with unit_of_work(database, Identity(card.verified_by_id), now=card.verified_at) as u:
                customers.verify(u, key)
    for one in rows(source, *table(Requisites)):
        facts = {key: getattr(one, key) for key in requisites.FIELDS}
        with as_system(database, now=one.created_at) as u:
            requisites.add(u, one.customer_id, facts)
    for one in rows(source, *table(CustomerTag)):
        with as_system(database) as u:
            tags.change(u, one.customer_id, on=[firms.TAGS[one.tag_id - 1][0]])
    for one in sorted(rows(source, *table(Contact)), key=lambda contact: contact.id):
        raw = {key: getattr(one, key) for key in ("name", "position")}
        ways = {"phones": [typed(text) for text in one.phones.splitlines()], "emails": one.emails.upper().splitlines()}
        with unit_of_work(database, Identity(one.created_by_id), now=one.created_at) as u:
            added = contacts.add(u, one.customer_id, raw | ways).id
        if one.left_at:
            with unit_of_work(database, Identity(one.created_by_id), now=one.left_at) as u:
                contacts.leave(u, added, seen=1)


def _let_it_happen(database: Database, source: Database) -> None:
    lines = defaultdict(list)
    for one in sorted(rows(source, *table(PurchaseLine)), key=lambda line: line.position):
        lines[one.purchase_id].append(Line(one.product_id, one.quantity, one.price, one.discount))
    for talk in rows(source, *table(Interaction)):
        facts = {key: getattr(talk, key) for key in ("kind", "direction", "outcome", "topic", "note", "at", "minutes")}
        with unit_of_work(database, Identity(talk.responsible_id), now=talk.logged_at) as u:
            interactions.log(u, talk.customer_id, **facts)
    for sale in rows(source, *table(Purchase)):
        with unit_of_work(database, Identity(sale.recorded_by_id), now=sale.recorded_at) as u:
            purchases.record(u, sale.customer_id, lines[sale.id], sale.at, currency=sale.currency, number=sale.number)


def test_work_goes_on_after_the_load(database):
    demo.fill(database, customers=20, now=NOW)
    with as_system(database, now=NOW) as u:
        newest = customers.create(u, {"name": "The next one"}).id
        drill = products.listing(u, text="T1").index[0]
        assert newest == 21
        assert purchases.record(u, newest, [Line(int(drill))]).id > 0


# --- believable -------------------------------------------------------------


def column(made: dict[str, Any], name: str) -> Any:
    return np.asarray(made[name])


def bought_by(many: Chunk) -> dict[int, list[Any]]:
    """Customer id -> moments of the purchases, sorted."""
    found = defaultdict(list)
    for key, at in zip(column(many.purchases, "customer_id"), column(many.purchases, "at"), strict=True):
        found[int(key)].append(at)
    return {key: sorted(moments) for key, moments in found.items()}


def test_averages_are_what_was_wished(many):
    assert len(many.interactions["at"]) / 10_000 == pytest.approx(8.0, rel=0.06)
    assert len(many.purchases["at"]) / 10_000 == pytest.approx(4.0, rel=0.06)


def test_there_are_loyal_buyers_occasional_ones_and_those_who_left(many):
    bought = bought_by(many)
    counts = sorted((len(moments) for moments in bought.values()), reverse=True)
    assert sum(counts[: len(counts) // 5]) > 0.5 * sum(
        counts
    )  # a fifth of the buyers places more than half of the orders
    regular = [moments for moments in bought.values() if len(moments) >= 4]
    silent = [(UTC_NOW - moments[-1]) > 4 * (moments[-1] - moments[0]) / (len(moments) - 1) for moments in regular]
    assert 0.2 < np.mean(silent) < 0.6
    stages = Counter(many.customers["stage"])
    assert set(stages) == {str(stage) for stage in customers.Stage}
    assert 0.2 < (stages["at_risk"] + stages["lost"]) / (10_000 - stages["potential"]) < 0.6
    assert stages["loyal"] > 800


def test_the_stage_says_what_the_purchases_say(many):
    bought = bought_by(many)
    for key, stage in zip(many.customers["id"], many.customers["stage"], strict=True):
        moments = bought.get(int(key), [])
        assert (stage == "potential") == (not moments)
        if stage in {"active", "loyal", "new"}:
            assert UTC_NOW - moments[-1] < 376 * DAY
        if stage == "loyal":
            assert len(moments) >= 5
        if stage == "lost":
            assert UTC_NOW - moments[-1] > 199 * DAY
        if stage == "won_back":
            assert max(later - earlier for earlier, later in pairwise(moments)) > 179 * DAY


def test_categories_have_their_seasons(many):
    months = dict(zip(many.purchases["id"], many.purchases["at"], strict=True))
    sold: dict[str, Counter[int]] = defaultdict(Counter)
    for purchase, product in zip(many.lines["purchase_id"], many.lines["product_id"], strict=True):
        month = int(months[purchase].astype("datetime64[M]").astype(int) % 12 + 1)
        sold[goods.goods().categories[product]][month] += 1
    assert sold["Garden"][5] > 3 * sold["Garden"][12]
    assert sold["Gifts"][12] > 3 * sold["Gifts"][7]
    assert sold["Heating"][10] > 2 * sold["Heating"][5]
    assert sold["Office"][9] > 1.3 * sold["Office"][6]


def weekdays(moments: Any) -> Any:
    local = moments + np.timedelta64(3, "h")
    return np.bincount((local.astype("datetime64[D]").astype(int) + 3) % 7, minlength=7) / len(moments)


def test_companies_buy_on_working_days_and_persons_on_saturdays(many):
    kinds = dict(zip(many.customers["id"], many.customers["kind"], strict=True))
    company = np.array([kinds[key] == "company" for key in many.purchases["customer_id"]])
    at = column(many.purchases, "at")
    assert weekdays(at[company])[5:].sum() < 0.08
    assert weekdays(at[~company]).argmax() == 5
    assert weekdays(column(many.interactions, "at"))[5:].sum() < 0.08


def test_people_talk_at_working_hours(many):
    zones = {"RU": 3, "CN": 8, "GB": 0}
    countries = dict(zip(many.customers["id"], many.customers["country"], strict=True))
    hours = np.array([zones[countries[key]] for key in many.interactions["customer_id"]]).astype("timedelta64[h]")
    local = (column(many.interactions, "at") + hours).astype("datetime64[h]").astype(int) % 24
    assert np.mean((local >= 8) & (local <= 19)) > 0.97


def test_inbound_calls_surround_orders_and_outbound_ones_follow_silence(many):
    bought = bought_by(many)
    near, silence = defaultdict(list), defaultdict(list)
    calls = column(many.interactions, "kind") == "call"
    for key, direction, at in zip(
        column(many.interactions, "customer_id")[calls],
        column(many.interactions, "direction")[calls],
        column(many.interactions, "at")[calls],
        strict=True,
    ):
        moments = np.array(bought.get(int(key), []), "datetime64[s]")
        if len(moments):
            near[direction].append(bool((abs(moments - at) < 8 * DAY).any()))
            before = moments[moments <= at]
            if len(before):
                silence[direction].append((at - before[-1]) / DAY)
    assert np.mean(near["in"]) > np.mean(near["out"]) + 0.25
    assert np.median(silence["out"]) > 3 * np.median(silence["in"])


def test_some_call_once_and_some_for_the_fourth_time(many):
    inbound = (column(many.interactions, "kind") == "call") & (column(many.interactions, "direction") == "in")
    calls = Counter(Counter(column(many.interactions, "customer_id")[inbound].tolist()).values())
    assert calls[1] > calls[2] > calls[3] > calls[4] > 50


def test_notes_fit_what_happened(many):
    said = set(zip(many.interactions["outcome"], many.interactions["note"], strict=True))
    for unanswered in ("No answer.", "Не дозвонился.", "无人接听。"):
        assert {outcome for outcome, note in said if note == unanswered} == {"no_answer"}
    met = "Met at their office, agreed on a trial lot."
    kinds = {
        kind for kind, note in zip(many.interactions["kind"], many.interactions["note"], strict=True) if note == met
    }
    assert kinds == {"meeting", "visit"}


def test_nothing_happens_before_the_customer_came_or_in_the_future(many):
    created = dict(zip(many.customers["id"], many.customers["created_at"], strict=True))
    for made in (many.interactions, many.purchases):
        at = column(made, "at")
        assert at.max() < UTC_NOW
        assert at.min() > UTC_NOW - 732 * DAY
        assert all(moment >= created[key] for key, moment in zip(made["customer_id"], at, strict=True))
    assert (np.diff(column(many.customers, "created_at").astype(int)) >= 0).all()
    assert column(many.interactions, "logged_at").max() <= UTC_NOW


def test_a_product_was_cheaper_earlier(many):
    months = dict(zip(many.purchases["id"], many.purchases["at"], strict=True))
    drills = [
        (months[key], price)
        for key, product, price in zip(
            many.lines["purchase_id"], many.lines["product_id"], many.lines["price"], strict=True
        )
        if product == goods.goods().codes.index("T1")
    ]
    drills.sort()
    assert drills[0][1] < drills[-1][1]


# --- people of three languages -----------------------------------------------

LOOKS = {
    ("RU", "person"): r"[А-ЯЁ][а-яё]+(-[А-ЯЁ][а-яё]+)? [А-ЯЁ][а-яё]+( [А-ЯЁ][а-яё]+)?",
    ("RU", "company"): r"(ООО|АО|ЗАО|ПАО) «[А-ЯЁ][а-яё]+( Плюс| Групп|-[А-Я][а-я]*)?»|ИП [А-ЯЁ][а-яё]+( [А-ЯЁ]\.){1,2}",
    ("CN", "person"): r"[\u4e00-\u9fff]{2,4}",
    ("CN", "company"): r"[\u4e00-\u9fff]+(有限公司|有限责任公司)",
    ("GB", "person"): r"[A-Z][a-z]+ [A-Z][A-Za-z'-]+",
    ("GB", "company"): r"[A-Z][A-Za-z' -]+( & [A-Z][A-Za-z'-]+)? (Ltd|LLP)",
}


def test_names_look_as_they_do_in_three_countries(many):
    cards = Counter()
    for country, kind, name in zip(
        many.customers["country"], many.customers["kind"], many.customers["name"], strict=True
    ):
        assert re.fullmatch(LOOKS[country, kind], name), name
        cards[country, kind] += 1
    assert min(cards.values()) > 500
    assert len(set(many.customers["name"])) > 8000


def test_phones_are_valid_and_written_as_the_product_writes_them(many):
    pairs = list(zip(many.phones["number"], many.phones["digits"], strict=True))
    for number, digits in pairs[:3000]:
        assert phonenumbers.is_valid_number(phonenumbers.parse(f"+{digits}"))
        assert clean_phone(typed(number), "RU") == (number, digits)
    assert {digits[:2] for _, digits in pairs} > {"79", "74", "86", "44"}


def test_nobodys_mail_address_is_used(many):
    addresses = many.emails["address"]
    assert all(address.endswith(".example") and address == clean_email(address) for address in addresses[:2000])
    assert all(address.endswith(".example") for address in addresses)
    assert len(set(addresses)) > 0.97 * len(addresses)


def test_customers_have_none_to_three_phones_and_mails(many):
    for made in (many.phones, many.emails):
        counts = np.bincount(column(made, "customer_id"), minlength=10_001)[1:]
        assert set(counts) == {0, 1, 2, 3}


def test_the_customers_that_everybody_knows_are_there(told):
    with unit_of_work(told, demo_person(told, "claire"), now=NOW) as u:
        found = customers.listing(u, customers.Filters("华信"))
        assert list(found.name) == ["北京华信科技有限公司"]
        assert found.iloc[0].responsible_id == u.actor.id
        assert customers.reach(u, int(found.index[0])).phones == ("+86 10 6552 9988",)
    with unit_of_work(told, demo_person(told, "keeper"), now=NOW) as u:
        assert customers.count(u, customers.Filters("спецстрой")) == 1
        assert customers.count(u, customers.Filters("+7 (495) 234-56-78")) == 1


# --- today ------------------------------------------------------------------


def demo_person(database: Database, username: str) -> Identity:
    users = records.load().tables["users"].c
    with database.reader.connect() as connection:
        return Identity(connection.execute(select(users.id).where(users.username == username)).scalar_one())


def test_everybody_can_sign_in_with_the_one_password(told):
    hashes = rows(told, records.load().tables["credentials"].c.password_hash)
    assert len(hashes) == len(CAST)
    for username in ("admin", "chen"):
        sessions.confirm_password(told, demo_person(told, username).user_id, demo.PASSWORD, now=NOW)
    with pytest.raises(Invalid):
        sessions.confirm_password(told, demo_person(told, "admin").user_id, "another password", now=NOW)


def test_every_role_has_somebody():
    assert {person.role for person in CAST} == set(demo.people.Role)


def test_who_had_an_account_keeps_it(another):
    users = records.load().tables["users"]
    with another.writing() as connection:
        facts = {"username": "anna", "name": "Anna herself", "roles": ["analyst"], "created_at": NOW, "version": 1}
        connection.execute(users.insert().values(facts))
    demo.fill(another, customers=5, now=NOW)
    mine = {one.username: (one.name, one.roles) for one in rows(another, *users.c) if one.username.startswith("anna")}
    assert mine == {"anna": ("Anna herself", ["analyst"]), "anna.demo": ("Анна Волкова", ["sales_rep"])}
    assert len(rows(another, records.load().tables["credentials"].c.user_id)) == len(CAST)


@pytest.mark.parametrize(
    "moment", [NOW, datetime(2026, 3, 1, 0, 20, tzinfo=NOW.tzinfo), NOW + timedelta(days=5, hours=9)]
)
def test_counters_of_the_day_and_month_are_alive(another, moment):
    demo.fill(another, customers=100, now=moment)
    today = moment.date()
    with unit_of_work(another, demo_person(another, "leader"), now=moment) as u:
        progress = plans.progress(u, today)
        since = clock.start_of(today, ZONE)
        logged = interactions.listing(
            u, interactions.Filters(since=since, until=moment + timedelta(seconds=1)), size=500
        )
    for username in ("anna", "boris", "claire"):
        person = demo_person(another, username).user_id
        talks = [one for one in progress if one.responsible_id == person and one.measure == "interactions"]
        assert len(talks) == 2  # month and quarter
        assert all(one.done >= 1 and one.target >= 40 for one in talks)
        assert (logged.responsible_id == person).sum() >= 3
    teams = [one for one in progress if one.responsible_id is None and one.measure == "interactions"]
    assert all(one.done >= 9 and one.target in {120, 360} for one in teams)


def test_everybody_finds_a_message_and_may_open_what_it_speaks_of(told):
    for person in CAST:
        with unit_of_work(told, demo_person(told, person.username), now=NOW) as u:
            assert notifications.unread_count(u) >= 1
            for message in notifications.latest(u):
                assert message.text.format(**message.values)
                if message.page == "customer":
                    opened = customers.one(u, int(message.query["id"])).name
                    assert opened == message.values.get("customer", "北京华信科技有限公司")


def test_somebody_of_another_team_asks_for_access_to_the_customer_that_everybody_knows(told):
    for username in ("claire", "leader"):
        with unit_of_work(told, demo_person(told, username), now=NOW) as u:
            wishes = [one for one in notifications.latest(u) if one.query.get("do") == "access"]
            assert [one.values["who"] for one in wishes] == ["王伟"]


def test_two_firms_became_one_and_can_be_two_again(told):
    with unit_of_work(told, demo_person(told, "keeper"), now=NOW) as u:
        (went,) = u.all(select(Customer.id).where(Customer.merged_into_id.is_not(None)))
        stays = merges.survivor_of(u, went)
        (merge,) = merges.of(u, stays)
        found = merges.undoing(u, merge["id"])
        assert found.refused is None
        assert found.goes["interactions"] > 0


def test_firms_are_linked_and_a_customer_that_may_be_lost_says_why(told):
    with unit_of_work(told, demo_person(told, "anna"), now=NOW) as u:
        keys = u.all(select(Customer.id).where(Customer.responsible_id == u.actor.id))
        assert {one.kind for key in keys for one in relations.of(u, key)} >= {*story.LINKS}
        reasons = [step["reason"] for key in keys for step in stages.steps(u, key)]
        assert story.LAPSED["ru"] in reasons


def test_the_leaders_share_filters_that_find_somebody_and_are_understood(told):
    users = records.load().tables["users"].c
    keys = dict(rows(told, users.username, users.id))
    for who in ("leader", "anna", "chen", "wangwei"):
        with unit_of_work(told, Identity(keys[who]), now=NOW) as u:
            offered = saved_filters.offered(u)
            assert len(offered) == 2, who
            for one in offered:
                rule, faults = customers.rules.read(one["query"]["where"], customers.rules.askable(u.actor, ()))
                assert (faults, customers.rules.written(rule)) == ((), one["query"]["where"])
            (silent,) = [one["query"]["where"] for one in offered if "last_contact" in one["query"]["where"]]
            assert customers.count(u, customers.Filters(where=silent)) > 0


def test_every_stage_has_its_strategy_and_every_type_its_customers(told):
    with as_system(told, now=NOW) as u:
        assert set(stages.strategies(u)) == set(customers.STAGES)
        for one in templates.everything(u):
            assert customers.count(u, customers.Filters(type=one.code)) > 0
        assert quality.queue_count(u, days=180) > 0
        assert 0 < quality.together(quality.per_person(u, days=180)).share_fresh < 1


def test_the_keeper_has_asked_for_missing_data_and_filed_a_report(told):
    with unit_of_work(told, demo_person(told, "keeper"), now=NOW) as u:
        draft, filed = reports.page(u)
        assert (draft["filed_at"], filed["filed_at"] is None) == (None, False)
        assert reports.before(u, draft)["id"] == filed["id"]
        assert filed["conclusion"]
        asked = u.rows(select(DataRequest.customer_id))
        assert len(asked) == len({row["customer_id"] for row in asked}) == 3


def test_the_newcomer_has_no_customers_yet(told):
    with unit_of_work(told, demo_person(told, NEWCOMER), now=NOW) as u:
        assert customers.count(u, customers.Filters(mine=True)) == 0
        assert customers.count(u) > 0
        mine = interactions.Filters(responsible_id=u.actor.id)
        assert interactions.count(u, mine) == 1


def test_the_partner_sees_his_customers_only(told):
    with unit_of_work(told, demo_person(told, "partner"), now=NOW) as u:
        assert 1 <= customers.count(u) < 30


def test_more_customers_bring_more_teams(another, monkeypatch):
    monkeypatch.setattr(demo.people, "TEAMS_FROM", 50)
    monkeypatch.setattr(demo.people, "CUSTOMERS_A_TEAM", 40)
    filled = demo.fill(another, customers=100, now=NOW, interactions_per_customer=2, purchases_per_customer=1)
    assert filled.people == len(CAST) + 3 * 9
    busy = {row.responsible_id for row in rows(another, table(Customer).responsible_id)}
    assert len(busy - {None}) > 15
    with unit_of_work(another, demo_person(another, "leader3"), now=NOW) as u:
        assert customers.count(u) > 5
        assert any(one.target for one in plans.progress(u, NOW.date()))


def test_kinds_directions_and_outcomes_are_the_journals_own():
    assert set(talks.KINDS) == set(interactions.Kind)
    assert set(talks.OUTCOMES) == set(interactions.Outcome)
    for manner in talks._MANNERS.values():
        assert sum(manner.kinds.values()) == pytest.approx(1)
        assert sum(manner.outcomes.values()) == pytest.approx(1)
