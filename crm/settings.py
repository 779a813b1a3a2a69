"""Settings: what the company decides once for everybody. They promise one value per key, checked when it is set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.numbers import list_currencies
from phonenumbers import SUPPORTED_REGIONS
from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.errors import Conflict, Invalid, InvalidForm
from crm.core.i18n import LANGUAGES, N_
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from db.base import Record


class Setting(Record):
    """One value that the company chose; what is not chosen has its default."""

    __tablename__ = "settings"

    # the audit entry names the setting, so `change` writes it and not the flush
    key: Mapped[str] = mapped_column(unique=True, info={"kept": True})
    value: Mapped[str] = mapped_column(info={"kept": True})


def _zone(value: str) -> bool:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # unknown, not a name at all, or a folder of zones
        return False
    return True


GROUPS: Final[Mapping[str, str]] = {
    "company": N_("Company"),
    "region": N_("Region"),
    "privacy": N_("Personal data"),
    "quality": N_("Quality"),
    "documents": N_("Documents"),
    "backups": N_("Backups"),
}
"""The groups in which settings are shown, each with its name."""


@dataclass(frozen=True)
class Definition:
    """A setting: its name for people, its default, what values it takes, its group and one line of what it does."""

    label: str
    default: str
    accepts: Callable[[str], bool]
    group: str = "company"
    line: str = ""


DEFINITIONS: Final[Mapping[str, Definition]] = {
    "company_name": Definition(
        N_("Company name"),
        "Rapport",
        lambda value: 0 < len(value) <= 80,  # noqa: PLR2004  what fits into the header
        line=N_("Stands in the header and in mails."),
    ),
    "language": Definition(
        N_("Language"),
        "en",
        lambda value: value in LANGUAGES,
        line=N_("For mails and reports that Rapport writes by itself."),
    ),
    "timezone": Definition(
        N_("Time zone"), "Europe/Moscow", _zone, "region", N_("Decides when a day, a plan and a report begin and end.")
    ),
    "currency": Definition(
        N_("Currency"), "RUB", lambda value: value in list_currencies(), "region", N_("For new purchases.")
    ),
    "phone_region": Definition(
        N_("Country of phones without a code"),
        "RU",
        lambda value: value in SUPPORTED_REGIONS,
        "region",
        N_("'8 916 123-45-67' is read as a number of this country."),
    ),
    "contact_data_per_hour": Definition(
        N_("Customers with hidden phones in an hour"),
        "50",
        lambda value: value.isascii() and value.isdigit() and 1 <= int(value[:5]) <= 1000,  # noqa: PLR2004  more is no limit
        "privacy",
        N_(
            "So many customers' hidden phones and e-mails are shown to one person within an hour. Then the leader is told."
        ),
    ),
    "doubles_per_hour": Definition(
        N_("Answers about customers out of sight in an hour"),
        "20",
        lambda value: value.isascii() and value.isdigit() and 1 <= int(value[:5]) <= 1000,  # noqa: PLR2004  likewise
        "privacy",
        N_(
            "While entering, one person is told so often within an hour that a customer of others exists already. "
            "Then the leader is told."
        ),
    ),
    "verify_after_days": Definition(
        N_("Days after which data are to be verified"),
        "180",
        lambda value: value.isascii() and value.isdigit() and 1 <= int(value[:6]) <= 3650,  # noqa: PLR2004  ten years
        "quality",
        N_("Customers whom nobody has verified for so long wait on the page 'Quality'."),
    ),
    "document_megabytes": Definition(
        N_("Largest document in MB"),
        "25",
        lambda value: value.isascii() and value.isdigit() and 1 <= int(value[:4]) <= 100,  # noqa: PLR2004  what the server takes
        "documents",
        N_("A larger file is refused when somebody adds it to a customer. At most 100."),
    ),
    "backup_hourly": Definition(
        N_("Hourly copies"),
        "yes",
        lambda value: value in {"yes", "no"},
        "backups",
        N_("Rapport copies itself every hour."),
    ),
}


@verb("settings.edit")
def change(u: UnitOfWork, key: str, value: str, *, seen: str | None = None) -> None:
    """Set one value; `seen` is the value that the form showed.

    Raises Invalid beside the field `key`, Conflict when somebody else changed it meanwhile.
    """
    if key not in DEFINITIONS or not DEFINITIONS[key].accepts(value.strip()):
        raise Invalid(N_("This value cannot be used here."), field=key)
    setting = u.session.scalar(select(Setting).where(Setting.key == key))
    before = setting.value if setting else DEFINITIONS[key].default
    if seen is not None and seen != before:
        raise Conflict
    if before == value.strip():
        return
    setting = setting or u.add(Setting(key=key, value=value.strip()))
    setting.value = value.strip()
    u.remember(setting, {key: [before, setting.value]})
    u.session.info.pop("settings", None)


@verb("settings.edit")
def change_all(u: UnitOfWork, values: Mapping[str, str], *, seen: Mapping[str, str]) -> None:
    """Set several values, or none of them; `seen` are the values that the form showed.

    Raises InvalidForm with one Invalid per value that cannot be used, Conflict when somebody else changed one meanwhile.
    """
    faults: dict[str, Invalid] = {}
    for key, wanted in values.items():
        if wanted.strip() == seen.get(key):
            continue
        try:
            change(u, key, wanted, seen=seen.get(key))
        except Invalid as fault:
            faults[key] = fault
    if faults:
        raise InvalidForm(faults)


_CHOSEN: Final = Prepared(select(Setting.key, Setting.value))


def everything(u: UnitOfWork) -> dict[str, str]:
    """Return every setting, the defaults included. Read once per unit of work."""
    if "settings" not in u.session.info:
        chosen: dict[str, Any] = {row["key"]: row["value"] for row in u.rows(_CHOSEN)}
        u.session.info["settings"] = {key: chosen.get(key, one.default) for key, one in DEFINITIONS.items()}
    return dict(u.session.info["settings"])


def value(u: UnitOfWork, key: str) -> str:
    """Return one setting."""
    return everything(u)[key]
