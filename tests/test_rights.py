"""Rights: the matrix that administrators read is what the door decides by, and nobody can saw off the branch."""

import pytest
from sqlalchemy import select

from crm import audit, customers, rights, users
from crm.core import access
from crm.core.access import RightAdjustment, load_actor
from crm.core.errors import Invalid, NotFound, Refused
from crm.core.grants import GRANTS, PRESETS, RIGHTS, UNTOUCHABLE, Role, Scope
from crm.core.guards import Guarded
from tests.cast import PLAYS, a_customer


def cell(u, role: str, right: str):
    frame = rights.matrix(u)
    return next(frame[(frame["role"] == role) & (frame["right"] == right)].itertuples())


def in_force(cast, part: str) -> dict[str, Scope]:
    with cast.database.reader.connect() as connection:
        return dict(load_actor(connection, getattr(cast, part)).grants)


def test_the_matrix_shows_for_every_role_and_right_what_the_door_decides_by(cast):
    with cast.unit(cast.admin) as u:
        rights.apply_preset(u, "small_team")
        rights.adjust(u, "marketer", "customers.view", "team")
        rights.adjust(u, "analyst", "purchases.view", None)
        frame = rights.matrix(u)
    assert len(frame) == len(RIGHTS) * len(Role)
    for role, part in PLAYS.items():
        shown = frame[frame["role"] == role].set_index("right")["in_force"]
        assert {right: scope for right, scope in shown.items() if scope is not None} == in_force(cast, part)


def test_without_adjustments_everything_is_the_default(cast):
    with cast.unit(cast.admin) as u:
        frame = rights.matrix(u)
    assert not frame["is_adjusted"].any()
    assert {(one.role, one.right) for one in frame.itertuples() if one.is_fixed} == {
        (str(a), b) for a, b in UNTOUCHABLE
    }
    for one in frame.itertuples():
        assert one.default == one.in_force == GRANTS[Role(one.role)].get(one.right)


def test_an_adjustment_holds_from_the_next_click_and_its_reset_too(cast):
    customer_id = a_customer(cast, "rival")
    for scope, reaches in (("all", True), (None, False), ("own", False)):
        with cast.unit(cast.admin) as u:
            rights.adjust(u, "sales_rep", "customers.view", scope)
        with cast.unit(cast.rep) as u:
            if reaches:
                assert customers.one(u, customer_id)
            else:
                with pytest.raises(NotFound):
                    customers.one(u, customer_id)
    with cast.unit(cast.admin) as u:
        rights.reset(u, "sales_rep", "customers.view")
        assert cell(u, "sales_rep", "customers.view").in_force == Scope.TEAM
        assert u.all(select(RightAdjustment)) == []


def test_adjusting_to_the_default_stores_nothing(cast):
    with cast.unit(cast.admin) as u:
        rights.adjust(u, "sales_rep", "customers.view", "all")
        rights.adjust(u, "sales_rep", "customers.view", "team")
        rights.adjust(u, "marketer", "customers.edit", None)
        assert u.all(select(RightAdjustment)) == []


@pytest.mark.parametrize(("role", "right"), sorted(UNTOUCHABLE))
def test_what_an_administrator_must_keep_cannot_be_taken_not_even_in_the_database(cast, role, right):
    for attack in (
        lambda u: rights.adjust(u, role, right, None),
        lambda u: rights.adjust(u, role, right, "own"),
        lambda u: rights.reset(u, role, right),
    ):
        with pytest.raises(Refused), cast.unit(cast.admin) as u:
            attack(u)
    with cast.database.writing() as connection:
        connection.execute(RightAdjustment.__table__.insert().values(role=role, right=right, scope=None, version=1))
    assert in_force(cast, "admin")[right] is Scope.ALL


@pytest.mark.parametrize(
    ("role", "right", "scope", "field"),
    [
        ("tsar", "customers.view", "all", "role"),
        ("sales_rep", "customers.burn", "all", "right"),
        ("sales_rep", "customers.view", "galaxy", "scope"),
        ("sales_rep", "users.manage", "team", "scope"),
        ("sales_rep", "audit.view", "own", "scope"),
        ("sales_rep", "account.edit", "all", "scope"),
    ],
)
def test_nonsense_is_refused_beside_its_field(cast, role, right, scope, field):
    with cast.unit(cast.admin) as u, pytest.raises(Invalid) as refused:
        rights.adjust(u, role, right, scope)
    assert refused.value.field == field


def test_only_whoever_may_adjust_rights_does(cast):
    for part in set(PLAYS.values()) - {"admin"}:
        with cast.unit(getattr(cast, part)) as u:
            with pytest.raises(Refused):
                rights.adjust(u, "sales_rep", "customers.view", "all")
            with pytest.raises(Refused):
                rights.apply_preset(u, "small_team")
            with pytest.raises(Refused):
                rights.matrix(u)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_does_exactly_what_its_preview_says(cast, preset):
    with cast.unit(cast.admin) as u:
        rights.adjust(u, "analyst", "purchases.view", None)
        rights.adjust(u, "sales_rep", "customers.edit_personal", "team")
        before = rights.matrix(u)
        preview = rights.preview(u, preset)
        assert rights.apply_preset(u, preset) == len(preview)
        after = rights.matrix(u)
        assert rights.preview(u, preset).empty
    moved = before["in_force"].fillna("") != after["in_force"].fillna("")
    said = [(one.role, one.right, one.before, one.after) for one in preview.itertuples()]
    done = [(one.role, one.right, one.in_force, after["in_force"][one.Index]) for one in before[moved].itertuples()]
    assert said == done
    expected = {(str(role), right): scope for role, right, scope in PRESETS[preset]}
    assert {(one.role, one.right): one.in_force for one in after[after["is_adjusted"]].itertuples()} == expected


def test_the_operator_division_of_labour_is_how_it_starts(cast):
    with cast.unit(cast.admin) as u:
        assert rights.preview(u, "division_of_labour").empty
        rights.apply_preset(u, "small_team")
    customer_id = a_customer(cast, "rep")
    with cast.unit(cast.rep) as u:
        customers.edit_personal(u, customer_id, {"name": "By the rep"}, seen=customers.one(u, customer_id).version)
    with cast.unit(cast.admin) as u:
        rights.apply_preset(u, "division_of_labour")
    with cast.unit(cast.rep) as u, pytest.raises(Refused):
        customers.edit_personal(u, customer_id, {"name": "Again"}, seen=customers.one(u, customer_id).version)


def test_every_adjustment_stands_in_the_audit_log_with_role_right_old_and_new(cast):
    with cast.unit(cast.admin) as u:
        rights.adjust(u, "sales_rep", "customers.edit", "team")
        rights.adjust(u, "sales_rep", "customers.edit", None)
        rights.reset(u, "sales_rep", "customers.edit")
        rights.adjust(u, "sales_rep", "customers.edit", "own")
        entries = audit.listing(u, audit.Filters(record="right_adjustments"))
    assert [(one.verb, one.changes) for one in entries.itertuples()] == [
        ("rights.reset", {"sales_rep customers.edit": [None, "own"]}),
        ("rights.adjust", {"sales_rep customers.edit": ["team", None]}),
        ("rights.adjust", {"sales_rep customers.edit": ["own", "team"]}),
    ]


def test_scopes_are_offered_where_records_belong_to_somebody_and_nowhere_else():
    # products are the company's, reports count everybody's customers, notifications are always one's own
    guarded = {one.area for one in Guarded.models()} - {"notifications", "products", "reports"}
    assert guarded <= rights.REACHES_ROWS
    assert {right.partition(".")[0] for right in RIGHTS} <= set(rights.AREAS)
    for role, granted in GRANTS.items():
        for right, scope in granted.items():
            assert scope in rights.choices(right), (role, right)
    for preset in PRESETS.values():
        for _role, right, scope in preset:
            assert scope in rights.choices(right)
    assert set(rights.PRESET_NAMES) == set(rights.PRESET_LINES) == set(PRESETS)


def test_an_administrator_without_view_rights_still_gets_back_in(cast):
    with cast.unit(cast.admin) as u:
        for right in ("customers.view", "settings.edit", "audit.view", "teams.manage", "system.view"):
            rights.adjust(u, "administrator", right, None)
    with cast.unit(cast.admin) as u:
        assert users.count(u) > 0
        rights.apply_preset(u, "division_of_labour")
    assert in_force(cast, "admin") == access.grants_of((Role.ADMINISTRATOR,))
