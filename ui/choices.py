"""Long lists to choose from, named in the reader's language: time zones, currencies, countries."""

from datetime import date, timedelta
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from babel.core import get_global
from babel.numbers import list_currencies
from phonenumbers import SUPPORTED_REGIONS

from crm import users
from crm.core import clock, i18n
from ui.session import language


def time_zones(kept: str | None = None) -> dict[str, str]:
    """Return zone -> name, from west to east: 'Europe/Moscow' -> 'UTC+03:00 Moscow, Russia'.

    kept: a zone that is in the list in any case, because somebody has it.
    """
    found = _time_zones(language(), clock.day_of(clock.now(), "UTC"))
    return found if kept is None or kept in found else {kept: kept} | found


@lru_cache(maxsize=6)
def _time_zones(code: str, day: date) -> dict[str, str]:
    noon, countries_of = clock.start_of(day, "UTC") + timedelta(hours=12), get_global("zone_territories")
    named = []
    for zone in _zones_in_use():
        local = noon.astimezone(ZoneInfo(zone))
        offset = local.strftime("%z")
        country = i18n.locale(code).territories.get(countries_of.get(_same(zone) or zone, ""), "")
        place = ", ".join(filter(None, (_city(zone, code), country)))
        named.append((local.utcoffset(), f"UTC{offset[:3]}:{offset[3:]} {place}", zone))
    return {zone: name for _offset, name, zone in sorted(named) if zone != "UTC"} | {"UTC": "UTC"}


@lru_cache(maxsize=1)
def _zones_in_use() -> list[str]:
    """Return the zones of the world's table: one for each place, without old spellings."""
    lines = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8").splitlines()
    listed = (line.split("\t")[2] for line in lines if line and not line.startswith("#"))
    return [zone for zone in listed if zone in users.time_zones()]


def _same(zone: str) -> str | None:
    return get_global("zone_aliases").get(zone)


def _city(zone: str, code: str) -> str:
    """Return the name of the zone's city; the names stand under the old or the new spelling."""
    names = i18n.locale(code).time_zones
    old = [alias for alias, now in get_global("zone_aliases").items() if now == zone]
    for one in (zone, _same(zone), *old):
        if one in names and "city" in names[one]:
            return str(names[one]["city"])
    return zone.rpartition("/")[2].replace("_", " ")


def currencies() -> dict[str, str]:
    """Return code -> name by code: 'RUB' -> 'RUB Russian rouble'."""
    return _currencies(language())


@lru_cache(maxsize=3)
def _currencies(code: str) -> dict[str, str]:
    names = i18n.locale(code).currencies
    return {one: f"{one} {names[one]}" for one in sorted(list_currencies()) if one in names}


def countries(kept: str | None = None) -> dict[str, str]:
    """Return code -> name by name, of every country whose phone numbers we can read: 'RU' -> 'Russia'.

    kept: what stands in a record already, be it no code at all.
    """
    found = _countries(language())
    return found if kept is None or kept in found else {kept: kept} | found


@lru_cache(maxsize=3)
def _countries(code: str) -> dict[str, str]:
    names = i18n.locale(code).territories
    return dict(sorted(((one, names.get(one, one)) for one in SUPPORTED_REGIONS), key=lambda pair: pair[1].casefold()))
