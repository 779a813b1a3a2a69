"""Audit entries in the reader's words: which field went from what to what."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from crm import (
    consents,
    customers,
    documents,
    doubles,
    fields,
    imports,
    interactions,
    market,
    mass_edits,
    merges,
    plans,
    privacy,
    relations,
    reports,
    settings,
    tags,
)
from crm.audit import ACTIONS, RECORDS
from crm.core.audit_log import HIDDEN
from crm.core.grants import RIGHTS, ROLES
from crm.core.i18n import N_
from ui import customer_forms, customer_list, customer_types, own_fields, rights_forms, tag_forms, words
from ui.session import _, language, translated, zone

FIELDS: Final[Mapping[str, str]] = {
    "responsible_id": N_("Responsible"),
    "team_id": N_("Team"),
    "partner_id": N_("Partner number"),
    "customer_id": N_("Customer"),
    "username": N_("User name"),
    "email": N_("E-mail"),
    "roles": N_("Roles"),
    "language": N_("Language"),
    "timezone": N_("Time zone"),
    "created_at": N_("Created"),
    "created_by_id": N_("Created by"),
    "disabled_at": N_("Disabled"),
    "deleted_at": N_("Deleted"),
    "archived_at": N_("In the bin since"),
    "deleted": N_("Deleted"),
    "parent_id": N_("Stands under"),
    "leader_id": N_("Leader"),
    "customers_moved": N_("Customers that went along"),
    "customers_left": N_("Customers left in the old team"),
    "customers_handed_over": N_("Customers handed over"),
    "signed_out": N_("Signed out everywhere"),
    "password_reset": N_("Password reset"),
    "unlocked": N_("Waiting after wrong passwords ended"),
    "second_factor": N_("Second factor"),
    "seen_from": N_("Address"),
    "count": N_("How many"),
    "text": N_("What is to be changed"),
    "answer": N_("Answer"),
    "done_by_id": N_("Answered by"),
    "done_at": N_("Answered"),
    "asked_of_id": N_("Who is asked"),
    "is_whole": N_("The month was over"),
    "conclusion": N_("Conclusions"),
    "filed_at": N_("Filed"),
    "filed_by_id": N_("Filed by"),
    "verified_at": N_("Verified"),
    "verified_by_id": N_("Verified by"),
    "strategy": N_("What we do"),
    "next_step": N_("Next step"),
    "parts": N_("Fields"),
    "left_out": N_("Fields that are not asked"),
    "erased": N_("Erased, because"),
    "data_taken": N_("All data as a file"),
    "contact_data_shown": N_("Hidden phones and e-mails shown"),
    "receivers": N_("Who got them"),
    "customers_taken_back": N_("Customers taken back"),
    "existence_told": N_("Told to somebody who does not see it"),
    "access_asked": N_("Somebody asked for access"),
    "saved_as_double": N_("Saved all the same, because"),
    "merged": N_("Card that was merged into this one"),
    "merged_into": N_("Card that this one was merged into"),
    "unmerged": N_("Card that is one of its own again"),
    "unmerged_from": N_("Is a card of its own again; before in"),
    "number": N_("Phone"),
    "digits": N_("Phone"),
    "import": N_("Import"),
    "contacts": N_("Contact persons"),
    "tags": N_("Tags"),
    "requisites": N_("Requisites"),
    "relation": N_("Relation"),
    "document": N_("Document"),
    "competitor": N_("Competitor"),
    "competitor_id": N_("Competitor"),
    "product": N_("What they sell here"),
    "amount": N_("About how much"),
    "currency": N_("Currency"),
    "period": N_("For"),
    "since": N_("Since"),
    "heard_on": N_("When"),
    "taken": N_("Taken as a file"),
    "inn": N_("INN"),
    "kpp": N_("KPP"),
    "ogrn": N_("OGRN"),
    "account": N_("Bank account"),
    "bic": N_("BIC (Russia)"),
    "uscc": N_("USCC (China)"),
    "iban": N_("IBAN"),
    "swift": N_("SWIFT"),
    "vat": N_("VAT number"),
    "tag_id": N_("Tag"),
    "tone": N_("Colour"),
    "joined": N_("Joined"),
    "position": N_("Position"),
    "department": N_("Department"),
    "birthday": N_("Birthday"),
    "is_primary": N_("Asked first"),
    "left_at": N_("No longer there since"),
    "measure": N_("What counts"),
    "target": N_("How many"),
    "starts_on": N_("First day"),
    "ends_on": N_("Last day"),
    "of_team": N_("Of a team"),
    "at": N_("When"),
    "direction": N_("Direction"),
    "outcome": N_("Result"),
    "topic": N_("Topic"),
    "minutes": N_("Minutes"),
    "code": N_("Code of the field"),
    "label": N_("What it is called"),
    "whose": N_("For whom"),
    "choices": N_("Choices"),
    "mandatory": N_("Must be filled in"),
    "listed": N_("Column in the list"),
    "query": N_("Filter"),
    "shared": N_("Shared"),
    "columns": N_("Columns"),
    "rule": N_("Filter"),
    "sorted_by": N_("Sort by"),
    "purpose": N_("For what"),
    "basis": N_("Basis"),
    "given_on": N_("Since"),
    "until": N_("Until"),
    "how": N_("How the customer said it"),
    "proof": N_("Where the proof lies"),
    "ended_on": N_("Withdrawn on"),
    "ended_how": N_("How it was withdrawn"),
    "given_to": N_("Responsible"),
    "into_bin": N_("Into the bin"),
    "tags_on": N_("Tags put on"),
    "tags_off": N_("Tags taken off"),
    "total": N_("How many"),
    "state": N_("State"),
    "parted_at": N_("Not the same since"),
    "parted_by_id": N_("Who said so"),
    "refused": N_("Refused"),
}
"""Names of fields that are not on a customer's card."""

CODES: Final[Mapping[str, Mapping[Any, str]]] = {
    "kind": customers.KINDS,
    "stage": customers.STAGES,
    "source": customers.SOURCES,
    "direction": interactions.DIRECTIONS,
    "outcome": interactions.OUTCOMES,
    "measure": plans.MEASURES,
    "tone": tags.TONES,
    "whose": fields.WHOSE,
    "erased": privacy.REASONS,
    "saved_as_double": doubles.REASONS,
    "sorted_by": customers.ORDER_NAMES,
    "purpose": consents.PURPOSES,
    "basis": consents.BASES,
    "how": consents.WAYS,
    "ended_how": consents.WAYS,
    "state": imports.STATES | mass_edits.STATES,
    "relation": relations.KINDS,
    "document": documents.KINDS,
    "period": market.PERIODS,
    "refused": RIGHTS,
}
"""Fields that hold codes, with the codes' names."""

_CALLED_OTHERWISE: Final = {
    ("notifications", "responsible_id"): N_("To whom"),
    ("own_fields", "kind"): N_("What it takes"),
    ("voices", "text"): N_("What was said"),
    ("supplies", "source"): N_("Known from"),
}
_KINDS: Final[Mapping[str, Mapping[Any, str]]] = {
    "interactions": interactions.KINDS,
    "own_fields": fields.KINDS,
    "documents": documents.KINDS,
    "reports": reports.KINDS,
    "voices": market.SAID,
}
"""What `kind` says of records that are no customers."""

LONGEST: Final = 160
"""Characters of an entry in one line; its window shows the rest."""
PEOPLE: Final = frozenset(
    {
        *("responsible_id", "leader_id", "created_by_id", "actor_id", "done_by_id", "given_to", "parted_by_id"),
        *("verified_by_id", "asked_of_id", "filed_by_id"),
    }
)
NAMED_BY_THEIR_FIELD: Final = frozenset({"settings", "right_adjustments"})
TEAMS: Final = frozenset({"team_id", "parent_id"})
NUMBERS: Final = frozenset({"sign_in", "hand_over", merges.NOTED})
"""What is noted for the record only: a number by which nobody knows anything."""


@lru_cache(maxsize=3)
def actions(_language: str) -> dict[str, str]:
    """Return what can have happened, code -> name, by its name in the reader's language."""
    return dict(sorted(translated(ACTIONS).items(), key=lambda pair: pair[1]))


def subject(record: str, record_id: int, people: Mapping[int, str], teams: Mapping[int, str]) -> str:
    """Write which record an entry speaks of: 'Customer 12', 'Team North', 'Ivan Petrov'."""
    if record == "users" and record_id in people:
        return people[record_id]
    if record in NAMED_BY_THEIR_FIELD:
        return words.named(RECORDS, record)
    name = teams.get(record_id) if record == "teams" else None
    return f"{words.named(RECORDS, record)} {name or record_id}"


def lines(
    record: str, changes: Mapping[str, Any], people: Mapping[int, str], teams: Mapping[int, str]
) -> list[tuple[str, str, str]]:
    """Return (field, old, new) in words for each changed field of an entry. Personal values stay hidden."""
    return list(_each(record, changes, people, teams))


def _each(
    record: str, changes: Mapping[str, Any], people: Mapping[int, str], teams: Mapping[int, str]
) -> Iterator[tuple[str, str, str]]:
    return (_line(record, key, pair, people, teams) for key, pair in changes.items() if key not in NUMBERS)


def spoken(record: str, values: Mapping[str, Any], people: Mapping[int, str]) -> dict[str, tuple[str, str]]:
    """Return field -> its name and its value, both in words."""
    found = {key: _line(record, key, [None, value], people, {}) for key, value in values.items()}
    return {key: (field, now) for key, (field, _old, now) in found.items()}


def short(record: str, changes: Mapping[str, Any], people: Mapping[int, str], teams: Mapping[int, str]) -> str:
    """Write an entry in one line: 'Stage: Potential → Loyal; Note: …'."""
    line = ""
    for field, old, new in _each(record, changes, people, teams):
        line += "; " if line else ""
        if HIDDEN in (old, new):
            line += field
        elif old:
            line += f"{field}: {old} → {new or '–'}"
        else:
            line += f"{field}: {new}"
        if len(line) > LONGEST:  # what nobody sees is not put into words
            return f"{line[:LONGEST]}…"
    return line


def merge_of(changes: Mapping[str, Any]) -> int:
    """Return the merge that an entry tells of, 0 where it tells of none."""
    return int(changes.get(merges.NOTED, [None, 0])[1] or 0)


def _line(
    record: str, key: str, pair: list[Any], people: Mapping[int, str], teams: Mapping[int, str]
) -> tuple[str, str, str]:
    old, new = pair
    if key.startswith(fields.OWN) and record in {"customers", "mass_edits"}:
        label, now = own_fields.told(key, new)
        return label, own_fields.told(key, old)[1], now
    if key == "type" and record in {"customers", "mass_edits"}:
        return _field(language(), record, key), customer_types.name_of(old), customer_types.name_of(new)
    if record == "customer_types" and key in {"parts", "left_out"}:
        return _field(language(), record, key), customer_types.told(old), customer_types.told(new)
    if key in PEOPLE or key in TEAMS:
        names = people if key in PEOPLE else teams
        return _field(language(), record, key), _name(names, old), _name(names, new)
    if key == "receivers":
        return _field(language(), record, key), "", words.listed(_name(people, one) for one in new or ())
    can_be_kept = not isinstance(old, list | dict) and not isinstance(new, list | dict)
    return (_kept if can_be_kept else _told)(language(), zone(), record, key, old, new)


def _name(names: Mapping[int, str], number: int | None) -> str:
    return "" if number is None else names.get(number, f"№ {number}")


def _told(language: str, _zone: str, record: str, key: str, old: Any, new: Any) -> tuple[str, str, str]:
    """Tell one change in words of the reader's language and zone."""
    if record == "right_adjustments" and " " in key:
        role, right = key.split(" ", 1)
        return f"{words.named(ROLES, role)}, {words.named(RIGHTS, right)}", _scope(right, old), _scope(right, new)
    return _field(language, record, key), _value(record, key, old), _value(record, key, new)


_kept: Final = lru_cache(maxsize=4096, typed=True)(_told)
"""The same, kept: entries never change, and a page of the list tells hundreds of changes."""


def _scope(right: str, value: Any) -> str:
    return rights_forms.scope_word(right, value) if right in RIGHTS else str(value)


@lru_cache(maxsize=1024)
def _field(_language: str, record: str, key: str) -> str:
    if record == "settings" and key in settings.DEFINITIONS:
        return _(settings.DEFINITIONS[key].label)
    if (record, key) in _CALLED_OTHERWISE:
        return _(_CALLED_OTHERWISE[record, key])
    return _(FIELDS[key]) if key in FIELDS else customer_forms.labels().get(key, key)


_LISTS: Final[Mapping[str, Callable[[Any], Iterable[str]]]] = {
    "roles": lambda codes: [words.named(ROLES, code) for code in codes],
    "columns": lambda keys: [customer_list.label(str(one)) for one in keys],
    "tags_on": tag_forms.named,
    "tags_off": tag_forms.named,
}
"""Fields that hold several values, with what names them."""


def _value(record: str, key: str, value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if key in _LISTS:
        return words.listed(_LISTS[key](value))
    if (record, key) == ("own_fields", "choices"):
        return words.listed(label for _code, label, retired in value if not retired)
    codes = _KINDS.get(record, CODES["kind"]) if key == "kind" else CODES.get(key)
    return words.named(codes, value) if codes else _moment(key, str(value))


def _moment(key: str, text: str) -> str:
    """Write a stored moment or day as people write it; any other text stays as it is."""
    try:
        if key.endswith("_at") or key == "at":
            return words.moment(datetime.fromisoformat(text))
        return words.day(date.fromisoformat(text)) if key.endswith("_on") else text
    except ValueError:
        return text
