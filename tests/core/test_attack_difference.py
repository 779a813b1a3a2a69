"""What is out of sight makes no difference: every query says the same whether a customer of another team is there or not.

Not by a row, a count, an order, a sum, a proposal of the look-up or the words of a refusal. What may be told (that a customer
with the very same phone exists, and whose it is; whose a related customer is) stands in test_attack.py and test_relations.py.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields, is_dataclass
from datetime import timedelta
from types import FunctionType
from typing import Any, Final

import pandas as pd
from sqlalchemy import inspect as looked_into
from sqlalchemy import select

import crm
from crm import (
    audit,
    briefs,
    change_requests,
    consents,
    contacts,
    counters,
    customers,
    duplicates,
    exports,
    handovers,
    imports,
    interactions,
    mass_edits,
    merges,
    notifications,
    plans,
    privacy,
    products,
    purchases,
    quality,
    relations,
    requisites,
    saved_filters,
    stages,
    tags,
    types,
    users,
)
from crm.core import records
from crm.core.errors import CrmError
from crm.core.grants import TEAM, Role
from crm.core.uow import UnitOfWork
from crm.core.verbs import is_verb
from crm.customers import Customer, Filters
from crm.exports import Form
from crm.exports.records import path_of
from crm.handovers import WAYS
from crm.mass_edits import Wish
from db.base import Record
from tests.cast import (
    DAY,
    NOW,
    PARTS,
    SOUTH,
    Cast,
    a_call,
    a_consent,
    a_contact,
    a_customer,
    a_field,
    a_pair,
    a_relation,
    some_requisites,
)
from tests.core.test_rights_matrix import adjusted
from tests.test_imports import ran, staged

RIVAL: Final = PARTS["rival"].id
ABSENT: Final = 999_999
PHONE, INN = "+7 916 888-77-66", "7736050003"
PARTS_OF = (
    "customer",
    "contact",
    "requisites",
    "consent",
    "entry",
    "purchase",
    "request",
    "merge",
    "mass_edit",
    "import",
    "entry_of_log",
)
READERS: Final = ("rep", "leader", "partner", "stranger")
WIDE: Final = {
    (Role.SALES_REP, right): TEAM
    for right in (
        "customers.merge", "customers.export", "customers.edit_many", "customers.hand_over", "customers.verify", "quality.view",
        "privacy.export_person", "privacy.erase", "imports.view", "imports.run", "plans.view", "users.manage",
    )
} | {(Role.SALES_REP, "requests.view"): TEAM}  # fmt: skip
"""What a rep may do for his own team besides: so that what refuses him otherwise answers him, within his team."""


@dataclass(frozen=True)
class Ids:
    """Numbers that a query is asked for: of what is out of sight or, where nothing is there yet, of nothing."""

    own: int
    one: Mapping[str, int]

    def __getattr__(self, name: str) -> int:
        """Return the number of a part of what is out of sight."""
        return self.one[name]


ASKED: Final = (
    "Quarzberg",
    "quarz",
    "Quarzberh",
    "ьфгя",
    "кварцберг",
    PHONE,
    "8887766",
    "hofrat@berghof.example",
    INN,
    "Settembrini",
    "Q",
    "a",
)
FILTERS: Final = (
    Filters(), Filters("quarz"), Filters(PHONE), Filters(INN), Filters(responsible_id=RIVAL), Filters(stage="loyal"), Filters(mine=True),
    Filters(where="city.is.Davosplatz.or.stage.is.loyal"), Filters(where=f"team.is.{SOUTH}.or.completeness.more.0"), Filters(import_id=1),
)  # fmt: skip
Ask = Callable[[UnitOfWork, Ids], Any]


def each(ask: Callable[..., Any], given: Iterable[Any]) -> Ask:
    """Ask the same for each of several things."""
    return lambda u, _ids: [ask(u, one) for one in given]


def written(u: UnitOfWork, filters: Filters) -> str:
    """Return what an exported file says."""
    token, count = exports.write_now(u, exports.Wish(filters, Form.CSV, "en"))
    return f"{count}\n{path_of(token).read_text('utf-8')}"


TELLS: Final[Mapping[str, Ask]] = {
    "audit.history": lambda u, ids: audit.history(u, "customers", ids.customer),
    "audit.last_by": lambda u, ids: audit.last_by(u, "customers", ids.customer),
    "briefs.brief": lambda u, ids: briefs.brief(u, ids.customer),
    "change_requests.page": lambda u, _: [change_requests.page(u), change_requests.page(u, done=True)],
    "change_requests.count": lambda u, _: change_requests.count(u),
    "change_requests.one": lambda u, ids: change_requests.one(u, ids.request),
    "change_requests.open_of": lambda u, ids: change_requests.open_of(u, ids.customer),
    "consents.of": lambda u, ids: consents.of(u, ids.customer),
    "consents.one": lambda u, ids: consents.one(u, ids.consent),
    "contacts.of": lambda u, ids: contacts.of(u, ids.customer),
    "contacts.one": lambda u, ids: contacts.one(u, ids.contact),
    "counters.totals": lambda u, _: counters.totals(u, ["calls", "interactions"], [(DAY, DAY)]),
    "customers.card": lambda u, ids: customers.card(u, ids.customer),
    "customers.count": each(customers.count, FILTERS),
    "customers.few": lambda u, _: customers.few(u),
    "customers.keys": each(lambda u, one: list(u.all(customers.keys(u, one, right="customers.view"))), FILTERS),
    "customers.listing": each(customers.listing, FILTERS),
    "customers.one": lambda u, ids: customers.one(u, ids.customer),
    "customers.page": each(
        lambda u, one: [customers.page(u, one, order=by) for by in ("name", "recent", "complete")], FILTERS
    ),
    "customers.reach": lambda u, ids: customers.reach(u, ids.customer),
    "customers.values": lambda u, ids: customers.values(u, ids.customer),
    "customers.look_up": each(lambda u, text: customers.look_up(u, text, most=50), ASKED),
    "duplicates.count": each(
        duplicates.count, (duplicates.Filters(), duplicates.Filters(parted=True), duplicates.Filters(sign="phone"))
    ),
    "duplicates.page": each(duplicates.page, (duplicates.Filters(), duplicates.Filters(responsible_id=RIVAL))),
    "exports.count": each(exports.count, FILTERS),
    "exports.of_person": lambda u, ids: exports.of_person(u, ids.customer, None),
    "exports.write_now": each(written, FILTERS[:2]),
    "handovers.leavers": lambda u, _: handovers.leavers(u),
    "handovers.preview": lambda u, _: handovers.preview(u, RIVAL, [PARTS["mate"].id], next(iter(WAYS))),
    "handovers.recent": lambda u, _: handovers.recent(u),
    "imports.count": lambda u, _: imports.count(u),
    "imports.listing": lambda u, _: imports.listing(u),
    "imports.one": lambda u, ids: imports.one(u, ids.import_),
    "imports.examples": lambda u, ids: imports.examples(u, ids.import_),
    "imports.preview": lambda u, ids: imports.preview(u, ids.import_),
    "imports.faulty_rows": lambda u, ids: imports.faulty_rows(u, ids.import_),
    "imports.faults_file": lambda u, ids: imports.faults_file(u, ids.import_, str, {}),
    "imports.left_as_they_are": lambda u, ids: imports.left_as_they_are(u, ids.import_),
    "imports.updated_customers": lambda u, ids: imports.updated_customers(u, ids.import_),
    "imports.once_more": lambda u, ids: imports.once_more(u, ids.import_),
    "interactions.page": lambda u, ids: [
        interactions.page(u, one)
        for one in (
            interactions.Filters(),
            interactions.Filters(customer_id=ids.customer),
            interactions.Filters(responsible_id=RIVAL),
        )
    ],
    "interactions.listing": lambda u, _: interactions.listing(u),
    "interactions.count": lambda u, ids: [
        interactions.count(u),
        interactions.count(u, interactions.Filters(customer_id=ids.customer)),
    ],
    "interactions.latest": lambda u, ids: interactions.latest(u, [ids.customer, ids.own]),
    "interactions.in_own_notes": each(interactions.in_own_notes, ("pneumothorax", "call")),
    "interactions.one": lambda u, ids: interactions.one(u, ids.entry),
    "mass_edits.count": each(mass_edits.count, FILTERS),
    "mass_edits.preview": each(lambda u, one: mass_edits.preview(u, one, Wish({"stage": "loyal"})), FILTERS),
    "mass_edits.one": lambda u, ids: mass_edits.one(u, ids.mass_edit),
    "mass_edits.recent": lambda u, _: mass_edits.recent(u),
    "merges.of": lambda u, ids: merges.of(u, ids.customer),
    "merges.preview": lambda u, ids: [merges.preview(u, *pair) for pair in ((ids.own, ids.customer),)],
    "merges.survivor_of": lambda u, ids: merges.survivor_of(u, ids.customer),
    "merges.undoing": lambda u, ids: merges.undoing(u, ids.merge),
    "notifications.latest": lambda u, _: notifications.latest(u),
    "notifications.unread_count": lambda u, _: notifications.unread_count(u),
    "plans.progress": lambda u, _: plans.progress(u, DAY),
    "privacy.look_through": lambda u, ids: privacy.look_through(u, ids.customer),
    "purchases.listing": lambda u, ids: purchases.listing(u, ids.customer),
    "purchases.lines": lambda u, ids: purchases.lines(u, ids.purchase),
    "purchases.one": lambda u, ids: purchases.one(u, ids.purchase),
    "purchases.summary": lambda u, ids: purchases.summary(u, ids.customer),
    "quality.per_person": each(lambda u, days: quality.per_person(u, days=days), (1, 180)),
    "quality.queue": each(lambda u, whose: quality.queue(u, days=1, responsible_id=whose), (None, RIVAL)),
    "quality.queue_count": each(lambda u, whose: quality.queue_count(u, days=1, responsible_id=whose), (None, RIVAL)),
    "relations.of": lambda u, ids: [relations.of(u, ids.customer), relations.of(u, ids.own)],
    "requisites.of": lambda u, ids: requisites.of(u, ids.customer),
    "requisites.one": lambda u, ids: requisites.one(u, ids.requisites),
    "saved_filters.offered": lambda u, _: saved_filters.offered(u),
    "stages.steps": lambda u, ids: stages.steps(u, ids.customer),
    "tags.of": lambda u, ids: tags.of(u, [ids.customer, ids.own]),
    "tags.counts": lambda u, _: dict(tags.counts(u)),
    "users.customers_of": lambda u, _: users.customers_of(u, RIVAL),
}
"""Query -> how it is asked for what it tells of customers. Whoever adds a query adds a line here, or its name to SILENT."""

SILENT: Final = {
    "audit": {"page", "listing", "entry", "count"},  # audit.view: the whole log, for administrators
    "backups": {"last_made_at", "recent", "listing"},
    "counters": {"count"},  # counts up
    "customers": {
        *(
            "give_to",
            "index",
            "note_steps",
            "remember_interaction",
            "remember_purchase",
            "measure",
            "measure_between",
        ),  # of verbs
        *("capped", "last_type", "bearers"),  # of a statement; one's own; keys for what stands above
    },
    "doubles": {"who_can_grant", "look"},  # that it exists and whose it is, may be told
    "duplicates": {"last_run", "step"},  # that the base was looked over
    "exports": {"keep_for_person", "mine", "progress", "taken"},  # of verbs; one's own
    "fields": {"definitions", "everything"},
    "handovers": {"receivers"},
    "health": {"looked_at", "overview"},
    "imports": {"may_work_with", "earlier", "is_stuck", "is_waiting", "receive", "survey"},  # of a record that one has
    "merges": {"one_and_all"},  # of verbs
    "privacy": set(),
    "products": {"listing", "count", "categories", "one"},
    "quality": {"days_of"},
    "rights": {"holders", "cells", "matrix", "preview"},
    "saved_filters": {"columns"},
    "search": {
        "alike",
        "inside",
        "near",
        "forget",
        "index",
        "learn",
        "unlearn",
    },  # keys and words for what stands above
    "settings": {"everything", "value"},
    "stages": {"strategies"},
    "tags": {"named", "directory", "known", "under"},  # the words, which are everybody's
    "teams": {"tree", "leaders_above", "nearest_leader", "directory", "people_of", "members"},
    "templates": {"everything", "forget", "in_use", "types"},
    "users": {"hold", "count", "directory", "inside", "last_seen", "listing", "names", "one", "page", "reached"},
}
"""Queries that tell nothing of customers, or what the reader has in his hands already."""


def queries() -> Iterator[str]:
    """Give every public function of a capability that takes a unit of work and is no verb."""
    records.load()
    for found in pkgutil.iter_modules(crm.__path__):
        if found.name in {"core", "demo", "__main__"}:
            continue
        module = importlib.import_module(f"crm.{found.name}")
        for name, one in vars(module).items():
            if name.startswith("_") or not isinstance(one, FunctionType) or is_verb(one):
                continue
            at_home = one.__module__.partition(".")[2].partition(".")[0] == found.name
            if at_home and next(iter(inspect.signature(one).parameters), "") == "u":
                yield f"{found.name}.{name}"


def test_every_query_is_asked_here_or_tells_nothing_of_customers():
    silent = {f"{module}.{name}" for module, names in SILENT.items() for name in names}
    there = set(queries())
    assert there - silent - set(TELLS) == set(), "add a line to TELLS: how it is asked for what is out of sight"
    assert (silent | set(TELLS)) - there == set(), "these are gone"
    assert silent & set(TELLS) == set()


# --- what they say ------------------------------------------------------------


def plain(value: Any) -> Any:
    """Return whatever a query gives as something that can be compared."""
    if isinstance(value, Record):
        return {key: plain(one) for key, one in looked_into(value).dict.items() if not key.startswith("_")}
    if isinstance(value, pd.DataFrame):
        return plain([list(value.index), value.to_dict("records")])
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return sorted((repr(plain(key)), plain(one)) for key, one in value.items())
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    return [plain(one) for one in value] if isinstance(value, list | tuple) else repr(value)


def said(cast: Cast, part: str, ids: Ids) -> dict[str, str]:
    """Return what each query says to somebody: its answer, or the words of the refusal."""
    found = {}
    for name, ask in TELLS.items():
        try:
            with cast.unit(getattr(cast, part), now=NOW + timedelta(days=2)) as u:
                found[name] = str(plain(ask(u, ids)))
        except CrmError as error:
            found[name] = f"{type(error).__name__}: {error}"
    return found


def everything_said(cast: Cast, ids: Ids, parts: Iterable[str]) -> dict[str, dict[str, str]]:
    found = {}
    for cells in ({}, WIDE):
        with ExitStack() as lent:
            if cells:
                lent.enter_context(adjusted(cast, cells))
            found |= {f"{part}{' with more rights' if cells else ''}": said(cast, part, ids) for part in parts}
    return found


def the_north(cast: Cast) -> int:
    """What the readers have before them: customers of their own, one with a name like that of the hidden one."""
    own = a_customer(cast, "rep", name="Quarzbert", city="Tver", stage="loyal", partner=True)
    a_customer(cast, "mate", name="Marmor", city="Perm")
    a_call(cast, own, note="a call")
    a_contact(cast, own)
    second = a_customer(cast, "rep", name="Basalt")
    a_pair(cast, own, second)
    a_relation(cast, own, second)
    with cast.unit(cast.keeper) as u:
        shared = tags.learn(u, ["Stone"])
        tags.change(u, own, on=list(shared))
        products.create(u, {"code": "A1", "name": "Lamp", "price": "12.50", "currency": "RUB"})
        types.add(u, {"name": "Quarry", "kind": "company"})
    a_field(cast, "Depth", listed=True)
    ran(cast, staged(cast, "name,phone\nImported,8 495 000-00-01\n"))
    with cast.unit(cast.leader) as u:
        mass_edits.ask(u, Filters("Marmor"), Wish({"city": "Omsk"}), seen=1)
    return own


def the_south(cast: Cast, own: int) -> dict[str, int]:
    """Another team's customer comes, with everything that a customer can have, and is worked with."""
    key = a_customer(
        cast, "rival", name="Quarzberg", phones=[PHONE], emails=["hofrat@berghof.example"], city="Davosplatz", external_number="Q-1"
    )  # fmt: skip
    second = a_customer(cast, "rival", name="Quarzbergwerk", phones=[PHONE], emails=[])
    third = a_customer(cast, "rival", name="Quarzbruch")
    ids = {
        "customer": key,
        "contact": a_contact(cast, key, name="Lodovico Settembrini"),
        "requisites": some_requisites(cast, key, ogrn="", inn=INN),
        "consent": a_consent(cast, key),
        "entry": a_call(cast, key, "rival", note="a pneumothorax call"),
    }
    a_relation(cast, key, second)
    a_pair(cast, key, second)
    a_pair(cast, own, key)
    with cast.unit(cast.rival) as u:
        ids["request"] = change_requests.ask(u, key, "New phone").id
        customers.edit(u, key, {"stage": "loyal"}, seen=1, reason="bought")
        saved_filters.save(u, "Quarz", {"q": "quarz"})
        customers.verify(u, key)
        product = next(iter(products.listing(u).index))
        ids["purchase"] = purchases.record(u, key, [purchases.Line(int(product))]).id
    ids |= _from_above(cast, key, third)
    return ids


def _from_above(cast: Cast, key: int, third: int) -> dict[str, int]:
    with cast.unit(cast.rival_leader) as u:
        edit = mass_edits.ask(u, Filters("Quarzberg"), Wish({"region": "Graubünden"}), seen=2).id
        query = saved_filters.save(u, "South", {"q": "quarz"})
        saved_filters.share(u, query.id, whom=SOUTH, seen=query.version)
        plans.set_target(u, measure="calls", target=5, starts_on=DAY, ends_on=DAY, responsible_id=RIVAL)
    with cast.unit(cast.keeper) as u:
        tags.change(u, key, on=["Stone"])
        merge = merges.merge(u, key, third).id
    content = "name,customer number,phone,city\nQuarzberg,Q-1,,Davosdorf\nQuarzstein,Q-2,8 495 000-00-02,Davosplatz\nQ,,no phone,\n"
    record = ran(cast, staged(cast, content, "south.csv", on_match="update"))
    assert record.updated_count == 1
    with cast.unit(cast.keeper) as u:
        privacy.export_person(u, key)
    return {"merge": merge, "mass_edit": edit, "import_": record.id}


def test_no_query_says_anything_else_because_a_customer_of_another_team_is_there(cast):
    own = the_north(cast)
    nothing = dict.fromkeys((*PARTS_OF, "import_"), ABSENT)
    before = everything_said(cast, Ids(own, nothing), READERS)
    ids = Ids(own, nothing | the_south(cast, own))
    after = everything_said(cast, ids, READERS)
    different = {
        f"{part}: {name}": (before[part][name], after[part][name])
        for part in before
        for name in TELLS
        if before[part][name] != after[part][name]
    }
    assert different == {}
    with cast.unit() as u:
        assert len(u.all(select(Customer.id).where(Customer.name.startswith("Quarz")))) == 5


def test_each_of_these_queries_says_something_else_to_whoever_may_see_that_customer(cast):
    """Or the test above would ask for nothing."""
    own = the_north(cast)
    nothing = dict.fromkeys((*PARTS_OF, "import_"), ABSENT)
    parts = ("keeper", "admin", "head", "rival", "rival_leader")
    before = everything_said(cast, Ids(own, nothing), parts)
    after = everything_said(cast, Ids(own, nothing | the_south(cast, own)), parts)
    same = {name for name in TELLS if all(before[part][name] == after[part][name] for part in before)}
    assert same == set()
