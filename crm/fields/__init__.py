"""Own fields: what the company wants to know of its customers beyond the fields that everybody has.

Promises: a field and each of its choices keep their code for ever, whatever they are called later; nothing that was entered
is lost when a field or a choice is taken out of use; what is entered fits the kind of its field; a change holds from the
next click on, without a restart.

The values stand in `customers.extra` under the key of their field; the definitions stand here. `customers.create` and
`customers.edit` refuse to save while a mandatory field is empty, also on a customer who was there before the field was:
whoever changes the business data is the one who can fill it. Changing contact data only does not wait for it.
"""

from crm.fields.changes import add, change, code_of, move, rename_choice, restore, retire
from crm.fields.queries import FieldList, definitions, everything
from crm.fields.records import (
    KINDS,
    LABEL_LENGTH,
    MOST_CHOICES,
    OWN,
    WHOSE,
    WITH_CHOICES,
    Choice,
    Definition,
    FieldKind,
    OwnField,
    Whose,
)
from crm.fields.standard import STANDARD
from crm.fields.values import asked, checked, is_filled, missing, stored_tokens, token, written

__all__ = [
    "KINDS",
    "LABEL_LENGTH",
    "MOST_CHOICES",
    "OWN",
    "STANDARD",
    "WHOSE",
    "WITH_CHOICES",
    "Choice",
    "Definition",
    "FieldKind",
    "FieldList",
    "OwnField",
    "Whose",
    "add",
    "asked",
    "change",
    "checked",
    "code_of",
    "definitions",
    "everything",
    "is_filled",
    "missing",
    "move",
    "rename_choice",
    "restore",
    "retire",
    "stored_tokens",
    "token",
    "written",
]
