"""The cast: the same people in every test, the builders of what they work on, and one valid call of every verb.

    Sales (led by `head`)          without a team
      North (led by `leader`)        admin, keeper, marketer, analyst, executive, product, stranger
        rep, mate, service, gone     partner (of partner 7)
      South (led by `rival_leader`)
        rival

Everybody is found by the name of the part: `cast.rep` is the Identity of the sales rep of the North.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from crm import customers, interactions
from crm.core.access import SYSTEM, Actor, Identity, Role
from crm.core.people import Team, User
from crm.core.uow import UnitOfWork, unit_of_work
from db.dialect import reset_ids
from db.engine import Database

NOW: Final = datetime(2026, 2, 9, 9, 0, tzinfo=ZoneInfo("Europe/Moscow"))
"""A Monday."""

SALES, NORTH, SOUTH = 1, 2, 3
PARTNER: Final = 7
"""The partner that the partner of the cast works for."""


class Part(NamedTuple):
    """One person of the cast."""

    id: int
    name: str
    role: Role
    team_id: int | None = None
    partner_id: int | None = None


PARTS: Final = MappingProxyType(
    {
        "admin": Part(1, "Anna Administrator", Role.ADMINISTRATOR),
        "keeper": Part(2, "Kira Keeper", Role.RECORD_KEEPER),
        "rep": Part(3, "Ivan Rep", Role.SALES_REP, NORTH),
        "mate": Part(4, "Olga Mate", Role.SALES_REP, NORTH),
        "rival": Part(5, "Wei Rival", Role.SALES_REP, SOUTH),
        "service": Part(6, "Sveta Service", Role.SERVICE_REP, NORTH),
        "leader": Part(7, "Maria Leader", Role.SALES_MANAGER, NORTH),
        "rival_leader": Part(8, "Sun Leader", Role.SALES_MANAGER, SOUTH),
        "head": Part(9, "Irina Head", Role.SALES_MANAGER, SALES),
        "marketer": Part(10, "Mark Marketer", Role.MARKETER),
        "analyst": Part(11, "Alla Analyst", Role.ANALYST),
        "executive": Part(12, "Egor Executive", Role.EXECUTIVE),
        "product": Part(13, "Petr Product", Role.PRODUCT_MANAGER),
        "partner": Part(14, "Pavel Partner", Role.PARTNER, partner_id=PARTNER),
        "gone": Part(15, "Dmitri Gone", Role.SALES_REP, NORTH),
        "stranger": Part(16, "Lev Stranger", Role.SALES_REP),
    }
)
TEAMS: Final = ((SALES, "Sales", None, "head"), (NORTH, "North", SALES, "leader"), (SOUTH, "South", SALES, "rival_leader"))
PLAYS: Final = MappingProxyType(
    {
        Role.ADMINISTRATOR: "admin",
        Role.RECORD_KEEPER: "keeper",
        Role.SALES_REP: "rep",
        Role.SERVICE_REP: "service",
        Role.SALES_MANAGER: "leader",
        Role.MARKETER: "marketer",
        Role.ANALYST: "analyst",
        Role.EXECUTIVE: "executive",
        Role.PRODUCT_MANAGER: "product",
        Role.PARTNER: "partner",
    }
)
"""Who of the cast plays each role when all roles are gone through."""


@dataclass
class Cast:
    """The people in one database. `unit` opens a unit of work for one of them, at NOW unless told otherwise."""

    database: Database
    now: datetime = NOW

    def __getattr__(self, part: str) -> Identity:
        """Return one person's Identity by the name of the part."""
        if part not in PARTS:
            raise AttributeError(part)
        return Identity(PARTS[part].id)

    def unit(
        self, who: Identity | Actor | None = None, *, key: str | None = None, now: datetime | None = None
    ) -> AbstractContextManager[UnitOfWork]:
        """Open a unit of work: for somebody, or without a name for SYSTEM."""
        return unit_of_work(self.database, who or SYSTEM, now=now or self.now, key=key)

    @classmethod
    def assemble(cls, database: Database) -> "Cast":
        """Put the people and teams into an empty database, below the door: somebody has to be there first."""
        teams = [{"id": key, "name": name, "version": 1} for key, name, _, _ in TEAMS]
        people = [
            {
                "id": one.id,
                "username": part,
                "name": one.name,
                "email": f"{part}@rapport.example",
                "roles": [one.role.value],
                "team_id": one.team_id,
                "partner_id": one.partner_id,
                "created_at": NOW,
                "disabled_at": NOW if part == "gone" else None,
                "version": 1,
            }
            for part, one in PARTS.items()
        ]
        table = Team.__table__
        with database.writing() as connection:
            connection.execute(insert(table), teams)
            connection.execute(insert(User.__table__), people)
            for key, _, parent_id, leader in TEAMS:
                facts = {"parent_id": parent_id, "leader_id": PARTS[leader].id}
                connection.execute(table.update().where(table.c.id == key).values(facts))
            for one in (table, User.__table__):
                reset_ids(connection, one)
        return cls(database)


# --- builders ---------------------------------------------------------------

PHONE: Final = "+7 916 123-45-67"
EMAIL: Final = "ivan@example.com"
ADDRESS: Final = "Tverskaya 1"


def a_customer(cast: Cast, of: str | None = "rep", *, partner: bool = False, **raw: Any) -> int:
    """Let the record keeper add a customer of somebody (None: of nobody, without a team); return its id.

    raw: as in `customers.checked`; without it a company named after its responsible, with phone, e-mail and address.
    """
    name = "Nobody's" if of is None else f"Customer of {of}"
    facts = {"name": name, "phones": [PHONE], "emails": [EMAIL], "address": ADDRESS} | raw
    with cast.unit() as u:
        customer = customers.create(u, facts, responsible_id=None if of is None else PARTS[of].id)
    if partner:
        with cast.database.writing() as connection:
            table = customers.Customer.__table__
            connection.execute(table.update().where(table.c.id == customer.id).values(partner_id=PARTNER))
    return customer.id


def a_call(cast: Cast, customer_id: int, by: str = "rep", **facts: Any) -> int:
    """Let somebody log an outbound call with a customer; return the entry's id."""
    given = {"kind": "call", "direction": "out", "outcome": "finished"} | facts
    with cast.unit(getattr(cast, by)) as u:
        return interactions.log(u, customer_id, **given).id
