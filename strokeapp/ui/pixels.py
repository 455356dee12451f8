"""Show a small picture without giving its pixels an address of their own."""

from __future__ import annotations

import base64
import html
import io
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError


def square_thumbnail(path: Path, *, side: int) -> NDArray[np.uint8] | None:
    """Return a picture in gray, at most (side, side) uint8, centered in a black square; None if undecodable."""
    try:
        with Image.open(path) as opened:
            gray = opened.convert("L")
            gray.thumbnail((side, side))
    except (UnidentifiedImageError, OSError):
        return None
    longer = max(gray.size)
    square = Image.new("L", (longer, longer))
    square.paste(gray, tuple((longer - length) // 2 for length in gray.size))
    return np.asarray(square)


def picture(pixels: NDArray | None, *, key: str, size: int, label: str) -> None:
    """Draw gray pixels inline, as part of the page's own message.

    Args:
        pixels: (size, size) uint8, or None for an empty frame.
        key: Unique on the page.
        size: Side in CSS pixels.
        label: For screen readers.
    """
    frame = f"width:100%;max-width:{size}px;aspect-ratio:1;border-radius:4px;background:#000;display:block"
    text = html.escape(label, quote=True)
    with st.container(key=key):
        if pixels is None:
            st.html(f'<div role="img" aria-label="{text}, no picture" style="{frame}"></div>')
            return
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        data = base64.b64encode(buffer.getvalue()).decode()
        st.html(f'<img alt="{text}" style="{frame}" src="data:image/png;base64,{data}">')
