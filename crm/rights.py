"""Rights: which role may do what to whose records, as an administrator sees and adjusts it.

Promises: what stands in the matrix is what the door decides by; the rights by which an administrator could give rights back
cannot be taken away; every adjustment is in the audit log with its role and right.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import pandas as pd
from sqlalchemy import delete, select

from crm.core.access import Adjustments, Owned, RightAdjustment, grants_of
from crm.core.errors import Invalid, Refused
from crm.core.grants import GRANTS, PRESETS, RIGHTS, UNTOUCHABLE, Role, Scope
from crm.core.i18n import N_
from crm.core.people import User
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb

SCOPES: Final[Mapping[Scope, str]] = {
    Scope.OWN: N_("own"),
    Scope.PARTNER: N_("partner's"),
    Scope.TEAM: N_("team's"),
    Scope.ALL: N_("all"),
}
"""Each scope in a word, as it stands in a cell of the matrix."""

REACHES: Final[Mapping[Scope, str]] = {
    Scope.OWN: N_("one's own"),
    Scope.PARTNER: N_("those of one's own partner company"),
    Scope.TEAM: N_("those of one's teams"),
    Scope.ALL: N_("everybody's"),
}
"""Each scope in full."""

AREAS: Final[Mapping[str, str]] = {
    "customers": N_("Customers"),
    "filters": N_("Saved filters"),
    "stages": N_("Stages"),
    "tags": N_("Tags"),
    "fields": N_("Own fields"),
    "quality": N_("Quality"),
    "reports": N_("Reports"),
    "privacy": N_("Personal data"),
    "requests": N_("Requests"),
    "interactions": N_("Journal"),
    "documents": N_("Documents"),
    "purchases": N_("Purchases"),
    "products": N_("Products"),
    "plans": N_("Plans"),
    "imports": N_("Imports"),
    "notifications": N_("Notifications"),
    "account": N_("My account"),
    "users": N_("People"),
    "teams": N_("Teams"),
    "rights": N_("Rights"),
    "settings": N_("Settings"),
    "audit": N_("Changes"),
    "system": N_("System"),
    "backups": N_("Backups"),
}
"""The groups of rights: what stands before the dot, with its name."""

REACHES_ROWS: Final = frozenset(
    {"customers", "quality", "privacy", "requests", "interactions", "documents", "purchases", "plans", "imports"}
)
"""Areas whose records belong to somebody; in the others a right is there or it is not."""

ONE_SCOPE: Final[Mapping[str, tuple[Scope, ...]]] = {
    "users.view": (Scope.PARTNER, Scope.TEAM, Scope.ALL),
    "notifications.view": (Scope.OWN,),
    "account.edit": (Scope.OWN,),
    "filters.save": (Scope.OWN,),
    "filters.share": (Scope.TEAM, Scope.ALL),
}

PRESET_NAMES: Final[Mapping[str, str]] = {
    "division_of_labour": N_("Division of labour"),
    "small_team": N_("Small team"),
}
PRESET_LINES: Final[Mapping[str, str]] = {
    "division_of_labour": N_(
        "The record keeper enters and corrects personal data and hands customers over; all others log what happened. "
        "Phones and e-mails stay safe, because few people change them. This is how Rapport starts."
    ),
    "small_team": N_(
        "Everybody also keeps the personal data of one's own customers, and a leader may import files for the team. "
        "For a shop or a small team without a record keeper."
    ),
}
"""What each preset is for."""


def choices(right: str) -> tuple[Scope, ...]:
    """Return the scopes that make sense for a right, narrow to wide."""
    if right in ONE_SCOPE:
        return ONE_SCOPE[right]
    return tuple(Scope) if right.partition(".")[0] in REACHES_ROWS else (Scope.ALL,)


def _checked(role: str, right: str) -> tuple[Role, str]:
    if role not in set(Role):
        raise Invalid(N_("Please choose one of the list."), field="role")
    if right not in RIGHTS:
        raise Invalid(N_("Please choose one of the list."), field="right")
    if (Role(role), right) in UNTOUCHABLE:
        raise Refused(N_("This right cannot be taken from the administrator, or nobody could give it back."))
    return Role(role), right


# --- verbs ------------------------------------------------------------------


@verb("rights.adjust")
def adjust(u: UnitOfWork, role: str, right: str, scope: str | None) -> None:
    """Give a role a right with this scope, or take it away (None). It holds from everybody's next click.

    Raises Invalid beside `role`, `right` or `scope`, Refused (what an administrator must keep).
    """
    who, what = _checked(role, right)
    if scope is not None and scope not in choices(what):
        raise Invalid(N_("Please choose one of the list."), field="scope")
    _set(u, who, what, Scope(scope) if scope else None)


@verb("rights.adjust")
def reset(u: UnitOfWork, role: str, right: str) -> None:
    """Give a role the default of a right again. Raises as `adjust`."""
    who, what = _checked(role, right)
    _set(u, who, what, GRANTS[who].get(what))


@verb("rights.adjust")
def apply_preset(u: UnitOfWork, preset: str) -> int:
    """Put the whole matrix into the state of a preset; single adjustments go. Returns how many cells changed."""
    changes = preview(u, preset)
    for row in changes.to_dict("records"):
        _set(u, Role(row["role"]), row["right"], row["after"])
    return len(changes)


def _set(u: UnitOfWork, role: Role, right: str, scope: Scope | None) -> None:
    """Store what differs from the default, and nothing else."""
    default = GRANTS[role].get(right)
    stored = u.session.scalar(select(RightAdjustment).filter_by(role=role.value, right=right))
    before = stored.scope if stored else default
    if before == scope:
        return
    if stored is None:
        stored = u.add(RightAdjustment(role=role.value, right=right, scope=scope))
    u.remember(stored, {f"{role.value} {right}": [before and str(before), scope and scope.value]})
    if scope == default:
        # bulk: the entry above already says what happened; a deletion by the flush would add one that says less
        u.execute(delete(RightAdjustment).where(RightAdjustment.id == stored.id), bulk=True)
        u.session.expunge(stored)
    else:
        stored.scope = scope.value if scope else None


# --- queries ----------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix. default, in_force: scope or None; is_fixed: it cannot be adjusted."""

    role: str
    right: str
    default: Scope | None
    in_force: Scope | None
    is_fixed: bool
    is_adjusted: bool


_ADJUSTED: Final = Prepared(select(RightAdjustment.role, RightAdjustment.right, RightAdjustment.scope))


def _adjusted(u: UnitOfWork) -> Adjustments:
    return tuple(sorted((row["role"], row["right"], row["scope"]) for row in u.rows(_ADJUSTED)))


def holders(u: UnitOfWork, right: str, *, of: Owned | None = None) -> list[int]:
    """Return the active people who have a right, for telling them something. of: only those whom it lets reach this.

    A team's is reached here by its own people; a leader above it finds in his list what he is not told.
    """
    adjusted = _adjusted(u)
    active = u.all(select(User).where(User.disabled_at.is_(None), User.deleted_at.is_(None)).order_by(User.id))
    return [one.id for one in active if _reaches(one, grants_of(tuple(sorted(one.roles)), adjusted).get(right), of)]


def _reaches(person: User, scope: Scope | None, of: Owned | None) -> bool:
    if scope is None or of is None:
        return scope is not None
    same = {
        Scope.ALL: True,
        Scope.TEAM: person.team_id is not None and person.team_id == of.team_id,
        Scope.OWN: person.id == of.responsible_id,
        Scope.PARTNER: person.partner_id is not None and person.partner_id == of.partner_id,
    }
    return same[scope]


def cells(u: UnitOfWork) -> tuple[Cell, ...]:
    """Return every cell, rights by area and in each right the roles. Equal matrices are one object."""
    u.need("rights.view")
    return _cells(_adjusted(u))


def matrix(u: UnitOfWork) -> pd.DataFrame:
    """Return the same with a row for each cell and the facts of a cell as columns."""
    u.need("rights.view")
    return _matrix(_adjusted(u))


def preview(u: UnitOfWork, preset: str) -> pd.DataFrame:
    """Return the cells that a preset would change: role, right, before, after (scope or None). Raises Invalid."""
    u.need("rights.view")
    if preset not in PRESETS:
        raise Invalid(N_("Please choose one of the list."), field="preset")
    now, then = (
        _matrix(_adjusted(u)),
        _matrix(tuple((one.value, right, scope) for one, right, scope in PRESETS[preset])),
    )
    both = now.rename(columns={"in_force": "before"}).assign(after=then["in_force"])
    return both.loc[
        both["before"].fillna("") != both["after"].fillna(""), ["role", "right", "before", "after"]
    ].reset_index(drop=True)


def _matrix(adjusted: Adjustments) -> pd.DataFrame:
    columns = ["role", "right", "default", "in_force", "is_fixed", "is_adjusted"]
    cells = [tuple(vars(one).values()) for one in _cells(adjusted)]
    return pd.DataFrame(cells, columns=columns, dtype=object).astype({"is_adjusted": bool})


@lru_cache(maxsize=16)
def _cells(adjusted: Adjustments) -> tuple[Cell, ...]:
    in_force = {role: grants_of((role.value,), adjusted) for role in Role}
    found = []
    for right in _ordered(RIGHTS):
        for role in Role:
            default, now = GRANTS[role].get(right), in_force[role].get(right)
            found.append(Cell(role.value, right, default, now, (role, right) in UNTOUCHABLE, default != now))
    return tuple(found)


def _ordered(rights: Iterable[str]) -> list[str]:
    """Return rights by area, in the order of AREAS."""
    areas = list(AREAS)
    return sorted(
        rights,
        key=lambda right: areas.index(right.partition(".")[0]) if right.partition(".")[0] in areas else len(areas),
    )
