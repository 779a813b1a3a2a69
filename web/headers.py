"""The headers that every answer carries, and what a page may load (Content-Security-Policy)."""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Final

from crm.core.config import Config

Header = tuple[bytes, bytes]

ALWAYS: Final[tuple[Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"geolocation=(), camera=(), microphone=(), payment=(), usb=()"),
)
HSTS: Final[Header] = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
NO_STORE: Final[Header] = (b"cache-control", b"no-store")

FORM_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""For the plain pages: no script at all."""

_SCRIPT: Final = re.compile(rb"<script(?P<facts>[^>]*)>(?P<body>.*?)</script>", re.DOTALL)


def script_hashes(page: bytes) -> list[str]:
    """Return the CSP hashes of the scripts that stand inside a page."""
    inside = [found["body"] for found in _SCRIPT.finditer(page) if b"src=" not in found["facts"]]
    return [f"'sha256-{base64.b64encode(hashlib.sha256(body).digest()).decode()}'" for body in inside]


def screen_policy(config: Config, hashes: Sequence[str]) -> str:
    """Return what a screen may load: only from here. `blob:` lets Streamlit run the scripts of our own components."""
    socket = "wss" if config.secure else "ws"
    sockets = " ".join(f"{socket}://{host}" for host in sorted(config.hosts))
    scripts = " ".join(["'self'", "'wasm-unsafe-eval'", "blob:", *hashes])
    return (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        f"font-src 'self' data:; connect-src 'self' {sockets}; media-src 'self' blob:; frame-src 'self'; worker-src 'self' blob:; "
        "frame-ancestors 'self'; object-src 'none'; base-uri 'none'; form-action 'self'"
    )


def completed(given: Iterable[Header], policy: bytes, *, secure: bool, store: bool) -> list[Header]:
    """Return an answer's headers with ours added where they are missing; the server does not name itself.

    store: whether browsers and proxies may keep the answer, as its own cache-control says.
    """
    found = [(name.lower(), value) for name, value in given]
    found = [_secured(one) if secure else one for one in found if one[0] != b"server"]
    if not store:
        found = [one for one in found if one[0] != b"cache-control"] + [NO_STORE]
    names = {name for name, _ in found}
    ours = [*ALWAYS, (b"content-security-policy", policy), *([HSTS] if secure else [])]
    return found + [one for one in ours if one[0] not in names]


def _secured(header: Header) -> Header:
    """Return a Set-Cookie of Streamlit with the flag that it sets only when it serves TLS itself."""
    name, value = header
    if name != b"set-cookie" or b"; secure" in value.lower():
        return header
    return name, value + b"; Secure"
