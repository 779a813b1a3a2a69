"""The persons at a customer: cleaned, masked, found and remembered like the customer's own data, on both databases."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import select

from crm import audit, contacts, customers, search
from crm.core.audit_log import HIDDEN
from crm.core.errors import Conflict, Invalid, InvalidForm, NotFound, Refused
from crm.core.grants import Role
from crm.customers import Facts
from crm.imports import FieldMapping, OnMatch, Outcome
from crm.imports.matching import Known, decide, look_up
from crm.imports.rows import Prepared, Terms
from crm.search import Why
from tests.cast import a_contact, a_customer
from tests.test_exports import adjust
from tests.test_imports import ran, staged
from tests.test_search import looked_up


def listed(cast, key, by="keeper"):
    with cast.unit(getattr(cast, by)) as u:
        return contacts.of(u, key)


def tokens(cast, key):
    with cast.database.reader.connect() as connection:
        table = search.TOKENS.c
        return set(connection.scalars(select(table.token).where(table.customer_id == key)))


# --- what is stored ---------------------------------------------------------


def test_phones_and_mails_are_cleaned_as_the_customers_own_are(cast):
    key = a_customer(cast)
    a_contact(cast, key, name=" 张伟 ", phones=["8 (495) 765-43-21", "8 495 7654321"], emails=["Zhang@Example.COM"])
    found = listed(cast, key)[0]
    assert (found["name"], found["phones"], found["emails"]) == ("张伟", ["+7 495 765-43-21"], ["zhang@example.com"])


def test_every_wrong_field_is_named(cast):
    key = a_customer(cast)
    raw = {"name": " ", "phones": ["12"], "emails": ["no"], "position": "x" * 201, "birthday": "2999-01-01", "odd": 1}
    with cast.unit(cast.keeper) as u, pytest.raises(InvalidForm) as caught:
        contacts.add(u, key, raw)
    assert set(caught.value.faults) == set(raw)


@pytest.mark.parametrize("day", ["1850-01-01", "yesterday", "2026-02-10"])
def test_a_birthday_that_cannot_be_is_refused(day):
    with pytest.raises(InvalidForm) as caught:
        contacts.checked({"birthday": day}, region="RU", today=date(2026, 2, 9))
    assert isinstance(caught.value.faults["birthday"], Invalid)


def test_the_first_is_asked_first_until_somebody_else_is(cast):
    key = a_customer(cast)
    one, other = a_contact(cast, key, name="One"), a_contact(cast, key, name="Other")
    assert [(row["id"], row["is_primary"]) for row in listed(cast, key)] == [(one, True), (other, False)]
    with cast.unit(cast.keeper) as u:
        contacts.change(u, other, {"is_primary": True}, seen=1)
    assert [(row["id"], row["is_primary"]) for row in listed(cast, key)] == [(other, True), (one, False)]


def test_who_left_stands_last_and_is_asked_first_no_more(cast):
    key = a_customer(cast)
    one, other = a_contact(cast, key, name="One"), a_contact(cast, key, name="Other")
    with cast.unit(cast.rep) as u:
        contacts.leave(u, one, seen=1)
    rows = listed(cast, key)
    assert [row["id"] for row in rows] == [other, one]
    assert (rows[1]["is_primary"], rows[1]["left_at"]) == (False, cast.now)
    with cast.unit(cast.rep) as u:
        contacts.come_back(u, one, seen=2)
    assert all(row["left_at"] is None for row in listed(cast, key))


def test_two_at_once_do_not_overwrite_each_other(cast):
    person = a_contact(cast, a_customer(cast))
    with cast.unit(cast.rep) as u:
        contacts.change(u, person, {"position": "Director"}, seen=1)
    with cast.unit(cast.keeper) as u, pytest.raises(Conflict):
        contacts.change(u, person, {"position": "Buyer"}, seen=1)


def test_the_history_of_the_card_tells_that_persons_changed_and_not_how(cast):
    key = a_customer(cast)
    person = a_contact(cast, key)
    with cast.unit(cast.keeper) as u:
        contacts.change(u, person, {"phones": ["+7 495 111-22-33"], "position": "Director"}, seen=1)
    with cast.unit(cast.keeper) as u:
        card, own = (audit.history(u, *what) for what in (("customers", key), ("contacts", person)))
    assert card["changes"].iloc[0] == {"contacts": [HIDDEN, HIDDEN]}
    assert own["changes"].iloc[0] == {"phones": [HIDDEN] * 2, "digits": [HIDDEN] * 2, "position": [None, "Director"]}


def test_saving_what_stands_already_is_no_event(cast):
    key = a_customer(cast)
    person = a_contact(cast, key, position="Buyer")
    with cast.unit(cast.keeper) as u:
        contacts.change(u, person, {"position": "Buyer", "phones": ["+7 495 765-43-21"]}, seen=1)
        assert contacts.one(u, person)["version"] == 1
        assert len(audit.history(u, "customers", key)) == 2


# --- by whom ----------------------------------------------------------------


def test_a_rep_changes_what_a_person_does_and_not_who_it_is(cast):
    person = a_contact(cast, a_customer(cast))
    with cast.unit(cast.rep) as u:
        contacts.change(u, person, {"position": "Director", "note": "Call after 11"}, seen=1)
    for raw in ({"name": "X"}, {"phones": []}, {"emails": ["x@example.com"]}, {"birthday": "1990-01-01"}):
        with pytest.raises(Refused), cast.unit(cast.rep) as u:
            contacts.change(u, person, raw, seen=2)


def test_phones_mails_and_birthdays_at_a_colleagues_customer_are_masked(cast):
    key = a_customer(cast, "mate")
    person = a_contact(cast, key, phones=["+7 495 765-43-21", "+86 138 0013 8000"], birthday="1990-01-01")
    found = listed(cast, key, "rep")[0]
    assert found["phones"] == ["+7 •••-••-21", "+86 •••-••-00"]
    assert found["emails"] == ["p•••@e•••.com"]
    assert found["birthday"] == "••••••"
    with cast.unit(cast.rep) as u:
        assert contacts.one(u, person)["in_full"] is False
    assert listed(cast, key, "mate")[0]["birthday"] == date(1990, 1, 1)
    assert listed(cast, a_customer(cast, "mate"), "rep") == []
    a_contact(cast, key, name="Without", phones=[], emails=[])
    assert [(row["phones"], row["emails"]) for row in listed(cast, key, "rep")][1] == ([], [])


# --- found ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("кузнецова", "Кузнецова Анна"),
        ("kuznetsova anna", "Кузнецова Анна"),
        ("сьюзан", "Сьюзан"),
        ("张伟", "张伟"),
        ("zhangwei", "张伟"),
        ("re,htdf", "Кубрева"),
    ],
)
def test_a_company_is_found_by_its_contact_person(cast, asked, name):
    key = a_customer(cast, name="Ромашка", phones=[], emails=[])
    a_contact(cast, key, name=name, phones=[], emails=[])
    found = looked_up(cast, asked, "mate")
    assert [one[0] for one in found] == ["Ромашка"]
    assert found[0][1] in {Why.CONTACT, Why.LAYOUT}


def test_the_box_says_that_it_was_the_contact_person(cast):
    a_contact(cast, a_customer(cast, name="Ромашка", phones=[], emails=[]), name="Кузнецова Анна")
    assert looked_up(cast, "кузнец") == [("Ромашка", Why.CONTACT, "кузнец")]
    assert looked_up(cast, "ромашка анна") == [("Ромашка", Why.CONTACT, "анна")]


def test_the_phone_and_mail_of_a_person_find_the_company(cast):
    key = a_customer(cast, name="Ромашка", phones=[], emails=[])
    a_contact(cast, key)
    assert looked_up(cast, "84957654321") == [("Ромашка", Why.PHONE, "")]
    assert looked_up(cast, "4321") == [("Ромашка", Why.END_OF_PHONE, "4321")]
    assert looked_up(cast, "petra@example.com") == [("Ромашка", Why.EMAIL, "")]
    assert looked_up(cast, "4321", "mate") == []
    assert looked_up(cast, "4957654321", "mate") == [("Ромашка", Why.PHONE, "")]


def test_the_index_follows_every_change_of_customer_and_person(cast):
    key = a_customer(cast, name="Ромашка")
    person = a_contact(cast, key, name="Кузнецова")
    with cast.unit(cast.keeper) as u:
        customers.edit_personal(u, key, {"name": "Лилия"}, seen=1)
    assert looked_up(cast, "кузнецова") == [("Лилия", Why.CONTACT, "кузнецова")]
    with cast.unit(cast.keeper) as u:
        contacts.change(u, person, {"name": "Смирнова", "phones": []}, seen=1)
    assert looked_up(cast, "кузнецова") == looked_up(cast, "4957654321") == []
    assert looked_up(cast, "смирнова") == [("Лилия", Why.CONTACT, "смирнова")]


@given(name=some.text(min_size=1).filter(lambda text: text.strip()))
def test_any_name_can_be_indexed(name):
    assert search.tokens("x", None, (), (), contact=[name]) >= search.tokens("x", None, (), ())


# --- out of a file ----------------------------------------------------------

SHEET = (
    "Company,Contact person,Position,Contact person phone,Phone,Email\n"
    "Acme,Petra Person,Buyer,+7 495 765-43-21,+7 495 111-22-33,info@acme.example\n"
)


def test_a_file_brings_the_contact_person_of_each_company(cast):
    assert ran(cast, staged(cast, SHEET)).counts["new"] == 1
    with cast.unit(cast.keeper) as u:
        key = customers.look_up(u, "acme")[0]["id"]
    found = listed(cast, key)[0]
    expected = ("Petra Person", "Buyer", ["+7 495 765-43-21"], [], True)
    assert tuple(found[one] for one in ("name", "position", "phones", "emails", "is_primary")) == expected
    before = tokens(cast, key)
    with cast.unit(cast.keeper) as u:
        customers.edit(u, key, {"city": "Omsk"}, seen=1)
    assert tokens(cast, key) == before, "a file fills the index as the form does"


def test_a_second_file_completes_the_person_and_adds_others(cast):
    ran(cast, staged(cast, SHEET))
    more = SHEET.replace("765-43-21", "765-00-00").replace("Buyer", "Director")
    more += "Acme,Gustav New,,,+7 495 111-22-33,\n"
    assert ran(cast, staged(cast, more, on_match="update")).counts["updated"] == 2
    with cast.unit(cast.keeper) as u:
        key = customers.look_up(u, "acme")[0]["id"]
    found = {row["name"]: (row["position"], row["phones"], row["is_primary"]) for row in listed(cast, key)}
    assert found == {
        "Petra Person": ("Director", ["+7 495 765-43-21", "+7 495 765-00-00"], True),
        "Gustav New": (None, [], False),
    }
    assert looked_up(cast, "gustav")[0][1] is Why.CONTACT


def test_a_row_with_a_wrong_person_comes_back_with_the_cause(cast):
    record = ran(cast, staged(cast, SHEET.replace("+7 495 765-43-21", "12")))
    assert record.counts == {"new": 0, "updated": 0, "skipped": 0, "faulty": 1}
    nameless = SHEET.replace("Petra Person", "")
    assert ran(cast, staged(cast, nameless)).counts["faulty"] == 1


def test_whoever_may_not_change_personal_data_adds_no_person_by_a_file(cast):
    """The row says nothing else that is personal, so that the person alone decides."""
    adjust(cast, Role.SALES_MANAGER, "imports.run", "team")
    adjust(cast, Role.SALES_MANAGER, "imports.view", "own")
    a_customer(cast, "rep", external_number="17")
    row = "ID,Contact\n17,Petra Person\n"
    columns = {"ID": "external_number", "Contact": "contact_name"}
    with cast.unit() as u:
        settled = [
            Prepared(2, {"external_number": "17"}, Facts({"external_number": "17"}), contact=contact)
            for contact in ({}, {"name": "P"})
        ]
        known = Known(Terms(FieldMapping(on_match=OnMatch.UPDATE), (), "RU", {}))
        look_up(u, settled, known)
    with cast.unit(cast.leader) as u:
        decided = [decide(one, known, u.actor) for one in settled]
    assert [one.outcome for one in decided] == [Outcome.SKIPPED, Outcome.FAULTY]
    record = ran(cast, staged(cast, row, by="leader", columns=columns, on_match="update", template="{ID}"), by="leader")
    assert record.counts == {"new": 0, "updated": 0, "skipped": 0, "faulty": 1}


def test_a_mapping_of_a_persons_phone_needs_the_persons_name(cast):
    with pytest.raises(InvalidForm) as caught:
        staged(cast, SHEET, columns={"Company": "name", "Position": "contact_position"})
    assert set(caught.value.faults) == {"Position"}


def test_a_person_of_another_team_is_not_there(cast):
    person = a_contact(cast, a_customer(cast, "rival"))
    for ask in (contacts.one, lambda u, key: contacts.change(u, key, {"note": "x"}, seen=1)):
        with cast.unit(cast.rep) as u, pytest.raises(NotFound):
            ask(u, person)
