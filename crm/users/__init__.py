"""Users: the people of the company and its partners who sign in. The administrator keeps their accounts.

Promises: there is always an active administrator, and nobody locks himself out; whoever is disabled, deleted or given a new
password is signed out in the same transaction; nobody leaves customers behind without a responsible.
"""

from crm.users.accounts import (
    ABOVE_ALL,
    Welcome,
    change,
    create,
    delete,
    disable,
    drop_second_factor,
    enable,
    hand_over,
    reset_password,
    set_language,
    set_roles,
    set_timezone,
    sign_out_everywhere,
    unlock,
)
from crm.users.fields import NAME_LENGTH, checked, time_zones
from crm.users.lists import (
    STATE,
    STATES,
    Filters,
    State,
    count,
    customers_of,
    directory,
    inside,
    last_seen,
    listing,
    names,
    one,
    reached,
)

__all__ = [
    "ABOVE_ALL",
    "NAME_LENGTH",
    "STATE",
    "STATES",
    "Filters",
    "State",
    "Welcome",
    "change",
    "checked",
    "count",
    "create",
    "customers_of",
    "delete",
    "directory",
    "disable",
    "drop_second_factor",
    "enable",
    "hand_over",
    "inside",
    "last_seen",
    "listing",
    "names",
    "one",
    "reached",
    "reset_password",
    "set_language",
    "set_roles",
    "set_timezone",
    "sign_out_everywhere",
    "time_zones",
    "unlock",
]
