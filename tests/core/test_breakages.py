"""Deliberate breakages: with one guard of the door taken out, its attack succeeds. So it is the guard that stops it.

Each case shows both: the attack fails at the whole door, and succeeds at the broken one. Decision record 0002 lists them.
"""

from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import make_transient_to_detached, undefer

from crm import customers, interactions, rights
from crm.core import access, guards, masking, reading, uow
from crm.core.audit_log import AuditEntry
from crm.core.config import ROOT
from crm.core.errors import AlreadyDone, CrmError
from crm.core.people import User
from crm.customers import Customer, Phone
from crm.interactions import Interaction
from tests.cast import ADDRESS, NORTH, NOW, PARTS, PHONE, Cast, a_call, a_customer
from tests.core.test_uow import together

C = Customer
TABLE = Customer.__table__


@dataclass
class Scene:
    """A customer of the rep, one of his mate and one of the other team."""

    cast: Cast
    own: int
    mates: int
    hidden: int

    def as_rep(self, right: str, change: Callable[[Any], Any]) -> None:
        """Let the rep run a verb that needs `right`; refusals are swallowed, what counts is what is stored."""
        with suppress(CrmError), self.cast.unit(self.cast.rep) as u, u.acting("test.attack", right):
            change(u)

    def read(self, question: Callable[[Any], Any], part: str = "rep") -> Any:
        """Let somebody ask; a refusal is None."""
        with suppress(CrmError), self.cast.unit(getattr(self.cast, part)) as u:
            return question(u)
        return None

    def stored(self, key: int) -> Any:
        """Return a customer as the database has it."""
        with self.cast.database.reader.connect() as connection:
            return connection.execute(select(TABLE).where(TABLE.c.id == key)).mappings().one()

    def ask(self, statement: Any) -> Any:
        """Return one value without the door."""
        with self.cast.database.reader.connect() as connection:
            return connection.scalar(statement)


@pytest.fixture
def scene(cast) -> Scene:
    with cast.unit(cast.admin) as u:  # some attacks need somebody who may hand over and correct his own
        for right in ("customers.assign", "interactions.edit"):
            rights.adjust(u, "sales_rep", right, "own")
    return Scene(cast, a_customer(cast, "rep"), a_customer(cast, "mate"), a_customer(cast, "rival"))


# Each attack returns True when it got what it wanted.


def reads_a_hidden_customer(scene):
    return scene.read(lambda u: u.value(select(C.name).where(C.id == scene.hidden))) is not None


def reads_past_the_records(scene):
    return bool(scene.read(lambda u: u.all(select(User.id).join(TABLE, TABLE.c.id == scene.hidden))))


def reads_a_hidden_customer_after_losing_the_team(scene):
    """The scope is remembered for the length of a unit; a change of rights in the middle must make it new."""

    def change(u):
        u.all(select(C.id))
        u.session.rollback()
        with scene.cast.database.writing() as connection:
            connection.execute(update(User.__table__).where(User.__table__.c.id == 3).values(team_id=None))
        with u.acting("test.attack", "customers.edit"):
            return u.value(select(C.name).where(C.id == scene.mates))

    return scene.read(change) is not None


def writes_outside_a_verb(scene):
    def change(u):
        u.get(C, scene.own).note = "x"

    scene.read(change)
    return scene.stored(scene.own)["note"] == "x"


def takes_a_colleagues_customer(scene):
    def steal(u):
        u.get(C, scene.mates).responsible_id = u.actor.id

    scene.as_rep("customers.assign", steal)
    return scene.stored(scene.mates)["responsible_id"] == PARTS["rep"].id


def takes_a_customer_read_before_the_verb(scene):
    def steal(u):
        customer = customers.one(u, scene.mates)
        with u.acting("test.attack", "customers.assign"):
            customer.responsible_id = u.actor.id

    scene.read(steal)
    return scene.stored(scene.mates)["responsible_id"] == PARTS["rep"].id


def renames_a_customer(scene):
    def rename(u):
        u.get(C, scene.own).name = "x"

    scene.as_rep("customers.edit", rename)
    return scene.stored(scene.own)["name"] == "x"


def adds_a_phone(scene):
    scene.as_rep("customers.edit", lambda u: u.add(Phone(customer_id=scene.own, number="+7", digits="7")))
    return (
        scene.ask(select(func.count()).select_from(Phone.__table__).where(Phone.__table__.c.customer_id == scene.own))
        == 2
    )


def writes_with_a_view(scene):
    def write(u):
        u.get(C, scene.own).note = "x"

    scene.as_rep("customers.view", write)
    return scene.stored(scene.own)["note"] == "x"


def reads_a_phone(scene):
    rows = scene.read(lambda u: u.rows(select(Phone.number).where(Phone.customer_id == scene.mates)))
    return rows == [{"number": PHONE}]


def reads_a_phone_without_the_mask(scene):
    return scene.read(lambda u: u.all(select(Phone.number).where(Phone.customer_id == scene.mates))) == [PHONE]


def reads_a_phone_by_whoever_called(scene):
    a_call(scene.cast, scene.mates, "rep")
    statement = (
        select(Phone.number, Interaction.responsible_id)
        .join(C, C.id == Phone.customer_id)
        .join(Interaction, Interaction.customer_id == C.id)
        .where(C.id == scene.mates)
    )
    rows = scene.read(lambda u: u.rows(statement))
    return rows is not None and rows[0]["number"] == PHONE


def loads_a_street_with_its_record(scene):
    wanted = select(C).where(C.id == scene.mates).options(undefer(C.address))
    found = scene.read(lambda u: u.all(wanted)[0].address)
    return found == ADDRESS


def changes_many_at_once(scene):
    scene.as_rep("customers.edit", lambda u: u.execute(update(C).values(note="x"), bulk=True))
    return scene.stored(scene.mates)["note"] == "x"


def saves_a_stale_form(scene):
    with scene.cast.unit(scene.cast.leader) as u:
        customers.edit(u, scene.own, {"city": "Kazan"}, seen=1)
    scene.read(lambda u: customers.edit(u, scene.own, {"city": "Omsk"}, seen=1))
    return scene.stored(scene.own)["city"] == "Omsk"


def clicks_twice(scene):
    def click(_):
        with suppress(AlreadyDone), scene.cast.unit(scene.cast.rep, key="click") as u:
            interactions.log(u, scene.own, kind="call")

    together(2, click)
    return scene.stored(scene.own)["interaction_count"] == 2


def works_on_after_being_disabled(scene):
    with suppress(CrmError), scene.cast.unit(scene.cast.gone) as u:
        return u.value(select(func.count(C.id))) > 0
    return False


def keeps_a_right_that_was_taken_away(scene):
    with scene.cast.unit(scene.cast.rep) as u:
        u.all(select(C.id))
        u.session.rollback()
        with scene.cast.database.writing() as connection:
            connection.execute(update(User.__table__).where(User.__table__.c.id == 3).values(roles=["analyst"]))
        with suppress(CrmError):
            customers.edit(u, scene.own, {"city": "Omsk"}, seen=1)
        u.session.commit()
    return scene.stored(scene.own)["city"] == "Omsk"


def leaves_no_trace(scene):
    before = scene.ask(select(func.count()).select_from(AuditEntry.__table__))
    scene.as_rep("customers.edit", lambda u: setattr(u.get(C, scene.own), "note", "x"))
    assert scene.stored(scene.own)["note"] == "x"
    return scene.ask(select(func.count()).select_from(AuditEntry.__table__)) == before


def has_a_change_of_nobody_saved_by_the_next_verb(scene):
    def slip(u):
        interactions.log(u, scene.mates, kind="call")
        u.get(C, scene.own).note = "x"
        interactions.log(u, scene.mates, kind="call")

    scene.read(slip)
    return scene.stored(scene.own)["note"] == "x"


def attaches_to_a_hidden_customer(scene):
    entry = {"customer_id": scene.hidden, "kind": "call", "at": NOW, "responsible_id": 3, "logged_at": NOW}
    scene.as_rep("interactions.log", lambda u: u.add(Interaction(**entry)))
    return scene.ask(select(func.count()).select_from(Interaction.__table__)) == 1


def pulls_an_entry_over_from_a_hidden_customer(scene):
    key = a_call(scene.cast, scene.hidden, "rival")

    def pull(u):
        entry = Interaction(id=key, version=1)
        make_transient_to_detached(entry)
        u.session.add(entry)
        entry.customer_id = scene.own

    scene.as_rep("interactions.edit", pull)
    return scene.ask(select(Interaction.__table__.c.customer_id)) == scene.own


# --- the breakages ----------------------------------------------------------


def without(place: Any, name: str, instead: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """Return what takes one guard out."""
    return lambda monkeypatch: monkeypatch.setattr(place, name, instead)


def after_only(record):
    return guards_pairs(record)[:1]


guards_pairs = guards.pairs


def owns_all_columns(statement, *_):
    return [name for name in access.Owned._fields if name in statement.selected_columns]


def get_whatever_version(self, model, record_id, *, seen=None):
    del seen
    return self.session.scalar(select(model).where(model.id == record_id))


def load_even_the_disabled(connection, who):
    row = connection.execute(select(User.__table__).where(User.__table__.c.id == who.user_id)).one()
    grants = access.grants_of(tuple(row.roles))
    return access.Actor(row.id, row.name, tuple(row.roles), grants, row.team_id, frozenset({NORTH}))


def keep_the_actor(self):
    if not self._writes:
        who, self._who = self._who, None
        begin(self)
        self._who = who


begin = uow.UnitOfWork._begin_writing


@contextmanager
def act_without_flushing_before(self, verb, right):
    self._begin_writing()
    outer, self.verb, self.right = (self.verb, self.right), verb, right
    yield
    self.session.flush()
    self.verb, self.right = outer


def scoped_to_what_is_seen(unit, statement, models, *, changes):
    del changes
    return scoped(unit, statement, models, changes=False)


scoped = reading.scoped


class Forgetful(dict[Any, Any]):
    """Criteria that are not forgotten when the actor is loaded anew."""

    def clear(self) -> None:
        """Forget nothing."""


def remember_criteria(monkeypatch):
    made = uow.UnitOfWork.__init__

    def init(self, *args, **options):
        made(self, *args, **options)
        self.criteria = Forgetful()

    monkeypatch.setattr(uow.UnitOfWork, "__init__", init)


BREAKAGES: dict[str, tuple[Callable[[Scene], bool], Callable[[pytest.MonkeyPatch], None]]] = {
    "the scope on rows": (reads_a_hidden_customer, without(uow, "scoped", lambda _u, statement, _m, **_o: statement)),
    "tables without records": (reads_past_the_records, without(reading, "_is_bare", lambda _part: False)),
    "a scope that follows the rights": (reads_a_hidden_customer_after_losing_the_team, remember_criteria),
    "the guard of flushes": (writes_outside_a_verb, without(uow, "guard_flush", lambda *_: None)),
    "ownership before the change": (takes_a_colleagues_customer, without(guards, "pairs", after_only)),
    "the stored value of an unread column": (
        takes_a_customer_read_before_the_verb,
        without(guards, "_recall", lambda *_: None),
    ),
    "rights of fields": (renames_a_customer, without(guards, "_guard_fields", lambda *_: None)),
    "who may add and delete": (adds_a_phone, without(guards, "_guard_birth", lambda *_: None)),
    "a view may not write": (writes_with_a_view, without(guards, "reads_only", lambda _right: False)),
    "the parent of a child": (attaches_to_a_hidden_customer, without(guards, "_covered", lambda *_: True)),
    "the former parent of a child": (
        pulls_an_entry_over_from_a_hidden_customer,
        without(guards, "_recall", lambda *_: None),
    ),
    "the mask": (reads_a_phone, without(uow, "mask", lambda _actor, _statement, rows: rows)),
    "the refusal of unmasked reading": (reads_a_phone_without_the_mask, without(uow, "exposed", lambda *_: False)),
    "the owner of a masked value": (reads_a_phone_by_whoever_called, without(masking, "_owners", owns_all_columns)),
    "options that load": (loads_a_street_with_its_record, without(uow, "loads_deferred", lambda *_: False)),
    "the reach of bulk changes": (changes_many_at_once, without(uow, "scoped", scoped_to_what_is_seen)),
    "the version that was seen": (saves_a_stale_form, without(uow.UnitOfWork, "get", get_whatever_version)),
    "the key of a click": (clicks_twice, without(uow, "claim", lambda *_: True)),
    "accounts that ended": (works_on_after_being_disabled, without(uow, "load_actor", load_even_the_disabled)),
    "rights of this moment": (
        keeps_a_right_that_was_taken_away,
        without(uow.UnitOfWork, "_begin_writing", keep_the_actor),
    ),
    "the audit log": (leaves_no_trace, without(uow.audit_log, "write_flush", lambda *_: None)),
    "changes of nobody": (
        has_a_change_of_nobody_saved_by_the_next_verb,
        without(uow.UnitOfWork, "acting", act_without_flushing_before),
    ),
}


@pytest.mark.parametrize("guard", BREAKAGES)
def test_without_it_its_attack_succeeds(scene, guard, monkeypatch):
    attack, break_it = BREAKAGES[guard]
    assert not attack(scene), "the attack succeeds at the whole door"
    with scene.cast.database.writing() as connection:  # as it was
        connection.execute(Interaction.__table__.delete())
        connection.execute(Phone.__table__.delete().where(Phone.__table__.c.digits == "7"))
        connection.execute(
            update(User.__table__).where(User.__table__.c.id == 3).values(team_id=NORTH, roles=["sales_rep"])
        )
        connection.execute(update(TABLE).values(version=1, interaction_count=0, city=None, note=None))
    break_it(monkeypatch)
    assert attack(scene), "the attack fails without this guard too: something else stops it"


def test_the_decision_record_lists_every_breakage():
    record = (ROOT / "docs" / "decisions" / "0002-the-one-door.md").read_text(encoding="utf-8")
    assert [guard for guard in BREAKAGES if guard not in record] == []
