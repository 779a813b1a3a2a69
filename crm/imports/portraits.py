"""Portraits: all of a customer that an import can change, as plain values: what a row makes of one, and where two differ.

Promises: nothing here asks the database, so that the trial run, the run and its undo come to the same by the same code; what
somebody changed since an import is never taken back by its undo.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from crm import fields, requisites, search, tags
from crm.core.access import Owned
from crm.core.audit_log import HIDDEN
from crm.core.errors import Invalid, InvalidForm
from crm.core.i18n import N_
from crm.customers import TEXTS, Contact, Customer, CustomerTag, Email, Kind, Phone, Requisites, Stage
from crm.imports.rows import Prepared
from db.base import Record

OWNER: Final = Owned._fields
KIND_AND_TYPE: Final = ("kind", "type")
"""A type belongs to one kind: the two change and go back together."""

FACTS: Final = (*KIND_AND_TYPE, "name", "sort_name", *OWNER, "stage", "source", *TEXTS, "employees")
"""Columns of a customer."""

MODELS: Final[Mapping[str, type[Record]]] = {
    "phones": Phone, "emails": Email, "contacts": Contact, "requisites": Requisites, "customer_tags": CustomerTag,
}  # fmt: skip
"""Tables that an import writes for a customer, besides the customer's own."""

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "phones": ("number", "digits", "label", "position"),
    "emails": ("address", "label", "position"),
    "contacts": (
        *("name", "position", "department", "phones", "digits", "emails", "birthday", "note", "is_primary", "left_at"),
    ),
    "requisites": requisites.FIELDS,
    "customer_tags": ("tag_id", "name"),
}
"""Of each of these tables what makes two rows differ."""

_SAME_BY: Final = {"phones": "digits", "emails": "address", "customer_tags": "tag_id"}
_CAN_BE_EMPTY: Final = frozenset({*TEXTS, "source", "employees"})
_NEW_CONTACT: Final[Mapping[str, Any]] = dict.fromkeys(COLUMNS["contacts"]) | {"phones": "", "digits": "", "emails": ""}

Rows = Mapping[int, Mapping[str, Any]]
Changes = dict[str, list[Any]]
"""What -> [before, after]: 'city', 'extra/own:shoe', 'phones/17' (a whole row, None where there is none)."""


@dataclass(frozen=True)
class Portrait:
    """A customer at one moment. rows: table -> id -> columns; rows that are not stored yet have ids below zero."""

    facts: Mapping[str, Any]
    extra: Mapping[str, Any] = field(default_factory=dict)
    rows: Mapping[str, Rows] = field(default_factory=lambda: {key: {} for key in MODELS})

    @property
    def owned(self) -> Owned:
        """Whose it is."""
        return Owned(*(self.facts[key] for key in OWNER))

    def tokens(self) -> set[str]:
        """Return what the customer is found by."""
        people, signed = self.rows["contacts"].values(), self.rows["requisites"].values()
        phones = [row["digits"] for row in self.rows["phones"].values()]
        emails = [row["address"] for row in self.rows["emails"].values()]
        phones += [digits for one in people for digits in one["digits"].split()]
        emails += [address for one in people for address in one["emails"].split()]
        tax = [row[key] for row in signed for key in ("inn", "ogrn", "uscc", "vat") if row[key]]
        names = [one["name"] for one in people]
        found = search.tokens(self.facts["name"], self.facts["external_number"], phones, emails, contact=names, tax=tax)
        return found | fields.stored_tokens(self.extra)

    def bears(self, kind: str, value: str) -> bool:
        """Say whether a value of this key (see `mapping.keys`) leads to this customer."""
        if kind == "external_number":
            return bool(self.facts[kind] == value)
        if kind in _SAME_BY:
            return any(row[_SAME_BY[kind]] == value for row in self.rows[kind].values())
        if kind in requisites.NUMBERS:
            return any(row[kind] == value for row in self.rows["requisites"].values())
        return str(self.extra.get(kind, "")).casefold() == value


# --- what a row makes of a customer -------------------------------------------


def born(row: Prepared, owned: Owned, fixed: Mapping[str, Any]) -> Portrait:
    """Return the customer that a row adds. fixed: what new ones get where the row says nothing."""
    given = {"kind": str(Kind.COMPANY), "stage": str(Stage.POTENTIAL)} | {
        key: fixed[key] for key in ("kind", "type", "stage", "source") if fixed.get(key)
    }
    facts = {**dict.fromkeys(FACTS), "type": given["kind"], **given, **row.spare, **owned._asdict()}
    return completed(Portrait(facts, row.created.get("author", {})), row)


def completed(before: Portrait, row: Prepared) -> Portrait:
    """Return what a row makes of a customer; raise InvalidForm with what cannot be.

    What the row leaves empty stays, unless it says that empty cells empty; phones, e-mails, tags, contact persons and
    requisites come to those that are there.
    """
    said = dict(row.facts.fields)
    if "type" not in row.raw and said.get("kind") == before.facts["kind"]:
        said.pop("type", None)  # a row that only says the kind that it is leaves the type
    facts = dict(before.facts) | said | dict.fromkeys(row.emptied & _CAN_BE_EMPTY)
    if row.person is not None and row.person.id != facts["responsible_id"]:
        facts |= {"responsible_id": row.person.id, "team_id": row.person.team_id}
    extra = {key: value for key, value in {**before.extra, **row.kept}.items() if key not in row.emptied}
    phones = [{"number": number, "digits": digits} for number, digits in row.facts.phones or ()]
    emails = [{"address": address} for address in row.emails]
    rows = {
        "phones": _reached(before.rows["phones"], phones, "digits", exact="phones" in row.exact),
        "emails": _reached(before.rows["emails"], emails, "address", exact="emails" in row.exact),
        "contacts": _with_contact(before.rows["contacts"], row),
        "requisites": _signed(before.rows["requisites"], row.requisites),
        "customer_tags": _tagged(before.rows["customer_tags"], row),
    }
    return Portrait(facts, extra, rows)


def _fresh(rows: Mapping[int, Any]) -> int:
    return min(0, *rows, 0) - 1


def _reached(rows: Rows, said: Sequence[Mapping[str, Any]], key: str, *, exact: bool) -> Rows:
    """Return phones or e-mails with those of a row behind them; exact: those of the row and no others."""
    there = {row[key]: number for number, row in rows.items()}
    found: dict[int, Mapping[str, Any]] = {} if exact else dict(rows)
    last = max((row["position"] for row in found.values()), default=-1)
    for one in said:
        number = there.get(one[key])
        if number is None or exact:
            last += 1
            kept = rows[number] if number is not None else {**one, "label": None}
            found[number if number is not None else _fresh(found)] = {**kept, "position": last}
    return found


def _with_contact(rows: Rows, row: Prepared) -> Rows:
    """Return the contact persons with that of a row: the one of this name is completed, else it is added."""
    said = row.contact_facts
    if not said:
        return rows
    current = {number: one for number, one in rows.items() if one["left_at"] is None}
    same = (number for number, one in current.items() if one["name"].casefold() == said["name"].strip().casefold())
    number = next(same, None)
    if number is None:
        return {**rows, _fresh(rows): {**_NEW_CONTACT, **said, "is_primary": not current}}
    known = dict(rows[number])
    if "position" in said or "contact_position" in row.emptied:
        known["position"] = said.get("position")
    exact = {"contact_phones", "contact_emails"} & row.exact
    phones = dict(zip(known["digits"].split("\n"), known["phones"].split("\n"), strict=True))
    phones = {} if "contact_phones" in exact else {digits: text for digits, text in phones.items() if digits}
    new = zip(said.get("digits", "").split("\n"), said.get("phones", "").split("\n"), strict=True)
    phones |= {digits: text for digits, text in new if digits and digits not in phones}
    emails = [] if "contact_emails" in exact else known["emails"].splitlines()
    emails = list(dict.fromkeys([*emails, *said.get("emails", "").splitlines()]))
    known |= {"digits": "\n".join(phones), "phones": "\n".join(phones.values()), "emails": "\n".join(emails)}
    return {**rows, number: known}


def _signed(rows: Rows, said: Mapping[str, Any]) -> Rows:
    """Return the requisites with those of a row: the set with the same tax number is completed, else one is added."""
    given = {key: value for key, value in said.items() if value}
    if not given:
        return rows
    tax = {key: given[key] for key in requisites.TAX if key in given}
    for number, one in rows.items():
        same = [one[key] == value for key, value in tax.items() if one[key]]
        if (same and all(same)) or all(one[key] == value for key, value in given.items()):
            return {**rows, number: {**one, **given}}
    if not tax and len(rows) == 1:  # a KPP alone belongs to the only requisites that there are
        ((number, one),) = rows.items()
        if not any(one[key] for key in given):
            return {number: {**one, **given}}
    return {**rows, _fresh(rows): dict.fromkeys(requisites.FIELDS) | given}


def _tagged(rows: Rows, row: Prepared) -> Rows:
    keys = {tags.key_of(name): name for name in row.tags}
    found: dict[int, Mapping[str, Any]] = {
        number: one for number, one in rows.items() if "tags" not in row.exact or tags.key_of(one["name"]) in keys
    }
    there = {tags.key_of(one["name"]) for one in found.values()}
    for key, name in keys.items():
        if key not in there:
            found[_fresh(found)] = {"tag_id": None, "name": name}
    if len(found) > tags.MOST and len(found) > len(rows):
        raise InvalidForm({"tags": Invalid(N_("At most {most} fit here."), field="tags", most=tags.MOST)})
    return found


# --- where two differ ----------------------------------------------------------


def _plain(table: str, row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if row is None else {key: row[key] for key in COLUMNS[table]}


def differences(before: Portrait, after: Portrait) -> Changes:
    """Return where two portraits of one customer differ."""
    found = {key: [before.facts[key], after.facts[key]] for key in FACTS if before.facts[key] != after.facts[key]}
    for key in {**before.extra, **after.extra}:
        if before.extra.get(key) != after.extra.get(key):
            found[f"extra/{key}"] = [before.extra.get(key), after.extra.get(key)]
    for table in MODELS:
        old, new = before.rows[table], after.rows[table]
        for number in {**old, **new} if old is not new else ():
            pair = [_plain(table, old.get(number)), _plain(table, new.get(number))]
            if pair[0] != pair[1]:
                found[f"{table}/{number}"] = pair
    return found


def merged(first: Mapping[str, Any], then: Mapping[str, Any]) -> Changes:
    """Return two changes of one customer, one after the other, as one."""
    found = {key: list(pair) for key, pair in first.items()}
    for key, (was, became) in then.items():
        found[key] = [found[key][0] if key in found else was, became]
    return {key: pair for key, pair in found.items() if pair[0] != pair[1]}


def told(before: Portrait, after: Portrait) -> dict[str, list[Any]]:
    """Return where two portraits differ as the audit log keeps it: of personal values only that they changed."""
    columns, found = Customer.__table__.c, {}
    for key, pair in differences(before, after).items():
        table, _, name = key.partition("/")
        if not name and key != "sort_name":
            found[key] = [HIDDEN if value and columns[key].info.get("personal") else value for value in pair]
        elif table == "extra":
            found[f"extra.{name}" if name in columns else name] = pair
        elif name and table == "customer_tags":
            names = (sorted(row["name"] for row in one.rows[table].values()) for one in (before, after))
            found["tags"] = [", ".join(some) for some in names]
        elif name:
            found[table] = [HIDDEN, HIDDEN]
    return found


def taken_back(now: Portrait, changes: Mapping[str, Any]) -> tuple[Portrait, tuple[str, ...]]:
    """Return a customer as it was before these changes, and what of them stays because somebody changed it since."""
    facts, extra, kept = dict(now.facts), dict(now.extra), []
    rows: dict[str, dict[int, Any]] = {table: dict(some) for table, some in now.rows.items()}
    together = [key for key in (*OWNER, *KIND_AND_TYPE) if key in changes and facts[key] not in changes[key]]
    owner_stays, kind_stays = (bool(set(together) & set(some)) for some in (OWNER, KIND_AND_TYPE))
    for key, (was, became) in changes.items():
        table, _, name = key.partition("/")
        stays = False
        if table == "extra":
            stays = not _put_back(extra, name, was, became)
        elif name:
            stays = not _row_put_back(rows[table], table, int(name), was, became)
        elif (key in OWNER and owner_stays) or (key in KIND_AND_TYPE and kind_stays):
            stays = key not in {"team_id", "partner_id"}
        else:
            stays = not _put_back(facts, key, was, became)
        kept += [key] if stays and key != "sort_name" else []
    extra = {key: value for key, value in extra.items() if value is not None}
    return Portrait(facts, extra, rows), tuple(kept)


def _put_back(values: dict[str, Any], key: str, was: Any, became: Any) -> bool:
    """Put one value back where it is still as it became; say whether it is now as it was."""
    if values.get(key) == became:
        values[key] = was
    return bool(values.get(key) == was)


def _row_put_back(rows: dict[int, Any], table: str, number: int, was: Any, became: Any) -> bool:
    now = rows.get(number)
    if was is None:  # the import added it; where it stood among the others says nothing
        if now is not None and _but_place(table, now) == _but_place(table, became):
            del rows[number]
        return number not in rows
    if became is None:
        same = _SAME_BY.get(table)
        if now is None and not any(same and one[same] == was[same] for one in rows.values()):
            rows[number] = was
        return True
    if now is None:
        return False
    values = dict(now)
    back = [_put_back(values, key, was[key], became[key]) for key in COLUMNS[table] if was[key] != became[key]]
    rows[number] = values
    return all(back) or table in {"phones", "emails"}


def _but_place(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    left_out = {"phones": "position", "emails": "position", "customer_tags": "name"}.get(table)
    return {key: row[key] for key in COLUMNS[table] if key != left_out}


# --- in words -------------------------------------------------------------------

PERSONAL: Final = frozenset({"phones", "emails", "address", "contact_name"})
"""Fields that are told only to those who see contact data."""


def field_of(key: str) -> str:
    """Return which field of `headings.FIELDS` (or own field, or heading) a change is of."""
    table, _, name = key.partition("/")
    tables = {"contacts": "contact_name", "customer_tags": "tags"}
    return (
        name
        if table == "extra"
        else tables.get(table, table if name else {"responsible_id": "responsible"}.get(key, key))
    )


def shown(before: Portrait, after: Portrait) -> Iterator[tuple[str, str, str]]:
    """Give where two portraits differ as (field, before, after), in words for a person."""
    done = set()
    for key, (was, became) in differences(before, after).items():
        table, _, name = key.partition("/")
        found = field_of(key)
        if found in done or key in {"sort_name", "team_id", "partner_id"}:
            continue
        done.add(found)
        if table in MODELS and name:
            yield found, _listed(table, before), _listed(table, after)
        else:
            yield found, _text(was), _text(became)


def _text(value: Any) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _listed(table: str, of: Portrait) -> str:
    parts = {"phones": ("number",), "emails": ("address",), "customer_tags": ("name",), "requisites": requisites.FIELDS}
    columns = parts.get(table, ("name", "position", "phones", "emails"))
    rows = sorted(of.rows[table].items(), key=lambda one: (one[0] < 0, abs(one[0])))
    return "; ".join(", ".join(str(row[key]).replace("\n", ", ") for key in columns if row[key]) for _, row in rows)
