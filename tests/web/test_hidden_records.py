"""What a customer of another team has never reaches a browser that may not show it: asked by a raw websocket, address by address.

A websocket shows what a screen only hides: whatever the server sends is read here, drawn or not.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from crm import (
    change_requests,
    customers,
    exports,
    imports,
    mass_edits,
    merges,
    saved_filters,
    tags,
)
from crm.core.uow import unit_of_work
from crm.customers import Filters
from crm.mass_edits import Wish
from tests.cast import (
    NOW,
    PARTS,
    Cast,
    a_call,
    a_consent,
    a_contact,
    a_customer,
    a_pair,
    a_relation,
    some_requisites,
)
from tests.web.site import Site, Tab, told
from ui.navigation import SCREENS
from ui.tables import QUICK

pytestmark = pytest.mark.parametrize(
    "site", [pytest.param("sqlite", marks=pytest.mark.xdist_group("web-sqlite"))], indirect=True
)  # what a screen sends does not depend on the database

WORDS: Final = {
    "name": "Zauberberg", "phone": "888-77-66", "digits": "9168887766", "e-mail": "hofrat@", "city": "Davosplatz", "address": "Kurweg",
    "note": "thermometer", "need": "blankets", "call": "pneumothorax", "contact": "Settembrini", "number": "7736050003",
    "proof": "guestbook", "request": "moved upstairs", "other name": "Schatzalp", "stage": "snowstorm", "search": "walpurgis",
}  # fmt: skip
"""What of the customer out of sight must not arrive, by where it stands."""

TABS: Final = (
    "",
    "timeline",
    "contacts",
    "requisites",
    "relations",
    "purchases",
    "consents",
    "history",
    "parted",
    "people",
)
TABS_ELSEWHERE: Final = ("", "parted", "people", "done", "jobs")


@dataclass
class Hidden:
    """A customer of the South with a word of WORDS in everything that belongs to it, and one of the rep's own.

    ids: as addresses name what belongs to the hidden one. token: of a file that the record keeper exported.
    """

    key: int
    own: int
    ids: Mapping[str, Any]
    token: str


@pytest.fixture(scope="module")
def hidden(site: Site) -> Hidden:
    cast = Cast(site.database)
    key = a_customer(
        cast, "rival", name="Zauberberg Holding", phones=["+7 916 888-77-66"], emails=["hofrat@berghof.example"], city="Davosplatz",
        address="Kurweg 1", note="A thermometer", need="blankets",
    )  # fmt: skip
    second = a_customer(cast, "rival", name="Schatzalp Ltd", phones=["+7 916 888-77-66"], emails=[], city="Davosplatz")
    merged = a_customer(cast, "rival", name="Schatzalp Old", city="Davosplatz")
    own = a_customer(cast, "rep", name="Own Ltd", phones=["+7 916 111-22-33"], emails=[])
    theirs = a_customer(cast, "rep", name="Partner's Ltd", phones=[], emails=[], partner=True)
    ids = {
        "contact": a_contact(cast, key, name="Lodovico Settembrini"),
        "requisites": some_requisites(cast, key, ogrn="", inn=WORDS["number"]),
        "consent": a_consent(cast, key, proof="The guestbook"),
        "entry": a_call(cast, key, "rival", note="A pneumothorax"),
        "relation": a_relation(cast, own, key),
        "with": key,
        "person": PARTS["rival"].id,
    }
    a_relation(cast, theirs, key)
    a_pair(cast, key, second)
    a_pair(cast, own, key)
    ids |= _worked_on(cast, key, merged)
    with cast.unit(cast.keeper) as u:
        written = exports.write_now(u, exports.Wish(Filters(), exports.Form.CSV, "en"))
    with cast.unit(cast.keeper) as u:
        token = exports.keep(u, exports.Wish(Filters(), exports.Form.CSV, "en"), written, sign_in_id=None).stored_as
    return Hidden(key, own, ids, token)


def _worked_on(cast: Cast, key: int, merged: int) -> dict[str, Any]:
    """Let the South and the record keeper do with the hidden customer whatever leaves a record."""
    with cast.unit(cast.rival) as u:
        customers.edit(u, key, {"stage": "loyal"}, seen=1, reason="After the snowstorm")
        request = change_requests.ask(u, key, "He moved upstairs").id
        saved = saved_filters.save(u, "walpurgis", {"q": "Zauberberg"}).id
    with cast.unit(cast.rival_leader) as u:
        wish = Wish({"region": "Davosplatz"})
        edit = mass_edits.ask(u, Filters(), wish, seen=mass_edits.preview(u, Filters(), wish).count).id
    with cast.unit(cast.keeper) as u:
        tag = tags.learn(u, ["Guests"])["guests"]
        tags.change(u, key, on=["Guests"])
        merge = merges.merge(u, key, merged).id
        staged = imports.stage(
            u, imports.files.receive("Zauberberg.csv", b"name,city\nZauberberg Holding,Davosplatz\n")
        )
    return {"request": request, "saved": saved, "mass_edit": edit, "tag": tag, "merge": merge, "import": staged.id}


# --- the addresses ------------------------------------------------------------


def dialogs_of(path: Any) -> set[str]:
    """Return the names of the dialogs that the script of a screen draws."""
    text = path.read_text("utf-8")
    lines = re.findall(r"^\s*case (.+):|dialog\(\) == (.+?)(?: and|:)", text, re.MULTILINE)
    found = {name for pair in lines for one in pair for name in re.findall(r'"([\w-]+)"', one)}
    return found | ({QUICK} if "tables.QUICK" in text else set())


def addresses(hidden: Hidden) -> Iterator[tuple[str, str]]:
    """Give (page, query) of every screen with every tab and every dialog, asked for the hidden customer and all that is its own."""
    rest = {key: value for key, value in hidden.ids.items() if key not in {"import", "mass_edit", "tag"}}
    for one in SCREENS:
        dialogs = sorted(dialogs_of(one.path))
        tabs = [""] if "tabs=" not in one.path.read_text("utf-8") else TABS
        numbers = {"customer": (hidden.key, hidden.own), "imports": (hidden.ids["import"],)}
        for key in numbers.get(one.address, (hidden.key,)):
            yield from ((one.address, _query(id=key, number=key, tab=tab, days=30)) for tab in tabs)
            asked = rest | {"id": key, "seen": 1, "field": "city"}
            yield from ((one.address, _query(do=name, **asked)) for name in dialogs)
    yield from _narrowed(hidden)


def _narrowed(hidden: Hidden) -> Iterator[tuple[str, str]]:
    """Give the addresses of the list under what finds the hidden customer where it may be found, and of what counts it."""
    for query in (
        {"q": "9168887766"}, {"q": "Settembrini"}, {"q": WORDS["number"]}, {"import": hidden.ids["import"]}, {"tag": hidden.ids["tag"]},
        {"where": f"responsible.is.{PARTS['rival'].id}"}, {"where": "city.is.Davosplatz.or.stage.is.loyal"}, {"saved": hidden.ids["saved"]},
    ):  # fmt: skip
        for name in ("", "change-many", "export", "handover"):
            yield "customers", _query(**query, do=name, person=PARTS["rival"].id)
    for page in ("interactions", "quality", "plans", "duplicates"):
        yield page, _query(responsible=PARTS["rival"].id, team=PARTS["rival"].team_id, tab="people", days=30)


def _query(**facts: Any) -> str:
    return urlencode({key: value for key, value in facts.items() if value not in (None, "")})


def arrived(heard: bytes, words: Iterable[str]) -> set[str]:
    """Return which words stand in what the server sent, also where it wrote them as JSON does."""
    return {one for one in words if one.encode() in heard or json.dumps(one)[1:-1].encode() in heard}


def asked_of(site: Site, part: str, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes]]:
    """Open one address after the other by one websocket; give each with everything that came back."""
    with site.socket(site.open(part).token) as tab:
        for page, query in wanted:
            yield f"/{page}?{query}", told(_opened(tab, page, query))


def _opened(tab: Tab, page: str, query: str) -> Any:
    heard = tab.rerun(query, page=page)
    while any(one.WhichOneof("type") == "script_finished" and one.script_finished == 2 for one in heard[-1:]):
        heard += tab.hear(lambda one: one.WhichOneof("type") == "script_finished")  # it went on to another page
    return heard


# --- the promise ----------------------------------------------------------------


@pytest.mark.parametrize("part", ["rep", "partner"])
def test_no_address_tells_a_raw_client_a_word_of_a_customer_of_another_team(
    site: Site, hidden: Hidden, part: str
) -> None:
    leaks = {}
    for address, heard in asked_of(site, part, addresses(hidden)):
        typed = {word for word in WORDS.values() if word in address}  # comes back into the field
        if found := arrived(heard, set(WORDS.values()) - typed):
            leaks[address] = found
        assert b"Something broke on our side" not in heard, address
    assert leaks == {}


def test_whoever_may_see_the_customer_is_sent_every_one_of_these_words(site: Site, hidden: Hidden) -> None:
    """So it is the right that keeps them back, and the addresses are those that show them."""
    seen: set[str] = set()
    wanted = [one for one in addresses(hidden) if one[0] in {"customer", "requests", "customers"}]
    for part, some in (("keeper", wanted), ("rival", [one for one in wanted if one[0] == "customers"])):
        for address, heard in asked_of(site, part, some):
            seen |= {word for word in arrived(heard, WORDS.values()) if word not in address}
    assert seen >= set(WORDS.values()) - {"9168887766"}  # digits alone are nowhere shown


@pytest.mark.parametrize("part", ["rep", "partner"])
def test_neither_the_look_up_nor_a_files_address_tells_it(site: Site, hidden: Hidden, part: str) -> None:
    with site.http(site.open(part).token) as client:
        for text in (*WORDS.values(), "Zauberberg Holding", "hofrat@berghof.example", "+7 916 888-77-66"):
            answer = client.get("/find", params={"q": text})
            assert answer.json()["found"] == [], text
        for path in (f"/export/{hidden.token}", f"/export/person/{hidden.token}"):
            answer = client.get(path)
            assert answer.status_code == 404
            assert arrived(answer.content, WORDS.values()) == set()


def test_a_fragment_or_a_button_of_another_tab_does_nothing_here(site: Site, hidden: Hidden) -> None:
    """What one screen drew for the record keeper is no key to it for a rep who sends its names over his own websocket."""
    with site.socket(site.open("keeper").token) as theirs:
        drawn = theirs.rerun(f"id={hidden.key}", page="customer")
        names = {name.decode() for name in re.findall(rb"\$\$ID-[0-9a-f]{32}-[\w.-]+", told(drawn))}
    assert any("verify" in name for name in names)
    with site.socket(site.open("rep").token) as mine:
        mine.rerun(f"id={hidden.own}", page="customer")
        heard = told(mine.press(f"id={hidden.key}", "customer", names))
    assert arrived(heard, WORDS.values()) == set()
    with unit_of_work(site.database, Cast(site.database).keeper, now=NOW) as u:
        assert customers.one(u, hidden.key).verified_by_id is None
