"""Summarize how well lesion maps overlap the lesions that were drawn."""

from __future__ import annotations

import pandas as pd


def dice_table(table: pd.DataFrame) -> pd.DataFrame:
    """Summarize the Dice overlap of the images with a drawn lesion, per dataset.

    Args:
        table: As ``read_predictions`` returns it; lesion_dice in [0, 1], nan where no lesion was drawn.

    Returns:
        Columns dataset, images, median, lower_quartile, upper_quartile, mean, missed (share with Dice 0).
    """
    drawn = table[table["lesion_dice"].notna()]
    columns = ["dataset", "images", "median", "lower_quartile", "upper_quartile", "mean", "missed"]
    rows = [
        (
            dataset,
            len(dice),
            dice.median(),
            dice.quantile(0.25),
            dice.quantile(0.75),
            dice.mean(),
            float((dice == 0).mean()),
        )
        for dataset, dice in drawn.groupby("dataset")["lesion_dice"]
    ]
    return pd.DataFrame(rows, columns=columns)
