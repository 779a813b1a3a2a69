"""Tags as they are seen and worked with: on the card, in the list, in their own screen."""

import pytest

from crm import tags
from tests.cast import a_customer
from tests.pages.screen import field, opened, part, press, rows, texts

MARKUP = "**Bold** [link](http://evil.example)"


def made(cast, *names):
    with cast.unit() as u:
        return list(tags.learn(u, names).values())


def put(cast, key, *names):
    with cast.unit() as u:
        tags.change(u, key, on=names)


def on(cast, key):
    with cast.unit() as u:
        return [one["name"] for one in tags.of(u, [key]).get(key, [])]


def chosen(at):
    (found,) = at.multiselect
    return found


# --- on a customer ----------------------------------------------------------


def test_the_card_shows_its_tags_at_its_head_and_who_may_changes_them(cast):
    key = a_customer(cast, "mate")
    (vip,) = made(cast, "VIP")
    with cast.unit() as u:
        tags.rename(u, vip, "VIP", tone="good", seen=1)
    put(cast, key, "VIP", "опт")
    seen, own = opened("customer", cast.rep, id=key), opened("customer", cast.mate, id=key)
    assert part(seen, "head")["tags"] == part(own, "head")["tags"] == [["VIP", "good"], ["опт", ""]]
    assert "Tags" not in [box["title"] for box in part(seen, "facts")["boxes"]]
    assert "Tags" in [box["title"] for box in part(own, "facts")["boxes"]]
    assert not opened("customer", cast.rep, id=key, do="tags").multiselect


def test_tags_are_put_on_and_taken_off_in_a_dialog(cast):
    key = a_customer(cast)
    put(cast, key, "VIP")
    made(cast, "опт")
    at = opened("customer", cast.rep, id=key, do="tags")
    assert chosen(at).value == ["VIP"]
    assert not chosen(at).proto.accept_new_options
    chosen(at).set_value(["опт"])
    press(at, "Save")
    assert on(cast, key) == ["опт"]


def test_whoever_may_make_tags_types_a_new_one(cast):
    key = a_customer(cast)
    at = opened("customer", cast.keeper, id=key, do="tags")
    assert chosen(at).proto.accept_new_options
    assert "There are no tags yet" in texts(opened("customer", cast.rep, id=key, do="tags"))


def test_the_list_shows_tags_and_is_narrowed_by_one(cast):
    key, _other = a_customer(cast, name="A"), a_customer(cast, name="B")
    assert "Tags" not in [one["label"] for one in part(opened("customers", cast.rep), "customers")["columns"]]
    put(cast, key, "VIP", "опт")
    at = opened("customers", cast.rep)
    assert [row[3] for row in rows(at, "customers")] == ["VIP, опт", ""]
    with cast.unit() as u:
        tag = next(iter(tags.directory(u)))
    assert [row[0] for row in rows(opened("customers", cast.rep, tag=tag), "customers")] == ["A"]
    assert "Nobody matches" not in texts(opened("customers", cast.rep, tag=4711)), "a tag that is gone narrows nothing"


# --- their own screen -------------------------------------------------------


def test_the_screen_counts_the_customers_of_each_tag(cast):
    assert part(opened("tags", cast.keeper), "empty-empty")["button"] == "New tag"
    made(cast, "b", "a")
    put(cast, a_customer(cast, "rival"), "a")
    assert rows(opened("tags", cast.keeper), "tags") == [["a", "Grey", "1"], ["b", "Grey", "0"]]


def test_a_tag_is_made_renamed_and_coloured(cast):
    at = opened("tags", cast.keeper, do="new")
    field(at, "tags").set_value("a, b")
    at = press(at, "Make the tag")
    assert "no comma" in texts(at)
    field(at, "tags").set_value("VIP")
    press(at, "Make the tag")
    at = opened("tags", cast.keeper, do="tag", id=1, seen=1)
    field(at, "tags").set_value("Gold")
    field(at, "tone").set_value("good")
    press(at, "Save")
    assert rows(opened("tags", cast.keeper), "tags") == [["Gold", "Green", "0"]]


@pytest.mark.parametrize(
    ("name", "sentence", "button"),
    [
        ("join", "1 customer gets the other tag", "Join"),
        ("drop", "1 customer loses this tag", "Delete the tag"),
    ],
)
def test_joining_and_deleting_say_how_many_customers_they_concern(cast, name, sentence, button):
    key, (vip, gold) = a_customer(cast), made(cast, "VIP", "Gold")
    put(cast, key, "VIP")
    at = opened("tags", cast.keeper, do=name, id=vip, seen=1)
    assert sentence in texts(at)
    if name == "join":
        at = press(at, button)
        assert "choose another tag" in texts(at)
        field(at, "into").set_value(gold)
    press(at, button)
    assert on(cast, key) == (["Gold"] if name == "join" else [])


def test_what_somebody_typed_is_never_markup(cast):
    key, (tag, _other) = a_customer(cast), made(cast, MARKUP, "x")
    put(cast, key, MARKUP)
    queries = [("tags", {"do": name, "id": tag, "seen": 1}) for name in ("tag", "join", "drop")]
    for address, query in [*queries, ("customer", {"id": key, "do": "tags"}), ("customers", {})]:
        at = opened(address, cast.keeper, **query)
        assert not at.exception
        for kind in ("markdown", "caption", "subheader"):
            assert not [one for one in at.get(kind) if "](http" in str(one.value)]
