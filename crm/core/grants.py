"""The rights of each role: the one table that the guard, the menu, the matrix and the tests read."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from crm.core.i18n import N_


class Scope(StrEnum):
    """Whose records a right reaches, from narrow to wide."""

    OWN = "own"
    PARTNER = "partner"
    TEAM = "team"
    ALL = "all"


OWN, PARTNER, TEAM, ALL = Scope
WIDTH: Final = {None: 0, OWN: 1, PARTNER: 2, TEAM: 3, ALL: 4}


class Role(StrEnum):
    """What a person is in the company."""

    ADMINISTRATOR = "administrator"
    RECORD_KEEPER = "record_keeper"
    SALES_REP = "sales_rep"
    SERVICE_REP = "service_rep"
    SALES_MANAGER = "sales_manager"
    MARKETER = "marketer"
    ANALYST = "analyst"
    EXECUTIVE = "executive"
    PRODUCT_MANAGER = "product_manager"
    PARTNER = "partner"


ROLES: Final[Mapping[Role, str]] = {
    Role.ADMINISTRATOR: N_("Administrator"),
    Role.RECORD_KEEPER: N_("Record keeper"),
    Role.SALES_REP: N_("Sales rep"),
    Role.SERVICE_REP: N_("Service rep"),
    Role.SALES_MANAGER: N_("Sales manager"),
    Role.MARKETER: N_("Marketer"),
    Role.ANALYST: N_("Data analyst"),
    Role.EXECUTIVE: N_("Executive"),
    Role.PRODUCT_MANAGER: N_("Product manager"),
    Role.PARTNER: N_("Partner"),
}
"""Each role with its name."""

RIGHTS: Final[Mapping[str, str]] = {
    "customers.view": N_("See customers"),
    "customers.create": N_("Add customers"),
    "customers.save_double": N_("Save customers although they seem to be there already"),
    "customers.edit": N_("Change business data of customers"),
    "customers.view_personal": N_("See phones, e-mails and addresses in full"),
    "customers.edit_personal": N_("Change names, phones, e-mails and addresses"),
    "customers.assign": N_("Hand customers over to another responsible"),
    "customers.hand_over": N_("Hand over all customers of a colleague who leaves"),
    "customers.merge": N_("Merge two customers into one, and undo it"),
    "customers.verify": N_("Stand for it that the data of customers are right"),
    "customers.archive": N_("Put customers into the bin and take them out"),
    "customers.edit_many": N_("Change all customers of a list at once"),
    "customers.export": N_("Take customers out as a file"),
    "quality.view": N_("See how complete and how fresh the data of customers are"),
    "quality.ask": N_("Ask colleagues to fill in what is missing of their customers"),
    "reports.view": N_("Read the monthly reports, which count everybody's customers"),
    "reports.make": N_("Make the monthly reports, write what follows from them, and file them"),
    "filters.save": N_("Keep filters and columns of one's own"),
    "filters.share": N_("Share filters with a team, or with everybody"),
    "stages.set_strategy": N_("Say what is done with customers of each stage"),
    "tags.edit": N_("Make, rename, join and delete tags"),
    "fields.manage": N_("Set up the company's own fields and the types of customers"),
    "privacy.show_contact_data": N_("Have hidden phones, e-mails and addresses shown, so many in an hour"),
    "privacy.export_person": N_("Take everything kept about a customer out as a file"),
    "privacy.erase": N_("Erase a customer for good"),
    "privacy.record_consents": N_("Record on which legal basis a customer's data are used"),
    "requests.view": N_("Read requests to change personal data"),
    "requests.ask": N_("Ask for a change of personal data"),
    "requests.answer": N_("Answer requests to change personal data"),
    "imports.run": N_("Import customers from files"),
    "imports.view": N_("See imports"),
    "interactions.view": N_("See the journal of contacts"),
    "interactions.log": N_("Log calls and other contacts"),
    "interactions.edit": N_("Correct logged contacts"),
    "documents.view": N_("See which documents there are of customers"),
    "documents.take": N_("Open documents of customers"),
    "documents.manage": N_("Add documents to customers and put them into the bin"),
    "documents.erase": N_("Delete documents for good"),
    "products.view": N_("See products"),
    "products.edit": N_("Change products"),
    "purchases.view": N_("See purchases"),
    "purchases.record": N_("Record purchases"),
    "plans.view": N_("See plans and their progress"),
    "plans.set": N_("Set plans"),
    "notifications.view": N_("Read one's own notifications"),
    "notifications.send": N_("Notify colleagues"),
    "account.edit": N_("Change one's own language, password and second factor"),
    "users.view": N_("See the names of colleagues"),
    "users.manage": N_("Create, change, disable and delete accounts"),
    "teams.view": N_("See the teams"),
    "teams.manage": N_("Create teams and move people"),
    "rights.view": N_("See the matrix of rights"),
    "rights.adjust": N_("Adjust the rights of roles"),
    "settings.edit": N_("Change the settings"),
    "audit.view": N_("See who changed what"),
    "system.view": N_("See the health of the system"),
    "backups.view": N_("See backups"),
    "backups.make": N_("Make backups"),
}
"""Each right with what it allows."""

WHO_INSTEAD: Final[Mapping[str, str]] = {
    "customers.export": N_("Your role does not allow this. Who takes customers out as a file, or tries to, is noted."),
    "customers.edit_personal": N_(
        "Your role may not change names, phones, e-mails and addresses. Ask the record keeper: 'Ask for a change' on the card."
    ),
}
"""What is said instead of 'ask the administrator' where there is more to say: who does it instead, that it is noted."""

_EVERYONE: Final[dict[str, Scope]] = {
    "notifications.view": OWN,
    "requests.view": OWN,
    "account.edit": OWN,
    "filters.save": OWN,
    "users.view": ALL,
    "teams.view": ALL,
    "products.view": ALL,
}
_READS_ALL: Final[dict[str, Scope]] = {
    "customers.view": ALL,
    "interactions.view": ALL,
    "purchases.view": ALL,
    "plans.view": ALL,
    "requests.ask": ALL,
}

GRANTS: Final[Mapping[Role, Mapping[str, Scope]]] = {
    Role.ADMINISTRATOR: _EVERYONE
    | _READS_ALL
    | {
        "customers.hand_over": ALL,
        "customers.archive": ALL,
        "quality.view": ALL,
        "reports.view": ALL,
        "reports.make": ALL,
        "filters.share": ALL,
        "fields.manage": ALL,
        "privacy.export_person": ALL,
        "privacy.erase": ALL,
        "imports.view": ALL,
        "users.manage": ALL,
        "teams.manage": ALL,
        "rights.view": ALL,
        "rights.adjust": ALL,
        "settings.edit": ALL,
        "audit.view": ALL,
        "system.view": ALL,
        "backups.view": ALL,
        "backups.make": ALL,
    },
    Role.RECORD_KEEPER: _EVERYONE
    | {
        "customers.view": ALL,
        "customers.create": ALL,
        "customers.save_double": ALL,
        "customers.edit": ALL,
        "customers.view_personal": ALL,
        "customers.edit_personal": ALL,
        "customers.assign": ALL,
        "customers.hand_over": ALL,
        "customers.merge": ALL,
        "customers.verify": ALL,
        "customers.archive": ALL,
        "customers.edit_many": ALL,
        "customers.export": ALL,
        "quality.view": ALL,
        "quality.ask": ALL,
        "reports.view": ALL,
        "reports.make": ALL,
        "filters.share": ALL,
        "tags.edit": ALL,
        "fields.manage": ALL,
        "privacy.export_person": ALL,
        "privacy.erase": ALL,
        "privacy.record_consents": ALL,
        "requests.view": ALL,
        "requests.answer": ALL,
        "imports.run": ALL,
        "imports.view": ALL,
        "interactions.view": ALL,
        "documents.view": ALL,
        "documents.take": ALL,
        "documents.manage": ALL,
        "documents.erase": ALL,
        "purchases.view": ALL,
        "purchases.record": ALL,
        "products.edit": ALL,
        "plans.view": OWN,
    },
    Role.SALES_REP: _EVERYONE
    | {
        "customers.view": TEAM,
        "customers.create": OWN,
        "customers.save_double": OWN,
        "customers.edit": OWN,
        "customers.view_personal": OWN,
        "customers.verify": OWN,
        "quality.view": OWN,
        "privacy.show_contact_data": TEAM,
        "privacy.record_consents": OWN,
        "requests.ask": TEAM,
        "interactions.view": TEAM,
        "interactions.log": TEAM,
        "interactions.edit": OWN,
        "documents.view": TEAM,
        "documents.take": TEAM,
        "documents.manage": OWN,
        "purchases.view": TEAM,
        "purchases.record": OWN,
        "plans.view": OWN,
    },
    Role.SERVICE_REP: _EVERYONE
    | {
        "customers.view": ALL,
        "customers.create": OWN,
        "customers.save_double": OWN,
        "customers.view_personal": ALL,
        "privacy.show_contact_data": ALL,
        "privacy.record_consents": ALL,
        "requests.ask": ALL,
        "interactions.view": ALL,
        "interactions.log": ALL,
        "interactions.edit": OWN,
        "documents.view": ALL,
        "documents.take": ALL,
        "documents.manage": ALL,
        "purchases.view": ALL,
        "plans.view": OWN,
    },
    Role.SALES_MANAGER: _EVERYONE
    | {
        "customers.view": TEAM,
        "customers.create": TEAM,
        "customers.save_double": TEAM,
        "customers.edit": TEAM,
        "customers.view_personal": TEAM,
        "privacy.show_contact_data": TEAM,
        "privacy.record_consents": TEAM,
        "requests.ask": TEAM,
        "customers.assign": TEAM,
        "customers.hand_over": TEAM,
        "customers.edit_many": TEAM,
        "customers.verify": TEAM,
        "customers.export": TEAM,
        "quality.view": TEAM,
        "quality.ask": TEAM,
        "filters.share": TEAM,
        "interactions.view": TEAM,
        "interactions.log": TEAM,
        "interactions.edit": TEAM,
        "documents.view": TEAM,
        "documents.take": TEAM,
        "documents.manage": TEAM,
        "purchases.view": TEAM,
        "purchases.record": TEAM,
        "plans.view": TEAM,
        "plans.set": TEAM,
        "stages.set_strategy": ALL,
    },
    Role.MARKETER: _EVERYONE
    | {
        "customers.view": ALL,
        "filters.share": ALL,
        "requests.ask": ALL,
        "interactions.view": ALL,
        "purchases.view": ALL,
        "plans.view": OWN,
    },
    Role.ANALYST: _EVERYONE | _READS_ALL | {"reports.view": ALL},
    Role.EXECUTIVE: _EVERYONE
    | _READS_ALL
    | {
        "plans.set": ALL,
        "quality.view": ALL,
        "reports.view": ALL,
        "stages.set_strategy": ALL,
        "documents.view": ALL,
        "documents.take": ALL,
    },
    Role.PRODUCT_MANAGER: _EVERYONE
    | {"products.edit": ALL, "purchases.view": ALL, "customers.view": ALL, "requests.ask": ALL},
    Role.PARTNER: _EVERYONE
    | {
        "users.view": PARTNER,
        "customers.view": PARTNER,
        "requests.ask": PARTNER,
        "interactions.view": PARTNER,
        "interactions.log": PARTNER,
        "purchases.view": PARTNER,
    },
}
"""Role x right -> scope; absent = refused. The default: `crm.core.access.RightAdjustment` holds what administrators changed."""

PRESETS: Final[Mapping[str, tuple[tuple[Role, str, Scope], ...]]] = {
    "division_of_labour": (),
    "small_team": (
        (Role.SALES_REP, "customers.edit_personal", OWN),
        (Role.SALES_REP, "customers.assign", OWN),
        (Role.SERVICE_REP, "customers.edit", ALL),
        (Role.SERVICE_REP, "customers.edit_personal", ALL),
        (Role.SALES_MANAGER, "customers.edit_personal", TEAM),
        (Role.SALES_MANAGER, "customers.merge", TEAM),
        (Role.SALES_MANAGER, "imports.run", TEAM),
        (Role.SALES_MANAGER, "imports.view", OWN),
    ),
}
"""Ready adjustments: the operator edits personal data and the others log events (R143), or everybody edits their own."""

UNTOUCHABLE: Final = frozenset(
    (Role.ADMINISTRATOR, right) for right in ("users.view", "users.manage", "rights.view", "rights.adjust")
)
"""Rights that cannot be taken away, or nobody could give them back."""
