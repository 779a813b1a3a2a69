"""Where invented customers live: cities with their weights, phones as those countries number them, streets.

The numbers are valid by the numbering plans, so some may be somebody's: demonstration data are for looking, not for dialling.
Addresses of mail and of the web stand under `.example`, which belongs to nobody.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.random import Generator

from crm.demo.names import Tongue, Words

COUNTRY: Final = {Tongue.RU: "RU", Tongue.ZH: "CN", Tongue.EN: "GB"}
ZONE: Final = {Tongue.RU: "Europe/Moscow", Tongue.ZH: "Asia/Shanghai", Tongue.EN: "Europe/London"}

# city | region | area code | weight
_CITIES: Final = {
    Tongue.RU: (
        "Москва|Москва|495|30,Санкт-Петербург|Санкт-Петербург|812|14,Екатеринбург|Свердловская область|343|7,Казань|Татарстан|843|6,"
        "Новосибирск|Новосибирская область|383|6,Нижний Новгород|Нижегородская область|831|5,Самара|Самарская область|846|5,"
        "Ростов-на-Дону|Ростовская область|863|4,Краснодар|Краснодарский край|861|4,Пермь|Пермский край|342|3,"
        "Воронеж|Воронежская область|473|3,Уфа|Башкортостан|347|3,Челябинск|Челябинская область|351|3,"
        "Красноярск|Красноярский край|391|2,Владивосток|Приморский край|423|2"
    ),
    Tongue.ZH: (
        "北京|北京市|10|24,上海|上海市|21|22,深圳|广东省|755|12,广州|广东省|20|10,杭州|浙江省|571|8,成都|四川省|28|6,南京|江苏省|25|5,"
        "武汉|湖北省|27|4,苏州|江苏省|512|4,西安|陕西省|29|3,天津|天津市|22|3,重庆|重庆市|23|3"
    ),
    Tongue.EN: (
        "London|Greater London|20|34,Manchester|Greater Manchester|161|12,Birmingham|West Midlands|121|11,Leeds|West Yorkshire|113|8,"
        "Glasgow|Scotland|141|7,Bristol|Bristol|117|7,Edinburgh|Scotland|131|7,Liverpool|Merseyside|151|6"
    ),
}
_STREETS: Final = {
    Tongue.RU: "Ленина,Советская,Мира,Гагарина,Садовая,Лесная,Новая,Пушкина,Кирова,Победы,Центральная,Школьная,Заводская,Набережная",
    Tongue.ZH: "中山路,人民路,解放路,建设路,和平路,长江路,新华路,文化路,北京路,南京路,朝阳街,学院路,科技大道,滨江大道",
    Tongue.EN: "High Street,Station Road,Church Lane,Victoria Road,Park Road,Mill Lane,King Street,Queen Street,London Road,The Green",
}
_MOBILE: Final = {
    Tongue.RU: "903,905,906,909,910,915,916,917,919,921,925,926,929,950,951,960,961,962,963,964,965,968,977,980,981,982,983,985,987,999",
    Tongue.ZH: "130,131,132,133,135,136,137,138,139,150,151,152,155,156,157,158,159,180,181,182,185,186,187,188,189",
    Tongue.EN: "7400,7401,7402,7403,7404,7405,7406,7411,7412,7413,7414,7415,7421,7422,7423,7424,7425,7426,7427,7428,7429,7432,7435,7446",
}


@dataclass(frozen=True)
class Land:
    """A country as columns: the n-th city with its region, area code and share of the people."""

    cities: Words
    regions: Words
    codes: Words
    shares: np.ndarray[Any, Any]
    streets: Words
    mobile: Words


@lru_cache(maxsize=3)
def land(tongue: Tongue) -> Land:
    """Return the country of a language."""
    cities, regions, codes, weights = zip(*(row.split("|") for row in _CITIES[tongue].split(",")), strict=True)
    weight = np.array(weights, float)
    return Land(
        cities=np.array(cities, object),
        regions=np.array(regions, object),
        codes=np.array(codes, object),
        shares=weight / weight.sum(),
        streets=np.array(_STREETS[tongue].split(","), object),
        mobile=np.array(_MOBILE[tongue].split(","), object),
    )


def addresses(rng: Generator, tongue: Tongue, count: int) -> list[str]:
    """Draw street addresses as people of the country write them."""
    streets = land(tongue).streets[rng.integers(0, len(land(tongue).streets), count)]
    houses, flats = rng.integers(1, 120, count).tolist(), rng.integers(1, 240, count).tolist()
    match tongue:
        case Tongue.RU:
            return [
                f"ул. {street}, д. {house}, кв. {flat}"
                for street, house, flat in zip(streets, houses, flats, strict=True)
            ]
        case Tongue.ZH:
            return [f"{street}{house}号{flat}室" for street, house, flat in zip(streets, houses, flats, strict=True)]
        case _:
            return [f"{house} {street}" for street, house in zip(streets, houses, strict=True)]


def phones(
    rng: Generator, tongue: Tongue, city: np.ndarray[Any, Any], landline: np.ndarray[Any, Any]
) -> tuple[list[str], list[str]]:
    """Draw one phone for each city as (written internationally, digits of E.164).

    city: places in `land(tongue).cities`; landline: True where the number is the city's, else it is a mobile's.
    """
    mobile = land(tongue).mobile[rng.integers(0, len(land(tongue).mobile), len(city))]
    codes = np.where(landline, land(tongue).codes[city], mobile).tolist()
    rest = rng.integers(
        2_000_000, np.where(landline, 4_999_999, 9_999_999)
    ).tolist()  # cities have numbers from 2 to 4 everywhere
    more = rng.integers(0, 10, len(city)).tolist()
    written = [_WRITE[tongue](code, str(seven), str(one)) for code, seven, one in zip(codes, rest, more, strict=True)]
    return written, [number.translate(_NOT_DIGITS) for number in written]


_NOT_DIGITS: Final = str.maketrans("", "", "+ -")


def _russian(code: str, seven: str, more: str) -> str:
    del more
    return f"+7 {code} {seven[:3]}-{seven[3:5]}-{seven[5:]}"


def _chinese(code: str, seven: str, more: str) -> str:
    return f"+86 {code} {seven[:4]} {seven[4:]}{more}"


def _british(code: str, seven: str, more: str) -> str:
    if code[0] == "7":
        return f"+44 {code} {seven[:6]}"
    if code == "20":
        return f"+44 20 7{seven[:3]} {seven[3:]}"
    del more
    return f"+44 {code} {seven[:3]} {seven[3:]}"


_WRITE: Final = {Tongue.RU: _russian, Tongue.ZH: _chinese, Tongue.EN: _british}
