"""Requisites: numbers with a wrong check digit are not stored, whole tax numbers find the customer, on both databases."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from crm import audit, requisites
from crm.core.audit_log import HIDDEN
from crm.core.errors import Conflict, InvalidForm, NotFound, Refused
from crm.search import Why
from tests.cast import INN, a_customer, some_requisites
from tests.test_imports import causes, ran, staged
from tests.test_search import looked_up

RIGHT = {
    "inn": INN,
    "kpp": "770701001",
    "ogrn": "1027700132195",
    "account": "40702810900000000001",
    "uscc": "91110000600037341L",
    "iban": "GB82WEST12345698765432",
    "swift": "DEUTDEFF",
    "vat": "DE136695976",
}


def of(cast, key, by="keeper"):
    with cast.unit(getattr(cast, by)) as u:
        return requisites.of(u, key)


def faults(raw):
    with pytest.raises(InvalidForm) as caught:
        requisites.checked(raw)
    return caught.value.faults


# --- check digits -----------------------------------------------------------


@pytest.mark.parametrize("key", RIGHT)
def test_a_right_number_is_stored_in_one_writing(key):
    typed = f" {RIGHT[key][:4].lower()} {RIGHT[key][4:]} "
    assert requisites.checked({key: typed}) == {key: RIGHT[key]}
    assert requisites.checked({key: "  "}) == {key: None}


@pytest.mark.parametrize("key", ["inn", "ogrn", "uscc", "iban", "vat"])
def test_one_mistyped_digit_is_told_beside_its_field(key):
    right = RIGHT[key]
    place = max(n for n, sign in enumerate(right) if sign.isdigit() and n < len(right) - 1)
    other = right[:place] + str((int(right[place]) + 1) % 10) + right[place + 1 :]
    assert "check digit" in str(faults({key: other})[key])


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("inn", "77", "too short"),
        ("inn", "77O7083893", "not such"),
        ("kpp", "7707", "not such"),
        ("bic", "14525225", "not such"),
        ("swift", "XX", "too short"),
        ("vat", "12", "not such"),
        ("account", "№1", "not such"),
        ("name", "x" * 201, "At most"),
        ("odd", "1", "no field"),
    ],
)
def test_what_is_no_such_number_is_refused(key, text, said):
    assert said in str(faults({key: text})[key])


def test_twelve_digits_are_the_number_of_a_person():
    assert requisites.checked({"inn": "123456789047"})["inn"] == "123456789047"


def test_an_account_must_be_one_of_its_bank(cast):
    key = a_customer(cast)
    bank = {"bic": "044525225", "account": "40702810938000060473"}
    right = next(
        f"4070281{n}938000060473" for n in range(10) if requisites.fits(f"4070281{n}938000060473", bank["bic"])
    )
    wrong = right[:-1] + str((int(right[-1]) + 1) % 10)
    with cast.unit(cast.keeper) as u:
        found = requisites.add(u, key, bank | {"account": right})
    for raw in ({"account": wrong}, {"bic": "044525226"}):
        with cast.unit(cast.keeper) as u, pytest.raises(InvalidForm) as caught:
            requisites.change(u, found.id, raw, seen=1)
        assert set(caught.value.faults) == {"account"}


@given(some.sampled_from(requisites.FIELDS), some.text(max_size=60))
def test_whatever_is_typed_is_stored_or_refused_beside_its_field(key, text):
    told = set()
    try:
        told |= set(requisites.checked({key: text}))
    except InvalidForm as form:
        told |= set(form.faults)
    assert told == {key}


# --- kept -------------------------------------------------------------------


def test_a_customer_has_several(cast):
    key = a_customer(cast)
    with cast.unit(cast.rep) as u:
        requisites.add(u, key, RIGHT | {"name": "One"})
        requisites.add(u, key, {"name": "Other", "address": "Tverskaya 1"})
    assert [(one["name"], one["inn"]) for one in of(cast, key)] == [("One", INN), ("Other", None)]


def test_requisites_without_anything_are_none(cast):
    key = a_customer(cast)
    with cast.unit(cast.keeper) as u, pytest.raises(InvalidForm):
        requisites.add(u, key, {"name": " ", "inn": ""})
    found = some_requisites(cast, key, ogrn="")
    with cast.unit(cast.keeper) as u, pytest.raises(InvalidForm):
        requisites.change(u, found, {"name": ""}, seen=1)


def test_two_at_once_do_not_overwrite_each_other(cast):
    found = some_requisites(cast, a_customer(cast))
    with cast.unit(cast.rep) as u:
        requisites.change(u, found, {"name": "Mine"}, seen=1)
    for late in (
        lambda u: requisites.change(u, found, {"name": "Late"}, seen=1),
        lambda u: requisites.drop(u, found, seen=1),
    ):
        with pytest.raises(Conflict), cast.unit(cast.keeper) as u:
            late(u)


def test_the_log_tells_that_numbers_changed_and_not_to_what(cast):
    key = a_customer(cast)
    found = some_requisites(cast, key)
    with cast.unit(cast.keeper) as u:
        requisites.change(u, found, {"inn": INN}, seen=1)
        card, own = audit.history(u, "customers", key), audit.history(u, "requisites", found)
    assert card["changes"].iloc[0] == {"requisites": [HIDDEN, HIDDEN]}
    assert own["changes"].iloc[0] == {"inn": [None, HIDDEN]}


def test_a_colleagues_are_seen_and_not_changed_and_another_teams_are_not_there(cast):
    mates, hidden = (some_requisites(cast, a_customer(cast, of)) for of in ("mate", "rival"))
    for found, error in ((mates, Refused), (hidden, NotFound)):
        for ask in (
            lambda u, key: requisites.change(u, key, {"name": "x"}, seen=1),
            lambda u, key: requisites.drop(u, key, seen=1),
        ):
            with pytest.raises(error), cast.unit(cast.rep) as u:
                ask(u, found)
    with cast.unit(cast.rep) as u:
        assert requisites.one(u, mates)["name"] == "Signed Ltd"


# --- found ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "asked"),
    [
        ("inn", "7707 083 893"),
        ("uscc", "91110000600037341l"),
        ("ogrn", RIGHT["ogrn"]),
        ("vat", "de136695976"),
    ],
)
def test_a_whole_tax_number_finds_the_customer_and_a_part_does_not(cast, key, asked):
    customer = a_customer(cast, name="Acme", phones=[], emails=[])
    some_requisites(cast, customer, **({"ogrn": ""} | {key: RIGHT[key]}))
    assert looked_up(cast, asked, "mate") == [("Acme", Why.TAX, "")]
    assert looked_up(cast, RIGHT[key][:-1]) == looked_up(cast, asked, "rival") == []


def test_a_deleted_number_finds_nobody(cast):
    found = some_requisites(cast, a_customer(cast, name="Acme"), inn=INN)
    with cast.unit(cast.keeper) as u:
        requisites.change(u, found, {"inn": ""}, seen=1)
    assert looked_up(cast, INN) == []
    with cast.unit(cast.keeper) as u:
        requisites.drop(u, found, seen=2)
    assert looked_up(cast, RIGHT["ogrn"]) == []


# --- out of a file ----------------------------------------------------------

SHEET = f"Название,Телефон,ИНН,КПП\nРомашка,+7 495 111-22-33,{INN},770701001\n"


def test_a_file_brings_requisites_and_a_second_one_completes_them(cast):
    assert ran(cast, staged(cast, SHEET)).counts["new"] == 1
    assert looked_up(cast, INN) == [("Ромашка", Why.TAX, "")]
    ran(cast, staged(cast, SHEET.replace("770701001", "770801001"), on_match="update"))
    assert [(one["inn"], one["kpp"]) for one in of(cast, 1)] == [(INN, "770801001")]
    ran(cast, staged(cast, SHEET.replace(INN, "123456789047"), on_match="update"))
    assert [one["inn"] for one in of(cast, 1)] == [INN, "123456789047"]


def test_a_row_with_a_mistyped_number_comes_back_with_the_cause(cast):
    import_id = staged(cast, SHEET.replace(INN, "7707083894"))
    assert ran(cast, import_id).counts["faulty"] == 1
    assert "check digit" in causes(cast, import_id)[2]
