"""The route of documents: to whoever may open them, always as a file to be saved, and noted before a byte leaves."""

from urllib.parse import unquote

import pytest
from sqlalchemy import select

from crm import documents, users
from crm.core import config
from crm.core.audit_log import AuditEntry
from tests.cast import Cast, a_customer, a_document
from tests.web.test_exports import Here
from tests.web.test_exports import asking as through
from web import documents as route


def asking(here, accept="en"):
    return through(here, accept, route.ROUTES)


def taken(cast: Cast) -> list[int]:
    with cast.unit() as u:
        return list(u.all(select(AuditEntry.record_id).where(AuditEntry.verb == "documents.take")))


DANGEROUS = ("page.html", "picture.svg", "program.exe", "script.js", "macro.xlsm", "paper.pdf", "photo.png")


@pytest.mark.parametrize("name", DANGEROUS)
def test_nothing_is_ever_shown_under_our_address(cast, name):
    content = b"<script>alert(document.cookie)</script>"
    key = a_document(cast, a_customer(cast), content, name=name)
    answer = asking(Here(cast, "rep")).get(f"/document/{key}")
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert taken(cast) == [key]


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ("Договор «Ромашка» №5.pdf", "Договор «Ромашка» №5.pdf"),
        ("合同 王伟.docx", "合同 王伟.docx"),
        ("../../etc/passwd", "passwd"),
        ("C:\\fake\\offer.pdf", "offer.pdf"),
        ('a"; filename="evil.exe', 'a"; filename="evil.exe'),
        ("a\r\nSet-Cookie: x=1.pdf", "aSet-Cookie: x=1.pdf"),
        ("gpj\u202eexe.jpg", "gpjexe.jpg"),
        ("100% & more;.pdf", "100% & more;.pdf"),
    ],
)
def test_the_browser_is_told_the_name_and_nothing_else_by_it(cast, typed, given):
    key = a_document(cast, a_customer(cast), name=typed)
    answer = asking(Here(cast, "rep")).get(f"/document/{key}")
    kind, _, named = answer.headers["content-disposition"].partition("; ")
    assert kind == "attachment"
    assert unquote(named.removeprefix("filename*=utf-8''").removeprefix("filename=").strip('"')) == given
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("part", ["rival", "rival_leader", "stranger", "partner", "marketer", "analyst", "admin"])
def test_whoever_is_out_of_reach_finds_nothing_there_however_he_guesses(cast, part):
    key = a_document(cast, a_customer(cast), b"secret", name="Secret.pdf")
    with cast.unit() as u:
        record = u.get(documents.Document, key)
    client = asking(Here(cast, part))
    absent = client.get("/document/999999")
    for guess in (str(key), record.sha256, record.stored_as, f"0{key}", f"{key}.pdf", f"+{key}", "٣", "9" * 40, "-1"):
        answer = client.get(f"/document/{guess}")
        assert (answer.status_code, answer.text) == (404, absent.text), guess
    assert client.get("/document/..%2fattachments%2f" + record.stored_as).status_code == 404
    assert taken(cast) == []


def test_a_hash_or_a_token_opens_nothing_even_for_whoever_may_open_the_document(cast):
    key = a_document(cast, a_customer(cast))
    with cast.unit() as u:
        record = u.get(documents.Document, key)
    client = asking(Here(cast, "rep"))
    assert [client.get(f"/document/{one}").status_code for one in (record.sha256, record.stored_as)] == [404, 404]
    assert client.get(f"/document/{key}").status_code == 200


def test_a_damaged_file_is_said_in_the_readers_language_and_not_noted_as_taken(cast):
    key = a_document(cast, a_customer(cast))
    next(config.config().attachments_dir.iterdir()).write_bytes(b"spoilt")
    answer = asking(Here(cast, "rep"), "ru").get(f"/document/{key}")
    assert answer.status_code == 503
    assert "повреждён" in answer.text
    assert taken(cast) == []


def test_a_sign_in_that_ended_gets_nothing(cast):
    key, here = a_document(cast, a_customer(cast)), Here(cast, "rep")
    with cast.unit(cast.admin) as u:
        users.sign_out_everywhere(u, here.user_id)
    assert asking(here).get(f"/document/{key}").status_code == 404
    assert taken(cast) == []
