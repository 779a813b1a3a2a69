"""Signing in: what is stored, what is counted, what ends when, on both databases and with many at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
from sqlalchemy import Connection, func, insert, select, text, update
from streamlit_authenticator.utilities.hasher import Hasher

from crm import notifications, sessions
from crm.core import clock, records
from crm.core.audit_log import AuditEntry
from crm.core.errors import CrmError, Invalid, InvalidForm, NotFound, Refused
from crm.core.people import SignIn, User
from crm.sessions import (
    AuthFileError,
    Credential,
    Failed,
    Founder,
    Outcome,
    Present,
    ResetLink,
    SignedIn,
    Step,
    Wanted,
    Why,
    passwords,
    throttle,
)
from crm.sessions.policy import Limit, parse
from crm.sessions.present import device_name
from db.engine import Database
from tests.cast import PARTS, Cast
from tests.web.site import PASSWORD, hashed

NEW = "eleven patient herons"
REP = PARTS["rep"].id
WRONG, EXPIRED = Failed(Why.WRONG), Failed(Why.EXPIRED)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def people(cast: Cast) -> Database:
    """The database with the cast; the rep has PASSWORD. The clock stands still."""
    with cast.database.writing() as connection:
        sessions.set_password(connection, REP, hashed(), must_change=False)
    return cast.database


def enter(database: Database, name: str = "rep", password: str = PASSWORD, **more: Any) -> Outcome:
    return sessions.sign_in(database, name, password, address="10.0.0.7", device="Firefox", **more)


def inside(database: Database, **more: Any) -> SignedIn:
    return sessions.open_sign_in(database, REP, address="10.0.0.7", device="Firefox", **more)


def at_once(many: int, work: Callable[[int], Any]) -> list[Any]:
    """Do the same thing in many threads; errors that a person may read are results, too."""

    def careful(n: int) -> Any:
        try:
            return work(n)
        except CrmError as error:
            return error

    with ThreadPoolExecutor(many) as pool:
        return list(pool.map(careful, range(many)))


# --- passwords ---------------------------------------------------------------------


def test_the_right_password_opens_and_nothing_else_does(people: Database) -> None:
    assert isinstance(enter(people, " REP "), SignedIn)
    assert enter(people, password=PASSWORD.upper()) == WRONG
    assert enter(people, password=f" {PASSWORD}") == WRONG
    assert enter(people, password="") == WRONG
    assert enter(people, password=PASSWORD * 100) == WRONG
    assert enter(people, "nobody") == WRONG
    assert enter(people, "mate") == WRONG  # has no password yet
    assert enter(people, "x" * 5000) == WRONG


@pytest.mark.parametrize("column", ["disabled_at", "deleted_at"])
def test_a_closed_account_does_not_open(people: Database, column: str) -> None:
    with people.writing() as connection:
        connection.execute(update(User).where(User.id == REP).values({column: clock.now()}))
    assert enter(people) == WRONG


def test_every_letter_of_a_long_password_counts() -> None:
    long = "ж" * 150 + "a"
    stored = passwords.hashed(long)
    assert passwords.matches(long, stored)
    assert not passwords.matches("ж" * 150 + "b", stored)
    assert not passwords.matches(long, None)


def test_letters_are_the_same_however_a_keyboard_composes_them() -> None:
    assert passwords.matches(
        "Zo\u0308e und ihr Kater", passwords.hashed("Zo\u0308e und ihr Kater".replace("o\u0308", "\u00f6"))
    )


@pytest.mark.parametrize(
    ("password", "accepted"),
    [
        ("ninechars", False),
        ("ten chars!", True),
        ("correct horse battery", True),
        ("четыре простых слова тут", True),
        ("我們在河邊慢慢走路回家", True),
        ("a" * 200 + "bcd", False),
        ("aaaaaaaaaaaa", False),
        ("Password2026!", False),
        ("1234567890", False),
        ("qwertyuiop", False),
        ("ПАРОЛЬ1234567", False),
        ("ivan.rep2026", False),
        ("Rapport2026!", False),
    ],
)
def test_length_counts_and_the_commonest_are_refused(password: str, accepted: bool) -> None:
    if accepted:
        passwords.check_rules(password, "ivan.rep")
        return
    with pytest.raises(Invalid) as refused:
        passwords.check_rules(password, "ivan.rep")
    assert refused.value.field == "password"


def test_a_hash_of_the_file_works_and_is_replaced_by_ours(people: Database) -> None:
    with people.writing() as connection:
        theirs = {"user_id": PARTS["mate"].id, "password_hash": passwords.PLAIN + Hasher.hash(PASSWORD)}
        connection.execute(insert(Credential).values(**theirs, changed_at=clock.now(), must_change=False))
    assert enter(people, "mate", "not this one") == WRONG
    assert isinstance(enter(people, "mate"), SignedIn)
    with people.reader.connect() as connection:
        stored = sessions.accounts.stored_hash(connection, PARTS["mate"].id)
    assert stored.startswith("$2b$")
    assert isinstance(enter(people, "mate"), SignedIn)


def test_a_hash_of_the_file_is_replaced_before_the_second_factor_is_asked(people: Database) -> None:
    totp, _ = with_totp(people)
    with people.writing() as connection:
        theirs = {"password_hash": passwords.PLAIN + Hasher.hash(PASSWORD), "must_change": True}
        connection.execute(update(Credential).where(Credential.user_id == REP).values(**theirs))
    step = enter(people)
    step = sessions.go_on(people, step.ticket, code=totp.at(clock.now()), address="1")
    assert step.step is Step.PASSWORD
    assert isinstance(sessions.go_on(people, step.ticket, new_password=NEW, address="1"), SignedIn)


def _reset(connection: Connection) -> None:
    sessions.set_password(connection, REP, sessions.HashedPassword(passwords.hashed(NEW)), must_change=False)


def _disable(connection: Connection) -> None:
    connection.execute(update(User).where(User.id == REP).values(disabled_at=clock.now()))


def _ask_for_a_code(connection: Connection) -> None:
    connection.execute(update(Credential).where(Credential.user_id == REP).values(totp_secret="JBSWY3DPEHPK3PXP"))


@pytest.mark.parametrize("meanwhile", [_reset, _disable, _ask_for_a_code])
def test_what_changes_while_a_password_is_judged_counts(
    people: Database, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[Connection], None]
) -> None:
    judge = passwords.matches

    def slowly(password: str, stored: str | None) -> bool:
        right = judge(password, stored)
        with people.writing() as connection:
            meanwhile(connection)
            sessions.end_sign_ins(connection, REP)
        return right

    monkeypatch.setattr(passwords, "matches", slowly)
    assert enter(people) == WRONG
    with people.reader.connect() as connection:
        assert not connection.execute(select(SignIn.id).where(SignIn.user_id == REP, SignIn.revoked_at.is_(None))).all()


def test_no_secret_stands_in_the_database(people: Database) -> None:
    opened = enter(people)
    with people.writing() as connection:
        link = sessions.make_reset_link(connection, REP)
    offer = sessions.offer_totp("rep")
    codes = sessions.enable_totp(people, REP, offer.secret, pyotp.TOTP(offer.secret).at(clock.now()))
    enter(people, PASSWORD, "typed into the wrong field")
    with people.reader.connect() as connection:
        stored = "".join(str(connection.execute(select(table)).all()) for table in records.load().sorted_tables)
    secrets = [PASSWORD, opened.token, link.removeprefix("/reset/"), offer.secret, *codes, codes[0].replace("-", "")]
    assert [secret for secret in secrets if secret in stored] == []


# --- counting ------------------------------------------------------------------------


def test_tries_are_counted_exactly_however_many_come_at_once(database: Database) -> None:
    limit, now = Limit(10, 15 * MINUTE, 15 * MINUTE), clock.now()

    def one(_: int) -> bool:
        with database.writing() as connection:
            return throttle.count(connection, "account:x", limit, now)

    assert sorted(at_once(40, one)) == [False] * 30 + [True] * 10


def test_a_lock_ends_by_itself_and_tries_do_not_make_it_longer(database: Database) -> None:
    limit, now = Limit(3, 15 * MINUTE, 10 * MINUTE), clock.now()

    def tries(minutes: float) -> bool:
        with database.writing() as connection:
            return throttle.count(connection, "x", limit, now + minutes * MINUTE)

    assert [tries(0), tries(1), tries(2), tries(3)] == [True, True, True, False]
    assert [tries(8), tries(12.9)] == [False, False]
    assert [tries(13), tries(13), tries(13), tries(13)] == [True, True, True, False]


def test_old_tries_are_forgotten(database: Database) -> None:
    limit, now = Limit(2, 15 * MINUTE, 10 * MINUTE), clock.now()
    with database.writing() as connection:
        assert throttle.count(connection, "x", limit, now)
        assert throttle.count(connection, "x", limit, now)
        assert throttle.count(connection, "x", limit, now + 15 * MINUTE)
        assert throttle.clear_old(connection, now + MINUTE) == 0
        assert throttle.clear_old(connection, now + 16 * MINUTE) == 1


def test_a_locked_account_refuses_the_right_password_until_the_lock_ends(people: Database) -> None:
    now = clock.now()
    with people.writing() as connection:
        for _ in range(sessions.policy().account.tries):
            throttle.count(connection, throttle.account_key("rep"), sessions.policy().account, now)
    assert enter(people) == WRONG
    assert isinstance(enter(people, now=now + 15 * MINUTE), SignedIn)
    with people.reader.connect() as connection:
        verbs = connection.execute(select(AuditEntry.verb).order_by(AuditEntry.id)).scalars().all()
    assert verbs[-2:] == ["sessions.sign_in_locked", "sessions.sign_in"]


def test_the_administrator_ends_a_lock(people: Database) -> None:
    with people.writing() as connection:
        for _ in range(20):
            throttle.count(connection, throttle.account_key("rep"), sessions.policy().account, clock.now())
        sessions.unlock(connection, REP)
    assert isinstance(enter(people), SignedIn)


# --- sign-ins --------------------------------------------------------------------------


def test_a_token_tells_who_is_here(people: Database) -> None:
    opened = inside(people)
    found = sessions.current(people, opened.token)
    assert isinstance(found, Present)
    assert (found.identity.user_id, found.identity.sign_in_id, found.name) == (REP, opened.sign_in_id, "Ivan Rep")
    assert sessions.current(people, opened.token[:-1]) is None
    assert sessions.current(people, "") is None
    assert sessions.still_present(people, [opened.sign_in_id, 999]) == {opened.sign_in_id: found}


def test_a_sign_in_ends_when_nobody_uses_it_and_at_last_in_any_case(people: Database) -> None:
    rules, begun = sessions.policy(), clock.now()
    opened = inside(people)
    assert sessions.current(people, opened.token, now=begun + rules.idle - MINUTE)
    assert sessions.current(people, opened.token, now=begun + rules.idle) is None
    at = begun
    while at < begun + rules.lifetime - rules.idle:
        at += rules.idle / 2
        sessions.touch(people, sessions.current(people, opened.token, now=at), now=at)
    last = sessions.current(people, opened.token, now=at)
    assert last.expires_at <= begun + rules.lifetime
    sessions.touch(people, last, now=begun + rules.lifetime - MINUTE)
    assert sessions.current(people, opened.token, now=begun + rules.lifetime) is None


def test_last_seen_is_written_once_a_minute(people: Database) -> None:
    opened, begun = inside(people), clock.now()
    present = sessions.current(people, opened.token)
    sessions.touch(people, present, now=begun + timedelta(seconds=59))
    assert sessions.current(people, opened.token).last_seen_at == begun
    sessions.touch(people, present, now=begun + MINUTE)
    assert sessions.current(people, opened.token).last_seen_at == begun + MINUTE


def test_an_ended_sign_in_cannot_be_woken_up(people: Database) -> None:
    opened, later = inside(people), clock.now() + 5 * MINUTE
    present = sessions.current(people, opened.token)
    sessions.sign_out(people, present)
    sessions.touch(people, present, now=later)
    assert sessions.current(people, opened.token, now=later) is None
    with people.reader.connect() as connection:
        assert connection.execute(select(SignIn.expires_at)).scalar_one() == present.expires_at
    with pytest.raises(NotFound):
        sessions.sign_out(people, present)


def test_one_ends_ones_own_sign_ins_only(people: Database) -> None:
    mine, elsewhere, third = inside(people), inside(people), inside(people)
    with pytest.raises(NotFound):
        sessions.revoke(people, PARTS["mate"].id, mine.sign_in_id)
    assert sessions.current(people, mine.token)
    sessions.revoke(people, REP, third.sign_in_id)
    assert [one.sign_in_id for one in sessions.browsers(people, REP)] == [mine.sign_in_id, elsewhere.sign_in_id]
    assert sessions.revoke_others(people, REP, mine.sign_in_id) == 1
    assert [one.sign_in_id for one in sessions.browsers(people, REP)] == [mine.sign_in_id]
    assert sessions.browsers(people, PARTS["mate"].id) == []


def test_an_old_token_is_written_down_and_an_unknown_one_is_not(people: Database) -> None:
    opened = inside(people)
    sessions.sign_out(people, sessions.current(people, opened.token))
    assert sessions.note_refused(people, opened.token, address="10.6.6.6")
    assert not sessions.note_refused(people, "never given", address="10.6.6.6")
    with people.reader.connect() as connection:
        last = connection.execute(select(AuditEntry.__table__).order_by(AuditEntry.id.desc()).limit(1)).one()
    assert (last.verb, last.record_id, last.changes["seen_from"]) == (
        "sessions.refused_old_cookie",
        REP,
        [None, "10.6.6.6"],
    )


def test_what_ended_last_month_is_cleared_away(people: Database) -> None:
    now = clock.now()
    inside(people)
    old = inside(people, now=now - timedelta(days=60))
    enter(people, password="wrong", now=now - timedelta(days=2))
    make_link(people, now=now - timedelta(days=60))
    assert sessions.clear_old(people) == 1
    assert sessions.current(people, old.token) is None
    with people.reader.connect() as connection:
        rows = [connection.execute(select(func.count()).select_from(one)).scalar_one() for one in (SignIn, ResetLink)]
        keys = set(connection.execute(select(sessions.Throttle.key)).scalars())
    assert rows == [1, 0]
    assert throttle.account_key("rep") not in keys


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge, Windows",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 YaBrowser/26 Safari/537.36", "Yandex, Windows"),
        ("curl/8.0", "curl/8.0"),
        ("", ""),
    ],
)
def test_a_browser_is_named_in_words(agent: str, name: str) -> None:
    assert device_name(agent) == name


# --- changing the password ---------------------------------------------------------------


def test_a_new_password_ends_every_other_sign_in(people: Database) -> None:
    mine, elsewhere = inside(people), inside(people)
    sessions.change_password(people, REP, PASSWORD, NEW, sign_in_id=mine.sign_in_id)
    assert sessions.current(people, mine.token)
    assert sessions.current(people, elsewhere.token) is None
    assert enter(people) == WRONG
    assert isinstance(enter(people, password=NEW), SignedIn)


def test_a_new_password_needs_the_old_one_and_must_be_new(people: Database) -> None:
    for old, new, field in (
        ("wrong one here", NEW, "old"),
        (PASSWORD, PASSWORD, "password"),
        (PASSWORD, "short", "password"),
    ):
        with pytest.raises(Invalid) as refused:
            sessions.change_password(people, REP, old, new)
        assert refused.value.field == field
    assert isinstance(enter(people), SignedIn)


def test_guessing_the_old_password_is_counted(people: Database) -> None:
    with people.writing() as connection:
        for _ in range(sessions.policy().account.tries):
            throttle.count(connection, throttle.account_key("rep"), sessions.policy().account, clock.now())
    with pytest.raises(Invalid):
        sessions.change_password(people, REP, PASSWORD, NEW)
    with pytest.raises(Invalid):
        sessions.confirm_password(people, REP, PASSWORD)


# --- links -------------------------------------------------------------------------------


def make_link(database: Database, **more: Any) -> str:
    with database.writing() as connection:
        return sessions.make_reset_link(connection, REP, **more).removeprefix("/reset/")


def test_a_link_works_once_however_many_use_it_at_once(people: Database) -> None:
    link, opened = make_link(people), inside(people)
    results = at_once(4, lambda n: sessions.use_reset_link(people, link, f"{NEW} {n}"))
    assert [type(one) for one in results if one != "rep"] == [NotFound] * 3
    assert sessions.current(people, opened.token) is None
    winner = next(n for n, one in enumerate(results) if one == "rep")
    assert isinstance(enter(people, password=f"{NEW} {winner}"), SignedIn)


def test_a_link_ends_with_time_a_newer_link_a_new_password_and_the_account(people: Database) -> None:
    old = make_link(people)
    assert sessions.link_is_good(people, old, now=clock.now() + sessions.policy().invitation - MINUTE)
    assert not sessions.link_is_good(people, old, now=clock.now() + sessions.policy().invitation)
    newer = make_link(people, lasts=MINUTE)
    assert not sessions.link_is_good(people, old)
    assert not sessions.link_is_good(people, newer, now=clock.now() + MINUTE)
    with people.writing() as connection:
        sessions.set_password(connection, REP, hashed(), must_change=False)
    assert not sessions.link_is_good(people, newer)
    last = make_link(people)
    with people.writing() as connection:
        connection.execute(update(User).where(User.id == REP).values(disabled_at=clock.now()))
    assert not sessions.link_is_good(people, last)
    with pytest.raises(NotFound):
        sessions.use_reset_link(people, last, NEW)


def test_a_bad_password_does_not_use_the_link_up(people: Database) -> None:
    link = make_link(people)
    with pytest.raises(Invalid):
        sessions.use_reset_link(people, link, "short")
    assert sessions.use_reset_link(people, link, NEW) == "rep"


def test_links_and_passwords_belong_to_the_callers_transaction(people: Database, cast: Cast) -> None:
    with pytest.raises(Refused), cast.unit() as u:
        sessions.make_reset_link(u, REP)
        sessions.end_sign_ins(u, REP)
        raise Refused("no")
    with people.reader.connect() as connection:
        assert connection.execute(select(func.count()).select_from(ResetLink)).scalar_one() == 0


def test_nothing_to_sign_in_with_is_left_of_a_deleted_person(people: Database) -> None:
    opened, link = inside(people), make_link(people)
    with people.writing() as connection:
        sessions.forget_person(connection, REP)
    assert sessions.current(people, opened.token) is None
    assert not sessions.link_is_good(people, link)
    assert enter(people) == WRONG


# --- asking for a password ------------------------------------------------------------------


def _told(cast: Cast, part: str) -> list[dict[str, Any]]:
    with cast.unit(getattr(cast, part)) as u:
        return [one.values for one in notifications.latest(u)]


def test_every_open_administrator_is_told_who_cannot_sign_in(people: Database, cast: Cast) -> None:
    with people.writing() as connection:
        connection.execute(
            update(User).where(User.id == PARTS["keeper"].id).values(roles=["administrator"], disabled_at=clock.now())
        )
    assert sessions.request_reset(people, "Rep@Rapport.example ", address="10.0.0.7")
    assert _told(cast, "admin") == [{"name": "Ivan Rep", "username": "rep"}]
    assert _told(cast, "rep") == []
    assert not sessions.request_reset(people, "gone", address="10.0.0.7")
    assert not sessions.request_reset(people, "", address="10.0.0.7")
    assert not sessions.request_reset(people, "%", address="10.0.0.7")


def test_an_address_that_several_people_share_finds_nobody(people: Database) -> None:
    with people.writing() as connection:
        connection.execute(
            update(User).where(User.id.in_([REP, PARTS["mate"].id])).values(email="office@rapport.example")
        )
    assert not sessions.request_reset(people, "office@rapport.example", address="10.0.0.7")


def test_requests_are_limited_by_account_and_by_address(people: Database) -> None:
    now = clock.now()
    assert [sessions.request_reset(people, "rep", address=f"10.0.0.{n}") for n in range(5)] == [True] * 3 + [False] * 2
    assert sessions.request_reset(people, "rep", address="10.0.0.9", now=now + 61 * MINUTE)
    for _ in range(20):
        sessions.request_reset(people, "nobody", address="10.0.1.1")
    assert not sessions.request_reset(people, "mate", address="10.0.1.1")


# --- the second factor --------------------------------------------------------------------------


def with_totp(database: Database) -> tuple[pyotp.TOTP, tuple[str, ...]]:
    """Switch the rep's second factor on, a minute ago."""
    totp, then = pyotp.TOTP(sessions.offer_totp("rep").secret), clock.now() - 2 * MINUTE
    return totp, sessions.enable_totp(database, REP, totp.secret, totp.at(then), now=then)


def test_the_second_factor_is_asked_after_the_password(people: Database) -> None:
    totp, codes = with_totp(people)
    assert len(set(codes)) == 8
    step = enter(people)
    assert isinstance(step, Wanted)
    assert step.step is Step.CODE
    assert sessions.go_on(people, step.ticket, code="000000", address="1") == WRONG
    assert isinstance(sessions.go_on(people, step.ticket, code=totp.at(clock.now()), address="1"), SignedIn)
    assert isinstance(enter(people, code=codes[0]), SignedIn)
    assert enter(people, code=codes[0]) == WRONG
    assert sessions.recovery_codes_left(people, REP) == 7
    assert enter(people, password="wrong", code=codes[1]) == WRONG
    assert sessions.recovery_codes_left(people, REP) == 7


def test_a_code_of_the_neighbouring_moment_is_taken_and_no_other(people: Database) -> None:
    totp, _ = with_totp(people)
    now, half = clock.now(), timedelta(seconds=30)
    accept = sessions.second_factor.accept
    assert not accept(people, REP, totp.at(now - 2 * half))
    assert not accept(people, REP, totp.at(now + 2 * half))
    assert accept(people, REP, totp.at(now - half))
    assert accept(people, REP, totp.at(now + half))
    assert not accept(people, REP, totp.at(now))  # older than one that was used


@pytest.mark.parametrize("recovery", [False, True])
def test_a_code_opens_once_however_many_show_it_at_once(people: Database, recovery: bool) -> None:
    totp, codes = with_totp(people)
    code = codes[0] if recovery else totp.at(clock.now())
    assert sorted(at_once(8, lambda _: sessions.second_factor.accept(people, REP, code))) == [False] * 7 + [True]


def test_a_second_factor_comes_with_proof_and_goes_with_the_password(people: Database) -> None:
    offer = sessions.offer_totp("rep")
    assert "issuer=Rapport" in offer.uri
    for wrong in ("123456", "", "абвгде"):
        with pytest.raises(Invalid):
            sessions.enable_totp(people, REP, offer.secret, wrong)
    assert not sessions.has_totp(people, REP)
    with_totp(people)
    with pytest.raises(Invalid):
        sessions.disable_totp(people, REP, "not the password")
    assert sessions.has_totp(people, REP)
    sessions.disable_totp(people, REP, PASSWORD)
    assert not sessions.has_totp(people, REP)
    assert sessions.recovery_codes_left(people, REP) == 0
    assert isinstance(enter(people), SignedIn)


# --- tickets ----------------------------------------------------------------------------------------


def test_a_ticket_dies_with_time_and_with_the_password(people: Database) -> None:
    totp, _ = with_totp(people)
    begun = clock.now()
    step = enter(people)
    late = begun + timedelta(seconds=601)
    assert sessions.go_on(people, step.ticket, code=totp.at(late), address="1", now=late) == EXPIRED
    with people.writing() as connection:
        sessions.set_password(connection, REP, sessions.HashedPassword(passwords.hashed(NEW)), must_change=False)
    assert sessions.go_on(people, step.ticket, code=totp.at(begun), address="1") == EXPIRED


@pytest.mark.parametrize("ticket", ["", "x", "gAAAAABnothing", "ü" * 50, "gAAAA" * 400])
def test_a_forged_ticket_opens_nothing(people: Database, ticket: str) -> None:
    assert sessions.go_on(people, ticket, code="1", address="1") == EXPIRED
    assert sessions.go_on(people, ticket, new_password=NEW, address="1") == EXPIRED


def test_a_given_password_must_be_replaced_before_anything_else(people: Database) -> None:
    totp, _ = with_totp(people)
    with people.writing() as connection:
        connection.execute(update(Credential).where(Credential.user_id == REP).values(must_change=True))
    code_step = enter(people)
    assert sessions.go_on(people, code_step.ticket, new_password=NEW, address="1") == WRONG  # the code comes first
    password_step = sessions.go_on(people, code_step.ticket, code=totp.at(clock.now()), address="1")
    assert isinstance(password_step, Wanted)
    assert password_step.step is Step.PASSWORD
    for bad in ("short", PASSWORD):
        with pytest.raises(Invalid):
            sessions.go_on(people, password_step.ticket, new_password=bad, address="1")
    assert isinstance(sessions.go_on(people, password_step.ticket, new_password=NEW, address="1"), SignedIn)
    assert sessions.go_on(people, password_step.ticket, new_password="one more phrase", address="1") == EXPIRED


# --- the first people ------------------------------------------------------------------------------------


def founder(code: str, **more: str) -> Founder:
    facts = {
        "name": "Vera",
        "username": "vera",
        "password": NEW,
        "company_name": "Zarya",
        "language": "ru",
        "timezone": "UTC",
    }
    return Founder(code=code, **(facts | more))


def test_one_becomes_the_first_administrator_however_many_try_at_once(database: Database) -> None:
    code = sessions.first_code(database)
    results = at_once(
        6, lambda n: sessions.found(database, founder(code, username=f"vera{n}"), address=f"10.0.0.{n}", device="")
    )
    assert len([one for one in results if isinstance(one, SignedIn)]) == 1
    with database.reader.connect() as connection:
        assert connection.execute(select(User.roles)).all() == [(["administrator"],)]
    assert sessions.first_code(database) is None
    with pytest.raises(InvalidForm):
        sessions.found(database, founder(code), address="10.0.0.9", device="")


def test_a_new_start_makes_a_new_code_unless_another_process_just_made_one(database: Database) -> None:
    now = clock.now()
    first = sessions.first_code(database, now=now)
    assert sessions.first_code(database, unless_within=MINUTE, now=now + timedelta(seconds=59)) is None
    second = sessions.first_code(database, unless_within=MINUTE, now=now + MINUTE)
    assert second not in {None, first}
    with pytest.raises(InvalidForm) as refused:
        sessions.found(database, founder(first), address="1", device="")
    assert set(refused.value.faults) == {"code"}


def test_every_fault_of_the_first_form_is_said_at_once(database: Database) -> None:
    bad = founder(
        "no", name=" ", username="a b", password="short", company_name="", language="xx", timezone="Mars/Base"
    )
    with pytest.raises(InvalidForm) as refused:
        sessions.found(database, bad, address="1", device="")
    assert set(refused.value.faults) == {"code", "name", "username", "password", "company_name", "language", "timezone"}


@pytest.fixture
def auth_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "auth.yaml"
    monkeypatch.setenv("RAPPORT_AUTH", str(path))
    return path


def test_accounts_of_the_file_come_into_the_database_once(database: Database, auth_file: Path) -> None:
    ready = Hasher.hash(PASSWORD)
    auth_file.write_text(
        "credentials:\n  usernames:\n"
        "    Anna: {first_name: Anna, last_name: Ivanova, email: a@x.example, roles: [administrator, analyst]}\n"
        "    plain: {roles: [marketer], password: told to me}\n"
        f"    ready: {{roles: [sales_rep], password: '{ready}'}}\n"
    )
    first = sessions.seed_accounts(database)
    assert set(first) == {"anna", "plain", "ready"}
    assert sessions.link_is_good(database, first["anna"].removeprefix("/reset/"))
    assert sessions.seed_accounts(database) == {}
    assert isinstance(enter(database, "ready"), SignedIn)
    step = enter(database, "plain", "told to me")
    assert isinstance(step, Wanted)
    assert step.step is Step.PASSWORD
    with database.reader.connect() as connection:
        people = {row.username: row for row in connection.execute(select(User.__table__))}
    assert (people["anna"].name, people["anna"].roles) == ("Anna Ivanova", ["administrator", "analyst"])
    with database.writing() as connection:
        connection.execute(update(User).where(User.username == "anna").values(name="Anna Smirnova"))
    assert sessions.seed_accounts(database) == {}


def test_many_processes_may_read_the_file_at_once(database: Database, auth_file: Path) -> None:
    auth_file.write_text("credentials: {usernames: {anna: {roles: [administrator]}, boris: {roles: [analyst]}}}\n")
    created = at_once(6, lambda _: sessions.seed_accounts(database))
    assert sorted(name for one in created for name in one) == ["anna", "boris"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("credentials: {usernames: {x: {roles: [king]}}}", "unknown role king"),
        ("credentials: {usernames: {x: {name: X}}}", "no role"),
        ("policy: {lockout: {account_failures: -1}}", "account_failures"),
        ("policy: {lockout: {account_failures: ten}}", "account_failures"),
        ("policy: {password: {min_lenght: 4}}", "min_lenght"),
        ("cookie: [", "not YAML"),
        ("- a", "blocks"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(auth_file: Path, content: str, says: str) -> None:
    auth_file.write_text(content)
    with pytest.raises(AuthFileError, match=says):
        sessions.policy()


def test_the_file_decides_the_policy_and_the_librarys_own_keys_do_no_harm(auth_file: Path) -> None:
    auth_file.write_text(
        "cookie: {name: crm, key: some_key, expiry_days: 1}\n"
        "credentials: {usernames: {x: {roles: [analyst], logged_in: false, failed_login_attempts: 0}}}\n"
        "policy: {sessions: {idle_hours: 2}, lockout: {account_failures: 3}}\n"
    )
    found = sessions.policy()
    assert (found.cookie_name, found.lifetime, found.idle) == ("crm", timedelta(days=1), timedelta(hours=2))
    assert found.account.tries == 3
    assert parse({}).account.tries == 10


def test_the_file_that_is_delivered_is_good_and_holds_nobody() -> None:
    from crm.core.config import ROOT

    assert sessions.policy() == parse({})
    assert "$2b$" not in (ROOT / "auth.yaml").read_text()


def test_a_damaged_hash_lets_nobody_in(people: Database) -> None:
    with people.writing() as connection:
        connection.execute(text("UPDATE credentials SET password_hash = 'not a hash' WHERE user_id = :id"), {"id": REP})
    with pytest.raises(ValueError, match="salt"):
        enter(people)
