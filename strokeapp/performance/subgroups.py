"""Tell whom a network serves worse: figures per age band, sex, source, hemorrhage subtype, lesion size, scanner."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from strokeapp.performance.curves import auc
from strokeapp.performance.intervals import (
    RESAMPLES,
    SEED,
    UNDEFINED,
    Interval,
    bootstrap_interval,
    patient_draws,
    percentile_interval,
    weighted_auc,
)
from strokeapp.performance.predictions import known, known_rows, patient_groups
from strokeapp.performance.summary import NAN, counts, threshold_figures
from strokeapp.performance.threshold import ratio
from strokeapp.types import SUBTYPES, Finding

AGE_EDGES = (50, 65, 80)
"""Years at which one age band ends and the next begins."""
LESION_EDGES = (50, 200, 800)
"""Pixels of the image at which one band of lesion size ends and the next begins."""
ATTRIBUTES = ("age", "sex", "source", "subtype", "lesion size", "scanner")
NOT_KNOWN = "not known"
LESION_PIXELS = "lesion_pixels"
_MEASURES = ("recall", "specificity")


class Subgroup(NamedTuple):
    """Name some rows of a table of predictions.

    Args:
        attribute: One of ``ATTRIBUTES``.
        group: Its value.
        rows: (rows,) True where a row belongs to it.
        positives_only: The attribute describes the lesion: negatives are shared by all of its groups, and a
            specificity would say nothing of the group.
    """

    attribute: str
    group: str
    rows: NDArray[np.bool_]
    positives_only: bool = False


def subgroup_table(
    table: pd.DataFrame, finding: Finding | str, threshold: float, *, n: int = RESAMPLES, seed: int = SEED
) -> pd.DataFrame:
    """Compute the figures of every subgroup that the table tells apart.

    Args:
        table: As ``read_predictions`` returns it. Columns age, sex, scanner (text, empty: not known) and
            lesion_pixels (of the drawn lesion, in the image's own pixels) are used where they are there.
        finding: Which label and probability.
        threshold: In use, on the probability of an image.
        n: Resamples of patients.
        seed: Of the draws.

    Returns:
        Columns finding, attribute, group, images, patients, positives, and auc, recall, specificity and dice with
        their _low and _high, and drawn (images with a drawn lesion, that dice is the mean of); nan where a
        subgroup does not define the figure. Presumed labels are counted.
    """
    finding = Finding(finding)
    usable = table[known_rows(table, finding)].reset_index(drop=True)
    rows = []
    for attribute, group, chosen, positives_only in subgroups_of(usable, finding):
        figures = _figures(usable[chosen], finding, threshold, n=n, seed=seed)
        if positives_only:
            figures |= {"specificity": NAN, "specificity_low": NAN, "specificity_high": NAN}
        rows.append({"finding": finding.value, "attribute": attribute, "group": group, **figures})
    return pd.DataFrame(rows)


def unknown_attributes(table: pd.DataFrame) -> tuple[str, ...]:
    """Return which of age, sex, lesion size and scanner are known for no image of the table."""
    columns = {"age": "age", "sex": "sex", "lesion size": LESION_PIXELS, "scanner": "scanner"}
    return tuple(name for name, column in columns.items() if not _text(table, column).ne("").any())


def subgroups_of(table: pd.DataFrame, finding: Finding) -> Iterator[Subgroup]:
    """Yield the subgroups that have at least one row with the finding or without it.

    Args:
        table: Rows whose label and probability are known.
        finding: Only hemorrhage has subtypes.
    """
    texts = {
        "age": _banded(pd.to_numeric(_text(table, "age"), errors="coerce"), AGE_EDGES, "years"),
        "sex": _text(table, "sex").replace("", NOT_KNOWN),
        "source": table["dataset"],
        "scanner": _text(table, "scanner").replace("", NOT_KNOWN),
    }
    for attribute in ("age", "sex", "source", "scanner"):
        names = texts[attribute]
        if (names != NOT_KNOWN).any():
            for name in sorted(names.unique(), key=_band_order):
                yield Subgroup(attribute, name, (names == name).to_numpy())
    yield from _lesion_subgroups(table, finding)


def _lesion_subgroups(table: pd.DataFrame, finding: Finding) -> Iterator[Subgroup]:
    """Yield groups of positives by subtype and size, each beside the negatives of the sources they come from."""
    positive, negative = table[finding.value] == 1, table[finding.value] == 0
    kinds = {name: positive & (table[name] == 1) for name in SUBTYPES if finding is Finding.HEMORRHAGIC}
    # A mask without a Dice does not mark this network's lesion (an edema ring beside a clot), so its size says nothing.
    pixels = pd.to_numeric(_text(table, LESION_PIXELS), errors="coerce").where(table["lesion_dice"].notna())
    sizes = _banded(pixels, LESION_EDGES, "pixels")
    groups = [("subtype", name, rows) for name, rows in kinds.items()]
    groups += [
        ("lesion size", name, positive & (sizes == name))
        for name in sorted(sizes.unique(), key=_band_order)
        if name != NOT_KNOWN
    ]
    for attribute, name, chosen in groups:
        if chosen.any():
            beside = negative & table["dataset"].isin(table.loc[chosen, "dataset"].unique())
            yield Subgroup(attribute, name, (chosen | beside).to_numpy(), True)


def mean_interval(values: ArrayLike, groups: ArrayLike, *, n: int = RESAMPLES, seed: int = SEED) -> Interval:
    """Bootstrap the mean of some values over patients.

    Args:
        values: (images,) finite.
        groups: (images,) patient of each.
        n: Resamples.
        seed: Of the draws.
    """
    values = np.asarray(values, np.float64)
    if not values.size:
        return UNDEFINED
    codes, draws = patient_draws(groups, n=n, seed=seed)
    sums = np.bincount(codes, weights=values, minlength=draws.shape[1])
    sizes = np.bincount(codes, minlength=draws.shape[1])
    return percentile_interval(ratio(draws @ sums, draws @ sizes))


def _figures(rows: pd.DataFrame, finding: Finding, threshold: float, *, n: int, seed: int) -> dict[str, float]:
    sample = known(rows, finding)
    figures: dict[str, float] = dict(counts(sample))
    area, ends = NAN, UNDEFINED
    if sample.two_classes:
        area = auc(sample.labels, sample.scores)
        ends = bootstrap_interval(weighted_auc, *sample, n=n, seed=seed)
    figures |= {"auc": area, "auc_low": ends.low, "auc_high": ends.high}
    found = threshold_figures(sample, threshold, n=n, seed=seed)
    figures |= {
        key: value for key, value in found.items() if key.removesuffix("_low").removesuffix("_high") in _MEASURES
    }
    drawn = rows[rows["lesion_dice"].notna() & (rows[finding.value] == 1)]
    mean, ends = NAN, UNDEFINED
    if len(drawn):
        mean = float(drawn["lesion_dice"].mean())
        ends = mean_interval(drawn["lesion_dice"], patient_groups(drawn), n=n, seed=seed)
    return figures | {"dice": mean, "dice_low": ends.low, "dice_high": ends.high, "drawn": len(drawn)}


def _text(table: pd.DataFrame, column: str) -> pd.Series:
    if column not in table:
        return pd.Series("", index=table.index, dtype=str)
    return table[column].fillna("").astype(str).str.strip()


def _banded(values: pd.Series, edges: tuple[int, ...], unit: str) -> pd.Series:
    """Return the band of each value as text; an edge belongs to the upper band."""
    names = [f"under {edges[0]} {unit}"]
    names += [f"{low} to {high - 1} {unit}" for low, high in zip(edges, edges[1:], strict=False)]
    names.append(f"{edges[-1]} {unit} and over")
    codes = np.digitize(values.fillna(0), edges)
    return pd.Series(np.where(values.isna(), NOT_KNOWN, np.array(names)[codes]), index=values.index)


def _band_order(name: str) -> tuple[bool, bool, int, str]:
    """Sort bands by their first number, "under" first and "not known" last; other names by letter."""
    digits = [word for word in name.split() if word.isdigit()]
    return name == NOT_KNOWN, not name.startswith("under"), int(digits[0]) if digits else 0, name
