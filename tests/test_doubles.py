"""Doubles: told while entering, saved only with a reason; of customers out of sight nothing but who is responsible."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from crm import audit, customers, doubles, notifications, requisites, rights, search, settings, teams
from crm.core.audit_log import AuditEntry
from crm.core.errors import InvalidForm, NotFound, Refused
from crm.customers import Customer
from crm.doubles import Double, Reason
from tests.cast import (
    ADDRESS,
    EMAIL,
    INN,
    NORTH,
    NOW,
    PARTS,
    PHONE,
    SOUTH,
    Cast,
    a_contact,
    a_customer,
    some_requisites,
)

OTHER = "+7 495 000-00-01"
HUAXIN = "北京华信科技有限公司"


def look(cast: Cast, part: str = "keeper", *, of: int | None = None, now=NOW, **typed) -> doubles.Answer:
    with cast.unit(getattr(cast, part), now=now) as u:
        return doubles.look(u, typed, of=of)


def found(cast: Cast, part: str = "keeper", **typed) -> list[tuple[str, int | None]]:
    return [(one.field, one.id) for one in look(cast, part, **typed).doubles]


def limited(cast: Cast, limit: int) -> None:
    with cast.unit(cast.admin) as u:
        settings.change(u, "doubles_per_hour", str(limit))


def told(cast: Cast, part: str) -> list[tuple[str, str]]:
    with cast.unit(getattr(cast, part)) as u:
        return [(one.text.format(**one.values), one.address) for one in notifications.latest(u)]


def noted(cast: Cast, verb: str = "doubles.told") -> list[AuditEntry]:
    with cast.unit() as u:
        return list(u.all(select(AuditEntry).where(AuditEntry.verb == verb).order_by(AuditEntry.id)))


def added(cast: Cast, part: str = "rep", reason: str | None = None, **raw) -> int:
    with cast.unit(getattr(cast, part)) as u:
        return doubles.add(u, {"name": "Brand New", "address": ADDRESS} | raw, reason=reason).id


# --- who has the same -----------------------------------------------------------


def test_before_saving_one_sees_who_has_the_same_phone_and_who_is_responsible(cast):
    """J5: the record keeper types a name in short and a phone in another writing."""
    key = a_customer(cast, "rep", name=HUAXIN, phones=["+86 10 6552 9988"], city="北京")
    (one,) = look(cast, name="北京华信科技", phones=["8610-65529988", "+86 10 6552 9988"]).doubles
    assert (one.field, one.id, one.name, one.responsible_id) == ("phones", key, HUAXIN, PARTS["rep"].id)
    assert found(cast, name="北京华信科技", city="北京") == [("name", key)]


@pytest.mark.parametrize("writing", ["8 (916) 123-45-67", "+79161234567", " 7 916 123 45 67"])
def test_a_phone_is_the_same_in_any_writing_and_only_as_a_whole(cast, writing):
    key = a_customer(cast)
    assert found(cast, phones=[writing]) == [("phones", key)]
    assert found(cast, phones=["+7 495 123-45-67"]) == found(cast, phones=["4567"]) == []


def test_phones_and_addresses_of_contact_persons_and_tax_numbers_count_too(cast):
    key = a_customer(cast)
    a_contact(cast, key, phones=["+7 495 765-43-21"], emails=["petra@example.com"])
    some_requisites(cast, key, inn=INN)
    assert found(cast, phones=["+7 495 765-43-21"]) == [("phones", key)]
    assert found(cast, emails=["Petra@Example.com"]) == [("emails", key)]
    assert found(cast, inn="7707 083 893", ogrn="1027700132195") == [("inn", key), ("ogrn", key)]
    assert found(cast, inn="7707083894") == []


def test_a_long_address_is_compared_as_a_whole(cast):
    long = "a.very.long.name.of.a.department@head-office.example"
    key = a_customer(cast, emails=[long])
    assert found(cast, emails=[long]) == [("emails", key)]
    assert found(cast, emails=[long.replace("office", "orders")]) == []


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("ООО «Ромашка»", "Ромашка"),
        ("Ромашка", "ООО Рамашка"),
        ("Ivanov Ivan", "Иванов Иван"),
        ("Smith John", "John Smyth"),
        (HUAXIN, "华信科技"),
        ("华信科技", "北京华信科技"),
    ],
)
def test_a_similar_name_counts_in_the_same_city_and_nowhere_else(cast, stored, typed):
    key = a_customer(cast, name=stored, city="Perm")
    assert found(cast, name=typed, city="perm") == [("name", key)]
    assert found(cast, name=typed, city="Kazan") == found(cast, name=typed) == []


@pytest.mark.parametrize("typed", ["Ромашка Плюс Север", "Василёк", "Рома", "!!", "王"])
def test_another_name_is_another_name(cast, typed):
    a_customer(cast, name="Ромашка", city="Perm")
    a_customer(cast, name="Василёк Южный Торговый Дом", city="Perm")
    a_customer(cast, name="王伟", city="Perm")
    assert found(cast, name=typed, city="Perm") == []


@pytest.mark.parametrize(
    ("stored", "typed"), [("Москва", "г. москва"), ("г. Москва", "Москва"), ("北京", "北京市"), ("北京市", "北京")]
)
def test_a_city_is_the_same_in_the_usual_writings(cast, stored, typed):
    key = a_customer(cast, name="Ромашка", city=stored)
    assert found(cast, name="Ромашка", city=typed) == [("name", key)]


def test_words_that_very_many_bear_are_still_compared(cast, monkeypatch):
    monkeypatch.setattr(customers.lookup, "CAP", 2)
    monkeypatch.setattr(customers.lookup, "FEW", 2)
    keys = [a_customer(cast, name=name, city="Perm") for name in ["Иванов Пётр", "Петров Иван", "Иванов Иван"]]
    for _ in range(3):
        a_customer(cast, name="Иванов Иван", city="Kazan")
    assert found(cast, name="Иванов Иван", city="Perm") == [("name", keys[2])]


def test_oneself_and_what_lies_in_the_bin_is_no_double(cast):
    key, gone = a_customer(cast), a_customer(cast, emails=["gone@example.com"], phones=[OTHER])
    with cast.unit() as u:
        customers.archive(u, gone, seen=1)
    assert look(cast, of=key, phones=[PHONE]).doubles == look(cast, phones=[OTHER]).doubles == ()


def test_what_cannot_be_understood_is_no_question(cast):
    a_customer(cast)
    typed = {"phones": ["12", "", PHONE], "emails": ["nobody", "@"], "inn": "12", "name": "", "city": "Perm"}
    assert [one.field for one in look(cast, **typed).doubles] == ["phones"]
    assert look(cast).doubles == ()
    with pytest.raises(Refused):
        look(cast, "analyst", phones=[PHONE])


def test_likeness_knows_no_order_legal_form_or_alphabet():
    assert search.likeness("ООО Ромашка", "Romashka") == search.likeness("Ivan Ivanov", "Иванов Иван") == 1
    assert search.likeness("Ромашка", "Василёк") < 0.5


# --- customers out of sight ---------------------------------------------------------


def test_of_a_customer_out_of_sight_only_the_responsible_is_told_and_that_is_noted(cast):
    key = a_customer(cast, "rival", name="Secret Ltd", city="Perm", phones=[PHONE, OTHER])
    answer = look(cast, "rep", phones=[PHONE], emails=[EMAIL], name="Secret", city="Perm")
    rival = PARTS["rival"].id
    assert set(answer.doubles) == {
        Double("phones", PHONE, rival),
        Double("emails", EMAIL, rival),
        Double("name", "Secret", rival),
    }
    (entry,) = noted(cast)
    assert (entry.record, entry.record_id, entry.actor_id) == ("customers", key, PARTS["rep"].id)
    assert entry.changes == {"existence_told": [None, True]}
    with cast.unit(cast.rival) as u:
        assert "doubles.told" in list(audit.history(u, "customers", key)["verb"])


def test_how_many_are_out_of_sight_is_not_told(cast):
    for name in ("One", "Two"):
        a_customer(cast, "rival", name=name)
    assert look(cast, "rep", phones=[PHONE]).doubles == (Double("phones", PHONE, PARTS["rival"].id),)
    assert len(noted(cast)) == 1


def test_who_sees_everybody_is_neither_noted_nor_counted(cast):
    key = a_customer(cast, "rival")
    limited(cast, 1)
    for _ in range(3):
        assert found(cast, "keeper", phones=[PHONE]) == [("phones", key)]
    own = a_customer(cast, "mate", phones=[OTHER])
    assert found(cast, "rep", phones=[OTHER]) == [("phones", own)], "a colleague's customer is in sight"
    assert noted(cast) == []


def test_whoever_guesses_on_is_told_nothing_any_more_right_or_wrong(cast):
    for n in range(5):
        a_customer(cast, "rival", name=f"Secret {n}", phones=[f"+7 916 000-00-0{n}"])
    own = a_customer(cast, "mate", phones=[OTHER])
    limited(cast, 3)
    for n in range(3):
        assert look(cast, "rep", phones=[f"+7 916 000-00-0{n}"]).doubles
    for phone in ("+7 916 000-00-03", "+7 916 000-00-00", "+7 916 999-99-99"):
        assert look(cast, "rep", phones=[phone]) == doubles.Answer((), stopped=True)
    assert [one.id for one in look(cast, "rep", phones=[OTHER]).doubles] == [own], "whom one sees is told as ever"
    assert len(noted(cast)) == 3
    sentence = "Ivan Rep was stopped: 3 customers out of sight were found by what was typed within an hour."
    assert [text for text, _ in told(cast, "leader")] == [sentence]
    assert look(cast, "mate", phones=["+7 916 000-00-03"]).doubles, "another person's own hour"
    later = NOW + timedelta(hours=1, seconds=1)
    assert look(cast, "rep", now=later, phones=["+7 916 000-00-03"]).doubles


def test_a_list_of_guesses_in_one_field_is_answered_no_further_than_the_hour_allows(cast):
    phones = [f"+7 916 000-00-{n:02}" for n in range(12)]
    for n, phone in enumerate(phones):
        a_customer(cast, "rival", name=f"Secret {n}", phones=[phone])
    limited(cast, 3)
    answer = look(cast, "rep", phones=phones)
    assert (len(answer.doubles), answer.stopped) == (3, True)
    limited(cast, 1000)
    assert len(look(cast, "rep", phones=phones).doubles) == 10, "of a field not more than so many are compared at all"


def test_a_refusal_to_save_is_an_answer_and_counts(cast):
    for n in range(4):
        a_customer(cast, "rival", name=f"Secret {n}", phones=[f"+7 916 000-00-0{n}"], emails=[])
    limited(cast, 2)
    for n in range(2):
        with pytest.raises(InvalidForm):
            added(cast, phones=[f"+7 916 000-00-0{n}"])
    assert len(noted(cast)) == 2
    assert added(cast, phones=["+7 916 000-00-02"]), "stopped: it is saved as if nothing were known"
    own = a_customer(cast, "rep", name="Own", phones=[], emails=[])
    with cast.unit(cast.rep) as u:
        doubles.settle(u, {"phones": ["+7 916 000-00-03"]}, of=own)


def test_two_at_once_do_not_slip_through_together(cast):
    for n in range(6):
        a_customer(cast, "rival", name=f"Secret {n}", phones=[f"+7 916 000-00-0{n}"])
    limited(cast, 2)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: look(cast, "rep", phones=[f"+7 916 000-00-0{n}"]).doubles, range(6)))
    assert sum(map(bool, answers)) == 2 == len(noted(cast))


# --- saving all the same --------------------------------------------------------------


def test_a_double_is_saved_only_with_a_reason_which_the_card_keeps(cast):
    a_customer(cast, "mate")
    with pytest.raises(InvalidForm) as caught:
        added(cast, phones=[PHONE], emails=["new@example.com"])
    assert set(caught.value.faults) == {"phones", "reason"}
    with pytest.raises(Exception, match="say why"):
        added(cast, reason="because", phones=[PHONE])
    key = added(cast, reason=Reason.SHARED, phones=[PHONE])
    (entry,) = noted(cast, "doubles.add")
    assert (entry.record_id, entry.changes) == (key, {"saved_as_double": [None, "shared"]})
    assert added(cast, phones=[OTHER]) > key, "nobody has that one: no reason is asked for"


def test_saving_all_the_same_needs_its_right_and_looks_for_nothing(cast):
    a_customer(cast, "rival")
    with cast.unit(cast.admin) as u:
        rights.adjust(u, "sales_rep", doubles.SAVE, None)
    for phone in (PHONE, OTHER):  # refused in the same words, whether somebody has it or not
        with pytest.raises(Refused, match="may not save what exists"):
            added(cast, reason=Reason.LATER, phones=[phone])
    assert noted(cast) == []
    with cast.unit() as u:
        assert u.value(select(Customer.id).where(Customer.name == "Brand New")) is None


def test_what_is_written_onto_a_card_is_looked_for_too(cast):
    a_customer(cast, "mate")
    own = a_customer(cast, "rep", phones=[OTHER], emails=[])
    with pytest.raises(InvalidForm), cast.unit(cast.rep) as u:
        doubles.settle(u, {"phones": [PHONE]}, of=own)
    with cast.unit(cast.rep) as u:
        doubles.settle(u, {"phones": [OTHER]}, of=own)
        doubles.settle(u, {"inn": INN}, of=own, reason="another")
        requisites.add(u, own, {"inn": INN})
    (entry,) = noted(cast, "doubles.settle")
    assert (entry.record_id, entry.changes) == (own, {"saved_as_double": [None, "another"]})
    hidden = a_customer(cast, "rival")
    with pytest.raises(NotFound), cast.unit(cast.rep) as u:
        doubles.settle(u, {"phones": [PHONE]}, of=hidden)


# --- asking for access ------------------------------------------------------------------


def asked(cast: Cast, part: str = "rep", now=NOW, **typed) -> int:
    with cast.unit(getattr(cast, part), now=now) as u:
        return doubles.ask_for_access(u, typed)


def test_one_click_asks_the_responsible_and_the_leader_and_is_noted(cast):
    key = a_customer(cast, "rival")
    look(cast, "rep", phones=[PHONE])
    assert asked(cast, phones=[PHONE]) == 1
    line = "Ivan Rep wanted to add a customer that exists already, and asks for access to it."
    address = f"/customer?id={key}&do=access&person={PARTS['rep'].id}"
    assert told(cast, "rival") == told(cast, "rival_leader") == [(line, address)]
    assert told(cast, "head") == told(cast, "leader") == []
    (entry,) = noted(cast, "doubles.ask_for_access")
    assert (entry.record_id, entry.changes) == (key, {"access_asked": [None, True]})
    assert asked(cast, phones=[PHONE]) == 0, "whoever asked waits a day"
    look(cast, "rep", now=NOW + timedelta(days=2), phones=[PHONE])
    assert asked(cast, now=NOW + timedelta(days=2), phones=[PHONE]) == 1


def test_asking_is_no_other_way_of_guessing(cast):
    a_customer(cast, "rival")
    assert asked(cast, phones=[PHONE]) == 0, "nothing was told of it: nothing is asked"
    look(cast, "rep", phones=[PHONE])
    assert asked(cast, now=NOW + timedelta(hours=2), phones=[PHONE]) == 0
    assert asked(cast, "mate", phones=[PHONE]) == 0
    assert told(cast, "rival") == noted(cast, "doubles.ask_for_access") == []


def test_without_a_responsible_the_leader_is_asked_and_without_one_who_can_grant_it(cast):
    key, nobodys = a_customer(cast, "rival"), a_customer(cast, None, phones=[OTHER])
    with cast.unit() as u:
        customers.assign(u, key, responsible_id=None, seen=1)
    look(cast, "rep", phones=[PHONE, OTHER])
    assert asked(cast, phones=[PHONE, OTHER]) == 2
    assert [address for _, address in told(cast, "rival_leader")] == [f"/customer?id={key}&do=access&person=3"]
    assert [address for _, address in told(cast, "keeper")] == [f"/customer?id={nobodys}&do=access&person=3"]


def test_granting_makes_whoever_asked_responsible_and_tells_him(cast):
    key = a_customer(cast, "rival")
    rep = PARTS["rep"].id
    with pytest.raises(Refused), cast.unit(cast.rival_leader) as u:
        doubles.grant(u, key, rep, seen=1)
    with cast.unit(cast.rival_leader) as u:
        assert doubles.who_can_grant(u, key, rep) == [PARTS["keeper"].id, PARTS["head"].id]
    with cast.unit(cast.head) as u:
        doubles.grant(u, key, rep, seen=1)
    assert told(cast, "rep") == [("The customer that you asked for is yours now.", f"/customer?id={key}")]
    with cast.unit(cast.rep) as u:
        assert customers.one(u, key).team_id == NORTH


def test_the_nearest_leader_is_an_active_one_and_not_oneself(cast):
    with cast.unit() as u:
        assert teams.leaders_above(u, SOUTH) == [PARTS["rival_leader"].id, PARTS["head"].id]
        assert teams.nearest_leader(u, SOUTH, but=PARTS["rival_leader"].id) == PARTS["head"].id
        teams.set_leader(u, SOUTH, None, seen=1)
        assert teams.nearest_leader(u, SOUTH, but=None) == PARTS["head"].id
        assert teams.nearest_leader(u, None, but=None) is None
