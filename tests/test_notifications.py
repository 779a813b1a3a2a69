"""Notifications: a message reaches one person, once, and opens the thing that it speaks of."""

import pytest

from crm import notifications
from crm.core.errors import Refused
from tests.cast import NOW, PARTS


def send(cast, to="rep", text="{name} handed {n} customers over to you.", **values):
    with cast.unit() as u:
        return notifications.send(u, PARTS[to].id, text, page="customers", query={"id": "7"}, **values).id


def unread(cast, part="rep"):
    with cast.unit(getattr(cast, part)) as u:
        return notifications.unread_count(u)


def test_a_message_waits_behind_one_bell_only(cast):
    send(cast, name="Maria", n=3)
    assert {part: unread(cast, part) for part in ("rep", "mate", "leader", "admin", "keeper")} == {
        "rep": 1, "mate": 0, "leader": 0, "admin": 0, "keeper": 0,
    }  # fmt: skip


def test_a_message_keeps_its_words_values_and_address(cast):
    send(cast, name="Maria", n=3)
    with cast.unit(cast.rep) as u:
        (one,) = notifications.latest(u)
    assert (one.text, one.values) == ("{name} handed {n} customers over to you.", {"name": "Maria", "n": 3})
    assert (one.page, one.query, one.at, one.read_at) == ("customers", {"id": "7"}, NOW, None)


def test_the_newest_comes_first_and_no_more_than_asked_for(cast):
    ids = [send(cast, n=n) for n in range(5)]
    with cast.unit(cast.rep) as u:
        assert [one.id for one in notifications.latest(u, 3)] == ids[:1:-1]


def test_marking_as_read_empties_ones_own_bell_only(cast):
    send(cast, "rep")
    send(cast, "mate")
    with cast.unit(cast.rep) as u:
        notifications.mark_read(u)
    assert (unread(cast, "rep"), unread(cast, "mate")) == (0, 1)
    with cast.unit(cast.rep) as u:
        notifications.mark_read(u)  # again: nothing to do
        assert notifications.latest(u)[0].read_at == NOW


@pytest.mark.parametrize("part", ["rep", "leader", "admin"])
def test_people_do_not_send_in_rapports_name(cast, part):
    with pytest.raises(Refused), cast.unit(getattr(cast, part)) as u:
        notifications.send(u, PARTS["mate"].id, "Send me your password")
    assert unread(cast, "mate") == 0
