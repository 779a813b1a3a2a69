"""By which of one's facts a row is inside a scope, as SQL: for one person, and for everybody who reaches rows alike."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, Protocol

from sqlalchemy import ColumnElement, bindparam, false


class Ownership(Protocol):
    """Columns (or labels) that say to whom a row belongs."""

    responsible_id: Any
    team_id: Any
    partner_id: Any


class Reach(StrEnum):
    """The ways in which rows are inside a scope: all of them, by one's person, team, teams or partner, or none."""

    EVERYTHING = "everything"
    PERSON = "actor_person"
    TEAM = "actor_team"
    TEAMS = "actor_teams"
    PARTNER = "actor_partner"
    NOTHING = "nothing"


def rows_within(reach: Reach, owned: Ownership, facts: Mapping[Reach, Any]) -> ColumnElement[bool] | None:
    """Return 'this row is reached' as SQL over the columns that say to whom it belongs; None when everything is."""
    match reach:
        case Reach.EVERYTHING:
            return None
        case Reach.PERSON:
            return owned.responsible_id == facts[reach]  # type: ignore[no-any-return]
        case Reach.TEAM:
            return owned.team_id == facts[reach]  # type: ignore[no-any-return]
        case Reach.TEAMS:
            return owned.team_id.in_(facts[reach])  # type: ignore[no-any-return]
        case Reach.PARTNER:
            return owned.partner_id == facts[reach]  # type: ignore[no-any-return]
        case Reach.NOTHING:
            return false()


_LATER: Final[dict[Reach, Any]] = {
    Reach.PERSON: bindparam(Reach.PERSON.value),
    Reach.TEAM: bindparam(Reach.TEAM.value),
    Reach.TEAMS: bindparam(Reach.TEAMS.value, expanding=True),
    Reach.PARTNER: bindparam(Reach.PARTNER.value),
}
"""Facts that are given when the statement runs: without them it fails."""


class Anybody:
    """Everybody who reaches rows in one way, for statements that are made once and run for many people.

    It has nothing of an actor but this, so that nobody's own facts get into such a statement.
    """

    def __init__(self, right: str, reach: Reach) -> None:
        self._right, self._reach = right, reach

    def may(self, right: str) -> bool:
        """Say whether these people have the right at all."""
        return self._asked(right) is not Reach.NOTHING

    def within(self, right: str, owned: Ownership) -> ColumnElement[bool] | None:
        """Return the rule as SQL; the facts that it compares with are given when the statement runs."""
        return rows_within(self._asked(right), owned, _LATER)

    def _asked(self, right: str) -> Reach:
        if right != self._right:
            raise LookupError(f"Only '{self._right}' is known here, not '{right}'.")
        return self._reach
