"""Choose among the installed networks: the widget that every page about a network begins with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import streamlit as st


class Titled(Protocol):
    """Stand for anything that names a network and its version."""

    @property
    def title(self) -> str:
        """Return the network's title."""

    @property
    def version(self) -> str:
        """Return its version."""


Item = TypeVar("Item", bound=Titled)


def choose_network(networks: Sequence[Item], *, key: str) -> Item:
    """Choose one; a single one needs no widget.

    Args:
        networks: At least one.
        key: Of the widget.
    """
    names = [f"{network.title} · {network.version}" for network in networks]
    if len(networks) == 1:
        st.markdown(f"**{names[0]}**")
        return networks[0]
    numbers = range(len(networks))
    return networks[st.radio("Network", numbers, format_func=names.__getitem__, horizontal=True, key=key)]
