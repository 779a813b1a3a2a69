"""What else is known of invented customers: the persons at companies and their requisites, and the tags that customers bear."""

from typing import Any, Final

import numpy as np
from numpy.random import Generator
from stdnum.cn import uscc
from stdnum.ru import inn, ogrn

from crm.demo import names, places
from crm.demo.customers import Drawn
from crm.demo.names import TONGUES, Tongue
from crm.demo.span import Array, in_groups
from crm.requisites import fits

HOW_MANY: Final = (0.45, 0.35, 0.2)
"""Shares of companies with one, two and three persons."""
LEFT: Final = 0.06
WITH_PHONE: Final = 0.8
WITH_EMAIL: Final = 0.7

POSITIONS: Final = {
    Tongue.RU: "Генеральный директор;Главный бухгалтер;Начальник отдела снабжения;Секретарь;Главный инженер;Менеджер по закупкам",
    Tongue.ZH: "总经理;财务主管;采购经理;行政秘书;总工程师;采购专员",
    Tongue.EN: "Managing director;Chief accountant;Head of purchasing;Office manager;Chief engineer;Buyer",
}

TAGS: Final = (
    ("VIP", "good"),
    ("опт", "plain"),
    ("经销商", "plain"),
    ("trade fair 2026", "plain"),
    ("предоплата", "warn"),
)
"""Tags with their colours."""

SHARES: Final = {
    Tongue.RU: (0.06, 0.2, 0.0, 0.04, 0.05),
    Tongue.ZH: (0.06, 0.0, 0.2, 0.06, 0.0),
    Tongue.EN: (0.06, 0.0, 0.0, 0.1, 0.0),
}
"""How many customers of each language bear each of them."""

SIGNED: Final = 0.6
"""The share of companies whose requisites are known."""

REGIONS: Final = ("7707", "7825", "5406", "6670", "1655")
BANK: Final = "044525225"


def requisites(rng: Generator, drawn: Drawn, ids: Array) -> dict[str, Any]:
    """Draw requisites of companies as columns, with right check digits."""
    who = np.flatnonzero(drawn.company & (rng.random(len(ids)) < SIGNED))
    serial = rng.integers(10_000, 99_999, len(who)).tolist()
    found: dict[str, list[str | None]] = {key: [] for key in ("inn", "kpp", "ogrn", "account", "bic", "uscc")}
    for place, number in zip(who.tolist(), serial, strict=True):
        tongue = TONGUES[drawn.tongue[place]]
        numbers = _NUMBERS[tongue](int(ids[place]), number) if tongue in _NUMBERS else {}
        for key, column in found.items():
            column.append(numbers.get(key))
    names_of = drawn.texts["name"][who].tolist()
    return {"customer_id": ids[who], "name": names_of, **found, "created_at": drawn.created[who], "version": 1}


def _russian(key: int, serial: int) -> dict[str, str]:
    office = REGIONS[serial % len(REGIONS)]
    company = f"{office}{key % 100_000:05d}"
    state = f"1{serial % 20 + 5:02d}{office[:2]}{serial:05d}{key % 100:02d}"
    start, rest = "40702810", f"{serial:05d}{key % 1_000_000:06d}"
    account = next(one for digit in range(10) if fits(one := f"{start}{digit}{rest}", BANK))
    return {
        "inn": company + inn.calc_company_check_digit(company),
        "kpp": f"{office}01001",
        "ogrn": state + ogrn.calc_check_digit(state + "0"),
        "account": account,
        "bic": BANK,
    }


def _chinese(key: int, serial: int) -> dict[str, str]:
    company = f"91110{serial % 1_000:03d}{key % 1_000_000_000:09d}"
    return {"uscc": company + uscc.calc_check_digit(company)}


_NUMBERS: Final = {Tongue.RU: _russian, Tongue.ZH: _chinese}


def tags(rng: Generator, drawn: Drawn, ids: Array) -> dict[str, Any]:
    """Draw which customers bear which tags: `tag_id` is the place of the tag in TAGS."""
    share = np.array([SHARES[one] for one in TONGUES])[drawn.tongue]
    who, which = np.nonzero(rng.random(share.shape) < share)
    return {"customer_id": ids[who], "tag_id": which, "version": 1}


def contacts(rng: Generator, drawn: Drawn, ids: Array, keeper_id: int) -> dict[str, Any]:
    """Draw the contact persons of companies as columns, in the order of their customers. keeper_id: who noted them."""
    firms = np.flatnonzero(drawn.company)
    of, place = in_groups(rng.choice(np.array([1, 2, 3]), len(firms), p=HOW_MANY))
    who = firms[of]
    found = {key: np.empty(len(who), object) for key in ("name", "position", "phones", "digits", "emails")}
    for number, tongue in enumerate(TONGUES):
        mask = drawn.tongue[who] == number
        some = int(mask.sum())
        found["name"][mask], spelt = names.persons(rng, tongue, some)
        titles = np.array(POSITIONS[tongue].split(";"), object)
        found["position"][mask] = titles[rng.integers(0, len(titles), some)]
        written, digits = places.phones(rng, tongue, np.zeros(some, int), np.zeros(some, bool))
        reached = rng.random(some) < WITH_PHONE
        found["phones"][mask] = np.where(reached, np.array(written, object), "")
        found["digits"][mask] = np.where(reached, np.array(digits, object), "")
        host = [site or "office.example" for site in drawn.texts["website"][who[mask]]]
        written = [f"{name}@{at}" for name, at in zip(spelt, host, strict=True)]
        found["emails"][mask] = np.where(rng.random(some) < WITH_EMAIL, np.array(written, object), "")
    left = (rng.random(len(who)) < LEFT) & (place > 0)
    return {
        "customer_id": ids[who],
        **{key: values.tolist() for key, values in found.items()},
        "is_primary": (place == 0).tolist(),
        "left_at": np.where(left, drawn.created[who], np.datetime64("NaT", "s")),
        "created_at": drawn.created[who],
        "created_by_id": keeper_id,
        "version": np.where(left, 2, 1),
    }
