"""Templates: what each type of customers asks for holds in form, import and figure alike, and hides nothing that is new."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm import customers, fields, templates, types
from crm.core.errors import InvalidForm
from crm.core.i18n import translate
from crm.customers import Filters, Kind
from crm.exports import Form
from crm.templates import DELIVERED, FULL, STANDARD_KEYS, Group, Level, Place, Type
from crm.templates.standard import named
from tests.cast import ADDRESS, Cast, a_customer, a_field, a_type
from tests.test_exports import table_of, taken_out
from tests.test_imports import causes, counts, ran, staged, stored, tried

COMPANY, PERSON = DELIVERED


def keys(one: Type, own: tuple[fields.Definition, ...] = ()) -> list[str]:
    return [place.key for group in one.asked(own, STANDARD_KEYS) for place in group.places]


def added(cast: Cast, by: str = "keeper", **raw) -> int:
    with cast.unit(getattr(cast, by)) as u:
        return customers.create(u, raw, in_full=True).id


def edited(cast: Cast, key: int, raw: dict, form: tuple[str, ...] = (), *, personal: bool = False) -> None:
    save = customers.edit_personal if personal else customers.edit
    with cast.unit(cast.keeper) as u:
        save(u, key, raw, seen=customers.one(u, key).version, form=form)


def faults(do) -> dict[str, str]:
    with pytest.raises(InvalidForm) as caught:
        do()
    return {key: one.text for key, one in caught.value.faults.items()}


def stored_score(cast: Cast, key: int) -> int:
    with cast.unit() as u:
        return customers.one(u, key).completeness


# --- what is asked -----------------------------------------------------------


def test_two_types_are_always_there_and_follow_their_kind(cast):
    with cast.unit(cast.rep) as u:
        assert [one.code for one in templates.everything(u)] == ["company", "person"]
    firm, human = a_customer(cast), a_customer(cast, kind="person")
    with cast.unit() as u:
        assert [customers.one(u, key).type for key in (firm, human)] == ["company", "person"]


def test_every_field_is_asked_once_or_left_out():
    for one in DELIVERED:
        assert sorted([*keys(one), *one.left_out]) == sorted(STANDARD_KEYS)


def test_a_field_that_no_template_names_is_asked_at_the_end(cast):
    size = a_field(cast, "Size", "number")
    hers = a_field(cast, "Birthplace", whose="person")
    with cast.unit() as u:
        own = fields.definitions(u)
    assert keys(COMPANY, own)[-1] == size.key
    assert keys(PERSON, own)[-2:] == [size.key, hers.key]
    short = Type("x", "X", "company", (Group("Only", (Place("name", Level.MUST),)),))
    assert keys(short)[0] == "name"
    assert set(keys(short)) == set(STANDARD_KEYS)


def test_a_company_needs_name_and_address_and_a_person_a_name(cast):
    """R21: contact data right, address and company name not missing; each fault at its field."""
    wrong = faults(lambda: added(cast, emails=["nonsense"]))
    assert set(wrong) == {"name", "address", "emails"}
    assert wrong["address"] == "Please fill in this field."
    assert "is not an e-mail address" in wrong["emails"]
    assert set(faults(lambda: added(cast, type="person"))) == {"name"}
    assert added(cast, type="person", name="Anna")
    assert added(cast, name="Acme", address=ADDRESS)


def test_the_type_decides_the_kind_and_a_kind_takes_another_type_away(cast):
    large = a_type(cast)
    key = added(cast, type=large, name="Acme", address=ADDRESS)
    with cast.unit() as u:
        assert (customers.one(u, key).kind, customers.one(u, key).type) == ("company", large)
    edited(cast, key, {"kind": "company"})
    with cast.unit() as u:
        assert customers.one(u, key).type == large, "of the same kind the type stays"
    edited(cast, key, {"kind": "person"})
    with cast.unit() as u:
        assert (customers.one(u, key).kind, customers.one(u, key).type) == ("person", "person")
    assert set(faults(lambda: edited(cast, key, {"kind": "person", "type": large}))) == {"type"}
    assert set(faults(lambda: edited(cast, key, {"type": "nonsense"}))) == {"type"}
    edited(cast, key, {"type": "Company, LARGE"})
    with cast.unit() as u:
        assert customers.one(u, key).kind == Kind.COMPANY


def test_a_form_must_not_leave_empty_what_it_shows_and_the_type_demands(cast):
    large = a_type(cast, need="must", city="must")
    key = a_customer(cast, type=large, city="Kazan")
    both = ("need", "city", "industry")
    assert set(faults(lambda: edited(cast, key, {"industry": "Lamps"}, both))) == {"need"}
    assert set(faults(lambda: edited(cast, key, {"city": "", "need": "x"}, both))) == {"city"}
    edited(cast, key, {"need": "Lamps"}, both)
    edited(cast, key, {"industry": "Lamps"}, ("industry",))
    assert set(faults(lambda: edited(cast, key, {"address": ""}, ("address", "phones"), personal=True))) == {"address"}
    edited(cast, key, {"phones": []}, ("address", "phones"), personal=True)
    with cast.unit() as u:
        assert customers.one(u, key).need == "Lamps"


def test_another_type_demands_what_its_own_template_says(cast):
    large = a_type(cast, need="must")
    key = a_customer(cast)
    assert set(faults(lambda: edited(cast, key, {"type": large}, ("need", "city")))) == {"need"}
    edited(cast, key, {"type": large, "need": "Lamps"}, ("need", "city"))


def test_what_a_template_leaves_out_is_not_demanded_though_everybody_else_must_fill_it_in(cast):
    need = a_field(cast, "Business need", mandatory=True)
    small = a_type(cast, "Small shop", **{need.key: "out"})
    assert set(faults(lambda: added(cast, name="Acme", address=ADDRESS))) == {need.key}
    assert added(cast, type=small, name="Acme", address=ADDRESS)
    edited(cast, a_customer(cast, type=small), {"city": "Perm"})


def test_a_form_may_not_choose_a_type_out_of_use_and_whoever_has_it_keeps_it(cast):
    large = a_type(cast)
    key = a_customer(cast, type=large)
    with cast.unit(cast.keeper) as u:
        types.retire(u, large, seen=1)
    assert set(faults(lambda: added(cast, type=large, name="Acme", address=ADDRESS))) == {"type"}
    edited(cast, key, {"type": large, "city": "Perm"})


# --- how complete ------------------------------------------------------------


def test_completeness_is_the_share_of_what_is_wanted_and_follows_every_change(cast):
    key = a_customer(cast, phones=[], emails=[], address="")
    assert stored_score(cast, key) == 100 * 1 // 9, "the name alone"
    edited(cast, key, {"phones": ["+7 916 123-45-67"], "address": ADDRESS}, personal=True)
    edited(cast, key, {"employees": "0", "note": "not wanted"})
    assert stored_score(cast, key) == 100 * 4 // 9
    edited(cast, key, {"phones": []}, personal=True)
    assert stored_score(cast, key) == 100 * 3 // 9
    full = {"emails": ["a@example.com"], "phones": ["+7 916 123-45-67"]}
    edited(cast, key, full, personal=True)
    edited(cast, key, {"industry": "Lamps", "city": "Kazan", "source": "sales", "need": "Lamps"})
    assert stored_score(cast, key) == FULL


def test_another_type_is_another_measure(cast):
    key = a_customer(cast, phones=[], emails=[], address="")
    edited(cast, key, {"type": "person"})
    assert stored_score(cast, key) == 100 * 1 // 6


def test_the_version_stays_when_only_the_figure_changes(cast):
    key = a_customer(cast)
    with cast.unit() as u, u.acting("test.measure", "fields.manage"):
        assert customers.measure(u, [key]) == {}
    with cast.database.writing() as connection:
        connection.execute(customers.Customer.__table__.update().values(completeness=1))
    with cast.unit() as u, u.acting("test.measure", "fields.manage"):
        assert set(customers.measure(u, [key])) == {key}
    with cast.unit() as u:
        assert customers.one(u, key).version == 1


FACTS = st.fixed_dictionaries(
    {},
    optional={
        "city": st.sampled_from(["", "Kazan"]),
        "industry": st.sampled_from(["", "Lamps"]),
        "employees": st.sampled_from(["", "0", "7"]),
        "need": st.sampled_from([None, "x"]),
        "source": st.sampled_from(["", "sales"]),
        "address": st.sampled_from(["", ADDRESS]),
        "phones": st.sampled_from([[], ["+79161234567"]]),
        "emails": st.sampled_from([[], ["a@example.com"]]),
        "own:size": st.sampled_from(["", "1.5"]),
        "own:colours": st.sampled_from([[], ["choice_1"]]),
        "own:loyal": st.sampled_from([None, "no", "yes"]),
        "type": st.sampled_from(["company", "person", "shop"]),
    },
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=FACTS)
def test_the_statement_counts_as_the_form_does(measured, raw):
    """The figure of a new customer is made of what was typed, that of all others by one statement: they say the same."""
    key = a_customer(measured, **{"phones": [], "emails": [], "address": ""} | raw)
    by_form = stored_score(measured, key)
    with measured.database.writing() as connection:
        connection.execute(customers.Customer.__table__.update().values(completeness=-1))
    with measured.unit() as u, u.acting("test.measure", "fields.manage"):
        customers.measure_between(u, 1, key)
    assert stored_score(measured, key) == by_form


@pytest.fixture
def measured(cast) -> Cast:
    a_field(cast, "Size", "number")
    a_field(cast, "Colours", "several", choices=["Red", "Blue"])
    a_field(cast, "Loyal", "yes_no")
    a_type(cast, "Shop", **{"own:size": "wanted", "own:colours": "must", "own:loyal": "wanted", "industry": "out"})
    return cast


# --- lists, files ------------------------------------------------------------


def found(cast: Cast, by: str = "keeper", **filters) -> list[str]:
    with cast.unit(getattr(cast, by)) as u:
        rows = customers.page(u, Filters(**filters))
        assert customers.count(u, Filters(**filters)) == len(rows)
        return [row["name"] for row in rows]


def test_the_list_is_narrowed_and_sorted_by_type_and_completeness(cast):
    large = a_type(cast)
    a_customer(cast, name="A", type=large, city="Kazan")
    a_customer(cast, name="B")
    a_customer(cast, name="C", type="person", phones=[], emails=[], address="")
    assert found(cast, type=large) == found(cast, where=f"type.is.{large}") == ["A"]
    assert found(cast, where="type.not.person") == ["A", "B"]
    assert found(cast, where="completeness.less.20") == ["C"]
    assert found(cast, where="verified.last.1") == ["A", "B", "C"]
    with cast.unit(cast.rep) as u:
        rows = customers.page(u, order="complete", columns=["type", "completeness"])
        assert [(row["name"], row["type"]) for row in rows] == [("C", "person"), ("B", "company"), ("A", large)]
        assert [row["completeness"] for row in rows] == sorted(row["completeness"] for row in rows)


@pytest.mark.parametrize("language", ["en", "ru", "zh"])
@pytest.mark.parametrize("form", [Form.CSV, Form.XLSX])
def test_a_file_names_the_type_and_brings_it_back(cast, form, language):
    large = a_type(cast)
    a_customer(cast, name="A", type=large, external_number="1")
    a_customer(cast, name="B", kind="person", external_number="2")
    taken = taken_out(cast, form=form, language=language)
    heading = translate(language, "Type")
    assert [row[heading] for row in table_of(taken)] == ["Company, large", translate(language, "Private person")]
    with cast.database.writing() as connection:
        connection.execute(customers.Customer.__table__.update().values(type="company", kind="company"))
    content = taken.path.read_bytes()
    ran(cast, staged(cast, content, f"back{taken.path.suffix or '.' + form}", on_match="update"))
    assert [(row["kind"], row["type"]) for row in stored(cast)] == [("company", large), ("person", "person")]


def test_an_import_gives_types_by_their_names_and_counts_what_is_missing_instead_of_refusing_it(cast):
    large = a_type(cast, need="must")
    text = 'name,what,city\nA,"company, LARGE",Kazan\nB,private person,\nC,частное лицо,\nD,,\nE,nonsense,\n'
    record = ran(cast, staged(cast, text, columns={"name": "name", "what": "type", "city": "city"}))
    assert counts(record) == (4, 0, 0, 1)
    assert causes(cast, record.id) == {6: "type: There is no type 'nonsense'."}
    rows = {row["name"]: row for row in stored(cast)}
    assert {name: row["type"] for name, row in rows.items()} == {
        "A": large,
        "B": "person",
        "C": "person",
        "D": "company",
    }
    assert rows["A"]["completeness"] == 100 * 3 // 9, (
        "name, city, source; neither need nor address, and taken in all the same"
    )
    assert {row["kind"] for row in rows.values()} == {"company", "person"}


def test_the_trial_run_says_the_same_of_types_as_the_run(cast):
    text = "name,what\nA,person\nB,nonsense\n"
    one = staged(cast, text, columns={"name": "name", "what": "type"})
    report = tried(cast, one)
    assert counts(report) == counts(ran(cast, one)) == (1, 0, 0, 1)


def test_names_of_types_are_understood_in_every_language():
    assert named(DELIVERED, " компания ") is COMPANY
    assert named(DELIVERED, "PERSON") is PERSON
    assert named(DELIVERED, "nonsense") is None
