"""Show how far the readings of the installed networks can be trusted."""

from __future__ import annotations

from strokeapp.models.registry import earlier, installed
from strokeapp.ui.guard import require_entry
from strokeapp.ui.performance_view import show_performance

require_entry()
show_performance(installed(), earlier())
