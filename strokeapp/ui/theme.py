"""Keep every color and size that the figures use in one place.

The hues are those of Okabe & Ito (2008), which people with any color vision tell apart, lightened for a dark
ground. They are the chartCategoricalColors of .streamlit/config.toml; a test keeps the two equal.
"""

from __future__ import annotations

from strokeapp.types import Finding

BLUE = "#6ea3cf"
ORANGE = "#e0a458"
GREEN = "#6fbf9f"
VERMILION = "#d98c7a"
PURPLE = "#c4a7d6"
YELLOW = "#d8cf7a"
GRAY = "#8b98a5"
TEXT = "#d5dde5"

FINDING_COLORS = {Finding.HEMORRHAGIC: ORANGE, Finding.ISCHEMIC: BLUE}
POSITIVE = ORANGE
NEGATIVE = BLUE
CURVE = BLUE
BAND = "rgba(110, 163, 207, 0.25)"
OPERATING_POINT = "#bd9526"
CHANCE = GRAY
GRID = "rgba(138, 148, 163, 0.18)"
AXIS = "rgba(138, 148, 163, 0.55)"
CONFUSION_SCALE = ((0.0, "#38454f"), (1.0, "#1d5c8f"))
CONFUSION_INK = "#ffffff"
"""Shades without transparency: the counts on them can be read whatever the page's own ground is."""
DATASET_COLORS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, YELLOW)

CHART_HEIGHT = 330
SMALL_CHART_HEIGHT = 290
FONT_SIZE = 13

PRINT_TEXT, PRINT_LINE, PRINT_FAINT = "#1c2733", "#9aa5b1", "#5c6873"
PRINT_COLORS = {
    BLUE: "#0072b2",
    ORANGE: "#d98200",
    GREEN: "#009e73",
    VERMILION: "#d55e00",
    PURPLE: "#b0609a",
    YELLOW: "#a89a00",
    GRAY: "#6b7682",
    TEXT: PRINT_TEXT,
    OPERATING_POINT: "#a67c00",
}
"""The same hues as Okabe & Ito gave them, for white paper."""
PRINT_CONFUSION = ("rgba(110, 163, 207, 0.06)", "rgba(110, 163, 207, 0.65)")
