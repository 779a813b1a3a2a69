"""Every rule over the data is found broken when it is broken, and never otherwise."""

from decimal import Decimal

import pytest
from sqlalchemy import text

from crm import invariants, products, purchases, relations
from crm.purchases import Line
from db.engine import Database
from tests.cast import Cast, a_call, a_customer, a_document

BREAKS = {
    "UPDATE customers SET interaction_count = interaction_count + 1 WHERE id = 1": "number of interactions",
    "UPDATE customers SET purchase_count = 0": "number of purchases",
    "UPDATE monthly_counts SET count = count + 1": "counters of months",
    "DELETE FROM daily_counts WHERE measure = 'interactions'": "counters of interactions",
    "UPDATE daily_counts SET count = 5 WHERE measure = 'calls'": "counters of calls",
    "INSERT INTO daily_counts (day, responsible_id, measure, count) VALUES ('2026-01-01', 9, 'purchases', 1)": "counters of purchases",
    "UPDATE purchases SET amount = amount + 1": "sum of its lines",
    "DELETE FROM relations WHERE customer_id = 2": "both their cards",
    "UPDATE documents SET replaced_at = added_at": "exactly one version",
    "INSERT INTO search_tokens (token, customer_id) VALUES ('nx', 999)": "found by the search",
    "UPDATE customers SET merged_into_id = 2 WHERE id = 1": "merged into another",
    "UPDATE users SET disabled_at = created_at WHERE username = 'admin'": "administrator",
}


@pytest.fixture
def busy(cast: Cast) -> Cast:
    """A house with customers, calls of two people and purchases."""
    for part in ("rep", "mate"):
        customer = a_customer(cast, part)
        for _ in range(3):
            a_call(cast, customer, part)
        a_call(cast, customer, part, kind="email")
    a_document(cast, 1)
    with cast.unit() as u:
        relations.link(u, 1, 2, "partner")
        product = products.create(u, {"code": "P1", "name": "Tea", "price": "19.99"})
        purchases.record(u, 1, [Line(product.id), Line(product.id, Decimal("2.5"))])
    return cast


def broken(database: Database) -> list[str]:
    with database.reader.connect() as connection:
        return invariants.invariants(connection)


def test_an_empty_house_breaks_no_rule(database: Database) -> None:
    assert broken(database) == []


def test_a_busy_house_breaks_no_rule(busy: Cast) -> None:
    assert broken(busy.database) == []


@pytest.mark.parametrize("harm", BREAKS)
def test_a_broken_rule_is_named_and_counted(busy: Cast, harm: str) -> None:
    with busy.database.writing() as connection:
        connection.execute(text(harm))
    also = "counters of months" if "daily" in harm else None  # which no longer equal those of the days
    [said] = [one for one in broken(busy.database) if also is None or also not in one]
    assert BREAKS[harm] in said
    assert said.rsplit(": ", 1)[1].isdigit()


def test_every_rule_is_tried() -> None:
    assert len(BREAKS) == len(invariants.INVARIANTS)
