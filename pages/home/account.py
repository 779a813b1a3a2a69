"""My account: language, password, second factor, and where I am signed in."""

from crm import teams
from crm.core.grants import ROLES
from ui import account_forms, words
from ui.page import asked_id, dialog, header
from ui.session import _, me, uow

with uow() as u:
    team = teams.directory(u).get(me().team_id or 0, "")

roles = words.listed(words.named(ROLES, code) for code in me().roles)
header(_("My account"), " · ".join(fact for fact in (me().name, roles, team) if fact))

account_forms.facts_of_mine()
account_forms.browsers()
account_forms.draw(dialog(), asked_id())
