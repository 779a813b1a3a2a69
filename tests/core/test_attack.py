"""Attacks on the door: ways round it that a hurried developer could write. Each must see, change or learn nothing more.

`rep` sees the customers of the North (his own and his mate's) and may change his own; `hidden` belongs to the South.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import (
    Integer,
    Select,
    String,
    case,
    column,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    text,
    union,
    update,
    values,
)
from sqlalchemy import (
    cast as sql_cast,
)
from sqlalchemy.exc import InvalidRequestError, NoResultFound, SQLAlchemyError
from sqlalchemy.orm import Bundle, aliased, join, load_only, make_transient_to_detached, undefer

from crm import (
    change_requests,
    contacts,
    counters,
    customers,
    documents,
    doubles,
    fields,
    interactions,
    merges,
    notifications,
    plans,
    privacy,
    quality,
    requisites,
    rights,
    search,
    tags,
    templates,
)
from crm.change_requests import ChangeRequest
from crm.core.audit_log import AuditEntry
from crm.core.errors import Conflict, CrmError, InvalidForm, NotFound, Refused, Unavailable
from crm.core.grants import Role
from crm.core.people import User
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.counters import DailyCount
from crm.customers import Contact, Customer, CustomerTag, Email, Filters, Phone, Requisites, lookup, rules
from crm.documents import Document
from crm.fields import OwnField
from crm.interactions import Interaction
from crm.merges import Merge
from crm.notifications import Notification
from crm.plans import Plan
from crm.templates import CustomerType
from tests.cast import (
    NORTH,
    NOW,
    PARTNER,
    PARTS,
    RECEIVED,
    SOUTH,
    Cast,
    a_call,
    a_contact,
    a_customer,
    a_document,
    a_field,
    a_type,
    some_requisites,
)

TAX_NUMBERS = ("7707083893", "7728168971", "7736050003", "7702070139")
C = Customer
TABLE = Customer.__table__


@dataclass
class World:
    """One customer of each kind, each with a call, seen from the sales rep of the North."""

    cast: Cast
    own: int
    mates: int
    hidden: int
    nobodys: int

    @property
    def seen(self) -> set[int]:
        return {self.own, self.mates}

    @property
    def everyone(self) -> set[int]:
        return {self.own, self.mates, self.hidden, self.nobodys}


def peopled(cast) -> World:
    names = {"rep": "own", "mate": "mates", "rival": "hidden", None: "nobodys"}
    keys = {
        name: a_customer(cast, of, phones=[f"+7916000000{n}"], emails=[f"{name}@example.com"], address=f"Street {n}")
        for n, (of, name) in enumerate(names.items())
    }
    for by, name in (("rep", "own"), ("rep", "mates"), ("rival", "hidden"), ("service", "nobodys")):
        a_call(cast, keys[name], by)
    for n, name in enumerate(keys):
        a_contact(
            cast, keys[name], name=f"Person {name}", phones=[f"+7495111111{n}"], emails=[f"person@{name}.example"]
        )
    for name, number in zip(keys, TAX_NUMBERS, strict=True):
        some_requisites(cast, keys[name], ogrn="", inn=number)
    return World(cast, **keys)


@pytest.fixture
def world(cast) -> World:
    """For attacks that change something, if they can."""
    return peopled(cast)


@pytest.fixture(scope="module")
def calm(standing) -> World:
    """For attacks that only read: one world for all of them."""
    return peopled(standing)


# --- reading: hidden rows do not exist --------------------------------------

another = aliased(C, name="another")
SHOWS_IDS: dict[str, Callable[[], Any]] = {
    "columns": lambda: select(C.id),
    "a column that is no key": lambda: select(C.id).where(C.name.is_not(None)),
    "an alias": lambda: select(another.id),
    "an alias of a subquery": lambda: select(aliased(C, select(C).subquery()).id),
    "a subquery": lambda: select(select(C.id).subquery().c.id),
    "a subquery of a subquery": lambda: select(select(select(C.id).subquery().c.id).subquery().c.id),
    "a CTE": lambda: select(select(C.id).cte().c.id),
    "a nested CTE": lambda: select(C.id).where(C.id.in_(select(select(another.id).cte().c.id))),
    "a union": lambda: union(select(C.id), select(another.id)),
    "a union beneath": lambda: select(union(select(C.id), select(another.id)).subquery().c.id),
    "a union of three": lambda: union(select(C.id), select(another.id), select(Interaction.customer_id)),
    "a join from the journal": lambda: select(C.id).join(Interaction, Interaction.customer_id == C.id),
    "a join from the left": lambda: select(Interaction.customer_id).join(C, C.id == Interaction.customer_id),
    "a written join": lambda: select(C.id).select_from(join(C, Interaction, Interaction.customer_id == C.id)),
    "an outer join": lambda: select(C.id).select_from(User).outerjoin(C, User.id > 0).where(C.id > 0),
    "an outer join of itself": lambda: select(another.id).outerjoin(C, C.id == another.id),
    "a child's key": lambda: select(Interaction.customer_id),
    "another child's key": lambda: select(Phone.customer_id),
    "a parent in a condition": lambda: select(Interaction.customer_id).where(Interaction.customer_id.in_(select(C.id))),
    "exists": lambda: select(C.id).where(exists(select(another.id).where(another.id == C.id))),
    "distinct": lambda: select(C.id).distinct(),
    "a group": lambda: select(C.id).group_by(C.id, C.team_id).having(func.count() > 0),
    "an order": lambda: select(C.id).order_by(C.name.desc(), C.id),
    "a window": lambda: select(C.id, func.row_number().over(order_by=C.id)),
    "or": lambda: select(C.id).where(or_(C.id > 0, C.id < 0)),
    "the end of a filter": lambda: select(C.id).where(C.team_id == NORTH, or_(C.id == 1, literal(1) == 1)),
    "a case": lambda: select(case((C.id > 0, C.id), else_=0)),
    "an arithmetic": lambda: select(C.id + 0),
    "a lock": lambda: select(C.id).with_for_update(),
}


@pytest.mark.parametrize("way", SHOWS_IDS)
def test_only_rows_inside_the_scope_are_shown_through(calm, way):
    with calm.cast.unit(calm.cast.rep) as u:
        assert {row[0] for row in u.session.execute(SHOWS_IDS[way]())} == calm.seen
    with calm.cast.unit(calm.cast.rep) as u:
        statement = SHOWS_IDS[way]()
        key = next(iter(statement.selected_columns.keys()))
        assert {row[key] for row in u.rows(statement)} == calm.seen
        if isinstance(statement, Select):
            prepared = Prepared(statement)
            assert {row[key] for row in u.rows(prepared)} == calm.seen
            assert u.value(prepared) in calm.seen
    with calm.cast.unit(calm.cast.rival) as u:  # the very same statement, asked by somebody of another team
        if isinstance(statement, Select):
            others = {calm.hidden} if way != "the end of a filter" else set()
            assert {row[key] for row in u.rows(prepared)} == others
    with calm.cast.unit(calm.cast.keeper) as u:  # the scope is what hides them, not the statement
        found = {row[0] for row in u.session.execute(SHOWS_IDS[way]())}
        assert found == (calm.seen if way == "the end of a filter" else calm.everyone)


def test_whole_records_are_inside_the_scope(calm):
    with calm.cast.unit(calm.cast.rep) as u:
        assert {one.id for one in u.all(select(C))} == calm.seen
        assert {one.id for one in u.all(select(another))} == calm.seen
        assert {one.id for one in u.session.query(C)} == calm.seen
        assert {one.customer_id for one in u.all(select(Interaction))} == calm.seen
        assert {one.customer_id for one in u.all(select(Phone))} == calm.seen
        assert {one.customer_id for one in u.all(select(Contact))} == calm.seen


@pytest.mark.parametrize("way", ["get", "session.get", "get_one", "query.get", "one", "card", "identity"])
def test_a_hidden_record_is_not_found_by_its_key(calm, way):
    with calm.cast.unit(calm.cast.rep) as u:
        if way == "session.get":
            assert u.session.get(C, calm.own).id == calm.own
            assert u.session.get(C, calm.hidden) is None
            return
        asked = {
            "get": lambda: u.get(C, calm.hidden),
            "get_one": lambda: u.session.get_one(C, calm.hidden),
            "query.get": lambda: u.session.query(C).filter(C.id == calm.hidden).one(),
            "one": lambda: customers.one(u, calm.hidden),
            "card": lambda: customers.card(u, calm.hidden),
            "identity": lambda: u.session.get_one(Interaction, a_call(calm.cast, calm.hidden, "rival")),
        }
        with pytest.raises((NotFound, NoResultFound)):
            asked[way]()


def test_absent_and_hidden_read_the_same(calm):
    said = []
    for key in (calm.hidden, 999_999):
        with calm.cast.unit(calm.cast.rep) as u, pytest.raises(NotFound) as caught:
            customers.edit(u, key, {"city": "Kazan"}, seen=1)
        said.append(str(caught.value))
    assert said[0] == said[1]


COUNTS: dict[str, Callable[[], Select[Any]]] = {
    "count": lambda: select(func.count()).select_from(C),
    "count of keys": lambda: select(func.count(C.id)),
    "count of a subquery": lambda: select(func.count()).select_from(select(C.id).subquery()),
    "count of a CTE": lambda: select(func.count()).select_from(select(C.id).cte()),
    "a scalar subquery": lambda: select(select(func.count(C.id)).scalar_subquery()).select_from(User).limit(1),
    "a sum of ones": lambda: select(func.sum(case((C.id > 0, 1), else_=0))),
    "a window": lambda: select(func.count().over()).select_from(C).limit(1),
    "the groups": lambda: select(
        func.sum(select(func.count().label("n")).select_from(C).group_by(C.responsible_id).subquery().c.n)
    ),
    "count of a join": lambda: select(func.count(C.id.distinct())).join(Interaction, Interaction.customer_id == C.id),
    "count of the journal": lambda: select(func.count()).select_from(Interaction),
    "count of phones": lambda: select(func.count(Phone.id)),
    "outer join": lambda: select(func.count(C.id)).select_from(User).outerjoin(C, C.responsible_id == User.id),
}


@pytest.mark.parametrize("way", COUNTS)
def test_hidden_rows_are_not_counted_by(calm, way):
    with calm.cast.unit(calm.cast.rep) as u:
        assert u.value(COUNTS[way]()) == 2


def test_hidden_rows_do_not_show_in_a_maximum(calm):
    with calm.cast.unit(calm.cast.rep) as u:
        assert u.value(select(func.max(C.id))) == max(calm.seen)
        assert u.value(select(func.max(C.name))) == "Customer of rep"
        assert u.value(select(func.min(Interaction.customer_id))) == min(calm.seen)


ORACLES: dict[str, Callable[[int], Any]] = {
    "exists beside people": lambda key: select(User.id).where(exists(select(C.id).where(C.id == key))),
    "exists of an alias": lambda key: select(User.id).where(exists(select(another.id).where(another.id == key))),
    "a literal where it exists": lambda key: select(literal(1)).where(select(C.id).where(C.id == key).exists()),
    "in": lambda key: select(User.id).where(literal(key).in_(select(C.id))),
    "a scalar in a condition": lambda key: select(User.id).where(
        select(func.count(C.id)).where(C.id == key).scalar_subquery() > 0
    ),
    "its children": lambda key: select(Interaction.id).where(Interaction.customer_id == key),
    "its phones": lambda key: select(Phone.id).where(Phone.customer_id == key),
    "its requisites": lambda key: select(Requisites.id).where(Requisites.customer_id == key),
    "its contact persons": lambda key: select(Contact.id).where(Contact.customer_id == key),
}


@pytest.mark.parametrize("way", ORACLES)
def test_no_question_tells_that_a_hidden_record_exists(calm, way):
    with calm.cast.unit(calm.cast.rep) as u:
        assert u.session.execute(ORACLES[way](calm.hidden)).all() == []
        assert u.session.execute(ORACLES[way](calm.own)).all()


LOOKS: dict[str, Callable[[UnitOfWork, str], Iterable[int]]] = {
    "the box": lambda u, asked: [row["id"] for row in customers.look_up(u, asked, most=50)],
    "the filter of the list": lambda u, asked: [row["id"] for row in customers.page(u, Filters(asked))],
    "the filter of the frame": lambda u, asked: customers.listing(u, Filters(asked)).index,
    "the filtered count": lambda u, asked: range(customers.count(u, Filters(asked))),
    "the filtered keys": lambda u, asked: u.all(customers.keys(u, Filters(asked), right="customers.view")),
    "the index": lambda u, asked: u.all(select(C.id).where(C.id.in_(_under(f"p{asked}")))),
    "the condition": lambda u, asked: u.all(select(C.id).where(lookup.matching(u, search.questions(asked)[0]))),
}


def _under(token: str) -> Select[Any]:
    return select(search.TOKENS.c.customer_id).where(search.TOKENS.c.token == token)


@pytest.mark.parametrize("way", LOOKS)
def test_nobody_learns_by_looking_that_a_customer_of_another_team_exists(calm, way):
    """The whole number answers for whoever sees the customer at all."""
    phone = "79160000002"
    for part in ("rep", "leader", "partner", "stranger"):
        with calm.cast.unit(getattr(calm.cast, part)) as u:
            assert list(LOOKS[way](u, phone)) == [], part
    for part in ("rival", "rival_leader", "keeper", "marketer"):
        with calm.cast.unit(getattr(calm.cast, part)) as u:
            assert len(list(LOOKS[way](u, phone))) == 1, part


@pytest.mark.parametrize("way", LOOKS)
def test_nobody_learns_by_looking_for_a_contact_person_of_another_team(calm, way):
    """Neither by the whole phone of the person, nor by the name or the address, which are in the same index."""
    asked = ("74951111112",) if way == "the index" else ("74951111112", "person hidden", "person@hidden.example")
    for text_asked in asked:
        for part in ("rep", "leader", "partner", "stranger"):
            with calm.cast.unit(getattr(calm.cast, part)) as u:
                assert calm.hidden not in list(LOOKS[way](u, text_asked)), (part, text_asked)
        if "count" not in way:
            with calm.cast.unit(calm.cast.rival) as u:
                assert list(LOOKS[way](u, text_asked)) == [calm.hidden], text_asked


def test_a_contact_person_of_another_team_is_not_there(calm):
    with calm.cast.unit(calm.cast.keeper) as u:
        (person,) = contacts.of(u, calm.hidden)
    with calm.cast.unit(calm.cast.rep) as u:
        assert contacts.of(u, calm.hidden) == []
        assert len(contacts.of(u, calm.mates)) == 1
    for ask in (contacts.one, lambda u, key: u.get(Contact, key)):
        with calm.cast.unit(calm.cast.rep) as u, pytest.raises(NotFound):
            ask(u, person["id"])


@pytest.mark.parametrize("key", ["phones", "digits", "emails", "birthday"])
def test_what_is_personal_of_a_contact_person_is_read_masked_only(calm, key):
    column_asked = getattr(Contact, key)
    for statement in (
        select(column_asked),
        select(func.max(column_asked)),
        select(Contact).options(undefer(column_asked)),
    ):
        with calm.cast.unit(calm.cast.rep) as u, pytest.raises(Refused):
            u.all(statement)
    with calm.cast.unit(calm.cast.rep) as u, pytest.raises(InvalidRequestError):
        getattr(u.all(select(Contact))[0], key)


@pytest.mark.parametrize("asked", ["1111", "4951111", "person@", "mates.example"])
def test_parts_of_a_contact_persons_phone_and_address_are_closed_like_the_customers_own(calm, asked):
    """The mate's customer is seen by the rep, the contact data at it are not."""
    for way in ("the box", "the filter of the list", "the filtered keys", "the condition"):
        with calm.cast.unit(calm.cast.rep) as u:
            assert calm.mates not in list(LOOKS[way](u, asked)), way
    with calm.cast.unit(calm.cast.mate) as u:
        assert list(LOOKS["the box"](u, asked)) == [calm.mates]


@pytest.mark.parametrize("way", LOOKS)
def test_nobody_learns_by_a_tax_number_that_a_customer_of_another_team_exists(calm, way):
    if way == "the index":
        return
    for part in ("rep", "leader", "partner", "stranger"):
        with calm.cast.unit(getattr(calm.cast, part)) as u:
            assert list(LOOKS[way](u, TAX_NUMBERS[2])) == [], part
    with calm.cast.unit(calm.cast.rival) as u:
        assert len(list(LOOKS[way](u, TAX_NUMBERS[2]))) == 1


def test_requisites_of_another_team_are_not_there(calm):
    with calm.cast.unit(calm.cast.keeper) as u:
        (hidden,) = requisites.of(u, calm.hidden)
    with calm.cast.unit(calm.cast.rep) as u:
        assert requisites.of(u, calm.hidden) == []
        assert {one.customer_id for one in u.all(select(Requisites))} == calm.seen
    for ask in (requisites.one, lambda u, key: u.get(Requisites, key)):
        with pytest.raises(NotFound), calm.cast.unit(calm.cast.rep) as u:
            ask(u, hidden["id"])


@pytest.mark.parametrize("right", ["interactions.log", "purchases.record"])
def test_requisites_are_written_only_with_the_right_to_change_the_customer(world, right):
    ways = (
        lambda u: u.add(Requisites(customer_id=world.mates, inn="x", created_at=NOW)),
        lambda u: setattr(u.all(select(Requisites).where(Requisites.customer_id == world.mates))[0], "inn", "x"),
        lambda u: u.delete(u.all(select(Requisites).where(Requisites.customer_id == world.mates))[0]),
        lambda u: u.add(Requisites(customer_id=world.hidden, inn="x", created_at=NOW)),
    )
    for way in ways:
        with pytest.raises(Refused):
            act(world, right, way)


@pytest.fixture
def papers(world) -> dict[str, int]:
    """A document at everybody's customer."""
    names = ("own", "mates", "hidden", "nobodys")
    return {name: a_document(world.cast, getattr(world, name), name=f"{name}.pdf") for name in names}


DOCUMENTS: dict[str, Callable[[UnitOfWork, World, int], Any]] = {
    "get": lambda u, _, key: u.get(Document, key),
    "chain": lambda u, _, key: documents.chain(u, key),
    "whole": lambda u, _, key: documents.whole(u, key),
    "take": lambda u, _, key: documents.take(u, key),
    "renew": lambda u, _, key: documents.renew(u, key, RECEIVED, seen=1),
    "change": lambda u, _, key: documents.change(u, key, kind="other", note="", seen=1),
    "archive": lambda u, _, key: documents.archive(u, key, seen=1),
    "restore": lambda u, _, key: documents.restore(u, key),
    "add": lambda u, world, _: documents.add(u, world.hidden, RECEIVED, kind="other"),
}


@pytest.mark.parametrize("way", DOCUMENTS)
def test_documents_of_another_team_are_not_there(world, papers, way):
    for part in ("rep", "leader", "stranger"):
        with pytest.raises(NotFound), world.cast.unit(getattr(world.cast, part)) as u:
            DOCUMENTS[way](u, world, papers["hidden"])
    with world.cast.unit(world.cast.rep) as u:
        assert documents.page(u, world.hidden) == []
        assert documents.counts(u, world.hidden).here == {}
        assert {one.customer_id for one in u.all(select(Document))} == world.seen


@pytest.mark.parametrize("part", ["partner", "marketer", "analyst", "product", "admin"])
def test_who_has_no_right_to_documents_reads_not_even_a_name_though_he_sees_the_customer(world, papers, part):
    with world.cast.unit(getattr(world.cast, part)) as u:
        assert u.all(select(Document.name)) == []
        assert documents.page(u, world.own) == []
        assert u.value(select(func.count(Document.id))) == 0
        assert u.all(select(Customer.id).where(exists().where(Document.customer_id == Customer.id))) == []
    with pytest.raises(NotFound), world.cast.unit(getattr(world.cast, part)) as u:
        documents.whole(u, papers["own"])


@pytest.mark.parametrize("right", ["interactions.log", "customers.edit", "documents.take", "documents.view"])
def test_no_other_right_lends_itself_to_documents(world, papers, right):
    facts = {"kind": "other", "name": "x", "number": 1, "size": 1, "sha256": "0", "stored_as": "0", "added_at": NOW}
    ways = (
        lambda u: u.add(Document(customer_id=world.mates, **facts)),
        lambda u: u.add(Document(customer_id=world.hidden, **facts)),
        lambda u: setattr(u.get(Document, papers["mates"]), "kind", "other"),
        lambda u: setattr(u.get(Document, papers["mates"]), "archived_at", NOW),
        lambda u: u.delete(u.get(Document, papers["mates"])),
    )
    for way in ways:
        with pytest.raises(Refused):
            act(world, right, way)


def test_a_document_is_neither_moved_out_of_reach_nor_pulled_over(world, papers):
    for source, to in (("own", "hidden"), ("own", "mates"), ("mates", "own")):
        with pytest.raises(Refused):
            act(
                world,
                "documents.manage",
                lambda u, s=source, t=to: setattr(u.get(Document, papers[s]), "customer_id", getattr(world, t)),
            )


def test_a_row_that_names_anothers_file_or_chain_gives_nothing_of_it(world, papers):
    hidden = stored(world.cast, Document.__table__, papers["hidden"])
    facts = {"kind": "other", "name": "x", "number": 9, "size": 1, "sha256": hidden["sha256"], "added_at": NOW}
    with pytest.raises(Conflict):
        act(
            world,
            "documents.manage",
            lambda u: u.add(Document(customer_id=world.own, stored_as=hidden["stored_as"], **facts)),
        )
    mine: list[int] = []

    def join(u):
        forged = Document(customer_id=world.own, stored_as="f" * 32, first_id=papers["hidden"], **facts)
        mine.append(u.add(forged).id)

    act(world, "documents.manage", join)
    with world.cast.unit(world.cast.rep) as u:
        assert [row["id"] for row in documents.chain(u, mine[0])] == mine
    with pytest.raises(Unavailable), world.cast.unit(world.cast.rep) as u:
        documents.whole(u, mine[0])


@pytest.fixture(scope="module")
def tagged(calm) -> dict[str, int]:
    """Everybody's customer bears one tag, and the South's alone another."""
    with calm.cast.unit() as u:
        words = tags.learn(u, ["Shared", "Secret"])
        for key in calm.everyone:
            tags.change(u, key, on=["Shared", "Secret"] if key == calm.hidden else ["Shared"])
    return {"shared": words["shared"], "secret": words["secret"]}


TAGGED: dict[str, Callable[[UnitOfWork, int], Iterable[int]]] = {
    "the list": lambda u, tag: [row["id"] for row in customers.page(u, Filters(tag_id=tag))],
    "the list with a text": lambda u, tag: [row["id"] for row in customers.page(u, Filters("person", tag_id=tag))],
    "the frame": lambda u, tag: customers.listing(u, Filters(tag_id=tag)).index,
    "the count": lambda u, tag: range(customers.count(u, Filters(tag_id=tag))),
    "the keys of an export": lambda u, tag: u.all(customers.keys(u, Filters(tag_id=tag), right="customers.view")),
    "the count of a tag's use": lambda u, tag: range(tags.counts(u).get(tag, 0)),
    "the look-up": lambda u, tag: [row["id"] for row in customers.look_up(u, tags.directory(u)[tag]["name"], most=50)],
    "the tags by customer": lambda u, tag: [
        key for key, those in tags.of(u, range(1, 9)).items() if tag in {one["id"] for one in those}
    ],
    "the rows": lambda u, tag: u.all(select(CustomerTag.customer_id).where(CustomerTag.tag_id == tag)),
}


@pytest.mark.parametrize("way", TAGGED)
def test_a_tag_tells_nothing_of_customers_of_another_team(calm, tagged, way):
    for part, shared, secret in (("rep", calm.seen, 0), ("rival", {calm.hidden}, 1), ("keeper", calm.everyone, 1)):
        with calm.cast.unit(getattr(calm.cast, part)) as u:
            found = list(TAGGED[way](u, tagged["shared"]))
            assert len(found) == len(shared), part
            if "count" not in way:
                assert set(found) == shared, part
            assert len(list(TAGGED[way](u, tagged["secret"]))) == secret, part


def test_a_tag_is_not_put_on_or_taken_off_beyond_ones_reach(world):
    with world.cast.unit() as u:
        tag = tags.learn(u, ["Shared"])["shared"]
        for key in world.everyone:
            tags.change(u, key, on=["Shared"])
    for key in (world.hidden, world.nobodys):
        with pytest.raises(NotFound), world.cast.unit(world.cast.rep) as u:
            tags.change(u, key, off=[tag])
    with pytest.raises(Refused), world.cast.unit(world.cast.rep) as u:
        tags.change(u, world.mates, off=[tag])
    with pytest.raises(Refused):
        act(world, "customers.edit", lambda u: u.add(CustomerTag(customer_id=world.hidden, tag_id=tag)))


def test_an_order_by_hidden_rows_tells_nothing(calm):
    """Were the South's customer inside, its responsible would sort before those without any customer."""
    with calm.cast.unit(calm.cast.rep) as u:
        name = select(C.name).where(C.responsible_id == User.id).scalar_subquery()
        ordered = u.all(select(User.id).order_by(name.is_(None), User.id))
    assert set(ordered[:2]) == {PARTS["rep"].id, PARTS["mate"].id}


# --- reading: without records, without the door -----------------------------

BARE: dict[str, Callable[[], Any]] = {
    "SQL text": lambda: text("SELECT name FROM customers"),
    "a table": lambda: select(TABLE.c.name),
    "a whole table": lambda: select(TABLE),
    "a table beside people": lambda: select(User.id, TABLE.c.name),
    "a whole table beside people": lambda: select(User.id, TABLE),
    "a whole alias beside people": lambda: select(User, TABLE.alias()),
    "an alias of a table beside people": lambda: select(User.id, TABLE.alias().c.name),
    "a table in exists": lambda: select(User.id).where(exists(select(TABLE.c.id).where(TABLE.c.id == 3))),
    "a table in a subquery": lambda: select(User.id, select(func.count(TABLE.c.id)).scalar_subquery()),
    "a table under people": lambda: select(func.count(User.id)).select_from(TABLE),
    "a joined table": lambda: select(func.count(User.id)).join(TABLE, literal(1) == 1),
    "a written join": lambda: select(func.count(User.id)).select_from(User.__table__.join(TABLE, literal(1) == 1)),
    "records from text": lambda: select(C).from_statement(text("SELECT * FROM customers")),
    "records from a table": lambda: select(C).from_statement(select(TABLE)),
    "text in a condition": lambda: select(C.id).where(text("1=1 OR 1=1")),
    "text as a column": lambda: select(C.id, text("(SELECT max(name) FROM customers)")),
    "a literal column": lambda: select(C.id, literal_column("(SELECT max(name) FROM customers)")),
    "text as an order": lambda: select(C.id).order_by(text("(SELECT 1)")),
    "a function over nothing": lambda: select(func.count()).select_from(
        values(column("n", Integer), name="v").data([(1,)])
    ),
    "exists alone": lambda: select(exists().where(C.id == 3)),
    "a table in a CTE": lambda: select(User.id, select(TABLE.c.name).cte().c.name),
    "a table in a union": lambda: union(select(User.name), select(TABLE.c.name)),
}


@pytest.mark.parametrize("way", BARE)
def test_what_names_no_record_is_refused_unless_said_aloud(calm, way):
    for read in ("all", "value", "rows"):
        with calm.cast.unit(calm.cast.rep) as u, pytest.raises(Refused):
            getattr(u, read)(BARE[way]())
    with calm.cast.unit(calm.cast.rep) as u, pytest.raises((Refused, TypeError, AttributeError)):
        u.rows(Prepared(BARE[way]()))
    with calm.cast.unit(calm.cast.rep) as u, pytest.raises(Refused):
        u.session.execute(BARE[way]())


def test_a_hidden_customer_cannot_be_read_off_the_index(calm):
    for statement in (select(search.TOKENS), select(User.id, search.TOKENS.c.token)):
        with calm.cast.unit(calm.cast.rep) as u, pytest.raises(Refused):
            u.session.execute(statement)


@pytest.mark.parametrize(
    "asked",
    ["", "customer of rival", "cust", "rival", "ival", "rivla", "кшмфд", "0000", "@example.com"],
)
def test_the_look_up_gives_a_rep_nobody_beyond_his_team(calm, asked):
    with calm.cast.unit(calm.cast.rep) as u:
        assert {row["id"] for row in customers.look_up(u, asked, most=50)} <= set(calm.seen)


GUESSES: dict[str, Callable[[World], dict[str, Any]]] = {
    "phone": lambda _: {"phones": ["+79160000002"]},
    "contact person's phone": lambda _: {"phones": ["+74951111112"]},
    "e-mail": lambda _: {"emails": ["hidden@example.com"]},
    "tax number": lambda _: {"inn": TAX_NUMBERS[2]},
    "name and city": lambda _: {"name": "Customer of rival", "city": "Kazan"},
}


@pytest.mark.parametrize("guess", GUESSES)
def test_who_knows_what_a_customer_of_another_team_has_learns_only_who_is_responsible(world, guess):
    with world.cast.unit() as u:
        customers.edit(u, world.hidden, {"city": "Kazan"}, seen=1)
    typed, rival = GUESSES[guess](world), PARTS["rival"].id
    with world.cast.unit(world.cast.rep) as u:
        (told,) = doubles.look(u, typed).doubles
        again = doubles.told(u, typed).doubles
    field = next(iter(typed))
    text = typed[field] if isinstance(typed[field], str) else typed[field][0]
    assert vars(told) == {"field": field, "text": text, "responsible_id": rival, "id": None, "name": "", "city": None}
    assert again == (told,)
    with pytest.raises(InvalidForm) as caught, world.cast.unit(world.cast.rep) as u:
        doubles.add(u, {"name": "Mine"} | (typed if "inn" not in typed else {"phones": ["+79160000002"]}))
    said = " ".join(str(fault) for fault in caught.value.faults.values())
    assert "rival" not in said.lower()
    with pytest.raises(NotFound), world.cast.unit(world.cast.rep) as u:
        doubles.settle(u, typed, of=world.hidden, reason="later")
    with pytest.raises(NotFound), world.cast.unit(world.cast.leader) as u:
        doubles.grant(u, world.hidden, PARTS["rep"].id, seen=2)


@pytest.mark.parametrize(
    "part", ["79160000002", "0000002", "+7916000000", "hidden", "@example.com", "hidden@", "7736050"]
)
def test_no_part_of_what_a_customer_of_another_team_has_is_answered(calm, part):
    with calm.cast.unit(calm.cast.rep) as u:
        typed = {"phones": [part[:-1] if part.startswith("79") else part], "emails": [part], "inn": part, "vat": part}
        assert doubles.look(u, typed | {"name": part, "city": "Kazan"}) == doubles.Answer()


@pytest.mark.parametrize("cap", [0, 1, 1000])
def test_the_look_up_tells_no_digit_of_a_colleagues_phone(calm, monkeypatch, cap):
    """However many customers share the digits, and whichever way the box takes for them."""
    monkeypatch.setattr(lookup, "CAP", cap)
    with calm.cast.unit(calm.cast.rep) as u:
        digits = "79160000001"
        assert calm.mates in {row["id"] for row in customers.look_up(u, digits)}
        for begin in range(len(digits)):
            for end in range(begin + 1, len(digits) + 1):
                if digits[begin:end] not in {digits, digits[-10:], digits[-7:]}:
                    found = {row["id"] for row in customers.look_up(u, digits[begin:end], most=50)}
                    listed = {row["id"] for row in customers.page(u, Filters(digits[begin:end]))}
                    assert calm.mates not in found | listed, digits[begin:end]


# --- reading: personal data -------------------------------------------------

owner = (C.responsible_id, C.team_id, C.partner_id)
invented = select(C.address, literal(PARTS["rep"].id).label("responsible_id")).where(C.id == 2).subquery()
PERSONAL: dict[str, Callable[[], Any]] = {
    "the column": lambda: select(Phone.number),
    "the digits": lambda: select(Phone.digits),
    "the mail": lambda: select(Email.address),
    "the street": lambda: select(C.address),
    "a label": lambda: select(Phone.number.label("id")),
    "a label of an owner": lambda: select(Phone.number.label("responsible_id")),
    "an alias": lambda: select(aliased(Phone).number),
    "an alias of a subquery": lambda: select(aliased(Phone, select(Phone).subquery()).number),
    "a subquery": lambda: select(select(Phone.number).subquery().c.number),
    "a CTE": lambda: select(select(Phone.number).cte().c.number),
    "a function": lambda: select(func.lower(Phone.number)),
    "a function beneath": lambda: select(select(func.lower(Phone.number).label("x")).subquery().c.x),
    "a function two beneath": lambda: select(
        select(select(func.lower(Phone.number).label("x")).subquery().c.x).subquery().c.x
    ),
    "a function in a CTE": lambda: select(select(func.lower(Phone.number).label("x")).cte().c.x),
    "a case": lambda: select(case((Phone.id > 0, Phone.number), else_="")),
    "a cast": lambda: select(sql_cast(Phone.digits, String)),
    "a sum of texts": lambda: select(Phone.number + "!"),
    "an aggregate": lambda: select(func.max(Phone.number)),
    "a comparison": lambda: select(Phone.digits.like("7916%")),
    "a bundle": lambda: select(Bundle("both", Phone.number, Phone.id)),
    "distinct": lambda: select(Phone.number).distinct(),
    "a scalar subquery": lambda: select(
        C.id, select(Phone.number).where(Phone.customer_id == C.id).limit(1).scalar_subquery()
    ),
    "a union": lambda: union(select(Phone.number), select(Email.address)),
    "a union behind a name": lambda: union(select(C.name), select(Phone.number)),
    "a union beneath": lambda: select(union(select(C.name.label("n")), select(Phone.number)).subquery().c.n),
    "the end of a union": lambda: union(select(C.name), select(C.city), select(Phone.number)),
    "a record beside it": lambda: select(C, C.address),
    "a window": lambda: select(Phone.id, func.first_value(Phone.number).over(order_by=Phone.id)),
    "two of one name": lambda: select(Email.address.label("x"), C.name.label("x")).join(C, C.id == Email.customer_id),
    "a foreign owner": lambda: (
        select(Phone.number, Interaction.responsible_id)
        .join(C, C.id == Phone.customer_id)
        .join(Interaction, Interaction.customer_id == C.id)
        .where(Interaction.customer_id == 2)
    ),
    "an invented owner": lambda: select(Phone.number, literal(PARTS["rep"].id).label("responsible_id")),
    "an invented owner with the record": lambda: select(
        C.address, literal(PARTS["rep"].id).label("responsible_id"), C.team_id, C.partner_id
    ),
    "another record's owner": lambda: select(another.address, *owner).join(C, C.id == 1).where(another.id == 2),
    "another's owner for phones": lambda: (
        select(Phone.number, another.responsible_id)
        .join(C, C.id == Phone.customer_id)
        .join(another, another.id == 1)
        .where(C.id == 2)
    ),
    "an owner through a subquery": lambda: select(*invented.c),
}


def readings(u, statement):
    """Read a statement in every way and return what came out as texts."""
    found = []
    for read in (
        lambda: [tuple(row) for row in u.session.execute(statement)],
        lambda: list(u.all(statement)),
        lambda: [u.value(statement)],
        lambda: u.rows(statement),
        lambda: u.frame(statement).to_dict("records"),
        lambda: [tuple(row) for row in u.execute(statement)],
        lambda: [tuple(row) for row in u.session.execute(statement).partitions()],
        lambda: u.rows(Prepared(statement)),
        lambda: [u.value(Prepared(statement))],
    ):
        try:
            found.extend(str(one) for one in read())
        except Refused:
            found.append("refused")
        except (TypeError, KeyError, AttributeError) as error:  # what cannot be prepared, or is no frame
            found.append(str(error))
    return found


@pytest.mark.parametrize("way", PERSONAL)
def test_personal_data_of_a_colleagues_customer_leave_only_masked(calm, way):
    secrets = ("0001", "00-01", "mates@", "Street 1")
    with calm.cast.unit(calm.cast.rep) as u:
        out = readings(u, PERSONAL[way]())
    assert out
    assert not [one for one in out for secret in secrets if secret in one]
    assert "True" not in " ".join(out)  # the answer to a comparison


@pytest.mark.parametrize("part", ["marketer", "analyst", "executive", "product", "admin"])
def test_who_may_see_no_personal_data_gets_none(calm, part):
    for way, statement in PERSONAL.items():
        with calm.cast.unit(getattr(calm.cast, part)) as u:
            out = " ".join(readings(u, statement()))
        assert not any(secret in out for secret in ("7916", "916 ", "00-0", "s@ex", "n@ex", "Street", "True")), way


def test_who_may_see_all_personal_data_reads_it_in_every_way(calm):
    """So it is the right that hides them, not the statement."""
    with calm.cast.unit(calm.cast.keeper) as u:
        for way, statement in PERSONAL.items():
            out = " ".join(readings(u, statement()))
            assert "refused" not in out, way
            assert any(plain in out for plain in ("+7 916", "+7916", "79160", "@example", "Street", "True")), way


OPTIONS: dict[str, Callable[[], Any]] = {
    "undefer": lambda: select(C).options(undefer(C.address)),
    "undefer of all": lambda: select(C).options(undefer("*")),
    "load_only": lambda: select(Phone).options(load_only(Phone.number)),
    "undefer of a child": lambda: select(Phone).options(undefer(Phone.digits)),
}


@pytest.mark.parametrize("way", OPTIONS)
def test_no_option_loads_personal_data_with_a_record(calm, way):
    for read in ("all", "value", "rows"):
        with calm.cast.unit(calm.cast.rep) as u, pytest.raises(Refused):
            getattr(u, read)(OPTIONS[way]())
    with pytest.raises(TypeError):
        Prepared(OPTIONS[way]())


def test_a_record_does_not_give_its_personal_columns(calm):
    with calm.cast.unit(calm.cast.keeper) as u:
        with pytest.raises(InvalidRequestError):
            _ = u.get(C, calm.own).address
        phone = u.all(select(Phone))[0]
        with pytest.raises(InvalidRequestError):
            _ = phone.number


def test_reading_a_record_again_gives_no_personal_column(calm):
    with calm.cast.unit(calm.cast.rep) as u, pytest.raises(Refused):
        u.session.refresh(u.get(C, calm.own), ["address"])
    with calm.cast.unit(calm.cast.rep) as u:
        u.session.refresh(shown := u.get(C, calm.own))
        with pytest.raises(InvalidRequestError):
            _ = shown.address


def test_unmasked_reading_is_for_writing_verbs_only(calm):
    for right in ("customers.view", "customers.view_personal"):
        with pytest.raises(Refused), calm.cast.unit(calm.cast.rep) as u, u.acting("test.peep", right):
            u.inside(select(Phone.number))
    with pytest.raises(Refused), calm.cast.unit(calm.cast.rep) as u:
        u.inside(select(Phone.number))


@pytest.mark.parametrize("part", ["rep", "leader", "service", "partner", "marketer", "stranger", "analyst", "admin"])
def test_showing_contact_data_reaches_nobody_beyond_the_scope(world, part):
    """A customer of another team is as absent here as everywhere; one that is seen needs the right for that very one."""
    who = getattr(world.cast, part)
    for key in world.everyone:
        with world.cast.unit(who) as u:
            seen, may = u.session.get(C, key) is not None, u.may("privacy.show_contact_data")
        try:
            with world.cast.unit(who) as u:
                came = privacy.show_contact_data(u, key).phones
        except (NotFound, Refused) as error:
            came = type(error)
        assert came == (Refused if not may else NotFound) if not (seen and may) else came


def test_no_reading_unit_and_no_other_verb_gives_what_showing_gives(world):
    """The values come by a verb that writes: without its entry in the log there is nothing to see."""
    with world.cast.unit(world.cast.rep) as u:
        with pytest.raises(Refused):
            u.inside(select(Phone.number).where(Phone.customer_id == world.mates))
        assert "•" in customers.reach(u, world.mates).phones[0]
    with world.cast.unit(world.cast.rep) as u:
        assert "•" not in privacy.show_contact_data(u, world.mates).phones[0]
        assert "•" in customers.reach(u, world.mates).phones[0], "the next question gives them hidden again"
    with world.cast.unit() as u:
        entries = u.all(select(AuditEntry.changes).where(AuditEntry.verb == "privacy.show_contact_data"))
    assert len(entries) == 1
    assert "7916" not in str(entries)


def test_a_request_about_a_customer_reaches_nobody_beyond_the_scope_and_is_read_by_nobody_else(world):
    with world.cast.unit(world.cast.rep) as u:
        request = change_requests.ask(u, world.mates, "New phone: 7916").id
        with pytest.raises(NotFound):
            change_requests.ask(u, world.hidden, "x")
    for part in ("mate", "rival", "leader", "rival_leader", "partner", "marketer", "admin", "analyst"):
        with world.cast.unit(getattr(world.cast, part)) as u:
            assert u.all(select(ChangeRequest)) == [], part
            assert (change_requests.page(u), change_requests.count(u)) == ([], 0), part
            assert change_requests.one(u, request) is None, part
            assert u.rows(select(ChangeRequest.text)) == [], part
        with pytest.raises(Refused), world.cast.unit(getattr(world.cast, part)) as u:
            change_requests.answer(u, request, seen=1)
    with pytest.raises(Refused), world.cast.unit(world.cast.rep) as u, u.acting("test.answer", "requests.ask"):
        u.get(ChangeRequest, request).done_at = world.cast.now


@pytest.mark.parametrize("verb", [privacy.export_person, lambda u, key: privacy.erase(u, key, "asked")])
def test_taking_out_and_erasing_reach_as_far_as_the_right_and_no_further(world, verb):
    """Somebody who may do it for his own customers finds a hidden one absent and is refused a colleague's."""
    with world.cast.unit(world.cast.admin) as u:
        for right in ("privacy.export_person", "privacy.erase"):
            rights.adjust(u, "sales_rep", right, "own")
    for key, error in ((world.hidden, NotFound), (world.nobodys, NotFound), (world.mates, Refused)):
        with pytest.raises(error), world.cast.unit(world.cast.rep) as u:
            verb(u, key)
        with world.cast.unit() as u:
            assert customers.one(u, key).name.startswith(("Customer of", "Nobody"))
            assert "•" not in customers.reach(u, key).phones[0]
    with world.cast.unit(world.cast.rep) as u:
        verb(u, world.own)


def test_one_prepared_statement_serves_everybody_within_his_own_scope(calm):
    """Made once for the process: what it remembers must be nobody's."""
    prepared = Prepared(select(C.id, C.address, *owner).order_by(C.id))
    expected = {}
    for part in ("rep", "mate", "leader", "head", "rival", "keeper", "analyst", "partner", "stranger", "service"):
        with calm.cast.unit(getattr(calm.cast, part)) as u:
            expected[part] = u.rows(prepared.statement)

    def ask(n):
        part = list(expected)[n % len(expected)]
        with calm.cast.unit(getattr(calm.cast, part)) as u:
            return part, u.rows(prepared)

    with ThreadPoolExecutor(6) as pool:
        for part, rows in pool.map(ask, range(60)):
            assert rows == expected[part], part


def test_a_prepared_statement_without_its_persons_facts_does_not_run(calm):
    prepared = Prepared(select(C.id))
    with calm.cast.unit(calm.cast.rep) as u, pytest.raises(SQLAlchemyError):
        statement, _ = prepared.scoped(u.actor)
        u.session.connection().execute(statement)


# --- writing ----------------------------------------------------------------


def act(world, right, change, part="rep"):
    """Let somebody run a verb that a careless developer wrote; return what the database holds afterwards."""
    with world.cast.unit(getattr(world.cast, part)) as u, u.acting("test.attack", right):
        change(u)


def stored(cast, table, key):
    with cast.database.reader.connect() as connection:
        return connection.execute(select(table).where(table.c.id == key)).mappings().one()


def test_a_colleagues_customer_cannot_be_taken(world):
    def steal(u):
        u.get(C, world.mates).responsible_id = u.actor.id

    with pytest.raises(Refused):
        act(world, "customers.edit", steal)
    assert stored(world.cast, TABLE, world.mates)["responsible_id"] == PARTS["mate"].id


def test_a_leader_cannot_pull_a_customer_over_from_another_team(world):
    def pull(u):
        customer = u.session.get(C, world.hidden) or C(id=world.hidden, version=1)
        if customer not in u.session:
            make_transient_to_detached(customer)
            u.session.add(customer)
        customer.responsible_id, customer.team_id = u.actor.id, NORTH

    with pytest.raises(Refused):
        act(world, "customers.assign", pull, "leader")
    assert stored(world.cast, TABLE, world.hidden)["team_id"] == SOUTH


def test_a_leader_cannot_push_a_customer_into_another_team(world):
    def push(u):
        u.get(C, world.own).team_id = SOUTH

    with pytest.raises(Refused):
        act(world, "customers.assign", push, "leader")


def test_ones_own_customer_cannot_be_given_away_without_the_right(world):
    def give(u):
        u.get(C, world.own).responsible_id = PARTS["mate"].id

    with pytest.raises(Refused):
        act(world, "customers.edit", give)


def test_a_record_read_before_the_verb_is_guarded_by_what_is_stored(world):
    """After the rollback that begins a write, nothing of the record is loaded: the guard must ask for the 'before'."""

    def steal(u):
        with u.session.no_autoflush:
            customer.responsible_id = u.actor.id
            customer.team_id = NORTH

    with pytest.raises(Refused), world.cast.unit(world.cast.rep) as u:
        customer = customers.one(u, world.mates)
        with u.acting("test.attack", "customers.edit"):
            steal(u)
    assert stored(world.cast, TABLE, world.mates)["responsible_id"] == PARTS["mate"].id


@pytest.mark.parametrize("right", ["customers.view", "interactions.view", "customers.view_personal"])
def test_a_view_may_not_write(world, right):
    def write(u):
        u.get(C, world.own).note = "oops"

    with pytest.raises(Refused):
        act(world, right, write)
    assert stored(world.cast, TABLE, world.own)["note"] is None


def test_nothing_is_written_outside_a_verb(world):
    with pytest.raises(Refused), world.cast.unit(world.cast.leader) as u:
        u.get(C, world.own).note = "x"
    with pytest.raises(Refused), world.cast.unit(world.cast.leader) as u:
        u.delete(u.get(C, world.own))
    with pytest.raises(Refused), world.cast.unit(world.cast.leader) as u:
        u.add(Interaction(customer_id=world.own, kind="call", at=NOW, responsible_id=7, logged_at=NOW))
    assert stored(world.cast, TABLE, world.own)["note"] is None


def test_what_was_changed_outside_a_verb_is_not_saved_by_the_next_one(world):
    with pytest.raises(Refused), world.cast.unit(world.cast.leader) as u:
        customer = u.get(C, world.own)
        customers.edit(u, world.mates, {"city": "Kazan"}, seen=1)
        customer.note = "slipped in"
        customers.edit(u, world.mates, {"city": "Omsk"}, seen=2)
    assert stored(world.cast, TABLE, world.own)["note"] is None
    assert stored(world.cast, TABLE, world.mates)["city"] is None


def test_a_colleagues_customer_cannot_be_deleted(world):
    with pytest.raises(Refused):
        act(world, "customers.edit", lambda u: u.delete(u.get(C, world.mates)))


def test_a_customer_cannot_be_added_for_a_colleague_or_another_team(world):
    for part, facts in (
        ("rep", {"responsible_id": 4, "team_id": NORTH}),
        ("leader", {"responsible_id": 5, "team_id": SOUTH}),
    ):
        one = C(kind="company", name="x", sort_name="x", created_at=NOW, **facts)
        with pytest.raises(Refused):
            act(world, "customers.create", lambda u, one=one: u.add(one), part)


def test_nothing_is_attached_to_a_hidden_customer(world):
    for child in (
        Interaction(customer_id=world.hidden, kind="call", at=NOW, responsible_id=3, logged_at=NOW),
        Phone(customer_id=world.hidden, number="+7", digits="7"),
        Contact(customer_id=world.hidden, name="x", created_at=NOW),
    ):
        with pytest.raises(Refused):
            act(world, "interactions.log", lambda u, child=child: u.add(child))


def test_nothing_is_attached_to_no_customer(world):
    child = Interaction(customer_id=999_999, kind="call", at=NOW, responsible_id=3, logged_at=NOW)
    with pytest.raises(Refused):
        act(world, "interactions.log", lambda u: u.add(child))


@pytest.mark.parametrize(("part", "to"), [("rep", "hidden"), ("leader", "hidden"), ("rival", "own")])
def test_a_child_cannot_be_moved_out_of_reach(world, part, to):
    source = world.hidden if part == "rival" else world.own

    def move(u):
        u.all(select(Interaction).where(Interaction.customer_id == source))[0].customer_id = getattr(world, to)

    with pytest.raises(Refused):
        act(world, "interactions.log", move, part)


def test_a_child_cannot_be_pulled_over_from_a_hidden_customer(world):
    key = a_call(world.cast, world.hidden, "rival")

    def pull(u):
        entry = Interaction(id=key, version=1)
        make_transient_to_detached(entry)
        u.session.add(entry)
        entry.customer_id = world.own

    with pytest.raises(Refused):
        act(world, "interactions.log", pull)
    assert stored(world.cast, Interaction.__table__, key)["customer_id"] == world.hidden


@pytest.mark.parametrize("field", ["name"])
def test_a_personal_field_needs_its_right(world, field):
    with pytest.raises(Refused):
        act(world, "customers.edit", lambda u: setattr(u.get(C, world.own), field, "x"))
    with pytest.raises(Refused):
        act(world, "customers.edit", lambda u: setattr(u.get(C, world.own), field, "x"), "leader")
    act(world, "customers.edit", lambda u: setattr(u.get(C, world.own), field, "x"), "keeper")


def test_the_street_needs_its_right_though_it_is_not_loaded(world):
    with pytest.raises(Refused):
        act(world, "customers.edit", lambda u: setattr(u.get(C, world.own), "address", "x"))


def test_a_stronger_verb_does_not_lend_its_right_to_other_fields(world):
    """Whoever may hand over does not thereby change business data."""
    with pytest.raises(Refused):
        act(world, "customers.archive", lambda u: setattr(u.get(C, world.own), "note", "x"), "admin")


@pytest.mark.parametrize("right", ["interactions.log", "customers.edit"])
def test_phones_are_added_and_deleted_only_with_their_right(world, right):
    with pytest.raises(Refused):
        act(world, right, lambda u: u.add(Phone(customer_id=world.own, number="+7", digits="7")))
    with pytest.raises(Refused):
        act(world, right, lambda u: u.delete(u.all(select(Phone).where(Phone.customer_id == world.own))[0]))
    with pytest.raises(Refused):
        act(
            world,
            right,
            lambda u: setattr(u.all(select(Phone).where(Phone.customer_id == world.own))[0], "number", "1"),
        )


@pytest.mark.parametrize("right", ["interactions.log", "customers.edit"])
def test_contact_persons_are_added_and_deleted_only_with_the_right_to_personal_data(world, right):
    with pytest.raises(Refused):
        act(world, right, lambda u: u.add(Contact(customer_id=world.own, name="x", created_at=NOW)))
    with pytest.raises(Refused):
        act(world, right, lambda u: u.delete(u.all(select(Contact).where(Contact.customer_id == world.own))[0]))
    for key in ("name", "phones", "digits", "emails"):
        with pytest.raises(Refused):
            act(
                world,
                right,
                lambda u, key=key: setattr(u.all(select(Contact).where(Contact.customer_id == world.own))[0], key, "1"),
            )


BULK: dict[str, Callable[[World], Any]] = {
    "update": lambda _: update(C).values(note="x"),
    "delete": lambda _: delete(Interaction),
    "insert": lambda w: insert(Interaction).values(
        customer_id=w.hidden, kind="call", note="", at=NOW, responsible_id=3, logged_at=NOW, version=1
    ),
    "update of a table": lambda _: update(TABLE).values(note="x"),
    "delete of a table": lambda _: delete(Interaction.__table__),
    "insert into a table": lambda _: insert(User.__table__).values(
        username="x", name="x", roles=["administrator"], created_at=NOW, version=1
    ),
}


@pytest.mark.parametrize("way", BULK)
def test_bulk_changes_are_refused_unless_said_aloud(world, way):
    for loud in ({}, {"raw": True}):
        with pytest.raises(Refused):
            act(world, "interactions.log", lambda u, loud=loud: u.execute(BULK[way](world), **loud))


@pytest.mark.parametrize("way", BULK)
def test_bulk_changes_are_refused_outside_a_writing_verb(world, way):
    with world.cast.unit(world.cast.rep) as u, pytest.raises(Refused):
        u.execute(BULK[way](world), raw=True, bulk=True)
    with pytest.raises(Refused):
        act(world, "customers.view", lambda u: u.execute(BULK[way](world), raw=True, bulk=True))


def test_bulk_changes_reach_as_far_as_the_verbs_right(world):
    """The rep sees his team's customers and changes his own."""
    counted = []
    act(world, "customers.edit", lambda u: counted.append(u.execute(update(C).values(note="x"), bulk=True).rowcount))
    act(world, "interactions.edit", lambda u: counted.append(u.execute(delete(Interaction), bulk=True).rowcount))
    assert counted == [1, 1]
    with world.cast.unit() as u:
        assert {one.id for one in u.all(select(C).where(C.note == "x"))} == {world.own}
        assert {one.customer_id for one in u.all(select(Interaction))} == world.everyone - {world.own}


@pytest.mark.parametrize("way", ["bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings"])
def test_the_sessions_own_bulk_ways_are_closed(world, way):
    given = {
        "bulk_save_objects": ([Phone(customer_id=world.own, number="+7", digits="7")],),
        "bulk_insert_mappings": (Phone, [{"customer_id": world.own, "number": "+7", "digits": "7"}]),
        "bulk_update_mappings": (C, [{"id": world.own, "note": "x"}]),
    }[way]
    with pytest.raises(Refused):
        act(world, "customers.edit", lambda u: getattr(u.session, way)(*given))


def test_merging_a_made_up_record_changes_nothing(world):
    for key in (world.mates, world.hidden):
        made = C(id=key, kind="company", name="x", sort_name="x", responsible_id=3, team_id=NORTH, created_at=NOW)
        with pytest.raises(CrmError):
            act(world, "customers.edit", lambda u, made=made: u.session.merge(made))
        assert stored(world.cast, TABLE, key)["name"] != "x"


def test_a_record_carried_over_from_somebody_elses_unit_is_guarded(world):
    with world.cast.unit(world.cast.keeper) as u:
        carried = customers.one(u, world.mates)

    def change(u):
        u.session.add(carried)
        carried.note = "x"

    with pytest.raises(Refused):
        act(world, "customers.edit", change)
    assert stored(world.cast, TABLE, world.mates)["note"] is None


def test_a_merge_tells_nothing_of_customers_of_another_team(world):
    with world.cast.unit(world.cast.keeper) as u:
        into_theirs = merges.merge(u, world.hidden, world.nobodys).id
    with world.cast.unit(world.cast.rep) as u:
        assert u.all(select(Merge.id)) == []
        assert merges.of(u, world.hidden) == merges.of(u, world.nobodys) == []
        for key in (world.hidden, world.nobodys):
            with pytest.raises(NotFound):
                merges.survivor_of(u, key)
    with pytest.raises(Refused), world.cast.unit(world.cast.rep) as u:
        merges.undoing(u, into_theirs)


def test_what_a_merge_keeps_of_names_and_addresses_leaves_masked_only(world):
    with world.cast.unit(world.cast.keeper) as u:
        merge = merges.merge(u, world.mates, world.own, {"name": "other"}).id
    with world.cast.unit(world.cast.rep) as u:
        with pytest.raises(Refused, match="masked"):
            u.all(select(Merge.before))
        with pytest.raises(InvalidRequestError):
            _ = u.get(Merge, merge).before
        owned = (C.responsible_id, C.team_id, C.partner_id)
        (row,) = u.rows(select(Merge.before, *owned).join(C, C.id == Merge.customer_id))
        assert row["before"] == "••••••"


TO_A_MERGED_CARD: dict[str, Callable[[UnitOfWork, World], Any]] = {
    "the card itself": lambda u, world: u.get(Customer, world.mates),
    "a phone": lambda u, world: u.add(Phone(customer_id=world.mates, number="1", digits="1")),
    "a tag": lambda u, world: u.add(CustomerTag(customer_id=world.mates, tag_id=1)),
    "a row pulled over": lambda u, world: setattr(
        u.all(select(Contact).where(Contact.customer_id == world.own))[0], "customer_id", world.mates
    ),
    "another merge": lambda u, world: merges.merge(u, world.hidden, world.mates),
}


@pytest.mark.parametrize("way", TO_A_MERGED_CARD)
def test_a_merged_card_is_not_written_to_by_any_way(world, way):
    with world.cast.unit(world.cast.keeper) as u:
        merges.merge(u, world.own, world.mates)
    with (
        pytest.raises(Conflict, match="merged with another card"),
        world.cast.unit(world.cast.keeper) as u,
        u.acting("test.attack", "customers.edit_personal"),
    ):
        TO_A_MERGED_CARD[way](u, world)


# --- the other guarded records ----------------------------------------------


def test_plans_and_counts_of_another_team_are_not_seen(world):
    with world.cast.unit(world.cast.rival_leader) as u:
        plans.set_target(
            u, measure="calls", target=5, starts_on=NOW.date(), ends_on=NOW.date(), responsible_id=PARTS["rival"].id
        )
    with world.cast.unit(world.cast.leader) as u:
        assert u.all(select(Plan)) == []
        today = (NOW.date(), NOW.date())
        assert counters.totals(u, ["calls"], [today])["calls", today] == {PARTS["rep"].id: 2, PARTS["service"].id: 1}
        assert u.value(select(func.sum(DailyCount.count)).where(DailyCount.responsible_id == PARTS["rival"].id)) is None
    with world.cast.unit(world.cast.rep) as u:
        assert set(counters.totals(u, ["calls"], [today])["calls", today]) == {PARTS["rep"].id}


def test_a_leader_sets_no_plan_beyond_his_team(world):
    facts = {"measure": "calls", "target": 5, "starts_on": NOW.date(), "ends_on": NOW.date()}
    for whose in ({"responsible_id": PARTS["rival"].id}, {"team_id": SOUTH}, {}):
        with pytest.raises(Refused), world.cast.unit(world.cast.leader) as u:
            plans.set_target(u, **facts, **whose)


def test_notifications_reach_one_person(world):
    with world.cast.unit() as u:
        notifications.send(u, PARTS["mate"].id, "Hello {name}", name="Olga")
    with world.cast.unit(world.cast.rep) as u:
        assert u.all(select(Notification)) == []
        assert u.value(select(func.count(Notification.id))) == 0
    with world.cast.unit(world.cast.admin) as u:
        assert u.all(select(Notification)) == []


def test_a_notification_cannot_be_sent_by_a_person(world):
    for part in ("rep", "leader", "admin"):
        with pytest.raises(Refused), world.cast.unit(getattr(world.cast, part)) as u:
            notifications.send(u, PARTS["mate"].id, "Hello")


# --- own fields -------------------------------------------------------------

SETS_UP: dict[str, Callable[[UnitOfWork, int], Any]] = {
    "add": lambda u, _: fields.add(u, {"label": "Mine", "kind": "text"}),
    "change": lambda u, key: fields.change(u, key, {"label": "Mine", "mandatory": True}, seen=1),
    "rename_choice": lambda u, key: fields.rename_choice(u, key, "choice_1", "Mine", seen=1),
    "move": lambda u, key: fields.move(u, key, after=None),
    "retire": lambda u, key: fields.retire(u, key, seen=1),
    "restore": fields.restore,
}


@pytest.mark.parametrize("way", SETS_UP)
@pytest.mark.parametrize("part", ["rep", "leader", "partner", "analyst"])
def test_only_who_may_sets_up_own_fields(world, way, part):
    one = a_field(world.cast, "Size", "choice", choices=["S"])
    with pytest.raises(Refused), world.cast.unit(getattr(world.cast, part)) as u:
        SETS_UP[way](u, one.id)
    with world.cast.unit() as u:
        assert fields.everything(u) == (one,)


def test_no_other_verb_lends_its_right_to_own_fields(world):
    one = a_field(world.cast, "Size")
    for part, right in (
        ("rep", "customers.edit"),
        ("rep", "customers.create"),
        ("leader", "customers.assign"),
        ("executive", "plans.set"),
    ):
        for change in (
            lambda u: setattr(u.get(OwnField, one.id), "label", "Mine"),
            lambda u: u.add(OwnField(code="x", label="x", kind="text", position=9)),
            lambda u: u.delete(u.get(OwnField, one.id)),
        ):
            with (
                pytest.raises(Refused),
                world.cast.unit(getattr(world.cast, part)) as u,
                u.acting("test.attack", right),
            ):
                change(u)
    with world.cast.unit() as u:
        assert [each.label for each in fields.everything(u)] == ["Size"]


def test_no_other_verb_lends_its_right_to_types_of_customers(world):
    code = a_type(world.cast)
    for part, right in (("rep", "customers.edit"), ("rep", "customers.create"), ("leader", "customers.verify")):
        for change in (
            lambda u: setattr(u.session.scalar(select(CustomerType)), "name", "Mine"),
            lambda u: u.add(CustomerType(code="x", name="x", kind="company", position=9)),
            lambda u: u.delete(u.session.scalar(select(CustomerType))),
        ):
            with (
                pytest.raises(Refused),
                world.cast.unit(getattr(world.cast, part)) as u,
                u.acting("test.attack", right),
            ):
                change(u)
    with world.cast.unit() as u:
        assert templates.types(u)[code].name == "Company, large"


def test_completeness_and_verifying_of_another_team_are_neither_read_nor_done_nor_counted(world):
    with world.cast.unit(world.cast.rep) as u:
        wanted = Filters(where="completeness.more.0.and.verified.last.9999")
        assert {row["id"] for row in customers.page(u, wanted, columns=["completeness"])} == world.seen
        assert {one.responsible_id for one in quality.per_person(u, days=1)} == {PARTS["rep"].id}
        assert quality.queue_count(u, days=1, responsible_id=PARTS["rival"].id) == 0
    later = NOW + timedelta(days=400)
    with world.cast.unit(world.cast.leader, now=later) as u:
        assert {row["id"] for row in quality.queue(u, days=1)} == world.seen
    for key, fault in ((world.hidden, NotFound), (world.mates, Refused), (world.nobodys, NotFound)):
        with pytest.raises(fault), world.cast.unit(world.cast.rep) as u:
            customers.verify(u, key)


def test_values_of_own_fields_of_another_team_are_neither_read_nor_found_nor_written(world):
    one = a_field(world.cast, "Demand", listed=True)
    for key in world.everyone:
        with world.cast.unit() as u:
            customers.edit(u, key, {one.key: "quarz"}, seen=customers.one(u, key).version)
    wanted = Filters(own=((one.key, "quarz"),))
    with world.cast.unit(world.cast.rep) as u:
        assert {row["id"] for row in customers.page(u, wanted)} == world.seen
        assert customers.count(u, wanted) == len(world.seen)
        assert {row["id"] for row in u.rows(select(C.id, C.extra))} == world.seen
        assert set(u.all(customers.keys(u, wanted, right="customers.view"))) == world.seen
        for question in (customers.card, customers.values, customers.one):
            with pytest.raises(NotFound):
                question(u, world.hidden)
    for key, fault in ((world.hidden, NotFound), (world.mates, Refused)):
        with pytest.raises(fault), world.cast.unit(world.cast.rep) as u:
            customers.edit(u, key, {one.key: "mine"}, seen=2)
    with world.cast.unit() as u:
        assert {customers.one(u, key).extra[one.key] for key in world.everyone} == {"quarz"}


def test_no_filter_of_own_fields_tells_a_digit_of_a_phone(calm):
    """Its values stand in one index with phones and e-mails; what is asked for never leaves its own kind of token."""
    with calm.cast.unit() as u:
        tokens = [token for token in u.execute(select(search.TOKENS.c.token), raw=True).scalars() if token[0] in "pre"]
    assert tokens
    with calm.cast.unit(calm.cast.marketer) as u:
        for token in tokens:
            for key, value in ((token[0], token[1:]), ("", token), ("own:", token), (f"own:{token}", "")):
                assert customers.page(u, Filters(own=((key, value),))) == []


WIDE = (
    "{key}.filled.or.{key}.empty", "{key}.not.1.or.stage.filled", "any..{key}.filled..kind.is.company.person", "contacts.more.-1",
    "responsible.not.3", "team.is.{south}.or.team.is.{north}.or.team.empty", "created.after.19000101", "tag.empty", "phone.filled",
    "archived.is.no.or.archived.is.yes",
)  # fmt: skip


@pytest.mark.parametrize("part", ["rep", "leader", "rival", "stranger", "partner"])
def test_no_rule_reaches_beyond_the_scope(calm, part):
    seen = {"rep": calm.seen, "leader": calm.seen, "rival": {calm.hidden}}.get(part, set())
    with calm.cast.unit(getattr(calm.cast, part)) as u:
        known = rules.askable(u.actor, fields.definitions(u))
        for key in known:
            for text in WIDE:
                wanted = Filters(where=text.format(key=key, south=SOUTH, north=NORTH))
                assert {row["id"] for row in customers.page(u, wanted)} <= seen, wanted
                assert customers.count(u, wanted) <= len(seen), wanted
                assert set(u.all(customers.keys(u, wanted, right="customers.view"))) <= seen, wanted


def test_no_rule_tells_more_of_contact_data_than_whether_they_are_there(calm):
    """A question that can be answered with yes or no reads a phone digit by digit; only 'is there one' is asked."""
    closed = {key for table in (C, Phone, Email) for key, one in table.__table__.columns.items() if "view" in one.info}
    with calm.cast.unit(calm.cast.rep) as u:
        known = rules.askable(u.actor, fields.definitions(u))
        asked = {one.column or one.key for one in known.values() if one.takes is not rules.Takes.PRESENCE}
        assert not closed & asked
        everybody = {row["id"] for row in customers.page(u)}
        for key in ("phone", "email", "address", *closed, "phones", "emails"):
            for operator in set(rules.Operator) - rules.WHETHER:
                for value in ("7916000000", "rep@example--dcom", "%", "1", "Street 1"):
                    wanted = Filters(where=f"{key}.{operator}.{value}")
                    assert {row["id"] for row in customers.page(u, wanted)} == everybody, "left out, whatever it asks"


def test_a_partner_does_not_learn_by_a_rule_whose_customer_it_is(world):
    theirs = a_customer(world.cast, "rep", partner=True)
    for where in (f"responsible.is.{PARTS['rep'].id}", "responsible.is.4711", "responsible.empty", f"team.is.{SOUTH}"):
        with world.cast.unit(world.cast.partner) as u:
            assert [row["id"] for row in customers.page(u, Filters(where=where))] == [theirs]


def test_a_partner_sees_the_customers_of_that_partner_and_no_more(world):
    theirs = a_customer(world.cast, "rep", partner=True)
    with world.cast.unit(world.cast.partner) as u:
        assert {one.id for one in u.all(select(C))} == {theirs}
        assert {row["partner_id"] for row in u.rows(select(C.partner_id))} == {PARTNER}
        with pytest.raises(NotFound):
            interactions.log(u, world.own, kind="call")


def test_every_role_sees_exactly_its_scope(world):
    expected = {
        "admin": world.everyone,
        "keeper": world.everyone,
        "rep": world.seen,
        "rival": {world.hidden},
        "leader": world.seen,
        "head": {world.own, world.mates, world.hidden},
        "service": world.everyone,
        "marketer": world.everyone,
        "analyst": world.everyone,
        "executive": world.everyone,
        "product": world.everyone,
        "partner": set(),
        "stranger": set(),
    }
    assert {PARTS[part].role for part in expected} == set(Role)
    for part, seen in expected.items():
        with world.cast.unit(getattr(world.cast, part)) as u:
            assert set(customers.listing(u).index) == seen, part
            assert customers.count(u) == len(seen), part
