"""What leaves the database in full, and for whom."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from crm import customers
from crm.contact_data import clean_email, clean_phone
from crm.core.errors import Invalid, Refused
from crm.core.masking import DOT, email, hidden, phone
from crm.customers import Customer, Email, Phone
from tests.cast import ADDRESS, EMAIL, PHONE, a_customer

OWNER = (Customer.responsible_id, Customer.team_id, Customer.partner_id)


# --- the masks --------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "masked"),
    [
        ("+7 916 123-45-67", "+7 •••-••-67"),
        ("+86 138 0013 8000", "+86 •••-••-00"),
        ("+1 202 555 0123", "+1 •••-••-23"),
        ("112", "••••••"),
        ("", "••••••"),
    ],
)
def test_a_masked_phone_keeps_the_country_and_two_digits(written, masked):
    assert phone(written) == masked


@pytest.mark.parametrize(
    ("written", "masked"),
    [
        ("ivan@example.ru", "i•••@e•••.ru"),
        ("a@b.c", "a•••@b•••.c"),
        ("иван@почта.рф", "и•••@п•••.рф"),
        ("", "•••@•••."),
    ],
)
def test_a_masked_mail_keeps_first_letters_and_the_top_domain(written, masked):
    assert email(written) == masked


@given(st.text(max_size=60))
def test_a_masked_value_is_never_the_real_one(text):
    for mask in (phone, email, hidden):
        assert mask(text) != text or DOT in text


@given(st.integers(min_value=10**9, max_value=10**10 - 1))
def test_a_masked_phone_hides_all_but_two_digits_of_the_number(number):
    try:
        written, digits = clean_phone(f"+7{number}", "RU")
    except Invalid:
        return
    shown = "".join(sign for sign in phone(written) if sign.isdigit())
    assert shown == f"7{digits[-2:]}"


@given(st.emails())
def test_a_masked_mail_hides_the_mailbox_and_the_domain(address):
    try:
        known = clean_email(address)
    except Invalid:
        return
    local, _, domain = known.partition("@")
    masked = email(known)
    assert len(local) == 1 or local not in masked
    assert domain not in masked


# --- whose ------------------------------------------------------------------


@pytest.fixture
def two(cast):
    return a_customer(cast, "rep"), a_customer(cast, "mate")


FULL = (PHONE, EMAIL, ADDRESS, True)
MASKED = ("+7 •••-••-67", "i•••@e•••.com", "••••••", False)


@pytest.mark.parametrize(
    ("part", "own", "mates"),
    [
        ("rep", FULL, MASKED),
        ("mate", MASKED, FULL),
        ("leader", FULL, FULL),
        ("head", FULL, FULL),
        ("keeper", FULL, FULL),
        ("service", FULL, FULL),
        ("admin", MASKED, MASKED),
        ("marketer", MASKED, MASKED),
        ("analyst", MASKED, MASKED),
        ("executive", MASKED, MASKED),
        ("product", MASKED, MASKED),
    ],
)
def test_contact_data_are_shown_to_those_who_need_them(cast, two, part, own, mates):
    for key, expected in zip(two, (own, mates), strict=True):
        with cast.unit(getattr(cast, part)) as u:
            reach = customers.reach(u, key)
        assert (reach.phones[0], reach.emails[0], reach.address, reach.in_full) == expected


def test_the_form_of_a_customer_holds_masked_values_for_those_who_may_not_see_them(cast, two):
    with cast.unit(cast.rep) as u:
        assert customers.values(u, two[0])["phones"] == [PHONE]
        values = customers.values(u, two[1])
    assert (values["phones"], values["emails"], values["address"]) == ([MASKED[0]], [MASKED[1]], MASKED[2])


def test_rows_are_masked_one_by_one(cast, two):
    statement = select(Customer.id, Phone.number, *OWNER).join(Customer, Customer.id == Phone.customer_id)
    with cast.unit(cast.rep) as u:
        shown = {row["id"]: row["number"] for row in u.rows(statement)}
        assert shown == {two[0]: PHONE, two[1]: MASKED[0]}
        frame = u.frame(statement).set_index("id")
    assert dict(frame["number"]) == shown


def test_without_ownership_beside_them_all_rows_are_masked(cast, two):
    with cast.unit(cast.rep) as u:
        assert {row["number"] for row in u.rows(select(Phone.number))} == {MASKED[0]}
        assert {row["address"] for row in u.rows(select(Customer.address, Customer.name))} == {MASKED[2]}
    assert two


def test_an_alias_is_masked_by_its_own_owner(cast, two):
    other = aliased(Customer)
    statement = select(other.id, other.address, other.responsible_id, other.team_id, other.partner_id)
    with cast.unit(cast.rep) as u:
        assert {row["id"]: row["address"] for row in u.rows(statement)} == {two[0]: ADDRESS, two[1]: MASKED[2]}


def test_a_label_does_not_hide_what_a_column_is(cast, two):
    with cast.unit(cast.rep) as u:
        assert {row["way"] for row in u.rows(select(Email.address.label("way")))} == {MASKED[1]}
    assert two


def test_absent_values_stay_absent(cast):
    key = a_customer(cast, "mate", address="", phones=[], emails=[])
    with cast.unit(cast.rep) as u:
        assert customers.reach(u, key) == customers.Reach((), (), None, in_full=False)


def test_a_personal_column_may_narrow_what_is_asked_for_and_is_not_shown_by_that(cast, two):
    with cast.unit(cast.rep) as u:
        assert (
            len(u.all(select(Customer.id).join(Phone, Phone.customer_id == Customer.id).where(Phone.digits != ""))) == 2
        )
        with pytest.raises(Refused):
            u.all(select(func.substr(Phone.digits, 1, 4)))
    assert two


def test_a_writing_verb_reads_unmasked_for_its_own_work(cast, two):
    with cast.unit(cast.rep) as u, u.acting("test.index", "customers.edit"):
        assert set(u.inside(select(Phone.digits))) == {"79161234567"}
    assert two


def test_no_rows_need_no_mask(cast):
    with cast.unit(cast.rep) as u:
        assert u.rows(select(Phone.number)) == []
