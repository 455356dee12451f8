"""Hold what leak-free studies of others report: what a reading can hope for."""

from __future__ import annotations

import pandas as pd

COLUMNS = ("task", "test", "result", "source")
LITERATURE = (
    ("Hemorrhage, CT", "CQ500, 491 scans", "AUC .949", "RSNA 2019 challenge winner"),
    ("Hemorrhage, CT", "A real hospital, 1,372 scans", "AUC .842", "Network trained on RSNA 2019"),
    ("Hemorrhage, CT", "5,600 prospective scans", "Sensitivity .89, specificity .96", "Cleared device"),
    ("Ischemia, plain CT", "917 cases", "AUC .814", "Network; nine radiologists: accuracy .72, with help .76"),
    ("Ischemia, plain CT", "551 patients, prospective", "Sensitivity .586, specificity .835", "e-ASPECTS"),
    ("Ischemia, DWI", "Two external centers", "AUC .986", "Network"),
    (
        "Three classes, CT pictures",
        "1,329 pictures, random image split",
        "Accuracy .980",
        "Turkish Ministry of Health set; no patient ids, so leakage cannot be excluded",
    ),
)


def literature_table() -> pd.DataFrame:
    """Return one row per published result: columns ``COLUMNS``, all text."""
    return pd.DataFrame(LITERATURE, columns=list(COLUMNS))
