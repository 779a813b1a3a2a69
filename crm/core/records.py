"""Every table of the product: a table is known once its module was imported, and this imports all of them."""

import importlib
import pkgutil
from functools import lru_cache

from sqlalchemy import MetaData

import crm
from db.base import Base

NOT_IMPORTED = frozenset({"crm.__main__"})


@lru_cache(maxsize=1)
def load() -> MetaData:
    """Import every module of the business, so that all tables, verbs, jobs and schedules are known; return the tables."""
    for module in sorted(found.name for found in pkgutil.walk_packages(crm.__path__, "crm.")):
        if module not in NOT_IMPORTED:
            importlib.import_module(module)
    return Base.metadata
