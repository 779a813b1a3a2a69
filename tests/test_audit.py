"""Audit: what is read of who changed what, by whom, and what never shows."""

import json
from datetime import date, timedelta

import pytest

from crm import audit, customers, rights, settings, teams, users
from crm.audit import Filters
from crm.core.errors import NotFound, Refused
from crm.core.grants import RIGHTS
from crm.core.verbs import VERBS
from tests.cast import ADDRESS, EMAIL, PARTS, PHONE, SOUTH, a_call, a_customer


def verbs(frame) -> list[str]:
    return list(frame["verb"])


def test_the_list_is_narrowed_by_person_verb_record_and_period(cast):
    customer_id = a_customer(cast, "rep")
    a_call(cast, customer_id)
    with cast.unit(cast.admin, now=cast.now + timedelta(days=2)) as u:
        settings.change(u, "currency", "CNY")
    with cast.unit(cast.admin) as u:
        by_rep = audit.listing(u, Filters(actor_id=cast.rep.user_id))
        assert set(by_rep["who"]) == {"Ivan Rep"}
        assert "interactions.log" in verbs(by_rep)
        assert set(verbs(audit.listing(u, Filters(verb="settings.change")))) == {"settings.change"}
        card = audit.listing(u, Filters(record="customers", record_id=customer_id))
        assert set(card["record_id"]) == {customer_id}
        assert set(card["record"]) == {"customers"}
        assert audit.count(u, Filters(record="customers", record_id=customer_id)) == len(card) > 0
        assert audit.count(u, Filters(record="customers", record_id=customer_id + 1)) == 0


def test_the_period_counts_calendar_days_of_the_readers_zone(cast):
    late = cast.now.replace(hour=23, minute=30)  # in Moscow; in Shanghai it is the next day
    with cast.unit(cast.admin, now=late) as u:
        settings.change(u, "currency", "CNY")
    with cast.unit(cast.admin) as u:
        for zone, day in (("Europe/Moscow", date(2026, 2, 9)), ("Asia/Shanghai", date(2026, 2, 10))):
            for first, last, expected in (
                (day, day, 1),
                (day - timedelta(days=3), day - timedelta(days=1), 0),
                (day, None, 1),
            ):
                found = audit.listing(u, Filters(verb="settings.change", since=first, until=last, zone=zone))
                assert len(found) == expected, (zone, first, last)
            assert audit.count(u, Filters(verb="settings.change", since=day + timedelta(days=1), zone=zone)) == 0


def test_pages_are_cut_in_the_database_newest_first(cast):
    for number in range(12):
        a_customer(cast, "rep", name=f"Number {number}", phones=[], emails=[])
    with cast.unit(cast.admin) as u:
        pages = [audit.listing(u, Filters(record="customers"), page=page, size=5) for page in (1, 2, 3, 4)]
        assert [len(page) for page in pages] == [5, 5, 2, 0]
        ids = [key for page in pages for key in page.index]
        assert ids == sorted(ids, reverse=True)
        assert audit.count(u, Filters(record="customers")) == 12


def test_what_rapport_did_itself_has_no_person(cast):
    a_customer(cast, "rep")
    with cast.unit(cast.admin) as u:
        frame = audit.listing(u, Filters(record="customers"))
    assert frame["who"].isna().all()


def test_only_those_with_the_right_read_the_list(cast):
    for part in set(PARTS) - {"admin", "gone"}:
        with cast.unit(getattr(cast, part)) as u:
            for query in (audit.listing, audit.count, lambda u: audit.entry(u, 1)):
                with pytest.raises(Refused):
                    query(u)


def test_the_history_of_a_record_is_for_whoever_may_see_the_record(cast):
    customer_id = a_customer(cast, "rep")
    for part in ("rep", "mate", "leader", "keeper", "analyst", "executive"):
        with cast.unit(getattr(cast, part)) as u:
            assert "customers.create" in verbs(audit.history(u, "customers", customer_id)), part
    for part in ("rival", "rival_leader", "partner", "stranger"):
        with cast.unit(getattr(cast, part)) as u:
            for query in (audit.history, audit.last_by):
                with pytest.raises(NotFound):
                    query(u, "customers", customer_id)
                with pytest.raises(NotFound):
                    query(u, "customers", 999_999)


def test_the_history_of_records_that_belong_to_nobody_needs_the_audit_right(cast):
    with cast.unit(cast.leader) as u:
        for record in ("users", "teams", "settings", "right_adjustments", "audit_entries", "daily_counts", "nonsense"):
            with pytest.raises(Refused):
                audit.history(u, record, 1)
    with cast.unit(cast.admin) as u:
        teams.rename(u, SOUTH, "Far South", seen=1)
        assert verbs(audit.history(u, "teams", SOUTH)) == ["teams.rename"]


def test_a_role_without_the_view_right_has_no_history_either(cast):
    customer_id = a_customer(cast, "rep")
    with cast.unit(cast.admin) as u:
        rights.adjust(u, "sales_rep", "customers.view", None)
    with cast.unit(cast.rep) as u, pytest.raises(Refused):
        audit.history(u, "customers", customer_id)


def test_no_personal_value_ever_shows_in_list_or_history(cast):
    customer_id = a_customer(cast, "rep", name="Тайный Клиент")
    with cast.unit(cast.keeper) as u:
        seen = customers.one(u, customer_id).version
        customers.edit_personal(
            u, customer_id, {"name": "Иной Клиент", "phones": ["+7 921 765-43-21"], "address": "Невский 1"}, seen=seen
        )
    with cast.unit(cast.admin) as u:
        everything = json.dumps(
            [list(audit.listing(u)["changes"]), list(audit.history(u, "customers", customer_id)["changes"])]
        )
    everything = everything.encode().decode("unicode_escape")
    for secret in (
        "Тайный",
        "Иной",
        "123-45-67",
        "79161234567",
        "7654321",
        "765-43-21",
        EMAIL,
        PHONE,
        ADDRESS,
        "Невский",
    ):
        assert secret not in everything


def test_whoever_changed_last_is_named_for_the_conflict_screen(cast):
    customer_id = a_customer(cast, "rep")
    with cast.unit(cast.rep) as u:
        assert audit.last_by(u, "customers", customer_id) == ""
        customers.edit(u, customer_id, {"stage": "loyal"}, seen=customers.one(u, customer_id).version)
    with cast.unit(cast.mate) as u:
        assert audit.last_by(u, "customers", customer_id) == "Ivan Rep"


def test_one_entry_is_found_by_its_number_or_not_at_all(cast):
    with cast.unit(cast.admin) as u:
        users.disable(u, cast.rep.user_id)
        newest = audit.listing(u).index[0]
        assert audit.entry(u, int(newest))["verb"] == "users.disable"
        assert audit.entry(u, 999_999) is None


def test_every_verb_has_a_name_in_words():
    for verb, right in VERBS.items():
        assert audit.action(verb) in {*audit.ACTIONS.values(), RIGHTS.get(right)}, verb
    assert set(audit.ACTIONS) - set(VERBS) == {verb for verb in audit.ACTIONS if verb.startswith("sessions.")}
