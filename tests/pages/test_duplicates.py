"""The screen of duplicates as it is used: the first look, the pairs side by side, deciding, taking it back, and who sees nothing."""

import pytest
from sqlalchemy import insert

from crm import customers, duplicates
from crm.core.access import RightAdjustment
from crm.core.jobs import JobProgress
from crm.duplicates import Filters, State
from tests.cast import NOW, Cast, a_customer, a_pair
from tests.pages.screen import happened, opened, part, press, texts
from ui import duplicate_queue

MARKUP = "**Bold** [link](http://evil.example) <b>"


def queue(cast: Cast, **filters) -> list[int]:
    with cast.unit() as u:
        return [row["id"] for row in duplicates.page(u, Filters(**filters))]


def last(cast: Cast) -> duplicates.Run:
    with cast.unit() as u:
        record = duplicates.last_run(u)
    assert record is not None
    return record


def three(cast: Cast) -> list[int]:
    """Let three pairs wait: an almost certain one, a likely one and a possible one."""
    keys = [a_customer(cast, of) for of in ("rep", "mate", "rival", None)]
    chances = (0.999, 0.85, 0.6)
    return [a_pair(cast, *keys[n : n + 2], certainty, ("phone", "name")) for n, certainty in enumerate(chances)]


# --- the look over the base -----------------------------------------------------------


def test_before_the_first_look_the_page_says_what_to_do_and_one_click_does_it(cast):
    at = opened("duplicates", cast.keeper)
    assert "side by side" in part(at, "empty-empty")["sentence"]
    assert part(at, "filters") is None
    press(at, "Look for duplicates now")
    assert (last(cast).state, last(cast).asked_by_id) == (State.WAITING, cast.keeper.user_id)
    at = opened("duplicates", cast.keeper)
    assert [one.proto.text for one in at.get("progress")] == ["Waiting for its turn."]
    assert [one.label for one in at.button] == ["Stop"]
    press(at, "Stop")
    assert last(cast).state == State.STOPPED


def test_the_stages_of_a_look_are_seen_by_everybody_with_the_right(cast):
    with cast.unit(cast.keeper) as u:
        asked = duplicates.look_now(u)
        duplicates.run.begin(u, asked.job_id)
    for done, said in ((200, "Reading the customers ..."), (700, "Comparing them ...")):
        with cast.database.writing() as connection:
            table = JobProgress.__table__
            connection.execute(table.delete())
            connection.execute(insert(table), [{"job_id": asked.job_id, "done": done, "total": 1000, "at": NOW}])
        (bar,) = opened("duplicates", cast.keeper).get("progress")
        assert (bar.proto.text, bar.proto.value) == (said, done // 10)


def test_when_the_base_was_looked_over_stands_at_the_head(cast):
    three(cast)
    assert part(opened("duplicates", cast.keeper), "head")["line"].endswith("2 customers compared")
    at = press(opened("duplicates", cast.keeper), "Look for duplicates now")
    assert part(at, "head")["line"].startswith("Last look:"), "the last result stands until the next one is there"


def test_a_look_that_failed_says_why(cast):
    with cast.unit() as u:
        run = duplicates.run.begin(u, "x")
        duplicates.run.fail(u, run.job_id, duplicates.run.CrmError(duplicates.run._BROKE))
    assert "Something broke on our side" in texts(opened("duplicates", cast.keeper))


# --- the pairs --------------------------------------------------------------------------


def test_both_stand_side_by_side_the_likeliest_first_with_what_differs_marked(cast):
    one = a_customer(cast, "rep", name="Ромашка", city="Perm", phones=["+7 916 000-00-01", "+7 916 000-00-02"])
    other = a_customer(cast, "mate", name="Рамашка", city="Perm", phones=["+7 916 000-00-01"])
    a_pair(cast, one, other, 0.9, ("city", "phone", "name_near"))
    (pair,) = part(opened("duplicates", cast.keeper), "twins")["pairs"]
    assert pair["certainty"] == "Likely · 90%"
    assert pair["signs"] == ["Same phone", "Similar name", "Same city"]
    assert [name["href"] for name in pair["names"]] == [f"/customer?id={one}", f"/customer?id={other}"]
    assert pair["names"][0]["pieces"] == [["Р", False], ["о", True], ["машка", False]]
    lines = {label: (here, there) for label, here, there in pair["lines"]}
    assert lines["Phones"] == (
        [["+7 916 000-00-01\n", False], ["+7 916 000-00-02", True]],
        [["+7 916 000-00-01", False]],
    )
    assert lines["City"] == ([["Perm", False]], [["Perm", False]])
    assert lines["Responsible"] == ([["Ivan Rep", False]], [["Olga Mate", False]])
    assert pair["href"] == f"/customer?id={one}&do=merge&with={other}"


def test_numbers_open_what_they_count_and_filters_narrow(cast):
    pairs = three(cast)
    seen = part(opened("duplicates", cast.keeper), "head")
    assert [one["label"] for one in seen["tabs"]] == ["To be decided: 3", "Not the same: 0"]
    for query, wanted in (
        ({}, pairs),
        ({"band": "likely"}, pairs[1:2]),
        ({"sign": "phone"}, pairs),
        ({"responsible": 4}, pairs[:2]),
    ):
        shown = part(opened("duplicates", cast.keeper, **query), "twins")
        assert [one["id"] for one in shown["pairs"]] == wanted, query
    at = opened("duplicates", cast.keeper, sign="city")
    assert "No pair matches these filters." in part(at, "empty-empty")["sentence"]


def test_one_click_tells_two_apart_and_one_click_takes_it_back(cast):
    first, *others = three(cast)
    at = happened(opened("duplicates", cast.keeper), "twins", "decided", first)
    assert (queue(cast), queue(cast, parted=True)) == (others, [first])
    at = press(at, "Undo")
    assert (queue(cast), queue(cast, parted=True)) == ([first, *others], [])
    assert "Undo" not in [one.label for one in at.button]
    happened(at, "twins", "decided", first)
    at = opened("duplicates", cast.keeper, tab="parted")
    (pair,) = part(at, "twins")["pairs"]
    assert (pair["id"], pair["button"], pair["href"]) == (first, "Take back", "")
    assert pair["note"].startswith("Kira Keeper · ")
    happened(at, "twins", "decided", first)
    assert queue(cast, parted=True) == []


def test_what_was_not_shown_is_not_decided(cast):
    pairs = three(cast)
    at = opened("duplicates", cast.keeper, band="sure")
    for invented in (pairs[1], 999, "x", None):
        happened(at, "twins", "decided", invented)
    assert queue(cast, parted=True) == []


def test_a_changed_customer_is_named_and_an_empty_queue_says_so(cast):
    one, other = a_customer(cast), a_customer(cast)
    pair = a_pair(cast, one, other)
    with cast.unit() as u:
        customers.edit(u, one, {"city": "Kazan"}, seen=1)
    assert part(opened("duplicates", cast.keeper), "twins")["pairs"][0]["note"] == "Changed since they were compared."
    assert "Of nobody was it said" in part(opened("duplicates", cast.keeper, tab="parted"), "empty-empty")["sentence"]
    with cast.unit() as u:
        duplicates.part(u, pair)
    assert "Nobody seems to be there twice" in part(opened("duplicates", cast.keeper), "empty-empty")["sentence"]


@pytest.mark.parametrize("name", ["rep", "service", "leader", "marketer", "analyst", "partner", "admin"])
def test_others_see_nothing_there_even_when_they_know_the_address(cast, name):
    three(cast)
    for query in ({}, {"tab": "parted"}, {"sign": "phone"}):
        at = opened("duplicates", getattr(cast, name), **query)
        assert part(at, "twins") is None
        assert "Customer of" not in texts(at)
        assert not at.button


def test_a_leader_with_the_right_sees_and_counts_his_teams_pairs_only(cast):
    row = {"role": "sales_manager", "right": duplicates.RIGHT, "scope": "team", "version": 1}
    with cast.database.writing() as connection:
        connection.execute(insert(RightAdjustment.__table__), [row])
    pairs = three(cast)
    at = opened("duplicates", cast.leader)
    assert [one["id"] for one in part(at, "twins")["pairs"]] == pairs[:1]
    assert part(at, "head")["tabs"][0]["label"] == "To be decided: 1"
    assert "Customer of rival" not in texts(at)
    happened(at, "twins", "decided", pairs[1])
    assert queue(cast, parted=True) == []


def test_what_somebody_typed_is_never_markup(cast):
    a_pair(cast, a_customer(cast, name=MARKUP, city=MARKUP), a_customer(cast, name=MARKUP))
    at = opened("duplicates", cast.keeper)
    assert not at.exception
    for kind in ("markdown", "caption", "subheader"):
        assert not [one for one in at.get(kind) if "](http" in str(one.value)]


@pytest.mark.parametrize(
    ("one", "other", "marked"),
    [
        ("Vega Trade", "Vega Treid", (["a", "e"], ["ei"])),
        ("Sadovaya 12, flat 5", "Sadovaya 17, flat 5", (["12"], ["17"])),
        ("Mira 52", "Novaya 52", (["Mira"], ["Novaya"])),
        ("Vega", "Lirra", (["Vega"], ["Lirra"])),
        ("ROMASHKA", "Romashka", ([], [])),
        ("", "Perm", ([], [])),
        (["+7 1", "+7 2"], ["+7 2"], (["+7 1\n"], [])),
        (["+7 1"], [], ([], [])),
    ],
)
def test_only_what_differs_is_marked(one, other, marked):
    sides = duplicate_queue.sides(one, other)
    assert tuple([text for text, differs in side if differs] for side in sides) == marked
    written = ["".join(text for text, _ in side) for side in sides]
    assert written == [value if isinstance(value, str) else "\n".join(value) for value in (one, other)]
