"""Asking for access to a customer that exists already, and giving it: the customer gets another responsible."""

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import select

from crm import customers, notifications, rights, teams
from crm.core.access import SYSTEM, Actor, Owned
from crm.core.errors import NotFound, Unavailable
from crm.core.i18n import N_
from crm.core.people import User
from crm.core.uow import UnitOfWork, unit_of_work
from crm.core.verbs import verb
from crm.customers import Customer
from crm.doubles.finding import Typed
from crm.doubles.telling import TOLD, out_of_sight
from crm.privacy import limit
from db.engine import Database

ASKED: Final = "doubles.ask_for_access"
ASSIGN: Final = "customers.assign"
PATIENCE: Final = timedelta(days=1)
"""Whoever asked waits so long before he asks for the same customer again."""

WISH: Final = N_("{who} wanted to add a customer that exists already, and asks for access to it.")
GRANTED: Final = N_("The customer that you asked for is yours now.")


@verb("customers.create")
def ask_for_access(u: UnitOfWork, typed: Typed, *, of: int | None = None) -> int:
    """Ask the responsible and the team leader for access to the customers that one was just told of.

    typed: as in `look`. Returns how many were asked for. Of a customer of whom nothing was told within the hour nothing is
    asked, or asking would be another way of guessing; whoever asked waits a day.
    """
    lately, asked = set(limit.lately(u, TOLD)), set(limit.lately(u, ASKED, period=PATIENCE))
    hidden = {one.id for those in out_of_sight(u, typed, of=of).values() for one in those}
    wanted = sorted(hidden & lately - asked)
    for key in wanted:
        u.remember(Customer(id=key), {"access_asked": [None, True]})
    if wanted:
        u.after_commit(partial(_tell, u.database, u.actor, wanted, u.now))
    return len(wanted)


def _tell(database: Database, actor: Actor, wanted: list[int], now: datetime) -> None:
    """Put the wish behind the bells of whoever is responsible and of the leader; of whoever can grant it where there is neither."""
    try:
        with unit_of_work(database, SYSTEM, now=now) as u:
            for key in wanted:
                customer = u.get(Customer, key)
                query = {"id": str(key), "do": "access", "person": str(actor.id)}
                for person_id in _concerned(u, customer):
                    notifications.send(u, person_id, WISH, page="customer", query=query, who=actor.name)
    except (Unavailable, NotFound):
        return


def _concerned(u: UnitOfWork, customer: Customer) -> list[int]:
    responsible = u.session.scalar(select(User).where(User.id == customer.responsible_id))
    people = [responsible.id] if responsible is not None and responsible.is_active else []
    leader = teams.nearest_leader(u, customer.team_id, but=customer.responsible_id)
    return people + ([leader] if leader is not None else []) or rights.holders(u, ASSIGN, of=_owner(customer))


def _owner(customer: Customer) -> Owned:
    return Owned(customer.responsible_id, customer.team_id, customer.partner_id)


@verb("customers.assign")
def grant(u: UnitOfWork, customer_id: int, to_id: int, *, seen: int) -> Customer:
    """Make whoever asked for it responsible for a customer, and tell him. Raises as `customers.assign`."""
    customer = customers.assign(u, customer_id, responsible_id=to_id, seen=seen)
    if to_id != u.actor.id:
        u.after_commit(partial(_tell_granted, u.database, customer_id, to_id, u.now))
    return customer


def _tell_granted(database: Database, customer_id: int, to_id: int, now: datetime) -> None:
    try:
        with unit_of_work(database, SYSTEM, now=now) as u:
            notifications.send(u, to_id, GRANTED, page="customer", query={"id": str(customer_id)})
    except Unavailable:
        return


def who_can_grant(u: UnitOfWork, customer_id: int, to_id: int) -> list[int]:
    """Return who may hand this customer over to this person: a leader cannot give it into another team. Raises NotFound."""
    customer, person = u.get(Customer, customer_id), u.get(User, to_id)
    after = Owned(person.id, person.team_id, customer.partner_id)
    there, then = (rights.holders(u, ASSIGN, of=owned) for owned in (_owner(customer), after))
    above = (teams.leaders_above(u, team_id) for team_id in (customer.team_id, person.team_id))
    leaders = set.intersection(*map(set, above)) & set(rights.holders(u, ASSIGN))
    return sorted({*there} & {*then} | leaders)
