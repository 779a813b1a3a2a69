"""The sign-in policy: what `auth.yaml` says about cookies, passwords, lock-outs and the first accounts.

The file keeps streamlit-authenticator's format (`cookie`, `credentials`) and adds a `policy` block. It holds no secret.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml

from crm.core.config import ROOT
from crm.core.grants import Role


class AuthFileError(ValueError):
    """`auth.yaml` cannot be used; the text says where and why, for whoever starts the server."""


@dataclass(frozen=True)
class Account:
    """One account of the `credentials` block. `password` is plain or a bcrypt hash; None asks for a one-time link."""

    username: str
    name: str
    email: str | None
    roles: tuple[str, ...]
    password: str | None


@dataclass(frozen=True)
class Limit:
    """How many tries of one kind are allowed within `window`, and for how long the next one closes the door."""

    tries: int
    window: timedelta
    lock: timedelta


@dataclass(frozen=True)
class Policy:
    """What holds for everybody who signs in.

    lifetime: the longest a sign-in lasts; idle: how long it lasts without anybody doing something.
    account, address: wrong sign-ins per account and per client address.
    reset: how long a link lasts that somebody asked for; invitation: one that an administrator made.
    """

    cookie_name: str
    lifetime: timedelta
    idle: timedelta
    shortest_password: int
    longest_password: int
    account: Limit
    address: Limit
    reset: timedelta
    invitation: timedelta
    accounts: tuple[Account, ...]


_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "cookie": {"name": "rapport", "expiry_days": 7},
    "sessions": {"idle_hours": 12},
    "password": {"min_length": 10, "max_length": 200},
    "lockout": {"window_minutes": 15, "lock_minutes": 15, "account_failures": 10, "address_failures": 100},
    "links": {"reset_minutes": 60, "invitation_hours": 72},
}


def auth_file() -> Path:
    """Return where `auth.yaml` is: beside app.py unless RAPPORT_AUTH names another file."""
    return Path(os.environ.get("RAPPORT_AUTH", ROOT / "auth.yaml"))


@lru_cache(maxsize=4)
def _read(path: Path, _changed_ns: int) -> Policy:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise AuthFileError(f"{path.name} is not YAML: {error}") from error
    if not isinstance(found, dict):
        raise AuthFileError(f"{path.name} must hold the blocks cookie, policy and credentials.")
    return parse(found)


def policy() -> Policy:
    """Return the policy in force; the file is read again when it changed. Raises AuthFileError."""
    path = auth_file()
    return _read(path, path.stat().st_mtime_ns) if path.exists() else parse({})


def parse(found: Mapping[str, Any]) -> Policy:
    """Return the policy that a parsed `auth.yaml` describes. Raises AuthFileError."""
    rules = found.get("policy") or {}
    cookie = _block("cookie", found.get("cookie"))
    sessions, password, lockout, links = (
        _block(name, rules.get(name)) for name in ("sessions", "password", "lockout", "links")
    )
    window, lock = timedelta(minutes=lockout["window_minutes"]), timedelta(minutes=lockout["lock_minutes"])
    return Policy(
        cookie_name=cookie["name"],
        lifetime=timedelta(days=cookie["expiry_days"]),
        idle=timedelta(hours=sessions["idle_hours"]),
        shortest_password=password["min_length"],
        longest_password=password["max_length"],
        account=Limit(lockout["account_failures"], window, lock),
        address=Limit(lockout["address_failures"], window, lock),
        reset=timedelta(minutes=links["reset_minutes"]),
        invitation=timedelta(hours=links["invitation_hours"]),
        accounts=_accounts((found.get("credentials") or {}).get("usernames") or {}),
    )


def _block(name: str, given: Any) -> dict[str, Any]:
    """Return a block with its defaults filled in; numbers must be positive."""
    values = dict(_DEFAULTS[name])
    for key, value in (given or {}).items():
        if key not in values:
            if name == "cookie":  # streamlit-authenticator's `key`: our cookie holds a random token and needs none
                continue
            raise AuthFileError(f"auth.yaml: {name}.{key} is not known.")
        if not isinstance(value, type(values[key])) or not value or (isinstance(value, int) and value < 0):
            raise AuthFileError(f"auth.yaml: {name}.{key} cannot be {value!r}.")
        values[key] = value
    return values


def _accounts(usernames: Mapping[str, Any]) -> tuple[Account, ...]:
    return tuple(_account(str(username).strip().lower(), facts or {}) for username, facts in usernames.items())


def _account(username: str, facts: Mapping[str, Any]) -> Account:
    roles = tuple(str(role) for role in facts.get("roles") or ())
    unknown = sorted(set(roles) - {role.value for role in Role})
    if not roles or unknown:
        raise AuthFileError(
            f"auth.yaml: the account {username} has {'the unknown role ' + unknown[0] if unknown else 'no role'}; "
            f"roles are {', '.join(Role)}."
        )
    full = " ".join(str(facts[part]) for part in ("first_name", "last_name") if facts.get(part))
    password = facts.get("password")
    return Account(
        username=username,
        name=full or str(facts.get("name") or username),
        email=str(facts["email"]) if facts.get("email") else None,
        roles=roles,
        password=None if password is None else str(password),
    )
