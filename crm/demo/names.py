"""Invented names: pools of words are built once, then drawn from by the ten thousand.

Surnames are Faker's tables for Russia, China and Britain; given names are the common ones of people alive today.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.random import Generator
from pypinyin import lazy_pinyin

Words = np.ndarray[Any, np.dtype[np.object_]]


class Tongue(StrEnum):
    """The language of a customer."""

    RU = "ru"
    ZH = "zh"
    EN = "en"


TONGUES: Final = tuple(Tongue)

LATIN: Final = dict(zip("абвгдеёзийклмнопрстуфыэ", "abvgdeeziyklmnoprstufye", strict=True)) | {
    "ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ь": "", "ю": "yu", "я": "ya",
}  # fmt: skip


def latin(word: str) -> str:
    """Return a word as people write it in an e-mail address: 'Юлия' -> 'yuliya', '王' -> 'wang', "O'Neil" -> 'oneil'."""
    sounds = "".join(lazy_pinyin(word)).lower()
    return "".join(
        sign for sign in "".join(LATIN.get(letter, letter) for letter in sounds) if sign.isascii() and sign.isalnum()
    )


@dataclass(frozen=True)
class Pool:
    """Words, each with its spelling in addresses, and how often each is met."""

    words: Words
    spelt: Words
    shares: np.ndarray[Any, Any]

    def places(self, rng: Generator, count: int) -> np.ndarray[Any, Any]:
        """Draw the places of `count` words."""
        return np.searchsorted(self.shares, rng.random(count), side="right")


def pool(words: Sequence[str], weights: Sequence[float] | None = None, *, steep: float = 0.0) -> Pool:
    """Build a pool. Without weights the first words are the commonest: the n-th has the weight 1 / n ** steep."""
    unique = list(dict.fromkeys(words))
    weight = np.array(weights, float) if weights is not None else 1.0 / np.arange(1, len(unique) + 1) ** steep
    shares = np.cumsum(weight / weight.sum())
    shares[-1] = 1.0
    spelt = np.array([latin(word) for word in unique], object)
    return Pool(np.array(unique, object), spelt, shares)


# --- persons ----------------------------------------------------------------

# name, then how a son and a daughter are called after the father
FATHERS: Final = (
    "Александр Александрович Александровна,Сергей Сергеевич Сергеевна,Владимир Владимирович Владимировна,Андрей Андреевич Андреевна,"
    "Алексей Алексеевич Алексеевна,Николай Николаевич Николаевна,Иван Иванович Ивановна,Дмитрий Дмитриевич Дмитриевна,"
    "Михаил Михайлович Михайловна,Юрий Юрьевич Юрьевна,Виктор Викторович Викторовна,Евгений Евгеньевич Евгеньевна,"
    "Анатолий Анатольевич Анатольевна,Игорь Игоревич Игоревна,Олег Олегович Олеговна,Валерий Валерьевич Валерьевна,"
    "Максим Максимович Максимовна,Павел Павлович Павловна,Константин Константинович Константиновна,Роман Романович Романовна,"
    "Василий Васильевич Васильевна,Пётр Петрович Петровна,Григорий Григорьевич Григорьевна,Борис Борисович Борисовна,"
    "Вадим Вадимович Вадимовна,Геннадий Геннадьевич Геннадьевна,Вячеслав Вячеславович Вячеславовна,Антон Антонович Антоновна,"
    "Кирилл Кириллович Кирилловна,Тимур Тимурович Тимуровна,Руслан Русланович Руслановна,Фёдор Фёдорович Фёдоровна"
)
RU_MEN: Final = (
    "Александр,Дмитрий,Сергей,Алексей,Андрей,Максим,Иван,Михаил,Евгений,Артём,Владимир,Николай,Роман,Павел,Денис,Антон,Илья,Никита,"
    "Кирилл,Игорь,Олег,Виктор,Константин,Егор,Юрий,Вадим,Тимур,Руслан,Станислав,Василий,Пётр,Вячеслав,Григорий,Борис,Фёдор,Леонид,"
    "Глеб,Степан,Матвей,Ярослав,Георгий,Валерий,Анатолий,Арсений,Даниил,Геннадий,Эдуард,Марат,Ринат,Семён"
)
RU_WOMEN: Final = (
    "Елена,Ольга,Наталья,Анна,Татьяна,Ирина,Екатерина,Светлана,Мария,Юлия,Анастасия,Марина,Людмила,Дарья,Ксения,Александра,Виктория,"
    "Надежда,Оксана,Евгения,Полина,Алина,Вера,Галина,Валентина,Любовь,Кристина,Лариса,Алёна,Маргарита,Яна,София,Инна,Диана,Жанна,"
    "Эльвира,Гульнара,Регина,Тамара,Нина,Варвара,Алиса,Елизавета,Вероника,Карина,Антонина,Раиса,Лидия,Ульяна,Милана"
)
ZH_FIRST_SIGNS: Final = ("志文建晓国海子雨思佳家俊明永春", "晓雨思佳丽美淑玉婉雅梦诗欣秀春")
ZH_LAST_SIGNS: Final = ("强华明军平杰涛伟东峰辉宇轩豪鹏", "婷芳怡娜静敏洁玲琳霞燕颖倩莹兰")


@lru_cache(maxsize=1)
def _russian() -> dict[str, Pool]:
    from faker.providers.person.ru_RU import Provider as Russian  # noqa: PLC0415  only demonstrations need the tables

    sons = [father.split()[1] for father in FATHERS.split(",")]
    daughters = [father.split()[2] for father in FATHERS.split(",")]
    return {
        "m": pool(RU_MEN.split(","), steep=0.7),
        "f": pool(RU_WOMEN.split(","), steep=0.7),
        "m surname": pool(Russian.last_names_male, steep=0.45),
        "f surname": pool(Russian.last_names_female, steep=0.45),
        "m father": pool(sons, steep=0.6),
        "f father": pool(daughters, steep=0.6),
    }


@lru_cache(maxsize=1)
def _chinese() -> dict[str, Pool]:
    from faker.providers.person.zh_CN import Provider as Chinese  # noqa: PLC0415  likewise

    surnames: dict[str, float] = dict(Chinese.last_names)
    found = {"surname": pool(list(surnames), list(surnames.values()))}
    for sex, ready, first, last in zip(
        "mf", (Chinese.first_names_male, Chinese.first_names_female), ZH_FIRST_SIGNS, ZH_LAST_SIGNS, strict=True
    ):
        found[sex] = pool([*ready, *(one + two for one in first for two in last if one != two)], steep=0.3)
    return found


@lru_cache(maxsize=1)
def _british() -> dict[str, Pool]:
    from faker.providers.person.en_GB import Provider as British  # noqa: PLC0415  likewise

    surnames: dict[str, float] = dict(British.last_names)
    return {
        "m": pool(British.first_names_male, steep=0.5),
        "f": pool(British.first_names_female, steep=0.5),
        "surname": pool(list(surnames), list(surnames.values())),
    }


def persons(rng: Generator, tongue: Tongue, count: int) -> tuple[Words, Words]:
    """Draw persons as (names as a card shows them, 'first.last' for addresses)."""
    women = rng.random(count) < 0.5
    names, spelt = np.empty(count, object), np.empty(count, object)
    for sex, mask in (("m", ~women), ("f", women)):
        names[mask], spelt[mask] = _PERSONS[tongue](rng, sex, int(mask.sum()))
    return names, spelt


def _russian_persons(rng: Generator, sex: str, count: int) -> tuple[Words, Words]:
    given, surname, father = (_russian()[key] for key in (sex, f"{sex} surname", f"{sex} father"))
    firsts, lasts, fathers = given.places(rng, count), surname.places(rng, count), father.places(rng, count)
    fathers_known = np.where(rng.random(count) < 0.7, " " + father.words[fathers], "")
    return surname.words[lasts] + " " + given.words[firsts] + fathers_known, given.spelt[firsts] + "." + surname.spelt[
        lasts
    ]


def _chinese_persons(rng: Generator, sex: str, count: int) -> tuple[Words, Words]:
    given, surname = _chinese()[sex], _chinese()["surname"]
    firsts, lasts = given.places(rng, count), surname.places(rng, count)
    return surname.words[lasts] + given.words[firsts], surname.spelt[lasts] + "." + given.spelt[firsts]


def _british_persons(rng: Generator, sex: str, count: int) -> tuple[Words, Words]:
    given, surname = _british()[sex], _british()["surname"]
    firsts, lasts = given.places(rng, count), surname.places(rng, count)
    return given.words[firsts] + " " + surname.words[lasts], given.spelt[firsts] + "." + surname.spelt[lasts]


_PERSONS: Final = {Tongue.RU: _russian_persons, Tongue.ZH: _chinese_persons, Tongue.EN: _british_persons}


# --- companies --------------------------------------------------------------

RU_HEADS: Final = (
    "Спец,Тех,Пром,Транс,Авто,Агро,Энерго,Метал,Гео,Эко,Мед,Хим,Инвест,Сиб,Урал,Волга,Балт,Север,Юг,Мос,Рос,Евро,Гранд,Альфа,Вектор,"
    "Стандарт,Интер,Нефте,Газ,Электро,Водо,Тепло,Лес,Дон,Кубань,Нева,Кама,Прим,Восток,Запад,Орион,Атлант,Рубин,Гранит,Кристалл"
)
RU_TAILS: Final = (
    "строй,монтаж,сервис,снаб,торг,маш,инжиниринг,логистик,продукт,ресурс,комплект,проект,центр,групп,трейд,системы,технологии,импорт,"
    "мебель,дизайн,контракт,партнёр,оптима,актив,сталь,пласт,текстиль,упаковка"
)
ZH_CITIES: Final = "北京,上海,深圳,广州,杭州,成都,南京,武汉,苏州,西安,天津,重庆,青岛,宁波,厦门"
ZH_BRANDS: Final = "华信天宏盛达恒瑞鑫金泰通安康博远新中海创德隆星辉锦程源顺和丰"
ZH_TRADES: Final = (
    "科技,贸易,建设工程,物流,文化传媒,电子,食品,医疗器械,机械设备,商贸,信息技术,装饰工程,环保科技,供应链管理,教育咨询"
)
EN_TRADES: Final = (
    "Logistics,Engineering,Builders,Interiors,Foods,Textiles,Systems,Motors,Joinery,Electrical,Packaging,Print,Garden Centre,"
    "Consulting,Instruments,Catering,Surveyors,Plumbing,Furniture,Analytics,Brewing,Stationers,Lighting,Hardware"
)
EN_PLACES: Final = (
    "Thames,Severn,Mersey,Pennine,Cotswold,Highland,Solent,Tyne,Avon,Chiltern,Medway,Humber,Wessex,Mendip,Cheviot,Lakeland,Camden,"
    "Albion,Castle,Abbey,Harbour,Northern,Southern,Midland,Crown,Oakfield,Riverside,Beacon,Kestrel,Falcon"
)


@lru_cache(maxsize=1)
def _company_parts() -> dict[str, Pool]:
    parts = {
        "ru head": RU_HEADS.split(","),
        "ru tail": RU_TAILS.split(","),
        "zh city": ZH_CITIES.split(","),
        "zh brand": [one + two for one in ZH_BRANDS for two in ZH_BRANDS if one != two],
        "zh trade": ZH_TRADES.split(","),
        "en trade": EN_TRADES.split(","),
        "en place": EN_PLACES.split(","),
    }
    return {key: pool(words) for key, words in parts.items()}


def companies(rng: Generator, tongue: Tongue, count: int) -> tuple[Words, Words]:
    """Draw companies as (names with their legal form, domain labels)."""
    return _COMPANIES[tongue](rng, count)


def _russian_companies(rng: Generator, count: int) -> tuple[Words, Words]:
    heads, tails = _company_parts()["ru head"], _company_parts()["ru tail"]
    head, tail = heads.places(rng, count), tails.places(rng, count)
    form = np.array(["ООО", "АО", "ЗАО", "ПАО"], object)[rng.choice(4, count, p=[0.8, 0.12, 0.05, 0.03])]
    mark = np.array(["", "-М", " Плюс", "-Юг", "-Центр", " Групп"], object)[
        rng.choice(6, count, p=[0.6, 0.1, 0.1, 0.08, 0.07, 0.05])
    ]
    names = form + " «" + heads.words[head] + tails.words[tail] + mark + "»"
    owner, spelt = _russian_persons(rng, "m", count)
    sole = rng.random(count) < 0.1
    short = [_initials(name) for name in owner[sole]]
    names[sole] = np.array([f"ИП {name}" for name in short], object)
    labels = heads.spelt[head] + tails.spelt[tail]
    labels[sole] = np.array([f"ip-{one.split('.')[1]}" for one in spelt[sole]], object)
    return names, labels


def _initials(name: str) -> str:
    surname, *given = name.split()
    return " ".join([surname, *(f"{part[0]}." for part in given)])


def _chinese_companies(rng: Generator, count: int) -> tuple[Words, Words]:
    cities, brands, trades = (_company_parts()[f"zh {key}"] for key in ("city", "brand", "trade"))
    city, brand, trade = (pool.places(rng, count) for pool in (cities, brands, trades))
    form = np.array(["有限公司", "股份有限公司", "有限责任公司"], object)[rng.choice(3, count, p=[0.8, 0.12, 0.08])]
    names = cities.words[city] + brands.words[brand] + trades.words[trade] + form
    return names, brands.spelt[brand] + trades.spelt[trade]


def _british_companies(rng: Generator, count: int) -> tuple[Words, Words]:
    trades, places, surnames = _company_parts()["en trade"], _company_parts()["en place"], _british()["surname"]
    trade, place = trades.places(rng, count), places.places(rng, count)
    one, two = surnames.places(rng, count), surnames.places(rng, count)
    kind = rng.choice(3, count, p=[0.45, 0.3, 0.25])
    names = np.where(kind == 0, places.words[place] + " " + trades.words[trade] + " Ltd", surnames.words[one] + " & ")
    names = np.where(kind == 1, names + "Sons Ltd", np.where(kind == 2, names + surnames.words[two] + " LLP", names))
    labels = np.where(kind == 1, surnames.spelt[one] + "andsons", surnames.spelt[one] + surnames.spelt[two])
    labels = np.where(kind == 0, places.spelt[place] + trades.spelt[trade], labels)
    return names, labels


_COMPANIES: Final = {Tongue.RU: _russian_companies, Tongue.ZH: _chinese_companies, Tongue.EN: _british_companies}
