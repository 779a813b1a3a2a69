"""The one table of rights: whole in itself, before anybody reads it."""

from itertools import pairwise

from crm.core.grants import GRANTS, PRESETS, RIGHTS, ROLES, UNTOUCHABLE, WHO_INSTEAD, WIDTH, Role, Scope


def test_every_role_has_a_name_and_a_line_in_the_table():
    assert set(ROLES) == set(GRANTS) == set(Role)


def test_only_rights_that_exist_are_granted():
    named = {right for row in GRANTS.values() for right in row}
    named |= {right for preset in PRESETS.values() for _role, right, _scope in preset}
    assert named | set(WHO_INSTEAD) <= set(RIGHTS)


def test_the_scopes_stand_from_narrow_to_wide():
    assert all(WIDTH[one] < WIDTH[other] for one, other in pairwise([None, *Scope]))


def test_what_cannot_be_taken_away_is_there():
    assert all(right in GRANTS[role] for role, right in UNTOUCHABLE)


def test_a_preset_gives_more_than_the_table_and_never_less():
    for preset in PRESETS.values():
        assert all(WIDTH[scope] >= WIDTH[GRANTS[role].get(right)] for role, right, scope in preset)
