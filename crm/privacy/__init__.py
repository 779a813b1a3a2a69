"""Privacy at the record: what stands hidden is shown for a reason, and everybody can see afterwards who had it shown.

Promises: a hidden phone or e-mail that was shown is in the audit log, without its value; nobody has more than so many
customers' shown in an hour, and whoever tries is told about to the one who leads him.
"""

from crm.privacy.showing import may_be_shown, show_contact_data

__all__ = ["may_be_shown", "show_contact_data"]
