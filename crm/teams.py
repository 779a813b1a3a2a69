"""Teams: who works with whom, under which leader. Teams may stand under teams.

Promises: no team stands under itself; a customer and a running plan are in the team of their responsible, also after that
person moved; a team that somebody or something still belongs to cannot vanish.
"""

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from sqlalchemy import bindparam, func, select, update

from crm import settings, users
from crm.core import clock
from crm.core.errors import Invalid, NotFound, Refused
from crm.core.i18n import N_
from crm.core.people import Team, User
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import Customer
from crm.plans import Plan

NAME_LENGTH: Final = 80


def _name(u: UnitOfWork, text: str, team_id: int | None) -> str:
    name = " ".join(text.replace("\x00", "").split())
    if not name:
        raise Invalid(N_("Please enter a name."), field="name")
    if len(name) > NAME_LENGTH:
        raise Invalid(N_("At most {length} characters fit here."), field="name", length=NAME_LENGTH)
    if u.value(select(Team.id).where(Team.name == name, Team.id != (team_id or 0))) is not None:
        raise Invalid(N_("There is a team of this name."), field="name")
    return name


def _leader(u: UnitOfWork, leader_id: int | None) -> int | None:
    if leader_id is not None and not u.get(User, leader_id).is_active:
        raise Invalid(N_("Please choose another colleague."), field="leader_id")
    return leader_id


# --- verbs ------------------------------------------------------------------


@verb("teams.manage")
def create(u: UnitOfWork, name: str, *, parent_id: int | None = None, leader_id: int | None = None) -> Team:
    """Create a team. Raises Invalid beside `name` or `leader_id`, NotFound."""
    if parent_id is not None:
        u.get(Team, parent_id)
    return u.add(Team(name=_name(u, name, None), parent_id=parent_id, leader_id=_leader(u, leader_id)))


@verb("teams.manage")
def rename(u: UnitOfWork, team_id: int, name: str, *, seen: int) -> Team:
    """Give a team another name. Raises Invalid, NotFound, Conflict."""
    team = u.get(Team, team_id, seen=seen)
    team.name = _name(u, name, team_id)
    return team


@verb("teams.manage")
def set_leader(u: UnitOfWork, team_id: int, leader_id: int | None, *, seen: int) -> Team:
    """Make an active colleague the leader (None: nobody); he reaches this team and all teams under it.

    Raises Invalid, NotFound, Conflict.
    """
    team = u.get(Team, team_id, seen=seen)
    team.leader_id = _leader(u, leader_id)
    return team


@verb("teams.manage")
def set_parent(u: UnitOfWork, team_id: int, parent_id: int | None, *, seen: int) -> Team:
    """Put a team under another (None: to the top). Raises Invalid when that would make a circle, NotFound, Conflict."""
    # locked in one order: two moves at the same moment could close a circle that neither sees
    locked = select(Team.id, Team.parent_id).order_by(Team.id).with_for_update(key_share=True)
    parents = {row["id"]: row["parent_id"] for row in u.rows(locked)}
    team = u.get(Team, team_id, seen=seen)
    if parent_id is not None and parent_id not in parents:
        raise NotFound
    above = parent_id
    while above is not None:
        if above == team_id:
            raise Invalid(N_("A team cannot stand under itself."), field="parent_id")
        above = parents.get(above)
    team.parent_id = parent_id
    return team


@verb("teams.manage")
def move_person(u: UnitOfWork, user_id: int, team_id: int | None, *, with_customers: bool = True) -> int:
    """Move a person to another team (None: to no team); running plans go along. Returns how many customers were touched.

    with_customers: his customers go along; otherwise they stay in the old team and wait there for a new responsible.
    Raises NotFound.
    """
    users.hold(u, user_id)
    person = u.get(User, user_id)
    if person.deleted_at is not None:
        raise NotFound
    if team_id is not None:
        u.get(Team, team_id)
    if person.team_id == team_id:
        return 0
    person.team_id = team_id
    # bulk: a responsible may have thousands of customers; their versions rise, so that open forms notice. Without the
    # reader's scope, because every customer of the person must follow.
    table = Customer.__table__
    fate: dict[str, Any] = {"team_id": team_id} if with_customers else {"responsible_id": None}
    statement = update(table).where(table.c.responsible_id == user_id).values(**fate, version=table.c.version + 1)
    touched = int(u.execute(statement, bulk=True, raw=True).rowcount)  # type: ignore[attr-defined]
    if touched:
        u.remember(person, {"customers_moved" if with_customers else "customers_left": [None, touched]})
    _plans_follow(u, user_id, team_id)
    return touched


def _plans_follow(u: UnitOfWork, user_id: int, team_id: int | None) -> None:
    today = clock.day_of(u.now, settings.value(u, "timezone"))
    plan = Plan.__table__
    mine = update(plan).where(plan.c.responsible_id == user_id, plan.c.ends_on >= today)
    # bulk and without the reader's scope: as with the customers
    u.execute(mine.values(team_id=team_id, version=plan.c.version + 1), bulk=True, raw=True)


@verb("teams.manage")
def dissolve(u: UnitOfWork, team_id: int, *, seen: int) -> None:
    """Delete an empty team. Raises Refused with what still belongs to it, NotFound, Conflict."""
    team = u.get(Team, team_id, seen=seen)
    user, customer, plan = User.__table__.c, Customer.__table__.c, Plan.__table__.c
    # raw: asked without the reader's scope, because nothing may be left without its team
    for found, sentence in (
        (select(Team.id).where(Team.parent_id == team_id), N_("There are teams under this one. Move them first.")),
        (
            select(user.id).where(user.team_id == team_id, user.deleted_at.is_(None)),
            N_("There are people in this team. Move them first."),
        ),
        (
            select(customer.id).where(customer.team_id == team_id),
            N_("Customers belong to this team. Hand them over first."),
        ),
        (select(plan.id).where(plan.team_id == team_id, plan.of_team), N_("This team has plans. Delete them first.")),
    ):
        if u.execute(found.limit(1), raw=True).first() is not None:
            raise Refused(sentence)
    for table in (User.__table__, Plan.__table__):  # bulk: deleted people and old plans of people who have moved on
        u.execute(update(table).where(table.c.team_id == team_id).values(team_id=None), bulk=True, raw=True)
    u.delete(team)


# --- queries ----------------------------------------------------------------


@dataclass(frozen=True)
class Branch:
    """A team in the tree. depth: 0 at the top; people: active members."""

    id: int
    name: str
    depth: int
    parent_id: int | None
    leader_id: int | None
    leader: str
    people: int
    version: int


_TREE: Final = Prepared(
    select(Team.id, Team.name, Team.parent_id, Team.leader_id, Team.version, User.name.label("leader"))
    .outerjoin(User, User.id == Team.leader_id)
    .order_by(Team.name, Team.id)
)
_PEOPLE: Final = Prepared(
    select(User.team_id, func.count(User.id).label("people"))
    .where(User.disabled_at.is_(None), User.deleted_at.is_(None))
    .group_by(User.team_id)
)
_NAMES: Final = Prepared(select(Team.id, Team.name).order_by(Team.name, Team.id))
_MEMBERS: Final = Prepared(
    select(User.id, User.name, User.roles, users.STATE)
    .where(User.deleted_at.is_(None), User.team_id.is_not_distinct_from(bindparam("team")))
    .order_by(User.name, User.id)
)


def tree(u: UnitOfWork) -> list[Branch]:
    """Return every team, each after the one that it stands under, brothers by name."""
    u.need("teams.view")
    rows = u.rows(_TREE)
    people = {row["team_id"]: row["people"] for row in u.rows(_PEOPLE)}
    below: dict[int | None, list[dict[str, Any]]] = {}
    for row in rows:
        below.setdefault(row["parent_id"], []).append(row)
    found: list[Branch] = []
    waiting = [(row, 0) for row in reversed(below.pop(None, []))]
    while waiting:
        row, depth = waiting.pop()
        found.append(_branch(row, depth, people))
        waiting.extend((child, depth + 1) for child in reversed(below.pop(row["id"], [])))
    return found


def _branch(row: dict[str, Any], depth: int, people: dict[int, int]) -> Branch:
    facts = {key: row[key] for key in ("id", "name", "parent_id", "leader_id", "version")}
    return Branch(**facts, depth=depth, leader=row["leader"] or "", people=people.get(row["id"], 0))


_LED: Final = Prepared(select(Team.id, Team.parent_id, Team.leader_id))


def leaders_above(u: UnitOfWork, team_id: int | None) -> list[int]:
    """Return the active leaders of a team and of the teams above it, the nearest first."""
    rows = {row["id"]: row for row in u.rows(_LED)}
    active = set(u.all(select(User.id).where(User.disabled_at.is_(None), User.deleted_at.is_(None))))
    found: list[int] = []
    while team_id in rows:
        team = rows.pop(team_id)
        found += [team["leader_id"]] if team["leader_id"] in active else []
        team_id = team["parent_id"]
    return list(dict.fromkeys(found))


def nearest_leader(u: UnitOfWork, team_id: int | None, *, but: int | None) -> int | None:
    """Return the nearest of the leaders above; `but` is passed over, who leads himself. None without one."""
    return next((one for one in leaders_above(u, team_id) if one != but), None)


def directory(u: UnitOfWork) -> dict[int, str]:
    """Return id -> name of every team, by name."""
    u.need("teams.view")
    return {row["id"]: row["name"] for row in u.rows(_NAMES)}


def people_of(u: UnitOfWork, team_id: int | None) -> list[dict[str, Any]]:
    """Return the people of a team (None: of no team) within the reader's scope, by name, as rows: id, name, roles, state."""
    u.need("teams.view")
    u.need("users.view")
    inside = users.inside(u)
    if inside:
        return u.rows(_MEMBERS.statement.where(*inside).params(team=team_id))
    return u.rows(_MEMBERS, team=team_id)


def members(u: UnitOfWork, team_id: int | None) -> pd.DataFrame:
    """Return the people of a team as `people_of` does: `id` as index."""
    return pd.DataFrame(people_of(u, team_id), columns=["id", "name", "roles", "state"]).set_index("id")
