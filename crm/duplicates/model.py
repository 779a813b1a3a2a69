"""The model: how much it says for one customer, and against, that two records agree or differ in a field.

The weights are set by hand and stand here for everybody to read: `same` is how often two records of one customer are so, `others`
how often two records of different customers are. They were not fitted to anybody's data (docs/decisions/0021). Three of them depend
on the base: how rare a name, a city or a street is, is counted in it; how many records there are decides how likely it is that
two of them are of one customer at all; and in a large base the chance of similar names is estimated anew (`LARGE`).

Phones, e-mails and numbers are shared by two customers as seldom as the base is large, and two records are of one customer as
seldom: what they say together is the same at 300 customers and at 1,000,000.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from crm.duplicates.records import Sign

DOUBLED: Final = 0.05
"""So many of a base's records are a second one of somebody: of what companies found when they cleaned for the first time."""

LARGE: Final = 20_000
"""From so many customers on the chance of similar names is estimated in the base itself."""

SAMPLED_PAIRS: Final = 500_000
FEWEST: Final = 50
"""A base of fewer counts as one of so many, so that two sharing a phone is never a matter of course."""

STREETS_ALIKE: Final = 0.88


@dataclass(frozen=True)
class Level:
    """How two records compare in a field: `when` as SQL over the columns of both (`_l`, `_r`), none for everything else.

    same, others: how often that is so for two records of one customer, and of two. by_count: the column in whose place its
    rarity in the base stands. sampled: estimated anew in a large base.
    """

    when: str
    same: float
    others: float
    by_count: str = ""
    sampled: bool = False


@dataclass(frozen=True)
class Comparison:
    """A field with its levels, the closest first; `missing` says as SQL that it cannot be compared."""

    name: str
    missing: str
    levels: Sequence[Level]


def _absent(*columns: str) -> str:
    return " OR ".join(f"{one}_l IS NULL OR {one}_r IS NULL" for one in columns)


def _share(column: str) -> str:
    """Return 'they have one of these in common'; false, not unknown, where one has none."""
    return f"coalesce(list_has_any({column}_l, {column}_r), false)"


def _differ(column: str) -> str:
    return f"coalesce(NOT list_has_any({column}_l, {column}_r), false)"


def _one_slip(column: str) -> str:
    return f"coalesce(one_slip({column}_l, {column}_r), false)"


ONE_SLIP: Final = """\
CREATE MACRO one_slip(here, there) AS list_bool_or(list_transform(here, lambda one: list_bool_or(list_transform(there, lambda other:
    CASE WHEN abs(len(one) - len(other)) < 2
          AND (left(one, len(one) // 2 - 1) = left(other, len(one) // 2 - 1)
           OR right(one, len(one) // 2 - 1) = right(other, len(one) // 2 - 1))
         THEN damerau_levenshtein(one, other) = 1 ELSE false END))))"""
"""'One of these is one of those with one wrong, missing, superfluous or exchanged sign.' Then one of the halves is the same, and
only where it is so the signs are counted, which takes a hundred times as long.
"""


def _alike(closeness: str) -> str:
    pairs = (("sorted_l", "sorted_r"), ("written_l", "written_r"))  # a slip in the first letter changes the order
    return f"greatest({', '.join(closeness.format(a=a, b=b) for a, b in pairs)})"


SAME_FIGURES: Final = "figures_l IS NOT DISTINCT FROM figures_r"
ALIKE: Final = f"{SAME_FIGURES} AND " + _alike("jaro_winkler_similarity({a}, {b})") + " >= 0.92"
RATHER_ALIKE: Final = (
    f"{SAME_FIGURES} AND " + _alike("1 - levenshtein({a}, {b}) / greatest(len({a}), len({b}))") + " >= 0.7"
)
PART_OF_NAME: Final = "(list_has_all(words_l, words_r) OR list_has_all(words_r, words_l))"
SAME_HOUSE: Final = (
    "coalesce(list_has_all(house_l, house_r) AND list_has_all(house_r, house_l), house_l IS NULL AND house_r IS NULL)"
)
SAME_PLACE: Final = f"street_l = street_r AND {SAME_HOUSE}"
ONE_HOUSE: Final = "coalesce(list_has_all(house_l, house_r) OR list_has_all(house_r, house_l), true)"
STREET_ALIKE: Final = f"jaro_winkler_similarity(street_l, street_r) >= {STREETS_ALIKE}"


_PHONE, _EMAIL = _share("phones"), _share("emails")

NAME: Final = Comparison(
    "name",
    _absent("name"),
    (
        Level("name_l = name_r", 0.60, 0.0005, by_count="name"),
        Level(ALIKE, 0.20, 0.002, sampled=True),
        Level(f"{PART_OF_NAME} AND least(len(words_l), len(words_r)) > 1", 0.07, 0.0005),
        Level(PART_OF_NAME, 0.04, 0.01),
        Level(RATHER_ALIKE, 0.05, 0.01, sampled=True),
        # a family: one phone, one address, one surname. Common among those who meet at all, so that it speaks against
        Level("list_has_any(words_l, words_r)", 0.02, 0.3),
        Level("", 0.02, 0.9),
    ),
)
BIRTHDAY: Final = Comparison(
    "birthday",
    _absent("birthdays"),
    (
        Level(_share("birthdays"), 0.85, 0.0003),
        Level(_one_slip("birthdays"), 0.10, 0.005),
        Level("", 0.05, 0.99),
    ),
)
CITY: Final = Comparison(
    "city",
    _absent("city"),
    (
        Level("city_l = city_r", 0.82, 0.1, by_count="city"),
        Level(f"jaro_winkler_similarity(city_l, city_r) >= {STREETS_ALIKE}", 0.08, 0.01),
        Level("", 0.10, 0.85),
    ),
)
ADDRESS: Final = Comparison(
    "address",
    _absent("street"),
    (
        # a household or an office: who shares the phone shares the address, whoever he is
        Level(f"{SAME_PLACE} AND ({_PHONE} OR {_EMAIL})", 0.50, 0.30),
        Level(SAME_PLACE, 0.50, 0.003),
        Level(f"{STREET_ALIKE} AND {ONE_HOUSE}", 0.25, 0.005),
        Level("", 0.25, 0.99),
    ),
)


def comparisons(count: int) -> tuple[Comparison, ...]:
    """Return the fields of a base of so many customers."""
    n = max(count, FEWEST)
    reach = Comparison(
        "reach",
        f"({_absent('phones')}) AND ({_absent('emails')})",
        (
            Level(f"{_PHONE} AND {_EMAIL}", 0.40, 0.01 / n),
            Level(f"{_PHONE} OR {_EMAIL}", 0.40, 0.07 / n),
            Level(f"{_one_slip('phones')} OR {_one_slip('emails')}", 0.06, 0.3 / n + 0.00001),
            Level(f"{_differ('phones')} AND {_differ('emails')}", 0.08, 0.95),
            Level("", 0.25, 0.97),
        ),
    )
    number = Comparison(
        "number",
        _absent("numbers"),
        (
            Level(_share("numbers"), 0.85, 0.01 / n),
            Level(_one_slip("numbers"), 0.10, 0.05 / n + 0.00001),
            Level("", 0.04, 0.99),
        ),
    )
    return NAME, reach, number, BIRTHDAY, CITY, ADDRESS


def prior(count: int) -> float:
    """Return how likely it is that any two records of a base of so many are of one customer."""
    return 2 * DOUBLED / max(count, FEWEST)


def settings(count: int) -> Any:
    """Return the model of a base of so many customers as splink takes it."""
    from splink import SettingsCreator  # noqa: PLC0415  heavy, and only the job gets here

    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="id",
        probability_two_random_records_match=prior(count),
        comparisons=[_in_splink(one) for one in comparisons(count)],
        blocking_rules_to_generate_predictions=[],
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=False,
    )


def _in_splink(one: Comparison) -> Any:
    from splink import comparison_level_library as levels  # noqa: PLC0415  heavy, likewise
    from splink import comparison_library  # noqa: PLC0415  heavy, likewise

    found: list[Any] = [levels.CustomLevel(one.missing).configure(is_null_level=True)]
    for level in one.levels:
        drawn: Any = levels.CustomLevel(level.when) if level.when else levels.ElseLevel()
        drawn.configure(
            m_probability=level.same,
            u_probability=level.others,
            fix_m_probability=True,
            fix_u_probability=not level.sampled,
        )
        if level.by_count:
            drawn.configure(tf_adjustment_column=level.by_count)
        found.append(drawn)
    return comparison_library.CustomComparison(found, output_column_name=one.name)


SIGNS: Final = {
    Sign.PHONE: _share("phones"),
    Sign.EMAIL: _share("emails"),
    Sign.NUMBER: _share("numbers"),
    Sign.NAME: "name_l = name_r",
    Sign.NAME_PART: f"name_l <> name_r AND {PART_OF_NAME}",
    Sign.NAME_NEAR: f"name_l <> name_r AND NOT {PART_OF_NAME} AND (({ALIKE}) OR ({RATHER_ALIKE}))",
    Sign.BIRTHDAY: _share("birthdays"),
    Sign.ADDRESS: SAME_PLACE,
    Sign.PHONE_NEAR: f"{_differ('phones')} AND {_one_slip('phones')}",
    Sign.EMAIL_NEAR: f"{_differ('emails')} AND {_one_slip('emails')}",
    Sign.NUMBER_NEAR: f"{_differ('numbers')} AND {_one_slip('numbers')}",
    Sign.ADDRESS_NEAR: f"NOT ({SAME_PLACE}) AND {STREET_ALIKE} AND {ONE_HOUSE}",
    Sign.CITY: "city_l = city_r",
}
"""What speaks for a pair, as SQL over the columns of both."""
