"""The people of the demonstration: one for each role, three sales reps in Moscow, two in Beijing, and more for more customers."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator

from crm.core.grants import Role
from crm.demo.names import TONGUES, Tongue, persons
from crm.demo.places import ZONE
from crm.demo.span import Array

PASSWORD: Final = "quiet-lantern-over-the-harbour"  # noqa: S105  known to everybody; only demonstration databases take it
"""The one password of everybody in a demonstration database."""

PARTNER_ID: Final = 1
TEAMS_FROM: Final = 2_000
"""With more customers than this more teams serve them."""
CUSTOMERS_A_TEAM: Final = 15_000
MOST_TEAMS: Final = 60
REPS_A_TEAM: Final = 8


@dataclass(frozen=True)
class Person:
    """Somebody who signs in. team: a name; tongue: of the customers that a sales rep serves."""

    username: str
    name: str
    role: Role
    team: str | None = None
    tongue: Tongue | None = None
    partner_id: int | None = None


@dataclass(frozen=True)
class Troop:
    """A team: its name, its leader's username, the languages of the customers whom it serves."""

    name: str
    leader: str
    tongues: tuple[Tongue, ...]


MOSCOW: Final = "Moscow"
BEIJING: Final = "Beijing"
TEAMS: Final = (
    Troop(MOSCOW, "leader", (Tongue.RU, Tongue.EN)),
    Troop(BEIJING, "chen", (Tongue.ZH,)),
)
NEWCOMER: Final = "newcomer"
CAST: Final = (
    Person("admin", "Alice Turner", Role.ADMINISTRATOR),
    Person("keeper", "Ольга Смирнова", Role.RECORD_KEEPER),
    Person("anna", "Анна Волкова", Role.SALES_REP, MOSCOW, Tongue.RU),
    Person("boris", "Борис Орлов", Role.SALES_REP, MOSCOW, Tongue.RU),
    Person("claire", "Claire Bennett", Role.SALES_REP, MOSCOW, Tongue.EN),
    Person(NEWCOMER, "Данила Ежов", Role.SALES_REP, MOSCOW, Tongue.RU),
    Person("leader", "Виктор Соколов", Role.SALES_MANAGER, MOSCOW, Tongue.RU),
    Person("wangwei", "王伟", Role.SALES_REP, BEIJING, Tongue.ZH),
    Person("lina", "李娜", Role.SALES_REP, BEIJING, Tongue.ZH),
    Person("chen", "陈静", Role.SALES_MANAGER, BEIJING, Tongue.ZH),
    Person("service", "Мария Белова", Role.SERVICE_REP),
    Person("marketer", "Grace Miller", Role.MARKETER),
    Person("analyst", "赵敏", Role.ANALYST),
    Person("executive", "Павел Громов", Role.EXECUTIVE),
    Person("product", "刘洋", Role.PRODUCT_MANAGER),
    Person("partner", "James Carter", Role.PARTNER, partner_id=PARTNER_ID),
)
"""Everybody who can sign in to a demonstration, the same for every seed."""


def extra_people(rng: Generator, customers: int) -> tuple[list[Troop], list[Person]]:
    """Return the further teams and people that so many customers need; none for a small company."""
    if customers <= TEAMS_FROM:
        return [], []
    troops, people = [], []
    for number in range(3, 3 + min(-(-customers // CUSTOMERS_A_TEAM), MOST_TEAMS)):
        tongue = TONGUES[number % len(TONGUES)]
        troop = Troop(f"Team {number}", f"leader{number}", (tongue,))
        names, _ = persons(rng, tongue, REPS_A_TEAM + 1)
        troops.append(troop)
        people.append(Person(troop.leader, names[0], Role.SALES_MANAGER, troop.name, tongue))
        usernames = (f"rep{number}-{place}" for place in range(1, REPS_A_TEAM + 1))
        people += [Person(*both, Role.SALES_REP, troop.name, tongue) for both in zip(usernames, names[1:], strict=True)]
    return troops, people


def zone_of(person: Person) -> str | None:
    """Return the time zone of a person who does not live in the company's."""
    return ZONE[Tongue.ZH] if person.tongue is Tongue.ZH else None


@dataclass(frozen=True)
class Staff:
    """People by their ids, as the customers' chunks need them.

    team_of: person -> team; leader_of: team -> its leader; reps: language -> the reps who serve its customers;
    teammates: such a rep -> the other reps of the team.
    """

    ids: dict[str, int]
    team_of: dict[int, int | None]
    leader_of: dict[int, int]
    reps: dict[Tongue, list[int]]
    teammates: dict[int, list[int]]

    def pick(self, rng: Generator, tongue: Tongue, count: int) -> Array:
        """Draw the responsible of `count` customers."""
        return rng.choice(np.array(self.reps[tongue]), count)
