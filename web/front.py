"""The one HTML page behind every screen: Streamlit's own, with our name, our script and the reader's language."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Final

from streamlit.file_util import get_static_dir

from crm.core.i18n import DEFAULT, LANGUAGES, N_, translate
from web import assets

_NOSCRIPT: Final = re.compile(r"<noscript>.*?</noscript>", re.DOTALL)
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_SERVICE: Final = re.compile(r'<link rel="service-desc"[^>]*>')
_INLINE: Final = re.compile(r"<script>\s*window\.prerenderReady = false\s*</script>")


@lru_cache(maxsize=8)
def page(language: str) -> bytes:
    """Return the page in a language: the texts before the screen is drawn, and the tag that tells screen readers."""
    code = language if language in LANGUAGES else DEFAULT
    text = (Path(get_static_dir()) / "index.html").read_text(encoding="utf-8")
    for pattern in (_COMMENT, _SERVICE, _INLINE):
        text = pattern.sub("", text)
    need = translate(code, N_("Rapport needs JavaScript. Please allow it for this address."))
    text = _NOSCRIPT.sub(f"<noscript><p>{need}</p></noscript>", text)
    ours = (
        f'<meta name="color-scheme" content="light dark" />\n    <link rel="icon" href="{assets.address("icon.svg")}" />\n'
        f'    <script src="{assets.address("rapport.js")}"></script>\n    '
    )
    text = text.replace('<html lang="en">', f'<html lang="{code}">', 1)
    text = text.replace('<link rel="shortcut icon" href="./favicon.png" />', ours, 1)
    text = text.replace("<title>Streamlit</title>", "<title>Rapport</title>", 1)
    if "rapport.js" not in text or '<div id="root">' not in text:
        raise RuntimeError("Streamlit's index.html is not the one that web/front.py knows.")
    return text.encode()
