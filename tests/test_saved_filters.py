"""Saved filters: kept for oneself, shared with whom one may share, never showing more; the columns that one looks at."""

import pytest
from sqlalchemy import select

from crm import audit, customers, privacy, saved_filters
from crm.core.errors import Conflict, Invalid, NotFound, Refused
from crm.customers import Filters
from crm.saved_filters import EVERYBODY, MOST, SavedFilter
from tests.cast import NORTH, SALES, SOUTH, Cast, a_customer

LOST = {"stage": "lost"}


def kept(cast: Cast, by: str = "rep", name: str = "Lost ones", **query: str) -> int:
    with cast.unit(getattr(cast, by)) as u:
        return saved_filters.save(u, name, query or LOST).id


def shared(cast: Cast, by: str, whom: int | None, key: int | None = None) -> int:
    key = key or kept(cast, by)
    with cast.unit(getattr(cast, by)) as u:
        saved_filters.share(u, key, whom=whom, seen=u.get(SavedFilter, key).version)
    return key


def seen_by(cast: Cast, part: str) -> list[str]:
    with cast.unit(getattr(cast, part)) as u:
        return [one["name"] for one in saved_filters.offered(u)]


# --- one's own --------------------------------------------------------------


def test_a_filter_is_kept_with_what_narrows_and_nothing_else_of_the_address(cast):
    query = {
        "where": "city.is.Tver",
        "own:size": "3",
        "sort": "city",
        "q": " Anna ",
        "kind": "",
        "page": "3",
        "do": "x",
        "id": "7",
    }
    kept(cast, **query)
    with cast.unit(cast.rep) as u:
        (one,) = saved_filters.offered(u)
    assert one["query"] == {"where": "city.is.Tver", "own:size": "3", "sort": "city", "q": "Anna"}
    assert (one["name"], one["shared"], one["responsible_id"]) == ("Lost ones", False, cast.rep.user_id)


def test_nobody_else_sees_changes_or_deletes_it(cast):
    key = kept(cast, "rep")
    for part in ("mate", "leader", "head", "keeper", "admin", "partner"):
        assert seen_by(cast, part) == []
        for way in (
            lambda u: saved_filters.change(u, key, seen=1, name="Mine now"),
            lambda u: saved_filters.drop(u, key, seen=1),
        ):
            with pytest.raises(NotFound), cast.unit(getattr(cast, part)) as u:
                way(u)
    assert seen_by(cast, "rep") == ["Lost ones"]


def test_it_is_renamed_narrows_otherwise_and_goes(cast):
    key = kept(cast)
    with cast.unit(cast.rep) as u:
        saved_filters.change(u, key, seen=1, name="  Lost   in Tver ")
        saved_filters.change(u, key, seen=2, query={"stage": "lost", "where": "city.is.Tver"})
    with cast.unit(cast.rep) as u:
        (one,) = saved_filters.offered(u)
        assert (one["name"], one["query"], one["version"]) == (
            "Lost in Tver",
            {"stage": "lost", "where": "city.is.Tver"},
            3,
        )
    with pytest.raises(Conflict), cast.unit(cast.rep) as u:
        saved_filters.drop(u, key, seen=1)
    with cast.unit(cast.rep) as u:
        saved_filters.drop(u, key, seen=3)
    assert seen_by(cast, "rep") == []


@pytest.mark.parametrize(
    ("name", "query", "text"),
    [
        ("  ", LOST, "Please enter a name."),
        ("x" * 61, LOST, "At most 60 characters fit here."),
        ("LOST ONES", LOST, "You have a filter of this name already."),
        ("Empty", {"sort": "city", "page": "2"}, "Nothing narrows the list yet."),
    ],
)
def test_what_cannot_be_kept_is_said_at_the_name(cast, name, query, text):
    kept(cast)
    with pytest.raises(Invalid) as fault, cast.unit(cast.rep) as u:
        saved_filters.save(u, name, query)
    assert (str(fault.value), fault.value.field) == (text, "name")
    assert kept(cast, "mate"), "another person may call hers the same"


def test_nobody_keeps_more_than_people_can_choose_from(cast):
    for n in range(MOST):
        kept(cast, name=str(n))
    with pytest.raises(Invalid):
        kept(cast, name="one more")


# --- shared -----------------------------------------------------------------


def test_a_filter_that_a_leader_shares_is_seen_by_the_team_and_by_nobody_else(cast):
    key = shared(cast, "leader", NORTH)
    assert {part for part in ("rep", "mate", "service", "leader", "head") if seen_by(cast, part)} == {
        "rep", "mate", "service", "leader", "head",
    }  # fmt: skip
    for part in ("rival", "rival_leader", "stranger", "analyst", "partner"):
        assert seen_by(cast, part) == []
    shared(cast, "leader", None, key)
    assert seen_by(cast, "rep") == []
    assert seen_by(cast, "leader") == ["Lost ones"]


def test_what_is_shared_with_everybody_is_seen_by_everybody_but_partners(cast):
    shared(cast, "keeper", EVERYBODY)
    for part in ("rep", "rival", "stranger", "admin", "executive"):
        assert seen_by(cast, part) == ["Lost ones"]
    assert seen_by(cast, "partner") == []


@pytest.mark.parametrize(
    ("part", "whom", "fault"),
    [
        ("rep", NORTH, Refused),
        ("service", NORTH, Refused),
        ("partner", EVERYBODY, Refused),
        ("leader", SOUTH, Invalid),
        ("leader", SALES, Invalid),
        ("leader", EVERYBODY, Refused),
        ("head", EVERYBODY, Refused),
    ],
)
def test_nobody_shares_further_than_he_reaches(cast, part, whom, fault):
    key = kept(cast, part)
    with pytest.raises(fault), cast.unit(getattr(cast, part)) as u:
        saved_filters.share(u, key, whom=whom, seen=1)


def test_whoever_leads_the_team_takes_a_colleagues_filter_back_and_others_cannot(cast):
    key = shared(cast, "leader", NORTH)
    for part, fault in (("rep", Refused), ("rival_leader", NotFound), ("marketer", NotFound)):
        with pytest.raises(fault), cast.unit(getattr(cast, part)) as u:
            saved_filters.share(u, key, whom=None, seen=2)
    for way in (lambda u: saved_filters.change(u, key, seen=2, name="x"), lambda u: saved_filters.drop(u, key, seen=2)):
        with pytest.raises(Refused, match="Only whoever saved"), cast.unit(cast.rep) as u:
            way(u)
    with cast.unit(cast.head) as u:
        saved_filters.share(u, key, whom=None, seen=2)
    assert (seen_by(cast, "rep"), seen_by(cast, "leader")) == ([], ["Lost ones"])


def test_what_everybody_sees_is_taken_back_only_by_whoever_shares_with_everybody(cast):
    key = shared(cast, "marketer", EVERYBODY)
    with pytest.raises(Refused), cast.unit(cast.leader) as u:
        saved_filters.share(u, key, whom=None, seen=2)
    with pytest.raises(Refused), cast.unit(cast.leader) as u:
        saved_filters.share(u, key, whom=NORTH, seen=2)
    with cast.unit(cast.keeper) as u:
        saved_filters.share(u, key, whom=None, seen=2)
    assert seen_by(cast, "leader") == []


def test_a_shared_filter_shows_its_reader_nobody_more(cast):
    a_customer(cast, "rep", name="Of the North", city="Tver")
    a_customer(cast, "rival", name="Of the South", city="Tver")
    shared(cast, "keeper", EVERYBODY, kept(cast, "keeper", where="city.is.Tver.or.responsible.is.5.or.stage.filled"))
    for part, names in (("rep", ["Of the North"]), ("rival", ["Of the South"]), ("stranger", [])):
        with cast.unit(getattr(cast, part)) as u:
            (one,) = saved_filters.offered(u)
            wanted = Filters(where=one["query"]["where"])
            assert [row["name"] for row in customers.page(u, wanted)] == names
            assert customers.count(u, wanted) == len(names)


def test_whoever_may_see_no_customers_sees_no_shared_filter(cast):
    shared(cast, "keeper", EVERYBODY)
    with cast.database.writing() as connection:
        from crm.core.access import RightAdjustment

        row = {"role": "analyst", "right": "customers.view", "scope": None, "version": 1}
        connection.execute(RightAdjustment.__table__.insert(), row)
    assert seen_by(cast, "analyst") == []


# --- columns ----------------------------------------------------------------


def test_everybody_chooses_columns_for_himself(cast):
    def choice(part):
        with cast.unit(getattr(cast, part)) as u:
            return saved_filters.columns(u)

    for columns in (["city", "stage", "city"], ["stage"]):
        with cast.unit(cast.rep) as u:
            saved_filters.choose_columns(u, columns)
        assert choice("rep") == list(dict.fromkeys(columns))
        assert choice("mate") is None
    with cast.unit(cast.rep) as u:
        saved_filters.choose_columns(u, [])
    assert choice("rep") is None


# --- traces -----------------------------------------------------------------


def test_the_log_tells_that_a_filter_was_kept_and_not_what_for(cast):
    kept(cast, name="Calls of Ivanov", q="+7 916 123-45-67")
    with cast.unit(cast.admin) as u:
        (entry,) = [one for one in audit.page(u) if one["verb"] == "saved_filters.save"]
    assert "Ivanov" not in str(entry)
    assert "916" not in str(entry)


def test_a_filter_that_names_whoever_is_erased_goes_with_him(cast):
    key = a_customer(cast, name="Zygmunt Квашнин")
    kept(cast, name="His", where="name.contains.Квашнин")
    kept(cast, "mate", name="О Квашнине и квашнин", stage="new")
    kept(cast, "rival", name="Other", where="city.is.Tver")
    with cast.unit(cast.keeper) as u:
        traces = privacy.look_through(u, key)
    with cast.unit(cast.keeper) as u:
        privacy.erase(u, key, "asked", traces)
    with cast.unit() as u:
        assert u.all(select(SavedFilter.name)) == ["Other"]
