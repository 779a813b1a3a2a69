"""The forms of an import: the file, how it is read, what its columns become."""

from typing import Any, Final

import streamlit as st

from crm import fields, imports, teams, users
from crm.core.i18n import N_
from crm.customers import SOURCES, STAGES
from crm.fields import FieldList
from crm.imports import FIELDS, ON_MATCH, FieldMapping, Import
from ui import choices, customer_types, own_fields, words
from ui.forms import Form, in_dialog
from ui.page import dialog_key, go, seen_version
from ui.parts import draw as draw_part
from ui.parts import part
from ui.session import Tried, _, attempt, translated, uow

REFUSED: Final = "_imports.refused"
"""The uploaded file that was refused, with the sentence: a file is looked at once."""


# --- a new file -----------------------------------------------------------------


def upload() -> None:
    """Draw the dialog that takes a file."""
    in_dialog(_("Import a file"), _upload)


def _upload() -> None:
    most = imports.MOST_BYTES >> 20
    line = _(
        "A table of customers (CSV or Excel, its first row naming the columns) or address cards (vCard), at most {most} MB."
    )
    st.caption(line.format(most=most))
    kinds = [suffix.lstrip(".") for suffix in imports.SUFFIXES]
    draw_part("uploader", key="uploader", data={"button": _("Choose a file"), "hint": _("or drop it here")})
    file = st.file_uploader(
        _("File"), type=kinds, max_upload_size=most, key=f"file-{dialog_key()}", label_visibility="collapsed"
    )
    if file is None:
        return
    refused = st.session_state.get(REFUSED, ("", ""))
    if refused[0] != file.file_id:
        with st.spinner(_("Reading the file…")), attempt() as tried:
            _take(tried, file.name, file.getvalue())
        if tried.ok:
            go("imports", **({"id": tried.result} if tried.result else {}))
        refused = st.session_state[REFUSED] = (file.file_id, tried.faults.get("file") or tried.sentence)
    st.error(refused[1], icon=":material/error:")


def _take(tried: Tried, name: str, content: bytes) -> None:
    with uow() as u:
        received = imports.receive(u, name, content)
    with uow(dialog_key()) as u:
        tried.result = imports.stage(u, received, word=_("Customer")).id


# --- how it is read ---------------------------------------------------------------


def how_it_is_read(record: Import) -> str:
    """Write in one line how a file is read."""
    reading = record.how
    if record.kind is imports.Format.XLSX:
        how = [_("Sheet '{name}'").format(name=reading.sheet)]
    elif record.kind is imports.Format.VCARD:
        how = [imports.ENCODINGS.get(reading.encoding, reading.encoding)]
    else:
        how = [imports.ENCODINGS.get(reading.encoding, reading.encoding), _(imports.DELIMITERS[reading.delimiter])]
    if not reading.header:
        how.append(_("no heading"))
    if system := imports.system_of(record):
        how.append(_("recognised: {system}").format(system=system))
    return " · ".join(how)


def reading(record: Import) -> None:
    """Draw the dialog that changes how the file is read."""
    in_dialog(_("How the file is read"), lambda: _reading(record))


def _reading(record: Import) -> None:
    form, now = Form("reading"), record.how
    with form.drawn():
        sheet, encoding, delimiter = now.sheet, now.encoding, now.delimiter
        if record.kind is imports.Format.XLSX:
            sheet = form.choice("sheet", _("Sheet"), {name: name for name in record.sheets}, value=now.sheet)
        else:
            encoding = form.choice("encoding", _("Encoding"), imports.ENCODINGS, value=now.encoding)
            if record.kind is imports.Format.CSV:
                delimiter = form.choice(
                    "delimiter", _("Delimiter"), translated(imports.DELIMITERS), value=now.delimiter
                )
        header = record.kind is imports.Format.VCARD or st.checkbox(
            _("The first row names the columns"), value=now.header, key=form.key("header")
        )
        if form.submit(_("Read the file like this")):
            wanted = imports.Reading(encoding, delimiter, sheet, header=header, ours=now.ours and header)
            with attempt() as tried:
                with uow() as u:
                    survey = imports.survey(u, record.id, wanted)
                with uow(dialog_key()) as u:
                    imports.reread(u, record.id, survey, seen=seen_version() or record.version, word=_("Customer"))
            form.finish(tried)


# --- what the columns become ------------------------------------------------------


def mapping(record: Import) -> None:
    """Draw what each column becomes and what all new customers get; the choice is kept in the import."""
    key = f"mapping-{record.id}-{record.version}"
    offered: dict[str, dict[Any, str]]
    with uow() as u:
        examples = imports.examples(u, record.id)
        offered = {"responsible_id": users.reached(u, "imports.run"), "team_id": teams.directory(u)}
        offered["key"] = _keys(fields.definitions(u))
    left, right = st.columns([3, 2], gap="large")
    with left:
        columns = _columns(record, examples, key)
    with right, st.form(key, border=False):
        plan = _options(record.plan, columns, offered, key)
        with st.container(horizontal=True, horizontal_alignment="right"):
            sent = st.form_submit_button(_("Show the preview"), key=f"submit-{key}")
    if not sent:
        return
    with attempt() as tried, uow() as u:
        imports.choose(u, record.id, plan, seen=record.version)
    if tried.ok:
        st.rerun()
    for heading, sentence in tried.faults.items():
        where = f"**{words.md(heading)}**: " if heading in record.headings else ""
        st.error(where + words.md(sentence), icon=":material/error:")
    if tried.conflict:
        st.error(tried.sentence, icon=":material/error:")


def _columns(record: Import, examples: dict[str, list[str]], key: str) -> dict[str, str]:
    """Draw the columns of the file; return heading -> field as the person chose it."""
    now, targets = dict(record.plan.columns), translated(FIELDS) | own_fields.labels()
    data = {
        "version": key,
        "labels": [_("Column of the file"), _("For example"), _("Becomes")],
        "none": _("not used"),
        "fields": list(targets.items()),
        "columns": [{"heading": one, "examples": " · ".join(examples[one])} for one in record.headings],
        "chosen": now,
    }
    drawn = part("pairs")(key=f"columns-{key}", data=data, default={"chosen": now}, on_chosen_change=lambda: None)
    # what came back is somebody's patch: only headings and fields that are there are taken from it, and `choose` checks all
    return {one: drawn.chosen[one] for one in record.headings if drawn.chosen.get(one) in targets}


def _options(plan: FieldMapping, columns: dict[str, str], offered: dict[str, dict[Any, str]], key: str) -> FieldMapping:
    """Draw the options beside the columns; return the mapping that the person asks for. offered: option -> code -> name."""

    def choice(name: str, label: str, names: dict[Any, str], now: Any, **options: Any) -> Any:
        codes = list(names)
        place = codes.index(now) if now in codes else 0
        return st.selectbox(
            label, codes, index=place, format_func=lambda code: names[code], key=f"{name}-{key}", **options
        )

    nothing = {"": "–"}
    on_match = choice("on_match", _("What the import does"), translated(ON_MATCH), plan.on_match)
    by = choice("key", _("Rows find their customers by"), offered["key"], plan.key, help=_(_MATCHED))
    empties = st.checkbox(_("Empty cells empty the field"), value=plan.empties, key=f"empties-{key}", help=_(_EMPTIES))
    template = st.text_input(
        _("Name where the file has none"), value=plan.template, key=f"template-{key}", help=_(_TEMPLATE)
    )
    keep = st.checkbox(_("Keep the other columns under their headings"), value=plan.keep_own_fields, key=f"keep-{key}")
    st.caption(_("For new customers, where the row says nothing:"))
    known = plan.fixed.get("type") or plan.fixed.get("kind")
    fixed = {
        **_kind_and_type(choice("kind", _("Type"), nothing | customer_types.names(), known)),
        "stage": choice("stage", _("Stage"), nothing | translated(STAGES), plan.fixed.get("stage")),
        "source": choice("source", _("Source"), nothing | translated(SOURCES), plan.fixed.get("source")),
        "responsible_id": choice(
            "responsible", _("Responsible"), nothing | offered["responsible_id"], plan.fixed.get("responsible_id")
        ),
        "team_id": choice("team", _("Team"), nothing | offered["team_id"], plan.fixed.get("team_id")),
    }
    region = choice("region", _("Country of phones without a code"), {"": "–"} | choices.countries(), plan.phone_region)
    given = {name: value for name, value in fixed.items() if value not in ("", None)}
    return FieldMapping(columns, template, given, region, imports.OnMatch(on_match), keep, by, empties)


def _kind_and_type(code: str) -> dict[str, str]:
    """Return what a chosen type says of new customers; the types that are always there are the kinds themselves."""
    if not code:
        return {}
    one = customer_types.of(code)
    return {"kind": one.kind} | ({} if one.is_base else {"type": code})


def _keys(own: FieldList) -> dict[str, str]:
    """Return by which fields a row can find its customer."""
    usual = {"": _("Number in another system, else phone or e-mail")}
    return usual | {key: _(FIELDS[key]) for key in imports.KEYS} | imports.own_keys(own)


_MATCHED: Final = N_("A column must become this field. A row that means several customers is faulty.")
_EMPTIES: Final = N_(
    "Without this an empty cell leaves what is there. With it phones, e-mails and tags become exactly those of the row, too."
)
_TEMPLATE: Final = N_("A column in braces is put in, for example: Customer {ID}")
