"""The dialog of a plan's target."""

from crm import plans, teams, users
from crm.core import clock
from ui.forms import Form, in_dialog
from ui.page import dialog_key
from ui.session import _, attempt, me, translated, uow, zone


def target() -> None:
    """Draw the dialog of a new target."""
    in_dialog(_("Set a target"), _target)


def _target() -> None:
    form = Form("target")
    first, last = clock.month_of(clock.day_of(clock.now(), zone()))
    with uow() as u:
        mine = {f"t{key}": name for key, name in teams.directory(u).items() if _in_reach(u, key)}
        theirs = {f"p{key}": name for key, name in users.reached(u, "plans.set").items()}
    whose = ({"": _("The whole company")} if me().scope("plans.set") == "all" else {}) | mine | theirs
    with form.drawn():
        form.choice("whose", _("Whose"), whose)
        form.choice("measure", _("What counts"), translated(plans.MEASURES), value="calls")
        form.number("target", _("How many"), value=10, min_value=1, max_value=plans.MOST)
        form.day("starts_on", _("First day"), value=first)
        form.day("ends_on", _("Last day"), value=last)
        if form.submit(_("Set target")):
            facts = {key: form.values[key] for key in ("measure", "target", "starts_on", "ends_on")}
            code = str(form.values["whose"])
            owner = {"p": "responsible_id", "t": "team_id"}.get(code[:1])
            with attempt(_("Target set.")) as tried, uow(dialog_key()) as u:
                plans.set_target(u, **facts, **({owner: int(code[1:])} if owner else {}))
            form.finish(tried)


def _in_reach(u: object, team_id: int) -> bool:
    return me().scope("plans.set") == "all" or team_id in me().team_ids
