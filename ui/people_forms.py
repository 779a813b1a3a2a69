"""The dialogs of a person's account: a new one, one group of fields at a time, and what ends a sign-in."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import streamlit as st

from crm import sessions, teams, users
from crm.core.grants import ROLES
from crm.core.i18n import LANGUAGES, N_
from crm.core.people import User
from ui import choices, handover_forms, words
from ui.forms import Form, in_dialog
from ui.page import not_there, open_dialog, saved, seen_version
from ui.session import _, attempt, may, me, n_, translated, uow, used

LINK: Final = "people.link"
"""Where a one-time link waits until it was handed over: it is stored nowhere, so it is shown once."""


def new() -> None:
    """Draw the dialog of a new account."""
    in_dialog(_("New person"), _new)


def _new() -> None:
    form = Form("new-person")
    with uow() as u:
        team_names = teams.directory(u)
    with form.drawn():
        form.text("name", _("Full name"), max_chars=users.NAME_LENGTH)
        form.text(
            "username", _("User name"), help=_("Typed at sign-in: letters a-z, digits, dots, hyphens."), max_chars=64
        )
        form.text("email", _("E-mail"), max_chars=200)
        form.several("roles", _("Roles"), translated(ROLES))
        form.choice("team_id", _("Team"), {None: "–"} | team_names)
        form.number("partner_id", _("Partner number"), help=_("Only for people of a partner company."), min_value=1)
        if form.submit(_("Create account")):
            raw = {key: value for key, value in form.values.items() if key != "team_id"}
            with attempt(_("Account created.")) as tried, uow(form.once) as u:
                welcome = users.create(u, raw, team_id=form.values["team_id"])
                tried.result = (welcome.user.id, welcome.link)
            if tried.ok and tried.result:
                used(form.name)
                _hand_over_link(*tried.result)
            form.finish(tried)


def _hand_over_link(user_id: int, link: str) -> None:
    saved()
    st.session_state[LINK] = (user_id, link)
    open_dialog("link", id=user_id)
    st.rerun()


def draw(name: str, user_id: int | None) -> None:
    """Draw the dialog `name` of one person, when there is such a dialog and such a person."""
    if name not in DIALOGS:
        return
    with attempt() as found, uow() as u:
        person = users.one(u, user_id or 0)
    if not found.ok:
        in_dialog(_("Person"), not_there)
        return
    title, body = DIALOGS[name]
    in_dialog(_(title) if title else words.md(person.name), lambda: body(person))


def _person(person: User) -> None:
    with uow() as u:
        last = users.last_seen(u, person.id)
        team = teams.directory(u).get(person.team_id or 0, "")
    facts = (words.listed(words.named(ROLES, code) for code in person.roles), team, _state(person), _last_seen(last))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(" · ".join(words.md(fact) for fact in facts if fact))
        actions = _actions(person)
        chosen = st.menu_button(
            _("More"),
            list(actions),
            key=f"more-{person.id}",
            format_func=actions.__getitem__,
            icon=":material/more_horiz:",
        )
    if chosen:
        open_dialog(chosen, id=person.id, seen=person.version)
        st.rerun()
    _account_fields(person)


def _state(person: User) -> str:
    return _("Disabled") if person.disabled_at else ""


def _last_seen(last: Any) -> str:
    return _("last here {when}").format(when=words.when(last)) if last else _("not here in the last 30 days")


def _actions(person: User) -> dict[str, str]:
    """Return the dialogs that make sense for this person, with their names in the menu."""
    own = person.id == me().id
    offered = {
        "roles": (True, _("Change roles")),
        "team": (may("teams.manage"), _("Move to another team")),
        "handover": (may("customers.hand_over"), _("Hand over customers")),
        "reset": (not own and person.is_active, _("Reset password")),
        "unlock": (person.is_active, _("Allow to try again after wrong passwords")),
        "factor": (not own and person.is_active, _("Switch off second factor")),
        "out": (True, _("Sign out everywhere")),
        "disable": (not own and person.is_active, _("Disable account")),
        "enable": (not person.is_active, _("Enable account")),
        "delete": (not own, _("Delete account")),
    }
    return {name: label for name, (makes_sense, label) in offered.items() if makes_sense}


def _account_fields(person: User) -> None:
    form = Form(f"person-{person.id}")
    seen = seen_version() or st.session_state.setdefault(form.key("seen"), person.version)
    with form.drawn():
        form.text("name", _("Full name"), value=person.name, max_chars=users.NAME_LENGTH)
        form.text("username", _("User name"), value=person.username, max_chars=64)
        form.text("email", _("E-mail"), value=person.email, max_chars=200)
        form.choice("language", _("Language"), {None: _("As in the browser")} | LANGUAGES, value=person.language)
        form.choice(
            "timezone",
            _("Time zone"),
            {None: _("As in the browser")} | choices.time_zones(person.timezone),
            value=person.timezone,
        )
        form.number("partner_id", _("Partner number"), value=person.partner_id, min_value=1)
        if form.submit(_("Save")):
            with attempt(_("Saved.")) as tried, uow(form.once) as u:
                users.change(u, person.id, form.values, seen=seen)
            if tried.conflict:
                st.error(_("Somebody else saved this account meanwhile. Close the window and look at it again."))
            form.finish(tried)


def _roles(person: User) -> None:
    form = Form(f"roles-{person.id}")
    with form.drawn():
        form.several("roles", words.md(person.name), translated(ROLES), value=person.roles)
        st.caption(_("A person with several roles has the widest right of each. Changes hold from the next click."))
        if form.submit(_("Change roles")):
            with attempt(_("Roles changed.")) as tried, uow(form.once) as u:
                users.set_roles(u, person.id, form.values["roles"], seen=seen_version() or person.version)
            if tried.conflict:
                st.error(tried.sentence)
            form.finish(tried)


def _team(person: User) -> None:
    form = Form(f"team-{person.id}")
    with uow() as u:
        team_names = teams.directory(u)
        count = users.customers_of(u, person.id)
    with form.drawn():
        form.choice("team_id", words.md(person.name), {None: _("No team")} | team_names, value=person.team_id)
        along = True
        if count:
            along = st.checkbox(
                n_("{n} customer goes along", "{n} customers go along", count), value=True, key=form.key("along"),
                help=_("Otherwise they stay in the old team and wait there for a new responsible."),
            )  # fmt: skip
        if form.submit(_("Move")):
            with attempt(_("Moved.")) as tried, uow(form.once) as u:
                teams.move_person(u, person.id, form.values["team_id"], with_customers=along)
            form.finish(tried)


def _delete(person: User) -> None:
    form = Form(f"delete-{person.id}")
    with uow() as u:
        count = users.customers_of(u, person.id)
        people = {key: name for key, name in users.directory(u).items() if key != person.id}
    with form.drawn():
        st.markdown(
            _("The account of {name} is closed for good. The name stays in the history.").format(
                name=words.md(person.name)
            )
        )
        heir = None
        if count:
            label = n_("Who becomes responsible for {n} customer", "Who becomes responsible for {n} customers", count)
            heir = form.choice("hand_over_to", label, {None: "–"} | people)
            st.caption(_("To give them to several colleagues, hand them over first."))
        if form.submit(_("Delete account")):
            with attempt(_("Account deleted.")) as tried, uow(form.once) as u:
                users.delete(u, person.id, hand_over_to=heir)
            form.finish(tried)


def _reset(person: User) -> None:
    act = partial(users.reset_password, user_id=person.id)
    sentence = _(
        "The present password stops working and {name} is signed out everywhere. You get a link for choosing a new one."
    )
    result = _confirm(person, "reset", sentence, button=_("Reset password"), done=_("Password reset."), act=act)
    if result:
        _hand_over_link(person.id, result)


def _link(person: User) -> None:
    user_id, link = st.session_state.get(LINK, (None, ""))
    st.markdown(_("With this link {name} chooses a password.").format(name=words.md(person.name)))
    if user_id != person.id:
        st.caption(_("The link was shown already. Reset the password to get a new one."))
        return
    st.code(link, language=None, wrap_lines=True)
    hours = int(sessions.policy().invitation.total_seconds() // 3600)
    st.caption(
        n_(
            "It works once, within {n} hour, and is shown only now.",
            "It works once, within {n} hours, and is shown only now.",
            hours,
        )
    )


def _confirm(person: User, name: str, sentence: str, *, button: str, done: str, act: Callable[[Any], Any]) -> Any:
    """Draw a question with one button; run `act` when it is pressed and close. Returns what `act` returned."""
    form = Form(f"{name}-{person.id}")
    with form.drawn():
        st.markdown(sentence.format(name=words.md(person.name)))
        pressed = form.submit(button)
    if not pressed:
        return None
    with attempt(done) as tried, uow(form.once) as u:
        tried.result = act(u)
    if not tried.result:
        form.finish(tried)
    return tried.result


def _out(person: User) -> None:
    sentence = _("{name} is signed out in every browser and can sign in again.")
    act = partial(users.sign_out_everywhere, user_id=person.id)
    _confirm(person, "out", sentence, button=_("Sign out everywhere"), done=_("Signed out."), act=act)


def _unlock(person: User) -> None:
    sentence = _("After too many wrong passwords {name} must wait. This ends the waiting.")
    act = partial(users.unlock, user_id=person.id)
    _confirm(person, "unlock", sentence, button=_("Allow to try again"), done=_("Done."), act=act)


def _factor(person: User) -> None:
    sentence = _("For a lost telephone: {name} is signed out everywhere and signs in with the password alone.")
    act = partial(users.drop_second_factor, user_id=person.id)
    _confirm(person, "factor", sentence, button=_("Switch off"), done=_("Second factor switched off."), act=act)


def _disable(person: User) -> None:
    sentence = _(
        "{name} is signed out everywhere and cannot sign in until you enable the account. Customers stay until you hand them over."
    )
    act = partial(users.disable, user_id=person.id)
    _confirm(person, "disable", sentence, button=_("Disable account"), done=_("Account disabled."), act=act)


def _enable(person: User) -> None:
    sentence = _("{name} can sign in again.")
    act = partial(users.enable, user_id=person.id)
    _confirm(person, "enable", sentence, button=_("Enable account"), done=_("Account enabled."), act=act)


DIALOGS: Final[Mapping[str, tuple[str, Callable[[User], None]]]] = {
    "person": ("", _person),
    "roles": (N_("Change roles"), _roles),
    "team": (N_("Move to another team"), _team),
    "handover": (N_("Hand over customers"), lambda person: handover_forms.body(person.id)),
    "reset": (N_("Reset password"), _reset),
    "unlock": (N_("Allow to try again"), _unlock),
    "factor": (N_("Switch off second factor"), _factor),
    "out": (N_("Sign out everywhere"), _out),
    "disable": (N_("Disable account"), _disable),
    "enable": (N_("Enable account"), _enable),
    "delete": (N_("Delete account"), _delete),
    "link": (N_("Link for a password"), _link),
}
"""The dialogs of a person: title ('' stands for the person's name) and body."""
