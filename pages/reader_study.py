"""Compare readers with the network: set a study up, read blind, see the result."""

from __future__ import annotations

from strokeapp.ui.guard import require_entry
from strokeapp.ui.reader_study_view import show_reader_study

require_entry()
show_reader_study()
