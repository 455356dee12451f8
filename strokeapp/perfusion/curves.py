"""Read concentration curves from a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from strokeapp.errors import PerfusionError
from strokeapp.perfusion.deconvolution import perfusion

COLUMNS = ("label", "C_tis", "C_aif", "tr")
"""As in the digital reference curves of the Open Science Initiative for Perfusion Imaging (OSIPI)."""


def analyzed(path: Path) -> Iterator[dict[str, Any]]:
    """Yield label, cbf, cbv, mtt_s and tmax_s of every row of a table; see ``Perfusion`` for units.

    Args:
        path: CSV with a label, the samples of the tissue and of the artery (numbers with spaces between), and the
            seconds between samples.

    Raises:
        PerfusionError: The table has another form, or a curve cannot be analyzed.
    """
    form = f"The table must have the columns {', '.join(COLUMNS)}; curves are numbers with spaces between."
    try:
        table = pd.read_csv(path, dtype=str)[list(COLUMNS)]
        curves = {name: [np.array(text.split(), np.float64) for text in table[name]] for name in ("C_tis", "C_aif")}
        steps = table["tr"].astype(float)
    except (KeyError, ValueError, AttributeError, pd.errors.ParserError) as error:
        raise PerfusionError(form, detail=f"{type(error).__name__}: {error}") from error
    for label, tissue, artery, step in zip(table["label"], curves["C_tis"], curves["C_aif"], steps, strict=True):
        found = {name: float(values[0]) for name, values in asdict(perfusion(tissue, artery, step)).items()}
        yield {"label": label, **{name: None if np.isnan(value) else value for name, value in found.items()}}
