"""Open a scan, look at it, read it, see why."""

from __future__ import annotations

from strokeapp.ui.guard import require_entry
from strokeapp.ui.open_view import show_open
from strokeapp.ui.state import open_study
from strokeapp.ui.study_view import show_study

require_entry()
study = open_study()
if study is None:
    show_open()
else:
    show_study(study)
