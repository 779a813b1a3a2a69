"""Contact data: phones and e-mails as people type them, brought into one form."""

import re
from functools import lru_cache
from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from crm.core.errors import Invalid
from crm.core.i18n import N_

LONGEST_PHONE: Final = 40
LONGEST_EMAIL: Final = 254


@lru_cache(maxsize=10_000)
def clean_phone(text: str, region: str) -> tuple[str, str]:
    """Return a phone as (written internationally, digits of E.164); raise Invalid beside `phones`.

    region: the country of numbers without a code, for example RU: '8 (916) 123-45-67' -> '+7 916 123-45-67'.
    """
    compact = text.strip()
    if len(compact) > LONGEST_PHONE:
        raise Invalid(N_("'{text}' is not a phone number."), field="phones", text=compact[:LONGEST_PHONE])
    try:
        number = phonenumbers.parse(compact, region)
    except phonenumbers.NumberParseException:
        raise Invalid(N_("'{text}' is not a phone number."), field="phones", text=compact) from None
    if not phonenumbers.is_possible_number(number):
        raise Invalid(N_("'{text}' is not a phone number."), field="phones", text=compact)
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    digits = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).lstrip("+")
    return written, digits


@lru_cache(maxsize=10_000)
def clean_email(text: str) -> str:
    """Return an e-mail address in lower case; raise Invalid beside `emails`."""
    compact = text.strip()
    wrong = Invalid(N_("'{text}' is not an e-mail address."), field="emails", text=compact[:80])
    if len(compact) > LONGEST_EMAIL or re.search(r"[\s,;<>]", compact):
        raise wrong
    try:
        return str(validate_email(compact, check_deliverability=False).normalized).lower()
    except EmailNotValidError:
        raise wrong from None
