"""The list as somebody narrows it: the dialog that puts a filter together, its chips, what is saved, the columns, the order."""

import pytest

from crm import customers, exports, saved_filters, tags
from crm.customers import Filters
from crm.saved_filters import EVERYBODY
from tests.cast import NORTH, a_call, a_customer, a_field
from tests.pages.screen import ON_BOTH, field, opened, part, press, rows, texts


def names(at):
    return [row[0] for row in rows(at, "customers")]


def kept(at):
    return part(at, "kept")


def labels(at):
    return [one["label"] for one in kept(at)["acts"]]


def save(cast, by="rep", name="In Tver", whom=None, **query):
    with cast.unit(getattr(cast, by)) as u:
        key = saved_filters.save(u, name, query or {"where": "city.is.Tver"}).id
        if whom is not None:
            saved_filters.share(u, key, whom=whom, seen=1)
    return key


def put_in(at, number, name, value):
    """Put a value into the row of this number in the dialog."""
    (one,) = [one for kind in ("selectbox", "multiselect", "text_input", "number_input", "date_input") for one in at.get(kind)
              if f".{number}." in str(one.key) and str(one.key).endswith(f".{name}")]  # fmt: skip
    return one.set_value(value).run()


def where(at):
    found = at.query_params.get("where", "")
    return found[0] if isinstance(found, list) else found


@pytest.fixture
def several(cast):
    for name, city, stage in (("Anna", "Tver", "lost"), ("Boris", "Tver", "new"), ("Clara", "Omsk", "lost")):
        a_customer(cast, "rep", name=name, city=city, stage=stage)


# --- the dialog -------------------------------------------------------------


@pytest.mark.usefixtures("several")
def test_a_filter_is_put_together_row_by_row_and_stands_in_the_address(cast):
    at = opened("customers", cast.rep, do="filter")
    at = put_in(at, 0, "field", "city")
    at = put_in(at, 0, "several", ["Tver"])
    at = press(at, "Further condition")
    at = put_in(at, 1, "field", "stage")
    at = put_in(at, 1, "several", ["lost", "new"])
    at = press(at, "Show these customers")
    assert where(at) == "city.is.Tver..stage.is.lost.new"
    assert "do" not in at.query_params
    at = at.run()
    assert names(at) == ["Anna", "Boris"]
    assert [one["text"] for one in kept(at)["chips"]] == ["City: Tver", "Stage: Lost, New"]


@pytest.mark.usefixtures("several")
def test_rows_of_a_block_are_alternatives_until_one_block_is_enough(cast):
    at = opened("customers", cast.rep, do="filter", where="city.is.Omsk..stage.is.lost")
    first = next(one for one in at.button if one.label == "or instead")
    at = first.click().run()
    at = put_in(at, 2, "field", "city")
    at = put_in(at, 2, "several", ["Tver"])
    field(at, "either").set_value("any").run()
    assert "and also" in [one.label for one in at.button]
    at = press(at, "Show these customers")
    assert where(at) == "any..city.is.Omsk.and.city.is.Tver..stage.is.lost"


@ON_BOTH
def test_every_field_is_drawn_in_every_way_that_it_can_be_asked(cast):
    a_field(cast, "Demand", "several", choices=["Lamps"])
    for takes in ("text", "number", "date", "yes_no", "link"):
        a_field(cast, f"Of {takes}", takes)
    at = opened("customers", cast.keeper, do="filter")

    def box(end):
        return next(one for one in at.selectbox if str(one.key).endswith(end))

    for number in range(len(box(".0.field").options)):
        at = box(".0.field").select_index(number).run()
        for way in range(len(box(".how").options)):
            at = box(".how").select_index(way).run()
            assert not at.exception, (number, way)


def test_what_is_missing_is_said_and_nothing_changes(cast):
    at = opened("customers", cast.rep, do="filter")
    at = put_in(at, 0, "field", "city")
    at = press(at, "Show these customers")
    assert "Please enter a value for 'City'." in texts(at)
    assert where(at) == ""
    at = put_in(at, 0, "field", "employees")
    at = put_in(at, 0, "text", "many")
    at = press(at, "Show these customers")
    assert "'many' cannot be compared with 'Employees'." in texts(at)


def test_a_row_is_taken_away(cast):
    at = opened("customers", cast.rep, do="filter", where="city.is.Omsk..stage.is.lost..kind.is.company")
    off = [one for one in at.button if str(one.key).endswith(".1.off")]
    at = off[0].click().run()
    at = press(at, "Show these customers")
    assert where(at) == "city.is.Omsk..kind.is.company"


def test_what_applied_together_still_does_when_its_block_is_left_alone(cast):
    at = opened("customers", cast.rep, do="filter", where="any..city.is.Omsk.and.stage.is.lost..kind.is.company")
    at = next(one for one in at.button if str(one.key).endswith(".2.off")).click().run()
    assert where(press(at, "Show these customers")) == "city.is.Omsk..stage.is.lost"


# --- chips ------------------------------------------------------------------


@pytest.mark.usefixtures("several")
def test_each_condition_is_a_chip_that_a_cross_takes_away(cast):
    with cast.unit() as u:
        (vip,) = tags.learn(u, ["VIP"]).values()
    text = f"city.is.Tver.or.tag.is.{vip}..last_contact.older.90.or.last_contact.empty..responsible.is.me"
    chips = kept(opened("customers", cast.rep, where=text))["chips"]
    assert [(one["lead"], one["text"]) for one in chips] == [
        ("", "City: Tver"),
        ("or", "Tags: VIP"),
        ("and", "Last contact: longer ago than 90 days"),
        ("or", "Last contact: never"),
        ("and", "Responsible: Me"),
    ]
    assert "where=city.is.Tver..last" in chips[1]["off"]
    assert "page=" not in chips[0]["off"]
    assert all("do=filter" in one["href"] for one in chips)


def test_what_was_left_out_is_said_above_the_list(cast):
    a_customer(cast, "rep", name="Anna")
    at = opened("customers", cast.rep, where="phone.contains.916..nonsense.is.1..stage.is.potential")
    assert names(at) == ["Anna"]
    assert kept(at)["notes"] == [
        "The condition on 'Phone' is not understood and left out.",
        "There is no field 'nonsense' that you could filter by: this condition is left out.",
    ]
    assert [one["text"] for one in kept(at)["chips"]] == ["Stage: Potential"]


@pytest.mark.parametrize(
    "text", ["%%%", "any..", "x" * 5000, "city.is.<script>alert(1)</script>", "own-x.is.{evil}", "{0}.is.x"]
)
def test_an_awkward_address_is_no_error(cast, text):
    a_customer(cast, "rep", name="Anna")
    for do in ("", "filter", "save", "saved", "columns", "nonsense"):
        assert not opened("customers", cast.rep, where=text, do=do, saved="4711", sort="x", open="").exception


def test_nobody_found_leads_back_to_everybody(cast):
    a_customer(cast, "rep", name="Anna")
    assert part(opened("customers", cast.rep, where="city.is.Nowhere"), "empty-empty")["button"] == "Show everybody"


# --- saved ------------------------------------------------------------------


@pytest.mark.usefixtures("several")
def test_a_filter_is_saved_under_a_name_and_opened_by_its_address(cast):
    at = opened("customers", cast.rep, do="save", where="city.is.Tver", stage="lost", page=2)
    field(at, "name").set_value("Lost in Tver")
    assert not [one for one in at.selectbox if str(one.key).endswith(".whom")], "a rep shares with nobody"
    press(at, "Save")
    at = opened("customers", cast.rep)
    assert [(one["label"], one["now"]) for one in kept(at)["saved"]] == [
        ("All customers", True),
        ("Lost in Tver", False),
    ]
    address = kept(at)["saved"][1]["href"]
    at = opened("customers", cast.rep, open=address.partition("=")[2])
    assert names(at) == ["Anna"]
    assert [one["now"] for one in kept(at)["saved"]] == [False, True]
    assert where(at) == "city.is.Tver"
    assert "open" not in at.query_params


def test_a_filter_that_is_not_there_or_not_shared_opens_the_whole_list(cast):
    a_customer(cast, "rep", name="Anna")
    theirs = save(cast, "mate")
    for key in (theirs, 4711, "x", "9" * 40):
        at = opened("customers", cast.rep, open=key)
        assert names(at) == ["Anna"]
        assert ("This filter is not there any more.", True) in at.session_state["_said"]


def test_a_leader_shares_and_the_team_opens_it(cast):
    a_customer(cast, "rep", name="Anna", city="Tver")
    at = opened("customers", cast.leader, do="save", where="city.is.Tver")
    assert field(at, "whom").options == ["Only I", "North"]
    field(at, "name").set_value("Tver")
    field(at, "whom").set_value(NORTH)
    press(at, "Save")
    for who in (cast.rep, cast.leader):
        (_all, one) = kept(opened("customers", who))["saved"]
        assert (one["label"], one["icon"]) == ("Tver", "group")
    assert kept(opened("customers", cast.rival))["saved"] == []


def test_whoever_saved_it_renames_renews_and_deletes_it_and_a_reader_does_not(cast):
    key = save(cast, "keeper", whom=EVERYBODY)
    seen = opened("customers", cast.rep, do="saved", saved=key, where="city.is.Tver")
    assert "Saved by Kira Keeper." in texts(seen)
    assert not [one for one in seen.text_input if str(one.key).endswith(".name")]
    at = opened("customers", cast.keeper, do="saved", saved=key, where="city.is.Omsk")
    field(at, "name").set_value("In Omsk")
    press(at, "Save")
    with cast.unit(cast.keeper) as u:
        (one,) = saved_filters.offered(u)
    assert (one["name"], one["query"], one["shared"]) == ("In Omsk", {"where": "city.is.Omsk"}, True)
    press(opened("customers", cast.keeper, do="saved", saved=key, where="city.is.Omsk"), "Delete the filter")
    with cast.unit(cast.keeper) as u:
        assert saved_filters.offered(u) == []


def test_what_can_be_done_follows_what_is_there(cast):
    assert labels(opened("customers", cast.rep)) == ["Filter", "Columns"]
    assert labels(opened("customers", cast.rep, where="city.is.Tver")) == [
        "Change the filter",
        "Reset",
        "Save",
        "Columns",
    ]
    assert labels(opened("customers", cast.rep, where="city.is.Tver", saved=save(cast)))[2] == "Saved filter"


# --- columns and order ------------------------------------------------------


def test_the_columns_are_ones_own_and_the_order_stands_in_the_address(cast):
    own = a_field(cast, "Size", "number")
    a_customer(cast, "rep", name="Anna", industry="Arts", **{own.key: "3"})
    at = opened("customers", cast.rep, do="columns")
    (chosen,) = at.multiselect
    chosen.set_value(["industry", own.key])
    field(at, "sort").set_value("-name")
    at = press(at, "Save")
    assert at.query_params["sort"] in ("-name", ["-name"])
    heads = [one["label"] for one in part(opened("customers", cast.rep), "customers")["columns"]]
    assert heads == ["Name", "Industry", "Size"]
    assert rows(opened("customers", cast.rep), "customers") == [["Anna", "Arts", "3"]]
    assert "Stage" in [one["label"] for one in part(opened("customers", cast.mate), "customers")["columns"]]


@pytest.mark.usefixtures("several")
def test_a_click_on_a_heading_sorts_and_a_second_one_turns_it_round(cast):
    with cast.unit(cast.rep) as u:
        a_call(cast, customers.page(u, Filters(text="Boris"))[0]["id"])

    def head(at, label):
        return next(one for one in part(at, "customers")["columns"] if one["label"] == label)

    first = opened("customers", cast.rep)
    assert (head(first, "Name")["arrow"], head(first, "Last contact")["arrow"]) == ("up", "")
    assert head(first, "Name")["href"] == "?sort=-name"
    assert head(first, "Last contact")["href"] == "?sort=recent"
    assert "href" not in head(first, "Stage")
    recent = opened("customers", cast.rep, sort="recent")
    assert names(recent)[0] == "Boris"
    assert (head(recent, "Last contact")["arrow"], head(recent, "Last contact")["href"]) == ("down", "?sort=-recent")
    assert names(opened("customers", cast.rep, sort="-name")) == ["Clara", "Boris", "Anna"]


@pytest.mark.usefixtures("several")
def test_an_export_takes_the_filter_the_columns_and_the_order_of_the_list(cast):
    with cast.unit(cast.leader) as u:
        saved_filters.choose_columns(u, ["responsible_id", "city"])
    at = opened("customers", cast.leader, do="export", where="city.is.Tver", sort="-name")
    (which,) = [one for one in at.radio if one.key == "export-columns"]
    which.set_value("list")
    (form,) = [one for one in at.radio if one.key == "export-form"]
    form.set_value("csv")
    press(at, "Export to a file")
    with cast.unit(cast.leader) as u:
        (record,) = exports.mine(u, None)
    assert record.path.read_text("utf-8-sig").splitlines() == [
        "Name,Responsible,City",
        "Boris,Ivan Rep,Tver",
        "Anna,Ivan Rep,Tver",
    ]
