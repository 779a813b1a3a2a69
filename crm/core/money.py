"""Money: an exact amount with its currency."""

import re
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import Final

from babel.numbers import format_currency, get_currency_precision

from crm.core.errors import Invalid

_CODE_AT_FIGURE: Final = re.compile(r"([A-Za-z]{3})(?=\d)")


@lru_cache(maxsize=256)
def smallest(currency: str) -> Decimal:
    """Return the smallest unit of a currency by ISO 4217: 0.01 for EUR, 1 for JPY."""
    return Decimal(1).scaleb(-int(get_currency_precision(currency)))


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Round half to even to the currency's smallest unit."""
    return amount.quantize(smallest(currency), ROUND_HALF_EVEN)


def parse(text: str, *, field: str = "amount") -> Decimal:
    """Read '1 234,50', '1,234.50' or '1234.5'; raise Invalid beside `field` when it is no amount."""
    compact = "".join(text.split()).replace("\u00a0", "").replace("'", "")
    if "," in compact and "." in compact:
        thousands = "," if compact.rfind(",") < compact.rfind(".") else "."
        compact = compact.replace(thousands, "")
    try:
        amount = Decimal(compact.replace(",", "."))
    except ArithmeticError:
        raise Invalid("'{text}' is not an amount.", field=field, text=text[:40]) from None
    if not amount.is_finite() or abs(amount) >= Decimal(10) ** 14:
        raise Invalid("'{text}' is not an amount.", field=field, text=text[:40])
    return amount


def written(amount: Decimal, currency: str, language: str) -> str:
    """Write an amount as people of that language do: '1 234,50 ₽'; a code of letters stands apart: 'RUB 1,234.50'."""
    return _CODE_AT_FIGURE.sub("\\1\u00a0", format_currency(amount, currency, locale=language))
