"""What alembic runs: the connection and the tables come from `db.migrate`, which every way in goes through."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from db.base import Amount, Instant


def _render(kind: str, thing: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Write our own types by their names."""
    if kind == "type" and isinstance(thing, Amount | Instant):
        autogen.imports.add("from db.base import Amount, Instant")
        return f"{type(thing).__name__}()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"],
    render_as_batch=True,  # SQLite changes a column by making the table anew
    render_item=_render,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
