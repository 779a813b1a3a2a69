"""Rules in words: what narrows the list of customers, condition by condition, and above it what is saved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from crm import saved_filters, tags, teams
from crm.core.errors import Invalid
from crm.customers import rules
from crm.customers.rules import ME, WHETHER, Askable, Condition, Operator, Rule, Takes
from ui import customer_types, own_fields, words
from ui.page import dialog, here, opening
from ui.parts import draw as draw_part
from ui.session import _, asked, colleagues, may, me, n_, translated, watched_each

WHERE: Final = "where"
SAVED: Final = "saved"
OPEN: Final = "open"
"""Query parameters: the rule, which saved filter it came from, and which one is to be opened."""


@dataclass(frozen=True)
class Asked:
    """What a reader can filter by, and how everything is called that a condition can name."""

    known: Mapping[str, Askable]
    tags: Mapping[str, str]
    teams: Mapping[str, str]

    def label(self, key: str) -> str:
        """Return what a field is called."""
        one = self.known[key]
        return one.label if one.is_own else _(one.label)

    def choices(self, one: Askable) -> dict[str, str]:
        """Return code -> name of what can be chosen in a condition on a field."""
        match one.takes:
            case Takes.PERSON:
                return {ME: _("Me")} | {str(key): name for key, name in colleagues().items()}
            case Takes.TEAM:
                return dict(self.teams)
            case Takes.TAG:
                return dict(self.tags)
            case Takes.YES_NO:
                return translated(rules.YES_NO)
        if one.key == "type":
            return {code: customer_types.name_of(code) for code in one.choices}
        return dict(one.choices) if one.is_own else translated(one.choices)

    def sentence(self, one: Condition) -> str:
        """Write a condition: 'City: Kazan, Tver', 'Last contact: longer ago than 90 days'."""
        field = self.known[one.key]
        return _("{field}: {condition}").format(field=self.label(one.key), condition=self._compared(field, one))

    def _compared(self, field: Askable, one: Condition) -> str:
        called = _(field.operators[one.operator])
        if one.operator in WHETHER:
            return called
        if one.operator in rules.IN_DAYS:
            return _in_days(one.operator, int(one.values[0]))
        names = self.choices(field)
        said = words.listed(_written(field, names.get(value, value)) for value in one.values)
        return said if one.operator is Operator.IS else f"{called} {said}"


def _written(field: Askable, value: str) -> str:
    if field.takes is Takes.NUMBER:
        return words.exact(Decimal(value))
    if field.takes in {Takes.MOMENT, Takes.DAY}:
        return words.day(rules.day_of(value))
    return value


def _in_days(operator: Operator, days: int) -> str:
    shown = words.number(days)
    if operator is Operator.LAST:
        return n_("in the last {n} day", "in the last {n} days", days, shown=shown)
    if operator is Operator.NEXT:
        return n_("in the next {n} day", "in the next {n} days", days, shown=shown)
    return n_("longer ago than {n} day", "longer ago than {n} days", days, shown=shown)


def read(found_tags: Mapping[int, Mapping[str, Any]], found_teams: Mapping[int, str]) -> Asked:
    """Return what this reader can filter by."""
    return Asked(
        rules.askable(me(), own_fields.known(), customer_types.everything()),
        {str(key): str(one["name"]) for key, one in found_tags.items()},
        {str(key): name for key, name in found_teams.items()},
    )


def look() -> tuple[Asked, list[dict[str, Any]]]:
    """Return what this reader can filter by, and the filters that are saved for him."""
    parts: list[Any] = [(("tags",), tags.directory), (("saved filters",), saved_filters.offered)]
    shape = customer_types.PARTS
    if may("teams.view") and (asked(WHERE) or dialog()):  # nothing else on the page names a team
        parts.append((("teams",), teams.directory))
    found_tags, offered, *found_teams = watched_each(*parts, *shape)[: len(parts)]
    return read(found_tags, found_teams[0] if found_teams else {}), offered


def kept_query(query: Mapping[str, str]) -> dict[str, str]:
    """Return what of an address a saved filter keeps."""
    known = saved_filters.PARAMETERS
    return {key: text for key, text in query.items() if text and (key in known or key.startswith("own:"))}


def draw(rule: Rule, faults: Sequence[Invalid], asked_for: Asked, offered: Sequence[Mapping[str, Any]]) -> None:
    """Draw what is saved, each condition with a cross, and what can be done: a further condition, saving, the columns."""
    data = {
        "saved": _saved(offered),
        "chips": list(_chips(rule, asked_for)),
        "acts": _acts(rule, offered),
        "notes": [_(one.text).format(**{key: _(str(value)) for key, value in one.values.items()}) for one in faults],
        "words": {"off": _("Take away")},
    }
    draw_part("kept", key="kept", data=data)


def _saved(offered: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    now = asked(SAVED)
    found = [
        {
            "label": one["name"],
            "href": f"?{OPEN}={one['id']}",
            "icon": "group" if one["shared"] else "",
            "now": str(one["id"]) == now,
        }
        for one in offered
    ]
    everybody = {"label": _("All customers"), "href": "?", "icon": "", "now": not now}
    return [everybody, *found] if found else []


def _chips(rule: Rule, asked_for: Asked) -> list[dict[str, str]]:
    found = []
    within, between = (_("and"), _("or")) if rule.either else (_("or"), _("and") if _has_choice(rule) else "")
    for block, conditions in enumerate(rule.blocks):
        for place, one in enumerate(conditions):
            less = rules.written(rule.without(block, place)) or None
            lead = within if place else between if block else ""
            text = asked_for.sentence(one)
            found.append({"text": text, "lead": lead, "href": opening("filter"), "off": here(where=less, page=None)})
    return found


def _has_choice(rule: Rule) -> bool:
    return any(len(block) > 1 for block in rule.blocks)


def _acts(rule: Rule, offered: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the links: a filter, what becomes of it, the columns."""
    acts = [{"label": _("Filter"), "icon": "filter_list", "href": opening("filter")}]
    if rule.blocks:
        off = here(**{WHERE: None, SAVED: None, "page": None})
        acts = [
            {"label": _("Change the filter"), "icon": "filter_list", "href": opening("filter")},
            {"label": _("Reset"), "icon": "close", "href": off},
        ]
    if may(saved_filters.SAVE):
        chosen = next((one for one in offered if str(one["id"]) == asked(SAVED)), None)
        if chosen is not None:
            acts.append({"label": _("Saved filter"), "icon": "bookmark", "href": opening("saved")})
        elif rule.blocks:
            acts.append({"label": _("Save"), "icon": "bookmark", "href": opening("save")})
        acts.append({"label": _("Columns"), "icon": "view_column", "href": opening("columns")})
    return acts
