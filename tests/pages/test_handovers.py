"""Hand-overs on the screen: looked at before, done by one button, taken back from the same dialog."""

from sqlalchemy import select

from crm.customers import Customer
from tests.cast import PARTS, a_customer
from tests.pages.screen import field, opened, part, press, texts

MATE, REP, SERVICE = (PARTS[one].id for one in ("mate", "rep", "service"))


def whose(cast):
    with cast.unit() as u:
        return sorted(u.all(select(Customer.responsible_id)))


def chosen(at, to):
    (box,) = [one for one in at.multiselect if str(one.key).endswith(".to")]
    return box.set_value(to).run()


def boxes(at):
    return {box["title"]: [line[:2] for line in box["lines"]] for box in part(at, "hand-over")["boxes"]}


def test_a_leader_sees_who_would_get_what_hands_over_and_takes_back(cast):
    for n in range(3):
        a_customer(cast, "mate", name=f"Customer {n}", stage="loyal")
    assert "Hand over" in [one["label"] for one in part(opened("customers", cast.leader), "head")["acts"]]
    at = opened("customers", cast.leader, do="handover")
    field(at, "from").set_value(MATE).run()
    at = chosen(at, [REP, SERVICE])
    assert boxes(at) == {
        "3 customers": [["Loyal", "3"]],
        "Who gets how many": [["Ivan Rep", "2"], ["Sveta Service", "1"]],
    }
    press(at, "Hand over 3 customers")
    assert whose(cast) == [REP, REP, SERVICE]
    at = opened("customers", cast.leader, do="handover")
    assert "Olga Mate · 3 customers" in texts(at)
    press(at, "Take back")
    assert whose(cast) == [MATE] * 3
    assert not [one for one in opened("customers", cast.leader, do="handover").button if one.label == "Take back"]


def test_nobody_chosen_is_said_beside_the_field(cast):
    a_customer(cast, "mate")
    at = opened("customers", cast.leader, do="handover", person=MATE)
    assert "Please choose who gets them." in texts(press(at, "Hand over 1 customer"))
    assert whose(cast) == [MATE]


def test_an_administrator_finds_it_at_the_person(cast):
    a_customer(cast, "mate")
    at = chosen(opened("users", cast.admin, do="handover", id=MATE), [REP])
    press(at, "Hand over 1 customer")
    assert whose(cast) == [REP]


def test_whoever_may_not_is_not_offered_it(cast):
    a_customer(cast, "mate")
    assert "Hand over" not in [one["label"] for one in part(opened("customers", cast.rep), "head")["acts"]]
    assert not opened("customers", cast.rep, do="handover", person=MATE).multiselect
