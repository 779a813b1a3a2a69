"""Stages on the screens: the strategy of the present one on the card, the steps that led to it, and where strategies are set."""

from collections.abc import Mapping
from typing import Any

from crm import stages
from crm.core.uow import UnitOfWork
from crm.customers import STAGES, Card
from ui import tables, words
from ui.facts import Box
from ui.forms import Form, in_dialog
from ui.page import seen_version
from ui.session import _, attempt, uow

Stage = tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]
"""The strategy of a customer's stage and the last step that led to it, None where there is none."""


def read(u: UnitOfWork, card: Card) -> Stage:
    """Return what there is to say of a customer's stage."""
    last = stages.steps(u, card.id, most=1)
    return stages.strategies(u).get(card.stage), last[0] if last else None


def box(card: Card, stage: Stage, people: Mapping[int, str]) -> list[Box]:
    """Return the box of the strategy, where the company has one for this stage or the customer came to it from another."""
    strategy, last = stage
    lines = [("", strategy["strategy"], "strategy"), (_("Next step"), strategy["next_step"], "")] if strategy else []
    lines = [line for line in lines if line[1]]
    if not lines and last is None:
        return []
    title = _("Stage: {name}").format(name=words.named(STAGES, card.stage))
    return [Box(title, lines, note=_since(last, people) if last else "")]


def _since(last: Mapping[str, Any], people: Mapping[int, str]) -> str:
    facts = (words.when(last["at"]), people.get(last["by_id"] or 0, ""), last["reason"] or "")
    since = _("Since {when}, before: {stage}").format(when=facts[0], stage=words.named(STAGES, last["before"]))
    return " · ".join(filter(None, (since, *facts[1:])))


def history(customer_id: int, people: Mapping[int, str]) -> None:
    """Draw every step of a customer from one stage to another."""
    with uow() as u:
        steps = stages.steps(u, customer_id)
    if not steps:
        return
    columns = {
        "at": tables.Column(_("When"), words.when),
        "after": tables.Column(_("Stage"), lambda code: words.named(STAGES, code), main=True),
        "before": tables.Column(_("Before"), lambda code: words.named(STAGES, code), muted=True),
        "who": tables.Column(_("Who")),
        "reason": tables.Column(_("Why"), wrap=True, spare=True),
    }
    rows = [one | {"who": people.get(one["by_id"] or 0, "Rapport")} for one in steps]
    tables.table(rows, columns, key="steps", count=_("Stages"))


def change(stage: str, known: Mapping[str, Mapping[str, Any]]) -> None:
    """Draw the dialog of the strategy of a stage."""
    if stage in STAGES:
        in_dialog(words.named(STAGES, stage), lambda: _change(stage, known.get(stage, {})))


def _change(stage: str, now: Mapping[str, Any]) -> None:
    form, seen = Form(f"strategy-{stage}"), seen_version()
    with form.drawn():
        label = _("What we do with customers of this stage")
        form.area("strategy", label, value=now.get("strategy"), height=160, max_chars=stages.LONGEST)
        form.text("next_step", _("Next step"), value=now.get("next_step"), max_chars=stages.LONGEST_STEP)
        if form.submit(_("Save")):
            version = int(now.get("version", 0)) if seen is None else seen
            with attempt(_("Saved.")) as tried, uow(form.once) as u:
                stages.set_strategy(u, stage, form.values["strategy"], form.values["next_step"], seen=version)
            if tried.conflict:
                form.fault("strategy", _("Somebody has changed this meanwhile. Please look again."))
            form.finish(tried)
