"""Privacy at the record: what stands hidden is shown for a reason, in measure, and leaves a trace without the value."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from crm import notifications, privacy, rights, settings, teams
from crm.core.audit_log import AuditEntry
from crm.core.errors import NotFound, Refused
from tests.cast import ADDRESS, EMAIL, NOW, PHONE, SOUTH, Cast, a_customer

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
