"""Consents on the card: what holds today, a new one, a withdrawal."""

from tests.cast import DAY, a_consent, a_customer
from tests.pages.screen import field, opened, part, press, rows, texts


def card(cast, key, part_="rep", **query):
    return opened("customer", getattr(cast, part_), id=key, tab="consents", **query)


def test_an_empty_tab_says_why_it_matters_and_offers_the_first_step(cast):
    key = a_customer(cast)
    assert part(card(cast, key), "empty-consents")["button"] == "Record a consent"
    assert part(card(cast, key, "mate"), "empty-consents")["button"] == ""
    assert "Record a consent" not in [one["label"] for one in part(card(cast, key, "mate"), "head")["acts"]]


def test_a_consent_without_proof_is_refused_beside_the_field_and_stored_with_it(cast):
    key = a_customer(cast)
    at = card(cast, key, do="new_consent")
    field(at, "purpose").set_value("email")
    field(at, "how").set_value("paper")
    at = press(at, "Record")
    assert "Please say where the proof lies" in texts(at)
    assert field(at, "how").value == "paper"
    field(at, "proof").input("Form 12")
    press(at, "Record")
    at = card(cast, key)
    assert [row[:3] for row in rows(at, "consents")] == [["News and offers by e-mail", "Holds", "Consent"]]
    held = {line[0]: line[1] for box in part(at, "purposes")["boxes"] for line in box["lines"]}
    assert (held["News and offers by e-mail"], held["Surveys"]) == ("Holds", "no basis")


def test_a_withdrawal_is_recorded_in_the_dialog_of_the_consent(cast):
    key = a_customer(cast)
    one = a_consent(cast, key, given_on=DAY)
    at = card(cast, key, do="consent", consent=one, seen=1)
    assert "Form 12" in texts(at)
    press(at, "Record the withdrawal")
    assert [row[1] for row in rows(card(cast, key), "consents")] == ["Withdrawn"]
    assert not [button for button in card(cast, key, do="consent", consent=one).button if "withdrawal" in button.label]


def test_a_consent_of_another_customer_is_not_opened_here(cast):
    mine, theirs = a_customer(cast), a_customer(cast, "rival")
    one = a_consent(cast, theirs)
    assert "Form 12" not in texts(card(cast, mine, do="consent", consent=one))
