"""Compute and keep what the model card page shows."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from strokeapp.models.card_text import card_markdown
from strokeapp.models.layers import count_layers
from strokeapp.models.methods_text import methods_record, methods_section
from strokeapp.models.registry import CARD, Card, load_network
from strokeapp.performance.paper import paper_figures
from strokeapp.performance.predictions import read_predictions

SHARED_VARIABLE = "STROKEAPP_SHARED"
DEFAULT_SHARED = Path(__file__).resolve().parents[3] / "shared"


def methods_of(card: Card) -> str:
    """Return the methods section of a network; computed once per version of its files.

    Raises:
        StrokeAppError: Weights, card or stored predictions cannot be used.
    """
    written = tuple(path.stat().st_mtime_ns for path in (card.folder / CARD, card.predictions) if path.is_file())
    return _methods(card, str(card.folder), card.weights_hash, written)


@st.cache_data(max_entries=8, show_spinner="Computing the figures …")
def _methods(_card: Card, folder: str, weights: str, written: tuple[int, ...]) -> str:
    """Compute the section; folder, weights and times of writing are what the cache is keyed by."""
    record = methods_record(_card, count_layers(load_network(_card)))
    thresholds = {finding: settings.threshold for finding, settings in _card.findings.items()}
    return methods_section(record, paper_figures(read_predictions(_card.predictions), thresholds))


def card_text(card: Card) -> str:
    """Return the card as Markdown."""
    return card_markdown(card.raw)


def card_json(card: Card) -> str:
    """Return the card's own file."""
    return (card.folder / CARD).read_text(encoding="utf-8")


def image_folder() -> Path | None:
    """Return the folder of the labelled images, or None where it is not on this machine.

    The images are not part of the application: ``STROKEAPP_SHARED`` names the folder that holds ``data``.
    """
    folder = Path(os.environ.get(SHARED_VARIABLE, DEFAULT_SHARED)) / "data"
    return folder if folder.is_dir() else None


def image_path(folder: Path, name: str) -> Path | None:
    """Return the file of one image of the gallery, or None where it is not inside the folder.

    Args:
        folder: Of the labelled images.
        name: As stored, relative to it; one that leads out of it is not followed.
    """
    path, root = (folder / name).resolve(), folder.resolve()
    return path if path.is_relative_to(root) and path.is_file() else None
