"""The look-up box: milliseconds of the query layer for each kind of question, and how often the one meant is among the first ten.

Each kind is asked 40 times, about customers drawn at random, by the record keeper, who sees everybody, and once more by sales
people about customers of their own. A customer of the same name (as the kind sees it) counts as the one meant: nobody could
tell them apart by what was typed.
"""

import gc
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pypinyin import lazy_pinyin
from sqlalchemy import select

from bench import data
from bench.figures import Sheet, Wish, percentile
from crm import customers, search
from crm.core.access import Identity
from crm.core.grants import Role
from crm.core.people import User
from crm.core.uow import unit_of_work
from crm.customers import Customer, Email, Kind, Phone
from crm.demo.names import latin
from db.engine import Database

CUSTOMERS: Final = 1_000_000
SAMPLES: Final = 40
FIRST: Final = 10
LIMITS: Final = {"sqlite": 20.0, "postgresql": 100.0}
"""Milliseconds."""

LEAST: Final = 0.95
RUSSIAN: Final = dict(zip("abcdefghiklmnopqrstuvwyz", "абкдефгхиклмнопкрстуввиз", strict=True)) | {
    "sch": "щ", "sh": "ш", "ch": "ч", "th": "т", "ph": "ф", "ck": "к", "ce": "с", "ci": "си", "cy": "си", "ee": "и", "oo": "у", "j": "дж",
    "x": "кс",
}  # fmt: skip
"""How Latin letters are written by somebody who types Russian."""


@dataclass(frozen=True)
class Meant:
    """A customer who is meant. words: of the name, without its legal form."""

    id: int
    name: str
    kind: str
    responsible_id: int | None
    number: str
    phone: str
    email: str
    words: tuple[str, ...]

    @property
    def person(self) -> bool:
        """Say whether it is a private person."""
        return self.kind == Kind.PERSON

    def written_in(self, letters: str) -> bool:
        """Say whether the name is written in these letters: 'ru', 'en' or 'zh'."""
        first = self.words[0][0] if self.words else ""
        found = "zh" if search.HAN.match(first) else "en" if first.isascii() else "ru"
        return found == letters


Ask = Callable[[Meant, random.Random], str]


@dataclass(frozen=True)
class Question:
    """One kind of question. of: 'ru', 'en', 'zh' or '' (any letters); person: None for anybody; distinct: it means one name only."""

    ask: Ask
    of: str = ""
    person: bool | None = None
    distinct: bool = True
    own: bool = False
    same: Callable[[str], Any] = lambda name: tuple(search.words(name))

    def fits(self, meant: Meant) -> bool:
        """Say whether this can be asked about a customer."""
        right_kind = self.person is None or meant.person is self.person
        return right_kind and bool(meant.words) and (not self.of or meant.written_in(self.of))


def slip(word: str, rng: random.Random) -> str:
    """Return a word with one letter missing, doubled, wrong or exchanged with its neighbour."""
    place = rng.randrange(1, len(word) - 1)
    letter = rng.choice([one for one in word if one != word[place]] or [word[place]])
    return rng.choice(
        (
            word[:place] + word[place + 1 :],
            word[:place] + word[place] + word[place:],
            word[:place] + letter + word[place + 1 :],
            word[:place] + word[place + 1] + word[place] + word[place + 2 :],
        )
    )


def _misspelt(meant: Meant, rng: random.Random) -> str:
    place = max(range(len(meant.words)), key=lambda one: len(meant.words[one]))
    return " ".join(slip(word, rng) if at == place else word for at, word in enumerate(meant.words))


def _inside(meant: Meant, _rng: random.Random) -> str:
    first, *rest = meant.words
    return " ".join([first[1:], *rest])


def _in_russian(meant: Meant, _rng: random.Random) -> str:
    text = " ".join(meant.words)
    for letters in sorted(RUSSIAN, key=len, reverse=True):
        text = text.replace(letters, RUSSIAN[letters])
    return text


def _written(digits: str, rng: random.Random) -> str:
    local = digits[-10:]
    spaced = f"({local[:3]}) {local[3:6]}-{local[6:8]}-{local[8:]}"
    own = [f"8 {spaced}"] if digits.startswith("7") else []
    return rng.choice([f"+{digits}", digits, local, spaced, *own])


def _pinyin(name: str) -> str:
    return "".join(lazy_pinyin(name))


KINDS: Final[dict[str, Question]] = {
    "name_ru": Question(lambda m, _r: " ".join(m.words), "ru", person=True),
    "name_en": Question(lambda m, _r: " ".join(m.words), "en", person=True),
    "name_zh": Question(lambda m, _r: m.name, "zh", person=True),
    "company": Question(lambda m, _r: " ".join(m.words), person=False),
    "company_and_form": Question(lambda m, _r: m.name.lower(), person=False),
    "inside": Question(_inside, "ru", person=True),
    "layout_ru": Question(lambda m, _r: search.other_layout(" ".join(m.words)), "ru"),
    "layout_en": Question(lambda m, _r: search.other_layout(" ".join(m.words)), "en"),
    "translit_ru": Question(lambda m, _r: " ".join(latin(word) for word in m.words), "ru", person=True),
    "translit_en": Question(_in_russian, "en", person=True),
    "typo_ru": Question(_misspelt, "ru", person=True),
    "typo_en": Question(_misspelt, "en", person=True),
    "pinyin": Question(lambda m, _r: _pinyin(m.name), "zh", person=True, same=_pinyin),
    "phone": Question(lambda m, r: _written(m.phone, r)),
    "phone_last_7": Question(lambda m, _r: m.phone[-7:]),
    "email": Question(lambda m, _r: m.email),
    "email_local": Question(lambda m, _r: m.email.partition("@")[0], person=True, distinct=False),
    "number": Question(lambda m, _r: m.number),
    "own_phone_last_4": Question(lambda m, _r: m.phone[-4:], own=True),
    "own_name": Question(lambda m, _r: " ".join(m.words), own=True),
    "phone_last_4": Question(lambda m, _r: m.phone[-4:], distinct=False),
    "own_surname": Question(lambda m, _r: m.words[0], person=True, own=True, distinct=False),
    "surname": Question(lambda m, _r: m.words[0], person=True, distinct=False),
    "three_letters": Question(lambda m, _r: m.words[0][:3], person=True, distinct=False),
    "two_letters": Question(lambda m, _r: m.words[0][:2], "ru", distinct=False),
    "domain": Question(lambda m, _r: "@" + m.email.partition("@")[2], distinct=False),
    "initials": Question(
        lambda m, _r: "".join(one[0] for one in lazy_pinyin(m.name)), "zh", person=True, distinct=False
    ),
    "two_signs": Question(lambda m, _r: m.name[:2], "zh", distinct=False),
    "one_sign": Question(lambda m, _r: m.name[:1], "zh", distinct=False),
    "nobody": Question(lambda _m, r: "".join(r.choices("бвгджзклмн", k=9)), distinct=False),
}


def measure(wish: Wish, sheet: Sheet) -> None:
    """Ask every kind of question."""
    size = wish.customers or CUSTOMERS
    database = data.database(size, wish.seed, wish.url)
    limit = LIMITS["sqlite" if database.is_sqlite else "postgresql"]
    sheet.facts |= {"Customers": f"{size:,}", "Database": "SQLite" if database.is_sqlite else "PostgreSQL"}
    people = drawn(database, size, random.Random(wish.seed))
    keeper, sellers = staff(database)
    gc.collect()
    gc.freeze()  # as the server does when it starts
    spent: list[float] = []
    rows = []
    for name, kind in KINDS.items():
        asked = list(_samples(people, kind, sellers))[:SAMPLES]
        readers = [Identity(meant.responsible_id or 0) if kind.own else keeper for meant in asked]
        rng = random.Random(wish.seed)
        answers = [
            _ask(database, who, kind, meant, kind.ask(meant, rng)) for who, meant in zip(readers, asked, strict=True)
        ]
        times = [seconds * 1000 for seconds, _ in answers]
        share = sum(found for _, found in answers) / max(len(answers), 1)
        spent += times
        sheet.add(f"lookup.{name}.p95", percentile(times, 0.95), "ms")
        sheet.add(f"lookup.{name}.found", share, "of all", least=LEAST if kind.distinct else None)
        rows.append(
            (name, str(len(times)), f"{percentile(times, 0.5):.1f}", f"{percentile(times, 0.95):.1f}", f"{share:.2f}")
        )
    raw = percentile([_raw(database, one) for one in people[:200]], 0.5)
    beside = f"{percentile(spent, 0.95) / raw:.0f} x one bare look into the index"
    sheet.add("lookup.p50", percentile(spent, 0.5), "ms")
    sheet.add("lookup.p95", percentile(spent, 0.95), "ms", limit=limit, beside=beside)
    sheet.table(("kind", "asked", "p50 ms", "p95 ms", "found in the first ten"), rows)
    database.close()


def _ask(database: Database, who: Identity, kind: Question, meant: Meant, text: str) -> tuple[float, bool]:
    """Ask one question; return the seconds that it took and whether the one meant was among the first ten."""
    begun = time.perf_counter()
    with unit_of_work(database, who) as u:
        found = customers.look_up(u, text, most=FIRST)
    seconds = time.perf_counter() - begun
    wanted = kind.same(meant.name)
    return seconds, any(one["id"] == meant.id or kind.same(one["name"]) == wanted for one in found)


def _raw(database: Database, meant: Meant) -> float:
    """Return the milliseconds of one bare look into the index."""
    statement = select(search.TOKENS.c.customer_id).where(search.TOKENS.c.token == f"p{meant.phone}")
    with database.reader.connect() as connection:
        begun = time.perf_counter()
        connection.execute(statement).all()
        return (time.perf_counter() - begun) * 1000


def _samples(people: list[Meant], kind: Question, sellers: set[int]) -> Iterator[Meant]:
    for meant in people:
        if kind.fits(meant) and (not kind.own or meant.responsible_id in sellers):
            yield meant


def staff(database: Database) -> tuple[Identity, set[int]]:
    """Return the record keeper and the sales people."""
    with database.reader.connect() as connection:
        people = connection.execute(select(User.id, User.username, User.roles)).all()
    keeper = next(key for key, username, _ in people if username == "keeper")
    return Identity(keeper), {key for key, _, roles in people if roles == [Role.SALES_REP]}


def drawn(database: Database, size: int, rng: random.Random) -> list[Meant]:
    """Draw customers with a phone and an e-mail at random."""
    ids = rng.sample(range(1, size + 1), min(size, 30 * SAMPLES))
    table, phones, emails = Customer.__table__.c, Phone.__table__.c, Email.__table__.c
    rows = (
        select(
            table.id, table.name, table.kind, table.responsible_id, table.external_number, phones.digits, emails.address
        )
        .join(Phone.__table__, phones.customer_id == table.id)
        .join(Email.__table__, emails.customer_id == table.id)
        .where(table.id.in_(ids), phones.position == 0, emails.position == 0)
    )
    with database.reader.connect() as connection:
        found = [Meant(*row, tuple(search.words(row[1]))) for row in connection.execute(rows)]
    rng.shuffle(found)
    return found
