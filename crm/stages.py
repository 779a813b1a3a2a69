"""Stages: how a customer came to the present one, and what the company does with customers of each: its strategy.

Promises: every step from one stage to another is kept, whoever took it and in whatever way; the strategy of a stage is the
same for everybody, and whoever sees a customer reads it.
"""

from datetime import datetime
from typing import Any, ClassVar, Final

from sqlalchemy import ColumnElement, Integer, bindparam, false, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from crm.core.access import Actor, Owned
from crm.core.errors import Conflict, Invalid
from crm.core.guards import Guarded
from crm.core.i18n import N_
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import STAGES, StageChange
from db.base import Record

RIGHT: Final = "stages.set_strategy"
LONGEST: Final = 2_000
LONGEST_STEP: Final = 200
HISTORY: Final = 100
"""So many steps of one customer are shown."""
_MINE: Final[dict[str, Any]] = {"edit": RIGHT}


class Strategy(Guarded, Record):
    """What the company does with customers of one stage, and what comes next with each of them."""

    __tablename__ = "stage_strategies"
    area: ClassVar[str] = "customers"
    written_by: ClassVar[tuple[str, ...]] = (RIGHT,)

    stage: Mapped[str] = mapped_column(unique=True, info=_MINE)
    strategy: Mapped[str] = mapped_column(info=_MINE)
    next_step: Mapped[str] = mapped_column(info=_MINE)
    changed_at: Mapped[datetime] = mapped_column(info={"kept": True})

    @classmethod
    def rows(cls, actor: Actor, right: str) -> ColumnElement[bool] | None:
        """Return the scope as SQL: who sees customers reads the strategy."""
        return None if actor.may(right) else false()

    def owned(self, session: Session) -> list[Owned]:
        """Return that nobody in particular owns a strategy."""
        del session
        return [Owned()]


@verb("stages.set_strategy")
def set_strategy(u: UnitOfWork, stage: str, strategy: str, next_step: str, *, seen: int) -> None:
    """Say what is done with customers of a stage; empty texts say nothing. seen: the version that was shown, 0 without one.

    Raises Invalid beside `strategy` or `next_step`, Conflict.
    """
    if stage not in STAGES:
        raise Invalid(N_("'{text}' is not one of the choices."), field="stage", text=stage[:40])
    facts = {
        "strategy": _fitting("strategy", strategy, LONGEST),
        "next_step": _fitting("next_step", next_step, LONGEST_STEP),
    }
    known = u.session.scalar(select(Strategy).where(Strategy.stage == stage))
    if seen != (known.version if known else 0):
        raise Conflict
    if known is None:
        u.add(Strategy(stage=stage, changed_at=u.now, **facts))
        return
    for key, value in facts.items():
        if getattr(known, key) != value:
            setattr(known, key, value)
            known.changed_at = u.now


def _fitting(key: str, text: str, length: int) -> str:
    clean = text.replace("\x00", "").strip()
    if len(clean) > length:
        raise Invalid(N_("At most {length} characters fit here."), field=key, length=length)
    return clean


# --- queries --------------------------------------------------------------------

_STRATEGIES: Final = Prepared(select(Strategy.stage, Strategy.strategy, Strategy.next_step, Strategy.version))
_STEPS: Final = Prepared(
    select(StageChange.before, StageChange.after, StageChange.at, StageChange.by_id, StageChange.reason)
    .where(StageChange.customer_id == bindparam("customer_id"))
    .order_by(StageChange.id.desc())
    .limit(bindparam("most", type_=Integer))
)


def strategies(u: UnitOfWork) -> dict[str, dict[str, Any]]:
    """Return stage -> strategy, next_step and version of those that have one."""
    return {row["stage"]: row for row in u.rows(_STRATEGIES)}


def steps(u: UnitOfWork, customer_id: int, *, most: int = HISTORY) -> list[dict[str, Any]]:
    """Return the steps of a customer from stage to stage, the newest first; none of whom the reader does not see."""
    return u.rows(_STEPS, customer_id=customer_id, most=most)
