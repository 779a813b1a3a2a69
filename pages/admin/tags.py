"""The words that customers are marked with: how many have each; rename, join and delete them."""

from typing import Any

from crm import tags
from crm.core.uow import UnitOfWork
from crm.tags import TONES
from ui import tables, tag_forms, words
from ui.page import Action, asked_id, dialog, empty, header, opener, opening
from ui.session import _, watched

add = Action(_("New tag"), opening("new"), icon="add", primary=True, key="n")
header(_("Tags"), _("Short words by which everybody sees at once whom the team deals with."), actions=[add])


def read(u: UnitOfWork) -> list[dict[str, Any]]:
    """Return the tags with the number of customers whom the reader sees under each."""
    counts = tags.counts(u)
    return [row | {"count": counts.get(key, 0)} for key, row in tags.directory(u).items()]


rows = watched(("tags in use",), read)
tones = {str(code): "" if code is tags.Tone.PLAIN else str(code) for code in TONES}
if rows:
    opens = opener("tag", "id", "seen")
    columns = {
        "name": tables.Column(_("Name"), main=True),
        "tone": tables.Column(
            _("Colour"), lambda code: words.named(TONES, code), tag=True, tone=lambda code: tones[code]
        ),
        "count": tables.Column(_("Customers"), words.number, right=True),
    }
    tables.table(rows, columns, key="tags", opens=lambda row: opens(id=row["id"], seen=row["version"]))
else:
    sentence = _("No tags yet. Make the first one; from then on it can be put on customers.")
    empty(sentence, button=_("New tag"), href=opening("new"), icon="sell")

if dialog() == "new":
    tag_forms.new()
elif dialog():
    tag_forms.draw(dialog(), asked_id(), next((row["count"] for row in rows if row["id"] == asked_id()), 0))
