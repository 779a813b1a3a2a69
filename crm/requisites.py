"""Requisites: under which legal name, tax numbers and bank accounts a customer signs and pays; several for each.

Promises: a number with a check digit is stored only when its check digit is right, in one writing; whole tax numbers are
found by the look-up.
"""

import re
from collections.abc import Callable, Mapping
from itertools import cycle
from typing import Any, Final

from sqlalchemy import bindparam, select
from stdnum import bic as swift_code
from stdnum import iban
from stdnum.cn import uscc
from stdnum.eu import vat
from stdnum.exceptions import InvalidChecksum, InvalidLength, ValidationError
from stdnum.ru import inn, ogrn

from crm import customers
from crm.core.audit_log import HIDDEN
from crm.core.errors import Invalid, InvalidForm, NotFound
from crm.core.i18n import N_
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import Customer, Requisites

TEXTS: Final[Mapping[str, int]] = {"name": 200, "address": 500}
NUMBERS: Final = ("inn", "kpp", "ogrn", "account", "bic", "uscc", "iban", "swift", "vat")
FIELDS: Final = ("name", *NUMBERS, "address")
TAX: Final = ("inn", "uscc")
"""By which of its numbers a file means requisites that are there."""

LONGEST: Final = 40
_KPP: Final = re.compile(r"\d{4}[0-9A-Z]{2}\d{3}")
_BIC: Final = re.compile(r"0\d{8}")
_ACCOUNT: Final = re.compile(r"[0-9A-Z]{5,34}")
_RUSSIAN_ACCOUNT: Final = re.compile(r"\d{20}")
_VAT: Final = re.compile(r"[A-Z]{2}[0-9A-Z]{5,18}")

CHECKED_BY: Final[Mapping[str, Callable[[str], str]]] = {
    "inn": inn.validate,
    "ogrn": ogrn.validate,
    "uscc": uscc.validate,
    "iban": iban.validate,
    "swift": swift_code.validate,
}
WRITTEN: Final[Mapping[str, re.Pattern[str]]] = {"kpp": _KPP, "bic": _BIC, "account": _ACCOUNT, "vat": _VAT}


def checked(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Clean what was typed or imported; raise InvalidForm with one Invalid per wrong field.

    raw: field of FIELDS -> text; a field that is not there stays as it is.
    """
    faults: dict[str, Invalid] = {}
    found: dict[str, Any] = {}
    for key, value in raw.items():
        try:
            found[key] = _checked_field(key, str(value or "").strip())
        except Invalid as fault:
            faults[key] = fault
    if faults:
        raise InvalidForm(faults)
    return found


def _checked_field(key: str, text: str) -> str | None:
    if key in TEXTS:
        return customers.fitting(key, text, TEXTS[key]) or None
    if key not in NUMBERS:
        raise Invalid(N_("There is no field '{key}'."), field=key, key=key)
    compact = re.sub(r"[\s.\-]", "", text).upper()
    if not compact:
        return None
    wrong = Invalid(N_("'{text}' is not such a number."), field=key, text=text[:LONGEST])
    if key in WRITTEN:
        if not compact.isascii() or not WRITTEN[key].fullmatch(compact):
            raise wrong
        if key != "vat" or compact[:2].lower() not in vat.MEMBER_STATES | {"el"}:
            return compact
    try:
        return str(CHECKED_BY.get(key, vat.validate)(compact))
    except InvalidLength:
        raise Invalid(N_("'{text}' is too short or too long."), field=key, text=text[:LONGEST]) from None
    except InvalidChecksum:
        raise Invalid(N_("The check digit is wrong: '{text}' is mistyped."), field=key, text=text[:LONGEST]) from None
    except ValidationError:
        raise wrong from None


def fits(account: str, bic: str) -> bool:
    """Say whether the check digit of a Russian account is that of this bank: it counts the bank's last three digits."""
    weighed = (int(digit) * weight % 10 for digit, weight in zip(bic[-3:] + account, cycle((7, 1, 3)), strict=False))
    return sum(weighed) % 10 == 0


def _whole(facts: Mapping[str, Any]) -> None:
    """Check what concerns several fields together; raises InvalidForm."""
    if not any(facts.values()):
        fault = Invalid(N_("Please enter a name or a number."), field="name")
        raise InvalidForm({"name": fault})
    account, bic = facts.get("account") or "", facts.get("bic") or ""
    if bic and account and not (_RUSSIAN_ACCOUNT.fullmatch(account) and fits(account, bic)):
        fault = Invalid(
            N_("This account is not one of the bank with this BIC: one of the two is mistyped."), field="account"
        )
        raise InvalidForm({"account": fault})


# --- verbs ------------------------------------------------------------------


@verb("customers.edit")
def add(u: UnitOfWork, customer_id: int, raw: Mapping[str, Any]) -> Requisites:
    """Add requisites. `raw` as in `checked`. Raises InvalidForm, NotFound, Refused."""
    facts = checked(raw)
    _whole(facts)
    customer = u.get(Customer, customer_id)
    found = u.add(Requisites(customer_id=customer.id, **facts, created_at=u.now))
    _settle(u, customer)
    return found


@verb("customers.edit")
def change(u: UnitOfWork, requisites_id: int, raw: Mapping[str, Any], *, seen: int) -> Requisites:
    """Change requisites. `seen` is the version that the form showed. Raises as `add`, and Conflict."""
    facts = checked(raw)
    found = u.get(Requisites, requisites_id, seen=seen)
    _whole({key: getattr(found, key) for key in FIELDS} | facts)
    for key, value in facts.items():
        setattr(found, key, value)
    u.session.flush()
    if found.version != seen:
        _settle(u, u.get(Customer, found.customer_id))
    return found


@verb("customers.edit")
def drop(u: UnitOfWork, requisites_id: int, *, seen: int) -> None:
    """Delete requisites. Raises NotFound, Refused, Conflict."""
    found = u.get(Requisites, requisites_id, seen=seen)
    customer = u.get(Customer, found.customer_id)
    u.delete(found)
    u.session.flush()
    _settle(u, customer)


@verb("customers.edit")
def complete(u: UnitOfWork, customer_id: int, raw: Mapping[str, Any]) -> Requisites:
    """Add what a file says to the requisites with the same tax number, or where there are none; else add new ones."""
    facts = checked(raw)
    there = u.all(select(Requisites).where(Requisites.customer_id == customer_id).order_by(Requisites.id))
    for one in there:
        same = [getattr(one, key) == facts[key] for key in TAX if facts.get(key) and getattr(one, key)]
        if same and all(same):
            return change(u, one.id, facts, seen=one.version)
    return add(u, customer_id, facts)


def _settle(u: UnitOfWork, customer: Customer) -> None:
    u.remember(customer, {"requisites": [HIDDEN, HIDDEN]})
    customers.index(u, customer)


# --- queries ----------------------------------------------------------------

_SHOWN: Final = select(
    Requisites.id, Requisites.customer_id, *(getattr(Requisites, key) for key in FIELDS), Requisites.version
).order_by(Requisites.id)
_OF: Final = Prepared(_SHOWN.where(Requisites.customer_id == bindparam("customer_id")))
_ONE: Final = Prepared(_SHOWN.where(Requisites.id == bindparam("requisites_id")))


def of(u: UnitOfWork, customer_id: int) -> list[dict[str, Any]]:
    """Return the requisites of a customer, the oldest first."""
    return u.rows(_OF, customer_id=customer_id)


def one(u: UnitOfWork, requisites_id: int) -> dict[str, Any]:
    """Return one as in `of`. Raises NotFound."""
    rows = u.rows(_ONE, requisites_id=requisites_id)
    if not rows:
        raise NotFound
    return rows[0]
