"""Doubles on the screen: said beside what was typed, opened or asked for, saved all the same with a reason."""

import pytest
from sqlalchemy import select

from crm import doubles, notifications, settings
from crm.core.audit_log import AuditEntry
from crm.customers import Customer, Phone
from tests.cast import ADDRESS, INN, PARTS, PHONE, a_contact, a_customer, some_requisites
from tests.pages.screen import field, opened, press, texts
from tests.pages.screen import part as by_key

MARKUP = "**Bold** [link](http://evil.example)"


def said(at, name):
    """Return what is said beside a field: (text, link, address or what was done) of each line."""
    keys = [one.key for one in at.get("bidi_component") if str(one.key).endswith(f".doubles.{name}")]
    assert len(keys) <= 1
    lines = by_key(at, keys[0])["lines"] if keys else []
    return [(one["text"], one.get("link"), one.get("href") or one.get("done")) for one in lines]


def typed(at, **values):
    for name, value in values.items():
        field(at, name).set_value(value)
    return at.run()


def named(cast, name):
    with cast.unit() as u:
        return u.all(select(Customer.id).where(Customer.name == name))


def entries(cast, verb):
    with cast.unit() as u:
        return u.all(select(AuditEntry).where(AuditEntry.verb == verb))


def test_it_is_said_beside_the_field_as_soon_as_it_is_typed_and_opens_by_a_link(cast):
    key = a_customer(cast, "mate", name="Ромашка", city="Perm")
    at = typed(opened("customers", cast.rep, do="new"), name="Новая", phones=PHONE, city="Perm")
    assert said(at, "phones") == [
        ("Ромашка · Perm · Responsible: Olga Mate", "Open the customer", f"/customer?id={key}")
    ]
    assert said(at, "name") == []
    at = typed(at, name="ООО Рамашка", phones="")
    assert said(at, "phones") == []
    assert said(at, "name") == [("Ромашка · Perm · Responsible: Olga Mate", "Open the customer", f"/customer?id={key}")]


def test_a_double_is_added_with_a_reason_only(cast):
    a_customer(cast, "mate")
    at = typed(opened("customers", cast.rep, do="new"), name="Twice", phones=PHONE)
    assert "1 customer seems to be there already." in texts(at)
    at = press(at, "Add all the same")
    assert "Please say why you save it all the same." in texts(at)
    assert named(cast, "Twice") == []
    field(at, "reason").set_value("shared")
    field(at, "address").set_value(ADDRESS)
    press(at, "Add all the same")
    (entry,) = entries(cast, "doubles.add")
    assert named(cast, "Twice") == [entry.record_id]
    assert entry.changes == {"saved_as_double": [None, "shared"]}


def test_of_a_customer_out_of_sight_there_is_no_word_but_who_is_responsible(cast):
    a_customer(cast, "rival", name="Secret Ltd", city="Perm")
    at = typed(opened("customers", cast.rep, do="new"), name="Mine", phones=PHONE)
    ((text, link, _address),) = said(at, "phones")
    assert (text, link) == ("Exists, responsible: Wei Rival", "Ask for access")
    for word in ("Secret", "Perm", "customer?id="):
        assert word not in texts(at)
    typed(at, city="Moscow")
    typed(at, name="Mine too")
    assert len(entries(cast, "doubles.told")) == 1, "what was looked for once is not looked for again"


def test_one_click_asks_for_access_and_says_so(cast):
    a_customer(cast, "rival")
    at = typed(opened("customers", cast.rep, do="new"), name="Mine", phones=PHONE)
    assert said(at, "phones")[0][2].endswith("&ask=phones")
    at.query_params["ask"] = "phones"
    at = at.run()
    assert said(at, "phones") == [("Exists, responsible: Wei Rival", None, "Asked.")]
    assert "ask" not in at.query_params
    with cast.unit(cast.rival) as u:
        assert len(notifications.latest(u)) == 1


def test_whoever_was_stopped_is_told_nothing_of_others_and_goes_on(cast):
    a_customer(cast, "rival")
    with cast.unit(cast.admin) as u:
        settings.change(u, "doubles_per_hour", "1")
    with cast.unit(cast.rep) as u:
        doubles.look(u, {"phones": [PHONE]})
    for phone in (PHONE, "+7 495 000-00-09"):
        at = typed(opened("customers", cast.rep, do="new", once=phone), name="Mine", phones=phone)
        assert said(at, "phones") == []
        assert "nothing is said of them for now" in texts(at)
    field(at, "address").set_value(ADDRESS)
    press(at, "Add customer")
    assert len(named(cast, "Mine")) == 1


def test_a_phone_that_is_added_to_a_card_is_looked_for_before_it_is_saved(cast):
    other, key = a_customer(cast, "mate", name="Ромашка"), a_customer(cast, "rep", phones=["+7 495 000-00-01"])
    at = opened("customer", cast.keeper, id=key, do="personal", seen=1)
    field(at, "phones").set_value(f"+7 495 000-00-01, {PHONE}")
    at = press(at, "Save")
    assert said(at, "phones") == [("Ромашка · Responsible: Olga Mate", "Open the customer", f"/customer?id={other}")]
    at = press(at, "Save all the same")
    assert "Please say why" in texts(at)
    field(at, "reason").set_value("another")
    press(at, "Save all the same")
    with cast.unit() as u:
        assert len(u.all(select(Phone.id).where(Phone.customer_id == key))) == 2
    (entry,) = entries(cast, "doubles.settle")
    assert (entry.record_id, entry.changes) == (key, {"saved_as_double": [None, "another"]})


def test_what_was_on_the_card_before_is_no_question(cast):
    a_customer(cast, "mate")
    key = a_customer(cast, "rep")
    at = opened("customer", cast.keeper, id=key, do="personal", seen=1)
    field(at, "address").set_value("Elsewhere 2")
    press(at, "Save")
    with cast.unit() as u:
        assert u.value(select(Customer.version).where(Customer.id == key)) == 2


@pytest.mark.parametrize("new", [True, False])
def test_a_contact_person_and_requisites_are_looked_for_too(cast, new):
    other, key = a_customer(cast, "mate", name="Ромашка"), a_customer(cast, "rep", phones=[], emails=[])
    some_requisites(cast, other, inn=INN)
    person, numbers = a_contact(cast, key), some_requisites(cast, key, ogrn="")
    line = [("Ромашка · Responsible: Olga Mate", "Open the customer", f"/customer?id={other}")]
    query = {"do": "new_contact"} if new else {"do": "contact", "contact": person, "seen": 1}
    at = opened("customer", cast.keeper, id=key, tab="contacts", **query)
    field(at, "name").set_value("Pia")
    field(at, "phones").set_value(PHONE)
    at = press(at, "Add a contact person" if new else "Save")
    assert said(at, "phones") == line
    field(at, "reason").set_value("shared")
    press(at, "Add all the same" if new else "Save all the same")
    query = {"do": "new_requisites"} if new else {"do": "requisites", "requisites": numbers, "seen": 1}
    at = opened("customer", cast.keeper, id=key, tab="requisites", **query)
    field(at, "inn").set_value(INN)
    at = press(at, "Add requisites" if new else "Save")
    assert said(at, "inn") == line
    field(at, "reason").set_value("shared")
    press(at, "Add all the same" if new else "Save all the same")
    assert len(entries(cast, "doubles.settle")) == 2


def test_whoever_may_grant_it_does_so_from_the_notification_and_others_read_who_can(cast):
    key, rep = a_customer(cast, "rival"), PARTS["rep"].id
    for name in ("rival", "rival_leader"):
        at = opened("customer", getattr(cast, name), id=key, do="access", person=rep)
        assert "Ivan Rep" in texts(at)
        assert "Who can hand it over: Kira Keeper, Irina Head" in texts(at)
        assert not [one for one in at.button if "responsible" in one.label]
    press(opened("customer", cast.head, id=key, do="access", person=rep), "Make Ivan Rep responsible")
    with cast.unit() as u:
        assert u.value(select(Customer.responsible_id).where(Customer.id == key)) == rep


def test_what_somebody_typed_is_never_markup(cast):
    a_customer(cast, "mate", name=MARKUP, city=MARKUP)
    at = typed(opened("customers", cast.rep, do="new"), name=MARKUP, phones=PHONE, city=MARKUP)
    assert said(at, "phones")
    for kind in ("markdown", "caption", "subheader"):
        assert not [one for one in at.get(kind) if "](http" in str(one.value)]
