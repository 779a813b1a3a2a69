"""Search: customers are found as people remember them; contact data that one may not see cannot be guessed."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from crm import customers, interactions, search
from crm.core import clock
from crm.customers import Customer, Filters, lookup
from crm.search import Why
from tests.cast import NOW, PARTS, SOUTH, a_call, a_contact, a_customer


def found(cast, text, part="keeper"):
    with cast.unit(getattr(cast, part)) as u:
        return list(customers.listing(u, Filters(text))["name"])


# --- spellings --------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("ООО «Спецстрой»", "спецстрой"),
        ("ООО «Спецстрой»", "СПЕЦ"),
        ("ООО «Спецстрой»", "specstroy"),
        ("ООО «Спецстрой»", "спецстрой ооо"),
        ("Семён Королёв", "семен королев"),
        ("Иванов Пётр", "ivanov"),
        ("Иванов Пётр", "petr iva"),
        ("Александр", "aleksandr"),
        ("Щукин", "shchukin"),
        ("北京华信科技有限公司", "华信"),
        ("北京华信科技有限公司", "beijing"),
        ("北京华信科技有限公司", "bjhx"),
        ("北京华信科技有限公司", "北京 科技"),
        ("Müller GmbH", "muller"),
        ("O'Neill & Sons", "neill"),
        ("Acme-Trading", "trading"),
        ("A100 Group", "a100"),
        ("ООО «Спецстрой»", "строй"),
        ("Иванов Пётр", "bdfyjd"),
        ("Иванов Пётр", "ивонов"),
        ("Smith John", "смит"),
    ],
)
def test_a_customer_is_found_as_people_type_it(cast, name, asked):
    a_customer(cast, name=name)
    a_customer(cast, name="Zzyzx Other", phones=[], emails=[])
    assert found(cast, asked) == [name]


@pytest.mark.parametrize("asked", ["%", "_", "*", "' OR 1=1--", "\\", "x" * 500, "😀", "ooo zzz", "-", "\x00"])
def test_what_is_not_there_is_not_found(cast, asked):
    a_customer(cast, name="ООО «Спецстрой»")
    assert found(cast, asked) == []


def test_every_word_must_match(cast):
    a_customer(cast, name="Alpha Beta")
    a_customer(cast, name="Alpha Gamma")
    assert found(cast, "alpha") == ["Alpha Beta", "Alpha Gamma"]
    assert found(cast, "gam alp") == ["Alpha Gamma"]


@pytest.mark.parametrize("asked", ["+7 916 123-45-67", "8 (916) 123-45-67", "9161234567", "1234567", "79161234567"])
def test_a_phone_is_found_however_it_is_written(cast, asked):
    a_customer(cast, name="Acme", phones=["+7 916 123-45-67"])
    assert found(cast, asked) == ["Acme"]


def test_the_list_guesses_only_where_nobody_is_found_as_it_was_typed(cast):
    for name in ("Строй", "Спецстрой"):
        a_customer(cast, name=name, phones=[], emails=[])
    assert found(cast, "строй") == ["Строй"]
    assert found(cast, "пецстр") == ["Спецстрой"]
    with cast.unit(cast.keeper) as u:
        assert (customers.count(u, Filters("строй")), customers.count(u, Filters("пецстр"))) == (1, 1)
        assert customers.page(u, Filters("строй"), number=2) == []


def test_a_mail_and_a_number_are_found(cast):
    a_customer(cast, name="Acme", emails=["info@acme.example"], external_number="A-0042")
    assert found(cast, "INFO@acme.example") == found(cast, "a-0042") == found(cast, "0042") == ["Acme"]


# --- the look-up box --------------------------------------------------------


def looked_up(cast, text, part="keeper", most=8):
    with cast.unit(getattr(cast, part)) as u:
        return [(row["name"], row["why"], row["quoted"]) for row in customers.look_up(u, text, most=most)]


@pytest.mark.parametrize(
    ("name", "asked", "why", "quoted"),
    [
        ("Иванов Пётр", "иванов", Why.NAME, ""),
        ("Иванов Пётр", "петр ива", Why.NAME, ""),
        ("Иванов Пётр", "Ivanov", Why.SOUND, "ivanov"),
        ("Ivanov Petr", "Иванов", Why.SOUND, "иванов"),
        ("Иванов Пётр", "bdfyjd", Why.LAYOUT, "иванов"),
        ("Семён Хъюз", "{].p", Why.LAYOUT, "хъюз"),
        ("Ivanov Petr", "шмфтщм", Why.LAYOUT, "ivanov"),
        ("Привет", "ghbdtn", Why.LAYOUT, "привет"),
        ("Smith John", "смит", Why.SOUND, "смит"),
        ("Lee Thomas", "ли томас", Why.SLIP, "thomas"),
        ("Johnson Ltd", "джонсон", Why.SOUND, "джонсон"),
        ("Cooper Paul", "купер пол", Why.SOUND, "купер"),
        ("ООО «Спецстрой»", "строй", Why.PART_OF_NAME, "строй"),
        ("ООО «Спецстрой»", "ооо «спецстрой»", Why.NAME, ""),
        ("ООО «Спецстрой»", "stroi", Why.PART_OF_NAME, "stroi"),
        ("Thames Logistics Ltd", "gist", Why.PART_OF_NAME, "gist"),
        ("Иванов Пётр", "ивонов", Why.SLIP, "иванов"),
        ("Иванов Пётр", "иваонв", Why.SLIP, "иванов"),
        ("Иванов Пётр", "ивано петр", Why.NAME, ""),
        ("Иванов Пётр", "ивагнов петр", Why.SLIP, "иванов"),
        ("Ivanov Petr", "ivamov", Why.SLIP, "ivanov"),
        ("Иванов Пётр", "ivamov", Why.SLIP, "ivamov"),
        ("Иванов Пётр", "bdjyjd", Why.SLIP, "иванов"),
        ("张伟", "张伟", Why.NAME, ""),
        ("张伟", "张", Why.NAME, ""),
        ("张伟", "zhangwei", Why.PINYIN, "zhangwei"),
        ("张伟", "zhang wei", Why.PINYIN, "zhang"),
        ("张伟", "zw", Why.PINYIN, "zw"),
        ("北京华信科技有限公司", "华信", Why.NAME, ""),
        ("北京华信科技有限公司", "huaxin", Why.PINYIN, "huaxin"),
        ("北京华信科技有限公司", "hxkj", Why.PINYIN, "hxkj"),
    ],
)
def test_the_box_understands_what_was_meant_and_says_why(cast, name, asked, why, quoted):
    a_customer(cast, name=name, phones=[], emails=[])
    a_customer(cast, name="Zzyzx Other", phones=[], emails=[])
    assert looked_up(cast, asked) == [(name, why, quoted)]


@pytest.mark.parametrize(
    ("asked", "why", "quoted"),
    [
        ("8 (916) 123-45-67", Why.PHONE, ""),
        ("+79161234567", Why.PHONE, ""),
        ("123-45-67", Why.PHONE, ""),
        ("4567", Why.END_OF_PHONE, "4567"),
        ("45-67", Why.END_OF_PHONE, "4567"),
        ("8916", Why.PART_OF_PHONE, "8916"),
        ("916 12", Why.PART_OF_PHONE, "91612"),
        ("ivan.petrov@mail.example.com", Why.EMAIL, ""),
        ("IVAN.petrov@", Why.PART_OF_EMAIL, "ivan.petrov@"),
        ("@mail.example", Why.PART_OF_EMAIL, "@mail.example"),
        ("petrov", Why.PART_OF_EMAIL, "petrov"),
        ("c-0000042", Why.NUMBER, ""),
        ("C 42", Why.NUMBER, ""),
        ("42", Why.NUMBER, ""),
    ],
)
def test_the_box_finds_by_contact_data_and_number(cast, asked, why, quoted):
    a_customer(cast, name="Acme", emails=["ivan.petrov@mail.example.com"], external_number="C-0000042")
    a_customer(cast, name="Other", phones=["+7 495 765-43-21"], emails=["b@example.net"], external_number="C-0000043")
    assert looked_up(cast, asked) == [("Acme", why, quoted)]


@pytest.mark.parametrize(
    "asked", ["%", "'; --", "\\", "x" * 500, "😀", "qqqqwwww", "-", "\x00", "1" * 200, "@", "@@", "+"]
)
def test_the_box_finds_nobody_where_nobody_is_meant(cast, asked):
    a_customer(cast, name="ООО «Спецстрой»", external_number="A-7")
    assert looked_up(cast, asked) == []


def test_exact_words_come_before_beginnings_and_both_before_guesses(cast):
    for name in ("Стройка", "Спецстрой", "Строй"):
        a_customer(cast, name=name, phones=[], emails=[])
    assert [name for name, *_ in looked_up(cast, "строй")] == ["Строй", "Стройка", "Спецстрой"]


def test_ones_own_and_those_talked_to_lately_come_first(cast):
    keys = [a_customer(cast, "mate" if n % 2 else "rep", name=f"Acme {n}") for n in range(6)]
    a_call(cast, keys[2], "rep")
    assert [name for name, *_ in looked_up(cast, "acme", "rep")][:3] == ["Acme 2", "Acme 4", "Acme 0"]


@pytest.mark.parametrize("cap", [2, 1000])
def test_a_word_that_very_many_bear_finds_ones_own_and_narrows_what_others_find(cast, monkeypatch, cap):
    monkeypatch.setattr(lookup, "CAP", cap)
    for n in range(6):
        a_customer(cast, "rival", name=f"Acme Rival{n}")
    mine = a_customer(cast, "rep", name="Acme Mine")
    with cast.unit(cast.keeper) as u:
        customers.archive(u, a_customer(cast, "rep", name="Acme Gone"), seen=1)
    for n in range(4):
        a_customer(cast, "rival", name=f"Acme Later{n}")
    with cast.unit(cast.rep) as u:
        assert [row["id"] for row in customers.look_up(u, "acme")] == [mine]
    assert looked_up(cast, "acme rival3")[0][0] == "Acme Rival3"
    assert len(looked_up(cast, "acme", most=8)) == 8
    assert [name for name, *_ in looked_up(cast, "4567", "rep")] == ["Acme Mine"]


@pytest.mark.parametrize(("few", "cap"), [(1, 1000), (2, 2), (100, 1000)])
def test_who_meets_a_common_word_in_a_rare_way_is_not_lost(cast, monkeypatch, few, cap):
    monkeypatch.setattr(lookup, "FEW", few)
    monkeypatch.setattr(lookup, "CAP", cap)
    for n in range(4):
        a_customer(cast, name=f"A100 Same{n}", phones=[], emails=[])
    a_customer(cast, name="Zeta", external_number="A-100", phones=[], emails=[])
    a_customer(cast, name="Yota", phones=[], emails=["a100@example.com"])
    assert looked_up(cast, "a100 zeta") == [("Zeta", Why.NUMBER, "")]
    assert looked_up(cast, "a100 yota") == [("Yota", Why.PART_OF_EMAIL, "a100")]
    assert {name for name, *_ in looked_up(cast, "a100 same")} == {f"A100 Same{n}" for n in range(4)}


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("Иванов Пётр", "иванов петр"),
        ("Иванов Пётр", "Петр Ивано"),
        ("Иванов Пётр", "petr ivanov"),
        ("Иванов Пётр", "Gtnh Bdfyjd"),
        ("Иванов Пётр", "Ивонов Петр"),
        ("Сергей Иванович Пётр", "пётр сергей"),
        ("张伟", "张伟"),
        ("北京华信科技有限公司", "华信科技"),
    ],
)
def test_a_full_name_is_rarer_than_its_words_and_asked_side_by_side(cast, monkeypatch, name, asked):
    monkeypatch.setattr(lookup, "CAP", 5)
    monkeypatch.setattr(lookup, "FEW", 5)
    monkeypatch.setattr(lookup, "_of_many", lambda *_: pytest.fail("it went through the many"))
    a_customer(cast, name=name)
    for n in range(8):
        for other in (
            f"Иванов Олег{n}",
            f"Анна{n} Пётр",
            f"Сергей Олегов{n}",
            f"张{n}",
            f"伟{n}",
            f"华信{n}",
            f"科技{n}",
        ):
            a_customer(cast, name=other, phones=[], emails=[])
    assert [row[0] for row in looked_up(cast, asked)] == [name]


def test_a_contact_persons_full_name_is_asked_side_by_side(cast, monkeypatch):
    monkeypatch.setattr(lookup, "CAP", 5)
    monkeypatch.setattr(lookup, "_of_many", lambda *_: pytest.fail("it went through the many"))
    a_contact(cast, a_customer(cast, name="Ромашка"), name="Пётр Иванов")
    for n in range(8):
        a_contact(cast, a_customer(cast, name=f"Firm {n}", phones=[], emails=[]), name=f"Пётр Олегов{n}")
        a_contact(cast, a_customer(cast, name=f"House {n}", phones=[], emails=[]), name=f"Иванов{n} Пётр")
    assert looked_up(cast, "иванов пётр") == [("Ромашка", Why.CONTACT, "иванов")]


def test_where_no_two_words_stand_side_by_side_each_is_asked_by_itself(cast):
    a_customer(cast, name="Пётр Сергеевич Олегович Иванов")
    assert [row[0] for row in looked_up(cast, "пётр иванов")] == ["Пётр Сергеевич Олегович Иванов"]
    assert [row[0] for row in looked_up(cast, "ив пет")] == ["Пётр Сергеевич Олегович Иванов"]


def a_note(cast, customer_id, part, note):
    with cast.unit(getattr(cast, part)) as u:
        interactions.log(u, customer_id, kind="call", note=note)


def test_the_box_finds_by_the_words_of_ones_own_notes_only(cast):
    mine, mates = (a_customer(cast, part, name=f"Of {part}", phones=[], emails=[]) for part in ("rep", "mate"))
    a_note(cast, mine, "rep", "Просил счёт на Котлы и 100% предоплату")
    a_note(cast, mates, "mate", "Спрашивал про котлы")
    for asked in ("котлы", "КОТЛЫ", "отл", "счёт котлы", "предоплату"):
        assert looked_up(cast, asked, "rep") == [("Of rep", Why.NOTE, asked)]
    assert looked_up(cast, "котлы", "mate") == [("Of mate", Why.NOTE, "котлы")]
    assert (
        looked_up(cast, "котлы", "leader")
        == looked_up(cast, "котлы насосы", "rep")
        == looked_up(cast, "от", "rep")
        == []
    )


def test_ones_own_note_at_a_customer_who_left_ones_reach_finds_nobody(cast):
    key = a_customer(cast, "rep", name="Acme", phones=[], emails=[])
    a_note(cast, key, "rep", "котлы")
    with cast.database.writer.begin() as connection:
        moved = {"responsible_id": PARTS["rival"].id, "team_id": SOUTH}
        connection.execute(update(Customer.__table__).where(Customer.__table__.c.id == key).values(moved))
    assert looked_up(cast, "котлы", "rep") == []


def test_a_further_field_is_found_by_one_entry(cast, monkeypatch):
    monkeypatch.setitem(search.FIELDS, "tags", search.Field("t", Why.NUMBER, lambda text: [text.lower()], str.lower))
    key = a_customer(cast, name="Acme", phones=[], emails=[])
    with cast.unit(cast.keeper) as u, u.acting("customers.edit", "customers.edit"):
        search.index(u, key, search.tokens("Acme", None, (), (), tags=["Wholesale"]))
    assert looked_up(cast, "whole") == [("Acme", Why.NUMBER, "")]


def test_new_words_are_known_at_once_and_forgotten_with_the_last_who_bore_them(cast):
    key = a_customer(cast, name="Квартал", phones=[], emails=[])
    assert looked_up(cast, "артал") == [("Квартал", Why.PART_OF_NAME, "артал")]
    with cast.unit(cast.keeper) as u:
        customers.edit_personal(u, key, {"name": "Горизонт"}, seen=1)
    assert looked_up(cast, "артал") == looked_up(cast, "кварталл") == []
    assert [name for name, *_ in looked_up(cast, "оризо")] == ["Горизонт"]


# --- kept in step -----------------------------------------------------------


def test_a_changed_name_is_found_and_the_old_one_is_not(cast):
    key = a_customer(cast, name="Before")
    with cast.unit(cast.keeper) as u:
        customers.edit_personal(u, key, {"name": "After", "phones": ["+7 495 111-22-33"]}, seen=1)
    assert (found(cast, "before"), found(cast, "after")) == ([], ["After"])
    assert (found(cast, "9161234567"), found(cast, "4951112233")) == ([], ["After"])


def test_an_undone_change_is_not_found(cast):
    key = a_customer(cast, name="Before")
    with pytest.raises(ZeroDivisionError), cast.unit(cast.keeper) as u:
        customers.edit_personal(u, key, {"name": "After"}, seen=1)
        raise ZeroDivisionError
    assert (found(cast, "before"), found(cast, "after")) == (["Before"], [])


def test_the_index_holds_each_token_once(cast):
    key = a_customer(cast, name="Alpha alpha ALPHA")
    with cast.database.reader.connect() as connection:
        table = search.TOKENS
        tokens = connection.scalars(
            select(table.c.token).where(table.c.customer_id == key, table.c.token.like("n%"))
        ).all()
        assert tokens == ["nalpha"]
        assert connection.scalar(select(func.count()).select_from(table)) > 3


# --- for whom ---------------------------------------------------------------


@pytest.mark.parametrize("asked", ["acme", "9161234567", "ivan@example.com"])
def test_a_customer_out_of_reach_is_not_found(cast, asked):
    a_customer(cast, "rival", name="Acme")
    assert found(cast, asked, "rep") == []
    assert found(cast, asked, "rival") == ["Acme"]


@pytest.mark.parametrize("part", ["rep", "marketer", "analyst"])
def test_a_number_cannot_be_guessed_digit_by_digit(cast, part):
    a_customer(cast, "mate", name="Acme", phones=["+7 916 123-45-67"])
    for length in range(1, 11):
        if length not in {7, 10}:
            assert found(cast, "79161234567"[:length], part) == []
            assert found(cast, "9161234567"[-length:], part) == []


@pytest.mark.parametrize("part", ["rep", "marketer"])
def test_a_mail_cannot_be_guessed_letter_by_letter(cast, part):
    a_customer(cast, "mate", name="Acme", emails=["secret@example.com"], phones=[])
    for asked in ("s@", "secret@", "secret@example", "secret@example.co", "secret", "secr"):
        assert found(cast, asked, part) == []
    assert found(cast, "secret@example.com", part) == ["Acme"]


def test_a_leader_who_sees_the_teams_numbers_in_full_finds_them_by_a_part_and_no_others(cast):
    for part in ("mate", "rep", "rival"):
        a_customer(cast, part, name=f"Of {part}")
    assert found(cast, "4567", "leader") == ["Of mate", "Of rep"]
    assert found(cast, "4567", "rep") == ["Of rep"]


def test_whoever_sees_all_mails_finds_them_by_their_beginning(cast):
    a_customer(cast, "mate", name="Acme", emails=["secret@example.com"])
    assert found(cast, "secret@ex", "keeper") == ["Acme"]


def test_the_likeliest_come_first(cast):
    other, own = a_customer(cast, "mate", name="Acme One"), a_customer(cast, "rep", name="Acme Two")
    a_call(cast, other, "mate")
    with cast.unit(cast.rep) as u:
        rows = u.rows(select(*customers.COLUMNS))
        assert [row["id"] for row in search.best(u.actor.id, "acme", rows)] == [own, other]
        assert [row["id"] for row in search.best(u.actor.id, "acme one", rows)] == [other, own]
    assert PARTS["rep"].id == 3


@pytest.mark.parametrize(
    "asked", ["acme", "cme", "acmme", "фсьу", "акме", "9161234567", "4567", "ivan@example.com", "@example", "x7"]
)
def test_the_box_finds_nobody_out_of_reach_in_any_way(cast, asked):
    a_customer(cast, "rival", name="Acme", external_number="X-7")
    assert looked_up(cast, asked, "rep") == looked_up(cast, asked, "partner") == []
    assert [name for name, *_ in looked_up(cast, asked)] == ["Acme"]


@pytest.mark.parametrize("part", ["rep", "marketer", "analyst"])
def test_the_box_gives_no_part_of_a_number_or_address_that_one_may_not_see(cast, part):
    a_customer(cast, "mate", name="Acme", phones=["+7 916 123-45-67"], emails=["secret.name@hidden.example"])
    digits = "79161234567"
    parts = {digits[begin:end] for begin in range(11) for end in range(begin + 1, 12)}
    for asked in parts - {digits, digits[-10:], digits[-7:]}:
        assert looked_up(cast, asked, part) == [], asked
    for asked in (
        "secret",
        "name",
        "hidden",
        "@hidden",
        "@hidden.example",
        "secret.name@",
        "secret.name@hidden.exampl",
    ):
        assert looked_up(cast, asked, part) == [], asked
    assert looked_up(cast, digits, part) == [("Acme", Why.PHONE, "")]


def test_a_rep_finds_his_own_customers_by_the_end_of_a_phone_and_the_leader_the_teams(cast):
    a_customer(cast, "mate", name="Of mate")
    a_customer(cast, "rep", name="Of rep")
    a_customer(cast, "rival", name="Of rival")
    assert looked_up(cast, "4567", "rep") == [("Of rep", Why.END_OF_PHONE, "4567")]
    assert {name for name, *_ in looked_up(cast, "4567", "leader")} == {"Of mate", "Of rep"}
    assert looked_up(cast, "ivan@ex", "rep") == [("Of rep", Why.PART_OF_EMAIL, "ivan@ex")]


def test_the_reason_never_speaks_of_contact_data_that_one_may_not_see(cast):
    """Both the name and the hidden address begin with what is typed: only the name may be told."""
    a_customer(cast, "mate", name="Secret", emails=["secret@example.com"])
    assert looked_up(cast, "secre", "rep") == [("Secret", Why.NAME, "")]
    assert looked_up(cast, "secret secre", "rep") == [("Secret", Why.NAME, "")]


# --- whatever is typed ------------------------------------------------------


@pytest.fixture(scope="module")
def stocked(standing):
    """A few customers of two teams that everybody of this module only looks up."""
    facts = {"name": "Иванов Пётр", "external_number": "C-42"}
    with clock.stopped(NOW):
        seen = {a_customer(standing, "rep", **facts), a_customer(standing, "mate", name="北京华信 Smith")}
        hidden = {a_customer(standing, "rival", **facts), a_customer(standing, "rival", name="北京华信 Smith")}
        a_note(standing, min(seen), "rep", "Просил счёт на котлы")
    return standing, seen, hidden


TYPED = st.text(max_size=60) | st.text("иванов петр smith 北京 79161234567 @.+-()%_'\"\\\x00", max_size=20)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(TYPED)
def test_any_question_can_be_asked(stocked, text):
    """The box, the filter of the list and its count run as SQL on both databases, and stay inside the reader's scope."""
    cast, seen, hidden = stocked
    for part, reached in (("rep", seen), ("keeper", seen | hidden)):
        with cast.unit(getattr(cast, part)) as u:
            assert {row["id"] for row in customers.look_up(u, text)} <= reached
            rows = {row["id"] for row in customers.page(u, Filters(text))}
            assert rows <= reached
            assert customers.count(u, Filters(text)) == len(rows)
    for question in search.questions(text):
        assert question
        assert all(question)
        with cast.unit(cast.rep) as u:
            assert set(u.all(select(Customer.id).where(lookup.matching(u, question)))) <= seen


# --- pure -------------------------------------------------------------------


@given(st.text(max_size=60))
def test_any_name_is_found_by_its_own_words(text):
    tokens = search.tokens(text, None, (), ())
    for word in search.words(text):
        if not search.HAN.search(word):
            assert f"n{word[: search.LONGEST]}" in tokens


@given(st.text(alphabet="абвгдеёжзийклмнопрстуфхцчшщъыьэюя", max_size=20))
def test_cyrillic_folds_to_latin(word):
    assert search.fold(word).isascii()


@given(st.text(max_size=60))
def test_any_text_can_be_meant_on_other_keys(text):
    for question in search.on_other_keys(text):
        assert not any(way.closed for group in question for way in group)


@given(st.text(alphabet="авгдезийклмнопрстуфцчшщыья", min_size=1, max_size=20))
def test_the_other_layout_leads_back(word):
    assert search.other_layout(search.other_layout(word)) == word


@given(st.text(alphabet="abc", min_size=1, max_size=7), st.integers(0, 7), st.sampled_from("abcd"))
def test_one_slip_is_known_and_reached_by_the_vocabulary(word, place, letter):
    place = min(place, len(word) - 1)
    slips = {
        word[:place] + letter + word[place + 1 :],
        word[:place] + word[place + 1 :],
        word[:place] + letter + word[place:],
    }
    if place + 1 < len(word):
        slips.add(word[:place] + word[place + 1] + word[place] + word[place + 2 :])
    for slipped in slips:
        assert search.is_one_slip(word, slipped)
        assert search.is_one_slip(slipped, word)
    assert not search.is_one_slip(word, word + "zz")
