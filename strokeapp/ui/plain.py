"""Show text that came with a scan as it is, whatever it holds."""

from __future__ import annotations

import re

SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-!|~$:.&@])")
"""What Markdown, its extensions and Streamlit's color and icon marks are made of."""


def plain(text: str) -> str:
    """Escape text so that Streamlit's Markdown shows it letter by letter.

    File names, series descriptions and reader names are written by strangers: unescaped, ``a_b_c`` turns italic and
    ``![](http://…)`` makes the browser fetch a picture from another machine.

    Args:
        text: Of one line; line breaks become spaces.
    """
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))
