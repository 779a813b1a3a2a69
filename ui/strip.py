"""The strip above every page: look-up, language, bell and the person's menu."""

from functools import lru_cache
from typing import Final

from crm.core.config import BOOT
from crm.core.i18n import LANGUAGES
from ui import native_words
from ui.parts import draw as draw_part
from ui.parts import written
from ui.session import _, language, may, me, translated

SECONDS: Final = 2
"""How often the browser asks whether the server was restarted or the sign-in has ended."""


def draw(unread: int, address: str) -> None:
    """Draw the strip. unread: how many notifications wait; address: of this screen, for its help."""
    draw_part("strip", key="strip", text=_written(language(), me().name, unread, address, finds=may("customers.view")))


@lru_cache(maxsize=4096)
def _written(code: str, name: str, unread: int, address: str, *, finds: bool) -> str:
    """Write what the strip shows; it is the same at most runs."""
    words = {
        "find": _("Find a customer: name, phone, e-mail"),
        "find_short": _("Find a customer"),
        "short": _("Type a little more. Part of a name is enough; the phone of a colleague's customer must be whole."),
        "nobody": _("Nobody found that you may see."),
        "away": _("No answer from the server. Please try again."),
        "language": _("Language"),
        "bell": _("Notifications"),
        "quiet": _("Nothing new. What concerns you will be listed here."),
        "read": _("Mark all as read"),
        "wait": _("One moment…"),
        "account": _("My account"),
        "help": _("Help for this page"),
        "leave": _("Sign out"),
    }
    return written(
        {
            "boot": BOOT,
            "seconds": SECONDS,
            "words": words,
            "native": {
                "labels": translated(native_words.LABELS),
                "starts": translated(native_words.STARTS),
                "texts": translated(native_words.TEXTS),
                "hidden": ", ".join(native_words.HIDDEN),
            },
            "language": code,
            "languages": LANGUAGES,
            "name": name,
            "unread": unread,
            "finds": finds,
            "help": f"/help?page={address}",
        }
    )
