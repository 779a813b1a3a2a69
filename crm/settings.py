"""Settings: what the company decides once for everybody. They promise one value per key, checked when it is set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.numbers import list_currencies
from phonenumbers import SUPPORTED_REGIONS
from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.errors import Invalid
from crm.core.i18n import LANGUAGES, N_
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from db.base import Record


class Setting(Record):
    """One value that the company chose; what is not chosen has its default."""

    __tablename__ = "settings"

    key: Mapped[str] = mapped_column(unique=True)
    value: Mapped[str]


def _zone(value: str) -> bool:
    try:
        ZoneInfo(value)
    except (ValueError, OSError):
        return False
    return True


@dataclass(frozen=True)
class Definition:
    """A setting: its name for people, its default, and what values it takes."""

    label: str
    default: str
    accepts: Callable[[str], bool]


DEFINITIONS: Final[Mapping[str, Definition]] = {
    "company_name": Definition(N_("Company name"), "Rapport", lambda value: 0 < len(value) <= 80),  # noqa: PLR2004
    "timezone": Definition(N_("Time zone"), "Europe/Moscow", _zone),
    "currency": Definition(N_("Currency"), "RUB", lambda value: value in list_currencies()),
    "language": Definition(N_("Language"), "en", lambda value: value in LANGUAGES),
    "phone_region": Definition(N_("Country of phones without a code"), "RU", lambda value: value in SUPPORTED_REGIONS),
    "backup_hourly": Definition(N_("Hourly copies"), "yes", lambda value: value in {"yes", "no"}),
}


@verb("settings.edit")
def change(u: UnitOfWork, key: str, value: str) -> None:
    """Set one value. Raises Invalid beside the field `key`."""
    if key not in DEFINITIONS or not DEFINITIONS[key].accepts(value.strip()):
        raise Invalid(N_("This value cannot be used here."), field=key)
    setting = u.session.scalar(select(Setting).where(Setting.key == key))
    if setting is None:
        u.add(Setting(key=key, value=value.strip()))
    else:
        setting.value = value.strip()


def everything(u: UnitOfWork) -> dict[str, str]:
    """Return every setting, the defaults included. Read once per unit of work."""
    if "settings" not in u.session.info:
        chosen: dict[str, Any] = {row.key: row.value for row in u.all(select(Setting))}
        u.session.info["settings"] = {key: chosen.get(key, one.default) for key, one in DEFINITIONS.items()}
    return dict(u.session.info["settings"])


def value(u: UnitOfWork, key: str) -> str:
    """Return one setting."""
    return everything(u)[key]
