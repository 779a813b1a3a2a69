"""Once only: a double click does its work once, whoever is faster."""

import pytest
from sqlalchemy import func, select

from crm import customers, interactions
from crm.core.audit_log import AuditEntry
from crm.core.errors import AlreadyDone, Refused
from crm.core.once import CommandKey
from crm.interactions import Interaction
from tests.cast import NOW, PARTS, a_customer
from tests.core.test_uow import Stumble, together


def keys(cast):
    with cast.unit() as u:
        return {
            row["key"]: (row["user_id"], row["at"])
            for row in u.rows(select(CommandKey.key, CommandKey.user_id, CommandKey.at))
        }


def logged(cast):
    with cast.unit() as u:
        return u.value(select(func.count(Interaction.id)))


def click(cast, customer_id, key="click", who=None):
    with cast.unit(who or cast.rep, key=key) as u:
        interactions.log(u, customer_id, kind="call")


def test_the_second_click_changes_nothing_and_leaves_no_trace(cast):
    customer = a_customer(cast)
    click(cast, customer)
    with cast.unit() as u:
        before = u.value(select(func.count(AuditEntry.id)))
    with pytest.raises(AlreadyDone):
        click(cast, customer)
    with cast.unit() as u:
        assert u.value(select(func.count(AuditEntry.id))) == before
        assert customers.one(u, customer).interaction_count == 1
    assert keys(cast) == {"click": (PARTS["rep"].id, NOW)}


@pytest.mark.parametrize("threads", [2, 8])
def test_clicks_at_the_same_moment_do_their_work_once(cast, threads):
    customer = a_customer(cast)
    results = together(threads, lambda _: click(cast, customer))
    assert results.count(None) == 1
    assert sum(isinstance(one, AlreadyDone) for one in results) == threads - 1
    assert logged(cast) == 1


def test_a_click_that_failed_may_be_repeated(cast):
    customer = a_customer(cast)
    with pytest.raises(Stumble), cast.unit(cast.rep, key="click") as u:
        interactions.log(u, customer, kind="call")
        raise Stumble
    click(cast, customer)
    assert logged(cast) == 1


def test_a_refused_click_may_be_repeated_once_it_is_allowed(cast):
    customer = a_customer(cast, "mate")
    with pytest.raises(Refused), cast.unit(cast.rep, key="click") as u:
        customers.edit(u, customer, {"city": "Kazan"}, seen=1)
    with cast.unit(cast.mate, key="click") as u:
        customers.edit(u, customer, {"city": "Kazan"}, seen=1)


def test_different_clicks_do_their_work_each(cast):
    customer = a_customer(cast)
    for key in ("one", "two", None, None):
        click(cast, customer, key)
    assert logged(cast) == 4


def test_looking_does_not_use_up_a_key(cast):
    customer = a_customer(cast)
    with cast.unit(cast.rep, key="click") as u:
        customers.one(u, customer)
    click(cast, customer)
    assert logged(cast) == 1
