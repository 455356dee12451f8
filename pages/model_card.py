"""Show what each installed network is for, what it learnt from, where it fails, and how it was made."""

from __future__ import annotations

from strokeapp.models.registry import installed
from strokeapp.ui.guard import require_entry
from strokeapp.ui.model_card_view import show_model_card

require_entry()
show_model_card(installed())
