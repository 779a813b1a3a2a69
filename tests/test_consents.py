"""Consents: for what the data may be used, with proof, never rewritten, ended when the customer says so."""

from datetime import date, timedelta
from typing import Any

import pytest

from crm import consents, privacy
from crm.consents import Standing
from crm.core.errors import Conflict, InvalidForm, NotFound, Refused
from tests.cast import DAY, NOW, Cast, a_consent, a_customer

TOLD: dict[str, Any] = {"basis": "consent", "given_on": DAY, "how": "paper", "proof": "Form 12, shelf 4"}


def recorded(cast: Cast, key: int, part: str = "keeper", **facts: Any) -> int:
    with cast.unit(getattr(cast, part)) as u:
        return consents.record(u, key, **({"purpose": "email"} | TOLD | facts)).id


def ended(cast: Cast, consent_id: int, part: str = "keeper", on: date | None = DAY, how: str | None = "call") -> None:
    with cast.unit(getattr(cast, part)) as u:
        consents.end(u, consent_id, on=on, how=how, seen=1)


def rows(cast: Cast, key: int, *, days: int = 0, part: str = "keeper") -> list[dict[str, Any]]:
    with cast.unit(getattr(cast, part), now=NOW + timedelta(days=days)) as u:
        return consents.of(u, key)


def test_a_consent_keeps_what_was_said_how_and_who_recorded_it(cast):
    key = a_customer(cast)
    recorded(cast, key, until=DAY + timedelta(days=30))
    (row,) = rows(cast, key)
    assert (row["purpose"], row["basis"], row["how"], row["proof"]) == ("email", "consent", "paper", "Form 12, shelf 4")
    assert (row["given_on"], row["recorded_by_id"], row["standing"]) == (DAY, cast.keeper.user_id, Standing.HOLDS)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"purpose": "sms"}, "purpose"),
        ({"basis": ""}, "basis"),
        ({"how": "pigeon"}, "how"),
        ({"how": None}, "how"),
        ({"proof": "  "}, "proof"),
        ({"proof": "x" * 501}, "proof"),
        ({"given_on": None}, "given_on"),
        ({"given_on": DAY + timedelta(days=1)}, "given_on"),
        ({"given_on": date(1900, 1, 1)}, "given_on"),
        ({"until": DAY - timedelta(days=1)}, "until"),
    ],
)
def test_what_is_missing_or_wrong_is_said_beside_its_field(cast, facts, field):
    key = a_customer(cast)
    with pytest.raises(InvalidForm) as wrong:
        recorded(cast, key, **facts)
    assert set(wrong.value.faults) == {field}
    assert rows(cast, key) == []


def test_a_contract_needs_no_proof_of_consent(cast):
    key = a_customer(cast)
    recorded(cast, key, purpose="service", basis="contract", how=None, proof="")
    assert rows(cast, key)[0]["standing"] is Standing.HOLDS


def test_its_last_day_counts_and_the_day_of_its_withdrawal_does_not(cast):
    key = a_customer(cast)
    recorded(cast, key, until=DAY + timedelta(days=2))
    assert [rows(cast, key, days=days)[0]["standing"] for days in (0, 2, 3)] == ["holds", "holds", "run_out"]
    ended(cast, recorded(cast, key, purpose="phone"))
    assert rows(cast, key)[0]["standing"] is Standing.ENDED


def test_one_that_holds_is_enough_and_what_nobody_recorded_holds_nothing(cast):
    key = a_customer(cast)
    ended(cast, recorded(cast, key))
    recorded(cast, key, basis="interest")
    ended(cast, recorded(cast, key, purpose="phone"))
    held = consents.purposes(rows(cast, key))
    assert (held["email"], held["phone"], held["survey"]) == (Standing.HOLDS, Standing.ENDED, None)


def test_it_ends_once_between_its_first_day_and_today_and_is_never_rewritten(cast):
    key = a_customer(cast)
    one = recorded(cast, key, given_on=DAY - timedelta(days=5))
    for day in (None, DAY - timedelta(days=6), DAY + timedelta(days=1)):
        with pytest.raises(InvalidForm):
            ended(cast, one, on=day)
    ended(cast, one, on=DAY - timedelta(days=5))
    with pytest.raises(Conflict):
        ended(cast, one)
    (row,) = rows(cast, key)
    assert (row["given_on"], row["proof"], row["ended_how"]) == (DAY - timedelta(days=5), TOLD["proof"], "call")


def test_who_may_not_record_it_and_who_does_not_see_the_customer(cast):
    mine, theirs = a_customer(cast, "mate"), a_customer(cast, "rival")
    one = a_consent(cast, theirs)
    with pytest.raises(Refused):
        recorded(cast, mine, part="rep")
    with pytest.raises(Refused):
        recorded(cast, mine, part="marketer")
    with pytest.raises(NotFound):
        recorded(cast, theirs, part="leader")
    with pytest.raises(NotFound):
        ended(cast, one, part="leader")
    assert rows(cast, theirs, part="leader") == []
    with pytest.raises(NotFound), cast.unit(cast.leader) as u:
        consents.one(u, one)
    recorded(cast, mine, part="leader")


def test_an_erasure_keeps_the_basis_and_its_days_and_empties_the_words_of_the_proof(cast):
    key = a_customer(cast)
    ended(cast, recorded(cast, key))
    with cast.unit(cast.keeper) as u:
        privacy.erase(u, key, "withdrawn")
    with cast.unit() as u:
        (row,) = consents.of(u, key)
    assert (row["proof"], row["purpose"], row["given_on"], row["ended_on"]) == (None, "email", DAY, DAY)
