"""What a page remembers: it is read again as soon as anything has changed, and shown to nobody else."""

import pytest

from crm import customers, rights
from tests.cast import a_call, a_customer
from tests.pages.screen import opened, part, rows, texts
from ui import session


@pytest.fixture
def reads(monkeypatch):
    """Note how often the list and the card are read."""
    noted: list[str] = []

    def noting(name):
        real = getattr(customers, name)

        def read(*given, **named):
            noted.append(name)
            return real(*given, **named)

        monkeypatch.setattr(customers, name, read)

    noting("page")
    noting("card")
    return noted


def names(at):
    return [row[0] for row in rows(at, "customers")]


def test_a_list_is_read_once_while_nobody_changes_anything(cast, reads):
    a_customer(cast, "rep", name="Known")
    at = opened("customers", cast.rep)
    assert names(at.run()) == names(at.run()) == ["Known"]
    assert reads == ["page"]


def test_what_somebody_else_changes_shows_at_the_next_look(cast, reads):
    key = a_customer(cast, "mate", name="Before")
    at, card = opened("customers", cast.rep), opened("customer", cast.rep, id=key)
    with cast.unit(cast.keeper) as u:
        customers.edit_personal(u, key, {"name": "After"}, seen=1)
    a_customer(cast, "rep", name="New")
    assert names(at.run()) == ["After", "New"]
    assert part(card.run(), "head")["title"] == "After"
    assert reads == ["page", "card", "page", "card"]


def test_the_address_decides_what_is_read(cast):
    first, second = a_customer(cast, "rep", name="First"), a_customer(cast, "rep", name="Second")
    at = opened("customer", cast.rep, id=first)
    at.query_params["id"] = str(second)
    assert part(at.run(), "head")["title"] == "Second"
    at.query_params["id"] = str(first)
    assert part(at.run(), "head")["title"] == "First"


def test_a_right_that_was_taken_away_takes_what_was_remembered_along(cast):
    key = a_customer(cast, "rep", name="Hidden Now")
    at, card = opened("customers", cast.rep), opened("customer", cast.rep, id=key)
    with cast.unit(cast.admin) as u:
        rights.adjust(u, "sales_rep", "customers.view", None)
    for each in (at, card):
        assert "Hidden Now" not in texts(each.run())


def test_a_customer_handed_to_another_team_leaves_what_was_remembered(cast):
    key = a_customer(cast, "rep", name="Goes South")
    at, card = opened("customers", cast.rep), opened("customer", cast.rep, id=key)
    with cast.unit() as u:
        customers.assign(u, key, responsible_id=cast.rival.user_id, seen=1)
    for each in (at, card):
        assert "Goes South" not in texts(each.run())


def test_nobody_is_shown_what_another_person_read_in_the_same_session(cast):
    a_customer(cast, "rep", name="Of The North")
    at = opened("customers", cast.rep)
    assert names(at) == ["Of The North"]
    at.user = {"user_id": str(cast.rival.user_id), "sign_in": ""}
    assert "Of The North" not in texts(at.run())


def test_what_nobody_changes_is_read_again_after_a_while(cast, reads, monkeypatch):
    a_customer(cast, "rep", name="Known")
    at = opened("customers", cast.rep)
    monkeypatch.setattr(session, "WATCHED_SECONDS", -1)
    at.run()
    assert reads == ["page", "page"]


def test_a_session_remembers_only_its_last_looks(cast):
    keys = [a_customer(cast, "rep", name=f"Customer {n}") for n in range(session.MOST_WATCHED + 3)]
    at = opened("customer", cast.rep, id=keys[0])
    for key in keys:
        at.query_params["id"] = str(key)
        at.run()
    assert len(at.session_state["_memory"].watched) == session.MOST_WATCHED


def test_going_through_the_journal_shows_every_entry_once_even_while_colleagues_log(cast):
    key = a_customer(cast, "rep")
    for n in range(120):
        a_call(cast, key, note=f"Call {n:03}")
    at, seen = opened("interactions", cast.rep), []
    for number in (1, 2, 3):
        at.query_params["page"] = str(number)
        seen += [row[-2] for row in rows(at.run(), "journal")]
        a_call(cast, key, note="Meanwhile")
    assert seen == [f"Call {n:03}" for n in reversed(range(120))]
