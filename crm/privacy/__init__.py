"""Privacy at the record: what stands hidden is shown for a reason, and everybody can see afterwards who had it shown.

Promises: a hidden phone or e-mail that was shown is in the audit log, without its value; nobody has more than so many
customers' shown in an hour, and whoever tries is told about to the one who leads him; everything that is kept about a customer
can be given to him in one file; erasing him empties every table, index and file, and keeps the sums.
"""

from crm.privacy.erasing import REASONS, Reason, erase
from crm.privacy.holdings import HOLDINGS, Holding
from crm.privacy.person_file import export_person, take_person_file
from crm.privacy.showing import may_be_shown, show_contact_data
from crm.privacy.traces import Traces, look_through

__all__ = [
    "HOLDINGS",
    "REASONS",
    "Holding",
    "Reason",
    "Traces",
    "erase",
    "export_person",
    "look_through",
    "may_be_shown",
    "show_contact_data",
    "take_person_file",
]
