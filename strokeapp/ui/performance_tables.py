"""Write the tables of the performance page: datasets, subgroups, lesions, goals, the paper, the literature."""

from __future__ import annotations

import re

import pandas as pd
import streamlit as st

from strokeapp.models.card_text import MET, goal_text
from strokeapp.models.markdown import DASH, figure_text
from strokeapp.performance.crossed import CHOSEN_ELSEWHERE, CHOSEN_HERE
from strokeapp.performance.lesions import dice_table
from strokeapp.performance.literature import literature_table
from strokeapp.performance.paper import SOURCE
from strokeapp.performance.subtypes import subtype_sensitivities
from strokeapp.types import Finding
from strokeapp.ui import charts
from strokeapp.ui import performance_data as data
from strokeapp.ui.charts import number, with_interval
from strokeapp.ui.exhibits import HALF, Exhibits
from strokeapp.ui.performance_data import PER_PATIENT, Choice, Network, Source
from strokeapp.ui.performance_words import HEADLINES, dataset_name, measured

DASH_NOTE = "A dash: not defined. Where all or none have the finding, only sensitivity or specificity can be told."
GROUP_MEASURES = ("auc", "recall", "specificity")


def show_datasets(exhibits: Exhibits, source: Source, choice: Choice, threshold: float) -> None:
    """Write one row of figures per dataset."""
    exhibits.section("By dataset")
    table = data.dataset_table(source, choice, threshold)
    shown = pd.DataFrame({"Dataset": table["dataset"].map(dataset_name)} | _counted(choice, table))
    for name in ("auc", *(name for name in HEADLINES if name != "auc")):
        shown[HEADLINES[name][0]] = [measured(row, name) for row in table.to_dict("records")]
    title = f"At the operating point {threshold:.3f}"
    exhibits.table(st, "datasets", title, shown, table.assign(threshold=threshold), note=DASH_NOTE)


def show_subgroups(exhibits: Exhibits, source: Source, choice: Choice, threshold: float) -> None:
    """Write one row of figures per subgroup of the selection; where none are told apart nothing is written."""
    table = data.subgroup_figures(source, choice, threshold)
    if table.empty:
        return
    exhibits.section("By subgroup")
    shown = pd.DataFrame({"Subgroup": table["subgroup"]} | _counted(choice, table))
    for name in (name for name in GROUP_MEASURES if table[name].notna().any()):
        shown[HEADLINES[name][0]] = [measured(row, name) for row in table.to_dict("records")]
    kept = ["subgroup", "images", "patients", "positives"]
    kept += [f"{name}{end}" for name in GROUP_MEASURES for end in ("", "_low", "_high")]
    note = (
        "Subtypes and lesion sizes stand beside the images without the finding of the same datasets, so they have no "
        "specificity of their own. Attributes that the table does not hold (scanner, and in many sets age and sex) "
        "cannot be judged."
    )
    title = f"At the operating point {threshold:.3f}"
    exhibits.table(st, "subgroups", title, shown, table[kept].assign(threshold=threshold), note=note)


def _counted(choice: Choice, table: pd.DataFrame) -> dict[str, pd.Series]:
    if choice.unit == PER_PATIENT:
        return {"Patients": table["images"], "Positive": table["positives"]}
    pairs = zip(table["images"], table["patients"], strict=True)
    counted = [f"{images:,} ({patients:,})" for images, patients in pairs]
    return {"Images (patients)": pd.Series(counted, table.index), "Positive": table["positives"]}


def show_lesions(exhibits: Exhibits, source: Source, choice: Choice, threshold: float) -> None:
    """Show what a finding has beyond its label: hemorrhage subtypes, and overlap with drawn lesions.

    Args:
        exhibits: Of the page.
        source: Of the predictions.
        choice: What is chosen.
        threshold: On the probability of an image.
    """
    rows = data.rows_of(source, choice)
    if choice.finding is Finding.HEMORRHAGIC:
        _show_subtypes(exhibits, rows, threshold)
    positives = rows[rows[choice.finding.value] == 1]
    dice = dice_table(positives)
    if dice.empty:
        return
    exhibits.section("Lesion maps")
    left, right = st.columns([1.1, 1], gap="medium")
    drawn = positives.loc[positives["lesion_dice"].notna(), ["dataset", "lesion_dice"]]
    figure = charts.dice_figure(positives)
    exhibits.chart(left, "dice", "Overlap with the drawn lesion", figure, drawn.sort_values(["dataset", "lesion_dice"]))
    note = "Counted by image. Dice 1: the lesion map is the lesion as drawn; 0: they do not touch."
    exhibits.table(right, "dice-summary", "Dice by dataset", _dice_shown(dice), dice, note=note, width=HALF)


def _show_subtypes(exhibits: Exhibits, rows: pd.DataFrame, threshold: float) -> None:
    subtypes = subtype_sensitivities(rows, threshold)
    if subtypes.empty:
        return
    exhibits.section("Sensitivity by subtype")
    left, right = st.columns([1.1, 1], gap="medium")
    figure = charts.subtype_figure(subtypes)
    exhibits.chart(left, "subtypes-figure", "Share flagged, with its interval", figure, subtypes)
    note = f"Counted by image, flagged from {threshold:.3f} on. One with two subtypes counts for both."
    exhibits.table(
        right, "subtypes", "Flagged by subtype", _subtypes_shown(subtypes), subtypes.assign(threshold=threshold),
        note=note, width=HALF,
    )  # fmt: skip


def _subtypes_shown(subtypes: pd.DataFrame) -> pd.DataFrame:
    rows = subtypes.to_dict("records")
    return pd.DataFrame(
        {
            "Subtype": subtypes["subtype"].str.capitalize(),
            "Flagged": [f"{row['flagged']:,} of {row['images']:,}" for row in rows],
            "Patients": subtypes["patients"],
            "Sensitivity": [measured(row, "recall") for row in rows],
        }
    )


def _dice_shown(dice: pd.DataFrame) -> pd.DataFrame:
    rows = dice.to_dict("records")
    return pd.DataFrame(
        {
            "Dataset": dice["dataset"],
            "Images": dice["images"],
            "Median (quartiles)": [with_interval(r["median"], r["lower_quartile"], r["upper_quartile"]) for r in rows],
            "Mean": [number(r["mean"]) for r in rows],
            "Dice 0": [f"{r['missed']:.0%}" for r in rows],
        }
    )


def show_goals(exhibits: Exhibits, network: Network) -> None:
    """Write every goal of the network's card beside its figure, missed or met; a card without goals shows nothing."""
    rows = network.raw.get("goals")
    if not rows:
        return
    exhibits.section("Goals")
    judged = [row["met"] for row in rows if row["met"] is not None]
    title = f"{judged.count(False)} of {len(judged)} goals missed"
    shown = pd.DataFrame(
        {
            "What": [_goal_name(row["what"]) for row in rows],
            "Goal": [goal_text(row) for row in rows],
            "Measured": [figure_text(row["value"], row["low"], row["high"]) for row in rows],
            "n": [f"{row['n']:,}" if row["n"] else DASH for row in rows],
            "Result": [MET[row["met"]].capitalize() for row in rows],
        }
    )
    note = (
        "From the network's card, whatever is chosen above; remarks are in the CSV. A goal is met when the figure "
        "itself reaches it, whatever its interval."
    )
    exhibits.table(st, "goals", title, shown, pd.DataFrame(rows), note=note)


def _goal_name(what: str) -> str:
    """Write what a goal of the card is about as the page does: it begins with a capital; AUC and F1 are written so."""
    return re.sub(r"\b(auc|f1)\b", lambda found: found[0].upper(), what[:1].upper() + what[1:])


def show_paper(exhibits: Exhibits, network: Network, source: Source) -> None:
    """Write the paper's figures beside ours."""
    exhibits.section("Beside the paper")
    table = data.paper_of(source, data.stored_thresholds(network, source))
    table = table[table["finding"].isin([finding.value for finding in data.findings_of(source)])]
    for column, (finding, part) in zip(st.columns(2, gap="medium"), table.groupby("finding"), strict=False):
        title = f"{finding.capitalize()} stroke"
        exhibits.table(column, f"paper-{finding}", title, _paper_shown(part), part, width=HALF)
    note = (
        f"The paper's figures ({SOURCE}) are its own and were not measured on these images. Ours are by image, over "
        f"all datasets: {_point(table)}. The columns stand beside each other for orientation; they do not show which "
        "is better."
    )
    st.caption(note)
    exhibits.annotate(note)


def _point(table: pd.DataFrame) -> str:
    if not table["crossed"].all():
        return CHOSEN_HERE
    note = "so they differ from figures above at the stored one, which was chosen on these same images"
    return f"{CHOSEN_ELSEWHERE} (for external images: the stored one), {note}"


def _paper_shown(part: pd.DataFrame) -> pd.DataFrame:
    rows = part.to_dict("records")
    return pd.DataFrame(
        {
            "Measure": [HEADLINES[row["measure"]][0] for row in rows],
            "Paper": [number(row["paper"]) for row in rows],
            "This network": [measured(row, "ours") for row in rows],
            "Without presumed": [measured(row, "read") for row in rows],
        }
    )


def show_literature(exhibits: Exhibits) -> None:
    """Write what studies of others report."""
    exhibits.section("Beside the literature")
    table = literature_table()
    note = "Measured on other images: for orientation only."
    exhibits.table(st, "literature", "Published results", table.rename(columns=str.capitalize), table, note=note)
