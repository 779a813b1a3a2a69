"""Who is here, in which language, and how a page does something for that person.

Everything is looked up when it is asked for: a fragment or a callback runs without the shell.
"""

import secrets
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from crm import notifications, users
from crm.core import changes, i18n, logs
from crm.core.access import Actor, Identity
from crm.core.config import database
from crm.core.errors import AlreadyDone, Conflict, CrmError, Invalid, InvalidForm, SignedOut
from crm.core.uow import UnitOfWork, unit_of_work

_MEMORY = "_memory"
_SAID = "_said"
FRESH_SECONDS: Final = 5
"""How long the menu and the strip may be drawn from what was noted, whatever has changed meanwhile."""
CALM_SECONDS: Final = 30
"""How long while nothing has changed."""
WATCHED_SECONDS: Final = 10
MOST_WATCHED: Final = 8
T = TypeVar("T")


@dataclass(frozen=True)
class Around:
    """What was noted at a moment: the colleagues' names and how many notifications wait."""

    mark: changes.Mark
    at: float
    names: dict[int, str]
    unread: int


Reader = tuple[Identity, str, str]
"""Who reads, in which language and time zone."""


@dataclass(frozen=True)
class Watched:
    """What was read for a part that is drawn again and again: at which mark of changes, when, by whom in which words."""

    mark: changes.Mark
    at: float
    reader: Reader
    read: Any


@dataclass
class Memory:
    """What is noted for one session: who was seen last with which rights, what was noted around, and the screens' pages."""

    actor: Actor | None = None
    around: Around | None = None
    pages: tuple[Any, Any] = (None, None)
    watched: dict[Any, Watched] = field(default_factory=dict)


class _Here(threading.local):
    """The session that this script thread runs for. One look at it is enough: Streamlit gives a thread to no other session."""

    memory: Memory | None = None
    language: str | None = None
    zone: str | None = None


_here = _Here()


def memory() -> Memory:
    """Return what is noted for this session: for drawing, never for deciding."""
    if _here.memory is None:
        _here.memory = st.session_state.setdefault(_MEMORY, Memory())
    return _here.memory


def identity() -> Identity:
    """Return who is signed in, as the gate vouches. Raises SignedOut without a gate before us."""
    run = get_script_run_ctx()
    user = run.user_info if run else {}  # st.user would look for secrets on the disk at each click
    if not str(user.get("user_id", "")).isdigit():
        raise SignedOut
    sign_in = str(user.get("sign_in", ""))
    return Identity(int(str(user["user_id"])), int(sign_in) if sign_in.isdigit() else None)


@contextmanager
def uow(key: str | None = None) -> Iterator[UnitOfWork]:
    """Open a unit of work for the person who is signed in; `key` makes a second click do nothing."""
    with unit_of_work(database(), identity(), key=key) as u:
        noted = memory()
        if noted.actor != u.actor:
            noted.actor = u.actor
            _settle(u.actor)
        yield u


def me() -> Actor:
    """Return the person who is signed in, with the rights last seen: for drawing, never for deciding."""
    noted = memory()
    if noted.actor is None:
        with uow() as u:
            return u.actor
    return noted.actor


def watched(key: Hashable, read: Callable[[UnitOfWork], T]) -> T:
    """Return what `read` returns, from memory while nobody has changed anything: for what is drawn again and again.

    key: of the part and all that `read` depends on but who reads, in which language and time zone.
    The mark is taken before the unit begins: a change in between is read at the next look. A change of rights and the end
    of a sign-in are changes too; whatever no verb changes (the day) is seen after WATCHED_SECONDS.
    """
    return watched_each((key, read))[0]  # type: ignore[no-any-return]  # what `read` returns


def watched_each(*parts: tuple[Hashable, Callable[[UnitOfWork], Any]]) -> list[Any]:
    """Return each part as `watched` does; those that must be read anew are read in one unit."""
    mark, now, noted = changes.mark(database()), time.monotonic(), memory().watched
    reader = identity(), language(), zone()
    found = {key: noted.pop(key, None) for key, _read in parts}
    stale = [part for part in parts if not _holds(found[part[0]], mark, now, reader)]
    if stale:
        with uow() as u:
            found |= {key: Watched(mark, now, reader, read(u)) for key, read in stale}
    noted.update((key, known) for key, known in found.items() if known)
    while len(noted) > MOST_WATCHED:
        del noted[next(iter(noted))]
    return [noted[key].read for key, _read in parts]


def _holds(known: Watched | None, mark: changes.Mark, now: float, reader: Reader) -> bool:
    return known is not None and (known.mark, known.reader) == (mark, reader) and now - known.at <= WATCHED_SECONDS


def read_before(key: Hashable) -> Any:
    """Return what `watched` read last under a key, however old, None without: to know where to go on, never to be shown."""
    known = memory().watched.get(key)
    return known.read if known and known.reader[0] == identity() else None


def look_around() -> None:
    """Note what every page shows and what changes seldom: who everybody is, how many notifications wait."""
    mark, now = changes.mark(database()), time.monotonic()
    with uow() as u:
        memory().around = Around(mark, now, users.names(u), notifications.unread_count(u))


def is_fresh() -> bool:
    """Say whether what was noted is new enough to draw the menu and the strip by. The door itself asks at every action."""
    noted, now = memory().around, time.monotonic()
    if noted is None or now - noted.at >= CALM_SECONDS:
        return False
    return now - noted.at < FRESH_SECONDS or noted.mark == changes.mark(database())


def colleagues() -> dict[int, str]:
    """Return id -> name of everybody whose name may be seen, former colleagues too. Some seconds old at most."""
    return _around().names


def unread() -> int:
    """Return how many notifications wait for this person. Some seconds old at most."""
    return _around().unread


def _around() -> "Around":
    noted = memory()
    if noted.around is None:
        look_around()
    assert noted.around is not None  # noqa: S101  just noted
    return noted.around


def may(right: str) -> bool:
    """Say whether to draw what needs this right. The door asks again when it is used."""
    return me().may(right)


def language() -> str:
    """Return the language of this person: chosen, else the browser's first that we speak."""
    if _here.language is None:
        _settle(memory().actor)
    return _here.language or i18n.DEFAULT


def zone() -> str:
    """Return the time zone of this person: chosen, else the browser's, else UTC."""
    if _here.zone is None:
        _settle(memory().actor)
    return _here.zone or "UTC"


def _settle(actor: Actor | None) -> None:
    _here.language = (actor.language if actor else None) or i18n.guess(st.context.locale)
    _here.zone = (actor.timezone if actor else None) or st.context.timezone or "UTC"


def asked(param: str) -> str:
    """Return what the address asks for, '' where it says nothing."""
    # not `st.query_params.get`: it raises and words an error inside for what is absent
    return st.query_params.to_dict().get(param, "")


def _(text: str) -> str:
    """Translate a text into this person's language."""
    return i18n.translate(language(), text)


def n_(one: str, many: str, n: int, *, shown: str = "") -> str:
    """Translate a text that depends on a number; `{n}` in it becomes the number, or `shown` in its place."""
    return i18n.catalogue(language()).ngettext(one, many, n).format(n=shown or n)


def translated(codes: Any) -> dict[str, str]:
    """Return code -> name in this person's language for a table of code -> msgid."""
    return {str(code): _(text) for code, text in codes.items()}


def once_key(name: str) -> str:
    """Return the idempotency key of a form: the same until the form is saved (`used` makes the next one)."""
    state = f"_once.{name}"
    if state not in st.session_state:
        st.session_state[state] = secrets.token_urlsafe(12)
    return str(st.session_state[state])


def used(name: str) -> None:
    """Forget the key of a form that was saved."""
    st.session_state.pop(f"_once.{name}", None)


@dataclass
class Tried:
    """How a command went. faults: field -> sentence; sentence: what concerns no single field."""

    ok: bool = False
    faults: dict[str, str] = field(default_factory=dict)
    sentence: str = ""
    conflict: Conflict | None = None
    result: Any = None


@contextmanager
def attempt(done: str = "") -> Iterator[Tried]:
    """Run a command: say `done` when it worked, say the sentence of the error when it did not.

    Use it outside the unit of work (`with attempt(...) as tried, uow() as u:`), so that `done` is said after the commit.
    """
    tried = Tried()
    try:
        yield tried
    except AlreadyDone:
        tried.ok = True
    except InvalidForm as faults:
        tried.faults = {name: i18n.say(language(), fault) for name, fault in faults.faults.items()}
    except Invalid as fault:
        tried.faults = {fault.field or "": i18n.say(language(), fault)}
    except Conflict as conflict:
        tried.conflict, tried.sentence = conflict, i18n.say(language(), conflict)
    except CrmError as error:
        tried.sentence = _with_code(i18n.say(language(), error), getattr(error, "code", ""))
    except Exception as error:  # noqa: BLE001  the edge: whatever it is, the person reads a number and the log the rest
        tried.sentence = _("Something broke on our side. Nothing was saved. Error number {number}.").format(
            number=logs.number_of(error)
        )
    else:
        tried.ok = True
        if done:
            tell(done)
    if tried.sentence and not tried.conflict:
        tell(tried.sentence, bad=True)


def _with_code(sentence: str, code: str) -> str:
    return f"{sentence} ({code})" if code else sentence


def tell(sentence: str, *, bad: bool = False) -> None:
    """Keep a sentence for the next drawing of the page: commands run in callbacks, before anything is drawn."""
    st.session_state.setdefault(_SAID, []).append((sentence, bad))


def say_what_waits() -> None:
    """Draw the sentences that were kept: a passing note for what worked, a lasting one for what did not."""
    for sentence, bad in st.session_state.pop(_SAID, []):
        if bad:
            st.toast(sentence, icon=":material/error:", duration="long")
        else:
            st.toast(sentence, icon=":material/check_circle:")
