"""Tags: one word is one tag, counted for whom the reader sees, put on and taken off without losing a colleague's, on both databases."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from crm import audit, customers, tags
from crm.core.errors import Conflict, Invalid, Refused
from crm.core.grants import Role
from crm.customers import Filters, lists
from crm.search import Why
from tests.cast import a_customer
from tests.test_exports import adjust, table_of, taken_out
from tests.test_imports import causes, ran, staged
from tests.test_search import looked_up


def made(cast, *names):
    with cast.unit(cast.keeper) as u:
        return list(tags.learn(u, names).values())


def put(cast, key, *names, off=(), by="keeper"):
    with cast.unit(getattr(cast, by)) as u:
        tags.change(u, key, on=names, off=off)


def names_on(cast, key, by="keeper"):
    with cast.unit(getattr(cast, by)) as u:
        return [one["name"] for one in tags.of(u, [key]).get(key, [])]


# --- one word is one tag ----------------------------------------------------


@pytest.mark.parametrize("other", ["vip", " VIP ", "ＶＩＰ", "Vip"])
def test_the_same_word_is_one_tag_however_it_is_written(cast, other):
    key = a_customer(cast)
    put(cast, key, "VIP")
    put(cast, key, other)
    assert names_on(cast, key) == ["VIP"]
    with cast.unit(cast.keeper) as u:
        assert len(tags.directory(u)) == 1


@pytest.mark.parametrize(
    ("name", "text"), [("", "enter a name"), ("x" * 41, "At most"), ("a,b", "comma"), ("甲；乙", "comma")]
)
def test_a_word_that_is_no_tag_is_refused_beside_its_field(cast, name, text):
    with cast.unit(cast.keeper) as u, pytest.raises(Invalid, match=text) as caught:
        tags.change(u, a_customer(cast), on=[name])
    assert caught.value.field == "tags"


@given(some.lists(some.text(alphabet="aAбБ王 １1", max_size=6), max_size=6))
def test_names_written_side_by_side_come_apart_again(names):
    kept = {tags.key_of(name) for name in names} - {""}
    assert {tags.key_of(one) for one in tags.apart("; ".join(names))} == kept


def test_a_customer_has_no_more_tags_than_people_can_read(cast):
    key = a_customer(cast)
    put(cast, key, *(f"tag {n}" for n in range(tags.MOST)))
    with pytest.raises(Invalid):
        put(cast, key, "one more")
    with cast.unit(cast.keeper) as u:
        first = tags.of(u, [key])[key][0]["id"]
    put(cast, key, "one more", off=[first])
    assert len(names_on(cast, key)) == tags.MOST


# --- put on, taken off ------------------------------------------------------


def test_what_a_colleague_put_on_meanwhile_stays(cast):
    key, (vip, _old) = a_customer(cast), made(cast, "VIP", "old")
    put(cast, key, "VIP")
    put(cast, key, "old", by="rep")
    put(cast, key, off=[vip], by="leader")
    assert names_on(cast, key) == ["old"]


def test_a_new_word_needs_the_right_to_make_tags(cast):
    key = a_customer(cast)
    with pytest.raises(Refused):
        put(cast, key, "VIP", by="rep")
    made(cast, "VIP")
    put(cast, key, "vip", by="rep")
    assert names_on(cast, key) == ["VIP"]


def test_a_colleagues_customer_is_not_tagged(cast):
    made(cast, "VIP")
    with pytest.raises(Refused):
        put(cast, a_customer(cast, "mate"), "VIP", by="rep")


def test_the_history_of_the_card_tells_which_tags(cast):
    key = a_customer(cast)
    put(cast, key, "VIP", "опт")
    with cast.unit(cast.keeper) as u:
        changes = list(audit.history(u, "customers", key)["changes"])
    assert {"tags": ["", "VIP, опт"]} in changes


# --- administration ---------------------------------------------------------


def test_a_renamed_tag_has_its_new_name_everywhere(cast):
    key, (vip,) = a_customer(cast), made(cast, "VIP")
    put(cast, key, "VIP")
    with cast.unit(cast.keeper) as u:
        tags.rename(u, vip, "Gold", tone="good", seen=1)
    assert names_on(cast, key) == ["Gold"]
    assert looked_up(cast, "gold")[0][1] is Why.TAG
    with cast.unit(cast.keeper) as u, pytest.raises(Conflict):
        tags.rename(u, vip, "Silver", tone="good", seen=1)
    made(cast, "Silver")
    for name, tone in (("silver", "good"), ("Iron", "purple")):
        with cast.unit(cast.keeper) as u, pytest.raises(Invalid):
            tags.rename(u, vip, name, tone=tone, seen=2)


def test_joined_tags_leave_one_on_each_customer(cast):
    both, one, other = (a_customer(cast, of) for of in ("rep", "rival", None))
    old, new = made(cast, "old", "new")
    put(cast, both, "old", "new")
    put(cast, one, "old")
    put(cast, other, "new")
    with cast.unit(cast.keeper) as u:
        tags.join(u, old, new, seen=1)
    assert [names_on(cast, key) for key in (both, one, other)] == [["new"]] * 3
    with cast.unit(cast.keeper) as u:
        assert list(tags.directory(u)) == [new]
        with pytest.raises(Invalid):
            tags.join(u, new, new, seen=1)


def test_joining_and_deleting_reach_customers_beyond_ones_own_reach(cast):
    """Else they would keep a tag that is not there any more."""
    key = a_customer(cast, "rival")
    old, new = made(cast, "old", "new")
    put(cast, key, "old")
    adjust(cast, Role.SALES_MANAGER, "tags.edit", "team")
    with cast.unit(cast.leader) as u:
        assert tags.counts(u) == {}
        tags.join(u, old, new, seen=1)
    assert names_on(cast, key) == ["new"]
    with cast.unit(cast.leader) as u:
        tags.drop(u, new, seen=1)
    assert names_on(cast, key) == []


def test_a_deleted_tag_is_gone_from_every_customer_and_the_log_says_from_how_many(cast):
    (vip,) = made(cast, "VIP")
    for of in ("rep", "rival"):
        put(cast, a_customer(cast, of), "VIP")
    with cast.unit(cast.keeper) as u:
        tags.drop(u, vip, seen=1)
    with cast.unit(cast.admin) as u:
        assert any(one.get("count") == [2, 0] for one in audit.listing(u)["changes"])
    with cast.unit(cast.keeper) as u:
        assert (tags.directory(u), tags.counts(u)) == ({}, {})


# --- list and look-up -------------------------------------------------------


@pytest.mark.parametrize("many", [2_000, 0])
def test_the_list_is_narrowed_by_a_tag_that_few_or_many_bear(cast, monkeypatch, many):
    monkeypatch.setattr(lists, "_BEARERS", lists.Prepared(lists._BEARERS.statement.offset(many)))
    lists._lists.cache_clear()
    keys = [a_customer(cast, of, name=f"C {n}") for n, of in enumerate(("rep", "mate", "rival", "rep"))]
    for key in keys[:3]:
        put(cast, key, "VIP")
    with cast.unit(cast.rep) as u:
        wanted = Filters(tag_id=next(iter(tags.directory(u))))
        assert [row["id"] for row in customers.page(u, wanted)] == keys[:2]
        assert customers.count(u, wanted) == 2
        assert list(customers.listing(u, Filters(text="C", tag_id=wanted.tag_id)).index) == keys[:2]
        assert customers.count(u, Filters(tag_id=4711)) == 0


def test_a_tag_counts_the_customers_that_its_list_shows(cast):
    keys = [a_customer(cast, of) for of in ("rep", "rep", "rival")]
    for key in keys:
        put(cast, key, "VIP")
    with cast.unit(cast.keeper) as u:
        customers.archive(u, keys[0], seen=1)
    with cast.unit(cast.rep) as u:
        ((tag_id, count),) = tags.counts(u).items()
        assert count == customers.count(u, Filters(tag_id=tag_id)) == 1


def test_many_customers_have_their_tags_in_one_question(cast, monkeypatch):
    keys = [a_customer(cast) for _ in range(3)]
    for key in keys:
        put(cast, key, "VIP", "опт")
    asked = []
    with cast.unit(cast.rep) as u:
        run = u._run
        monkeypatch.setattr(u, "_run", lambda *what: asked.append(1) or run(*what))
        found = tags.of(u, keys)
    assert {key: [one["name"] for one in those] for key, those in found.items()} == {
        key: ["VIP", "опт"] for key in keys
    }
    assert len(asked) == 1


def test_the_box_finds_by_a_tag_and_says_so(cast):
    key = a_customer(cast, name="Acme", phones=[], emails=[])
    put(cast, key, "Crème de la crème", "经销商")
    assert looked_up(cast, "crème") == [("Acme", Why.TAG, "crème")]
    assert looked_up(cast, "经销商", "mate") == [("Acme", Why.TAG, "经销商")]
    assert looked_up(cast, "经销商", "rival") == looked_up(cast, "c") == []


# --- files ------------------------------------------------------------------

SHEET = 'Name,External number,Tags\nAcme,1,"VIP; опт, ｖｉｐ"\nBeta,2,\n'


def test_a_file_puts_tags_on_and_makes_new_ones_for_whoever_may(cast):
    made(cast, "VIP")
    assert ran(cast, staged(cast, SHEET)).counts["new"] == 2
    with cast.unit(cast.keeper) as u:
        found = {row["name"]: row["id"] for row in customers.page(u)}
    assert (names_on(cast, found["Acme"]), names_on(cast, found["Beta"])) == (["VIP", "опт"], [])
    ran(cast, staged(cast, SHEET.replace("VIP; опт", "new"), on_match="update"))
    assert names_on(cast, found["Acme"]) == ["new", "VIP", "опт"]


def test_a_file_makes_no_new_tag_for_whoever_may_not(cast):
    adjust(cast, Role.RECORD_KEEPER, "tags.edit", None)
    import_id = staged(cast, SHEET)
    assert ran(cast, import_id).counts == {"new": 1, "updated": 0, "skipped": 0, "faulty": 1}
    assert "There is no tag 'VIP'." in causes(cast, import_id)[2]


def test_an_export_has_the_tags_and_comes_back_with_them(cast):
    put(cast, a_customer(cast), "VIP", "опт")
    record = taken_out(cast)
    assert table_of(record)[0]["Tags"] == "VIP; опт"
    again = ran(cast, staged(cast, record.path.read_bytes(), on_match="create"))
    assert again.counts["new"] == 1
    with cast.unit(cast.keeper) as u:
        assert [[one["name"] for one in those] for those in tags.of(u, [1, 2]).values()] == [["VIP", "опт"]] * 2
