"""Documents: the files that are kept at a customer: contracts, offers, invoices, letters, each with the versions before it.

Promises: what was uploaded is given back byte for byte or not at all; a file is whole on the disk before a row names it, so that neither a
killed server nor a full disk leaves half a file or a row without one; nobody outside the scope of the customer gets one, whatever
he guesses; every taking is in the audit log; erasing the customer removes every version.

Each version lies in a file of its own under a random name, with its SHA-256 in the row. Customers with the same paper share no bytes:
else whoever is erased could go only when nobody else had it. Without a role's own right to documents nobody sees even their names: they
hold in full what the card masks.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, ClassVar, Final

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, bindparam, func, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from crm import customers, settings
from crm.core.errors import Conflict, Invalid, NotFound, Unavailable
from crm.core.guards import ChildOf
from crm.core.i18n import N_
from crm.core.prepared import Prepared
from crm.core.shelf import Shelf, label
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import KEPT, Customer
from db.backup import hashed
from db.base import BigId, Record

VIEW: Final = "documents.view"
TAKE: Final = "documents.take"
MANAGE: Final = "documents.manage"
ERASE: Final = "documents.erase"
NOTE_LENGTH: Final = 500
MOST_AT_ONCE: Final = 20
"""So many files are added in one go."""


class Kind(StrEnum):
    """What a document is."""

    CONTRACT = "contract"
    OFFER = "offer"
    INVOICE = "invoice"
    LETTER = "letter"
    OTHER = "other"


KINDS: Final[Mapping[str, str]] = {
    Kind.CONTRACT: N_("Contract"),
    Kind.OFFER: N_("Offer"),
    Kind.INVOICE: N_("Invoice"),
    Kind.LETTER: N_("Correspondence"),
    Kind.OTHER: N_("Other"),
}
_RIGHT: Final[dict[str, Any]] = {"edit": MANAGE}


class Document(ChildOf, Record):
    """One version of a document. first_id: the row of its first version, None in that one; number: which version it is.

    replaced_at: since when there is a newer version; the row without it is the document as lists show it, and it is this row
    that lies in the bin. stored_as: the token of the file on our disk.
    """

    __tablename__ = "documents"
    __table_args__ = (Index("ix_documents_customer", "customer_id", "replaced_at", "archived_at", "id"),)
    area: ClassVar[str] = "documents"
    parent: ClassVar[type[Any]] = Customer
    parent_key: ClassVar[str] = "customer_id"
    written_by: ClassVar[tuple[str, ...]] = (MANAGE, ERASE)

    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customers.id", ondelete="CASCADE"), info=_RIGHT)
    first_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("documents.id"), index=True, info=KEPT)
    number: Mapped[int] = mapped_column(info=KEPT)
    kind: Mapped[str] = mapped_column(info=_RIGHT)
    name: Mapped[str] = mapped_column(info=_RIGHT | {"personal": True})
    note: Mapped[str | None] = mapped_column(info=_RIGHT | {"personal": True})
    size: Mapped[int] = mapped_column(BigInteger, info=KEPT)
    sha256: Mapped[str] = mapped_column(info=KEPT)
    stored_as: Mapped[str] = mapped_column(unique=True, info=KEPT)
    added_at: Mapped[datetime] = mapped_column(info=KEPT)
    added_by_id: Mapped[int | None] = mapped_column(info=KEPT)
    replaced_at: Mapped[datetime | None] = mapped_column(info=KEPT)
    archived_at: Mapped[datetime | None] = mapped_column(info=_RIGHT)
    archived_by_id: Mapped[int | None] = mapped_column(info=KEPT)

    @property
    def of_chain(self) -> int:
        """The number of the first version, by which all versions are one document."""
        return self.first_id or self.id


# --- the files ------------------------------------------------------------------

_SHELF: Final = Shelf("attachments")
"""`Config.attachments_dir`, which every copy of the installation holds."""
remove, stored_tokens, path_of = _SHELF.remove, _SHELF.tokens, _SHELF.path_of


@dataclass(frozen=True)
class Received:
    """An uploaded file that lies on our disk, and that no row names yet. name: what it is called, made harmless."""

    token: str
    name: str
    size: int
    sha256: str


def largest(u: UnitOfWork) -> int:
    """Return how many bytes one file may have."""
    return int(settings.value(u, "document_megabytes")) << 20


def receive(u: UnitOfWork, files: Sequence[tuple[str, bytes]]) -> list[Received]:
    """Store uploaded files, each a name and its bytes; a verb makes documents of them. What no verb takes is gone after a day.

    Raises Invalid beside `file`, Refused.
    """
    u.need(MANAGE)
    most = largest(u)
    if not files:
        raise Invalid(N_("Please choose a file."), field="file")
    if len(files) > MOST_AT_ONCE:
        raise Invalid(N_("At most {most} files at once."), field="file", most=MOST_AT_ONCE)
    for name, content in files:
        if not content:
            raise Invalid(N_("The file '{name}' is empty."), field="file", name=label(name))
        if len(content) > most:
            text = N_("The file '{name}' is larger than {most} MB.")
            raise Invalid(text, field="file", name=label(name), most=most >> 20)
    u.session.rollback()  # a reading transaction that stays open while files are forced to the disk lets the journal grow
    return [_received(name, content) for name, content in files]


def _received(name: str, content: bytes) -> Received:
    try:
        token = _SHELF.store(content)
    except OSError as error:
        raise Unavailable(N_("The file could not be stored: perhaps the disk is full. Nothing was saved.")) from error
    return Received(token, label(name), len(content), hashlib.sha256(content).hexdigest())


def whole(u: UnitOfWork, document_id: int) -> Path:
    """Return where the file of a version lies, once it is proved to be what was uploaded. Raises NotFound, Unavailable."""
    record = u.get(Document, document_id)
    path = path_of(record.stored_as)
    try:
        if hashed(path) == record.sha256:
            return path
    except OSError:
        pass
    raise Unavailable(N_("This file is damaged or no longer there. The administrator can bring it back from a copy."))


def checked(kind: str | None, note: str) -> dict[str, Any]:
    """Return what is said of a document as it is stored. Raises Invalid beside `kind` or `note`."""
    if kind not in set(Kind):
        raise Invalid(N_("Please choose one of the list."), field="kind")
    return {"kind": str(kind), "note": customers.fitting("note", note.strip(), NOTE_LENGTH) or None}


# --- verbs ----------------------------------------------------------------------


@verb(MANAGE)
def add(u: UnitOfWork, customer_id: int, received: Received, *, kind: str | None, note: str = "") -> Document:
    """Keep a received file at a customer. Raises Invalid beside `kind` or `note`, NotFound, Refused, Conflict."""
    facts = checked(kind, note)
    customer = u.get(Customer, customer_id)
    made = u.add(Document(customer_id=customer.id, number=1, **facts, **_facts(u, received)))
    u.remember(customer, {"document": [None, made.kind]})
    return made


@verb(MANAGE)
def renew(u: UnitOfWork, document_id: int, received: Received, *, seen: int, note: str = "") -> Document:
    """Make a received file the newest version of a document; the ones before stay. Raises as `add`; NotFound from the bin."""
    before = _current(u, document_id, seen)
    facts = checked(before.kind, note)
    before.replaced_at = u.now
    chain = {"customer_id": before.customer_id, "first_id": before.of_chain, "number": before.number + 1}
    return u.add(Document(**chain, **facts, **_facts(u, received)))


@verb(MANAGE)
def change(u: UnitOfWork, document_id: int, *, kind: str | None, note: str, seen: int) -> Document:
    """Say otherwise what a document is. Raises as `add`; NotFound for one in the bin."""
    facts = checked(kind, note)
    record = _current(u, document_id, seen)
    record.kind, record.note = facts["kind"], facts["note"]
    return record


@verb(MANAGE)
def archive(u: UnitOfWork, document_id: int, *, seen: int) -> None:
    """Put a document with its versions into the bin: lists show it no more, nothing is lost. Raises NotFound, Refused, Conflict."""
    record = _current(u, document_id, seen)
    record.archived_at, record.archived_by_id = u.now, u.actor.id
    u.remember(u.get(Customer, record.customer_id), {"document": [record.kind, None]})


@verb(MANAGE)
def restore(u: UnitOfWork, document_id: int) -> None:
    """Take a document out of the bin. Raises NotFound, Refused."""
    record = u.get(Document, document_id)
    if record.archived_at is not None:
        record.archived_at = record.archived_by_id = None
        u.remember(u.get(Customer, record.customer_id), {"document": [None, record.kind]})


@verb(ERASE)
def erase(u: UnitOfWork, document_id: int) -> None:
    """Delete a document in the bin for good, with every version and its bytes. Raises NotFound, Refused, Conflict outside the bin."""
    record = u.get(Document, document_id)
    if record.archived_at is None:
        raise Conflict(N_("Only what lies in the bin is deleted for good."))
    versions = select(Document).where(or_(Document.id == record.of_chain, Document.first_id == record.of_chain))
    for one in u.all(versions.order_by(Document.id.desc())):
        u.delete(one)
        u.session.flush()  # the first version goes last: the others name it
        u.after_commit(partial(remove, one.stored_as))


@verb(TAKE)
def take(u: UnitOfWork, document_id: int) -> Document:
    """Note that the file of a version leaves the house, and return the version. Raises NotFound, Refused."""
    record = u.get(Document, document_id)
    u.remember(record, {"taken": [None, True]})
    return record


def _facts(u: UnitOfWork, received: Received) -> dict[str, Any]:
    one = {"name": received.name, "size": received.size, "sha256": received.sha256, "stored_as": received.token}
    return one | {"added_at": u.now, "added_by_id": u.actor.id}


def _current(u: UnitOfWork, document_id: int, seen: int) -> Document:
    """Return the newest version of a document that does not lie in the bin. Raises NotFound, Conflict."""
    record = u.get(Document, document_id, seen=seen)
    if record.archived_at is not None:
        raise NotFound
    if record.replaced_at is not None:
        raise Conflict(record=record)
    return record


# --- queries --------------------------------------------------------------------

_SHOWN: Final = (
    *(Document.id, Document.customer_id, Document.number, Document.kind, Document.name, Document.note, Document.size),
    *(Document.added_at, Document.added_by_id, Document.replaced_at, Document.archived_at, Document.archived_by_id),
    Document.version,
)
_HERE: Final = Document.customer_id == bindparam("customer_id"), Document.replaced_at.is_(None)
_COUNTS: Final = Prepared(
    select(Document.kind, func.count(Document.id).label("n"), func.count(Document.archived_at).label("binned"))
    .where(*_HERE)
    .group_by(Document.kind)
)
_CHAIN_OF: Final = Prepared(
    select(func.coalesce(Document.first_id, Document.id)).where(Document.id == bindparam("document_id"))
)
_CHAIN: Final = Prepared(
    select(*_SHOWN)
    .where(or_(Document.id == bindparam("chain"), Document.first_id == bindparam("chain")))
    .order_by(Document.number.desc())
)


@dataclass(frozen=True)
class Counts:
    """How many documents of each kind a customer has, and how many lie in the bin."""

    here: Mapping[str, int]
    binned: Mapping[str, int]

    def of(self, kind: str | None, *, binned: bool) -> int:
        """Return how many there are of a kind, None for all kinds."""
        found = self.binned if binned else self.here
        return found.get(kind, 0) if kind else sum(found.values())


def counts(u: UnitOfWork, customer_id: int) -> Counts:
    """Return how many documents of a customer the reader sees; none without the right."""
    rows = u.rows(_COUNTS, customer_id=customer_id)
    here = {row["kind"]: row["n"] - row["binned"] for row in rows if row["n"] > row["binned"]}
    return Counts(here, {row["kind"]: row["binned"] for row in rows if row["binned"]})


@lru_cache(maxsize=4)
def _pages(*, of_kind: bool, binned: bool) -> Prepared:
    those = select(*_SHOWN).where(
        *_HERE, Document.archived_at.is_not(None) if binned else Document.archived_at.is_(None)
    )
    if of_kind:
        those = those.where(Document.kind == bindparam("kind"))
    size, skipped = bindparam("size", type_=Integer), bindparam("skipped", type_=Integer)
    return Prepared(those.order_by(Document.id.desc()).limit(size).offset(skipped))


def page(
    u: UnitOfWork, customer_id: int, *, kind: str | None = None, binned: bool = False, number: int = 1, size: int = 50
) -> list[dict[str, Any]]:
    """Return one page of the documents of a customer as rows, each by its newest version, the newest first."""
    facts: dict[str, Any] = {"kind": kind} if kind else {}
    facts |= {"customer_id": customer_id, "size": size, "skipped": (max(number, 1) - 1) * size}
    return u.rows(_pages(of_kind=bool(kind), binned=binned), **facts)


def chain(u: UnitOfWork, document_id: int) -> list[dict[str, Any]]:
    """Return every version of a document, whichever of them is asked for, the newest first. Raises NotFound."""
    first = u.value(_CHAIN_OF, document_id=document_id)
    if first is None:
        raise NotFound
    return u.rows(_CHAIN, chain=first)
