"""The documents of a customer: the tab of the card, and the dialogs that add, show, renew, change and delete one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import streamlit as st

from crm import documents
from crm.core.i18n import N_
from crm.core.uow import UnitOfWork
from crm.customers import Card
from crm.documents import KINDS, Counts
from ui import customer_card, facts, filters, tables, words
from ui.facts import Box
from ui.forms import Form, close_after, in_dialog
from ui.page import Action, empty, here, not_there, opener, opening, seen_version
from ui.session import Tried, _, attempt, colleagues, n_, translated, uow, watched

TAB: Final = "documents"
KIND: Final = "document-kind"
BIN: Final = "document-bin"
"""These parameters of the address narrow the list."""
LISTED: Final = 20
"""So many older versions are offered."""

Row = Mapping[str, Any]


def counts(u: UnitOfWork, customer_id: int | None) -> Counts | None:
    """Return how many documents a customer has, None for whoever sees no documents at all."""
    return documents.counts(u, customer_id or 0) if u.may(documents.VIEW) else None


def tabs(counted: Counts | None) -> dict[str, str]:
    """Return the tab with its count, for the head of the card; nothing for whoever sees no documents."""
    if counted is None:
        return {}
    there = counted.of(None, binned=False)
    return {TAB: f"{_('Documents')} · {words.number(there)}" if there else _("Documents")}


def actions(card: Card) -> list[Action]:
    """Return what can be done here, for the head of the card."""
    add = Action(_("Add documents"), opening("new-document"), icon="upload_file")
    return [add] if _may_manage(card) else []


def _may_manage(card: Card) -> bool:
    return customer_card.reached(card, documents.MANAGE)


def tab(card: Card) -> None:
    """Draw the documents, each by its newest version, or what lies in the bin."""
    counted = watched((TAB, card.id), lambda u: counts(u, card.id))
    if counted is None or not (counted.here or counted.binned):
        _nothing(card)
        return
    kind, binned = _narrowed(counted)
    page = tables.asked_page()
    rows = watched(
        (TAB, card.id, kind, binned, page),
        lambda u: documents.page(u, card.id, kind=kind or None, binned=binned, number=page, size=tables.SIZE),
    )
    if not rows:
        everything = here(**{KIND: None, BIN: None}, page=None)
        empty(_("There is nothing here."), button=_("Show all"), href=everything, icon="filter_alt_off", key=TAB)
        return
    opens, people = opener("document", "document"), colleagues()
    tables.table(
        [row | {"added": _added(row, people)} for row in rows],
        _columns(),
        key=TAB,
        opens=lambda row: opens(document=row["id"]),
        rows_in_all=counted.of(kind or None, binned=binned),
    )


def _nothing(card: Card) -> None:
    sentence = _(
        "No documents yet. Contracts, offers and letters that lie here are found by every colleague in charge."
    )
    button = _("Add documents") if _may_manage(card) else ""
    empty(sentence, button=button, href=opening("new-document"), icon="description", key=TAB)


def _narrowed(counted: Counts) -> tuple[str, bool]:
    """Draw what narrows the list, where there is anything to choose; return the kind and whether the bin is shown."""
    kinds = {str(code): _(name) for code, name in KINDS.items() if code in counted.here or code in counted.binned}
    of_kind = filters.choice(KIND, _("Kind"), kinds if len(kinds) > 1 else {})
    in_bin = filters.switch(BIN, _("In the bin"))
    drawn = [of_kind, in_bin] if counted.binned or in_bin.value else [of_kind]
    filters.row(*drawn, key="document-filters")
    return of_kind.value, in_bin.value == "1"


def _added(row: Row, people: Mapping[int, str]) -> str:
    return " · ".join(filter(None, (words.when(row["added_at"]), people.get(row["added_by_id"] or 0))))


def _columns() -> dict[str, tables.Column]:
    return {
        "name": tables.Column(_("File"), main=True, wrap=True),
        "kind": tables.Column(_("Kind"), lambda code: words.named(KINDS, code), muted=True),
        "note": tables.Column(_("Note"), grow=True, spare=True),
        "added": tables.Column(_("Added"), wrap=True),
        "size": tables.Column(_("Size"), words.size, right=True),
    }


# --- dialogs --------------------------------------------------------------------


def draw(card: Card, name: str, document_id: int | None) -> None:
    """Draw the dialog that the address names, for whoever may do what it is for."""
    if name == "new-document":
        if _may_manage(card):
            in_dialog(_("Add documents"), lambda: _new(card))
        return
    with attempt() as found, uow() as u:
        found.result = documents.chain(u, document_id or 0)
    versions: Sequence[Row] = found.result or ()
    if not found.ok or versions[0]["customer_id"] != card.id:
        in_dialog(_("Document"), not_there)
    elif name == "document":
        in_dialog(words.named(KINDS, versions[0]["kind"]), lambda: _one(card, versions))
    elif name == "erase-document" and customer_card.reached(card, documents.ERASE):
        in_dialog(_("Delete for good"), lambda: _erase(versions))
    elif name in _CHANGES and _may_manage(card) and versions[0]["archived_at"] is None:
        title, body = _CHANGES[name]
        # the very version that the address names: what took its place meanwhile is a conflict
        in_dialog(_(title), lambda: body(next(row for row in versions if row["id"] == document_id)))


def _new(card: Card) -> None:
    form, most = Form("new-document"), _largest()
    st.caption(
        _("At most {most} MB each. Whoever may see the documents of this customer can open them.").format(most=most)
    )
    with form.drawn():
        files = form.files("file", _("Files"))
        form.chips("kind", _("Kind"), translated(KINDS))
        form.text("note", _("Note"), max_chars=documents.NOTE_LENGTH)
        if form.submit(_("Add")):
            with attempt(_("Added.")) as tried:
                _add(card, form, files)
            form.finish(tried)


def _largest() -> int:
    with uow() as u:
        return documents.largest(u) >> 20


def _add(card: Card, form: Form, files: Sequence[Any]) -> None:
    documents.checked(form.values["kind"], form.values["note"])  # first, so that a wrong form leaves no file behind
    with uow() as u:
        received = documents.receive(u, [(one.name, one.getvalue()) for one in files])
    with uow(form.once) as u:
        for one in received:
            documents.add(u, card.id, one, kind=form.values["kind"], note=form.values["note"])


def _one(card: Card, versions: Sequence[Row]) -> None:
    """Draw everything about one document, with what can be done with it."""
    now, may_manage = versions[0], _may_manage(card)
    changes = may_manage and now["archived_at"] is None
    renew = (_("New version"), opening("renew-document", document=now["id"], seen=now["version"]), "upload_file")
    facts.draw(
        Box(
            now["name"],
            _facts(now, colleagues()),
            edit=_("Edit") if changes else "",
            href=opening("change-document", document=now["id"], seen=now["version"]),
            links=[renew] if changes else (),
        ),
        key=f"document-{now['id']}",
    )
    can_open = customer_card.reached(card, documents.TAKE)
    if can_open:
        st.link_button(_("Save the file"), f"/document/{now['id']}", icon=":material/download:", type="primary")
    _older(versions[1:], can_open=can_open)
    if now["archived_at"] is None and may_manage:
        st.button(
            _("Into the bin"), icon=":material/delete:", key=f"bin-{now['id']}", type="tertiary", on_click=_archive,
            args=(now["id"], now["version"]),
        )  # fmt: skip
    elif may_manage:
        st.button(_("Take out of the bin"), icon=":material/restore_from_trash:", on_click=_restore, args=(now["id"],))
        if customer_card.reached(card, documents.ERASE):
            gone = (_("Delete for good"), opening("erase-document", document=now["id"]), "delete_forever")
            facts.draw(Box("", [], links=[gone]), key=f"erase-{now['id']}")


def _facts(row: Row, people: Mapping[int, str]) -> list[facts.Line]:
    known = {
        _("Note"): row["note"],
        _("Version"): words.number(row["number"]),
        _("Size"): words.size(row["size"]),
        _("Added"): words.moment(row["added_at"]),
        _("Added by"): people.get(row["added_by_id"] or 0),
        _("In the bin since"): words.moment(row["archived_at"]),
        _("Put there by"): people.get(row["archived_by_id"] or 0),
    }
    return [(label, value, "") for label, value in known.items() if value]


def _older(versions: Sequence[Row], *, can_open: bool) -> None:
    if not versions:
        return
    st.markdown(_("**Older versions**"))
    for row in versions[:LISTED]:
        said = (words.number(row["number"]), words.when(row["added_at"]), words.size(row["size"]), row["note"] or "")
        line = words.md(f"{' · '.join(filter(None, said))} · {row['name']}")
        if can_open:
            st.link_button(line, f"/document/{row['id']}", icon=":material/download:", type="tertiary")
        else:
            st.caption(line)
    if len(versions) > LISTED:
        st.caption(_("and others"))


def _renew(row: Row) -> None:
    form, most = Form("renew-document"), _largest()
    st.caption(_("The versions before stay. At most {most} MB.").format(most=most))
    with form.drawn():
        files = form.files("file", _("File"), several=False)
        form.text("note", _("What is new in it"), max_chars=documents.NOTE_LENGTH)
        if form.submit(_("Add")):
            with attempt(_("Added.")) as tried:
                with uow() as u:
                    received = documents.receive(u, [(one.name, one.getvalue()) for one in files])
                with uow(form.once) as u:
                    documents.renew(
                        u, row["id"], received[0], seen=seen_version() or row["version"], note=form.values["note"]
                    )
            _said(form, tried)


def _change(row: Row) -> None:
    form = Form("change-document")
    with form.drawn():
        form.chips("kind", _("Kind"), translated(KINDS), value=row["kind"])
        form.text("note", _("Note"), value=row["note"], max_chars=documents.NOTE_LENGTH)
        if form.submit(_("Save")):
            with attempt(_("Saved.")) as tried, uow(form.once) as u:
                documents.change(u, row["id"], **form.values, seen=seen_version() or row["version"])
            _said(form, tried)


def _said(form: Form, tried: Tried) -> None:
    if tried.conflict:
        st.error(tried.sentence, icon=":material/error:")
    form.finish(tried)


_CHANGES: Final[Mapping[str, tuple[str, Callable[[Row], None]]]] = {
    "renew-document": (N_("New version"), _renew),
    "change-document": (N_("Document"), _change),
}
"""Dialogs that change a document outside the bin: their titles, and what draws them."""


def _archive(document_id: int, seen: int) -> None:
    with attempt(_("In the bin. It can be taken out again there.")) as tried, uow() as u:
        documents.archive(u, document_id, seen=seen)
    close_after(tried)


def _restore(document_id: int) -> None:
    with attempt(_("Taken out of the bin.")) as tried, uow() as u:
        documents.restore(u, document_id)
    close_after(tried)


def _erase(versions: Sequence[Row]) -> None:
    now = versions[0]
    n = len(versions)
    said = n_("{n} version and its file are gone for good.", "{n} versions and their files are gone for good.", n)
    st.markdown(f"**{words.md(now['name'])}**")
    st.markdown(
        said + " " + _("This cannot be undone. Copies that were made before keep it until they are thrown away.")
    )
    st.button(
        _("Delete for good"), icon=":material/delete_forever:", type="primary", key=f"erase-{now['id']}", on_click=_gone,
        args=(now["id"],),
    )  # fmt: skip


def _gone(document_id: int) -> None:
    with attempt(_("Deleted for good.")) as tried, uow() as u:
        documents.erase(u, document_id)
    close_after(tried)
