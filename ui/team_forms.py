"""The dialogs of a team: a new one, its name, leader and place, its members' moves, its end."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import streamlit as st

from crm import teams, users
from crm.core.i18n import N_
from crm.teams import Branch
from ui import words
from ui.forms import Form, in_dialog
from ui.page import seen_version
from ui.parts import draw as draw_part
from ui.session import Tried, _, attempt, uow

INDENT: Final = "\u2003"


NO_TEAM: Final = 0
"""Stands for 'in no team' in the address."""


def tree(branches: list[Branch], chosen: int | None, *, without: int, opens: Callable[[int], str]) -> None:
    """Draw the tree of teams with the chosen one marked; `without` people are in no team; opens: id -> address."""
    rows = [(one.id, one.name, one.leader, one.depth, one.people) for one in branches]
    if without:
        rows.append((NO_TEAM, _("Without a team"), "", 0, without))
    data = [
        {
            "name": name,
            "line": line,
            "depth": depth,
            "count": words.number(people),
            "now": key == chosen,
            "href": opens(key),
        }
        for key, name, line, depth, people in rows
    ]
    draw_part("tree", key="tree", data={"branches": data})


def indented(team: Branch) -> str:
    """Write a team's name with its depth in the tree before it."""
    return INDENT * team.depth + team.name


def new(branches: list[Branch]) -> None:
    """Draw the dialog of a new team."""
    in_dialog(_("New team"), lambda: _new(branches))


def _new(branches: list[Branch]) -> None:
    form = Form("new-team")
    with uow() as u:
        people = users.directory(u)
    with form.drawn():
        form.text("name", _("Team name"), max_chars=teams.NAME_LENGTH)
        form.choice("leader_id", _("Leader"), {None: "–"} | people)
        form.choice(
            "parent_id", _("Stands under"), {None: _("No other team")} | {one.id: indented(one) for one in branches}
        )
        if form.submit(_("Create team")):
            with attempt(_("Team created.")) as tried, uow(form.once) as u:
                facts = {key: form.values[key] for key in ("leader_id", "parent_id")}
                teams.create(u, form.values["name"], **facts)
            form.finish(tried)


def draw(name: str, team: Branch, branches: list[Branch]) -> None:
    """Draw the dialog `name` of one team, when there is such a dialog."""
    if name in _BODIES:
        title, body = _BODIES[name]
        in_dialog(_(title), lambda: body(team, branches))


def _finish(form: Form, tried: Tried) -> None:
    if tried.conflict:
        st.error(tried.sentence)
    form.finish(tried)


def _rename(team: Branch, _branches: list[Branch]) -> None:
    form = Form(f"rename-{team.id}")
    with form.drawn():
        form.text("name", _("Team name"), value=team.name, max_chars=teams.NAME_LENGTH)
        if form.submit(_("Save")):
            with attempt(_("Saved.")) as tried, uow(form.once) as u:
                teams.rename(u, team.id, form.values["name"], seen=seen_version() or team.version)
            _finish(form, tried)


def _leader(team: Branch, _branches: list[Branch]) -> None:
    form = Form(f"leader-{team.id}")
    with uow() as u:
        people = users.directory(u)
    with form.drawn():
        form.choice("leader_id", words.md(team.name), {None: _("Nobody")} | people, value=team.leader_id)
        st.caption(_("A leader reaches this team and all teams under it, as far as the leader's role allows."))
        if form.submit(_("Save")):
            with attempt(_("Saved.")) as tried, uow(form.once) as u:
                teams.set_leader(u, team.id, form.values["leader_id"], seen=seen_version() or team.version)
            _finish(form, tried)


def _place(team: Branch, branches: list[Branch]) -> None:
    form = Form(f"place-{team.id}")
    others = {one.id: indented(one) for one in branches if one.id != team.id}
    with form.drawn():
        form.choice("parent_id", words.md(team.name), {None: _("No other team")} | others, value=team.parent_id)
        if form.submit(_("Move")):
            with attempt(_("Moved.")) as tried, uow(form.once) as u:
                teams.set_parent(u, team.id, form.values["parent_id"], seen=seen_version() or team.version)
            _finish(form, tried)


def _dissolve(team: Branch, _branches: list[Branch]) -> None:
    form = Form(f"dissolve-{team.id}")
    with form.drawn():
        sentence = _("The team {name} is deleted. That works only when nobody and nothing belongs to it.")
        st.markdown(sentence.format(name=words.md(team.name)))
        if form.submit(_("Dissolve team")):
            with attempt(_("Team dissolved.")) as tried, uow(form.once) as u:
                teams.dissolve(u, team.id, seen=seen_version() or team.version)
            _finish(form, tried)


_BODIES: Final[Mapping[str, tuple[str, Callable[[Branch, list[Branch]], Any]]]] = {
    "rename": (N_("Rename"), _rename),
    "leader": (N_("Choose a leader"), _leader),
    "place": (N_("Put under another team"), _place),
    "dissolve": (N_("Dissolve team"), _dissolve),
}
ACTIONS: Final[Mapping[str, str]] = {name: title for name, (title, _body) in _BODIES.items()}
"""The dialogs of a team with their names."""
