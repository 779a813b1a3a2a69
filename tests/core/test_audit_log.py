"""The audit log: one entry per changed record, in the transaction of the change, without personal values."""

import pytest
from sqlalchemy import select

from crm import customers, interactions, plans, products, settings
from crm.core.audit_log import HIDDEN, AuditEntry
from crm.core.errors import Refused
from crm.customers import Customer
from tests.cast import NORTH, NOW, PARTS, a_customer
from tests.core.test_uow import Stumble


def entries(cast, record=None):
    with cast.unit() as u:
        found = u.all(select(AuditEntry).order_by(AuditEntry.id))
    return [one for one in found if record in (None, one.record)]


def after(cast, key, change, part="keeper"):
    """Return the entries that a change makes, as (verb, record, record id, changes)."""
    before = len(entries(cast))
    with cast.unit(getattr(cast, part)) as u:
        change(u, key)
    return [(one.verb, one.record, one.record_id, one.changes) for one in entries(cast)[before:]]


def test_a_new_customer_is_written_down_with_its_contact_data_hidden(cast):
    key = a_customer(cast, "rep", name="Zed", city="Kazan")
    customer, phone, email = entries(cast)
    assert (customer.at, customer.actor_id, customer.verb) == (NOW, None, "customers.create")
    assert (customer.record, customer.record_id) == ("customers", key)
    assert customer.changes == {
        "kind": [None, "company"],
        "type": [None, "company"],
        "name": [None, HIDDEN],
        "city": [None, "Kazan"],
        "address": [None, HIDDEN],
        "responsible_id": [None, PARTS["rep"].id],
        "team_id": [None, NORTH],
    }
    assert phone.changes == {"customer_id": [None, key], "number": [None, HIDDEN], "digits": [None, HIDDEN]}
    assert email.changes == {"customer_id": [None, key], "address": [None, HIDDEN]}


def test_a_change_is_written_down_from_and_to(cast):
    key = a_customer(cast, "rep", city="Kazan")
    assert after(cast, key, lambda u, k: customers.edit(u, k, {"city": "Omsk", "employees": "7"}, seen=1), "rep") == [
        ("customers.edit", "customers", key, {"city": ["Kazan", "Omsk"], "employees": [None, 7]})
    ]
    assert entries(cast)[-1].actor_id == PARTS["rep"].id


@pytest.mark.parametrize(
    ("raw", "changes"),
    [
        ({"name": "Zed"}, {"name": [HIDDEN, HIDDEN]}),
        ({"address": "Arbat 1"}, {"address": [HIDDEN, HIDDEN]}),
        ({"address": ""}, {"address": [HIDDEN, None]}),
    ],
    ids=["name", "street", "street removed"],
)
def test_of_personal_fields_only_that_they_changed(cast, raw, changes):
    key = a_customer(cast, "rep")
    found = after(cast, key, lambda u, k: customers.edit_personal(u, k, raw, seen=1))
    assert found == [("customers.edit_personal", "customers", key, changes)]


def test_what_stays_as_it_is_is_not_written_down(cast):
    key = a_customer(cast, "rep", city="Kazan", address="Arbat 1")
    same = {"city": "Kazan", "address": "Arbat 1"}
    assert after(cast, key, lambda u, k: customers.edit_personal(u, k, same, seen=1)) == []
    with cast.unit() as u:
        assert customers.one(u, key).version == 1


def test_an_exchanged_phone_is_one_gone_and_one_new(cast):
    key = a_customer(cast, "rep")
    found = after(cast, key, lambda u, k: customers.edit_personal(u, k, {"phones": ["+7 495 111-22-33"]}, seen=1))
    told = [(record, "deleted" in changes) for _, record, _, changes in found]
    assert sorted(told) == [("customers", False), ("phones", False), ("phones", True)]
    assert {"phones": [HIDDEN, HIDDEN]} in [changes for _, _, _, changes in found]  # in the customer's own history


def test_a_deletion_is_written_down_without_its_values(cast):
    with cast.unit(cast.leader) as u:
        plan = plans.set_target(u, measure="calls", target=5, starts_on=NOW.date(), ends_on=NOW.date(), team_id=NORTH)
    found = after(cast, plan.id, lambda u, k: plans.drop(u, k, seen=1), "leader")
    assert found == [("plans.drop", "plans", plan.id, {"deleted": [False, True]})]


def test_an_interaction_is_written_down_with_its_id(cast):
    key = a_customer(cast, "rep")
    (found,) = after(cast, key, lambda u, k: interactions.log(u, k, kind="call", note="hello"), "rep")
    assert found[:2] == ("interactions.log", "interactions")
    assert found[3]["note"] == [None, "hello"]
    assert "logged_at" not in found[3]  # kept by Rapport itself


def test_no_secret_of_a_customer_stands_in_the_log(cast):
    key = a_customer(
        cast, "rep", name="Zebediah Q", phones=["+7 916 555-44-33"], emails=["zeb@secret.example"], address="Hidden 7"
    )
    with cast.unit(cast.keeper) as u:
        customers.edit_personal(
            u, key, {"name": "Zacharias Q", "address": "Secret 9", "phones": ["+7 916 777-66-55"]}, seen=1
        )
    written = " ".join(str(one.changes) for one in entries(cast))
    for secret in ("Zebediah", "Zacharias", "916", "zeb@", "Hidden", "Secret"):
        assert secret not in written


def test_an_undone_change_is_not_written_down(cast):
    key = a_customer(cast, "rep")
    before = len(entries(cast))
    with pytest.raises(Stumble), cast.unit(cast.rep) as u:
        customers.edit(u, key, {"city": "Kazan"}, seen=1)
        raise Stumble
    with pytest.raises(Refused), cast.unit(cast.rep) as u:
        customers.edit(u, key, {"name": "Zed"}, seen=1)
    assert len(entries(cast)) == before


def test_every_step_of_a_verb_has_the_name_of_its_verb(cast):
    key = a_customer(cast, "rep")
    with cast.unit(cast.keeper) as u:
        customers.edit(u, key, {"city": "Kazan"}, seen=1)
        customers.archive(u, key, seen=2)
        customers.restore(u, key)
    assert [one.verb for one in entries(cast, "customers")[1:]] == [
        "customers.edit",
        "customers.archive",
        "customers.restore",
    ]


def test_a_verb_within_a_verb_does_not_take_over_what_came_before(cast):
    key = a_customer(cast, "rep")
    with cast.unit(cast.keeper) as u, u.acting("test.outer", "customers.edit"):
        u.get(Customer, key).city = "Kazan"
        customers.assign(u, key, responsible_id=PARTS["mate"].id, seen=2)
    assert [(one.verb, set(one.changes)) for one in entries(cast, "customers")[1:]] == [
        ("test.outer", {"city"}),
        ("customers.assign", {"responsible_id"}),
    ]


def test_what_changes_no_column_can_be_remembered(cast):
    key = a_customer(cast, "rep")
    with cast.unit(cast.rep) as u, u.acting("test.show", "customers.view_personal"):
        u.remember(u.get(Customer, key), {"shown": [None, "phones"]})
    last = entries(cast)[-1]
    assert (last.verb, last.record_id, last.changes) == ("test.show", key, {"shown": [None, "phones"]})


def test_long_texts_and_numbers_are_written_readably(cast):
    key = a_customer(cast, "rep")
    after(cast, key, lambda u, k: customers.edit(u, k, {"need": "x" * 1500}, seen=1))
    assert entries(cast)[-1].changes["need"] == [None, "x" * 500]
    with cast.unit(cast.product) as u:
        products.create(u, {"code": "A1", "name": "Lamp", "price": "12.50", "currency": "EUR"})
    assert entries(cast)[-1].changes["price"][1] in {"12.5", "12.50", "12.5000"}


def test_settings_and_other_records_without_an_owner_are_written_down_too(cast):
    with cast.unit(cast.admin) as u:
        settings.change(u, "company_name", "House")
    assert entries(cast, "settings")[-1].changes == {"company_name": ["Rapport", "House"]}


def test_values_that_stand_together_are_written_down_one_by_one_and_hide_no_field_of_their_name(cast):
    key = a_customer(cast, "rep", city="Omsk")

    def change(u, customer_id):
        with u.acting("customers.edit", "customers.edit"):
            card = u.get(Customer, customer_id)
            card.city, card.extra = "Kazan", {"city": "Tver", "shoe": "42"}

    ((_verb, _record, _id, changes),) = after(cast, key, change)
    assert changes == {"city": ["Omsk", "Kazan"], "extra.city": [None, "Tver"], "shoe": [None, "42"]}
