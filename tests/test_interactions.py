"""Interactions: the journal of what happened with a customer, for whoever may see the customer."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from crm import customers, interactions
from crm.core.errors import Invalid, NotFound, Refused
from crm.interactions import DIRECTIONS, KINDS, OUTCOMES, Direction, Filters, Interaction, Kind, Outcome
from tests.cast import NOW, PARTS, a_call, a_customer


def log(cast, key, part="rep", **facts):
    with cast.unit(getattr(cast, part)) as u:
        return interactions.log(u, key, **({"kind": "call"} | facts))


def journal(cast, part="rep", filters=None, **options):
    with cast.unit(getattr(cast, part)) as u:
        return interactions.listing(u, filters or Filters(), **options)


# --- logging ----------------------------------------------------------------


def test_a_logged_call_is_in_the_journal_and_on_the_card(cast):
    key = a_customer(cast, name="Acme")
    entry = log(cast, key, direction="out", outcome="order", topic=" Price ", note=" Two lamps ", minutes=7)
    row = journal(cast).iloc[0]
    assert (row["kind"], row["direction"], row["outcome"], row["topic"], row["note"]) == (
        "call", "out", "order", "Price", "Two lamps",
    )  # fmt: skip
    assert (row["customer"], row["customer_id"], row["responsible_id"]) == ("Acme", key, PARTS["rep"].id)
    assert (entry.at, entry.logged_at, entry.minutes) == (NOW, NOW, 7)
    with cast.unit(cast.rep) as u:
        card = customers.one(u, key)
        assert (card.interaction_count, card.last_interaction_at) == (1, NOW)


def test_an_older_entry_does_not_take_the_cards_last_contact_back(cast):
    key = a_customer(cast)
    log(cast, key)
    log(cast, key, at=NOW - timedelta(days=3))
    with cast.unit(cast.rep) as u:
        card = customers.one(u, key)
        assert (card.interaction_count, card.last_interaction_at) == (2, NOW)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"kind": "smoke"}, "kind"),
        ({"kind": ""}, "kind"),
        ({"direction": "up"}, "direction"),
        ({"outcome": "fine"}, "outcome"),
        ({"at": NOW + timedelta(minutes=6)}, "at"),
        ({"note": "x" * 10_001}, "note"),
        ({"topic": "x" * 201}, "topic"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_logged(cast, facts, field):
    key = a_customer(cast)
    with pytest.raises(Invalid) as told:
        log(cast, key, **facts)
    assert told.value.field == field
    assert journal(cast).empty


def test_a_clock_that_runs_a_little_ahead_is_forgiven(cast):
    assert log(cast, a_customer(cast), at=NOW + timedelta(minutes=4)).at > NOW


def test_every_code_has_a_name():
    assert set(KINDS) == set(Kind)
    assert set(DIRECTIONS) == set(Direction)
    assert set(OUTCOMES) == set(Outcome)


def test_awkward_texts_are_kept_as_they_are(cast):
    key = a_customer(cast)
    note = "<b>x</b> {0} %s \\ ' OR 1=1-- \u202e 😀\nline"
    assert log(cast, key, note=note + "\x00").note == note
    assert journal(cast).iloc[0]["note"] == note


# --- for whom ---------------------------------------------------------------


@pytest.mark.parametrize(("part", "of"), [("mate", "rep"), ("leader", "mate"), ("head", "rival"), ("service", "rival")])
def test_colleagues_log_for_the_customers_they_reach(cast, part, of):
    key = a_customer(cast, of)
    assert log(cast, key, part).responsible_id == PARTS[part].id


@pytest.mark.parametrize("part", ["rep", "leader", "partner"])
def test_nobody_logs_for_a_customer_out_of_reach(cast, part):
    key = a_customer(cast, "rival")
    with pytest.raises(NotFound):
        log(cast, key, part)


@pytest.mark.parametrize("part", ["keeper", "marketer", "analyst", "executive", "admin", "product"])
def test_roles_that_only_look_log_nothing(cast, part):
    key = a_customer(cast)
    with pytest.raises(Refused):
        log(cast, key, part)


def test_the_journal_shows_what_ones_scope_shows(cast):
    own, hidden = a_customer(cast, "rep"), a_customer(cast, "rival")
    mine, theirs = a_call(cast, own), a_call(cast, hidden, "rival")
    assert list(journal(cast).index) == [mine]
    assert list(journal(cast, "rival").index) == [theirs]
    assert set(journal(cast, "analyst").index) == {mine, theirs}
    assert journal(cast, "product").empty  # sees customers, not what was talked about
    with cast.unit(cast.rep) as u, pytest.raises(NotFound):
        interactions.one(u, theirs)


def test_the_partner_sees_and_logs_for_his_customers(cast):
    theirs = a_customer(cast, "rep", partner=True)
    entry = log(cast, theirs, "partner")
    assert list(journal(cast, "partner").index) == [entry.id]


# --- asking -----------------------------------------------------------------


@pytest.fixture
def full(cast):
    """Six entries, one a day, of alternating kinds and by two people."""
    key, other = a_customer(cast, "rep"), a_customer(cast, "mate")
    ids = []
    for n in range(6):
        facts = {
            "kind": "call" if n % 2 else "email",
            "direction": "in" if n < 3 else "out",
            "at": NOW - timedelta(days=n),
        }
        ids.append(log(cast, key if n < 4 else other, "rep" if n != 5 else "mate", **facts).id)
    return key, other, ids


def ids_of(cast, **facts):
    with cast.unit(cast.leader) as u:
        found = list(interactions.listing(u, Filters(**facts)).index)
        assert interactions.count(u, Filters(**facts)) == len(found)
    return found


def test_the_newest_stands_first(cast, full):
    assert ids_of(cast) == full[2]


def test_each_filter_narrows(cast, full):
    key, other, ids = full
    assert ids_of(cast, customer_id=other) == ids[4:]
    assert ids_of(cast, customer_id=key, kind="call") == [ids[1], ids[3]]
    assert ids_of(cast, direction="in") == ids[:3]
    assert ids_of(cast, responsible_id=PARTS["mate"].id) == ids[5:]


def test_a_period_begins_at_its_first_moment_and_ends_before_its_last(cast, full):
    ids = full[2]
    assert ids_of(cast, since=NOW - timedelta(days=2)) == ids[:3]
    assert ids_of(cast, until=NOW - timedelta(days=2)) == ids[3:]
    assert ids_of(cast, since=NOW - timedelta(days=3), until=NOW - timedelta(days=2)) == [ids[3]]


def test_pages_follow_one_another_without_gaps(cast, full):
    pages = [list(journal(cast, "leader", page=n, size=4).index) for n in (1, 2, 3)]
    assert pages == [full[2][:4], full[2][4:], []]
    assert list(journal(cast, "leader", page=-3, size=4).index) == pages[0]


@pytest.mark.parametrize("of", ["leader", "partner"])
@pytest.mark.parametrize("facts", [{}, {"kind": "call"}])
def test_going_on_after_an_entry_is_the_same_as_skipping_what_was_before(cast, of, facts):
    key = a_customer(cast, "rep", partner=True)
    for n in range(12):
        log(cast, key, "rep", kind="email" if n % 4 == 3 else "call", at=NOW - timedelta(hours=n // 3))
    wanted, after, ids = Filters(**facts), None, []
    with cast.unit(getattr(cast, of)) as u:
        everything = [row["id"] for row in interactions.page(u, wanted)]
        for n in (1, 2, 3, 4):
            skipping = interactions.page(u, wanted, number=n, size=5)
            rows = interactions.page(u, wanted, number=n, size=5, after=after)
            assert rows == skipping
            ids += [row["id"] for row in rows]
            after = rows[-1] if rows else after
    assert ids == everything
    assert len(ids) == (9 if facts else 12)


def test_going_on_after_anothers_entry_shows_nothing_of_it(cast):
    theirs, own = a_customer(cast, "rival"), a_customer(cast, "rep")
    log(cast, theirs, "rival", at=NOW - timedelta(days=2))
    mine = log(cast, own, "rep", at=NOW - timedelta(days=1)).id
    with cast.unit(cast.rep) as u:
        shown = interactions.page(u, after={"at": NOW, "id": 10**9})
        assert [row["id"] for row in shown] == [mine]


def test_an_empty_journal_has_its_columns(cast):
    assert {"at", "kind", "note", "customer", "customer_id"} <= set(journal(cast).columns)


def test_who_logged_it_and_when_stay(cast):
    """No verb of the journal changes them; a change by a verb of ours would be seen here."""
    entry = a_call(cast, a_customer(cast))
    with cast.unit() as u:
        one = u.all(select(Interaction))[0]
        assert (one.id, one.responsible_id, one.logged_at, one.version) == (entry, PARTS["rep"].id, NOW, 1)
