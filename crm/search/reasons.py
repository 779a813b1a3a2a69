"""Why a customer was found, in words; and where else than in the index customers are found."""

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from crm.core.i18n import N_

if TYPE_CHECKING:
    from crm.core.uow import UnitOfWork


class Why(StrEnum):
    """Why a customer was found; the later ones need more explaining."""

    NAME = "name"
    NUMBER = "number"
    TAX = "tax"
    EMAIL = "email"
    PHONE = "phone"
    CONTACT = "contact"
    PART_OF_NAME = "part_of_name"
    PART_OF_EMAIL = "part_of_email"
    PART_OF_PHONE = "part_of_phone"
    END_OF_PHONE = "end_of_phone"
    PINYIN = "pinyin"
    SOUND = "sound"
    LAYOUT = "layout"
    TAG = "tag"
    NOTE = "note"
    SLIP = "slip"


WHYS: Final = {
    Why.NAME: N_("name"),
    Why.NUMBER: N_("customer number"),
    Why.TAX: N_("tax number"),
    Why.EMAIL: N_("e-mail address"),
    Why.PHONE: N_("phone number"),
    Why.CONTACT: N_("contact person: {text}"),
    Why.PART_OF_NAME: N_("part of the name: {text}"),
    Why.PART_OF_EMAIL: N_("part of the e-mail address: {text}"),
    Why.PART_OF_PHONE: N_("part of the phone number: {text}"),
    Why.END_OF_PHONE: N_("phone ends with {text}"),
    Why.PINYIN: N_("pinyin: {text}"),
    Why.SOUND: N_("name sounds like {text}"),
    Why.LAYOUT: N_("keyboard layout: {text}"),
    Why.TAG: N_("tag: {text}"),
    Why.NOTE: N_("your own note: {text}"),
    Why.SLIP: N_("similar spelling: {text}"),
}

Elsewhere = Callable[["UnitOfWork", str], list[int]]
ELSEWHERE: Final[dict[Why, Elsewhere]] = {}
"""Questions to rows that are not in the index, by the reason that their answers give."""


def also_in(why: Why) -> Callable[[Elsewhere], Elsewhere]:
    """Declare a function that returns the ids of customers for a typed text, read through the door, the likeliest first."""

    def declare(ask: Elsewhere) -> Elsewhere:
        ELSEWHERE[why] = ask
        return ask

    return declare
