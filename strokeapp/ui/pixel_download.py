"""Offer a picture for download without giving its pixels an address: they travel in the page's own messages."""

from __future__ import annotations

from functools import cache

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

HTML = '<button type="button" class="download"></button>'
CSS = """
.download { font: inherit; font-size: 0.875rem; color: var(--st-text-color); background: transparent; cursor: pointer;
  border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius, 0.5rem); padding: 0.25rem 0.75rem; }
.download:hover, .download:focus-visible { border-color: var(--st-primary-color); color: var(--st-primary-color); }
"""
JS = """
export default function ({ data, parentElement }) {
  const button = parentElement.querySelector("button");
  button.textContent = data.label;
  button.onclick = () => {
    const bytes = Uint8Array.from(atob(data.content), (character) => character.charCodeAt(0));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([bytes], { type: data.mime }));
    link.download = data.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
}
"""


def pixel_download(label: str, content: str, name: str, *, key: str, mime: str = "image/png") -> None:
    """Draw a button that saves a picture.

    Streamlit's own download button serves its file at an address that anyone may open for a while.

    Args:
        label: On the button.
        content: Of the file, in base64.
        name: Of the file.
        key: Unique on the page.
        mime: Kind of the file.
    """
    _component()(key=key, data={"label": label, "content": content, "name": name, "mime": mime})


@cache
def _component() -> ComponentRenderer:
    return st.components.v2.component("strokeapp_pixel_download", html=HTML, css=CSS, js=JS)
