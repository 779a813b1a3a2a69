"""Every role and every verb, as the table says, on both databases; generated from the table, so it cannot forget one."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import select

from crm import (
    change_requests,
    customers,
    exports,
    fields,
    imports,
    mass_edits,
    plans,
    products,
    reports,
    saved_filters,
    tags,
    types,
)
from crm.backups import copy_on_demand
from crm.core import records
from crm.core.access import Identity, grants_of
from crm.core.errors import NotFound, Refused
from crm.core.grants import ALL, GRANTS, OWN, PARTNER, PRESETS, RIGHTS, TEAM, UNTOUCHABLE, Role, Scope
from crm.core.people import Team
from crm.core.verbs import VERBS
from crm.customers import Customer
from crm.imports import files, rows
from tests.cast import (
    CALLS,
    DAY,
    NORTH,
    NOW,
    ON_CUSTOMERS,
    PARTS,
    PLAYS,
    WISH,
    Cast,
    Stage,
    a_binned_document,
    a_consent,
    a_contact,
    a_customer,
    a_document,
    a_former_contact,
    a_pair,
    a_relation,
    a_supply,
    a_voice,
    some_requisites,
)

REAL = sorted(records.load() and name for name in VERBS)
"""The verbs of the product, before any test has declared one of its own."""

RELATIONS = {"own": None, "colleague's": "mate", "another team's": "rival", "nobody's": None}


# --- the house, once for all cells ------------------------------------------


@pytest.fixture(scope="module")
def stages(standing: Cast) -> Mapping[str, Mapping[str, Stage]]:
    """Return part -> relation -> what that person has before him."""
    with standing.unit() as u:
        product = products.create(u, {"code": "A1", "name": "Lamp", "price": "12.50", "currency": "RUB"}).id
        plan = plans.set_target(u, measure="calls", target=5, starts_on=DAY, ends_on=DAY, team_id=NORTH).id
        words = tags.learn(u, ["VIP", "Wholesale"])
        report = reports.make(u, DAY).id
        type_code = types.add(u, {"name": "Small shop", "kind": "company"}).code
        field = fields.add(u, {"label": "Size", "kind": "choice", "choices": ["S", "M"]}).id
    with standing.unit() as u, u.acting("test.build", "teams.manage"):
        team = u.add(Team(name="West")).id
    shared = {name: a_customer(standing, of) for name, of in RELATIONS.items() if name != "own"}
    with standing.unit(standing.rep) as u:
        request = change_requests.ask(u, shared["colleague's"], "New phone").id

    def there(key: int, of: str | None) -> dict[str, Any]:
        persons = {"contact_id": a_contact(standing, key), "gone_id": a_former_contact(standing, key)}
        persons |= {"requisites_id": some_requisites(standing, key), "consent_id": a_consent(standing, key)}
        double, second = (a_customer(standing, of, partner=of == "partner") for _ in range(2))
        persons |= {"document_id": a_document(standing, key), "binned_id": a_binned_document(standing, key)}
        persons |= {"supply_id": a_supply(standing, key), "voice_id": a_voice(standing, key)}
        related = {"relation_id": a_relation(standing, key, second), "second_id": second}
        return persons | related | {"double_id": double, "pair": (a_pair(standing, key, double), key, double)}

    people = {shared[name]: there(shared[name], of) for name, of in RELATIONS.items() if name != "own"}
    found = {}
    for part in PLAYS.values():
        own = a_customer(standing, part, partner=part == "partner")
        facts = {"product_id": product, "plan_id": plan, "team_id": team, "tag_ids": tuple(words.values())}
        facts |= {"field_id": field, "request_id": request, "type_code": type_code, "report_id": report}
        facts |= _imports(standing, part) | {"job_id": _job(standing, part), "exports": _exports(standing, part)}
        facts |= {"filter_id": _filter(standing, part), "mass_edits": _mass_edits(standing, part)}
        people[own] = there(own, part)
        these = {name: shared.get(name, own) for name in RELATIONS}
        found[part] = {name: Stage(standing, part, key, **people[key], **facts) for name, key in these.items()}
    return found


def _imports(cast: Cast, part: str) -> dict[str, Any]:
    """Put an import of every state into the house, belonging to the person."""
    found: dict[str, Any] = {}
    with cast.unit() as u:
        for state in ("staged", "checking", "running", "stopped", "finished", "undoing"):
            received = files.receive(f"{part}.csv", f"name\n{part} {state}\n".encode())
            found[state] = imports.stage(u, received)
        terms = rows.terms(u, found["running"].plan, found["running"].headings)
    with cast.database.writing() as connection:
        table = imports.Import.__table__
        for state, record in found.items():
            facts = {"responsible_id": PARTS[part].id, "team_id": PARTS[part].team_id, "state": state, "new_count": 1}
            connection.execute(table.update().where(table.c.id == record.id).values(**facts))
    return {"imports": found, "survey": received.survey, "terms": terms}


def _exports(cast: Cast, part: str) -> dict[str, Any]:
    """Put an export that is being made and one that is ready into the house, belonging to the person."""
    with cast.unit() as u:
        token = hashlib.sha256(part.encode()).hexdigest()[:32]
        found = {"making": exports.ask(u, WISH, sign_in_id=None)}
        found["ready"] = exports.keep(u, WISH, (token, 1), sign_in_id=None)
        with u.acting("test.build", "privacy.export_person"):
            found["person"] = exports.keep_for_person(u, 1, lambda _: None, language="en", sign_in_id=None)
    with cast.database.writing() as connection:
        table = exports.Export.__table__
        mine = table.c.id.in_([one.id for one in found.values()])
        connection.execute(
            table.update().where(mine).values(responsible_id=PARTS[part].id, team_id=PARTS[part].team_id)
        )
    return found


def _mass_edits(cast: Cast, part: str) -> dict[str, Any]:
    """Put a change of many customers in every state that a verb begins with into the house, belonging to the person."""
    found = {}
    with cast.unit() as u, u.acting("test.build", mass_edits.RIGHT):
        one = PARTS[part]
        owner = {"responsible_id": one.id, "team_id": one.team_id, "partner_id": one.partner_id}
        for state in ("running", "finished", "undoing"):
            facts = {"changes": {"stage": "lost"}, "total": 0, "state": state, "created_at": u.now}
            found[state] = u.add(mass_edits.MassEdit(**owner, **facts))
    return found


def _filter(cast: Cast, part: str) -> int:
    with cast.unit(getattr(cast, part)) as u:
        return saved_filters.save(u, "Staged", {"stage": "new"}).id


def _job(cast: Cast, part: str) -> str:
    with cast.unit(getattr(cast, part)) as u, u.acting("test.build", "account.edit"):
        return u.later(copy_on_demand)


class Undone(Exception):  # noqa: N818  raised on purpose: the house stays as it was
    """The call succeeded; nothing of it is kept."""


def attempt(stage: Stage, verb: str) -> str:
    """Call a verb as the person and undo it; return done, refused or hidden."""
    try:
        with stage.cast.unit(getattr(stage.cast, stage.part)) as u:
            CALLS[verb](u, stage)
            u.session.flush()
            raise Undone  # noqa: TRY301  so that the unit rolls back
    except Undone:
        return "done"
    except Refused:
        return "refused"
    except NotFound:
        return "hidden"


NOTED = {"audit_entries": "verb", "command_keys": "key"}
"""Where a refused export is noted on purpose, and the column that says so."""


def fingerprint(cast: Cast) -> dict[str, str]:
    """Return table -> a hash over all its rows, but for those that note a refused export."""
    found = {}
    with cast.database.reader.connect() as connection:
        for table in records.load().sorted_tables:
            wanted = select(table)
            if table.name in NOTED:
                wanted = wanted.where(~table.c[NOTED[table.name]].like("export%refus%"))
            rows = sorted(repr(tuple(row)) for row in connection.execute(wanted))
            found[table.name] = f"{len(rows)} {hashlib.sha256(repr(rows).encode()).hexdigest()}"
    return found


# --- the registry is whole --------------------------------------------------


def test_every_verb_has_its_valid_call():
    missing = [verb for verb in REAL if verb not in CALLS]
    assert not missing, (
        f"{missing}: add one line each to CALLS in tests/cast.py: a call that succeeds for whoever has the verb's right"
        " (a verb that works on a customer takes stage.customer_id and joins ON_CUSTOMERS)."
    )
    gone = [verb for verb in CALLS if verb not in REAL]
    assert not gone, f"{gone} are no verbs any more: take their lines out of CALLS in tests/cast.py."
    assert set(CALLS) >= ON_CUSTOMERS


def test_every_verb_needs_a_right_that_exists():
    assert {verb: VERBS[verb] for verb in REAL if VERBS[verb] not in RIGHTS} == {}


# --- role x verb ------------------------------------------------------------


@pytest.mark.parametrize("role", Role)
def test_a_role_does_what_the_table_grants_and_nothing_else(stages, role):
    stage = stages[PLAYS[role]]["own"]
    before = fingerprint(stage.cast)
    found = {verb: attempt(stage, verb) for verb in REAL}
    expected = {verb: "done" if VERBS[verb] in GRANTS[role] else "refused" for verb in REAL}
    assert found == expected
    assert fingerprint(stage.cast) == before


def reaches(scope: Scope | None, relation: str) -> bool:
    """Say what a scope means, in other words than the product's."""
    mine, colleagues = relation == "own", relation in {"own", "colleague's"}
    return {None: False, OWN: mine, PARTNER: mine, TEAM: colleagues, ALL: True}[scope]


def expected_on(grants: Mapping[str, Scope], verb: str, relation: str) -> str:
    """Return what must come of a verb on a customer: the right at all, then seeing it, then reaching it."""
    if VERBS[verb] not in grants:
        return "refused"
    if not reaches(grants.get("customers.view"), relation):
        return "hidden"
    return "done" if reaches(grants[VERBS[verb]], relation) else "refused"


@pytest.mark.parametrize("role", Role)
def test_a_role_reaches_the_customers_that_its_scope_names(stages, role):
    found, expected = {}, {}
    before = fingerprint(stages["rep"]["own"].cast)
    for relation in RELATIONS:
        for verb in sorted(ON_CUSTOMERS):
            found[relation, verb] = attempt(stages[PLAYS[role]][relation], verb)
            expected[relation, verb] = expected_on(GRANTS[role], verb, relation)
    assert found == expected
    assert fingerprint(stages["rep"]["own"].cast) == before


@pytest.mark.parametrize("role", Role)
def test_a_role_sees_the_customers_that_its_scope_names(stages, role):
    for relation, stage in stages[PLAYS[role]].items():
        with stage.cast.unit(getattr(stage.cast, stage.part)) as u:
            seen = stage.customer_id in set(u.all(select(Customer.id)))
        assert seen is reaches(GRANTS[role].get("customers.view"), relation), relation


@pytest.mark.parametrize("role", Role)
def test_a_role_adds_customers_for_those_that_its_scope_names(stages, role):
    stage = stages[PLAYS[role]]["own"]
    scope = GRANTS[role].get("customers.create")
    for relation, of in (("own", stage.part), ("colleague's", "mate"), ("another team's", "rival")):
        try:
            with stage.cast.unit(getattr(stage.cast, stage.part)) as u:
                customers.create(u, {"name": "New"}, responsible_id=PARTS[of].id)
                raise Undone  # noqa: TRY301  so that the unit rolls back
        except Undone:
            came = True
        except Refused:
            came = False
        assert came is reaches(scope, relation), relation


# --- what administrators adjust ---------------------------------------------


@contextmanager
def adjusted(cast: Cast, cells: Mapping[tuple[Role, str], Scope | None]) -> Iterator[None]:
    """Store adjustments below the door, and take them away again."""
    from crm.core.access import RightAdjustment

    table = RightAdjustment.__table__
    rows: list[dict[str, Any]] = [
        {"role": role.value, "right": right, "scope": scope and scope.value, "version": 1}
        for (role, right), scope in cells.items()
    ]
    with cast.database.writing() as connection:
        connection.execute(table.insert(), rows)
    try:
        yield
    finally:
        with cast.database.writing() as connection:
            connection.execute(table.delete())


@pytest.mark.parametrize("role", Role)
def test_a_role_without_its_rights_does_nothing(stages, role):
    stage = stages[PLAYS[role]]["own"]
    taken: dict[tuple[Role, str], Scope | None] = {(role, right): None for right in RIGHTS}
    with adjusted(stage.cast, taken):
        before = fingerprint(stage.cast)
        found = {verb for verb in REAL if attempt(stage, verb) == "done"}
        assert fingerprint(stage.cast) == before
    kept = {right for who, right in UNTOUCHABLE if who is role}
    assert found <= {verb for verb in REAL if VERBS[verb] in kept}
    if role is not Role.ADMINISTRATOR:
        assert found == set()


@pytest.mark.parametrize("role", [Role.SALES_REP, Role.SERVICE_REP, Role.SALES_MANAGER])
def test_the_small_team_preset_does_what_it_says(stages, role):
    cells = {(who, right): scope for who, right, scope in PRESETS["small_team"]}
    changes = tuple(sorted((who.value, right, scope.value) for (who, right), scope in cells.items()))
    grants = grants_of((role.value,), changes)
    cast = stages["rep"]["own"].cast
    with adjusted(cast, cells):
        for relation in RELATIONS:
            for verb in sorted(ON_CUSTOMERS):
                assert attempt(stages[PLAYS[role]][relation], verb) == expected_on(grants, verb, relation), (
                    relation,
                    verb,
                )
        for verb in REAL:
            assert (attempt(stages[PLAYS[role]]["own"], verb) == "done") is (VERBS[verb] in grants), verb


@pytest.mark.parametrize("scope", Scope)
def test_a_widened_right_reaches_as_far_as_its_scope(stages, scope):
    """An analyst of no team who is given a right reaches what the scope says: of a team there is none, so his own."""
    stage = stages["analyst"]
    with adjusted(stage["own"].cast, {(Role.ANALYST, "customers.edit"): scope}):
        reach = {relation for relation in RELATIONS if attempt(stage[relation], "customers.edit") == "done"}
    assert reach == {OWN: {"own"}, TEAM: {"own"}, PARTNER: set(), ALL: set(RELATIONS)}[scope]


def test_nobody_at_all_may_do_nothing(stages):
    stage = stages["rep"]["own"]
    for verb in REAL:
        with pytest.raises(Refused), stage.cast.unit(Identity(4711)) as u:
            CALLS[verb](u, stage)
    assert stage.cast.now == NOW
