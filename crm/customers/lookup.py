"""The look-up box: whom a typed text means, the likeliest first, and why.

The index gives keys; names and everything else come through the door. A way that speaks of contact data in part (the last
digits of a phone) answers only for customers whose contact data the reader sees in full.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import nlargest
from typing import Any, Final

from sqlalchemy import CTE, ColumnElement, Integer, and_, bindparam, case, cast, exists, false, func, or_, select

from crm import search
from crm.core.access import Owned
from crm.core.prepared import Prepared
from crm.core.reach import Reach
from crm.core.uow import UnitOfWork
from crm.customers.records import Customer
from crm.customers.rows import COLUMNS, ORDERS
from crm.search import TOKENS, Group, Question, Way, Why
from db.base import AnySelect
from db.given import apart, given, in_one_text, number_of, numbers, rows_of, text_of

CAP: Final = 1_000
"""So many customers of one token are looked at; a token with more of them only narrows what others give."""

FEW: Final = 100
"""So many are looked at first where a text has several words: the rarest of them is mostly rarer, and names whom to look at."""

ALTOGETHER: Final = 12_000
"""So many customers are looked at for all tokens of one attempt."""

CANDIDATES: Final = 60
LATEST: Final = 500
SOME: Final = 400
"""So many of one's own, and so many of those who meet one word that very many meet, are looked at."""

SEEN: Final = "customers.view_personal"

Ask = Callable[[UnitOfWork, str], list[Question]]


@dataclass(frozen=True)
class Step:
    """One attempt at understanding the text. whole: whole tokens come before those that begin so.

    unless: it is left out when so many are found; alone: the same for a text of one word, which seldom says enough.
    elsewhere: what stands outside the index is asked, too.
    """

    ask: Ask
    unless: int
    alone: int
    whole: bool = False
    elsewhere: bool = False


def _as_typed(_u: UnitOfWork, text: str) -> list[Question]:
    return search.questions(text)


def _on_other_keys(_u: UnitOfWork, text: str) -> list[Question]:
    return search.on_other_keys(text)


def _not_in_the_index(_u: UnitOfWork, _text: str) -> list[Question]:
    return []


ENOUGH: Final = 8
STEPS: Final = (
    Step(_as_typed, ENOUGH, ENOUGH, whole=True),
    Step(_on_other_keys, 1, 3),
    Step(search.inside, 1, ENOUGH),
    Step(_not_in_the_index, 1, ENOUGH, elsewhere=True),
    Step(search.near, 1, 1),
)


@dataclass(frozen=True)
class _Try:
    """A question by those of its ways that are open to the reader. whole: only whole tokens count.

    said: the same as it was asked word by word, where the question asks for words side by side.
    """

    question: Question
    whole: bool = False
    said: Question = ()

    @property
    def explained_by(self) -> Question:
        """Return the question by which an answer is explained."""
        return self.said or self.question


@dataclass(frozen=True)
class _Found:
    """A customer with why he was found, if that is known already, and the question that he answers."""

    row: dict[str, Any]
    question: Question
    why: tuple[Why, str] | None = None


def look_up(u: UnitOfWork, text: str, *, most: int = ENOUGH) -> list[dict[str, Any]]:
    """Return the likeliest customers under a text as rows of COLUMNS with `why` (a Why) and `quoted` (what it speaks of)."""
    found: dict[int, _Found] = {}
    alone = len(search.words(text)) == 1
    for step in STEPS:
        if len(found) >= min(step.alone if alone else step.unless, most):
            continue
        before = len(found)
        for tries in _tries(u, step, text):
            for one, rows in _answers(u, tries, found):
                for row in search.best(u.actor.id, text, rows):
                    found[row["id"]] = _Found(row, one.explained_by)
            if len(found) > before:
                break
        if step.elsewhere:
            found |= _elsewhere(u, text, found)
    return _explained(u, list(found.values())[:most])


def _elsewhere(u: UnitOfWork, text: str, known: Mapping[int, Any]) -> dict[int, _Found]:
    """Return who is found in rows that are not in the index."""
    found: dict[int, _Found] = {}
    for why, ask in search.ELSEWHERE.items():
        fresh = set(ask(u, text)) - set(known) - set(found)
        for row in _rows(u, _Met(fresh)):
            found[row["id"]] = _Found(row, (), (why, text.strip()))
    return found


def _tries(u: UnitOfWork, step: Step, text: str) -> list[list[_Try]]:
    """Return what is tried in one step, the surest first: words side by side, and if they mean nobody, each by itself."""
    questions = []
    for question in step.ask(u, text):
        ways = tuple(tuple(way for way in group if not way.closed or u.may(SEEN)) for group in question)
        if ways and all(ways):
            questions.append(_Try(ways))
    asked = ((search.side_by_side(one.question), one.question) for one in questions)
    paired = [_Try(together, said=said) for together, said in asked if together]
    return [_whole_first(step, those) for those in (paired, questions) if those]


def _whole_first(step: Step, tries: list[_Try]) -> list[_Try]:
    if not step.whole:
        return tries
    beginning = [one for one in tries if any(way.begins for group in one.question for way in group)]
    return [replace(one, whole=True) for one in tries] + beginning


# --- the index --------------------------------------------------------------


@dataclass
class _Met:
    """Customers who meet one word. open: by any way; closed: only by a way that needs contact data; more: ways that lead to more."""

    open: set[int] = field(default_factory=set)
    closed: set[int] = field(default_factory=set)
    more: list[Way] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Say whether these are all."""
        return not self.more

    @property
    def all(self) -> set[int]:
        """Everybody who meets it in some way."""
        return self.open | self.closed


def _answers(u: UnitOfWork, tries: list[_Try], known: Mapping[int, Any]) -> Iterator[tuple[_Try, list[dict[str, Any]]]]:
    """Give candidates inside the scope to each try, one's own and those talked to last first, until there are enough."""
    for one, met in zip(tries, _met(u, tries), strict=True):
        if len(known) < ENOUGH:
            yield one, [row for row in _answer(u, one, met, set(known)) if row["id"] not in known]


def _answer(u: UnitOfWork, one: _Try, met: list[_Met], known: set[int]) -> list[dict[str, Any]]:
    complete = [each for each in met if each.complete]
    if not complete:
        return _of_many(u, one, met)
    together = _both(complete)
    for each in met:
        if not each.complete:
            together = _narrowed(u, together, each, whole=one.whole)
    return _rows(u, _Met(together.open - known, together.closed - known))


def _both(met: Sequence[_Met]) -> _Met:
    everybody = set.intersection(*(one.all for one in met))
    openly = set.intersection(*(one.open for one in met))
    return _Met(openly, everybody - openly)


def _looks() -> AnySelect:
    """Return the statement of one look into the index for each token that is given."""
    looks, tokens = rows_of("looks"), TOKENS.c
    here = select(tokens.customer_id).where(tokens.token >= text_of(looks, 1), tokens.token <= text_of(looks, 2))
    newest = here.order_by(tokens.token.desc(), tokens.customer_id.desc()).limit(bindparam("most", type_=Integer))
    return select(number_of(looks, 0), in_one_text(newest.correlate(looks)))


_LOOKS: Final = _looks()


def _met(u: UnitOfWork, tries: list[_Try]) -> list[list[_Met]]:
    """Return for each word of each try who meets it; further than FEW only where no word of the try is met by fewer."""
    several = any(len(one.question) > 1 for one in tries)
    found = _looked(u, tries, min(FEW, CAP) if several else CAP)
    again = [place for place, met in enumerate(found) if not any(each.complete for each in met)] if several else []
    for place, met in zip(again, _looked(u, [tries[place] for place in again], CAP), strict=True):
        found[place] = met
    return found


def _looked(u: UnitOfWork, tries: list[_Try], cap: int) -> list[list[_Met]]:
    """Look into the index once for each way, in one statement."""
    found = [[_Met() for _ in one.question] for one in tries]
    looks = [
        (way, met, (way.token, search.last(way, whole=one.whole)))
        for one, those in zip(tries, found, strict=True)
        for group, met in zip(one.question, those, strict=True)
        for way in _telling(group, whole=one.whole)
    ]
    if not looks:
        return found
    most = min(cap, ALTOGETHER // len(looks))
    asked = given(*((number, *ends) for number, (_, _, ends) in enumerate(looks)))
    rows: Any = u.execute(_LOOKS, {"looks": asked, "most": most + 1}, raw=True)
    for number, text in rows:
        (way, met, _), ids = looks[number], apart(text)
        (met.closed if way.closed else met.open).update(map(int, ids))
        if len(ids) > most:
            met.more.append(way)
    for met in (met for those in found for met in those):
        met.closed -= met.open
    return found


def _telling(group: Group, *, whole: bool) -> Group:
    """Return the ways that tell something new: whoever bears a whole word bears its sound, too."""
    if whole and any(way.why is Why.SOUND for way in group):
        return tuple(way for way in group if way.why is not Why.NAME)
    return group


def _holding() -> AnySelect:
    """Return the statement that says which of some customers meet each token of those that are given."""
    looks, tokens = rows_of("looks"), TOKENS.c
    ids = _once(select(number_of(rows_of("ids"), 0).label("id")), "ids")
    asked = _once(select(*(text_of(looks, place).label(f"at_{place}") for place in range(3))), "looks")
    inside = and_(tokens.token >= asked.c.at_1, tokens.token <= asked.c.at_2)
    meets = exists().where(tokens.customer_id == ids.c.id, inside).correlate(ids, asked)
    return select(cast(asked.c.at_0, Integer), in_one_text(select(ids.c.id).where(meets).correlate(asked)))


def _once(rows: AnySelect, name: str) -> CTE:
    """Return given rows as something that is read out of its text once, and not for each pair."""
    return rows.cte(name).prefix_with("MATERIALIZED")


_HOLDING: Final = _holding()


def _narrowed(u: UnitOfWork, those: _Met, met: _Met, *, whole: bool) -> _Met:
    """Return who of these customers meets a word, too. Only for the ways that lead to more is the index asked again."""
    ids = those.all
    held = _held(u, met.more, ids, whole=whole)
    openly = ids & met.open | held.open
    return _both([those, _Met(openly, (ids & met.closed | held.closed) - openly)])


def _held(u: UnitOfWork, ways: Sequence[Way], ids: set[int], *, whole: bool) -> _Met:
    met = _Met()
    if ids and ways:
        looks = given(*((number, way.token, search.last(way, whole=whole)) for number, way in enumerate(ways)))
        rows: Any = u.execute(_HOLDING, {"ids": _listed(ids), "looks": looks}, raw=True)
        for number, text in rows:
            (met.closed if ways[number].closed else met.open).update(map(int, apart(text)))
    return met


def _listed(ids: Iterable[int]) -> str:
    return given(*((one,) for one in sorted(ids)))


def bearers(u: UnitOfWork, questions: Sequence[Question]) -> list[set[int]]:
    """Return for each question the keys of those who meet it in whole tokens, also of customers whom the reader does not see.

    For checks that tell no more of them than they may. Of very many only the newest are among them.
    """
    tries = [_Try(one, whole=True) for one in questions]
    return [_whoever(u, one, met) for one, met in zip(tries, _met(u, tries), strict=True)]


def _whoever(u: UnitOfWork, one: _Try, met: list[_Met]) -> set[int]:
    if not any(each.complete for each in met):
        met = _looked(u, [one], ALTOGETHER)[0]
        return _both(met).all if met else set()
    together = _both([each for each in met if each.complete])
    for each in met:
        if not each.complete:
            together = _narrowed(u, together, each, whole=True)
    return together.all


# --- through the door -------------------------------------------------------

_LIKELIEST: Final = (case((Customer.responsible_id == bindparam("me", type_=Integer), 0), else_=1), *ORDERS["recent"])
_IDS: Final = rows_of("ids")
# Joined so that SQLite has to begin with the keys: with `IN` or a plain join it goes through a whole team to find a few of them.
_AMONG_ALL: Final = (
    select(*COLUMNS)
    .select_from(_IDS)
    .outerjoin(Customer, Customer.id == number_of(_IDS, 0))
    .where(func.coalesce(Customer.id, 0) > 0, Customer.archived_at.is_(None))
    .order_by(*_LIKELIEST)
    .limit(CANDIDATES)
)
_AMONG: Final = Prepared(_AMONG_ALL)
_LATEST_OWN: Final = Prepared(
    select(Customer.id)
    .where(Customer.responsible_id == bindparam("me", type_=Integer), Customer.archived_at.is_(None))
    .order_by(*ORDERS["recent"])
    .limit(LATEST)
)


def _rows(u: UnitOfWork, met: _Met) -> list[dict[str, Any]]:
    """Return the likeliest of these customers inside the scope."""
    seen = u.actor.reach(SEEN)
    plainly = met.all if seen is Reach.EVERYTHING else met.open
    found = u.rows(_AMONG, ids=_listed(plainly), me=u.actor.id) if plainly else []
    if met.closed and seen is Reach.PERSON:  # one's own come first, so that a row that is not means that no more are
        closed = u.rows(_AMONG, ids=_listed(met.closed), me=u.actor.id)
        found += [row for row in closed if _is_seen(u, row)]
    elif met.closed and (inside := Customer.rows(u.actor, SEEN)) is not None:
        found += u.rows(_AMONG_ALL.where(inside).params(ids=_listed(met.closed), me=u.actor.id))
    return found


def _is_seen(u: UnitOfWork, row: dict[str, Any]) -> bool:
    return u.actor.covers(SEEN, Owned(*(row[key] for key in Owned._fields)))


def _of_many(u: UnitOfWork, one: _Try, met: list[_Met]) -> list[dict[str, Any]]:
    """Return candidates where each word is met by very many: one's own of late, some of the many, and if need be whoever there is."""
    own = _Met({row["id"] for row in u.rows(_LATEST_OWN, me=u.actor.id)} if u.actor.id else set())
    most = CAP if len(met) > 1 else SOME
    some = _Met(set(nlargest(most, met[0].open)), set(nlargest(most, met[0].closed)))
    for place, each in enumerate(met):
        own = _narrowed(u, own, each, whole=one.whole)
        some = _narrowed(u, some, each, whole=one.whole) if place else some
    found = _rows(u, _Met(own.open | some.open, (own.closed | some.closed) - own.open - some.open))
    if len(found) < ENOUGH:
        anybody = select(*COLUMNS).where(Customer.archived_at.is_(None), matching(u, one.question, whole=one.whole))
        known = {row["id"] for row in found}
        found += [row for row in u.rows(anybody.limit(2 * ENOUGH)) if row["id"] not in known]
    return found


def understood(u: UnitOfWork, text: str) -> ColumnElement[bool]:
    """Return 'this customer is meant by the text' as SQL, in the first way of understanding it that means anybody in reach."""
    for tries in (each for step in STEPS for each in _tries(u, step, text)):
        asked = [one for one in tries if not one.whole] or tries
        answering = [one for one, rows in _answers(u, asked, {}) if rows]
        if answering:
            return or_(*(matching(u, one.question) for one in answering))
    return false()


def matching(u: UnitOfWork, question: Question, *, whole: bool = False) -> ColumnElement[bool]:
    """Return 'this customer answers the question' as SQL; ways that are closed only where the reader sees contact data."""
    return and_(*(_meeting(u, group, whole=whole) for group in question))


def _meeting(u: UnitOfWork, group: Group, *, whole: bool) -> ColumnElement[bool]:
    seen = Customer.rows(u.actor, SEEN)
    openly = [way for way in group if seen is None or not way.closed]
    closed = [way for way in group if seen is not None and way.closed]
    found = _is_under(openly, whole=whole)
    return or_(found, and_(seen, _is_under(closed, whole=whole))) if seen is not None and closed else found


def _is_under(ways: list[Way], *, whole: bool) -> ColumnElement[bool]:
    """Return 'one of these tokens is the customer's', each written out: PostgreSQL cannot guess how many a list of them leads to."""
    token = TOKENS.c.token
    ends = [(way.token, search.last(way, whole=whole)) for way in ways]
    inside = [and_(token >= first, token <= last) for first, last in ends if first != last]
    exactly = sorted({first for first, last in ends if first == last})
    conditions = [token.in_(exactly)] * bool(exactly) + inside
    return Customer.id.in_(select(TOKENS.c.customer_id).where(or_(false(), *conditions)))


# --- why --------------------------------------------------------------------


_OF_THEM: Final = select(TOKENS.c.customer_id, TOKENS.c.token).where(TOKENS.c.customer_id.in_(numbers("ids")))


def _explained(u: UnitOfWork, found: list[_Found]) -> list[dict[str, Any]]:
    ids = [one.row["id"] for one in found]
    stored: dict[int, list[str]] = {key: [] for key in ids}
    if ids:
        rows: Any = u.execute(_OF_THEM, {"ids": _listed(ids)}, raw=True)
        for customer_id, token in rows:
            stored[customer_id].append(token)
    explained = []
    for one in found:
        why, quoted = one.why or _reason(one.question, stored[one.row["id"]], seen=_is_seen(u, one.row))
        explained.append(one.row | {"why": why, "quoted": quoted})
    return explained


def _reason(question: Question, tokens: list[str], *, seen: bool) -> tuple[Why, str]:
    """Return the way that needs most explaining among those by which the words are met, each taken by its simplest."""
    order = list(Why)
    found = []
    for group in question:
        ways = [
            (way, token) for way in group if seen or not way.closed for token in tokens if way.meets(token, whole=False)
        ]
        whole = [pair for pair in ways if pair[0].token == pair[1]]
        if ways:
            way, token = min(whole or ways, key=lambda pair: order.index(pair[0].why))
            found.append((way.why, token[1:] if way.why is Why.SLIP and token[0] == "n" else way.text))
    return max(found, key=lambda one: order.index(one[0]), default=(Why.NAME, ""))
