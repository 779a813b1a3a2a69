"""Privacy at the record as it is used: what stands hidden on the card, and what one click shows of it."""

from crm import settings
from tests.cast import ADDRESS, EMAIL, PHONE, a_customer
from tests.pages.screen import opened, part, texts


def contact_data(at):
    return part(at, "facts")["boxes"][0]


def asked(address: str) -> str:
    return address.partition("do=")[2].partition("&")[0]


# --- hidden contact data --------------------------------------------------------


def test_what_is_hidden_can_be_shown_with_one_click_and_is_gone_with_the_next(cast):
    key = a_customer(cast, "mate")
    at = opened("customer", cast.rep, id=key)
    box = contact_data(at)
    assert PHONE not in texts(at)
    assert next((label, asked(address)) for label, address, _ in box["links"]) == ("Show", "show")
    at = opened("customer", cast.rep, id=key, do="show")
    box = contact_data(at)
    assert [value for _, value, _ in box["lines"]] == [PHONE, EMAIL, ADDRESS]
    assert box["note"] == "Shown for a minute. That you saw it is noted."
    assert box["brief"]["seconds"] == 60
    assert "•" in box["brief"]["lines"][0][1]
    assert "do" not in at.query_params, "a reload does not show it again"
    kept = str([vars(one) for one in at.session_state["_memory"].watched.values()])
    assert "•" in kept
    assert PHONE not in kept
    assert EMAIL not in kept
    at.run()
    assert PHONE not in texts(at)
    assert contact_data(at)["brief"] is None


def test_the_responsible_sees_everything_and_is_offered_nothing_to_show(cast):
    key = a_customer(cast, "rep")
    at = opened("customer", cast.rep, id=key)
    assert "Show" not in [label for label, _, _ in contact_data(at)["links"]]
    again = opened("customer", cast.rep, id=key, do="show")
    assert contact_data(again)["brief"] is None
    assert PHONE in texts(again)


def test_who_may_not_have_it_shown_is_not_offered_it_and_refused_by_its_address(cast):
    key = a_customer(cast, "mate")
    assert "Show" not in [label for label, _, _ in contact_data(opened("customer", cast.marketer, id=key))["links"]]
    at = opened("customer", cast.marketer, id=key, do="show")
    assert PHONE not in texts(at)
    assert "Your role does not allow this" in str(at.session_state["_said"])


def test_too_many_are_refused_with_a_sentence(cast):
    first, second = a_customer(cast, "mate", name="First"), a_customer(cast, "mate", name="Second")
    with cast.unit(cast.admin) as u:
        settings.change(u, "contact_data_per_hour", "1")
    opened("customer", cast.rep, id=first, do="show")
    at = opened("customer", cast.rep, id=second, do="show")
    assert PHONE not in texts(at)
    assert "whoever leads your team has been told" in str(at.session_state["_said"])
