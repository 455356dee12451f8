"""Show how far the readings of the installed networks can be trusted."""

from __future__ import annotations

from strokeapp.models.registry import installed
from strokeapp.ui.performance_view import show_performance

show_performance(installed())
