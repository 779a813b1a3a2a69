"""Counters: '8 of 12' large, a thin bar with the mark of today's pace, '4 left' small. They move by themselves."""

from functools import lru_cache
from itertools import groupby
from typing import Final

from crm import plans
from crm.plans import Progress
from ui import words
from ui.parts import draw as draw_part
from ui.parts import written
from ui.session import _, language, n_

EVERY: Final = "1s"
"""How often a live counter looks: the promise is two seconds from save to sight."""


def counters(progress: list[Progress], *, key: str) -> None:
    """Draw the counters, those of one person or team side by side under the name; a team's name opens its people's."""
    draw_part("counters", key=key, text=_written(tuple(progress), language()))


@lru_cache(maxsize=512)
def _written(progress: tuple[Progress, ...], _language: str) -> str:
    """Return what is sent, which is the same from second to second until somebody logs something."""
    groups = groupby(progress, key=lambda one: (one.whose, one.team_id if one.responsible_id is None else None))
    return written(
        {
            "groups": [
                {
                    "who": who or _("The whole company"),
                    "href": f"/plans?team={team}" if team else "",
                    "counters": [_told(one) for one in ones],
                }
                for (who, team), ones in groups
            ]
        }
    )


def _told(one: Progress) -> dict[str, object]:
    ahead = one.done >= one.pace
    days = n_("{n} working day", "{n} working days", one.days_left)
    return {
        "id": one.plan_id,
        "when": words.days(one.starts_on, one.ends_on),
        "what": _(plans.MEASURES[one.measure]),
        "done": words.number(one.done),
        "of": _("of {target}").format(target=words.number(one.target)),
        "share": round(one.share * 100, 1),
        "pace": round(min(one.pace / one.target, 1.0) * 100, 1),
        "hint": _("Today's pace: {n}").format(n=words.number(round(one.pace, 1))),
        "left": _("{n} left, {days}").format(n=words.number(one.left), days=days) if one.left else days,
        "word": _("reached") if one.done >= one.target else _("on pace") if ahead else _("behind pace"),
        "tone": "good" if ahead else "late",
    }
