"""Purchases: what customers bought, line by line.

Promises: a purchase is on the card, in the customer's figures and in the plans' counters, or in none of them; its amount is
the sum of its lines to the currency's smallest unit; the price of a line is the price of that day, whatever the product
costs later; the same number is not recorded twice for a customer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final

import pandas as pd
from babel.numbers import list_currencies
from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, bindparam, func, select
from sqlalchemy.orm import Mapped, mapped_column

from crm import counters, customers, settings
from crm.core import clock, money
from crm.core.errors import Invalid, InvalidForm
from crm.core.guards import ChildOf
from crm.core.i18n import N_
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import KEPT, Customer
from crm.products import Product
from db.base import BigId, Record

LONGEST_NUMBER: Final = 60
LONGEST_NOTE: Final = 2000
MOST_LINES: Final = 500
MOST: Final = Decimal(10) ** 12
"""No quantity, price or amount reaches this."""
FINEST: Final = Decimal("0.0001")
"""Quantities and prices are kept to four decimals."""


class Purchase(ChildOf, Record):
    """One order that a customer placed and we took.

    at: when it was bought; recorded_at: when it was written down. number: what the till, the shop or the invoice calls it.
    responsible_id: whose sale it is, and so whose plan it moves. amount: the sum of the lines.
    """

    __tablename__ = "purchases"
    __table_args__ = (
        UniqueConstraint("customer_id", "number"),
        Index("ix_purchases_customer_at", "customer_id", "at", "id"),
        Index("ix_purchases_responsible_at", "responsible_id", "at", "id"),
        Index("ix_purchases_at", "at", "id"),
    )
    area: ClassVar[str] = "purchases"
    parent: ClassVar[type[Any]] = Customer
    parent_key: ClassVar[str] = "customer_id"

    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customers.id", ondelete="CASCADE"))
    number: Mapped[str | None]
    at: Mapped[datetime]
    amount: Mapped[Decimal]
    currency: Mapped[str]
    responsible_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    note: Mapped[str] = mapped_column(default="")
    recorded_at: Mapped[datetime] = mapped_column(info=KEPT)
    recorded_by_id: Mapped[int | None] = mapped_column(info=KEPT)


class PurchaseLine(ChildOf, Record):
    """So much of one product in a purchase: amount = quantity x price - discount, rounded to the currency's smallest unit.

    customer_id repeats the purchase's, so that 'who bought this product' and the scope need no third table.
    """

    __tablename__ = "purchase_lines"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        Index("ix_purchase_lines_purchase", "purchase_id", "position"),
        Index("ix_purchase_lines_product_customer", "product_id", "customer_id"),
        Index("ix_purchase_lines_customer", "customer_id"),
    )
    area: ClassVar[str] = "purchases"
    parent: ClassVar[type[Any]] = Customer
    parent_key: ClassVar[str] = "customer_id"

    purchase_id: Mapped[int] = mapped_column(BigId, ForeignKey("purchases.id", ondelete="CASCADE"))
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customers.id", ondelete="CASCADE"))
    product_id: Mapped[int] = mapped_column(BigId, ForeignKey("products.id"))
    quantity: Mapped[Decimal]
    price: Mapped[Decimal]
    discount: Mapped[Decimal] = mapped_column(default=Decimal(0))
    amount: Mapped[Decimal]
    position: Mapped[int] = mapped_column(default=0, info=KEPT)


@dataclass(frozen=True)
class Line:
    """One line as it is entered: money in the purchase's currency.

    price: for one unit; None takes the product's price of today. discount: taken off the whole line.
    """

    product_id: int
    quantity: Decimal = Decimal(1)
    price: Decimal | None = None
    discount: Decimal = Decimal(0)


def line_amount(quantity: Decimal, price: Decimal, discount: Decimal, currency: str) -> Decimal:
    """Return quantity x price - discount, rounded half to even to the currency's smallest unit."""
    return money.rounded(quantity * price - discount, currency)


# --- verbs ------------------------------------------------------------------


@verb("purchases.record")
def record(
    u: UnitOfWork,
    customer_id: int,
    lines: Sequence[Line],
    at: datetime | None = None,
    *,
    currency: str | None = None,
    number: str = "",
    note: str = "",
) -> Purchase:
    """Record what a customer bought; without `at` just now, without `currency` in the company's.

    It counts for the customer's responsible, or for whoever records it where there is none.
    Raises Invalid, InvalidForm (faults `lines.0.quantity`, `lines.1.price`, …), NotFound, Refused.
    """
    bought_at = _moment(u, at)
    money_of = _currency(currency or settings.value(u, "currency"))
    customer = u.get(Customer, customer_id)
    rows = _checked_lines(u, lines, money_of)
    purchase = u.add(
        Purchase(
            customer_id=customer_id,
            number=_free_number(u, customer_id, number),
            at=bought_at,
            amount=sum((row["amount"] for row in rows), Decimal(0)),
            currency=money_of,
            responsible_id=customer.responsible_id or u.actor.id,
            note=_text(note, LONGEST_NOTE, "note"),
            recorded_at=u.now,
            recorded_by_id=u.actor.id,
        )
    )
    u.session.add_all(PurchaseLine(purchase_id=purchase.id, customer_id=customer_id, **row) for row in rows)
    customers.remember_purchase(u, customer, bought_at)
    _count(u, purchase)
    return purchase


def _count(u: UnitOfWork, purchase: Purchase) -> None:
    if purchase.responsible_id is not None:
        day = clock.day_of(purchase.at, settings.value(u, "timezone"))
        counters.count(u, day, purchase.responsible_id, ("purchases",))


def _moment(u: UnitOfWork, at: datetime | None) -> datetime:
    if at is not None and at > u.now + timedelta(minutes=5):
        raise Invalid(N_("This moment is still to come."), field="at")
    return at or u.now


def _currency(code: str) -> str:
    if code not in list_currencies():
        raise Invalid(N_("'{text}' is not one of the choices."), field="currency", text=code[:40])
    return code


def _text(text: str, length: int, field: str) -> str:
    cleaned = text.replace("\x00", "").strip()
    if len(cleaned) > length:
        raise Invalid(N_("At most {length} characters fit here."), field=field, length=length)
    return cleaned


def _free_number(u: UnitOfWork, customer_id: int, number: str) -> str | None:
    wanted = _text(number, LONGEST_NUMBER, "number")
    if not wanted:
        return None
    if u.value(select(Purchase.id).where(Purchase.customer_id == customer_id, Purchase.number == wanted)) is not None:
        raise Invalid(N_("Purchase {number} of this customer is already recorded."), field="number", number=wanted)
    return wanted


def _checked_lines(u: UnitOfWork, lines: Sequence[Line], currency: str) -> list[dict[str, Any]]:
    if not 0 < len(lines) <= MOST_LINES:
        raise Invalid(N_("A purchase has between 1 and {most} lines."), field="lines", most=MOST_LINES)
    wanted = select(Product).where(Product.id.in_({line.product_id for line in lines}))
    products = {product.id: product for product in u.all(wanted)}
    rows, faults = [], {}
    for position, line in enumerate(lines):
        try:
            rows.append(_checked_line(line, products.get(line.product_id), currency) | {"position": position})
        except Invalid as fault:
            faults[f"lines.{position}.{fault.field}"] = fault
    if faults:
        raise InvalidForm(faults)
    return rows


def _checked_line(line: Line, product: Product | None, currency: str) -> dict[str, Any]:
    if product is None or not product.active:
        raise Invalid(N_("This product is not sold."), field="product_id")
    if line.price is None and product.currency != currency:
        raise Invalid(
            N_("{product} is priced in {other}: please enter its price in {currency}."),
            field="price", product=product.name, other=product.currency, currency=currency,
        )  # fmt: skip
    price = product.price if line.price is None else line.price
    for field, value in (("quantity", line.quantity), ("price", price), ("discount", line.discount)):
        if not (value.is_finite() and 0 <= value < MOST and value == value.quantize(FINEST)):
            raise Invalid(N_("'{text}' is not an amount."), field=field, text=str(value)[:40])
    if line.quantity == 0:
        raise Invalid(N_("Please enter how many."), field="quantity")
    amount = line_amount(line.quantity, price, line.discount, currency)
    if not 0 <= amount < MOST:
        raise Invalid(N_("The discount is more than the line costs."), field="discount")
    return {
        "product_id": product.id,
        "quantity": line.quantity,
        "price": price,
        "discount": line.discount,
        "amount": amount,
    }


# --- queries ----------------------------------------------------------------

COLUMNS: Final[tuple[Any, ...]] = (
    Purchase.id,
    Purchase.at,
    Purchase.number,
    Purchase.amount,
    Purchase.currency,
    Purchase.responsible_id,
    Purchase.note,
)
LINE_COLUMNS: Final[tuple[Any, ...]] = (
    PurchaseLine.id,
    PurchaseLine.product_id,
    Product.code,
    Product.name.label("product"),
    PurchaseLine.quantity,
    PurchaseLine.price,
    PurchaseLine.discount,
    PurchaseLine.amount,
)


def listing(u: UnitOfWork, customer_id: int, *, page: int = 1, size: int = 50) -> pd.DataFrame:
    """Return one page of a customer's purchases, the newest first: COLUMNS and `line_count`, `id` as index."""
    lines = select(func.count(PurchaseLine.id)).where(PurchaseLine.purchase_id == Purchase.id)
    statement = select(*COLUMNS, lines.scalar_subquery().label("line_count")).where(Purchase.customer_id == customer_id)
    newest = statement.order_by(Purchase.at.desc(), Purchase.id.desc())
    return u.frame(newest.limit(size).offset((max(page, 1) - 1) * size), index="id")


def lines(u: UnitOfWork, purchase_id: int) -> pd.DataFrame:
    """Return the lines of a purchase in their order: LINE_COLUMNS, `id` as index."""
    statement = select(*LINE_COLUMNS).join(Product, Product.id == PurchaseLine.product_id)
    return u.frame(statement.where(PurchaseLine.purchase_id == purchase_id).order_by(PurchaseLine.position)).set_index(
        "id"
    )


def one(u: UnitOfWork, purchase_id: int) -> Purchase:
    """Return one purchase. Raises NotFound."""
    return u.get(Purchase, purchase_id)


@dataclass(frozen=True)
class Summary:
    """What a customer bought so far. totals: currency -> sum, never added across currencies."""

    count: int
    totals: Mapping[str, Decimal]
    first_at: datetime | None
    last_at: datetime | None


_SUMMARY: Final = Prepared(
    select(
        Purchase.currency,
        func.count(Purchase.id).label("count"),
        func.sum(Purchase.amount).label("total"),
        func.min(Purchase.at).label("first_at"),
        func.max(Purchase.at).label("last_at"),
    )
    .where(Purchase.customer_id == bindparam("customer_id"))
    .group_by(Purchase.currency)
    .order_by(Purchase.currency)
)


def summary(u: UnitOfWork, customer_id: int) -> Summary:
    """Return count, sums, first and last moment of a customer's purchases inside the reader's scope."""
    rows = u.rows(_SUMMARY, customer_id=customer_id)
    return Summary(
        count=sum(row["count"] for row in rows),
        totals={row["currency"]: row["total"] for row in rows},
        first_at=min((row["first_at"] for row in rows), default=None),
        last_at=max((row["last_at"] for row in rows), default=None),
    )
