"""The parts of an import's screen: the list, the preview, the trial run, the run with its progress."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import streamlit as st

from crm import imports
from crm.core import i18n
from crm.core.errors import Invalid
from crm.core.i18n import N_
from crm.customers import KINDS, SOURCES, STAGES
from crm.imports import FIELDS, OUTCOMES, STATES, Import, Outcome, Preview, State
from ui import customer_types, own_fields, tables, words
from ui.page import here
from ui.session import _, attempt, colleagues, language, may, n_, tell, translated, uow

SECONDS: Final = 1.0
"""How often a run tells how far it is."""

STATE_TONES: Final = {State.FINISHED: "good", State.FAILED: "bad", State.STOPPED: "warn", State.UNDOING: "warn"}
OUTCOME_TONES: Final = {Outcome.NEW: "good", Outcome.FAULTY: "bad"}
UNDONE: Final = {"removed": N_("Removed"), "restored": N_("As before"), "kept": N_("Kept")}
_CODED: Final[Mapping[str, Mapping[Any, str]]] = {"kind": KINDS, "stage": STAGES, "source": SOURCES}


def listing(rows: Any, count: int, people: Mapping[int, str]) -> None:
    """Draw the list of imports."""
    columns = {
        "file_name": tables.Column(_("File"), main=True, wrap=True),
        "state": tables.Column(
            _("State"), lambda code: words.named(STATES, code), tag=True, tone=lambda code: STATE_TONES.get(code, "")
        ),
        "row_count": tables.Column(_("Rows"), words.number, right=True),
        **{f"{code}_count": tables.Column(_(label), _number, right=True) for code, label in OUTCOMES.items()},
        "responsible_id": tables.Column(_("By"), lambda key: people.get(int(key), "")),
        "created_at": tables.Column(_("When"), words.when),
    }
    shown = tables.counted(count, imports.COUNT_CAP, "{n} import", "{n} imports")
    tables.table(
        rows, columns, key="imports", opens=lambda row: here(id=row["id"], page=None), count=shown, rows_in_all=count
    )


def _number(n: int) -> str:
    return words.number(n) if n else ""


# --- preview ----------------------------------------------------------------------


def labels() -> dict[str, str]:
    """Return the name of every field in the reader's language."""
    return translated(FIELDS) | own_fields.labels()


def preview(found: Preview) -> None:
    """Draw the first rows as they will be stored, each fault inside its cell."""
    names = labels()
    columns: dict[str, tables.Column] = {
        " row": tables.Column(_("Row"), words.number, right=True, muted=True),
        " outcome": tables.Column(
            _("Will be"),
            lambda code: words.named(OUTCOMES, code),
            tag=True,
            tone=lambda code: OUTCOME_TONES.get(code, ""),
        ),
    }
    shown = (*found.fields, *found.own)
    loose = {key for row in found.rows for key in row.faults} - set(shown)
    if loose:
        columns[" rest"] = tables.Column(_("What is wrong"), _cell_text, tone=_cell_tone, wrap=True)
    for key in shown:
        columns[key] = tables.Column(names.get(key, key), _cell_text, main=key == "name", tone=_cell_tone, wrap=True)
    tables.table([_preview_row(row, columns, loose, names) for row in found.rows], columns, key="preview")


def _preview_row(row: Any, columns: Mapping[str, Any], loose: set[str], names: Mapping[str, str]) -> dict[str, Any]:
    cells: dict[str, Any] = {" row": row.number, " outcome": row.outcome}
    for key in columns:
        if not key.startswith(" "):
            text = row.values.get(key, "")
            shown = _in_words(key, text) if key in {*_CODED, "type"} and key not in row.faults else text
            cells[key] = (shown, i18n.say(language(), row.faults[key]) if key in row.faults else "")
    rest = {key: fault for key, fault in row.faults.items() if key in loose}
    return cells | {" rest": ("", in_words(rest, names))}


def _cell_text(cell: tuple[str, str]) -> str:
    text, fault = cell
    return " – ".join(filter(None, (text[:200] if not fault else "", fault)))


def _cell_tone(cell: tuple[str, str]) -> str:
    return "bad" if cell[1] else ""


def in_words(faults: Mapping[str, Invalid], names: Mapping[str, str]) -> str:
    """Write the faults of a row in the reader's language."""
    return imports.in_words(faults, _, names)


def faults_table(rows: Sequence[tuple[int, Mapping[str, Invalid]]], *, key: str) -> None:
    """Draw faulty rows with their causes in words."""
    names = labels()
    columns = {
        "row": tables.Column(_("Row"), words.number, muted=True),
        "cause": tables.Column(_("What is wrong"), wrap=True),
    }
    tables.table([{"row": number, "cause": in_words(faults, names)} for number, faults in rows], columns, key=key)


# --- deciding -----------------------------------------------------------------------


def decide(record: Import) -> None:
    """Draw the trial run with its result, and the button that runs the import."""
    with uow() as u:
        before = imports.earlier(u, record)
    again = before is None
    if before is not None:
        day = words.moment(before.finished_at or before.created_at)
        st.warning(
            _("This file was imported with the same mapping on {day}.").format(day=day), icon=":material/history:"
        )
        again = st.checkbox(_("Import it once more all the same"), key=f"again-{record.id}")
    with st.container(horizontal=True, key=f"decide-{record.id}"):
        run = n_("Import {n} row", "Import {n} rows", record.row_count, shown=words.number(record.row_count))
        st.button(
            _("Trial run"), icon=":material/experiment:", on_click=act, args=(imports.attempt, record.id), key="try"
        )
        st.button(
            run, type="primary", icon=":material/upload:", disabled=not again, on_click=act, args=(imports.start, record.id),
            kwargs={"again": before is not None}, key="start",
        )  # fmt: skip
        st.button(_("Throw away"), type="tertiary", on_click=act, args=(imports.discard, record.id), key="discard")
    if record.trial and record.trial["done"]:
        st.caption(_("The trial run went over all rows and changed nothing. It says what an import would do now:"))
        figures({code: record.trial[code] for code in OUTCOMES})
        if record.trial.get("updates"):
            _updates(record.trial)
        if record.trial["faults"]:
            st.markdown(_("**Faulty rows**"))
            faults_table(
                [(row, imports.as_faults(causes)) for row, causes in record.trial["faults"]], key="trial-faults"
            )


def _updates(trial: Mapping[str, Any]) -> None:
    """Draw what would change on customers that are there: before and after."""
    st.markdown(_("**Customers that change**"))
    names = labels()
    columns = {
        "row": tables.Column(_("Row"), words.number, muted=True),
        "name": tables.Column(_("Customer"), main=True),
        "field": tables.Column(_("Field")),
        "before": tables.Column(_("Before"), wrap=True, muted=True),
        "after": tables.Column(_("After"), wrap=True),
    }
    rows = [
        {"row": one["row"], "name": one["name"], "field": names.get(key, key), "id": one["customer_id"]}
        | {"before": _in_words(key, before), "after": _in_words(key, after)}
        for one in trial["updates"]
        for key, before, after in one["fields"]
    ]
    opens = (lambda row: f"/customer?id={row['id']}") if may("customers.view") else None
    tables.table(rows, columns, key="trial-updates", opens=opens)
    if trial[Outcome.UPDATED] > len(trial["updates"]):
        st.caption(_("The first {n} of them.").format(n=words.number(len(trial["updates"]))))


def _in_words(key: str, text: str) -> str:
    """Write a value of a trial's report: codes by their names, a colleague by his."""
    if key == "responsible" and text.isdigit():
        return colleagues().get(int(text), text)
    if key == "type":
        return customer_types.name_of(text)
    return words.named(_CODED[key], text) if key in _CODED and text else text


def act(verb: Callable[..., Any], import_id: int, **facts: Any) -> None:
    """Do something with an import (a callback), and say what hindered it."""
    with attempt() as tried, uow() as u:
        verb(u, import_id, **facts)
    for sentence in tried.faults.values():
        tell(sentence, bad=True)
    if tried.conflict:
        tell(tried.sentence, bad=True)


def figures(counts: Mapping[Any, int]) -> None:
    """Draw how many rows became what."""
    with st.container(horizontal=True, gap="large", key="figures"):
        for code, label in OUTCOMES.items():
            st.metric(_(label), words.number(counts[code]), width="content")


def undo_figures(record: Import) -> None:
    """Draw what an undo did so far."""
    with st.container(horizontal=True, gap="large", key="undo-figures"):
        for code, label in UNDONE.items():
            st.metric(_(label), words.number((record.undone or {}).get(code, 0)), width="content")


# --- running ------------------------------------------------------------------------


@st.fragment(run_every=SECONDS)
def progress(import_id: int) -> None:
    """Draw how far a run or a trial run is, once a second, with the button that stops it."""
    with attempt() as found, uow() as u:
        record = imports.one(u, import_id)
        stuck, waits = imports.is_stuck(u, record), imports.is_waiting(u, record)
    if not found.ok:
        return
    if not record.is_under_way:
        st.rerun()
    trying, rows = record.state == State.CHECKING, record.row_count
    if record.state == State.UNDOING:
        done, rows = sum((record.undone or {}).values()), record.new_count + record.updated_count
        text = _("{done} of {rows} customers").format(done=words.number(done), rows=words.number(rows))
    else:
        done = (record.trial or {}).get("row", 0) if trying else record.next_row
        text = _("{done} of {rows} rows").format(done=words.number(done), rows=words.number(rows))
    if waits:
        text = _("Waiting for its turn. {rows}").format(rows=text)
    st.progress(min(done / max(rows, 1), 1.0), text)
    if record.state == State.UNDOING:
        undo_figures(record)
    else:
        figures({code: (record.trial or {}).get(code, 0) for code in OUTCOMES} if trying else record.counts)
    with st.container(horizontal=True):
        st.button(_("Stop"), icon=":material/stop:", on_click=act, args=(imports.stop, import_id), key="stop")
        if stuck:
            st.button(_("Take it up again"), on_click=act, args=(imports.resume, import_id), key="resume")
    st.caption(_("You can leave this page: the work goes on, and the bell tells when it is done."))
