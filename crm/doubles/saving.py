"""Saving what seems to be there already: refused beside the field, unless somebody with the right gives a reason."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, Final

from crm import customers
from crm.core.access import Actor, Owned
from crm.core.errors import CrmError, Invalid, InvalidForm, Refused
from crm.core.i18n import N_
from crm.core.uow import UnitOfWork, unit_of_work
from crm.core.verbs import verb
from crm.customers import Customer
from crm.doubles.finding import Typed
from crm.doubles.telling import look, told
from db.engine import Database

SAVE: Final = "customers.save_double"


class Reason(StrEnum):
    """Why a customer is saved though it seems to be there. A code: nobody writes another customer's name into it."""

    SHARED = "shared"
    ANOTHER = "another"
    LATER = "later"


REASONS: Final[Mapping[str, str]] = {
    Reason.SHARED: N_("They share it: a family, a branch, a group"),
    Reason.ANOTHER: N_("Another customer, only similar"),
    Reason.LATER: N_("Not sure: to be looked at later"),
}


@verb("customers.create")
def add(
    u: UnitOfWork, raw: Mapping[str, Any], *, responsible_id: int | None = None, reason: str | None = None
) -> Customer:
    """Add a customer as `customers.create` does, after a look whether it is there already.

    What the template demands must be there. Raises as `customers.create`; InvalidForm beside each field that somebody has
    the same in. With a `reason` (of Reason) nothing is looked for, so that saving tells nothing; Refused without the right
    to that.
    """
    if reason is None:
        _weigh(u, raw, None)
    customer = customers.create(u, raw, responsible_id=responsible_id, in_full=True)
    if reason is not None:
        _keep(u, customer, reason)
    return customer


@verb("customers.create")
def settle(u: UnitOfWork, typed: Typed, *, of: int, reason: str | None = None) -> None:
    """Look whether what is about to be written onto a card is somebody else's already; keep the reason in its history.

    Part of the unit that saves. Raises as `add`, NotFound.
    """
    customer = u.get(Customer, of)
    if reason is None:
        _weigh(u, typed, of)
    else:
        _keep(u, customer, reason)


def _weigh(u: UnitOfWork, typed: Typed, of: int | None) -> None:
    found = look(u, typed, of=of).doubles
    if not found:
        return
    if any(one.id is None for one in found):  # the refusal is an answer, too: it counts though nothing is saved
        u.at_any_rate(partial(_note, u.database, u.actor, dict(typed), of, u.now))
    same = N_("A customer with the same exists already.")
    faults = {one.field: Invalid(same, field=one.field) for one in found}
    raise InvalidForm(faults | {"reason": Invalid(N_("Please say why you save it all the same."), field="reason")})


def _keep(u: UnitOfWork, customer: Customer, reason: str) -> None:
    if reason not in set(Reason):
        raise Invalid(N_("Please say why you save it all the same."), field="reason")
    if not u.actor.covers(SAVE, Owned(customer.responsible_id, customer.team_id, customer.partner_id)):
        raise Refused(N_("Your role may not save what exists already. Ask whoever is responsible for access."))
    u.remember(customer, {"saved_as_double": [None, reason]})


def _note(database: Database, actor: Actor, typed: Typed, of: int | None, now: datetime) -> None:
    try:
        with unit_of_work(database, actor, now=now) as u:
            told(u, typed, of=of)
    except CrmError:  # the database is away: the person hears it at his next click
        return
