"""The route of exported files: to the sign-in that asked, as a file to be saved, and to nobody else."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.testclient import TestClient

from crm import exports, privacy, sessions, users
from crm.core import clock
from crm.core.access import Identity
from crm.customers import Filters
from crm.exports import Form, Wish
from tests.cast import NOW, PARTS, Cast, a_customer
from web import exports as route
from web.requests import PRESENT


class Here:
    """One signed-in browser, as the gate says it."""

    def __init__(self, cast: Cast, part: str) -> None:
        self.user_id, self.language = PARTS[part].id, None
        self.sign_in_id = sessions.open_sign_in(cast.database, self.user_id, address="127.0.0.1", device="x").sign_in_id
        self.identity = Identity(self.user_id, self.sign_in_id)


def asking(here: Here, accept: str = "en", routes: Sequence[BaseRoute] = route.ROUTES) -> TestClient:
    """A client that the gate has let in."""
    inner = Starlette(routes=routes)

    async def gate(scope, receive, send):
        await inner({**scope, PRESENT: here}, receive, send)

    return TestClient(gate, headers={"accept-language": accept})


def exported(cast: Cast, here: Here, form: Form = Form.CSV, language: str = "en") -> str:
    """Export for somebody; return the address of the file."""
    wish = Wish(Filters(), form, language)
    with cast.unit(here.identity) as u:
        written = exports.write_now(u, wish)
    with cast.unit(here.identity) as u:
        return f"/export/{exports.keep(u, wish, written, sign_in_id=here.sign_in_id).stored_as}"


@pytest.mark.parametrize(
    ("form", "kind"), [(Form.CSV, "text/csv"), (Form.XLSX, "spreadsheetml"), (Form.VCARD, "text/vcard")]
)
def test_the_sign_in_that_asked_gets_the_file_to_save(cast, form, kind):
    a_customer(cast)
    here = Here(cast, "keeper")
    answer = asking(here).get(exported(cast, here, form, "ru"))
    assert answer.status_code == 200
    assert kind in answer.headers["content-type"]
    assert answer.headers["content-disposition"].startswith("attachment")
    assert f"2026-02-09{exports.SUFFIXES[form]}" in answer.headers["content-disposition"]
    assert answer.content


def test_every_other_sign_in_finds_nothing_there(cast):
    a_customer(cast)
    here = Here(cast, "keeper")
    address = exported(cast, here)
    for other in (Here(cast, "keeper"), Here(cast, "head"), Here(cast, "admin"), Here(cast, "rep")):
        answer = asking(other).get(address)
        assert (answer.status_code, "Customer of rep" in answer.text) == (404, False)
    assert asking(here).get("/export/" + "0" * 32).status_code == 404
    assert asking(here).get("/export/..%2f..%2frapport.db").status_code == 404
    assert "export once more" in asking(here).get("/export/x").text


def test_a_file_that_is_over_is_not_given(cast):
    a_customer(cast)
    here = Here(cast, "keeper")
    address = exported(cast, here)
    assert asking(here).get(address).status_code == 200
    with clock.stopped(NOW + timedelta(minutes=6)):
        assert asking(here).get(address).status_code == 404


def test_a_sign_in_that_ended_gets_nothing(cast):
    a_customer(cast)
    here = Here(cast, "keeper")
    address = exported(cast, here)
    with cast.unit(cast.admin) as u:
        users.sign_out_everywhere(u, here.user_id)
    assert asking(here).get(address).status_code == 404


def test_a_file_with_everything_about_one_customer_is_given_likewise(cast):
    key, here, other = a_customer(cast), Here(cast, "keeper"), Here(cast, "keeper")
    with cast.unit(here.identity) as u:
        token = privacy.export_person(u, key, language="ru", sign_in_id=here.sign_in_id).stored_as
    assert asking(other).get(f"/export/person/{token}").status_code == 404
    assert asking(here).get(f"/export/{token}").status_code == 404
    answer = asking(here).get(f"/export/person/{token}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.content[:2] == b"PK"
