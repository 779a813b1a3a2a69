"""The dialog in which the customers of somebody who leaves go to colleagues: looked at before, and taken back for a week."""

from collections.abc import Mapping

import streamlit as st

from crm import handovers
from crm.customers import STAGES
from crm.handovers import WAYS, HandOver, Preview, Way
from ui import facts, words
from ui.facts import Box
from ui.forms import Form, in_dialog
from ui.page import dialog_key
from ui.session import _, attempt, colleagues, may, n_, tell, translated, uow


def draw(from_id: int | None) -> None:
    """Draw the dialog for whoever has the right. from_id: who leaves, where that is known already."""
    if may(handovers.RIGHT):
        in_dialog(_("Hand over customers"), lambda: body(from_id))


def body(from_id: int | None) -> None:
    """Draw what stands in the dialog."""
    form = Form("hand-over")
    with uow() as u:
        leavers, receivers, before = handovers.leavers(u), handovers.receivers(u), handovers.recent(u)
    # outside the form: what is chosen is looked at before the button is pressed
    leaver = form.choice("from", _("Who leaves"), {None: "–"} | leavers, value=from_id)
    if leaver is None:
        st.caption(_("All customers of this colleague go to others; the cards keep who was responsible."))
        _taking_back(form, before)
        return
    to = form.many("to", _("Who gets the customers"), {key: name for key, name in receivers.items() if key != leaver})
    way = (
        form.radio("way", _("How they are divided"), translated(WAYS), value=Way.EVENLY) if len(to) > 1 else Way.EVENLY
    )
    with uow() as u:
        seen = handovers.preview(u, leaver, to, str(way))
    _preview(seen, receivers)
    if seen.customers:
        _hand_over(form, leaver, to, str(way), seen)
    _taking_back(form, [one for one in before if one.from_id == leaver])


def _preview(seen: Preview, receivers: Mapping[int, str]) -> None:
    """Draw what would happen."""
    lines = [(words.named(STAGES, code), words.number(seen.stages[code]), "") for code in STAGES if code in seen.stages]
    if seen.in_bin:
        lines.append((_("Of these in the bin"), words.number(seen.in_bin), ""))
    plans = n_("{n} running plan stays with this colleague.", "{n} running plans stay with this colleague.", seen.plans)
    title = n_("{n} customer", "{n} customers", seen.customers, shown=words.number(seen.customers))
    boxes = [Box(title, lines, note=plans if seen.plans else "")]
    if seen.customers and seen.shares:
        shares = [(receivers[key], words.number(n), "") for key, n in seen.shares.items()]
        boxes.append(Box(_("Who gets how many"), shares))
    facts.draw(*boxes, key="hand-over", beside=True)


def _hand_over(form: Form, leaver: int, to: list[int], way: str, seen: Preview) -> None:
    count = seen.customers
    with form.drawn():
        label = n_("Hand over {n} customer", "Hand over {n} customers", count, shown=words.number(count))
        if form.submit(label):
            with attempt(_("Handed over. For a week it can be taken back here.")) as tried, uow(dialog_key()) as u:
                handovers.hand_over(u, leaver, to, way, seen=count)
            if tried.conflict:
                st.error(tried.sentence, icon=":material/error:")
            form.finish(tried)


def _taking_back(form: Form, before: list[HandOver]) -> None:
    """Draw the hand-overs of the last days, each with what takes it back."""
    if before:
        st.markdown(_("**Handed over lately**"))
    people = colleagues()
    for one in before:
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            count = n_("{n} customer", "{n} customers", one.customers, shown=words.number(one.customers))
            by = people.get(one.by_id or 0, "")
            st.caption(" · ".join((words.md(people.get(one.from_id, "")), count, words.when(one.at), words.md(by))))
            if st.button(_("Take back"), icon=":material/undo:", key=form.key(f"back-{one.id}")):
                _take_back(one)


def _take_back(one: HandOver) -> None:
    with attempt() as tried, uow(f"{dialog_key()}.back-{one.id}") as u:
        tried.result = handovers.take_back(u, one.id)
    if tried.ok and tried.result is not None:
        n = int(tried.result)
        tell(n_("{n} customer went back.", "{n} customers went back.", n, shown=words.number(n)))
        st.rerun()
