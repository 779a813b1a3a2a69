"""Everybody who signs in: find a person, open the account, add somebody new."""

from crm import teams, users
from crm.core.grants import ROLES
from crm.users import STATES, Filters
from ui import filters, people_forms, tables, words
from ui.page import Action, asked_id, dialog, empty, header, opener, opening
from ui.session import _, n_, translated, watched, watched_each

STATE_TONES = {"disabled": "warn", "deleted": "bad"}

add = Action(_("New person"), opening("new"), icon="person_add", primary=True, key="n")
header(_("People"), _("Who can sign in, with which role, in which team."), actions=[add])

team_names = watched("teams", teams.directory)
text, role, team, state = filters.row(
    filters.text("q", _("Name, user name or e-mail")),
    filters.choice("role", _("Role"), translated(ROLES)),
    filters.choice("team", _("Team"), {str(key): name for key, name in team_names.items()}),
    filters.choice("state", _("State"), translated(STATES)),
)
wanted = Filters(text=text, role=role or None, team_id=int(team) if team else None, state=state or None)

number = tables.asked_page()
count, rows = watched_each(
    (("people", wanted), lambda u: users.count(u, wanted)),
    (("people", wanted, number), lambda u: users.page(u, wanted, number=number, size=tables.SIZE)),
)
opens = opener("person", "id", "seen")
columns = {
    "name": tables.Column(_("Full name"), main=True, wrap=True),
    "roles": tables.Column(
        _("Roles"), lambda codes: words.listed(words.named(ROLES, code) for code in codes), wrap=True
    ),
    "team": tables.Column(_("Team"), wrap=True),
    "last_seen_at": tables.Column(_("Last here"), words.when),
    "state": tables.Column(
        _("State"),
        lambda code: words.named(STATES, code) if code in STATE_TONES else "",
        tag=True,
        tone=lambda code: STATE_TONES.get(code, ""),
    ),
    "username": tables.Column(_("User name"), muted=True),
}
if count:
    tables.table(
        rows,
        columns,
        key="people",
        opens=lambda row: opens(id=row["id"], seen=row["version"]),
        count=n_("{n} person", "{n} people", count, shown=words.number(count)),
        rows_in_all=count,
    )
else:
    empty(_("Nobody matches these filters."), icon="filter_alt_off")

if dialog() == "new":
    people_forms.new()
else:
    people_forms.draw(dialog(), asked_id())
