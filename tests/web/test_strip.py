"""What the strip above every page asks for: the look-up, the bell and the language, within the asker's rights."""

from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from crm import customers, notifications, rights, search, users
from tests.cast import PHONE, a_call, a_customer
from web import strip
from web.requests import PRESENT


def asking(who):
    """A client that the gate has let in for somebody."""
    inner = Starlette(routes=strip.ROUTES)

    async def gate(scope, receive, send):
        present = SimpleNamespace(user_id=who.user_id, sign_in_id=who.sign_in_id)
        await inner({**scope, PRESENT: present}, receive, send)

    return TestClient(gate, headers={"accept-language": "en"})


def found(who, text):
    return [one["name"] for one in asking(who).get("/find", params={"q": text}).json()["found"]]


def test_the_look_up_finds_by_part_of_a_name_in_three_scripts(cast):
    a_customer(cast, name="ООО «Спецстрой»")
    a_customer(cast, name="华信科技")
    a_customer(cast, name="Ivanov Trading")
    assert found(cast.rep, "спецс") == ["ООО «Спецстрой»"]
    assert found(cast.rep, "specstr") == ["ООО «Спецстрой»"]
    assert found(cast.rep, "华信") == ["华信科技"]
    assert found(cast.rep, "huaxin") == ["华信科技"]
    assert found(cast.rep, "иванов") == ["Ivanov Trading"]


def test_the_look_up_never_shows_another_teams_customer(cast):
    a_customer(cast, "rival", name="Hidden Ltd", external_number="H-77")
    for text in ("hidden", "hidden ltd", PHONE, "ivan@example.com", "h-77", "H"):
        assert found(cast.rep, text) == [], text
    assert found(cast.executive, "hidden") == ["Hidden Ltd"]
    assert found(cast.partner, "hidden") == []


def test_the_digits_of_a_colleagues_phone_cannot_be_guessed_one_by_one(cast):
    a_customer(cast, "mate", name="Mate's Own")
    assert found(cast.rep, PHONE) == ["Mate's Own"], "who knows the whole number may ask whose it is"
    for part in ("+7 916", "+7 916 123", "9161", "123-45", "45-67", "ivan@exam"):
        assert found(cast.rep, part) == [], part


def test_what_is_found_carries_no_contact_data(cast):
    a_customer(cast)
    answer = asking(cast.rep).get("/find", params={"q": PHONE}).text
    assert "916" not in answer
    assert "example.com" not in answer


def test_each_hit_says_why_it_was_found_and_who_talked_last(cast):
    key = a_customer(cast, name="Иванов Пётр")
    a_customer(cast, name="Quiet")
    a_call(cast, key, "mate")
    (one,) = asking(cast.rep).get("/find", params={"q": "bdfyjd"}).json()["found"]
    assert one["why"] == "keyboard layout: иванов"
    assert one["last"] == "Last contact 09:00 · Call · Olga Mate"
    (one,) = asking(cast.rep).get("/find", params={"q": "4567 "}, headers={"accept-language": "ru"}).json()["found"][:1]
    assert one["why"] == "телефон кончается на 4567"
    (one,) = asking(cast.rep).get("/find", params={"q": "quiet"}).json()["found"]
    assert (one["why"], one["last"]) == ("name", "No contact yet")


def test_whoever_may_not_see_the_journal_learns_no_name_from_it(cast):
    with cast.unit(cast.admin) as u:
        rights.adjust(u, "sales_rep", "interactions.view", None)
    a_call(cast, a_customer(cast, name="Somebody"), "mate")
    (one,) = asking(cast.rep).get("/find", params={"q": "somebody"}).json()["found"]
    assert "Olga" not in one["last"]


def test_the_likeliest_comes_first(cast):
    others = [a_customer(cast, "mate", name=f"Stroy {n}") for n in range(3)]
    mine = a_customer(cast, "rep", name="Stroy 9")
    assert found(cast.rep, "stroy")[0] == "Stroy 9"
    assert len(found(cast.rep, "stroy")) == len([*others, mine])
    assert found(cast.rep, "stroy 2")[0] == "Stroy 2"


def test_too_little_is_not_looked_up(cast):
    assert asking(cast.rep).get("/find", params={"q": "s"}).json() == {"short": True, "found": []}
    assert search.is_long_enough("王")
    assert not search.is_long_enough(" a ")


def test_whoever_may_not_see_customers_finds_none(cast):
    with cast.unit(cast.admin) as u:
        rights.adjust(u, "sales_rep", "customers.view", None)
    a_customer(cast, name="Somebody")
    assert found(cast.rep, "somebody") == []


def test_the_bell_tells_ones_own_messages_and_reading_them_ends_the_count(cast):
    with cast.unit() as u:
        notifications.send(
            u,
            cast.rep.user_id,
            "{customer} called and asks for you.",
            page="customer",
            query={"id": "7"},
            customer="Ann",
        )
        notifications.send(u, cast.mate.user_id, "Your plan for this month is set.")
    entries = asking(cast.rep).get("/bell").json()["entries"]
    assert [(one["text"], one["href"], one["unread"]) for one in entries] == [
        ("Ann called and asks for you.", "/customer?id=7", True)
    ]
    assert asking(cast.rep).post("/bell/read").status_code == 204
    assert [one["unread"] for one in asking(cast.rep).get("/bell").json()["entries"]] == [False]
    assert [one["unread"] for one in asking(cast.mate).get("/bell").json()["entries"]] == [True]


def test_the_language_is_ones_own_choice_and_only_a_known_one(cast):
    assert asking(cast.rep).post("/language", json={"code": "zh"}).status_code == 204
    with cast.unit(cast.rep) as u:
        assert u.actor.language == "zh"
    for wrong in ({"code": "tlh"}, {"code": ["zh"]}, {}):
        assert asking(cast.rep).post("/language", json=wrong).status_code == 400
    assert asking(cast.rep).post("/language", content=b"x" * 500).status_code == 400
    assert asking(cast.rep).post("/language", content=b"not json").status_code == 400


@pytest.mark.parametrize("method", ["get", "post"])
def test_whoever_is_disabled_gets_nothing(cast, method):
    with cast.unit(cast.admin) as u:
        users.disable(u, cast.mate.user_id)
    path = {"get": "/find?q=abc", "post": "/bell/read"}[method]
    assert getattr(asking(cast.mate), method)(path).status_code == 401
    with cast.unit() as u:
        assert customers.count(u) == 0
