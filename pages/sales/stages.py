"""What the company does with customers of each stage of their life with us, and what comes next with each of them."""

from crm import stages
from crm.customers import STAGES
from ui import stage_parts, tables, words
from ui.page import dialog, header, opener
from ui.session import _, asked, may, watched

known = watched("strategies", stages.strategies)
header(_("Stages"), _("What we do with customers of each stage. It stands on the card of everybody who is there."))
opens = opener("strategy", "stage", "seen")
columns = {
    "stage": tables.Column(_("Stage"), lambda code: words.named(STAGES, code), main=True),
    "strategy": tables.Column(_("What we do"), grow=True),
    "next_step": tables.Column(_("Next step"), wrap=True),
}
rows = [{"stage": str(one), "strategy": "", "next_step": "", "version": 0} | known.get(one, {}) for one in STAGES]
if may(stages.RIGHT):
    tables.table(rows, columns, key="stages", opens=lambda row: opens(stage=row["stage"], seen=row["version"]))
else:
    tables.table(rows, columns, key="stages", opens=lambda row: f"/customers?stage={row['stage']}")

if dialog() == "strategy" and may(stages.RIGHT):
    stage_parts.change(asked("stage"), known)
