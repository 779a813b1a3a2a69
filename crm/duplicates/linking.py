"""Linking: which records of a base are of one customer, by splink on DuckDB beside the data, in a scratch folder.

Promises: what is compared is kept in memory; what does not fit there goes into the scratch folder encrypted with a key that
only this process has, and is gone when it ends. Nothing of it is logged.
"""

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from crm.duplicates import model
from crm.duplicates.facts import COLUMNS, LISTS, NUMBERS, Facts, as_columns
from crm.duplicates.records import LEAST

if TYPE_CHECKING:
    import duckdb

MEMORY: Final = "1GB"
THREADS: Final = 2
MOST_SHARING: Final = 25
"""A key that more customers share leads to nobody: everybody in Moscow whose name begins so."""

MOST_BEARING: Final = 10
"""A phone, an address or a number that more customers have says nothing of any two of them: a switchboard."""

AT_ONCE: Final = 50_000
"""So many customers are compared with all others in one go."""

HANDED_ON: Final = 1_000
RAREST: Final = 4
"""By so many words of a name, the rarest ones, it is told how rare it is."""

COUNTED: Final = ("phones", "emails", "numbers")
COMPARED: Final = tuple(key for key in COLUMNS if key not in {*NUMBERS, "rare", "keys"})


@dataclass(frozen=True)
class Found:
    """Two records that may be of one customer, the smaller number first, with their versions as they were compared.

    certainty: 0 to 1. signs: codes of what speaks for it.
    """

    customer_id: int
    other_id: int
    versions: tuple[int, int]
    certainty: float
    signs: tuple[str, ...]


class Linking:
    """One go over a base: take up the customers (`add`), then `link` them. Made by `scratch`."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection") -> None:
        self._connection = connection
        self.count = 0
        kinds = {key: "VARCHAR[]" if key in LISTS else "BIGINT" if key in NUMBERS else "VARCHAR" for key in COLUMNS}
        self._run(f"CREATE TABLE taken ({', '.join(f'{key} {kind}' for key, kind in kinds.items())})")
        self._run(model.ONE_SLIP)

    def _run(self, order: str) -> "duckdb.DuckDBPyConnection":
        return self._connection.execute(order)

    def interrupt(self) -> None:
        """End what is being computed in another thread: it raises there."""
        self._connection.interrupt()

    def add(self, found: Sequence[Facts]) -> None:
        """Take up customers."""
        import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415  heavy, and only the job gets here

        kinds = dict.fromkeys(COLUMNS, pa.string()) | dict.fromkeys(LISTS, pa.list_(pa.string()))
        kinds |= dict.fromkeys(NUMBERS, pa.int64())
        columns = {
            key: pa.array([value or None for value in values], kinds[key]) for key, values in as_columns(found).items()
        }
        self._connection.register("page", pa.table(columns))
        self._run("INSERT INTO taken SELECT * FROM page")
        self._connection.unregister("page")
        self.count += len(found)

    def link(self, progress: Callable[[float], None] = lambda _share: None) -> Iterator[list[Found]]:
        """Give the pairs that are more likely one customer than two, chunk by chunk. progress: hears which share is done."""
        if self.count < 2:  # noqa: PLR2004  nobody to compare with
            return
        self._prepare()
        linker, chunks = self._linker(), -(-self.count // AT_ONCE)
        for chunk in range(chunks):
            self._run(_MEETING.format(chunks=chunks, chunk=chunk))
            meeting = linker._db_api.register("meeting")  # noqa: SLF001  given to it by us
            linker.table_management.register_blocked_pairs_for_predict(meeting)
            scored = linker.inference.predict(threshold_match_probability=LEAST, warning_mode="never")
            yield from self._told(scored.physical_name)
            scored.drop_table_from_database_and_remove_from_cache()
            progress((chunk + 1) / chunks)

    def _prepare(self) -> None:
        """Leave out what very many share, count how rare everything is, and note under which keys who may meet whom."""
        for one in COUNTED:
            self._run(_SHARED.format(one=one, most=MOST_BEARING))
        self._run(_RARITY.format(n=float(self.count), rarest=RAREST))
        self._run(_PEOPLE.format(n=float(self.count), columns=", ".join(COMPARED)))
        self._run(_MET.format(most=MOST_SHARING))
        self._run("DROP TABLE taken")

    def _linker(self) -> Any:
        from splink import DuckDBAPI, Linker  # noqa: PLC0415  heavy, and only the job gets here

        for name in ("splink", "sqlglot"):
            logging.getLogger(name).setLevel(logging.ERROR)  # what they say is for whoever tunes a model by hand
        made = DuckDBAPI(connection=self._connection)
        linker = Linker(made.register("people"), model.settings(self.count), log_level=None)
        if self.count >= model.LARGE:
            linker.training.estimate_u_using_random_sampling(max_pairs=model.SAMPLED_PAIRS, seed=1)
        return linker

    def _told(self, scored: str) -> Iterator[list[Found]]:
        """Give the scored pairs with what speaks for each."""
        both = ", ".join(f"a.{one} AS {one}_l, b.{one} AS {one}_r" for one in (*NUMBERS, *COMPARED))
        signs = ", ".join(f"{when} AS {sign}" for sign, when in model.SIGNS.items())
        rows = self._run(
            f"SELECT id_l, id_r, version_l, version_r, match_probability, {signs} FROM (SELECT match_probability, {both}"  # noqa: S608  our own columns
            f" FROM {scored} AS scored JOIN people a ON a.id = least(scored.id_l, scored.id_r)"
            f" JOIN people b ON b.id = greatest(scored.id_l, scored.id_r))"
        )
        names = tuple(model.SIGNS)
        while chunk := rows.fetchmany(HANDED_ON):
            yield [
                Found(
                    one,
                    other,
                    (mine, others),
                    certainty,
                    tuple(name for name, yes in zip(names, said, strict=True) if yes),
                )
                for one, other, mine, others, certainty, *said in chunk
            ]


@contextmanager
def scratch(folder: Path, *, memory: str = MEMORY) -> Iterator[Linking]:
    """Open a go over a base. folder: where it may put what does not fit into memory; emptied before and after."""
    import duckdb  # noqa: PLC0415  heavy, and only the job gets here

    clear(folder)
    place = Path(tempfile.mkdtemp(dir=folder))
    connection = duckdb.connect(
        ":memory:", config={"threads": THREADS, "memory_limit": memory, "temp_directory": str(place)}
    )
    try:
        for order in _CAREFUL:
            connection.execute(order)
        yield Linking(connection)
    finally:
        connection.close()
        clear(folder)


def clear(folder: Path) -> None:
    """Remove what a killed go left behind."""
    for left in folder.iterdir():
        shutil.rmtree(left, ignore_errors=True)


_CAREFUL: Final = (
    "SET force_mbedtls_unsafe = true",  # its chance is the weaker one that needs no extension; the key lives for minutes
    "SET temp_file_encryption = true",
    "SET autoinstall_known_extensions = false",  # nothing is fetched from anywhere
    "SET autoload_known_extensions = false",
    "SET preserve_insertion_order = false",
    "SET enable_progress_bar = false",
)

_SHARED: Final = """\
CREATE TABLE own_{one} AS
WITH each_one AS (SELECT id, unnest({one}) AS one FROM taken),
     many AS (SELECT one FROM each_one GROUP BY one HAVING count(*) > {most})
SELECT id, list(one ORDER BY one) AS {one} FROM each_one ANTI JOIN many USING (one) GROUP BY id"""

_RARITY: Final = """\
CREATE TABLE rarity AS
WITH each_one AS (SELECT id, unnest(rare) AS one FROM taken),
     counts AS (SELECT one, greatest(count(*) - 1, 0.5) / {n} AS share FROM each_one GROUP BY one)
SELECT id, exp(list_sum(list_sort(list(ln(share)))[1:{rarest}])) AS share FROM each_one JOIN counts USING (one) GROUP BY id"""

_PEOPLE: Final = """\
CREATE TABLE people AS
WITH names AS (SELECT name, count(*) AS borne FROM taken GROUP BY name),
     cities AS (SELECT city, count(*) / {n} AS share FROM taken WHERE city IS NOT NULL GROUP BY city)
SELECT id, version, {columns}, greatest(rarity.share, (borne - 2) / {n}, 1e-7) AS tf_name, greatest(cities.share, 0.002) AS tf_city
FROM (SELECT * EXCLUDE (phones, emails, numbers, keys, rare) FROM taken) AS known
LEFT JOIN own_phones USING (id) LEFT JOIN own_emails USING (id) LEFT JOIN own_numbers USING (id)
LEFT JOIN rarity USING (id) LEFT JOIN names USING (name) LEFT JOIN cities USING (city)"""

_MET: Final = """\
CREATE TABLE met AS
WITH each_one AS (SELECT id, hash(unnest(keys)) AS key FROM taken)
SELECT id, key FROM each_one SEMI JOIN
    (SELECT key FROM each_one GROUP BY key HAVING count(*) BETWEEN 2 AND {most}) USING (key)"""

_MEETING: Final = """\
CREATE OR REPLACE TABLE meeting AS
SELECT DISTINCT '0' AS match_key, a.id AS join_key_l, b.id AS join_key_r
FROM met AS a JOIN met AS b ON a.key = b.key AND a.id < b.id WHERE a.id % {chunks} = {chunk}"""
