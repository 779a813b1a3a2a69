"""Relations: which customers belong together, and how: a parent company and its subsidiary, what a firm was reorganised into.

Promises: a relation is told from both sides in the right words; whoever links two customers sees both and may change one of
them; of a related customer out of sight nobody learns more than whose it is.

A relation is two rows, one of each customer, so that each has the scope of the customer whose card shows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final

from sqlalchemy import ForeignKey, UniqueConstraint, bindparam, delete, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.errors import Invalid
from crm.core.guards import ChildOf
from crm.core.i18n import N_
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import KEPT, Customer
from db.base import BigId, Record

MOST: Final = 100
"""So many related customers one customer has at most."""


class Kind(StrEnum):
    """What the other customer is to this one."""

    PARENT = "parent"
    SUBSIDIARY = "subsidiary"
    SUCCESSOR = "successor"
    PREDECESSOR = "predecessor"
    REFERRER = "referrer"
    REFERRED = "referred"
    HOUSEHOLD = "household"
    EMPLOYER = "employer"
    EMPLOYEE = "employee"
    PARTNER = "partner"


KINDS: Final = {
    Kind.PARENT: N_("Parent company"),
    Kind.SUBSIDIARY: N_("Subsidiary"),
    Kind.SUCCESSOR: N_("Reorganised into"),
    Kind.PREDECESSOR: N_("Arose from"),
    Kind.REFERRER: N_("Recommended us to this customer"),
    Kind.REFERRED: N_("Came by this customer's recommendation"),
    Kind.HOUSEHOLD: N_("Same household"),
    Kind.EMPLOYER: N_("Works for"),
    Kind.EMPLOYEE: N_("Works here"),
    Kind.PARTNER: N_("Business partner"),
}
"""What the other customer is, in words that stand before his name."""

_PAIRS: Final = (
    (Kind.PARENT, Kind.SUBSIDIARY),
    (Kind.SUCCESSOR, Kind.PREDECESSOR),
    (Kind.REFERRER, Kind.REFERRED),
    (Kind.EMPLOYER, Kind.EMPLOYEE),
    (Kind.HOUSEHOLD, Kind.HOUSEHOLD),
    (Kind.PARTNER, Kind.PARTNER),
)
OTHER_WAY: Final[Mapping[Kind, Kind]] = dict(_PAIRS) | {second: first for first, second in _PAIRS}
"""What this customer is to the other one."""


class Relation(ChildOf, Record):
    """One relation from the side of one customer: what other_id is to him."""

    __tablename__ = "relations"
    __table_args__ = (UniqueConstraint("customer_id", "other_id", "kind"),)
    area: ClassVar[str] = "customers"
    parent: ClassVar[type[Any]] = Customer
    parent_key: ClassVar[str] = "customer_id"

    # the entries in the log are the verbs': they name the relation and not the other customer
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customers.id", ondelete="CASCADE"), info=KEPT)
    other_id: Mapped[int] = mapped_column(BigId, ForeignKey("customers.id", ondelete="CASCADE"), index=True, info=KEPT)
    kind: Mapped[str] = mapped_column(info=KEPT)
    made_at: Mapped[datetime] = mapped_column(info=KEPT)
    made_by_id: Mapped[int | None] = mapped_column(info=KEPT)


@verb("customers.edit")
def link(u: UnitOfWork, customer_id: int, other_id: int, kind: str) -> Relation:
    """Say what the other customer is to this one. Raises Invalid beside `other` or `kind`, NotFound, Refused."""
    customer, other = u.get(Customer, customer_id), u.get(Customer, other_id)
    if kind not in set(Kind):
        raise Invalid(N_("'{text}' is not one of the choices."), field="kind", text=kind[:40])
    if customer.id == other.id:
        raise Invalid(N_("This is the same customer."), field="other")
    there = u.rows(_OF, customer_id=customer.id)
    either = {kind, OTHER_WAY[Kind(kind)]}
    if any(row["other_id"] == other.id and row["kind"] in either for row in there):
        raise Invalid(N_("They are linked in this way already."), field="other")
    if len(there) >= MOST:
        raise Invalid(N_("At most {most} fit here."), field="other", most=MOST)
    facts = {"made_at": u.now, "made_by_id": u.actor.id}
    made = u.add(Relation(customer_id=customer.id, other_id=other.id, kind=kind, **facts))
    back = {"customer_id": other.id, "other_id": customer.id, "kind": str(OTHER_WAY[Kind(kind)]), "version": 1}
    # raw, bulk: the same fact from the side of a customer whom one sees and perhaps may not change
    u.execute(insert(Relation.__table__), [facts | back], raw=True, bulk=True)
    _note(u, customer, other, kind, gone=False)
    return made


@verb("customers.edit")
def unlink(u: UnitOfWork, relation_id: int) -> None:
    """Take a relation away, from both sides. Raises NotFound, Refused."""
    relation = u.get(Relation, relation_id)
    customer = u.get(Customer, relation.customer_id)
    table, back = Relation.__table__, str(OTHER_WAY[Kind(relation.kind)])
    mine = (table.c.customer_id == relation.other_id) & (table.c.other_id == relation.customer_id)
    other = u.session.scalar(select(Customer).where(Customer.id == relation.other_id))
    kind = relation.kind
    u.delete(relation)
    u.session.flush()
    # raw, bulk: the same fact from the side of a customer who may be out of sight
    u.execute(delete(table).where(mine, table.c.kind == back), raw=True, bulk=True)
    _note(u, customer, other, kind, gone=True)


def _note(u: UnitOfWork, customer: Customer, other: Customer | None, kind: str, *, gone: bool) -> None:
    """Tell it in the history of both cards, without a name: who reads one card need not see the other customer."""
    for one, what in ((customer, kind), (other, str(OTHER_WAY[Kind(kind)]))):
        if one is not None:
            u.remember(one, {"relation": [what, None] if gone else [None, what]})


# --- queries --------------------------------------------------------------------


@dataclass(frozen=True)
class Related:
    """A related customer as the reader may know him. id: None when he is out of sight; then only whose he is, is known."""

    relation_id: int
    kind: str
    id: int | None
    name: str = ""
    city: str | None = None
    stage: str = ""
    responsible_id: int | None = None


_OF: Final = Prepared(
    select(Relation.id, Relation.other_id, Relation.kind)
    .where(Relation.customer_id == bindparam("customer_id"))
    .order_by(Relation.kind, Relation.id)
)
_OTHERS: Final = Prepared(
    select(
        Customer.id, Customer.name, Customer.city, Customer.stage, Customer.responsible_id, Customer.merged_into_id
    ).where(Customer.id.in_(bindparam("these", expanding=True)))
)


def of(u: UnitOfWork, customer_id: int) -> list[Related]:
    """Return who is related to a customer whom the reader sees; without one, nobody.

    A relation to a card that was merged into another says what that one's relations say, or nothing: it is left out.
    """
    rows = u.rows(_OF, customer_id=customer_id)
    if not rows:
        return []
    keys = sorted({row["other_id"] for row in rows})
    seen = {row["id"]: row for row in u.rows(_OTHERS, these=keys)}
    whose = _whose(u, [key for key in keys if key not in seen])
    known = {key: row for key, row in seen.items() if row.pop("merged_into_id") is None}
    known |= {key: {"id": None, "responsible_id": one} for key, one in whose.items()}
    found = [
        Related(relation_id=row["id"], kind=row["kind"], **known[row["other_id"]])
        for row in rows
        if row["other_id"] in known
    ]
    order = list(KINDS)
    return sorted(found, key=lambda one: (order.index(Kind(one.kind)), one.name.casefold()))


def _whose(u: UnitOfWork, hidden: list[int]) -> dict[int, int | None]:
    """Return whose the customers out of sight are, without those that were merged. raw: nothing else of them is read."""
    table = Customer.__table__
    those = table.c.id.in_(hidden), table.c.merged_into_id.is_(None)
    statement = select(table.c.id, table.c.responsible_id).where(*those)
    return {row.id: row.responsible_id for row in u.execute(statement, raw=True)} if hidden else {}
