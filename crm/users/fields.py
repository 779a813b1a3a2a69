"""What the form of an account carries, and the checks that clean it."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from zoneinfo import available_timezones

from crm.contact_data import clean_email
from crm.core.errors import Invalid, InvalidForm
from crm.core.grants import ROLES
from crm.core.i18n import LANGUAGES, N_
from crm.sessions.beginnings import is_username

NAME_LENGTH: Final = 120


@lru_cache(maxsize=1)
def time_zones() -> tuple[str, ...]:
    """Return the names of the time zones that a person can choose, such as 'Europe/Moscow'."""
    return (*sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")), "UTC")


def _username(text: str) -> str:
    found = text.strip().lower()
    if not is_username(found):
        raise Invalid(N_("A user name is made of letters, digits and . _ - @ +"), field="username")
    return found


def _name(text: str) -> str:
    found = " ".join(text.replace("\x00", "").split())
    if not found:
        raise Invalid(N_("Please enter a name."), field="name")
    if len(found) > NAME_LENGTH:
        raise Invalid(N_("At most {length} characters fit here."), field="name", length=NAME_LENGTH)
    return found


def _email(text: str | None) -> str | None:
    try:
        return clean_email(text) if text and text.strip() else None
    except Invalid as fault:
        raise Invalid(fault.text, field="email", **fault.values) from fault


def _roles(codes: Sequence[str]) -> list[str]:
    found = sorted(set(codes))
    if not found:
        raise Invalid(N_("Please choose at least one role."), field="roles")
    if not set(found) <= {str(role) for role in ROLES}:
        raise Invalid(N_("Please choose one of the list."), field="roles")
    return [str(code) for code in found]


def _partner(number: int | None) -> int | None:
    if number is not None and not 0 < number < 2**31:
        raise Invalid(N_("Please enter a whole number."), field="partner_id")
    return number


def _language(code: str | None) -> str | None:
    if code and code not in LANGUAGES:
        raise Invalid(N_("Please choose one of the list."), field="language")
    return code or None


def _timezone(zone: str | None) -> str | None:
    if zone and zone not in time_zones():
        raise Invalid(N_("Please choose one of the list."), field="timezone")
    return zone or None


CHECKS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "username": _username,
    "name": _name,
    "email": _email,
    "roles": _roles,
    "partner_id": _partner,
    "language": _language,
    "timezone": _timezone,
}
"""The fields of an account, each with the check that cleans it."""


def checked(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Clean what was typed; raise InvalidForm with one Invalid per wrong field. Fields that are not there stay as they are."""
    faults: dict[str, Invalid] = {}
    fields: dict[str, Any] = {}
    for key, value in raw.items():
        if key not in CHECKS:
            raise Invalid(N_("There is no field '{key}'."), field=key, key=key)
        try:
            fields[key] = CHECKS[key](value)
        except Invalid as fault:
            faults[key] = fault
    if faults:
        raise InvalidForm(faults)
    return fields
