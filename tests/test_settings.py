"""Settings: one value per key, checked when it is set, the same for everybody."""

import pytest
from sqlalchemy import select

from crm import settings
from crm.core.audit_log import AuditEntry
from crm.core.errors import Conflict, Invalid, InvalidForm, Refused
from crm.settings import DEFINITIONS, GROUPS


def values(cast, part="rep"):
    with cast.unit(getattr(cast, part)) as u:
        return settings.everything(u)


def change(cast, key, value, **facts):
    with cast.unit(cast.admin) as u:
        settings.change(u, key, value, **facts)


def test_what_was_not_chosen_has_its_default(cast):
    assert values(cast) == {key: one.default for key, one in DEFINITIONS.items()}


def test_every_default_can_be_chosen_and_stands_in_a_group():
    for one in DEFINITIONS.values():
        assert one.accepts(one.default)
        assert one.group in GROUPS
        assert one.label
        assert one.line


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("company_name", "ООО «Ромашка»"),
        ("timezone", "Asia/Shanghai"),
        ("currency", "CNY"),
        ("language", "zh"),
        ("phone_region", "CN"),
        ("backup_hourly", "no"),
    ],
)
def test_a_chosen_value_holds_for_everybody(cast, key, value):
    change(cast, key, f" {value} ")
    assert values(cast)[key] == values(cast, "keeper")[key] == value


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("company_name", ""),
        ("company_name", " "),
        ("company_name", "x" * 81),
        ("timezone", "Moscow"),
        ("timezone", "../../etc/passwd"),
        ("timezone", ""),
        ("currency", "XYZ1"),
        ("language", "tlh"),
        ("phone_region", "ZZ"),
        ("backup_hourly", "maybe"),
        ("colour", "blue"),
    ],
)
def test_a_wrong_value_is_said_at_its_key_and_not_stored(cast, key, value):
    with pytest.raises(Invalid) as told:
        change(cast, key, value)
    assert told.value.field == key
    assert values(cast) == {name: one.default for name, one in DEFINITIONS.items()}


def test_several_are_set_together_or_not_at_all(cast):
    seen = values(cast)
    with pytest.raises(InvalidForm) as told, cast.unit(cast.admin) as u:
        settings.change_all(u, {"company_name": "House", "currency": "?", "timezone": "?"}, seen=seen)
    assert set(told.value.faults) == {"currency", "timezone"}
    assert values(cast) == seen
    with cast.unit(cast.admin) as u:
        settings.change_all(u, {"company_name": "House", "currency": "EUR"}, seen=seen)
        assert settings.value(u, "currency") == "EUR"
    assert values(cast) == seen | {"company_name": "House", "currency": "EUR"}


def test_two_administrators_do_not_overwrite_each_other(cast):
    change(cast, "company_name", "First", seen="Rapport")
    with pytest.raises(Conflict):
        change(cast, "company_name", "Second", seen="Rapport")
    assert values(cast)["company_name"] == "First"


def test_a_change_is_remembered_and_none_is_not(cast):
    change(cast, "currency", "EUR")
    change(cast, "currency", "EUR")
    with cast.unit() as u:
        entries = u.all(select(AuditEntry).where(AuditEntry.record == "settings"))
    assert [one.changes for one in entries if "currency" in one.changes] == [{"currency": ["RUB", "EUR"]}]


@pytest.mark.parametrize("part", ["rep", "leader", "keeper", "executive", "partner"])
def test_only_administrators_set_them(cast, part):
    with pytest.raises(Refused), cast.unit(getattr(cast, part)) as u:
        settings.change(u, "company_name", "Mine")
