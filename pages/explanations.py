"""Show how well each explanation points into lesions, and one slice under all of them."""

from __future__ import annotations

from strokeapp.models.registry import installed
from strokeapp.ui.explanations_view import show_explanations
from strokeapp.ui.guard import require_entry
from strokeapp.ui.state import open_study

require_entry()
show_explanations(installed(), open_study())
