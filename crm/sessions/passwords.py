"""Passwords: what is accepted, how they are hashed and checked.

bcrypt looks at 72 bytes only, so it is given the Base64 of a SHA-256 of the password: every character counts. The hash
itself is streamlit-authenticator's `Hasher` (bcrypt, cost 12). At most two run at once: each takes a quarter of a second
of a core.
"""

import base64
import hashlib
import importlib.machinery
import importlib.util
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from crm.core.errors import Invalid, Unavailable
from crm.core.i18n import N_
from crm.sessions.policy import policy

AT_ONCE: Final = 2
PATIENCE_SECONDS: Final = 20.0
_turns = threading.BoundedSemaphore(AT_ONCE)

PLAIN: Final = "plain:"
"""Marks a hash from `auth.yaml` that was made of the password itself; the first sign-in replaces it."""

NOBODY: Final = "$2b$12$/vleRIxK0Z.e4fei406./.6I5L7oiNhWfYlp2/sblemA8sJuMdaym"
"""The hash of 32 random bytes that were thrown away: checked where there is no account, so that time does not tell."""


@dataclass(frozen=True)
class HashedPassword:
    """A password that passed the rules and was hashed: made before a transaction, because hashing is slow."""

    text: str


@lru_cache(maxsize=1)
def _hasher() -> Any:
    """Return streamlit-authenticator's Hasher from its own file: the package's front door would import all of Streamlit."""
    package = importlib.util.find_spec("streamlit_authenticator")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("streamlit_authenticator")
    path = Path(package.origin).parent / "utilities" / "hasher.py"
    loader = importlib.machinery.SourceFileLoader("streamlit_authenticator_hasher", str(path))
    module = importlib.util.module_from_spec(importlib.machinery.ModuleSpec(loader.name, loader, origin=str(path)))
    loader.exec_module(module)
    return module.Hasher


@contextmanager
def _turn() -> Iterator[None]:
    if not _turns.acquire(timeout=PATIENCE_SECONDS):
        raise Unavailable(N_("Too many people sign in at this moment. Please try again."))
    try:
        yield
    finally:
        _turns.release()


def normal(password: str) -> str:
    """Return the password in one form, however a keyboard composes its letters."""
    return unicodedata.normalize("NFKC", password)


def _folded(password: str) -> str:
    digest = hashlib.sha256(b"rapport:" + normal(password).encode("utf-8", "surrogatepass")).digest()
    return base64.b64encode(digest).decode("ascii")


def hashed(password: str) -> str:
    """Return the hash to store: a quarter of a second of work."""
    with _turn():
        return str(_hasher().hash(_folded(password)))


def matches(password: str, stored: str | None) -> bool:
    """Say whether this is the password. Without a stored hash the same work is done and the answer is no."""
    with _turn():
        if stored is not None and stored.startswith(PLAIN):
            return _matches_plain(password, stored.removeprefix(PLAIN))
        return bool(_hasher().check_pw(_folded(password), stored or NOBODY)) and stored is not None


def _matches_plain(password: str, stored: str) -> bool:
    try:
        return bool(_hasher().check_pw(password, stored))
    except ValueError:  # bcrypt refuses more than 72 bytes; such a password was never hashed this way
        return False


def is_hash(text: str) -> bool:
    """Say whether a text of `auth.yaml` is a bcrypt hash."""
    return bool(_hasher().is_hash(text))


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    path = Path(__file__).with_name("common_passwords.txt")
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line and not line.startswith("#"))


def _bare(text: str) -> str:
    """Return a password as guessers see it: lower case, without the digits and signs put at its ends."""
    return normal(text).casefold().strip("0123456789!@#$%^&*()_+-=.,?~ ")


def check_rules(password: str, username: str, *, field: str = "password") -> None:
    """Raise Invalid beside `field` when a password is too short, too long, too common, or the person's own name."""
    rules, size = policy(), len(normal(password))
    if size < rules.shortest_password:
        raise Invalid(N_("Use at least {n} characters."), field=field, n=rules.shortest_password)
    if size > rules.longest_password:
        raise Invalid(N_("Use at most {n} characters."), field=field, n=rules.longest_password)
    low, bare = normal(password).casefold(), _bare(password)
    names = {part for part in (username.casefold(), username.casefold().partition("@")[0], "rapport") if part}
    if low in _common() or bare in _common() | names or len(set(low)) < 4:  # noqa: PLR2004  'aaaaabbbbb'
        raise Invalid(N_("This password is easy to guess. Choose another one, for example four words."), field=field)


def prepare(password: str, username: str, *, field: str = "password") -> HashedPassword:
    """Check a new password by the rules and hash it; call it before a transaction. Raises Invalid beside `field`."""
    check_rules(password, username, field=field)
    return HashedPassword(hashed(password))
