"""One's own account: language and time zone, password, second factor, and where one is signed in."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import segno
import streamlit as st

from crm import sessions, users
from crm.core.config import database
from crm.core.errors import Invalid
from crm.core.i18n import LANGUAGES, N_
from crm.sessions import Browser
from ui import choices, facts, tables, words
from ui.forms import Form, in_dialog
from ui.page import close_dialog, not_there, open_dialog, opener, opening, saved
from ui.session import _, attempt, identity, me, n_, tell, uow, used

OFFER: Final = "account.offer"
"""Where a second factor waits that is not in force yet."""
CODES: Final = "account.codes"
"""Where recovery codes wait until they were written down: they are stored only hashed, so they are shown once."""
OFF: Final = N_("Off. With a second factor a stolen password is not enough: a telephone shows a code at each sign-in.")
ON: Final = N_("On. Your telephone shows a code at each sign-in.")


def facts_of_mine() -> None:
    """Draw what is chosen, each box with the way to change it."""
    zones, as_browser = choices.time_zones(me().timezone), _("As in the browser")
    language = [
        (_("Language"), LANGUAGES.get(me().language or "", as_browser), ""),
        (_("Time zone"), zones.get(me().timezone or "", as_browser), ""),
    ]
    facts.draw(
        facts.Box(_("Language and time zone"), language, _("Edit"), opening("language")),
        facts.Box(
            _("Password"),
            [],
            _("Change password"),
            opening("password"),
            _("A changed password signs you out everywhere else."),
        ),
        _factor_box(),
        key="facts",
        beside=True,
    )


def _factor_box() -> facts.Box:
    title, href, user_id = _("Second factor"), opening("factor"), me().id or 0
    if not sessions.has_totp(database(), user_id):
        return facts.Box(title, [], _("Switch on"), href, _(OFF))
    left = sessions.recovery_codes_left(database(), user_id)
    lines = [("", n_("{n} recovery code left", "{n} recovery codes left", left), "key")]
    edit = _("Show the recovery codes") if st.session_state.get(CODES) else _("Switch off")
    return facts.Box(title, lines, edit, href, _(ON))


def draw(name: str, sign_in_id: int | None) -> None:
    """Draw the dialog `name`, when there is such a dialog; `sign_in_id` is the browser that it is about."""
    if name in DIALOGS:
        title, body = DIALOGS[name]
        in_dialog(_(title), body)
    elif name == "browser":
        found = {one.sign_in_id: one for one in sessions.browsers(database(), identity().user_id)}
        in_dialog(_("Where you are signed in"), partial(_browser, found.get(sign_in_id or 0)))


def _language_and_zone() -> None:
    """Draw the choice of language and time zone; without one the browser decides."""
    form = Form("account-language")
    as_browser = {None: _("As in the browser")}
    with form.drawn():
        code = form.choice("language", _("Language"), as_browser | LANGUAGES, value=me().language)
        zone = form.choice(
            "timezone", _("Time zone"), as_browser | choices.time_zones(me().timezone), value=me().timezone
        )
        if form.submit(_("Save")):
            with attempt() as tried, uow(form.once) as u:
                users.set_language(u, code)
                users.set_timezone(u, zone)
            if tried.ok:
                with uow():  # the new language counts from this very run
                    tell(_("Saved."))
            form.finish(tried)


def _password() -> None:
    """Draw the change of the password; it ends every other sign-in."""
    form = Form("account-password")
    with form.drawn():
        old = form.text("old", _("Present password"), type="password", autocomplete="current-password", max_chars=400)
        new = form.text("password", _("New password"), type="password", autocomplete="new-password", max_chars=400)
        again = form.text(
            "again", _("New password once more"), type="password", autocomplete="new-password", max_chars=400
        )
        st.caption(_("You are signed out everywhere else. Four words make a good password."))
        if not form.submit(_("Change password")):
            return
        with attempt(_("Password changed.")) as tried, uow() as u:
            u.need("account.edit")
            if new != again:
                raise Invalid(N_("The two passwords differ."), field="again")
            sessions.change_password(database(), u.actor.id or 0, old, new, sign_in_id=identity().sign_in_id)
        form.finish(tried)


def _second_factor() -> None:
    """Draw the second factor: switched on by scanning a code, off by the password."""
    user_id = me().id or 0
    if st.session_state.get(CODES):
        _show_codes(st.session_state[CODES])
    elif sessions.has_totp(database(), user_id):
        _switch_off(user_id)
    else:
        if OFFER not in st.session_state:
            with attempt(), uow() as u:
                st.session_state[OFFER] = sessions.offer_totp(users.one(u, user_id).username)
        if OFFER in st.session_state:
            _scan(st.session_state[OFFER])


def _scan(offer: sessions.Offer) -> None:
    form = Form("account-factor")
    st.markdown(_("Scan this with an authenticator application on your telephone, then type the code that it shows."))
    st.image(segno.make(offer.uri, error="m").svg_inline(scale=4, light="#fff", dark="#000"), width=200)
    st.caption(_("Or type this secret into it:"))
    st.code(
        " ".join(offer.secret[at : at + 4] for at in range(0, len(offer.secret), 4)), language=None, wrap_lines=True
    )
    with form.drawn():
        code = form.text("code", _("Code"), max_chars=10, autocomplete="one-time-code")
        if form.submit(_("Switch on")):
            with attempt(_("Second factor switched on.")) as tried, uow() as u:
                u.need("account.edit")
                st.session_state[CODES] = sessions.enable_totp(database(), u.actor.id or 0, offer.secret, code)
                st.session_state.pop(OFFER, None)
            if tried.ok:
                used(form.name)
                saved()
                open_dialog("factor")  # the codes are shown at once
                st.rerun()
            form.finish(tried)


def _show_codes(codes: tuple[str, ...]) -> None:
    st.markdown(
        _("Write these codes down. Each opens the door once when the telephone is lost. They are shown only now.")
    )
    st.code("\n".join(codes), language=None)
    st.button(_("I wrote them down"), type="primary", on_click=_written_down, key="codes-done")


def _written_down() -> None:
    st.session_state.pop(CODES, None)
    close_dialog()


def _switch_off(user_id: int) -> None:
    left = sessions.recovery_codes_left(database(), user_id)
    st.markdown(_(ON))
    st.caption(n_("{n} recovery code left", "{n} recovery codes left", left))
    form = Form("account-factor-off")
    with form.drawn():
        typed = form.text("password", _("Password"), type="password", autocomplete="current-password", max_chars=400)
        if form.submit(_("Switch off")):
            with attempt(_("Second factor switched off.")) as tried, uow() as u:
                u.need("account.edit")
                sessions.disable_totp(database(), u.actor.id or 0, typed)
            form.finish(tried)


def browsers() -> None:
    """Draw where one is signed in; each other browser leads to the way to end it there."""
    here, opens = identity().sign_in_id, opener("browser", "id")
    found = sessions.browsers(database(), identity().user_id)
    rows = [vars(one) | {"device": one.device or _("Unknown browser"), "here": one.sign_in_id == here} for one in found]
    columns = {
        "device": tables.Column(_("Browser"), main=True, wrap=True),
        "here": tables.Column(_("State"), lambda mine: _("This browser") if mine else "", tag=True),
        "address": tables.Column(_("Address"), muted=True),
        "created_at": tables.Column(_("Since"), words.when),
        "last_seen_at": tables.Column(_("Last used"), words.when),
    }

    def end(row: Mapping[str, Any]) -> str:
        return "" if row["here"] else opens(id=row["sign_in_id"])

    others = [row for row in rows if not row["here"]]
    hint = _("Where you are signed in. Choose a browser to sign out there.")
    tables.table(rows, columns, key="browsers", opens=end, count=hint if others else _("Where you are signed in"))
    if len(others) > 1:
        st.button(_("Sign out everywhere else"), on_click=_end_others, key="end-others")


def _browser(one: Browser | None) -> None:
    """Draw one browser with the way to end its sign-in."""
    if one is None:
        not_there()
        return
    form = Form(f"browser-{one.sign_in_id}")
    with form.drawn():
        st.text(one.device or _("Unknown browser"))
        since = _("since {when}, last used {last}").format(
            when=words.when(one.created_at), last=words.when(one.last_seen_at)
        )
        st.caption(" · ".join(filter(None, (words.md(one.address), since))))
        if form.submit(_("Sign out there")):
            with attempt(_("Signed out there.")) as tried, uow() as u:
                u.need("account.edit")
                sessions.revoke(database(), u.actor.id or 0, one.sign_in_id)
            form.finish(tried)


def _end_others() -> None:
    with attempt(_("Signed out everywhere else.")), uow() as u:
        u.need("account.edit")
        sessions.revoke_others(database(), u.actor.id or 0, identity().sign_in_id)


DIALOGS: Final[Mapping[str, tuple[str, Callable[[], None]]]] = {
    "language": (N_("Language and time zone"), _language_and_zone),
    "password": (N_("Change password"), _password),
    "factor": (N_("Second factor"), _second_factor),
}
"""The dialogs of one's own account: title and body."""
