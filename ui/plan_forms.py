"""The dialog of a plan's target."""

from crm import plans, teams, users
from crm.core import clock
from ui.forms import Form, in_dialog
from ui.page import dialog_key
from ui.session import _, attempt, me, translated, uow, zone

COMPANY = ""


def target() -> None:
    """Draw the dialog of a new target."""
    in_dialog(_("Set a target"), _target)


def _target() -> None:
    form = Form("target")
    first, last = clock.month_of(clock.day_of(clock.now(), zone()))
    whose = _whose()
    with form.drawn():
        chosen = str(form.choice("whose", _("Whose"), whose, value=next(iter(whose), None)))
        measure = str(form.choice("measure", _("What counts"), translated(plans.MEASURES), value="calls"))
        number = form.number("target", _("How many"), value=10, min_value=1, max_value=plans.MOST)
        starts_on = form.day("starts_on", _("First day"), value=first)
        ends_on = form.day("ends_on", _("Last day"), value=last)
        if form.submit(_("Set target")):
            person = int(chosen[1:]) if chosen.startswith("p") else None
            team = int(chosen[1:]) if chosen.startswith("t") else None
            with attempt(_("Target set.")) as tried, uow(dialog_key()) as u:
                plans.set_target(
                    u,
                    measure=measure,
                    target=number or 0,
                    starts_on=starts_on or first,
                    ends_on=ends_on or last,
                    responsible_id=person,
                    team_id=team,
                )
            form.finish(tried)


def _whose() -> dict[str, str]:
    """Return whom one may set a target for, as code -> name: the company, teams ('t7') and people ('p12')."""
    everything = me().scope("plans.set") == "all"
    with uow() as u:
        teams_reached = {key: name for key, name in teams.directory(u).items() if everything or key in me().team_ids}
        people = users.reached(u, "plans.set")
    company = {COMPANY: _("The whole company")} if everything else {}
    return (
        company
        | {f"t{key}": name for key, name in teams_reached.items()}
        | {f"p{key}": name for key, name in people.items()}
    )
