"""Doubles in a form: who is there already, beside what was typed; asking for access to it; why it is saved all the same."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import streamlit as st

from crm import doubles
from crm.core.uow import UnitOfWork
from crm.doubles import Double
from ui.forms import Form
from ui.page import here
from ui.parts import draw as draw_part
from ui.session import _, asked, attempt, colleagues, may, n_, translated, uow

ASK: Final = "ask"
"""The query parameter that names the field whose doubles access is asked for."""

Typed = Mapping[str, str | Sequence[str]]
Key = tuple[str, str, str]


def _titles() -> dict[str, str]:
    same = {"phones": _("Same phone"), "emails": _("Same e-mail"), "name": _("Similar name in the same city")}
    return dict.fromkeys(doubles.TAX, _("Same number")) | same


class Doubles:
    """What one form is told of doubles. of: the customer at hand. reason: why it is saved all the same, once that was chosen.

    What was looked for once is not looked for again while the form is open: answers about customers out of sight are counted.
    """

    def __init__(self, form: Form, *, of: int | None = None) -> None:
        self._form, self._of = form, of
        self._known: dict[Key, tuple[Double, ...]] = st.session_state.setdefault(form.key("doubles"), {})
        self._typed: Typed = {}
        self._shown: Typed = {}
        self._stopped = False
        self.reason: str | None = None

    @property
    def found(self) -> list[Double]:
        """Who has the same as what was typed."""
        return [one for key in self._keys() for one in self._known.get(key, ())]

    def look(self, typed: Typed) -> bool:
        """Look who has the same; say whether somebody has."""
        self._typed = typed if may(doubles.CHECK) else {}
        fresh = [key for key in self._keys() if key not in self._known]
        if fresh:
            with attempt() as tried, uow() as u:
                tried.result = doubles.look(u, _together(fresh), of=self._of)
            if tried.ok:
                self._note(fresh, tried.result)
        return bool(self.found)

    def look_again(self) -> None:
        """Look who has the same as what was typed when the form was last held up."""
        self.look(st.session_state.get(self._form.key("held-up"), {}))

    def _keys(self) -> list[Key]:
        city = str(self._typed.get("city") or "")
        return [(field, text, city if field == "name" else "") for field, text in doubles.pairs(self._typed)]

    def _note(self, fresh: Iterable[Key], answer: doubles.Answer) -> None:
        self._stopped = answer.stopped
        for key in fresh:
            those = tuple(one for one in answer.doubles if (one.field, one.text) == key[:2])
            if those or not answer.stopped:
                self._known[key] = those

    # --- drawing --------------------------------------------------------------

    def draw(self) -> None:
        """Draw who is there already beside the fields, and why it is to be saved all the same, as a field of the form."""
        self._shown = self._typed
        by_field: dict[str, list[Double]] = {}
        for one in self.found:
            by_field.setdefault(one.field, []).append(one)
        done = self._asked_for(by_field)
        for field, those in by_field.items():
            with self._form.beside(field):
                lines = [_line(one, asked_for=field in done) for one in those]
                data = {"title": _titles()[field], "lines": lines}
                draw_part("doubles", key=self._form.key(f"doubles.{field}"), data=data)

    def ask_why(self) -> None:
        """Draw the choice why it is saved all the same, where something was found, as a field of the form."""
        if self._stopped:
            st.caption(_("Too many customers of others were found within an hour: nothing is said of them for now."))
        if not self.found:
            return
        n = len({(one.id, one.responsible_id) for one in self.found})
        st.caption(n_("{n} customer seems to be there already.", "{n} customers seem to be there already.", n))
        if may(doubles.SAVE):
            chosen = self._form.radio("reason", _("Why save it all the same?"), translated(doubles.REASONS), index=None)
            self.reason = str(chosen) if chosen else None
            del self._form.values["reason"]

    def label(self, plainly: str, anyway: str) -> str:
        """Return what the button says."""
        return anyway if self.found else plainly

    def hold_up(self, typed: Typed) -> bool:
        """Say whether saving must wait: somebody has the same, and no reason was given with that before one's eyes."""
        st.session_state[self._form.key("why")] = self.reason
        if not self.look(typed):
            return False
        if dict(typed) != dict(self._shown):
            st.session_state[self._form.key("held-up")] = dict(typed)
            st.rerun()
        if not may(doubles.SAVE):
            self._form.fault(
                "", _("Your role may not save what exists already. Ask whoever is responsible for access.")
            )
        elif self.reason is None:
            self._form.fault("reason", _("Please say why you save it all the same."))
        return self.reason is None

    def settle(self, u: UnitOfWork, typed: Typed) -> None:
        """Have the door look, too, in the unit that saves onto a card, and keep the reason: also one given before a conflict."""
        if self._of is not None and may(doubles.CHECK) and doubles.pairs(typed):
            doubles.settle(u, typed, of=self._of, reason=st.session_state.get(self._form.key("why")))

    # --- asking for access ------------------------------------------------------

    def _asked_for(self, by_field: Mapping[str, Sequence[Double]]) -> set[str]:
        """Ask for access to what the address names; return the fields for which that was done."""
        done: set[str] = st.session_state.setdefault(self._form.key("asked-for"), set())
        field = asked(ASK)
        if field in by_field:
            st.query_params.pop(ASK, None)
            with attempt() as tried, uow() as u:
                doubles.ask_for_access(u, _together(key for key in self._keys() if key[0] == field), of=self._of)
            if tried.ok:
                done.add(field)
        return done


def _together(keys: Iterable[Key]) -> dict[str, Any]:
    """Return keys as `doubles.look` takes them."""
    found: dict[str, Any] = {}
    for field, text, city in keys:
        if field == "name":
            found |= {"name": text, "city": city}
        else:
            found.setdefault(field, []).append(text)
    return found


def _line(one: Double, *, asked_for: bool) -> dict[str, str]:
    who = colleagues().get(one.responsible_id, "") if one.responsible_id else _("nobody")
    if one.id is None:
        line = {"text": _("Exists, responsible: {name}").format(name=who)}
        if asked_for:
            return line | {"done": _("Asked.")}
        return line | {"link": _("Ask for access"), "href": here(ask=one.field), "icon": "key"}
    named = [one.name, one.city or "", _("Responsible: {name}").format(name=who)]
    return {
        "text": " · ".join(filter(None, named)),
        "link": _("Open the customer"),
        "href": f"/customer?id={one.id}",
        "icon": "person",
    }
