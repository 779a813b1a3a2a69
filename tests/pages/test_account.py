"""One's own account: language, password, second factor, and the browsers in which one is signed in."""

import pyotp
import pytest

from crm import sessions
from crm.core.access import Identity
from crm.core.people import User
from tests.pages.screen import field, opened, part, press, texts
from ui import account_forms

OLD, NEW = "vier Worte reichen gut", "fünf ganz andere Worte reichen"


def account(cast, who: Identity) -> User:
    with cast.unit() as u:
        return u.get(User, who.user_id)


def with_password(cast, who: Identity) -> None:
    with cast.unit() as u:
        sessions.set_password(u, who.user_id, OLD, must_change=False)


def signed_in(cast, who: Identity, device: str = "Mozilla/5.0 (Windows NT 10.0) Firefox/150.0") -> Identity:
    found = sessions.open_sign_in(cast.database, who.user_id, address="192.0.2.7", device=device, now=cast.now)
    return Identity(who.user_id, found.sign_in_id)


def lets_in(cast, username: str, password: str) -> bool:
    outcome = sessions.sign_in(cast.database, username, password, address="192.0.2.7", now=cast.now)
    return isinstance(outcome, sessions.SignedIn)


def form(at, name: str, value: str, *, of: str) -> None:
    """Type into a field of one of several forms."""
    (found,) = [one for one in at.text_input if str(one.key).startswith(f"{of}.") and str(one.key).endswith(f".{name}")]
    found.input(value)


@pytest.mark.parametrize(
    "name", ["admin", "keeper", "rep", "service", "leader", "marketer", "analyst", "executive", "product", "partner"]
)
def test_every_role_has_an_account_page(cast, name):
    at = opened("account", signed_in(cast, getattr(cast, name)))
    assert not at.exception
    assert part(at, "head")["line"].startswith(account(cast, getattr(cast, name)).name)


def test_language_and_time_zone_hold_at_once_and_can_follow_the_browser_again(cast):
    here = signed_in(cast, cast.rep)
    at = opened("account", here, do="language")
    field(at, "language").set_value("ru")
    field(at, "timezone").set_value("Asia/Shanghai")
    press(at, "Save")
    assert (account(cast, cast.rep).language, account(cast, cast.rep).timezone) == ("ru", "Asia/Shanghai")
    assert ["Язык", "Русский", ""] in part(opened("account", here), "facts")["boxes"][0]["lines"]
    at = opened("account", here, do="language")
    field(at, "language").select_index(0)
    field(at, "timezone").select_index(0)
    at.button[0].click().run()
    assert (account(cast, cast.rep).language, account(cast, cast.rep).timezone) == (None, None)


def test_a_changed_password_ends_every_other_sign_in_and_keeps_this_one(cast):
    with_password(cast, cast.rep)
    here, there = signed_in(cast, cast.rep), signed_in(cast, cast.rep)
    at = opened("account", here, do="password")
    for name, value in (("old", OLD), ("password", NEW), ("again", NEW)):
        form(at, name, value, of="account-password")
    press(at, "Change password")
    alive = {one.sign_in_id for one in sessions.browsers(cast.database, here.user_id)}
    assert (here.sign_in_id in alive, there.sign_in_id in alive) == (True, False)
    assert (lets_in(cast, "rep", OLD), lets_in(cast, "rep", NEW)) == (False, True)


def test_the_second_click_on_change_password_is_no_wrong_password(cast):
    with_password(cast, cast.rep)
    here = signed_in(cast, cast.rep)
    first, second = opened("account", here, do="password"), opened("account", here, do="password")
    for at in (first, second):
        for name, value in (("old", OLD), ("password", NEW), ("again", NEW)):
            form(at, name, value, of="account-password")
        press(at, "Change password")
        assert "This is not your password" not in texts(at)
    assert lets_in(cast, "rep", NEW)


@pytest.mark.parametrize(
    ("old", "new", "again", "sentence"),
    [
        ("wrong password here", NEW, NEW, "This is not your password."),
        (OLD, NEW, NEW + "!", "The two passwords differ."),
        (OLD, "short", "short", "Use at least"),
        (OLD, "password123", "password123", "easy to guess"),
        (OLD, OLD, OLD, "did not have before"),
    ],
)
def test_a_password_that_cannot_be_taken_is_said_beside_its_field(cast, old, new, again, sentence):
    with_password(cast, cast.rep)
    at = opened("account", signed_in(cast, cast.rep), do="password")
    for name, value in (("old", old), ("password", new), ("again", again)):
        form(at, name, value, of="account-password")
    press(at, "Change password")
    assert sentence in texts(at)
    assert lets_in(cast, "rep", OLD)


def test_a_second_factor_is_switched_on_by_the_code_of_the_telephone_and_off_by_the_password(cast):
    with_password(cast, cast.rep)
    here = signed_in(cast, cast.rep)
    assert part(opened("account", here), "facts")["boxes"][2]["edit"] == "Switch on"
    at = opened("account", here, do="factor")
    secret = at.session_state[account_forms.OFFER].secret
    assert secret in at.get("code")[0].value.replace(" ", "")
    form(at, "code", "000000", of="account-factor")
    press(at, "Switch on")
    assert "This code is not right" in texts(at)
    form(at, "code", pyotp.TOTP(secret).at(cast.now), of="account-factor")
    press(at, "Switch on")
    codes = at.get("code")[0].value.split()
    assert (len(codes), sessions.has_totp(cast.database, cast.rep.user_id)) == (8, True)
    assert isinstance(sessions.sign_in(cast.database, "rep", OLD, address="192.0.2.7", now=cast.now), sessions.Wanted)
    press(at, "I wrote them down")
    assert codes[0] not in texts(at)
    assert "8 recovery codes left" in texts(at)
    at = opened("account", here, do="factor")
    form(at, "password", "wrong password here", of="account-factor-off")
    press(at, "Switch off")
    assert sessions.has_totp(cast.database, cast.rep.user_id)
    form(at, "password", OLD, of="account-factor-off")
    press(at, "Switch off")
    assert not sessions.has_totp(cast.database, cast.rep.user_id)


def test_one_signs_out_another_browser_and_not_a_colleagues(cast):
    here = signed_in(cast, cast.rep)
    there = signed_in(cast, cast.rep, "Mozilla/5.0 (iPhone) Safari/600")
    foreign = signed_in(cast, cast.mate)
    at = opened("account", here)
    links = {row["href"] for row in part(at, "browsers")["rows"]}
    assert links == {"", f"?do=browser&id={there.sign_in_id}"}
    (mine,) = [row for row in part(at, "browsers")["rows"] if not row["href"]]
    assert mine["cells"][1][0] == "This browser"
    not_mine = opened("account", here, do="browser", id=foreign.sign_in_id)
    assert not [one for one in not_mine.button if one.label == "Sign out there"]
    at = opened("account", here, do="browser", id=there.sign_in_id)
    assert "Safari, iPhone" in texts(at)
    press(at, "Sign out there")
    alive = {one.sign_in_id for one in sessions.browsers(cast.database, here.user_id)}
    assert alive == {here.sign_in_id}
    assert [one.sign_in_id for one in sessions.browsers(cast.database, foreign.user_id)] == [foreign.sign_in_id]


def test_all_other_browsers_are_signed_out_with_one_click(cast):
    here = signed_in(cast, cast.rep)
    for _ in range(3):
        signed_in(cast, cast.rep)
    at = opened("account", here)
    press(at, "Sign out everywhere else")
    assert [one.sign_in_id for one in sessions.browsers(cast.database, here.user_id)] == [here.sign_in_id]


def test_what_a_browser_calls_itself_is_never_markup(cast):
    evil, here = signed_in(cast, cast.rep, "**evil** [x](http://evil.example)"), signed_in(cast, cast.rep)
    for query in ({}, {"do": "browser", "id": evil.sign_in_id}):
        at = opened("account", here, **query)
        assert not at.exception
        assert "evil" in texts(at)
        assert not [one for kind in ("markdown", "caption") for one in at.get(kind) if "**evil**" in one.value]


def test_a_sign_in_that_has_ended_draws_nothing(cast):
    here = signed_in(cast, cast.rep)
    sessions.revoke(cast.database, here.user_id, here.sign_in_id, now=cast.now)
    at = opened("account", here)
    assert len(at.exception) == 1
    assert part(at, "head") is None
