"""How much each sign-in has sent lately: what is uploaded stays in the server's memory until its page is left."""

import time
from typing import Final

LARGEST: Final = 150 * 1024 * 1024
"""Bytes that one sign-in may send within `WINDOW_SECONDS`."""

WINDOW_SECONDS: Final = 600.0


class Uploads:
    """The uploads of this process, by sign-in."""

    def __init__(self) -> None:
        self._sent: dict[int, list[tuple[float, int]]] = {}

    def fits(self, sign_in_id: int, size: int) -> bool:
        """Count an upload of `size` bytes; False, and not counted, when it is too much for now."""
        now = time.monotonic()
        self._sent = {
            who: kept for who, sent in self._sent.items() if (kept := [one for one in sent if _recent(one, now)])
        }
        recent = self._sent.get(sign_in_id, [])
        if sum(one for _at, one in recent) + size > LARGEST:
            return False
        self._sent[sign_in_id] = [*recent, (now, size)]
        return True


def _recent(sent: tuple[float, int], now: float) -> bool:
    return now - sent[0] < WINDOW_SECONDS
