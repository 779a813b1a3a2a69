"""A Chromium for the tests: the one this machine has, else Debian's."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Playwright

from tests.support.machine import MissingError, apt_install, is_root

NEEDED = "The tests need Chromium: apt install chromium-headless-shell (or chromium), or name its program in RAPPORT_TEST_CHROMIUM."
PACKAGE = "chromium-headless-shell"
"""The same Chromium without a window's parts: a third less work for the machine."""

NAMES = (PACKAGE, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OWN = ("chromium-*/chrome-linux*/chrome", "chromium-*/chrome-mac*/*.app/Contents/MacOS/*")

ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",  # it would look up its maker's hosts at every start
    "--disable-component-update",
    "--disable-sync",
)


def chromium_path() -> str:
    """Return Chromium's program; install it where we may; else raise MissingError."""
    named = os.environ.get("RAPPORT_TEST_CHROMIUM")
    if named:
        if not os.access(named, os.X_OK):
            raise MissingError(f"RAPPORT_TEST_CHROMIUM names no program: {named}")
        return named
    found = _on_path() or _playwrights_own()
    if found is None:
        apt_install(PACKAGE, NEEDED)
        found = _on_path()
    if found is None:
        raise MissingError(NEEDED)
    return found


def launch(playwright: Playwright, **options: Any) -> Browser:
    """Start a Chromium without a window and with an empty profile."""
    arguments = [*ARGUMENTS, *(["--no-sandbox"] if is_root() else []), *options.pop("args", [])]
    return playwright.chromium.launch(executable_path=chromium_path(), headless=True, args=arguments, **options)


def _on_path() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def _playwrights_own() -> str | None:
    cache = "Library/Caches" if sys.platform == "darwin" else ".cache"
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / cache / "ms-playwright")
    found = sorted(path for pattern in OWN for path in folder.glob(pattern) if os.access(path, os.X_OK))
    return str(found[-1]) if found else None
