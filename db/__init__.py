"""How Rapport stores: engines, dialects, types, migrations and copies. Knows no customer.

Importing this package first puts the bundled SQLite in the place of Python's own (see ``db.sqlite``).
"""

from db import sqlite as sqlite
