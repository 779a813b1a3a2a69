"""Products: what the company sells.

Promises: a code names one product for ever; a product that is no longer sold keeps its past purchases and takes no new ones;
a price is a proposal for the next purchase, never a change of a past one.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final

import pandas as pd
from babel.numbers import list_currencies
from sqlalchemy import CheckConstraint, ColumnElement, Index, Select, false, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from crm import settings
from crm.core import money
from crm.core.access import Actor, Owned
from crm.core.errors import Invalid, InvalidForm
from crm.core.guards import Guarded
from crm.core.i18n import N_
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from db.base import Record

LENGTHS: Final[Mapping[str, int]] = {"code": 40, "name": 200, "category": 80}
DEAREST: Final = Decimal(10) ** 12


class Product(Guarded, Record):
    """A thing or service that we sell. `price` is what one unit costs today; products that left the range are not active."""

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("price >= 0", name="price"),
        Index("ix_products_category_name", "category", "name", "id"),
    )
    area: ClassVar[str] = "products"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    category: Mapped[str | None]
    price: Mapped[Decimal]
    currency: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)

    @classmethod
    def rows(cls, actor: Actor, right: str) -> ColumnElement[bool] | None:
        """Return the scope as SQL: products are the company's, so who may see products sees all of them."""
        return None if actor.may(right) else false()

    def owned(self, session: Session) -> list[Owned]:
        """Return that nobody in particular owns a product."""
        del session
        return [Owned()]


def checked(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Clean what was typed or imported; raise InvalidForm with one Invalid per wrong field.

    raw: field name -> text (`price` also a Decimal, `active` a bool); a field that is not there stays as it is.
    """
    fields: dict[str, Any] = {}
    faults: dict[str, Invalid] = {}
    for key, value in raw.items():
        try:
            fields[key] = _checked_field(key, value)
        except Invalid as fault:
            faults[key] = fault
    if faults:
        raise InvalidForm(faults)
    return fields


def _checked_field(key: str, value: Any) -> Any:
    if key == "active":
        return bool(value)
    text = str(value if value is not None else "").replace("\x00", "").strip()
    if key == "price":
        amount = money.parse(text, field=key)
        if not 0 <= amount < DEAREST:
            raise Invalid(N_("'{text}' is not an amount."), field=key, text=text[:40])
        return amount
    if key == "currency":
        if text.upper() not in list_currencies():
            raise Invalid(N_("'{text}' is not one of the choices."), field=key, text=text[:40])
        return text.upper()
    if key not in LENGTHS:
        raise Invalid(N_("There is no field '{key}'."), field=key, key=key)
    if len(text) > LENGTHS[key]:
        raise Invalid(N_("At most {length} characters fit here."), field=key, length=LENGTHS[key])
    if not text and key != "category":
        raise Invalid(N_("Please fill in this field."), field=key)
    return text or None


# --- verbs ------------------------------------------------------------------


@verb("products.edit")
def create(u: UnitOfWork, raw: Mapping[str, Any]) -> Product:
    """Add a product: `raw` as in `checked`; without `currency` the company's. Raises InvalidForm, Invalid (code taken)."""
    usual = {"code": "", "name": "", "price": "", "currency": settings.value(u, "currency")}
    fields = checked(usual | dict(raw))
    _code_is_free(u, fields["code"])
    return u.add(Product(**fields))


@verb("products.edit")
def change(u: UnitOfWork, product_id: int, raw: Mapping[str, Any], *, seen: int) -> Product:
    """Change a product. `seen` is the version that the form showed. Raises InvalidForm, Invalid, NotFound, Conflict."""
    fields = checked(raw)
    product = u.get(Product, product_id, seen=seen)
    if fields.get("code", product.code) != product.code:
        _code_is_free(u, fields["code"])
    for key, value in fields.items():
        if getattr(product, key) != value:
            setattr(product, key, value)
    return product


def _code_is_free(u: UnitOfWork, code: str) -> None:
    if u.value(select(Product.id).where(Product.code == code)) is not None:
        raise Invalid(N_("There is already a product with the code {code}."), field="code", code=code)


# --- queries ----------------------------------------------------------------

COLUMNS: Final[tuple[Any, ...]] = (
    Product.id,
    Product.code,
    Product.name,
    Product.category,
    Product.price,
    Product.currency,
    Product.active,
)


def _filtered(*, text: str, category: str | None, active: bool | None) -> Select[Any]:
    statement = select(*COLUMNS)
    if category is not None:
        statement = statement.where(Product.category == category)
    if active is not None:
        statement = statement.where(Product.active.is_(active))
    if text.strip():
        # SQLite folds only ASCII letters: the three usual spellings of the beginning stand for the others
        beginnings = {text.strip(), text.strip().lower(), text.strip().capitalize()}
        ways = [
            column.startswith(one, autoescape=True)
            for one in sorted(beginnings)
            for column in (Product.name, Product.code)
        ]
        statement = statement.where(or_(*ways))
    return statement


def listing(
    u: UnitOfWork,
    *,
    text: str = "",
    category: str | None = None,
    active: bool | None = None,
    page: int = 1,
    size: int = 50,
) -> pd.DataFrame:
    """Return one page of the products by category and name: COLUMNS, `id` as index.

    text: how a name or code begins. active: True, False, or None for both.
    """
    statement = _filtered(text=text, category=category, active=active).order_by(
        Product.category, Product.name, Product.id
    )
    return u.frame(statement.limit(size).offset((max(page, 1) - 1) * size), index="id")


def count(u: UnitOfWork, *, text: str = "", category: str | None = None, active: bool | None = None) -> int:
    """Return how many products the filters leave."""
    return int(
        u.value(select(func.count()).select_from(_filtered(text=text, category=category, active=active).subquery()))
    )


def categories(u: UnitOfWork) -> list[str]:
    """Return the categories in use, sorted."""
    return list(
        u.all(select(Product.category).where(Product.category.is_not(None)).distinct().order_by(Product.category))
    )


def one(u: UnitOfWork, product_id: int) -> Product:
    """Return one product. Raises NotFound."""
    return u.get(Product, product_id)
