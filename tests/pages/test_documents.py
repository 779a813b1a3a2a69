"""Documents as they are used: added several at once, opened, renewed, put into the bin and taken out, by whoever may."""

import pytest

from crm import documents
from tests.cast import Cast, a_binned_document, a_customer, a_document
from tests.pages.screen import field, opened, part, press, rows, texts
from tests.test_documents import renewed

MARKUP = "**b** [x](http://evil.example) <b>.pdf"


def tab(cast: Cast, key: int, by: str = "rep", **query):
    return opened("customer", getattr(cast, by), id=key, tab="documents", **query)


def tabs(at) -> list[str]:
    return [one["label"] for one in part(at, "head")["tabs"]]


def actions(at) -> list[str]:
    return [one["label"] for one in part(at, "head")["acts"]]


def uploaded(at, *files: tuple[str, bytes]):
    for name, content in files:
        at.get("file_uploader")[0].upload(name, content, "application/pdf")
    return at


def of(cast, key, **how):
    with cast.unit() as u:
        return documents.page(u, key, **how)


def test_several_files_are_added_at_once_and_the_tab_counts_them(cast):
    key = a_customer(cast)
    at = tab(cast, key)
    assert part(at, "empty-documents")["button"] == "Add documents"
    assert "Documents" in tabs(at)
    at = uploaded(tab(cast, key, do="new-document", once="x"), ("Offer.pdf", b"one"), ("Price list.xlsx", b"three"))
    field(at, "kind").set_value("offer")
    field(at, "note").set_value("By e-mail")
    press(at, "Add")
    at = tab(cast, key)
    assert [row[:2] + row[-1:] for row in rows(at, "documents")] == [
        ["Price list.xlsx", "Offer", "1 KB"], ["Offer.pdf", "Offer", "1 KB"],
    ]  # fmt: skip
    assert "Documents · 2" in tabs(at)
    assert {row["note"] for row in of(cast, key)} == {"By e-mail"}
    assert "Documents · 2" in tabs(opened("customer", cast.rep, id=key))


def test_a_second_click_adds_nothing_twice(cast):
    key = a_customer(cast)
    for _ in range(2):
        at = uploaded(tab(cast, key, do="new-document", once="x"), ("Offer.pdf", b"one"))
        field(at, "kind").set_value("offer")
        press(at, "Add")
    assert len(of(cast, key)) == 1


def test_what_is_missing_stands_beside_its_field(cast):
    key = a_customer(cast)
    at = uploaded(tab(cast, key, do="new-document", once="x"), ("Offer.pdf", b"one"))
    assert "Please choose one of the list." in texts(press(at, "Add"))
    at = tab(cast, key, do="new-document", once="y")
    field(at, "kind").set_value("offer")
    assert "Please choose a file." in texts(press(at, "Add"))
    assert of(cast, key) == []


def test_a_document_is_opened_by_its_own_route_and_renewed(cast):
    key = a_customer(cast)
    first = a_document(cast, key, note="Draft")
    at = tab(cast, key, do="document", document=first)
    assert [one.proto.url for one in at.get("link_button")] == [f"/document/{first}"]
    assert "Draft" in texts(at)
    at = uploaded(tab(cast, key, do="renew-document", document=first, seen=1, once="x"), ("Contract 2.pdf", b"two"))
    field(at, "note").set_value("Signed by both")
    press(at, "Add")
    (row,) = of(cast, key)
    assert (row["name"], row["number"], row["note"], row["kind"]) == ("Contract 2.pdf", 2, "Signed by both", "contract")
    at = tab(cast, key, do="document", document=first)
    assert [one.proto.url for one in at.get("link_button")] == [f"/document/{row['id']}", f"/document/{first}"]


def test_who_renews_what_a_colleague_renewed_meanwhile_is_told(cast):
    key = a_customer(cast)
    first = a_document(cast, key)
    at = uploaded(tab(cast, key, do="renew-document", document=first, seen=1, once="x"), ("Mine.pdf", b"mine"))
    renewed(cast, first, b"theirs")
    at = press(at, "Add")
    assert "Someone changed this record meanwhile." in texts(at)
    assert [row["number"] for row in of(cast, key)] == [2]


def test_kind_and_note_are_changed(cast):
    key = a_customer(cast)
    first = a_document(cast, key)
    at = tab(cast, key, do="change-document", document=first, seen=1, once="x")
    field(at, "kind").set_value("invoice")
    field(at, "note").set_value("Paid")
    press(at, "Save")
    assert [(row["kind"], row["note"]) for row in of(cast, key)] == [("invoice", "Paid")]


def test_into_the_bin_and_out_of_it_and_for_good_by_the_record_keeper_only(cast):
    key = a_customer(cast)
    first = a_document(cast, key)
    press(tab(cast, key, do="document", document=first), "Into the bin")
    at = tab(cast, key, **{"document-bin": 1})
    assert [row[0] for row in rows(at, "documents")] == ["Contract.pdf"]
    assert part(tab(cast, key), "empty-documents")["button"] == "Show all"
    press(tab(cast, key, do="document", document=first), "Take out of the bin")
    assert [row["id"] for row in of(cast, key)] == [first]
    press(tab(cast, key, do="document", document=first), "Into the bin")
    for by, there in (("rep", False), ("keeper", True)):
        at = tab(cast, key, by, do="erase-document", document=first)
        assert ("Delete for good" in [one.label for one in at.button]) is there
    press(at, "Delete for good")
    assert of(cast, key, binned=True) == []


def test_the_list_is_narrowed_by_kind_and_by_the_bin(cast):
    key = a_customer(cast)
    a_document(cast, key, name="A.pdf", kind="offer")
    a_document(cast, key, name="B.pdf", kind="invoice")
    a_binned_document(cast, key)
    assert [row[0] for row in rows(tab(cast, key, **{"document-kind": "offer"}), "documents")] == ["A.pdf"]
    assert [row[0] for row in rows(tab(cast, key, **{"document-bin": 1}), "documents")] == ["Old.pdf"]
    at = tab(cast, key, **{"document-kind": "offer", "document-bin": 1})
    assert part(at, "empty-documents")["button"] == "Show all"


def test_many_are_paged(cast, monkeypatch):
    key = a_customer(cast)
    monkeypatch.setattr("ui.tables.SIZE", 2)
    for n in range(3):
        a_document(cast, key, name=f"{n}.pdf")
    assert [row[0] for row in rows(tab(cast, key), "documents")] == ["2.pdf", "1.pdf"]
    assert [row[0] for row in rows(tab(cast, key, page=2), "documents")] == ["0.pdf"]


@pytest.mark.parametrize("by", ["mate", "executive"])
def test_who_may_only_see_reads_and_opens(cast, by):
    key = a_customer(cast)
    first = a_document(cast, key)
    at = tab(cast, key, by, do="document", document=first)
    assert rows(at, "documents")[0][0] == "Contract.pdf"
    assert "Add documents" not in actions(at)
    assert not [one for one in at.button if one.label in {"Into the bin", "Take out of the bin"}]
    assert [one.proto.url for one in at.get("link_button")] == [f"/document/{first}"]
    for dialog in ("new-document", "renew-document", "change-document", "erase-document"):
        at = tab(cast, key, by, do=dialog, document=first, seen=1)
        assert not at.get("file_uploader")
        assert not [one for one in at.text_input if one.key.endswith(".note")]


@pytest.mark.parametrize("by", ["admin", "marketer", "analyst", "partner"])
def test_who_sees_no_documents_has_no_such_tab_and_no_word_of_them(cast, by):
    key = a_customer(cast, partner=True)
    first = a_document(cast, key, name="Secret.pdf")
    at = tab(cast, key, by, do="document", document=first)
    assert not [one for one in tabs(at) if one.startswith("Documents")]
    assert "Secret" not in texts(at)
    assert not at.exception


def test_a_document_of_another_customer_is_not_opened_from_this_card(cast):
    mine, hidden = a_customer(cast), a_customer(cast, "rival")
    for other in (a_document(cast, hidden, name="Secret.pdf"), a_document(cast, a_customer(cast), name="Secret.pdf")):
        at = tab(cast, mine, do="document", document=other)
        assert "There is no such record" in texts(at)
        assert "Secret" not in texts(at)


def test_what_somebody_typed_is_never_markup(cast):
    key = a_customer(cast)
    first = a_document(cast, key, name=MARKUP, note=MARKUP)
    renewed(cast, first, b"two", name=MARKUP)
    for query in ({}, {"do": "document", "document": first}):
        at = tab(cast, key, "keeper", **query)
        assert not at.exception
        for kind in ("markdown", "caption", "subheader"):
            assert not [one for one in at.get(kind) if "](http" in str(one.value)]
        assert not [one for one in at.get("link_button") if "](http" in one.proto.label]


def test_the_history_of_the_card_tells_of_documents_without_their_names(cast):
    key = a_customer(cast)
    first = a_document(cast, key, name="Secret.pdf", by="rep")
    with cast.unit(cast.rep) as u:
        documents.archive(u, first, seen=1)
    at = opened("customer", cast.rep, id=key, tab="history")
    said = [row[2] for row in rows(at, "history")]
    assert said[:2] == ["Document: Contract → –", "Document: Contract"]
    assert "Secret" not in texts(at)
