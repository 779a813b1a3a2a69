"""One's own account: language and time zone, password, second factor, and where one is signed in."""

from typing import Final

import segno
import streamlit as st

from crm import sessions, users
from crm.core.config import database
from crm.core.errors import Invalid
from crm.core.i18n import LANGUAGES, N_
from ui import choices, words
from ui.forms import Form
from ui.session import _, attempt, identity, me, n_, tell, uow

OFFER: Final = "account.offer"
"""Where a second factor waits that is not in force yet."""
CODES: Final = "account.codes"
"""Where recovery codes wait until they were written down: they are stored only hashed, so they are shown once."""


def language_and_zone() -> None:
    """Draw the choice of language and time zone; without one the browser decides."""
    form = Form("account-language", in_dialog=False)
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


def password() -> None:
    """Draw the change of the password; it ends every other sign-in."""
    form = Form("account-password", in_dialog=False)
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


def second_factor() -> None:
    """Draw the second factor: switched on by scanning a code, off by the password."""
    user_id = me().id or 0
    if st.session_state.get(CODES):
        _show_codes(st.session_state[CODES])
    elif sessions.has_totp(database(), user_id):
        _switch_off(user_id)
    elif OFFER in st.session_state:
        _scan(st.session_state[OFFER])
    else:
        st.markdown(
            _("Off. With a second factor a stolen password is not enough: a telephone shows a code at each sign-in.")
        )
        st.button(_("Switch on"), on_click=_offer, key="factor-on")


def _offer() -> None:
    with attempt(), uow() as u:
        st.session_state[OFFER] = sessions.offer_totp(users.one(u, u.actor.id or 0).username)


def _scan(offer: sessions.Offer) -> None:
    form = Form("account-factor", in_dialog=False)
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
            form.finish(tried)


def _show_codes(codes: tuple[str, ...]) -> None:
    st.markdown(
        _("Write these codes down. Each opens the door once when the telephone is lost. They are shown only now.")
    )
    st.code("\n".join(codes), language=None)
    st.button(
        _("I wrote them down"), type="primary", on_click=st.session_state.pop, args=(CODES, None), key="codes-done"
    )


def _switch_off(user_id: int) -> None:
    left = sessions.recovery_codes_left(database(), user_id)
    st.markdown(_("On. Your telephone shows a code at each sign-in."))
    st.caption(n_("{n} recovery code left", "{n} recovery codes left", left))
    form = Form("account-factor-off", in_dialog=False)
    with form.drawn():
        typed = form.text("password", _("Password"), type="password", autocomplete="current-password", max_chars=400)
        if form.submit(_("Switch off")):
            with attempt(_("Second factor switched off.")) as tried, uow() as u:
                u.need("account.edit")
                sessions.disable_totp(database(), u.actor.id or 0, typed)
            form.finish(tried)


def browsers() -> None:
    """Draw where one is signed in, each with the way to end it."""
    here = identity()
    found = sessions.browsers(database(), here.user_id)
    for one in found:
        with st.container(horizontal=True, vertical_alignment="center", key=f"browser-{one.sign_in_id}"):
            with st.container(gap=None):
                st.text(one.device or _("Unknown browser"))
                since = _("since {when}, last used {last}").format(
                    when=words.when(one.created_at), last=words.when(one.last_seen_at)
                )
                st.caption(" · ".join(filter(None, (words.md(one.address), since))))
            if one.sign_in_id == here.sign_in_id:
                st.badge(_("This browser"), color="gray")
            else:
                st.button(_("Sign out there"), key=f"end-{one.sign_in_id}", on_click=_end, args=(one.sign_in_id,))
    if len([one for one in found if one.sign_in_id != here.sign_in_id]) > 1:
        st.button(_("Sign out everywhere else"), on_click=_end_others, key="end-others")


def _end(sign_in_id: int) -> None:
    with attempt(_("Signed out there.")), uow() as u:
        u.need("account.edit")
        sessions.revoke(database(), u.actor.id or 0, sign_in_id)


def _end_others() -> None:
    with attempt(_("Signed out everywhere else.")), uow() as u:
        u.need("account.edit")
        sessions.revoke_others(database(), u.actor.id or 0, identity().sign_in_id)
