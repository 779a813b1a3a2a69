"""Missing data: one press asks the responsible, who finds the way into the form behind the bell; the card tells when it is done."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select

from crm import audit, customers, missing_data, notifications, templates, users
from crm.core.errors import Conflict, Invalid, NotFound, Refused
from crm.missing_data import DataRequest, is_fresh, is_open
from tests.cast import NOW, PARTS, Cast, a_customer, a_field, placed

REP, MATE, KEEPER = (PARTS[name].id for name in ("rep", "mate", "keeper"))


def ask(cast: Cast, key: int, by: str = "keeper", **when) -> int:
    with cast.unit(getattr(cast, by), **when) as u:
        return missing_data.ask(u, key).id


def bell(cast: Cast, part: str) -> list[tuple[str, str]]:
    with cast.unit(getattr(cast, part)) as u:
        return [(one.text.format(**one.values), one.address) for one in notifications.latest(u)]


def state(cast: Cast, key: int, by: str = "keeper") -> tuple[list[str], bool]:
    """Return what is missing of a customer, and whether somebody was asked for something of it."""
    with cast.unit(getattr(cast, by)) as u:
        gaps = missing_data.missing(u, [key]).get(key, [])
        last = missing_data.latest(u, [key]).get(key)
    return gaps, bool(last and is_open(last, gaps))


def test_the_responsible_is_told_behind_the_bell_with_the_way_into_the_very_form(cast):
    key = a_customer(cast, "rep", name="Lamp House", city="Kazan", phones=[])
    ask(cast, key)
    assert bell(cast, "rep") == [
        (
            "Kira Keeper asks you to fill in what is missing of Lamp House.",
            f"/customer?id={key}&do=business&field=industry",
        )
    ]
    for part in ("mate", "leader", "keeper", "admin", "rival"):
        assert bell(cast, part) == [], part
    with cast.unit(cast.rep) as u:
        (last,) = missing_data.latest(u, [key]).values()
    assert (last["asked_of_id"], last["asked_by_id"], last["asked_at"]) == (REP, KEEPER, NOW)
    assert last["wanted"] == ["phones", "industry", "employees", "source", "need"]


def test_where_personal_data_alone_are_missing_the_way_leads_to_them(cast):
    whole = {"industry": "Retail", "employees": 3, "city": "Kazan", "source": "file", "need": "Lamps"}
    key = a_customer(cast, "rep", phones=[], **whole)
    ask(cast, key)
    assert bell(cast, "rep")[0][1] == f"/customer?id={key}&do=personal&field=phones"


def test_what_is_missing_is_what_the_template_asks_for_and_the_card_counts(cast):
    shoe = a_field(cast, "Shoe size")
    placed(cast, "company", shoe.key, "wanted")
    keys = [
        a_customer(cast, "rep", name="Bare", phones=[], emails=[], address="Street 1"),
        a_customer(cast, "mate", name="Fuller", city="Kazan", source="file", **{shoe.key: "42"}),
        a_customer(cast, "rival", kind="person", name="Ivan", address=None),
    ]
    with cast.unit(cast.keeper) as u:
        found = missing_data.missing(u, keys)
        shown = {row["id"]: row["completeness"] for row in customers.page(u, columns=["completeness"])}
        asked = {key: templates.demanded(templates.types(u)[customers.one(u, key).type], (shoe,)) for key in keys}
    assert found[keys[0]] == ["phones", "emails", shoe.key, "industry", "employees", "city", "source", "need"]
    assert found[keys[1]] == ["industry", "employees", "need"]
    assert found[keys[2]] == ["address", "city", "source"]
    for key in keys:
        assert shown[key] == (len(asked[key]) - len(found[key])) * 100 // len(asked[key])


def test_nobody_learns_what_is_missing_of_whom_he_does_not_see(cast):
    key = a_customer(cast, "rival")
    ask(cast, key)
    with cast.unit(cast.rep) as u:
        assert missing_data.missing(u, [key]) == missing_data.latest(u, [key]) == {}
        assert u.rows(select(DataRequest.id)) == []


def test_masked_contact_data_are_there_also_for_whom_they_are_masked(cast):
    key = a_customer(cast, "mate")
    with cast.unit(cast.rep) as u:
        assert not {"phones", "emails", "address"} & set(missing_data.missing(u, [key])[key])


def test_the_request_is_done_by_itself_when_everything_is_filled_in(cast):
    key = a_customer(cast, "rep", industry="Retail", employees=3, source="file")
    ask(cast, key)
    assert state(cast, key) == (["city", "need"], True)
    for field, gaps, is_still_open in (("city", ["need"], True), ("need", [], False)):
        with cast.unit(cast.rep) as u:
            customers.edit(u, key, {field: "Kazan"}, seen=customers.one(u, key).version)
        assert state(cast, key) == (gaps, is_still_open)


def test_what_is_missing_only_since_then_opens_no_old_request(cast):
    key = a_customer(cast, "rep", industry="Retail", employees=3, source="file", need="Lamps")
    ask(cast, key)
    with cast.unit(cast.keeper) as u:
        customers.edit(u, key, {"city": "Kazan", "need": ""}, seen=1)
    assert state(cast, key) == (["need"], False)


def test_asking_again_within_three_days_is_told_and_not_repeated(cast):
    key = a_customer(cast, "rep")
    ask(cast, key)
    for by, after in (("keeper", timedelta(0)), ("leader", timedelta(days=3, seconds=-1))):
        with pytest.raises(Conflict, match="less than three days ago"):
            ask(cast, key, by, now=NOW + after)
    assert len(bell(cast, "rep")) == 1
    ask(cast, key, now=NOW + timedelta(days=3))
    assert len(bell(cast, "rep")) == 2


def test_whoever_is_responsible_now_is_asked_although_somebody_else_was(cast):
    key = a_customer(cast, "rep")
    ask(cast, key)
    with cast.unit(cast.keeper) as u:
        customers.assign(u, key, responsible_id=MATE, seen=1)
    ask(cast, key)
    assert len(bell(cast, "mate")) == 1


def test_what_was_filled_in_and_is_missing_otherwise_is_asked_for_at_once(cast):
    key = a_customer(cast, "rep", industry="Retail", employees=3, source="file", need="Lamps")
    ask(cast, key)
    with cast.unit(cast.keeper) as u:
        customers.edit(u, key, {"city": "Kazan", "need": ""}, seen=1)
    ask(cast, key)
    assert len(bell(cast, "rep")) == 2


def test_two_presses_at_one_moment_ask_once(cast):
    key, gate = a_customer(cast, "rep"), Barrier(2)

    def press(by: str) -> bool:
        gate.wait()
        try:
            ask(cast, key, by)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(press, ("keeper", "leader"))) == [False, True]
    assert len(bell(cast, "rep")) == 1


def test_nobody_is_asked_for_nothing_and_nobody_who_is_not_there(cast):
    whole = {"industry": "Retail", "employees": 3, "city": "Kazan", "source": "file", "need": "Lamps"}
    left = a_customer(cast, "mate")
    with cast.unit(cast.admin) as u:
        users.disable(u, MATE)
    for key in (a_customer(cast, "rep", **whole), a_customer(cast, None), left):
        with pytest.raises(Invalid):
            ask(cast, key)


def test_who_looks_after_himself_hears_nothing(cast):
    ask(cast, a_customer(cast, "keeper"))
    assert bell(cast, "keeper") == []


@pytest.mark.parametrize(
    ("part", "fault"),
    [("rep", Refused), ("mate", Refused), ("rival", Refused), ("rival_leader", NotFound), ("admin", Refused),
     ("service", Refused), ("executive", Refused), ("analyst", Refused), ("partner", Refused), ("leader", None), ("keeper", None)],
)  # fmt: skip
def test_asking_reaches_as_far_as_the_right(cast, part, fault):
    key = a_customer(cast, "rep")
    if fault is None:
        ask(cast, key, part)
        return
    with pytest.raises(fault):
        ask(cast, key, part)
    assert bell(cast, "rep") == []


def test_no_other_right_writes_a_request(cast):
    key = a_customer(cast, "rep")
    with pytest.raises(Refused), cast.unit(cast.rep) as u, u.acting("test.attack", "customers.edit"):
        u.add(DataRequest(customer_id=key, asked_of_id=MATE, asked_at=NOW, wanted=["city"]))


def test_addresses_are_for_whoever_may_ask(cast):
    key, nobodys = a_customer(cast, "rep"), a_customer(cast, None)
    for part, found in (("keeper", {key: "rep@rapport.example"}), ("rep", {}), ("analyst", {}), ("rival_leader", {})):
        with cast.unit(getattr(cast, part)) as u:
            assert missing_data.addresses(u, [key, nobodys]) == found, part


def test_the_log_keeps_that_it_was_asked_and_of_whom(cast):
    key = ask(cast, a_customer(cast, "rep"))
    with cast.unit(cast.admin) as u:
        (entry,) = [row for row in audit.page(u) if row["record"] == "data_requests"]
    assert (entry["verb"], entry["record_id"], entry["changes"]["asked_of_id"]) == (
        "missing_data.ask",
        key,
        [None, REP],
    )


def test_fresh_means_the_same_person_for_three_days_while_something_is_missing():
    asked = {"asked_of_id": 1, "asked_at": NOW, "wanted": ["city"]}
    soon, late = NOW + timedelta(days=2), NOW + timedelta(days=3)
    assert is_fresh(asked, ["city"], 1, soon)
    assert not is_fresh(asked, ["city"], 1, late)
    assert not is_fresh(asked, ["city"], 2, soon)
    assert not is_fresh(asked, ["need"], 1, soon)
