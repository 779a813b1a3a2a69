"""Types of customers: the company's own classification; what is changed holds at once, for the figures too."""

import pytest

from crm import audit, customers, quality, templates, types
from crm.core import jobs
from crm.core.errors import Conflict, Invalid, InvalidForm, NotFound, Refused
from crm.core.jobs import JobContext
from crm.customers import Customer
from crm.templates import NAME_LENGTH, TITLE_LENGTH, Level, Type
from tests.cast import Cast, a_customer, a_field, a_type, placed
from tests.support.meeting import at_once


def known(cast: Cast) -> dict[str, Type]:
    with cast.unit(cast.rep) as u:
        return templates.types(u)


def layout(cast: Cast, code: str) -> list[tuple[str, list[str]]]:
    with cast.unit() as u:
        groups = templates.types(u)[code].groups
    return [(one.title, [each.key for each in one.places]) for one in groups]


def score(cast: Cast, key: int) -> int:
    with cast.unit() as u:
        return customers.one(u, key).completeness


def test_a_type_begins_with_the_template_of_its_kind_or_of_another_type(cast):
    large = a_type(cast, need="must", note="out")
    with cast.unit(cast.keeper) as u:
        huge = types.add(u, {"name": "Company, huge", "kind": "company", "like": large}).code
        guest = types.add(u, {"name": "Гость", "kind": "person", "like": large}).code
    found = known(cast)
    assert list(found) == ["company", "person", large, huge, guest]
    assert (found[huge].groups, found[huge].left_out) == (found[large].groups, found[large].left_out)
    assert found[guest].groups == found["person"].groups, "the template of another kind is none for it"
    assert guest.isascii()


@pytest.mark.parametrize(
    ("raw", "wrong"),
    [
        ({}, {"name", "kind"}),
        ({"name": " ", "kind": "company"}, {"name"}),
        ({"name": "x" * (NAME_LENGTH + 1), "kind": "company"}, {"name"}),
        ({"name": "COMPANY,  large", "kind": "company"}, {"name"}),
        ({"name": "Частное лицо", "kind": "company"}, {"name"}),
        ({"name": "person", "kind": "person"}, {"name"}),
        ({"name": "Other", "kind": "ship"}, {"kind"}),
    ],
)
def test_everything_that_is_wrong_with_a_new_type_is_said_at_its_place(cast, raw, wrong):
    a_type(cast)
    with pytest.raises(InvalidForm) as caught, cast.unit(cast.keeper) as u:
        types.add(u, raw)
    assert set(caught.value.faults) == wrong


def test_a_field_is_put_into_a_group_behind_another_one_and_taken_out_again(cast):
    placed(cast, "company", "need", "must", group="Demand")
    assert layout(cast, "company")[-1] == ("Demand", ["need"])
    placed(cast, "company", "industry", "wanted", group="Demand", after="need")
    placed(cast, "company", "source", "free", group="Demand")
    assert layout(cast, "company")[-1] == ("Demand", ["source", "need", "industry"])
    assert known(cast)["company"].level("need") is Level.MUST
    placed(cast, "company", "source", "out")
    assert layout(cast, "company")[-1] == ("Demand", ["need", "industry"])
    assert "source" in known(cast)["company"].left_out
    placed(cast, "company", "source", "wanted", group="Business data", after="stage")
    assert layout(cast, "company")[1][1][:2] == ["stage", "source"]
    assert "source" not in known(cast)["company"].left_out


def test_an_empty_group_is_gone_and_groups_are_called_otherwise_and_moved(cast):
    placed(cast, "company", "need", "must", group="Demand")
    with cast.unit(cast.keeper) as u:
        types.arrange(u, "company", "Demand", name="What they want", after=None, seen=1)
    assert [title for title, _ in layout(cast, "company")] == [
        "What they want",
        "Name and contact data",
        "Business data",
    ]
    placed(cast, "company", "need", "must", group="Business data")
    assert [title for title, _ in layout(cast, "company")] == ["Name and contact data", "Business data"]


def test_own_fields_stand_in_a_template_only_where_they_are_asked(cast):
    hers = a_field(cast, "Birthplace", whose="person")
    with pytest.raises(NotFound):
        placed(cast, "company", hers.key, "wanted")
    placed(cast, "person", hers.key, "must")
    assert known(cast)["person"].level(hers.key) is Level.MUST


@pytest.mark.parametrize(
    ("key", "level", "group", "wrong"),
    [
        ("name", "wanted", "Business data", "level"),
        ("need", "much", "Business data", "level"),
        ("need", "must", " ", "group"),
        ("need", "must", "x" * (TITLE_LENGTH + 1), "group"),
    ],
)
def test_what_a_template_cannot_say_is_refused_at_its_place(cast, key, level, group, wrong):
    with pytest.raises(Invalid) as caught:
        placed(cast, "company", key, level, group=group)
    assert caught.value.field == wrong
    assert known(cast)["company"].version == 0


def test_a_field_that_is_not_there_and_a_type_that_is_not_there_are_not_found(cast):
    for code, key in (("company", "salary"), ("company", "responsible_id"), ("ship", "need")):
        with pytest.raises(NotFound), cast.unit(cast.keeper) as u:
            types.place(u, code, key, level="free", group="Business data", after=None, seen=0)
    with pytest.raises(NotFound), cast.unit(cast.keeper) as u:
        types.arrange(u, "company", "Nothing", name="x", after=None, seen=0)


def test_a_stale_form_changes_no_type(cast):
    large = a_type(cast)
    placed(cast, large, "need", "must")
    placed(cast, "company", "need", "must")
    for change in (
        lambda u: types.rename(u, large, "Late", seen=1),
        lambda u: types.retire(u, large, seen=1),
        lambda u: types.place(u, large, "note", level="must", group="x", after=None, seen=1),
        lambda u: types.place(u, "company", "note", level="must", group="x", after=None, seen=0),
        lambda u: types.arrange(u, "company", "Business data", name="x", after=None, seen=0),
        lambda u: types.reset(u, "company", seen=0),
        lambda u: types.place(u, "person", "note", level="must", group="x", after=None, seen=1),
    ):
        with pytest.raises(Conflict), cast.unit(cast.keeper) as u:
            change(u)
    assert known(cast)[large].name == "Company, large"


def test_two_who_change_a_delivered_template_at_the_same_moment_do_not_overwrite_each_other(cast):
    def change(key: str):
        return lambda u: types.place(u, "company", key, level="must", group="Business data", after=None, seen=0)

    errors = at_once(cast, (cast.keeper, change("need")), (cast.admin, change("note")))
    assert [type(one) for one in errors] == [Conflict]
    assert known(cast)["company"].version == 1


def test_the_types_that_are_always_there_stay_and_can_be_set_back(cast):
    before = known(cast)["company"]
    placed(cast, "company", "need", "must", group="Demand")
    for change in (lambda u: types.retire(u, "company", seen=1), lambda u: types.rename(u, "company", "Firm", seen=1)):
        with pytest.raises(Refused), cast.unit(cast.keeper) as u:
            change(u)
    with cast.unit(cast.keeper) as u:
        types.reset(u, "company", seen=1)
    after = known(cast)["company"]
    assert (after.groups, after.left_out) == (before.groups, before.left_out)
    large = a_type(cast)
    with pytest.raises(Refused), cast.unit(cast.keeper) as u:
        types.reset(u, large, seen=1)


def test_a_type_out_of_use_comes_back_as_it_was(cast):
    large = a_type(cast, need="must")
    with cast.unit(cast.keeper) as u:
        types.retire(u, large, seen=2)
    with cast.unit() as u:
        assert large not in {one.code for one in templates.in_use(u)}
    with cast.unit(cast.keeper) as u:
        types.restore(u, large)
        types.rename(u, large, "Enterprise", seen=4)
    assert (known(cast)[large].name, known(cast)[large].level("need")) == ("Enterprise", Level.MUST)


def test_the_completeness_of_its_customers_follows_a_template_at_once(cast):
    large = a_type(cast)
    key, other = a_customer(cast, type=large, need="Lamps"), a_customer(cast, need="Lamps")
    assert score(cast, key) == score(cast, other) == 100 * 5 // 9
    placed(cast, large, "need", "out")
    assert score(cast, key) == 100 * 4 // 8
    assert score(cast, other) == 100 * 5 // 9
    with cast.unit() as u:
        assert customers.one(u, key).version == 1, "no open form is disturbed by it"


def test_of_many_customers_a_job_does_it(cast, monkeypatch):
    monkeypatch.setattr(types, "AT_ONCE", 1)
    monkeypatch.setattr(quality, "CHUNK", 2)
    large = a_type(cast)
    keys = [a_customer(cast, "rival", type=large) for _ in range(5)]
    before = score(cast, keys[0])
    placed(cast, large, "emails", "out")
    assert {score(cast, key) for key in keys} == {before}
    with cast.unit(cast.admin) as u:
        assert [one.name for one in jobs.recent(u)] == ["quality.measure"]
    quality.measure_job(JobContext(cast.database, "job", cast.keeper), code=large)
    assert {score(cast, key) for key in keys} == {100 * 3 // 8}


def test_every_night_it_is_told_anew_for_everybody(cast):
    key = a_customer(cast)
    with cast.database.writing() as connection:
        connection.execute(Customer.__table__.update().values(completeness=3))
    quality.measure_nightly(JobContext(cast.database, "night", cast.keeper))
    assert score(cast, key) == 100 * 4 // 9


def test_the_log_says_who_changed_which_template(cast):
    placed(cast, "company", "need", "must", group="Demand")
    with cast.unit(cast.admin) as u:
        (entry,) = audit.page(u, audit.Filters(verb="types.place"))
    assert (entry["record"], entry["who"]) == ("customer_types", "Kira Keeper")
    assert set(entry["changes"]) >= {"parts", "left_out"} or "parts" in entry["changes"]


@pytest.mark.parametrize("part", ["rep", "leader", "service", "partner", "analyst", "marketer"])
def test_only_who_may_sets_up_types(cast, part):
    large = a_type(cast)
    for change in (
        lambda u: types.add(u, {"name": "Mine", "kind": "company"}),
        lambda u: types.rename(u, large, "Mine", seen=1),
        lambda u: types.place(u, large, "need", level="out", group="", after=None, seen=1),
        lambda u: types.retire(u, large, seen=1),
        lambda u: types.reset(u, "person", seen=0),
    ):
        with pytest.raises(Refused), cast.unit(getattr(cast, part)) as u:
            change(u)
    assert known(cast)[large].version == 1
