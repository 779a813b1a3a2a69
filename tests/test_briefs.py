"""The brief: who talked to the customer, what is open, what was refused, of two years and within one's reach."""

from datetime import timedelta

from crm import briefs, interactions
from tests.cast import NOW, PARTS, Cast, a_customer

REP, MATE = PARTS["rep"].id, PARTS["mate"].id


def talk(cast: Cast, key: int, days_ago: int, outcome: str | None, *, by: str = "rep", note: str = "") -> None:
    with cast.unit(getattr(cast, by)) as u:
        facts = {"kind": "call", "outcome": outcome, "note": note, "at": NOW - timedelta(days=days_ago)}
        interactions.log(u, key, **facts)


def told(cast: Cast, key: int, part: str = "rep") -> briefs.Briefing:
    with cast.unit(getattr(cast, part)) as u:
        return briefs.brief(u, key)


def notes(rows) -> list[str]:
    return [row["note"] for row in rows]


def test_every_colleague_of_two_years_is_told_the_last_one_first(cast):
    key = a_customer(cast)
    for days, by in ((1, "mate"), (5, "rep"), (9, "mate"), (732, "rep")):
        talk(cast, key, days, None, by=by)
    assert [(one.person_id, one.talks) for one in told(cast, key).partners] == [(MATE, 2), (REP, 1)]
    assert told(cast, key).partners[0].last_at == NOW - timedelta(days=1)


def test_what_was_finished_afterwards_is_not_open(cast):
    key = a_customer(cast)
    talk(cast, key, 9, "call_back", note="Wants lamps")
    assert notes(told(cast, key).open) == ["Wants lamps"]
    talk(cast, key, 8, "finished")
    assert told(cast, key).open == ()
    talk(cast, key, 7, "offer_asked", note="Forty chairs")
    talk(cast, key, 6, "no_answer")
    talk(cast, key, 5, "taken", note="Price until Friday")
    assert notes(told(cast, key).open) == ["Price until Friday", "Forty chairs"]


def test_refusals_stay_told_with_their_reason(cast):
    key = a_customer(cast)
    talk(cast, key, 400, "refused", note="Too dear")
    talk(cast, key, 20, "order")
    assert notes(told(cast, key).refused) == ["Too dear"]


def test_of_a_customer_out_of_reach_nothing_is_told(cast):
    key = a_customer(cast, "rival")
    talk(cast, key, 1, "call_back", by="rival", note="Secret")
    assert told(cast, key) == briefs.Briefing()
    assert notes(told(cast, key, "head").open) == ["Secret"]
