"""Rows: one row of a file read under a mapping, cleaned by the same rules as a form, its faults beside their fields."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from sqlalchemy import select

from crm import contacts, customers, fields, requisites, search, settings, tags, templates
from crm.core.errors import Invalid, InvalidForm
from crm.core.i18n import N_
from crm.core.people import User
from crm.core.uow import UnitOfWork
from crm.customers import Facts
from crm.fields import OWN, FieldList
from crm.imports.files import Row
from crm.imports.headings import our_headings
from crm.imports.mapping import CONTACT, NAME_PARTS, REQUISITES, FieldMapping, coded, filled
from crm.imports.moments import LAST, moment
from crm.templates import Type, TypeList

LONGEST_OWN_FIELD: Final = 2_000
_CODED: Final = frozenset({"kind", "stage", "source"})
# a comma before an extension belongs to its phone
_PHONES, _EMAILS = re.compile(r"[;\n]|,(?!\s*(?:доб|ext|вн|x\b|#))| ::: "), re.compile(r"[;,\n]|:::|\s(?=\S+@)")
_SPLIT: Final = {"phones": _PHONES, "emails": _EMAILS, "contact_phones": _PHONES, "contact_emails": _EMAILS}
MOST_WAYS: Final = 30
"""So many phones, or e-mails, one customer has at most."""
SEVERAL_VALUES: Final = frozenset({"phones", "emails", "tags", "contact_phones", "contact_emails"})
_JOINED: Final = {"address": ", ", "note": "\n", "tags": ", "}
_CYRILLIC: Final = re.compile(r"[\u0400-\u04ff]")
_LIKE_A_KEY: Final = re.compile(rf"^(?:{OWN})+")
_THOUSANDS: Final = re.compile(r"\d{1,3}(?:[ .,\u00a0\u202f]\d{3})+")


@dataclass(frozen=True)
class Person:
    """A colleague who can be responsible."""

    id: int
    team_id: int | None


@dataclass(frozen=True)
class Terms:
    """Under which terms rows are read: the mapping, the columns, the country of phones, who the colleagues are.

    people: what a colleague is called (name, user name, e-mail; case folded) -> those who are called so. tags: the keys of
    those that may be used, None where new ones may be made. fields: the company's own fields that are in use. types: of
    customers, those out of use too. zone: in which moments without a zone are meant. now: nothing was created later.
    """

    plan: FieldMapping
    columns: tuple[str, ...]
    region: str
    people: Mapping[str, tuple[Person, ...]]
    tags: frozenset[str] | None = None
    fields: FieldList = ()
    types: TypeList = ()
    zone: str = "UTC"
    now: datetime = LAST

    @cached_property
    def targets(self) -> tuple[tuple[int, str], ...]:
        """The mapped columns as (place, field)."""
        places = {heading: place for place, heading in enumerate(self.columns)}
        return tuple((places[heading], target) for heading, target in self.plan.columns.items())

    @cached_property
    def own(self) -> tuple[tuple[int, str], ...]:
        """The columns that are kept under their heading as (place, heading)."""
        if not self.plan.keep_own_fields:
            return ()
        left_out = {*self.plan.columns, *our_headings()}
        kept = ((place, heading) for place, heading in enumerate(self.columns) if heading not in left_out)
        # a heading that looks like the key of an own field must never become its value unchecked
        return tuple((place, _LIKE_A_KEY.sub("", heading)) for place, heading in kept)

    @cached_property
    def exact(self) -> frozenset[str]:
        """The fields of several values that become what the file says and nothing besides."""
        return frozenset(self.plan.columns.values()) & SEVERAL_VALUES if self.plan.empties else frozenset()

    @cached_property
    def by_id(self) -> Mapping[int, Person]:
        """The colleagues by their id."""
        return {person.id: person for those in self.people.values() for person in those}

    @cached_property
    def by_code(self) -> Mapping[str, Type]:
        """The types of customers by their code."""
        return {one.code: one for one in self.types}


def terms(u: UnitOfWork, plan: FieldMapping, columns: Sequence[str]) -> Terms:
    """Return the terms of an import as they are now."""
    people: dict[str, dict[int, Person]] = {}
    active = select(User.id, User.username, User.name, User.email, User.team_id)
    for row in u.rows(active.where(User.disabled_at.is_(None), User.deleted_at.is_(None))):
        for called in filter(None, (row["username"], row["name"], row["email"])):
            people.setdefault(called.casefold(), {})[row["id"]] = Person(row["id"], row["team_id"])
    region = plan.phone_region or settings.value(u, "phone_region")
    usable = None if u.may("tags.edit") else frozenset(tags.key_of(row["name"]) for row in tags.directory(u).values())
    called = {name: tuple(those.values()) for name, those in people.items()}
    zone, types = settings.value(u, "timezone"), templates.everything(u)
    return Terms(plan, tuple(columns), region, called, usable, fields.definitions(u), types, zone, u.now)


@dataclass(frozen=True)
class Prepared:
    """A row as it will be stored, or its faults. What the row leaves empty is not there.

    raw: field -> text, as `customers.checked` takes it. person: whom the row names as responsible. spare: the name that a
    new customer gets from the template, because the row has none. contact: the contact person of the row, as
    `contacts.checked` takes it, and contact_facts: as it is stored. tags: the names of those that the row puts on. requisites: as they are
    stored. emptied: fields that the row empties; exact: fields that become just what it says. created: of a new customer, when
    and by whom; `author`: heading -> who is no colleague of ours.
    """

    number: int
    raw: Mapping[str, Any] = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)
    extra: Mapping[str, str] = field(default_factory=dict)
    person: Person | None = None
    spare: Mapping[str, str] = field(default_factory=dict)
    contact: Mapping[str, Any] = field(default_factory=dict)
    contact_facts: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    requisites: Mapping[str, Any] = field(default_factory=dict)
    emptied: frozenset[str] = frozenset()
    exact: frozenset[str] = frozenset()
    created: Mapping[str, Any] = field(default_factory=dict)
    faults: Mapping[str, Invalid] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of a new customer."""
        return {**self.spare, **self.facts.fields}

    @property
    def kept(self) -> dict[str, Any]:
        """What stands beside the fields of a new customer: own fields, and columns under their headings."""
        return self.facts.onto(self.extra)

    @property
    def external_number(self) -> str | None:
        """The customer's number in another system."""
        return self.facts.fields.get("external_number")

    @property
    def digits(self) -> tuple[str, ...]:
        """The phones as digits of E.164."""
        return tuple(digits for _, digits in self.facts.phones or ())

    @property
    def emails(self) -> tuple[str, ...]:
        """The e-mail addresses."""
        return self.facts.emails or ()

    @property
    def is_silent(self) -> bool:
        """Say whether the row has nothing for its customer."""
        said = (self.raw, self.extra, self.contact, self.tags, self.requisites, self.emptied, self.person)
        return not any(said)


def prepare(row: Row, under: Terms) -> Prepared:
    """Read one row. Pure: needs no database, so that it happens before the transaction that stores it."""
    if row.fault is not None:
        return Prepared(row.number, faults={"": row.fault})
    raw = _raw(row.cells, under)
    faults: dict[str, Invalid] = {}
    person = None
    if called := raw.pop("responsible", ""):
        person = _person(called, under, faults)
    for key in _SPLIT.keys() & raw.keys():
        if len(raw[key]) > MOST_WAYS:
            faults[key] = Invalid(N_("At most {most} fit here."), field=key, most=MOST_WAYS)
            del raw[key]
    extra = _own_fields(row.cells, under, faults)
    created = _created(raw, under, faults)
    contact = {key.removeprefix(CONTACT): raw.pop(key) for key in sorted(raw) if key.startswith(CONTACT)}
    contact_facts = _contact_facts(contact, under, faults)
    signed = _requisites({key: raw.pop(key) for key in REQUISITES if key in raw}, faults)
    names = _tags(raw.pop("tags", ""), under, faults)
    facts, spare = Facts(), Facts()
    try:
        facts = customers.checked(raw, region=under.region, own=under.fields, types=under.types)
        if "name" not in raw and (name := _templated(row.cells, under)):
            spare = customers.checked({"name": name}, region=under.region)
    except InvalidForm as form:
        faults |= form.faults
    emptied = _emptied(row.cells, under) if under.plan.empties else frozenset()
    return Prepared(
        row.number, raw, facts, extra, person, spare.fields, contact, contact_facts, names, signed, emptied, under.exact,
        created, faults,
    )  # fmt: skip


def _emptied(cells: Sequence[str], under: Terms) -> frozenset[str]:
    """Return the fields of which every column is empty in this row."""
    places = [*under.targets, *under.own]
    return frozenset(key for _, key in places) - {key for place, key in places if cells[place].strip()}


def _created(raw: dict[str, Any], under: Terms, faults: dict[str, Invalid]) -> dict[str, Any]:
    """Take out of a row when and by whom its customer was created. Who is no colleague of ours is kept under the heading."""
    found: dict[str, Any] = {}
    if text := raw.pop("created_at", ""):
        try:
            found["created_at"] = moment(text, under.zone, under.now)
        except Invalid as fault:
            faults["created_at"] = fault
    if called := raw.pop("created_by", ""):
        those = under.people.get(called.casefold(), ())
        found["created_by_id"] = those[0].id if len(those) == 1 else None
        if len(those) != 1:
            heading = next((one for one, target in under.plan.columns.items() if target == "created_by"), "created_by")
            found["author"] = {_LIKE_A_KEY.sub("", heading): called[:LONGEST_OWN_FIELD]}
    return found


def _requisites(raw: Mapping[str, Any], faults: dict[str, Invalid]) -> dict[str, Any]:
    try:
        return requisites.checked(raw)
    except InvalidForm as form:
        faults |= form.faults
        return dict(raw)


def _tags(text: str, under: Terms, faults: dict[str, Invalid]) -> tuple[str, ...]:
    try:
        names = tuple(map(tags.checked, tags.apart(text)))
    except Invalid as fault:
        faults["tags"] = fault
        return ()
    unknown = [one for one in names if under.tags is not None and tags.key_of(one) not in under.tags]
    if unknown:
        faults["tags"] = Invalid(N_("There is no tag '{text}'."), field="tags", text=unknown[0])
    if len(names) > tags.MOST:
        faults["tags"] = Invalid(N_("At most {most} fit here."), field="tags", most=tags.MOST)
    return names


def _contact_facts(contact: Mapping[str, Any], under: Terms, faults: dict[str, Invalid]) -> dict[str, Any]:
    if not contact:
        return {}
    try:
        return contacts.checked({"name": ""} | dict(contact), region=under.region)
    except InvalidForm as form:
        faults |= {f"{CONTACT}{key}": fault for key, fault in form.faults.items()}
        return {}


def _raw(cells: Sequence[str], under: Terms) -> dict[str, Any]:
    """Return field -> text of a row; what is empty is not there."""
    found: dict[str, Any] = {}
    parts: dict[str, str] = {}
    for place, target in under.targets:
        text = cells[place].strip()
        if not text:
            continue
        if target in _SPLIT:
            found.setdefault(target, []).extend(filter(None, map(str.strip, _SPLIT[target].split(text))))
        elif target in NAME_PARTS:
            parts[target] = text
        else:
            found[target] = found[target] + _JOINED[target] + text if target in found else text
    if name := found.get("name") or joined(parts):
        found["name"] = name
    for key in _CODED & found.keys():
        found[key] = coded(key, found[key])
    if _THOUSANDS.fullmatch(found.get("employees", "")):
        found["employees"] = re.sub(r"\D", "", found["employees"])
    return found


def _templated(cells: Sequence[str], under: Terms) -> str:
    return filled(under.plan.template, dict(zip(under.columns, cells, strict=True))) if under.plan.template else ""


def joined(parts: Mapping[str, str]) -> str:
    """Join the parts of a person's name as people of that script write it: 王伟, Иванов Иван Петрович, John Q. Public."""
    surname, given, middle = (parts.get(key, "") for key in NAME_PARTS)
    text = surname + given + middle
    if search.HAN.search(text) and not re.search(r"[A-Za-z]", text):
        return text
    order = (surname, given, middle) if _CYRILLIC.search(text) else (given, middle, surname)
    return " ".join(filter(None, order))


def _person(called: str, under: Terms, faults: dict[str, Invalid]) -> Person | None:
    those = under.people.get(called.casefold(), ())
    if len(those) == 1:
        return those[0]
    text = N_("Several colleagues are called '{text}'.") if those else N_("There is no colleague '{text}'.")
    faults["responsible"] = Invalid(text, field="responsible", text=called[:80])
    return None


def _own_fields(cells: Sequence[str], under: Terms, faults: dict[str, Invalid]) -> dict[str, str]:
    found = {heading: text for place, heading in under.own if (text := cells[place].strip())}
    for heading, text in found.items():
        if len(text) > LONGEST_OWN_FIELD:
            faults[heading] = Invalid(
                N_("At most {length} characters fit here."), field=heading, length=LONGEST_OWN_FIELD
            )
    return found
