"""Consents: on which legal basis a customer's data are used for what, since when, and where the proof lies.

Promises: nothing that was recorded is changed or deleted, only ended, so that what was allowed on a day can be shown later;
without proof there is no consent; an erasure keeps the basis and its days, and empties the words of the proof.
"""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar, Final

from sqlalchemy import ForeignKey, Index, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column

from crm import customers, settings
from crm.core import clock
from crm.core.errors import Conflict, Invalid, InvalidForm, NotFound
from crm.core.guards import ChildOf
from crm.core.i18n import N_
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import KEPT, Customer
from db.base import BigId, Record

PROOF_LENGTH: Final = 500
FIRST_DAY: Final = date(1990, 1, 1)


class Purpose(StrEnum):
    """For what the data are used."""

    SERVICE = "service"
    EMAIL = "email"
    PHONE = "phone"
    MESSENGER = "messenger"
    SURVEY = "survey"
    PARTNERS = "partners"


PURPOSES: Final[Mapping[str, str]] = {
    Purpose.SERVICE: N_("Keeping the data to serve the customer"),
    Purpose.EMAIL: N_("News and offers by e-mail"),
    Purpose.PHONE: N_("Offers by phone"),
    Purpose.MESSENGER: N_("News and offers by SMS and messenger"),
    Purpose.SURVEY: N_("Surveys"),
    Purpose.PARTNERS: N_("Passing the data on to partners"),
}


class Basis(StrEnum):
    """Why that is lawful: 152-FZ art. 6, PIPL art. 13 and GDPR art. 6 all know these."""

    CONSENT = "consent"
    CONTRACT = "contract"
    DUTY = "duty"
    INTEREST = "interest"


BASES: Final[Mapping[str, str]] = {
    Basis.CONSENT: N_("Consent"),
    Basis.CONTRACT: N_("Contract"),
    Basis.DUTY: N_("Duty by law"),
    Basis.INTEREST: N_("Legitimate interest"),
}


class Way(StrEnum):
    """How the customer said it."""

    PAPER = "paper"
    SITE = "site"
    EMAIL = "email"
    CALL = "call"
    MESSAGE = "message"
    IN_PERSON = "in_person"


WAYS: Final[Mapping[str, str]] = {
    Way.PAPER: N_("On paper, signed"),
    Way.SITE: N_("On our site"),
    Way.EMAIL: N_("By e-mail"),
    Way.CALL: N_("On the phone"),
    Way.MESSAGE: N_("By messenger"),
    Way.IN_PERSON: N_("In person"),
}


class Standing(StrEnum):
    """What holds on a day."""

    HOLDS = "holds"
    RUN_OUT = "run_out"
    ENDED = "ended"


STANDINGS: Final[Mapping[str, str]] = {
    Standing.HOLDS: N_("Holds"),
    Standing.RUN_OUT: N_("Has run out"),
    Standing.ENDED: N_("Withdrawn"),
}
_RIGHT: Final[dict[str, Any]] = {"edit": "privacy.record_consents"}


class Consent(ChildOf, Record):
    """One basis for one purpose. proof: where it can be seen (number of the paper, letter, page). until: its last day."""

    __tablename__ = "consents"
    __table_args__ = (Index("ix_consents_purpose", "purpose", "customer_id"),)
    area: ClassVar[str] = "customers"
    parent: ClassVar[type[Any]] = Customer
    parent_key: ClassVar[str] = "customer_id"
    written_by: ClassVar[tuple[str, ...]] = ("privacy.record_consents",)

    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(info=_RIGHT)
    basis: Mapped[str] = mapped_column(info=_RIGHT)
    given_on: Mapped[date] = mapped_column(info=_RIGHT)
    until: Mapped[date | None] = mapped_column(info=_RIGHT)
    how: Mapped[str | None] = mapped_column(info=_RIGHT)
    proof: Mapped[str | None] = mapped_column(info=_RIGHT | {"personal": True})
    recorded_at: Mapped[datetime] = mapped_column(info=KEPT)
    recorded_by_id: Mapped[int | None] = mapped_column(info=KEPT)
    ended_on: Mapped[date | None] = mapped_column(info=_RIGHT)
    ended_how: Mapped[str | None] = mapped_column(info=_RIGHT)
    ended_by_id: Mapped[int | None] = mapped_column(info=KEPT)


# --- verbs ------------------------------------------------------------------


@verb("privacy.record_consents")
def record(
    u: UnitOfWork,
    customer_id: int,
    *,
    purpose: str,
    basis: str,
    given_on: date | None,
    how: str | None = None,
    proof: str = "",
    until: date | None = None,
) -> Consent:
    """Record on which basis a customer's data are used for a purpose. Raises InvalidForm, NotFound, Refused."""
    faults: dict[str, Invalid] = {}
    for key, value, codes in (("purpose", purpose, Purpose), ("basis", basis, Basis), ("how", how, Way)):
        if value not in set(codes) and (value or key != "how"):
            faults[key] = Invalid(N_("Please choose one of the list."), field=key)
    faults |= _wrong_days(u, given_on, until) | _missing_proof(basis, how, proof.strip())
    if faults or given_on is None:
        raise InvalidForm(faults)
    customer = u.get(Customer, customer_id)
    return u.add(
        Consent(
            customer_id=customer.id,
            purpose=purpose,
            basis=basis,
            given_on=given_on,
            until=until,
            how=how or None,
            proof=customers.fitting("proof", proof.strip(), PROOF_LENGTH) or None,
            recorded_at=u.now,
            recorded_by_id=u.actor.id,
        )
    )


def _wrong_days(u: UnitOfWork, given_on: date | None, until: date | None) -> dict[str, Invalid]:
    if given_on is None or not FIRST_DAY <= given_on <= _today(u):
        return {"given_on": Invalid(N_("Please enter the day, not later than today."), field="given_on")}
    if until is not None and until < given_on:
        return {"until": Invalid(N_("The last day is before the first one."), field="until")}
    return {}


def _missing_proof(basis: str, how: str | None, proof: str) -> dict[str, Invalid]:
    if len(proof) > PROOF_LENGTH:
        text = N_("At most {length} characters fit here.")
        return {"proof": Invalid(text, field="proof", length=PROOF_LENGTH)}
    if basis != Basis.CONSENT:
        return {}
    faults = {}
    if not how:
        faults["how"] = Invalid(N_("Please say how the customer consented."), field="how")
    if not proof:
        said = N_("Please say where the proof lies: the number of the paper, the letter, the page.")
        faults["proof"] = Invalid(said, field="proof")
    return faults


@verb("privacy.record_consents")
def end(u: UnitOfWork, consent_id: int, *, on: date | None, how: str | None, seen: int) -> Consent:
    """Record that a consent was withdrawn, or another basis has ended.

    Raises InvalidForm, NotFound, Refused, Conflict (changed meanwhile, or ended already).
    """
    found = u.get(Consent, consent_id, seen=seen)
    if found.ended_on is not None:
        raise Conflict(N_("It has ended already."))
    faults = {}
    if on is None or not found.given_on <= on <= _today(u):
        text = N_("Please enter a day between the first one and today.")
        faults["on"] = Invalid(text, field="on")
    if how and how not in set(Way):
        faults["how"] = Invalid(N_("Please choose one of the list."), field="how")
    if faults:
        raise InvalidForm(faults)
    found.ended_on, found.ended_how, found.ended_by_id = on, how or None, u.actor.id
    return found


def _today(u: UnitOfWork) -> date:
    return clock.day_of(u.now, u.actor.timezone or settings.value(u, "timezone"))


# --- queries ----------------------------------------------------------------

_COLUMNS: Final = (
    Consent.id,
    Consent.customer_id,
    Consent.purpose,
    Consent.basis,
    Consent.given_on,
    Consent.until,
    Consent.how,
    Consent.proof,
    Consent.recorded_at,
    Consent.recorded_by_id,
    Consent.ended_on,
    Consent.ended_how,
    Consent.ended_by_id,
    Consent.version,
)
_OF: Final = Prepared(
    select(*_COLUMNS)
    .where(Consent.customer_id == bindparam("customer_id"))
    .order_by(Consent.given_on.desc(), Consent.id.desc())
)
_ONE: Final = Prepared(select(*_COLUMNS).where(Consent.id == bindparam("consent_id")))


def of(u: UnitOfWork, customer_id: int) -> list[dict[str, Any]]:
    """Return what was recorded of a customer, the newest first, with `standing` today."""
    today = _today(u)
    return [row | {"standing": standing(row, today)} for row in u.rows(_OF, customer_id=customer_id)]


def one(u: UnitOfWork, consent_id: int) -> dict[str, Any]:
    """Return one as in `of`. Raises NotFound."""
    rows = u.rows(_ONE, consent_id=consent_id)
    if not rows:
        raise NotFound
    return rows[0] | {"standing": standing(rows[0], _today(u))}


def standing(row: Mapping[str, Any], today: date) -> Standing:
    """Return what holds of a consent on a day: its last day counts, the day of its withdrawal does not."""
    if row["ended_on"] is not None and row["ended_on"] <= today:
        return Standing.ENDED
    if row["until"] is not None and row["until"] < today:
        return Standing.RUN_OUT
    return Standing.HOLDS


def purposes(rows: list[dict[str, Any]]) -> dict[str, Standing | None]:
    """Return purpose -> what holds of it by these rows of `of`: one that holds is enough; None: nothing was ever recorded."""
    found: dict[str, Standing | None] = {}
    for purpose in PURPOSES:
        standings = [row["standing"] for row in rows if row["purpose"] == purpose]
        found[purpose] = Standing.HOLDS if Standing.HOLDS in standings else next(iter(standings), None)
    return found
