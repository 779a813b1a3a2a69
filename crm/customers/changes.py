"""The verbs of customers, and what the verbs of other capabilities keep on the card."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import case, insert, literal, or_, select, update
from sqlalchemy.orm.attributes import set_committed_value

from crm import fields, search, settings, templates
from crm.core.audit_log import HIDDEN
from crm.core.errors import Conflict, NotFound
from crm.core.grants import Scope
from crm.core.i18n import N_
from crm.core.people import User
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers.fields import Demand, Facts, Stored, checked, fitting
from crm.customers.measuring import measure
from crm.customers.records import Contact, Customer, Email, Kind, Phone, Requisites, StageChange

REASON_LENGTH: Final = 200
Step = tuple[int, str, str]
"""A customer, the stage he was at, and the one he is at now."""


@verb("customers.create")
def create(
    u: UnitOfWork, raw: Mapping[str, Any], *, responsible_id: int | None = None, in_full: bool = False
) -> Customer:
    """Add a customer. `raw` as in `checked`; in_full: what the template says must be filled in is demanded, as forms do.

    Without `responsible_id` it belongs to oneself where one may only add one's own, else to nobody and to one's own team.
    Raises InvalidForm, Refused (outside one's reach).
    """
    if responsible_id is None and u.actor.scope("customers.create") is Scope.OWN:
        responsible_id = u.actor.id
    given = {"name": ""} | ({} if raw.get("type") else {"kind": Kind.COMPANY}) | dict(raw)
    facts = checked(given, stored=Stored(str(given.get("kind", ""))), demand=Demand() if in_full else None, **_house(u))
    customer = Customer(
        **facts.fields,
        extra=facts.onto({}),
        completeness=_score(u, facts),
        responsible_id=responsible_id,
        team_id=_team_of(u, responsible_id) if responsible_id is not None else u.actor.team_id,
        partner_id=u.actor.partner_id,
        created_at=u.now,
        created_by_id=u.actor.id,
    )
    u.add(customer)
    _write_contact_data(u, customer, facts)
    index(u, customer)
    return customer


@verb("customers.edit")
def edit(
    u: UnitOfWork,
    customer_id: int,
    raw: Mapping[str, Any],
    *,
    seen: int,
    form: Iterable[str] = (),
    reason: str = "",
) -> Customer:
    """Change fields of a customer; personal fields need their own right. `seen` is the version that the form showed.

    reason: why the stage changes, where it does.
    Mandatory own fields must be filled afterwards, and so must those of `form` (the fields that the person had before him)
    that the template demands. Raises InvalidForm, NotFound, Refused, Conflict.
    """
    customer = u.get(Customer, customer_id, seen=seen)
    stored = Stored(customer.kind, customer.extra, customer.type)
    facts = checked(raw, stored=stored, demand=_demand(u, customer, form), **_house(u))
    return _change(u, customer, facts, seen, why=fitting("stage_reason", reason.strip(), REASON_LENGTH))


@verb("customers.edit_personal")
def edit_personal(
    u: UnitOfWork, customer_id: int, raw: Mapping[str, Any], *, seen: int, form: Iterable[str] = ()
) -> Customer:
    """Change name, phones, e-mails or address of a customer. `form` and what it raises as in `edit`."""
    customer = u.get(Customer, customer_id, seen=seen)
    return _change(u, customer, checked(raw, demand=_demand(u, customer, form), **_house(u)), seen)


@verb("customers.assign")
def assign(u: UnitOfWork, customer_id: int, *, responsible_id: int | None, seen: int) -> Customer:
    """Hand a customer over; the customer goes to the team of the new responsible."""
    customer = u.get(Customer, customer_id, seen=seen)
    give_to(u, customer, responsible_id)
    return customer


def give_to(u: UnitOfWork, customer: Customer, responsible_id: int | None) -> None:
    """Make somebody responsible for a customer, who goes to that person's team; part of the verb that hands over."""
    customer.responsible_id = responsible_id
    if responsible_id is not None:
        customer.team_id = _team_of(u, responsible_id)


@verb("customers.verify")
def verify(u: UnitOfWork, customer_id: int, *, seen: int | None = None) -> None:
    """Stand for it that the data of a customer are right today. `seen` is the version that was looked at.

    Raises NotFound, Refused, Conflict.
    """
    customer = u.get(Customer, customer_id, seen=seen)
    customer.verified_at, customer.verified_by_id = u.now, u.actor.id


@verb("customers.archive")
def archive(u: UnitOfWork, customer_id: int, *, seen: int) -> None:
    """Put a customer into the bin: it leaves lists and search, nothing is lost."""
    u.get(Customer, customer_id, seen=seen).archived_at = u.now


@verb("customers.archive")
def restore(u: UnitOfWork, customer_id: int) -> None:
    """Take a customer out of the bin."""
    u.get(Customer, customer_id).archived_at = None


def _house(u: UnitOfWork) -> dict[str, Any]:
    """Return what the company has decided about what is entered."""
    types = templates.everything(u)
    return {"region": settings.value(u, "phone_region"), "own": fields.definitions(u), "types": types}


def _score(u: UnitOfWork, facts: Facts) -> int:
    """Return how complete a new customer is."""
    there = templates.filled(facts.fields, phones=bool(facts.phones), emails=bool(facts.emails), extra=facts.onto({}))
    return templates.score(templates.types(u)[facts.fields["type"]], fields.definitions(u), there)


def _demand(u: UnitOfWork, customer: Customer, form: Iterable[str]) -> Demand | None:
    """Return what a form must not leave empty of a stored customer, None where nobody has a form before him."""
    asked = frozenset(form)
    if not asked:
        return None
    known = {key: getattr(customer, key) for key in templates.STANDARD_KEYS if key not in templates.PERSONAL}
    mine = Customer.id == customer.id
    known |= {"name": customer.name, "address": next(iter(u.inside(select(Customer.address).where(mine))), None)}
    ways = (
        bool(u.inside(select(model.id).where(model.customer_id == customer.id).limit(1))) for model in (Phone, Email)
    )
    there = templates.filled(known, phones=next(ways), emails=next(ways), extra=customer.extra)
    return Demand(customer.type, frozenset(there), asked)


def put(customer: Customer, facts: Facts) -> bool:
    """Set cleaned fields of a customer; part of a verb that changes many. Say whether the look-up has to learn of it.

    What else follows is for that verb to do once for all of them: `note_steps` and `measure`.
    """
    for key, value in facts.fields.items():
        setattr(customer, key, value)
    if facts.own and (extra := facts.onto(customer.extra)) != customer.extra:
        customer.extra = extra
    return bool(facts.own or facts.fields.keys() & _LOOKED_UP)


_LOOKED_UP: Final = frozenset({"name", "external_number"})
"""Fields by which the look-up finds a customer, besides contact data and own fields."""


def note_steps(u: UnitOfWork, steps: Iterable[Step], *, why: str = "") -> None:
    """Keep the steps of customers from stage to stage; who stays where he is takes none. why: the reason, if one was said."""
    facts = {"at": u.now, "by_id": u.actor.id, "reason": why or None}
    rows = [
        {"customer_id": key, "before": before, "after": after} | facts
        for key, before, after in steps
        if before != after
    ]
    if rows:
        u.session.flush()
        # raw, bulk: one statement for many; whoever changed the stages was asked for his right to it
        u.execute(insert(StageChange.__table__), rows, raw=True, bulk=True)


def _change(u: UnitOfWork, customer: Customer, facts: Facts, seen: int, *, why: str = "") -> Customer:
    stage = customer.stage
    is_found_otherwise = put(customer, facts)
    note_steps(u, [(customer.id, stage, customer.stage)], why=why)
    changed = _write_contact_data(u, customer, facts)
    u.session.flush()
    if changed:
        u.remember(
            customer, {key: [HIDDEN, HIDDEN] for key in changed}
        )  # the card's history tells it, not only the phone's
    if changed and customer.version == seen:
        _raise_version(u, customer)
    if changed or is_found_otherwise:
        index(u, customer)
    for completeness in measure(u, [customer.id]).values():
        set_committed_value(customer, "completeness", completeness)
    return customer


def _raise_version(u: UnitOfWork, customer: Customer) -> None:
    """Let open forms notice that phones or e-mails were exchanged, though the customer's own row is as it was."""
    table = Customer.__table__
    same = (table.c.id == customer.id) & (table.c.version == customer.version)
    # raw, bulk: a record without a changed column keeps its version
    if u.execute(update(table).where(same).values(version=table.c.version + 1), raw=True, bulk=True).rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(record=customer)
    set_committed_value(customer, "version", customer.version + 1)


def _team_of(u: UnitOfWork, user_id: int) -> int | None:
    # held until the commit, or the person could move to another team between this look and the customer's row
    held = select(User).where(User.id == user_id).with_for_update(read=True, key_share=True)
    person = u.session.scalar(held.execution_options(populate_existing=True))
    if person is None or not person.is_active:
        raise NotFound(N_("There is no such colleague."))
    return int(person.team_id) if person.team_id is not None else None


def _write_contact_data(u: UnitOfWork, customer: Customer, facts: Facts) -> list[str]:
    """Replace the phones and e-mails by those of `facts`; what stays the same keeps its row. Return which of the two changed."""
    changed = []
    if facts.phones is not None:
        stored = dict(zip(*_stored(u, Phone, Phone.digits, customer.id), strict=True))
        changed += ["phones"] if list(stored) != [digits for _, digits in facts.phones] else []
        for position, (number, digits) in enumerate(facts.phones):
            if (phone := stored.pop(digits, None)) is None:
                phone = Phone(customer_id=customer.id, number=number, digits=digits, position=position)
                u.session.add(phone)
            phone.position = position
        for phone in stored.values():
            u.delete(phone)
    if facts.emails is not None:
        kept = dict(zip(*_stored(u, Email, Email.address, customer.id), strict=True))
        changed += ["emails"] if tuple(kept) != facts.emails else []
        for position, address in enumerate(facts.emails):
            if (email := kept.pop(address, None)) is None:
                email = Email(customer_id=customer.id, address=address, position=position)
                u.session.add(email)
            email.position = position
        for email in kept.values():
            u.delete(email)
    return changed


def _stored(u: UnitOfWork, model: Any, column: Any, customer_id: int) -> tuple[list[Any], list[Any]]:
    rows = u.all(select(model).where(model.customer_id == customer_id).order_by(model.position, model.id))
    values = u.inside(select(column).where(model.customer_id == customer_id).order_by(model.position, model.id))
    return list(values), list(rows)


def index(u: UnitOfWork, customer: Customer) -> None:
    """Keep the look-up in step, in the transaction of the change: of the customer, a contact person or requisites."""
    phones = [*u.inside(select(Phone.digits).where(Phone.customer_id == customer.id))]
    emails = [*u.inside(select(Email.address).where(Email.customer_id == customer.id))]
    names = []
    together = Contact.digits + "\t" + Contact.emails + "\t" + Contact.name
    for contact in u.inside(select(together).where(Contact.customer_id == customer.id)):
        digits, addresses, name = contact.split("\t", 2)
        names.append(name)
        phones += digits.split()
        emails += addresses.split()
    signed = u.all(select(Requisites).where(Requisites.customer_id == customer.id))
    tax = [number for one in signed for number in one.numbers]
    found = search.tokens(customer.name, customer.external_number, phones, emails, contact=names, tax=tax)
    search.index(u, customer.id, found | fields.stored_tokens(customer.extra))


# --- what other capabilities keep on the card ------------------------------


def remember_interaction(u: UnitOfWork, customer: Customer, at: datetime) -> None:
    """Keep the card's counters when the journal gets an entry; part of the journal's verb."""
    _remember(u, customer, Customer.interaction_count, Customer.last_interaction_at, at)


def remember_purchase(u: UnitOfWork, customer: Customer, at: datetime) -> None:
    """Keep the card's counters when a purchase is recorded; part of that verb."""
    _remember(u, customer, Customer.purchase_count, Customer.last_purchase_at, at)


def _remember(u: UnitOfWork, customer: Customer, count: Any, last: Any, at: datetime) -> None:
    """Add one to a counter of the card.

    The database adds, and the version stays: two calls logged at the same moment do not clash, and a form that is open
    meanwhile has nothing to compare.
    """
    table = Customer.__table__.c
    number, moment = table[count.key], table[last.key]
    happened = literal(at, moment.type)  # a bare value would be bound without the type that makes it UTC
    later = case((or_(moment.is_(None), moment < happened), happened), else_=moment)
    # raw, bulk: an update of the record would raise its version
    statement = update(Customer.__table__).where(table.id == customer.id).values({number: number + 1, moment: later})
    stored: Any = u.execute(statement.returning(number, moment), raw=True, bulk=True).one()
    set_committed_value(customer, count.key, stored[0])
    set_committed_value(customer, last.key, stored[1])
