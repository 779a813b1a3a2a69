"""Contacts: the persons at a customer company, what they do there and how to reach them.

Promises: their phones and e-mails are cleaned, masked and found like the customer's own; a company has at most one person
who is asked first; who has left stays on the card, so that it is known who promised what.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy import bindparam, select

from crm import customers, settings
from crm.core import clock
from crm.core.access import Owned
from crm.core.audit_log import HIDDEN
from crm.core.errors import Invalid, InvalidForm, NotFound
from crm.core.i18n import N_
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import Contact, Customer

PERSONAL: Final = ("name", "phones", "emails", "birthday")
"""Fields that need the right to change personal data."""

BUSINESS: Final = ("position", "department", "note", "is_primary")
LENGTHS: Final[Mapping[str, int]] = {"position": 200, "department": 200, "note": 2000}
FIRST_YEAR: Final = 1900


def checked(raw: Mapping[str, Any], *, region: str, today: date = date.max) -> dict[str, Any]:
    """Clean what was typed or imported; raise InvalidForm with one Invalid per wrong field.

    raw: field of PERSONAL and BUSINESS -> text; `phones` and `emails` are sequences of text, `birthday` a day or its text
    (2026-12-31) up to `today`, `is_primary` a bool; a field that is not there stays as it is. region: as in
    `customers.checked`.
    """
    faults: dict[str, Invalid] = {}
    found: dict[str, Any] = {}
    try:
        ways = customers.checked({key: raw[key] for key in ("name", "phones", "emails") if key in raw}, region=region)
    except InvalidForm as form:
        faults |= form.faults
    else:
        found |= {key: ways.fields[key] for key in ("name",) if key in ways.fields} | _lines(ways)
    for key in raw.keys() - {"name", "phones", "emails"}:
        try:
            found[key] = _checked_field(key, raw[key], today)
        except Invalid as fault:
            faults[key] = fault
    if faults:
        raise InvalidForm(faults)
    return found


def _lines(ways: customers.Facts) -> dict[str, str]:
    """Return phones and e-mails as they are stored: one on a line."""
    found: dict[str, str] = {}
    if ways.phones is not None:
        found |= {"phones": "\n".join(number for number, _ in ways.phones)}
        found |= {"digits": "\n".join(digits for _, digits in ways.phones)}
    return found | ({} if ways.emails is None else {"emails": "\n".join(ways.emails)})


def _checked_field(key: str, value: Any, today: date) -> Any:
    if key == "is_primary":
        return bool(value)
    if key == "birthday":
        return _birthday(value, today)
    if key in LENGTHS:
        return customers.fitting(key, str(value or "").strip(), LENGTHS[key]) or None
    raise Invalid(N_("There is no field '{key}'."), field=key, key=key)


def _birthday(value: Any, today: date) -> date | None:
    if value in (None, ""):
        return None
    try:
        day = value if isinstance(value, date) else date.fromisoformat(str(value).strip())
    except ValueError:
        raise Invalid(N_("'{text}' is not a day."), field="birthday", text=str(value)[:40]) from None
    if day.year < FIRST_YEAR or day > today:
        raise Invalid(N_("Nobody was born on this day."), field="birthday")
    return day


# --- verbs ------------------------------------------------------------------


@verb("customers.edit_personal")
def add(u: UnitOfWork, customer_id: int, raw: Mapping[str, Any]) -> Contact:
    """Add a person. `raw` as in `checked`; the first one who is there is asked first.

    Raises InvalidForm, NotFound, Refused.
    """
    facts = _checked(u, {"name": ""} | dict(raw))
    customer = u.get(Customer, customer_id)
    there = select(Contact.id).where(Contact.customer_id == customer_id, Contact.left_at.is_(None)).limit(1)
    facts["is_primary"] = facts.get("is_primary", False) or u.value(there) is None
    contact = u.add(Contact(customer_id=customer_id, **facts, created_at=u.now, created_by_id=u.actor.id))
    _settle(u, customer, contact)
    return contact


@verb("customers.edit_personal")
def complete(u: UnitOfWork, customer_id: int, raw: Mapping[str, Any]) -> Contact:
    """Add to what is known of the person of this name: phones and e-mails come to those that are there. Raises as `add`.

    Whom nobody at the customer is called like is added.
    """
    customer = u.get(Customer, customer_id)
    name = str(raw.get("name") or "").strip().casefold()
    for contact in u.all(select(Contact).where(Contact.customer_id == customer.id, Contact.left_at.is_(None))):
        if contact.name.casefold() == name:
            known = {"phones": Contact.phones, "emails": Contact.emails}
            facts = {key: value for key, value in raw.items() if value and key != "name"}
            for key in known.keys() & facts.keys():
                stored = u.inside(select(known[key]).where(Contact.id == contact.id))[0]
                facts[key] = [*stored.splitlines(), *facts[key]]
            return change(u, contact.id, facts, seen=contact.version)
    return add(u, customer_id, raw)


@verb("customers.edit")
def change(u: UnitOfWork, contact_id: int, raw: Mapping[str, Any], *, seen: int) -> Contact:
    """Change fields of a person; PERSONAL ones need their own right. `seen` is the version that the form showed.

    Raises InvalidForm, NotFound, Refused, Conflict.
    """
    facts = _checked(u, raw)
    return _set(u, contact_id, facts, seen)


@verb("customers.edit")
def leave(u: UnitOfWork, contact_id: int, *, seen: int) -> Contact:
    """Write down that a person is no longer there."""
    return _set(u, contact_id, {"left_at": u.now, "is_primary": False}, seen)


@verb("customers.edit")
def come_back(u: UnitOfWork, contact_id: int, *, seen: int) -> Contact:
    """Write down that a person is there after all, or again."""
    return _set(u, contact_id, {"left_at": None}, seen)


def _checked(u: UnitOfWork, raw: Mapping[str, Any]) -> dict[str, Any]:
    today = clock.day_of(u.now, settings.value(u, "timezone"))
    return checked(raw, region=settings.value(u, "phone_region"), today=today)


def _set(u: UnitOfWork, contact_id: int, facts: Mapping[str, Any], seen: int) -> Contact:
    contact = u.get(Contact, contact_id, seen=seen)
    for key, value in facts.items():
        setattr(contact, key, value)
    u.session.flush()
    if contact.version != seen:  # else nothing was different, and no guard has spoken
        _settle(u, u.get(Customer, contact.customer_id), contact)
    return contact


def _settle(u: UnitOfWork, customer: Customer, contact: Contact) -> None:
    """Let nobody else be asked first, tell the card's history and keep the look-up in step."""
    if contact.is_primary:
        others = select(Contact).where(Contact.customer_id == customer.id, Contact.id != contact.id)
        for other in u.all(others.where(Contact.is_primary)):
            other.is_primary = False
    u.remember(customer, {"contacts": [HIDDEN, HIDDEN]})
    customers.index(u, customer)


# --- queries ----------------------------------------------------------------

_OWNER: Final = (Customer.responsible_id, Customer.team_id, Customer.partner_id)
_SHOWN: Final = (
    select(
        Contact.id,
        Contact.customer_id,
        Contact.name,
        Contact.position,
        Contact.department,
        Contact.phones,
        Contact.emails,
        Contact.birthday,
        Contact.note,
        Contact.is_primary,
        Contact.left_at,
        Contact.version,
        *_OWNER,
    )
    .join(Customer, Customer.id == Contact.customer_id)
    .order_by(Contact.left_at.is_not(None), Contact.is_primary.desc(), Contact.name, Contact.id)
)
_OF: Final = Prepared(_SHOWN.where(Contact.customer_id == bindparam("customer_id")))
_ONE: Final = Prepared(_SHOWN.where(Contact.id == bindparam("contact_id")))


def of(u: UnitOfWork, customer_id: int) -> list[dict[str, Any]]:
    """Return the persons at a customer, who is asked first before the others, who has left after them.

    `phones` and `emails` are lists; what the reader may not see in full comes masked.
    """
    return [_listed(row) for row in u.rows(_OF, customer_id=customer_id)]


def one(u: UnitOfWork, contact_id: int) -> dict[str, Any]:
    """Return one person as in `of`, with `in_full`: whether nothing is masked. Raises NotFound."""
    rows = u.rows(_ONE, contact_id=contact_id)
    if not rows:
        raise NotFound
    owned = Owned(*(rows[0][key] for key in Owned._fields))
    return _listed(rows[0]) | {"in_full": u.actor.covers("customers.view_personal", owned)}


def _listed(row: dict[str, Any]) -> dict[str, Any]:
    return row | {key: row[key].splitlines() for key in ("phones", "emails")}
