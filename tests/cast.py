"""The cast: the same people in every test, the builders of what they work on, and one valid call of every verb.

    Sales (led by `head`)          without a team
      North (led by `leader`)        admin, keeper, marketer, analyst, executive, product, stranger
        rep, mate, service, gone     partner (of partner 7)
      South (led by `rival_leader`)
        rival

Everybody is found by the name of the part: `cast.rep` is the Identity of the sales rep of the North.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select

from crm import (
    backups,
    change_requests,
    consents,
    contacts,
    customers,
    documents,
    doubles,
    duplicates,
    exports,
    fields,
    handovers,
    imports,
    interactions,
    market,
    mass_edits,
    merges,
    missing_data,
    notifications,
    plans,
    privacy,
    products,
    purchases,
    quality,
    relations,
    reports,
    requisites,
    rights,
    saved_filters,
    settings,
    stages,
    tags,
    teams,
    templates,
    types,
    users,
)
from crm.core import jobs
from crm.core.access import SYSTEM, Actor, Identity
from crm.core.errors import Invalid
from crm.core.grants import Role
from crm.core.people import Team, User
from crm.core.uow import UnitOfWork, unit_of_work
from db.backup import CopyFailed, Kind, Trouble
from db.dialect import reset_ids
from db.engine import Database

NOW: Final = datetime(2026, 2, 9, 9, 0, tzinfo=ZoneInfo("Europe/Moscow"))
"""A Monday."""

SALES, NORTH, SOUTH = 1, 2, 3
PARTNER: Final = 7
"""The partner that the partner of the cast works for."""


class Part(NamedTuple):
    """One person of the cast."""

    id: int
    name: str
    role: Role
    team_id: int | None = None
    partner_id: int | None = None


PARTS: Final = MappingProxyType(
    {
        "admin": Part(1, "Anna Administrator", Role.ADMINISTRATOR),
        "keeper": Part(2, "Kira Keeper", Role.RECORD_KEEPER),
        "rep": Part(3, "Ivan Rep", Role.SALES_REP, NORTH),
        "mate": Part(4, "Olga Mate", Role.SALES_REP, NORTH),
        "rival": Part(5, "Wei Rival", Role.SALES_REP, SOUTH),
        "service": Part(6, "Sveta Service", Role.SERVICE_REP, NORTH),
        "leader": Part(7, "Maria Leader", Role.SALES_MANAGER, NORTH),
        "rival_leader": Part(8, "Sun Leader", Role.SALES_MANAGER, SOUTH),
        "head": Part(9, "Irina Head", Role.SALES_MANAGER, SALES),
        "marketer": Part(10, "Mark Marketer", Role.MARKETER),
        "analyst": Part(11, "Alla Analyst", Role.ANALYST),
        "executive": Part(12, "Egor Executive", Role.EXECUTIVE),
        "product": Part(13, "Petr Product", Role.PRODUCT_MANAGER),
        "partner": Part(14, "Pavel Partner", Role.PARTNER, partner_id=PARTNER),
        "gone": Part(15, "Dmitri Gone", Role.SALES_REP, NORTH),
        "stranger": Part(16, "Lev Stranger", Role.SALES_REP),
    }
)
TEAMS: Final = (
    (SALES, "Sales", None, "head"),
    (NORTH, "North", SALES, "leader"),
    (SOUTH, "South", SALES, "rival_leader"),
)
PLAYS: Final = MappingProxyType(
    {
        Role.ADMINISTRATOR: "admin",
        Role.RECORD_KEEPER: "keeper",
        Role.SALES_REP: "rep",
        Role.SERVICE_REP: "service",
        Role.SALES_MANAGER: "leader",
        Role.MARKETER: "marketer",
        Role.ANALYST: "analyst",
        Role.EXECUTIVE: "executive",
        Role.PRODUCT_MANAGER: "product",
        Role.PARTNER: "partner",
    }
)
"""Who of the cast plays each role when all roles are gone through."""


@dataclass
class Cast:
    """The people in one database. `unit` opens a unit of work for one of them, at NOW unless told otherwise."""

    database: Database
    now: datetime = NOW

    def __getattr__(self, part: str) -> Identity:
        """Return one person's Identity by the name of the part."""
        if part not in PARTS:
            raise AttributeError(part)
        return Identity(PARTS[part].id)

    def unit(
        self, who: Identity | Actor | None = None, *, key: str | None = None, now: datetime | None = None
    ) -> AbstractContextManager[UnitOfWork]:
        """Open a unit of work: for somebody, or without a name for SYSTEM."""
        return unit_of_work(self.database, who or SYSTEM, now=now or self.now, key=key)

    @classmethod
    def assemble(cls, database: Database) -> "Cast":
        """Put the people and teams into an empty database, below the door: somebody has to be there first."""
        teams = [{"id": key, "name": name, "version": 1} for key, name, _, _ in TEAMS]
        people = [
            {
                "id": one.id,
                "username": part,
                "name": one.name,
                "email": f"{part}@rapport.example",
                "roles": [one.role.value],
                "team_id": one.team_id,
                "partner_id": one.partner_id,
                "created_at": NOW,
                "disabled_at": NOW if part == "gone" else None,
                "version": 1,
            }
            for part, one in PARTS.items()
        ]
        table = Team.__table__
        with database.writing() as connection:
            connection.execute(insert(table), teams)
            connection.execute(insert(User.__table__), people)
            for key, _, parent_id, leader in TEAMS:
                facts = {"parent_id": parent_id, "leader_id": PARTS[leader].id}
                connection.execute(table.update().where(table.c.id == key).values(facts))
            for one in (table, User.__table__):
                reset_ids(connection, one)
        return cls(database)


# --- builders ---------------------------------------------------------------

PHONE: Final = "+7 916 123-45-67"
EMAIL: Final = "ivan@example.com"
INN: Final = "7707083893"
ADDRESS: Final = "Tverskaya 1"


def a_customer(cast: Cast, of: str | None = "rep", *, partner: bool = False, **raw: Any) -> int:
    """Let the record keeper add a customer of somebody (None: of nobody, without a team); return its id.

    raw: as in `customers.checked`; without it a company named after its responsible, with phone, e-mail and address.
    """
    name = "Nobody's" if of is None else f"Customer of {of}"
    facts = {"name": name, "phones": [PHONE], "emails": [EMAIL], "address": ADDRESS} | raw
    with cast.unit() as u:
        customer = customers.create(u, facts, responsible_id=None if of is None else PARTS[of].id)
    if partner:
        with cast.database.writing() as connection:
            table = customers.Customer.__table__
            connection.execute(table.update().where(table.c.id == customer.id).values(partner_id=PARTNER))
    return customer.id


def a_field(cast: Cast, label: str, kind: str = "text", by: str = "keeper", **raw: Any) -> fields.Definition:
    """Let the record keeper add an own field; return its definition."""
    with cast.unit(getattr(cast, by)) as u:
        added = fields.add(u, {"label": label, "kind": kind} | raw).id
        return next(one for one in fields.everything(u) if one.id == added)


def a_type(cast: Cast, name: str = "Company, large", kind: str = "company", by: str = "keeper", **fields: str) -> str:
    """Let the record keeper add a type of customers; return its code. fields: key -> how much it is asked for."""
    with cast.unit(getattr(cast, by)) as u:
        code = types.add(u, {"name": name, "kind": kind}).code
    for key, level in fields.items():
        placed(cast, code, key, level)
    return code


def placed(
    cast: Cast, code: str, key: str, level: str, *, group: str = "Business data", after: str | None = None
) -> None:
    """Let the record keeper say how much a field is asked of customers of a type."""
    with cast.unit(cast.keeper) as u:
        seen = templates.types(u)[code].version
        types.place(u, code, key, level=level, group=group, after=after, seen=seen)


def a_call(cast: Cast, customer_id: int, by: str = "rep", **facts: Any) -> int:
    """Let somebody log an outbound call with a customer; return the entry's id."""
    given = {"kind": "call", "direction": "out", "outcome": "finished"} | facts
    with cast.unit(getattr(cast, by)) as u:
        return interactions.log(u, customer_id, **given).id


def a_contact(cast: Cast, customer_id: int, **raw: Any) -> int:
    """Let the record keeper add a person at a customer; return its id."""
    facts = {"name": "Petra Person", "phones": ["+7 495 765-43-21"], "emails": ["petra@example.com"]} | raw
    with cast.unit() as u:
        return contacts.add(u, customer_id, facts).id


def some_requisites(cast: Cast, customer_id: int, **raw: Any) -> int:
    """Let the record keeper add requisites of a customer; return their id."""
    with cast.unit() as u:
        return requisites.add(u, customer_id, {"name": "Signed Ltd", "ogrn": "1027700132195"} | raw).id


def a_consent(cast: Cast, customer_id: int, purpose: str = "email", **facts: Any) -> int:
    """Let the record keeper record a consent of a customer; return its id."""
    given: dict[str, Any] = {"basis": "consent", "given_on": DAY, "how": "paper", "proof": "Form 12"} | facts
    with cast.unit() as u:
        return consents.record(u, customer_id, purpose=purpose, **given).id


def a_pair(cast: Cast, one: int, other: int, certainty: float = 0.99, signs: tuple[str, ...] = ("phone",)) -> int:
    """Note of two customers that they may be one; return the pair's id."""
    found = duplicates.Found(min(one, other), max(one, other), (1, 1), certainty, signs)
    with cast.unit() as u:
        look = duplicates.run.begin(u, f"look for {one} and {other}").id
        duplicates.run.keep(u, look, [found])
        duplicates.run.finish(u, look, customers=2)
        these = duplicates.Pair.customer_id == found.customer_id, duplicates.Pair.other_id == found.other_id
        return int(u.value(select(duplicates.Pair.id).where(*these)))


def is_measured(cast: Cast) -> bool:
    """Say whether every card is as complete as it says."""
    with cast.unit() as u, u.acting("test.look", "fields.manage"):
        return customers.measure_between(u, 1, 10**9) == 0


def a_relation(cast: Cast, customer_id: int, other_id: int, kind: str = "subsidiary") -> int:
    """Let the record keeper say what another customer is to a customer; return the relation's id."""
    with cast.unit() as u:
        return relations.link(u, customer_id, other_id, kind).id


def a_document(
    cast: Cast,
    customer_id: int,
    content: bytes = b"We promise.",
    name: str = "Contract.pdf",
    *,
    by: str | None = None,
    kind: str = "contract",
    note: str = "",
) -> int:
    """Let Rapport itself, or somebody, add a document to a customer; return its id."""
    who = getattr(cast, by) if by else None
    with cast.unit(who) as u:
        received = documents.receive(u, [(name, content)])
    with cast.unit(who) as u:
        return documents.add(u, customer_id, received[0], kind=kind, note=note).id


def a_supply(cast: Cast, customer_id: int, competitor: str = "Rivals Ltd", by: str | None = None, **raw: Any) -> int:
    """Note that a competitor sells to a customer; return the note's id."""
    with cast.unit(getattr(cast, by) if by else None) as u:
        return market.add_supply(u, customer_id, {"competitor": competitor} | raw).id


def a_voice(cast: Cast, customer_id: int, text: str = "Too dear", kind: str = "doubt", by: str | None = None) -> int:
    """Note what a customer said; return the note's id."""
    with cast.unit(getattr(cast, by) if by else None) as u:
        return market.add_voice(u, customer_id, kind=kind, text=text).id


def a_binned_document(cast: Cast, customer_id: int) -> int:
    """Let Rapport itself put a document of a customer into the bin; return its id."""
    key = a_document(cast, customer_id, name="Old.pdf")
    with cast.unit() as u:
        documents.archive(u, key, seen=1)
    return key


def a_former_contact(cast: Cast, customer_id: int) -> int:
    """Let the record keeper add a person who is no longer there; return the id."""
    key = a_contact(cast, customer_id, name="Gustav Gone")
    with cast.unit() as u:
        contacts.leave(u, key, seen=1)
    return key


# --- one valid call of every verb -------------------------------------------


@dataclass(frozen=True)
class Stage:
    """What one person has before him when the verbs are gone through, one after the other, each undone at once.

    customer_id: the customer that the verb is tried on, at version 1, double_id: another one of the same person.
    contact_id: a person there, too, gone_id: one who has left. tag_ids: two tags, requisites_id and consent_id: of the
    customer. imports: state -> an import of the person's own;
    pair: id and customers of two that may be one;
    survey: how the staged one reads; terms: what the running one is stored under. plan_id: a plan of the North.
    team_id: a team without people. job_id: a job that the person asked for. field_id: an own field with the choices S and M.
    request_id: an open request of the rep's. exports and mass_edits: state -> one of the person's own. filter_id: a saved filter of
    the person's own. report_id: a draft of this month's.
    type_code: of a type of companies. relation_id: of the customer to the other one, second_id another of
    the same responsible. document_id: of the customer, binned_id: another one, in the bin. supply_id and
    voice_id: of the customer.
    """

    cast: Cast
    part: str
    customer_id: int
    double_id: int
    contact_id: int
    gone_id: int
    tag_ids: tuple[int, int]
    requisites_id: int
    consent_id: int
    product_id: int
    plan_id: int
    team_id: int
    field_id: int
    imports: Mapping[str, imports.Import]
    survey: Any
    terms: Any
    job_id: str
    request_id: int
    exports: Mapping[str, Any]
    mass_edits: Mapping[str, Any]
    filter_id: int
    pair: tuple[int, int, int]
    type_code: str
    relation_id: int
    second_id: int
    document_id: int
    binned_id: int
    supply_id: int
    voice_id: int
    report_id: int

    @property
    def me(self) -> int:
        """The id of the person."""
        return PARTS[self.part].id

    @property
    def somebody(self) -> int:
        """A colleague whose account one may work on."""
        return PARTS["stranger"].id


Call = Callable[[UnitOfWork, Stage], Any]
DAY: Final = NOW.date()
THEIRS, LATER = customers.Filters(stage="won_back"), mass_edits.Wish({"stage": "lost"})
WISH: Final = exports.Wish(customers.Filters(), exports.Form.CSV, "en")
RECEIVED: Final = documents.Received("0" * 32, "Offer.pdf", 3, "0" * 64)
CALLS: Final[Mapping[str, Call]] = {
    "backups.ask": lambda u, _: backups.ask(u),
    "backups.note": lambda u, _: backups.note(u, []),
    "backups.note_failure": lambda u, _: backups.note_failure(u, Kind.MANUAL, CopyFailed(Trouble.UNDER_WAY)),
    "change_requests.answer": lambda u, s: change_requests.answer(u, s.request_id, "Done", seen=1),
    "change_requests.ask": lambda u, s: change_requests.ask(u, s.customer_id, "New phone"),
    "consents.end": lambda u, s: consents.end(u, s.consent_id, on=DAY, how=None, seen=1),
    "consents.record": lambda u, s: consents.record(u, s.customer_id, purpose="email", basis="interest", given_on=DAY),
    "contacts.add": lambda u, s: contacts.add(u, s.customer_id, {"name": "Newcomer"}),
    "contacts.change": lambda u, s: contacts.change(u, s.contact_id, {"position": "Director"}, seen=1),
    "contacts.come_back": lambda u, s: contacts.come_back(u, s.gone_id, seen=2),
    "contacts.complete": lambda u, s: contacts.complete(u, s.customer_id, {"name": "Newcomer"}),
    "contacts.leave": lambda u, s: contacts.leave(u, s.contact_id, seen=1),
    "customers.archive": lambda u, s: customers.archive(u, s.customer_id, seen=1),
    "customers.assign": lambda u, s: customers.assign(u, s.customer_id, responsible_id=s.me, seen=1),
    "customers.create": lambda u, s: customers.create(u, {"name": "New", "phones": [PHONE]}, responsible_id=s.me),
    "customers.edit": lambda u, s: customers.edit(u, s.customer_id, {"city": "Kazan"}, seen=1),
    "customers.edit_personal": lambda u, s: customers.edit_personal(
        u, s.customer_id, {"name": "Zed", "emails": []}, seen=1
    ),
    "customers.verify": lambda u, s: customers.verify(u, s.customer_id, seen=1),
    "customers.restore": lambda u, s: customers.restore(u, s.customer_id),
    "documents.add": lambda u, s: documents.add(u, s.customer_id, RECEIVED, kind="offer"),
    "documents.archive": lambda u, s: documents.archive(u, s.document_id, seen=1),
    "documents.change": lambda u, s: documents.change(u, s.document_id, kind="other", note="x", seen=1),
    "documents.erase": lambda u, s: documents.erase(u, s.binned_id),
    "documents.renew": lambda u, s: documents.renew(u, s.document_id, RECEIVED, seen=1),
    "documents.restore": lambda u, s: documents.restore(u, s.binned_id),
    "documents.take": lambda u, s: documents.take(u, s.document_id),
    "doubles.add": lambda u, s: doubles.add(
        u, {"name": "Unheard of", "phones": ["+7 999 000-00-01"], "address": ADDRESS}, responsible_id=s.me
    ),
    "doubles.ask_for_access": lambda u, _: doubles.ask_for_access(u, {"phones": [PHONE]}),
    "doubles.grant": lambda u, s: doubles.grant(u, s.customer_id, s.me, seen=1),
    "doubles.settle": lambda u, s: doubles.settle(u, {"phones": ["+7 999 000-00-01"]}, of=s.customer_id),
    "doubles.told": lambda u, _: doubles.told(u, {"phones": [PHONE]}),
    "duplicates.begin": lambda u, _: duplicates.run.begin(u, "by-calendar"),
    "duplicates.fail": lambda u, _: duplicates.run.fail(u, "nothing", Invalid("x")),
    "duplicates.finish": lambda u, _: duplicates.run.finish(u, duplicates.run.begin(u, "finished").id, 0),
    "duplicates.keep": lambda u, s: duplicates.run.keep(
        u, duplicates.run.begin(u, "kept").id, [duplicates.Found(*s.pair[1:], (1, 1), 0.9, ("phone",))]
    ),
    "duplicates.look_now": lambda u, _: duplicates.look_now(u),
    "duplicates.part": lambda u, s: duplicates.part(u, s.pair[0]),
    "duplicates.stop": lambda u, _: duplicates.stop(u, duplicates.look_now(u).id),
    "duplicates.unpart": lambda u, s: duplicates.unpart(u, s.pair[0]),
    "exports.ask": lambda u, _: exports.ask(u, WISH, sign_in_id=None),
    "exports.fail": lambda u, s: exports.steps.fail(u, s.exports["making"].id, Invalid("x")),
    "exports.finish": lambda u, s: exports.steps.finish(u, s.exports["making"].id, 1),
    "exports.keep": lambda u, _: exports.keep(u, WISH, ("0" * 32, 1), sign_in_id=None),
    "exports.note_refusal": lambda u, _: exports.steps.note_refusal(u),
    "exports.remove_old_files": lambda u, _: exports.steps.remove_old_files(u),
    "exports.take": lambda u, s: exports.take(u, s.exports["ready"].stored_as, sign_in_id=None),
    "fields.add": lambda u, _: fields.add(u, {"label": "Shoe size", "kind": "number"}),
    "fields.change": lambda u, s: fields.change(u, s.field_id, {"label": "Dress", "choices": ["M", "S"]}, seen=1),
    "fields.move": lambda u, s: fields.move(u, s.field_id, after=None),
    "fields.rename_choice": lambda u, s: fields.rename_choice(u, s.field_id, "choice_1", "XS", seen=1),
    "fields.restore": lambda u, s: fields.restore(u, s.field_id),
    "fields.retire": lambda u, s: fields.retire(u, s.field_id, seen=1),
    "handovers.hand_over": lambda u, _: handovers.hand_over(u, PARTS["mate"].id, [PARTS["rep"].id]),
    "handovers.take_back": lambda u, _: (
        handovers.hand_over(u, PARTS["mate"].id, [PARTS["rep"].id]),
        handovers.take_back(u, handovers.recent(u)[0].id),
    ),
    "imports.attempt": lambda u, s: imports.attempt(u, s.imports["staged"].id),
    "imports.choose": lambda u, s: imports.choose(u, s.imports["staged"].id, s.imports["staged"].plan, seen=1),
    "imports.discard": lambda u, s: imports.discard(u, s.imports["staged"].id),
    "imports.fail": lambda u, s: imports.run.fail(u, s.imports["running"].id, Invalid("x")),
    "imports.finish": lambda u, s: imports.run.finish(u, s.imports["running"].id),
    "imports.remove_old_files": lambda u, _: imports.steps.remove_old_files(u),
    "imports.report": lambda u, s: imports.trial.report(u, s.imports["checking"].id, {"done": True}),
    "imports.reread": lambda u, s: imports.reread(u, s.imports["staged"].id, s.survey, seen=1),
    "imports.resume": lambda u, s: imports.resume(u, s.imports["stopped"].id),
    "imports.stage": lambda u, _: imports.stage(u, imports.files.receive("more.csv", b"name\nMore\n")),
    "imports.start": lambda u, s: imports.start(u, s.imports["staged"].id),
    "imports.start_here": lambda u, s: imports.steps.start_here(u, s.imports["staged"].id),
    "imports.stop": lambda u, s: imports.stop(u, s.imports["running"].id),
    "imports.take": lambda u, s: imports.run.take(u, s.imports["running"].id, 0, (), s.terms),
    "imports.take_all_back": lambda u, s: imports.take_all_back(u, s.imports["finished"].id),
    "imports.take_back": lambda u, s: imports.undo.take_back(u, s.imports["undoing"].id),
    "imports.finish_undo": lambda u, s: imports.undo.finish_undo(u, s.imports["undoing"].id),
    "imports.take_faults_file": lambda u, s: imports.steps.take_faults_file(u, s.imports["stopped"].id),
    "interactions.log": lambda u, s: interactions.log(u, s.customer_id, kind="call", direction="out", note="x"),
    "jobs.cancel": lambda u, s: jobs.cancel(u, s.job_id),
    "market.add_supply": lambda u, s: market.add_supply(u, s.customer_id, {"competitor": "Rivals Ltd"}),
    "market.add_voice": lambda u, s: market.add_voice(u, s.customer_id, kind="doubt", text="Too dear"),
    "market.change_supply": lambda u, s: market.change_supply(u, s.supply_id, {"competitor": "Others"}, seen=1),
    "market.drop_supply": lambda u, s: market.drop_supply(u, s.supply_id, seen=1),
    "market.drop_voice": lambda u, s: market.drop_voice(u, s.voice_id),
    "mass_edits.ask": lambda u, _: mass_edits.ask(u, THEIRS, LATER, seen=mass_edits.preview(u, THEIRS, LATER).count),
    "mass_edits.change_some": lambda u, s: mass_edits.change_some(u, s.mass_edits["running"].id),
    "mass_edits.stop": lambda u, s: mass_edits.stop(u, s.mass_edits["running"].id),
    "mass_edits.undo": lambda u, s: mass_edits.undo(u, s.mass_edits["finished"].id),
    "mass_edits.undo_some": lambda u, s: mass_edits.undo_some(u, s.mass_edits["undoing"].id),
    "merges.merge": lambda u, s: merges.merge(u, s.customer_id, s.double_id),
    "merges.undo": lambda u, s: merges.undo(u, merges.merge(u, s.customer_id, s.double_id).id),
    "missing_data.ask": lambda u, s: missing_data.ask(u, s.customer_id),
    "notifications.mark_read": lambda u, _: notifications.mark_read(u),
    "notifications.send": lambda u, s: notifications.send(u, s.somebody, "Hello"),
    "plans.drop": lambda u, s: plans.drop(u, s.plan_id, seen=1),
    "plans.set_target": lambda u, _: plans.set_target(
        u, measure="meetings", target=5, starts_on=DAY, ends_on=DAY, responsible_id=PARTS["rep"].id
    ),
    "privacy.erase": lambda u, s: privacy.erase(u, s.customer_id, "asked"),
    "privacy.export_person": lambda u, s: privacy.export_person(u, s.customer_id),
    "privacy.take_person_file": lambda u, s: privacy.take_person_file(
        u, s.exports["person"].stored_as, sign_in_id=None
    ),
    "privacy.show_contact_data": lambda u, s: privacy.show_contact_data(u, s.customer_id),
    "products.change": lambda u, s: products.change(u, s.product_id, {"name": "Other"}, seen=1),
    "products.create": lambda u, _: products.create(
        u, {"code": "B2", "name": "Table", "price": "5", "currency": "EUR"}
    ),
    "purchases.record": lambda u, s: purchases.record(u, s.customer_id, [purchases.Line(s.product_id)]),
    "quality.measure": lambda u, _: quality.measure(u, 1, 10),
    "relations.link": lambda u, s: relations.link(u, s.customer_id, s.second_id, "partner"),
    "relations.unlink": lambda u, s: relations.unlink(u, s.relation_id),
    "reports.conclude": lambda u, s: reports.conclude(u, s.report_id, "All is well", seen=1),
    "reports.draft": lambda u, _: reports.draft(u),
    "reports.file": lambda u, s: reports.file(u, s.report_id, seen=1),
    "reports.make": lambda u, _: reports.make(u, DAY),
    "requisites.add": lambda u, s: requisites.add(u, s.customer_id, {"inn": INN}),
    "requisites.change": lambda u, s: requisites.change(u, s.requisites_id, {"kpp": "770701001"}, seen=1),
    "requisites.complete": lambda u, s: requisites.complete(u, s.customer_id, {"inn": INN}),
    "requisites.drop": lambda u, s: requisites.drop(u, s.requisites_id, seen=1),
    "rights.adjust": lambda u, _: rights.adjust(u, "analyst", "plans.set", "own"),
    "rights.apply_preset": lambda u, _: rights.apply_preset(u, "small_team"),
    "rights.reset": lambda u, _: rights.reset(u, "analyst", "plans.set"),
    "saved_filters.change": lambda u, s: saved_filters.change(u, s.filter_id, seen=1, name="Otherwise"),
    "saved_filters.choose_columns": lambda u, _: saved_filters.choose_columns(u, ["city"]),
    "saved_filters.drop": lambda u, s: saved_filters.drop(u, s.filter_id, seen=1),
    "saved_filters.save": lambda u, _: saved_filters.save(u, "Lost ones", {"stage": "lost"}),
    "saved_filters.share": lambda u, s: saved_filters.share(u, s.filter_id, whom=NORTH, seen=1),
    "settings.change": lambda u, _: settings.change(u, "company_name", "House"),
    "settings.change_all": lambda u, _: settings.change_all(
        u, {"company_name": "House"}, seen={"company_name": "Rapport"}
    ),
    "stages.set_strategy": lambda u, _: stages.set_strategy(u, "new", "Welcome them", "Call in a week", seen=0),
    "tags.change": lambda u, s: tags.change(u, s.customer_id, on=["VIP"]),
    "tags.drop": lambda u, s: tags.drop(u, s.tag_ids[0], seen=1),
    "tags.join": lambda u, s: tags.join(u, *s.tag_ids, seen=1),
    "tags.learn": lambda u, _: tags.learn(u, ["Quite new"]),
    "tags.rename": lambda u, s: tags.rename(u, s.tag_ids[0], "Gold", tone="good", seen=1),
    "teams.create": lambda u, _: teams.create(u, "East", parent_id=SALES),
    "teams.dissolve": lambda u, s: teams.dissolve(u, s.team_id, seen=1),
    "teams.move_person": lambda u, s: teams.move_person(u, s.somebody, SOUTH),
    "teams.rename": lambda u, s: teams.rename(u, s.team_id, "Far West", seen=1),
    "teams.set_leader": lambda u, s: teams.set_leader(u, s.team_id, s.somebody, seen=1),
    "teams.set_parent": lambda u, s: teams.set_parent(u, s.team_id, SALES, seen=1),
    "types.add": lambda u, _: types.add(u, {"name": "Company, large", "kind": "company"}),
    "types.arrange": lambda u, s: types.arrange(u, s.type_code, "Business data", name="Business", after=None, seen=1),
    "types.place": lambda u, s: types.place(u, s.type_code, "need", level="must", group="Need", after=None, seen=1),
    "types.rename": lambda u, s: types.rename(u, s.type_code, "Otherwise", seen=1),
    "types.reset": lambda u, _: types.reset(u, "person", seen=0),
    "types.restore": lambda u, s: types.restore(u, s.type_code),
    "types.retire": lambda u, s: types.retire(u, s.type_code, seen=1),
    "users.change": lambda u, s: users.change(u, s.somebody, {"name": "Leo"}, seen=1),
    "users.create": lambda u, _: users.create(u, {"username": "newcomer", "name": "New", "roles": ["analyst"]}),
    "users.delete": lambda u, s: users.delete(u, s.somebody, hand_over_to=PARTS["rep"].id),
    "users.disable": lambda u, s: users.disable(u, s.somebody),
    "users.drop_second_factor": lambda u, s: users.drop_second_factor(u, s.somebody),
    "users.enable": lambda u, _: users.enable(u, PARTS["gone"].id),
    "users.hand_over": lambda u, s: users.hand_over(u, s.somebody, PARTS["rep"].id),
    "users.reset_password": lambda u, s: users.reset_password(u, s.somebody),
    "users.set_language": lambda u, _: users.set_language(u, "ru"),
    "users.set_roles": lambda u, s: users.set_roles(u, s.somebody, ["analyst"], seen=1),
    "users.set_timezone": lambda u, _: users.set_timezone(u, "Asia/Shanghai"),
    "users.sign_out_everywhere": lambda u, s: users.sign_out_everywhere(u, s.somebody),
    "users.unlock": lambda u, s: users.unlock(u, s.somebody),
}
"""Verb -> a call of it that succeeds for whoever has its right. Whoever adds a verb adds his line here."""

ON_CUSTOMERS: Final = frozenset(
    {
        "consents.end",
        "consents.record",
        "contacts.add",
        "contacts.change",
        "contacts.come_back",
        "contacts.complete",
        "contacts.leave",
        "change_requests.ask",
        "customers.archive",
        "customers.assign",
        "customers.edit",
        "customers.edit_personal",
        "customers.restore",
        "customers.verify",
        "documents.add",
        "documents.archive",
        "documents.change",
        "documents.erase",
        "documents.renew",
        "documents.restore",
        "documents.take",
        "doubles.grant",
        "interactions.log",
        "market.add_supply",
        "market.add_voice",
        "market.change_supply",
        "market.drop_supply",
        "market.drop_voice",
        "merges.merge",
        "merges.undo",
        "privacy.erase",
        "privacy.export_person",
        "privacy.show_contact_data",
        "purchases.record",
        "relations.link",
        "relations.unlink",
        "requisites.add",
        "requisites.change",
        "requisites.complete",
        "requisites.drop",
        "tags.change",
    }
)
"""Verbs that work on `stage.customer_id`: tried on one's own, a colleague's, another team's and nobody's customer."""
