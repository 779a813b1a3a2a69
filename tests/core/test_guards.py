"""Which rows and fields a verb may write. What is allowed passes here; what is not stands in test_attack."""

import pytest
from sqlalchemy import inspect, select
from sqlalchemy.orm import make_transient_to_detached

from crm import customers, notifications
from crm.core import records
from crm.core.access import Owned
from crm.core.audit_log import AuditEntry
from crm.core.errors import Refused
from crm.core.grants import RIGHTS
from crm.core.guards import ChildOf, Guarded, pairs
from crm.customers import Customer, Email, Phone
from crm.notifications import Notification
from db.base import Base, Record
from tests.cast import NORTH, NOW, PARTS, SOUTH, a_customer


def versions(cast, key):
    with cast.unit() as u:
        return customers.one(u, key).version


# --- ownership before and after ---------------------------------------------


def test_a_leader_hands_a_customer_over_within_the_team(cast):
    key = a_customer(cast, "rep")
    with cast.unit(cast.leader) as u:
        handed = customers.assign(u, key, responsible_id=PARTS["mate"].id, seen=1)
    assert (handed.responsible_id, handed.team_id) == (PARTS["mate"].id, NORTH)


def test_a_department_head_hands_a_customer_over_between_his_teams(cast):
    key = a_customer(cast, "rep")
    with cast.unit(cast.head) as u:
        assert customers.assign(u, key, responsible_id=PARTS["rival"].id, seen=1).team_id == SOUTH


@pytest.mark.parametrize("to", ["rival", "service", "head"])
def test_a_leader_hands_nobody_over_out_of_the_team(cast, to):
    key = a_customer(cast, "rep")
    who = PARTS[to]
    if who.team_id == NORTH:
        with cast.unit(cast.leader) as u:
            customers.assign(u, key, responsible_id=who.id, seen=1)
        return
    with pytest.raises(Refused), cast.unit(cast.leader) as u:
        customers.assign(u, key, responsible_id=who.id, seen=1)
    assert versions(cast, key) == 1


def test_ownership_is_compared_as_stored_and_as_it_will_be(cast):
    key = a_customer(cast, "rep")
    with cast.unit(cast.keeper) as u:
        customer = u.get(Customer, key)
        assert pairs(customer) == [Owned(PARTS["rep"].id, NORTH)]
        customer.team_id = SOUTH
        assert set(pairs(customer)) == {Owned(PARTS["rep"].id, NORTH), Owned(PARTS["rep"].id, SOUTH)}
        u.session.rollback()


def test_an_unread_column_is_remembered_as_it_is_stored(cast):
    """A change of a column that was never loaded is still a change from something."""
    key = a_customer(cast, "rep", note="old")
    with cast.unit(cast.keeper) as u, u.acting("test.change", "customers.edit"):
        customer = Customer(id=key, version=1)
        make_transient_to_detached(customer)
        u.session.add(customer)
        customer.note = "new"
        assert not inspect(customer).attrs.note.history.deleted
    with cast.unit() as u:
        newest = select(AuditEntry).where(AuditEntry.verb == "test.change")
        assert [one.changes for one in u.all(newest)] == [{"note": ["old", "new"]}]


def test_columns_that_rapport_keeps_need_no_right_of_the_row(cast):
    """Everybody marks his notifications as read, though nobody may edit notifications."""
    with cast.unit() as u:
        notifications.send(u, PARTS["analyst"].id, "Hello")
    with cast.unit(cast.analyst) as u:
        notifications.mark_read(u)
    with cast.unit(cast.analyst) as u:
        assert u.all(select(Notification))[0].read_at == NOW
        assert notifications.unread_count(u) == 0


# --- fields -----------------------------------------------------------------


def test_a_record_keeper_changes_personal_fields_and_business_fields(cast):
    key = a_customer(cast, "rep")
    with cast.unit(cast.keeper) as u:
        changed = customers.edit(u, key, {"name": "Zed", "city": "Kazan", "phones": []}, seen=1)
    assert (changed.name, changed.city) == ("Zed", "Kazan")


def test_saving_a_form_with_personal_fields_as_they_are_needs_no_right(cast):
    key = a_customer(cast, "rep", name="Zed")
    with cast.unit(cast.rep) as u:
        assert customers.edit(u, key, {"name": "Zed", "city": "Kazan"}, seen=1).city == "Kazan"


def test_phones_come_with_a_new_customer(cast):
    with cast.unit(cast.rep) as u:
        key = customers.create(u, {"name": "New", "phones": ["8 916 123-45-67"]}).id
        assert len(u.all(select(Phone).where(Phone.customer_id == key))) == 1


@pytest.mark.parametrize(
    ("child", "field", "value"), [(Phone, "phones", "+7 495 111-22-33"), (Email, "emails", "a@b.ru")]
)
def test_contact_data_are_replaced_with_the_right_and_only_with_it(cast, child, field, value):
    key = a_customer(cast, "rep")
    for part in ("rep", "leader", "admin"):
        with pytest.raises(Refused), cast.unit(getattr(cast, part)) as u:
            customers.edit(u, key, {field: [value]}, seen=1)
    with cast.unit(cast.keeper) as u:
        customers.edit_personal(u, key, {field: [value]}, seen=1)
    with cast.unit(cast.keeper) as u:
        assert len(u.all(select(child).where(child.customer_id == key))) == 1


# --- what is guarded --------------------------------------------------------

UNGUARDED = {
    "audit_entries": "names a record without belonging to it; read by crm.audit behind audit.view or the record's own scope",
    "users": "colleagues; every role sees their names, partners are narrowed by crm.users",
    "teams": "names of teams; every role sees them",
    "sign_ins": "read below the door, by the gate and crm.sessions",
    "search_tokens": "no record: narrows what is asked for and is never asked for itself",
}
"""Tables that reach a customer or a person and are guarded in another way: why."""


def reaches_somebody(table):
    names = {"customer_id", "responsible_id", "team_id", "partner_id", "user_id", "purchase_id", "interaction_id"}
    return bool(names & set(table.columns.keys()))


def test_every_record_that_reaches_a_customer_is_guarded():
    guarded = {model.__table__.name for model in Guarded.models()}
    open_ones = {
        name
        for name, table in records.load().tables.items()
        if reaches_somebody(table) and name not in guarded | set(UNGUARDED)
    }
    customers_own = {name for name in open_ones if "user_id" not in records.load().tables[name].columns}
    assert not customers_own, "make these records Guarded or ChildOf: rows of hidden customers can be read from them"
    assert open_ones <= {"credentials", "one_time_codes", "recovery_codes", "reset_links", "command_keys", "throttles"}


def test_the_reasons_for_unguarded_tables_are_still_needed():
    assert set(UNGUARDED) <= set(records.load().tables)


def test_every_guarded_record_says_whose_it_is():
    for model in Guarded.models():
        columns = set(inspect(model).columns.keys())
        if issubclass(model, ChildOf):
            assert model.parent_key in columns, model
            assert issubclass(model.parent, Guarded), model
        else:
            decides = {"rows", "owned"} <= set(vars(model))
            assert "responsible_id" in columns or decides, model
        assert model.area, model


def test_every_guarded_record_asks_for_a_right_that_exists():
    for model in Guarded.models():
        assert f"{model.area}.view" in RIGHTS, model
        for right in model.written_by:
            assert right in RIGHTS, model
        for column in inspect(model).columns:
            assert {column.info[key] for key in ("edit", "view") if key in column.info} <= set(RIGHTS), column


def test_every_changeable_table_has_a_version_and_a_name_of_its_own():
    for mapper in Base.registry.mappers:
        if issubclass(mapper.class_, Record):
            assert mapper.version_id_col is not None


def test_no_record_leads_to_another_by_an_attribute():
    """Relationships would load rows that nobody asked the door for."""
    assert [mapper.class_.__name__ for mapper in Base.registry.mappers if mapper.relationships] == []


def test_personal_columns_are_not_loaded_with_their_record():
    for mapper in Base.registry.mappers:
        for prop in mapper.column_attrs:
            if any("view" in column.info for column in prop.columns):
                assert prop.deferred, prop
                assert prop.strategy_key == (("deferred", True), ("instrument", True), ("raiseload", True)), prop
