"""The business of Rapport: one module per capability, no Streamlit."""

import db as db  # the bundled SQLite takes its place before anything else is imported

__version__ = "0.1.0"
