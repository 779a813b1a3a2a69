"""Tags: short words on customers by which the team recognises at once whom it deals with.

Promises: the same word is one tag, however its letters, spaces and widths are written; a count of a tag's customers counts
only those whom the reader sees; renaming, joining and deleting reach every customer.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Integer, bindparam, delete, func, select, update

from crm import search
from crm.core.errors import Invalid
from crm.core.i18n import N_
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import Customer, CustomerTag, Tag
from db.given import given, numbers

LENGTH: Final = 40
MOST: Final = 30
"""So many tags one customer has at most."""

FOUND: Final = 60
SHORTEST: Final = 2
_APART: Final = re.compile(r"[,;，；、\n]")


class Tone(StrEnum):
    """In which colour a tag is shown."""

    PLAIN = "plain"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


TONES: Final = {
    Tone.PLAIN: N_("Grey"),
    Tone.GOOD: N_("Green"),
    Tone.WARN: N_("Orange"),
    Tone.BAD: N_("Red"),
}


def key_of(name: str) -> str:
    """Return what equal names share: 'ＶＩＰ ' and 'vip' are one tag."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def checked(name: str) -> str:
    """Return a name as it is stored; raise Invalid beside `tags`."""
    clean = " ".join(name.replace("\x00", "").split())
    if not key_of(clean):
        raise Invalid(N_("Please enter a name."), field="tags")
    if len(clean) > LENGTH:
        raise Invalid(N_("At most {length} characters fit here."), field="tags", length=LENGTH)
    if _APART.search(clean):
        raise Invalid(N_("A tag has no comma or semicolon in it."), field="tags")
    return clean


def apart(text: str) -> list[str]:
    """Return the names in a cell of a file, with commas or semicolons between them; each once."""
    names: dict[str, str] = {}
    for one in _APART.split(text):
        if key := key_of(one):
            names.setdefault(key, one.strip())
    return list(names.values())


# --- on a customer ----------------------------------------------------------


@verb("customers.edit")
def change(u: UnitOfWork, customer_id: int, *, on: Iterable[str] = (), off: Iterable[int] = ()) -> None:
    """Put tags on a customer, by their names, and take others off, by their ids; what a colleague put on meanwhile stays.

    Raises Invalid beside `tags`, NotFound, Refused (a new tag without the right to make one).
    """
    names = [checked(name) for name in on]
    customer = u.get(Customer, customer_id)
    rows = u.all(select(CustomerTag).where(CustomerTag.customer_id == customer.id))
    before = {row.tag_id: row for row in rows}
    wanted = known(u, names)
    if fresh := [name for name in names if key_of(name) not in wanted]:
        wanted |= learn(u, fresh)
    added = set(wanted.values()) - set(before)
    gone = set(off) & set(before) - set(wanted.values())
    if len(before) + len(added) - len(gone) > MOST:
        raise Invalid(N_("At most {most} fit here."), field="tags", most=MOST)
    for tag_id in sorted(added):
        u.add(CustomerTag(customer_id=customer.id, tag_id=tag_id))
    for tag_id in sorted(gone):
        u.delete(before[tag_id])
    if added or gone:
        u.remember(customer, {"tags": [named(u, set(before)), named(u, set(before) | added - gone)]})


def named(u: UnitOfWork, ids: Iterable[int]) -> str:
    """Return the names of tags in one line, as the history of a customer tells them."""
    names = directory(u)
    return ", ".join(sorted(names[one]["name"] for one in ids if one in names))


# --- the tags themselves ----------------------------------------------------


@verb("tags.edit")
def learn(u: UnitOfWork, names: Sequence[str]) -> dict[str, int]:
    """Make tags of names that there are none of; return key -> id of all. Raises Invalid."""
    found = known(u, names)
    for name in map(checked, names):
        if key_of(name) not in found:
            found[key_of(name)] = u.add(Tag(name=name, key=key_of(name), tone=str(Tone.PLAIN))).id
    return found


@verb("tags.edit")
def rename(u: UnitOfWork, tag_id: int, name: str, *, tone: str, seen: int) -> Tag:
    """Give a tag another name and colour. Raises Invalid, NotFound, Conflict."""
    clean = checked(name)
    if tone not in set(Tone):
        raise Invalid(N_("Please choose one of the list."), field="tone")
    tag = u.get(Tag, tag_id, seen=seen)
    if known(u, [clean]).get(key_of(clean), tag.id) != tag.id:
        raise Invalid(N_("There is such a tag already. Join the two instead."), field="tags")
    tag.name, tag.key, tag.tone = clean, key_of(clean), str(Tone(tone))
    return tag


@verb("tags.edit")
def join(u: UnitOfWork, tag_id: int, into_id: int, *, seen: int) -> None:
    """Let every customer with one tag have another instead; the first is gone. Raises Invalid, NotFound, Conflict."""
    if tag_id == into_id:
        raise Invalid(N_("Please choose another tag."), field="into")
    tag, into = u.get(Tag, tag_id, seen=seen), u.get(Tag, into_id)
    table: Any = CustomerTag.__table__
    have = select(table.c.customer_id).where(table.c.tag_id == into.id)
    moving = update(table).where(table.c.tag_id == tag.id, table.c.customer_id.not_in(have)).values(tag_id=into.id)
    # raw, bulk: every customer with the tag, also those whom whoever joins does not see
    moved: Any = u.execute(moving, raw=True, bulk=True)
    u.execute(delete(table).where(table.c.tag_id == tag.id), raw=True, bulk=True)
    u.remember(into, {"joined": [tag.name, into.name], "count": [0, moved.rowcount]})
    u.delete(tag)


@verb("tags.edit")
def drop(u: UnitOfWork, tag_id: int, *, seen: int) -> None:
    """Delete a tag; every customer loses it. Raises NotFound, Conflict."""
    tag = u.get(Tag, tag_id, seen=seen)
    table: Any = CustomerTag.__table__
    # raw, bulk: every customer with the tag, also those whom whoever deletes does not see
    gone: Any = u.execute(delete(table).where(table.c.tag_id == tag.id), raw=True, bulk=True)
    u.remember(tag, {"deleted": [tag.name, None], "count": [gone.rowcount, 0]})
    u.delete(tag)


# --- queries ----------------------------------------------------------------

_ALL: Final = Prepared(select(Tag.id, Tag.name, Tag.tone, Tag.version).order_by(Tag.key))
_OF: Final = Prepared(
    select(CustomerTag.customer_id, Tag.id, Tag.name, Tag.tone)
    .join(Tag, Tag.id == CustomerTag.tag_id)
    .where(CustomerTag.customer_id.in_(numbers("ids")))
    .order_by(Tag.key)
)
_COUNTS: Final = Prepared(
    select(CustomerTag.tag_id, func.count(CustomerTag.id).label("n"))
    .join(Customer, Customer.id == CustomerTag.customer_id)
    .where(Customer.archived_at.is_(None))
    .group_by(CustomerTag.tag_id)
)
_UNDER: Final = Prepared(
    select(CustomerTag.customer_id)
    .where(CustomerTag.tag_id.in_(numbers("ids")))
    .order_by(CustomerTag.id.desc())
    .limit(bindparam("most", type_=Integer))
)


def directory(u: UnitOfWork) -> dict[int, dict[str, Any]]:
    """Return id -> name, tone and version of every tag, in the order of the alphabet."""
    return {row["id"]: row for row in u.rows(_ALL)}


def known(u: UnitOfWork, names: Iterable[str]) -> dict[str, int]:
    """Return key -> id of those of these names that there are tags of."""
    wanted = {key_of(name) for name in names}
    return {key: one for one, row in directory(u).items() if (key := key_of(row["name"])) in wanted} if wanted else {}


def of(u: UnitOfWork, customer_ids: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
    """Return customer -> the tags (id, name, tone) on each of them that has any, in one question for all."""
    found: dict[int, list[dict[str, Any]]] = {}
    for row in u.rows(_OF, ids=given(*((one,) for one in customer_ids))):
        found.setdefault(row["customer_id"], []).append(row)
    return found


def counts(u: UnitOfWork) -> Mapping[int, int]:
    """Return tag -> how many of the customers whom the reader sees have it: as many as the list shows, so without the bin."""
    return {row["tag_id"]: row["n"] for row in u.rows(_COUNTS)}


@search.also_in(search.Why.TAG)
def under(u: UnitOfWork, text: str) -> list[int]:
    """Return customers with a tag that begins like the text, the newest with it first."""
    key = key_of(text)
    if len(key) < SHORTEST and not search.HAN.search(key):
        return []
    tags = [one for one, row in directory(u).items() if key_of(row["name"]).startswith(key)]
    rows = u.rows(_UNDER, ids=given(*((one,) for one in tags)), most=FOUND) if tags else []
    return list(dict.fromkeys(row["customer_id"] for row in rows))
