"""The screens of Rapport: one table, read by the shell, the menu, the help and the tests."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crm.core.i18n import N_

PAGES_DIR: Final = Path(__file__).resolve().parents[1] / "pages"


@dataclass(frozen=True)
class Screen:
    """One screen: menu section, file under pages/, address, title, icon, and the right that its data need.

    address: '' is the first page, at '/'.
    hidden: opened from other screens, not in the menu.
    """

    section: str
    file: str
    address: str
    title: str
    icon: str
    right: str
    hidden: bool = False

    @property
    def path(self) -> Path:
        """The script."""
        return PAGES_DIR / self.file


SALES: Final = N_("Customers")
INSIGHT: Final = N_("Results")
ADMIN: Final = N_("Administration")

SCREENS: Final[tuple[Screen, ...]] = (
    Screen("", "home/my_day.py", "", N_("My day"), "today", "notifications.view"),
    Screen(SALES, "sales/customers.py", "customers", N_("Customers"), "group", "customers.view"),
    Screen(SALES, "sales/customer.py", "customer", N_("Customer card"), "person", "customers.view", hidden=True),
    Screen(SALES, "sales/interactions.py", "interactions", N_("Journal"), "forum", "interactions.view"),
    Screen(SALES, "sales/stages.py", "stages", N_("Stages"), "stairs", "customers.view"),
    Screen(SALES, "sales/requests.py", "requests", N_("Requests"), "edit_note", "requests.answer"),
    Screen(SALES, "sales/duplicates.py", "duplicates", N_("Duplicates"), "join_inner", "customers.merge"),
    Screen(SALES, "sales/imports.py", "imports", N_("Imports"), "upload_file", "imports.view"),
    Screen(INSIGHT, "insight/plans.py", "plans", N_("Plans"), "flag", "plans.view"),
    Screen(INSIGHT, "insight/quality.py", "quality", N_("Quality"), "verified", "quality.view"),
    Screen(INSIGHT, "insight/reports.py", "reports", N_("Reports"), "summarize", "reports.view"),
    Screen(ADMIN, "admin/users.py", "users", N_("People"), "badge", "users.manage"),
    Screen(ADMIN, "admin/teams.py", "teams", N_("Teams"), "groups", "teams.manage"),
    Screen(ADMIN, "admin/tags.py", "tags", N_("Tags"), "sell", "tags.edit"),
    Screen(ADMIN, "admin/fields.py", "fields", N_("Own fields"), "list_alt", "fields.manage"),
    Screen(ADMIN, "admin/types.py", "types", N_("Types of customers"), "category", "fields.manage"),
    Screen(ADMIN, "admin/rights.py", "rights", N_("Rights"), "key", "rights.view"),
    Screen(ADMIN, "admin/settings.py", "settings", N_("Settings"), "tune", "settings.edit"),
    Screen(ADMIN, "admin/audit.py", "audit", N_("Changes"), "history", "audit.view"),
    Screen(ADMIN, "admin/system.py", "system", N_("System"), "monitor_heart", "system.view"),
    Screen(ADMIN, "admin/backups.py", "backups", N_("Backups"), "save", "backups.view"),
    Screen("", "home/help.py", "help", N_("Help"), "help", "account.edit", hidden=True),
    Screen("", "home/account.py", "account", N_("My account"), "account_circle", "account.edit", hidden=True),
)


def screen(address: str) -> Screen:
    """Return the screen at an address. Raises KeyError."""
    return _BY_ADDRESS[address]


_BY_ADDRESS: Final = {one.address: one for one in SCREENS}
