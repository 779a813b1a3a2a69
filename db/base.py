"""The declarative base, the types and the record that every table shares."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, MetaData, Numeric, Select, Table, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from sqlalchemy.types import JSON, TypeEngine

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Instant(TypeDecorator[datetime]):
    """A moment in UTC. SQLite forgets the zone on the way back; this gives it back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Store UTC; a naive moment is a mistake of ours and raises ValueError."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A moment without a time zone cannot be stored.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give the moment back in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Amount(TypeDecorator[Decimal]):
    """An exact sum of money with four decimals: NUMERIC on PostgreSQL, ten-thousandths as an integer on SQLite."""

    impl = Numeric(18, 4)
    cache_ok = True
    DECIMALS: ClassVar[int] = 4
    SCALE: ClassVar[int] = 10**DECIMALS

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type in this database."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())
        return dialect.type_descriptor(Numeric(18, 4))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Store the exact value; more than four decimals are rounded half to even."""
        if value is None:
            return None
        parts = round(Decimal(value).scaleb(self.DECIMALS))
        return parts if dialect.name == "sqlite" else Decimal(parts).scaleb(-self.DECIMALS)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Give the exact value back, with its four decimals."""
        if value is None:
            return None
        return Decimal(value).scaleb(-self.DECIMALS) if dialect.name == "sqlite" else Decimal(value)


AnySelect: TypeAlias = Select[*tuple[Any, ...]]
"""A select of whatever columns."""

# SQLite gives row ids by itself only to INTEGER keys; PostgreSQL wants the room of BIGINT.
BigId = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    """Every table of Rapport."""

    metadata = MetaData(naming_convention=NAMES)
    if TYPE_CHECKING:
        __table__: ClassVar[Table]  # every record of ours is one table
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: Instant,
        Decimal: Amount,
        dict[str, Any]: JSON,
        list[str]: JSON,
    }


class Record(Base):
    """A row that people change: identity plus the version that optimistic locking compares.

    An id is never given again: the log, merges, undone imports and addresses name rows by it after they are gone.
    """

    __abstract__ = True

    id: Mapped[int] = mapped_column(BigId, primary_key=True, sort_order=-2)
    version: Mapped[int] = mapped_column(default=1, sort_order=99)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805  SQLAlchemy calls it on the class
        """Let the mapper compare and raise the version at each update."""
        return {"version_id_col": cls.version}

    def __init_subclass__(cls, **options: Any) -> None:
        """Let SQLite remember the ids of rows that are gone, as PostgreSQL does."""
        super().__init_subclass__(**options)
        if "__tablename__" in cls.__dict__:
            cls.__table__.dialect_kwargs["sqlite_autoincrement"] = True
