"""The parts of the screen of duplicates: how the look over the base stands, and the pairs side by side."""

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import streamlit as st

from crm import duplicates
from crm.core import i18n
from crm.core.i18n import N_
from crm.customers import KINDS, STAGES
from crm.duplicates import BAND_NAMES, BANDS, SIGNS, SIZE, Run, State, Step
from ui import tables, words
from ui.parts import part
from ui.session import _, attempt, colleagues, language, n_, uow

SECONDS: Final = 1.0
"""How often a look tells how far it is."""

PARTED: Final = "_duplicates.parted"
"""Where the session notes which pair was decided last, for taking it back."""

TONES: Final = {"sure": "bad", "likely": "warn", "possible": ""}
ALIKE: Final = 0.6
"""Words that are less alike than this differ as a whole: marks in every second letter help nobody."""

_WORDS: Final = re.compile(r"[^\W_]+|[\W_]+")
Piece = tuple[str, bool]
"""Some text, and whether it differs from the other side."""


# --- the look over the base -------------------------------------------------------


def ask() -> None:
    """Ask for a look over the base (a callback)."""
    with attempt(), uow() as u:
        duplicates.look_now(u)


def _stop(run_id: int) -> None:
    with attempt(), uow() as u:
        duplicates.stop(u, run_id)


def told(last: Run | None) -> str:
    """Write when the base was looked over last, and how many customers there were to compare."""
    if last is None or last.ended_at is None:
        return _("The base was not looked over yet.")
    customers = n_(
        "{n} customer compared", "{n} customers compared", last.customer_count, shown=words.number(last.customer_count)
    )
    return _("Last look: {when}").format(when=f"{words.ago(last.ended_at)} · {customers}")


@st.fragment(run_every=SECONDS)
def watch() -> None:
    """Draw how far the look is, once a second; draw the page anew when it is over."""
    with attempt() as tried, uow() as u:
        record = duplicates.last_run(u)
        tried.result = (record, duplicates.step(u, record)) if record and record.is_under_way else None
    if not tried.ok:
        return
    if tried.result is None:
        st.rerun()
    record, step = tried.result
    st.progress(step.done / step.whole, text=_said(step))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(_("Stop"), icon=":material/stop:", on_click=_stop, args=(record.id,), key="stop-look")
        st.caption(_("You can leave this page: the work goes on, and nobody waits for it."))


def _said(step: Step) -> str:
    if step.waits:
        return _("Waiting for its turn.")
    return _("Reading the customers ...") if step.reads else _("Comparing them ...")


def trouble(last: Run | None) -> None:
    """Say why the last look ended without a result."""
    problem = duplicates.problem_of(last) if last is not None and last.state == State.FAILED else None
    if problem is not None:
        st.error(i18n.say(language(), problem), icon=":material/error:")


# --- the pairs ----------------------------------------------------------------------


def draw(rows: Sequence[Mapping[str, Any]], count: int, *, parted: bool) -> None:
    """Draw a page of pairs, and do what was decided about one of them."""
    data = {
        "pairs": [_pair(row, parted=parted) for row in rows],
        "name": _("Name"),
        "merge": _("Compare and merge"),
        "count": tables.counted(count, duplicates.COUNT_CAP, "{n} pair", "{n} pairs"),
        "pages": tables.pages(min(count, duplicates.COUNT_CAP), SIZE),
    }
    drawn = part("twins")(key="twins", data=data, on_decided_change=lambda: None)
    # what comes back is somebody's patch: only a pair that was shown is taken from it, and the door checks the rest
    if drawn.decided in {row["id"] for row in rows}:
        decide(drawn.decided, parted=not parted)
        st.rerun()


def decide(pair_id: int, *, parted: bool) -> None:
    """Note that two are not the same, or take that back."""
    said = _("Not the same: they are not shown again.") if parted else _("They wait in the queue again.")
    with attempt(said) as tried, uow() as u:
        (duplicates.part if parted else duplicates.unpart)(u, pair_id)
    if tried.ok:
        st.session_state[PARTED] = pair_id if parted else None


def take_back() -> None:
    """Draw what takes the last decision back, where there was one."""
    last = st.session_state.get(PARTED)
    if last is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="undo-parted"):
        st.caption(_("You said of two customers that they are not the same."))
        st.button(
            _("Undo"), icon=":material/undo:", on_click=decide, args=(last,), kwargs={"parted": False}, key="undo"
        )


def band(certainty: float) -> str:
    """Return the code of the band that a certainty is in."""
    return next(code for code, (least, below) in BANDS.items() if least <= certainty < below)


def _pair(row: Mapping[str, Any], *, parted: bool) -> dict[str, Any]:
    one, other = row["one"], row["other"]
    code = band(row["certainty"])
    names = sides(one["name"], other["name"])
    note = _("Changed since they were compared.") if row["changed"] else ""
    if parted:
        who = colleagues().get(row["parted_by_id"], "")
        note = " · ".join(filter(None, (who, words.when(row["parted_at"]))))
    button = (_("Take back") if parted else _("Not the same")) if row["decidable"] else ""
    older, newer = (one, other) if one["created_at"] <= other["created_at"] else (other, one)
    merge = f"/customer?id={older['id']}&do=merge&with={newer['id']}"
    return {
        "id": row["id"],
        "certainty": f"{_(BAND_NAMES[code])} · {words.share(min(row['certainty'], 0.99))}",
        "tone": TONES[code],
        "signs": [_(SIGNS[sign]) for sign in row["signs"]],
        "names": [
            {"pieces": pieces, "href": f"/customer?id={each['id']}"}
            for pieces, each in zip(names, (one, other), strict=True)
        ],
        "lines": _lines(one, other),
        "note": note,
        "button": button,
        "icon": "undo" if parted else "call_split",
        "href": "" if parted or not row["decidable"] else merge,
    }


LABELS: Final = {
    "phones": N_("Phones"),
    "emails": N_("E-mail addresses"),
    "numbers": N_("Tax numbers"),
    "city": N_("City"),
    "address": N_("Address"),
    "contacts": N_("Contact persons"),
    "kind": N_("Kind"),
    "stage": N_("Stage"),
    "responsible": N_("Responsible"),
    "last": N_("Last contact"),
    "sums": N_("So far"),
    "created_at": N_("Created"),
}
_MARKED: Final = frozenset({"phones", "emails", "numbers", "city", "address", "contacts", "kind"})
"""What says whether they are one: where these differ it is marked. The rest differs for everybody."""

_MASKED: Final = frozenset({"phones", "emails", "address"})


def _lines(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[list[Any]]:
    here, there = _facts(one), _facts(other)
    whole = one["in_full"] and other["in_full"]  # of what is shown in part nobody knows whether it differs
    found = []
    for key, label in LABELS.items():
        if here[key] or there[key]:
            marked = key in _MARKED and (whole or key not in _MASKED)
            pair = sides(here[key], there[key]) if marked else tuple(_plain(each) for each in (here[key], there[key]))
            found.append([_(label), *pair])
    return found


def _facts(row: Mapping[str, Any]) -> dict[str, Any]:
    sums = (
        n_("{n} contact", "{n} contacts", row["interaction_count"], shown=words.number(row["interaction_count"])),
        n_("{n} purchase", "{n} purchases", row["purchase_count"], shown=words.number(row["purchase_count"])),
    )
    return {
        **{key: row[key] for key in ("phones", "emails", "numbers", "contacts")},
        "city": row["city"] or "",
        "address": row["address"] or "",
        "kind": words.named(KINDS, row["kind"]),
        "stage": words.named(STAGES, row["stage"]),
        "responsible": colleagues().get(row["responsible_id"], "") if row["responsible_id"] else "",
        "last": words.when(row["last_interaction_at"]),
        "sums": " · ".join(sums),
        "created_at": words.when(row["created_at"]),
    }


def sides(one: str | Sequence[str], other: str | Sequence[str]) -> tuple[list[Piece], list[Piece]]:
    """Return both values in pieces, each with whether it differs from the other side; lists one value on a line."""
    if isinstance(one, str) and isinstance(other, str):
        return _texts(one, other)
    return _listed(one, other), _listed(other, one)


def _listed(values: Sequence[str], others: Sequence[str]) -> list[Piece]:
    last = len(values) - 1
    found = [(value, bool(others) and value not in others) for value in values]
    return [(f"{value}\n" if place < last else value, differs) for place, (value, differs) in enumerate(found)]


def _plain(value: str | Sequence[str]) -> list[Piece]:
    return [("\n".join([value] if isinstance(value, str) else value), False)] if value else []


def _texts(one: str, other: str) -> tuple[list[Piece], list[Piece]]:
    """Compare word by word, and sign by sign where two words in the same place are alike."""
    if not one or not other:
        return _plain(one), _plain(other)
    words_here, words_there = _WORDS.findall(one), _WORDS.findall(other)
    here: list[Piece] = []
    there: list[Piece] = []
    matcher = SequenceMatcher(
        None, [w.casefold() for w in words_here], [w.casefold() for w in words_there], autojunk=False
    )
    for step, begin, end, start, stop in matcher.get_opcodes():
        mine, theirs = words_here[begin:end], words_there[start:stop]
        if step == "replace" and len(mine) == len(theirs):
            for pair in zip(mine, theirs, strict=True):
                for side, pieces in zip((here, there), _signs(*pair), strict=True):
                    side.extend(pieces)
        else:
            here += [(word, step != "equal") for word in mine]
            there += [(word, step != "equal") for word in theirs]
    return _joined(here), _joined(there)


def _signs(one: str, other: str) -> tuple[list[Piece], list[Piece]]:
    matcher = SequenceMatcher(None, one.casefold(), other.casefold(), autojunk=False)
    if matcher.ratio() < ALIKE or (len(one.casefold()), len(other.casefold())) != (len(one), len(other)):
        return [(one, True)], [(other, True)]
    steps = matcher.get_opcodes()
    return (
        [(one[begin:end], step != "equal") for step, begin, end, _b, _e in steps if end > begin],
        [(other[begin:end], step != "equal") for step, _b, _e, begin, end in steps if end > begin],
    )


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Put neighbours together that are marked alike."""
    return [("".join(text for text, _ in those), differs) for differs, those in groupby(pieces, itemgetter(1))]
