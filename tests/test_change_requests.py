"""Change requests: a line reaches the record keeper, waits until somebody answers, and tells nobody else."""

import pytest
from sqlalchemy import select

from crm import audit, change_requests, customers, notifications, rights
from crm.core.audit_log import AuditEntry
from crm.core.errors import Conflict, Invalid, NotFound, Refused
from tests.cast import Cast, a_customer

LINE = "The new phone is +7 916 765-43-21"


def asked(cast: Cast, key: int, part: str = "rep", text: str = LINE) -> int:
    with cast.unit(getattr(cast, part)) as u:
        return change_requests.ask(u, key, text).id


def answered(cast: Cast, request_id: int, text: str = "", part: str = "keeper", seen: int = 1) -> None:
    with cast.unit(getattr(cast, part)) as u:
        change_requests.answer(u, request_id, text, seen=seen)


def bell(cast: Cast, part: str) -> list[tuple[str, str]]:
    with cast.unit(getattr(cast, part)) as u:
        return [(one.text.format(**one.values), one.address) for one in notifications.latest(u)]


def test_a_refused_change_says_whom_to_ask_and_one_call_asks_him(cast):
    """J21: the rep tries to change the phone of his customer."""
    key = a_customer(cast, "rep")
    with (
        pytest.raises(Refused, match="Ask the record keeper: 'Ask for a change' on the card"),
        cast.unit(cast.rep) as u,
    ):
        customers.edit_personal(u, key, {"phones": ["+7 916 765-43-21"]}, seen=1)
    with pytest.raises(Refused, match="Ask the record keeper"), cast.unit(cast.rep) as u:
        customers.edit(u, key, {"phones": ["+7 916 765-43-21"]}, seen=1)
    request = asked(cast, key)
    with cast.unit(cast.keeper) as u:
        (row,) = change_requests.page(u)
        assert change_requests.count(u) == 1
    assert (row["id"], row["customer_id"], row["customer"], row["text"]) == (request, key, "Customer of rep", LINE)
    assert (row["responsible_id"], row["asked_at"]) == (cast.rep.user_id, cast.now)
    assert bell(cast, "keeper") == [
        ("Somebody asks you to change personal data of a customer.", f"/requests?do=request&request={request}")
    ]


def test_the_answer_closes_the_request_and_reaches_whoever_asked(cast):
    key = a_customer(cast, "rep")
    request = asked(cast, key)
    answered(cast, request, " Changed, thank you. ")
    with cast.unit(cast.keeper) as u:
        assert change_requests.page(u) == []
        assert (change_requests.count(u), change_requests.count(u, done=True)) == (0, 1)
        (row,) = change_requests.page(u, done=True)
    assert (row["answer"], row["done_by_id"], row["done_at"]) == ("Changed, thank you.", cast.keeper.user_id, cast.now)
    assert bell(cast, "rep") == [
        ("Your request to change personal data was answered.", f"/customer?id={key}&do=asked&request={request}")
    ]
    with cast.unit(cast.rep) as u:
        assert change_requests.one(u, request)["answer"] == "Changed, thank you."


def test_a_request_is_answered_once(cast):
    request = asked(cast, a_customer(cast, "rep"))
    with pytest.raises(Conflict):
        answered(cast, request, seen=2)
    answered(cast, request)
    for seen in (1, 2):
        with pytest.raises(Conflict):
            answered(cast, request, seen=seen)
    assert len(bell(cast, "rep")) == 1


@pytest.mark.parametrize(("text", "field"), [("", "text"), ("  \x00 ", "text"), ("x" * 501, "text")])
def test_a_line_must_say_something_and_be_a_line(cast, text, field):
    with pytest.raises(Invalid) as caught:
        asked(cast, a_customer(cast, "rep"), text=text)
    assert caught.value.field == field
    assert bell(cast, "keeper") == []


def test_those_are_told_who_can_answer_and_no_others(cast):
    with cast.unit(cast.admin) as u:
        rights.adjust(u, "sales_manager", "requests.answer", "team")
        rights.adjust(u, "sales_manager", "requests.view", "team")
    request = asked(cast, a_customer(cast, "mate"))
    assert len(bell(cast, "keeper")) == len(bell(cast, "leader")) == 1
    for part in ("rival_leader", "rep", "mate", "admin", "gone"):
        if part != "gone":
            assert bell(cast, part) == [], part
    with pytest.raises(NotFound):
        answered(cast, request, part="rival_leader")
    answered(cast, request, part="leader")


def test_neither_the_log_nor_the_bell_repeats_what_was_asked(cast):
    key = a_customer(cast, "rep", name="Ivan Petrov")
    request = asked(cast, key)
    answered(cast, request, "Petrov has 765-43-21 now")
    with cast.unit() as u:
        entries = u.all(select(AuditEntry))
        notices = u.all(select(notifications.Notification))
    told = str([(one.verb, one.changes) for one in entries if one.record == "change_requests"])
    assert "change_requests.ask" in told
    assert "change_requests.answer" in told
    for secret in ("765", "Petrov"):
        assert secret not in told
        assert secret not in str([(one.text, one.values, one.query) for one in notices])
    with cast.unit(cast.admin) as u:
        assert "•" in str([row["changes"] for row in audit.page(u)])


def test_open_requests_of_a_customer_are_seen_by_who_asked_and_who_answers(cast):
    key, other = a_customer(cast, "mate"), a_customer(cast, "mate", name="Other")
    asked(cast, key)
    asked(cast, other)
    for part, seen in (("rep", 1), ("keeper", 1), ("mate", 0), ("leader", 0), ("admin", 0)):
        with cast.unit(getattr(cast, part)) as u:
            assert len(change_requests.open_of(u, key)) == seen, part
    with cast.unit(cast.rep) as u:
        request = change_requests.open_of(u, key)[0]["id"]
    answered(cast, request)
    with cast.unit(cast.keeper) as u:
        assert change_requests.open_of(u, key) == []
