"""Write a model card as Markdown, from the plain values of its file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from strokeapp.models.markdown import DASH, Table, figure_text, named_figure

CALIBRATION_NAMES = {
    "before": "before calibration",
    "after": "as shipped (fitted on the same images)",
    "cross_fitted": "fitted on the other folds",
}
POINT_NAMES = {"high_sensitivity": "high sensitivity", "balanced": "balanced", "high_specificity": "high specificity"}
MET = {True: "met", False: "missed", None: DASH}
COINCIDING = (
    "On the images it was chosen on the balanced point misses nothing, or never alarms falsely, so that the other has "
    "nothing to gain."
)
SUBGROUP_FIGURES = {"auc": "AUC", "recall": "recall", "specificity": "specificity", "dice": "lesion Dice"}


def card_markdown(raw: Mapping[str, Any]) -> str:
    """Return the whole card; sections that the card does not hold are left out.

    Args:
        raw: Contents of ``card.json``.
    """
    sections = (
        ("Intended use", intended_use(raw)),
        ("Limits", _bullets(raw.get("limits", ()))),
        ("Facts", facts_table(raw).markdown()),
        ("Sources", sources_table(raw).markdown()),
        ("Goals", goals_table(raw).markdown()),
        ("Operating points", operating_points_table(raw).markdown()),
        ("Calibration", calibration_table(raw).markdown()),
        ("Subgroups", subgroups_table(raw).markdown()),
        ("Infarct against its healed self", own_source_table(raw).markdown()),
        ("Failure gallery", gallery_table(raw).markdown()),
        ("Experiments", experiments_table(raw).markdown()),
        ("CLAIM checklist", claim_table(raw).markdown()),
    )
    parts = [f"# Model card: {raw['title']} {raw['version']}"]
    parts += [f"## {title}\n\n{text}" for title, text in sections if text]
    return "\n\n".join(parts) + "\n"


def intended_use(raw: Mapping[str, Any]) -> str:
    """Return what the network is for, one line each."""
    return _bullets(
        f"**{name.replace('_', ' ').capitalize()}:** {text}" for name, text in raw.get("intended_use", {}).items()
    )


def facts_table(raw: Mapping[str, Any]) -> Table:
    """Return what is read, with what, and the file that does it."""
    network, weights = raw.get("network", {}), raw.get("weights", {})
    rows = [
        ("reads", f"{raw['modality']}: {', '.join(raw['sequences'])}"),
        ("findings", ", ".join(raw.get("findings", {}))),
        ("input", ", ".join(f"{name} {value}" for name, value in raw.get("input", {}).items())),
        ("network", network.get("kind", "not stated")),
        ("convolutional layers", network.get("convolutional_layers", "not counted")),
        ("recurrent layers", network.get("recurrent_layers", 0)),
        ("parameters", f"{weights['parameters']:,}" if "parameters" in weights else "not stated"),
        ("weights, SHA-256", weights.get("sha256", "not stated")),
        ("weights of the folds", f"{len(weights['folds'])} kept" if weights.get("folds") else "not kept"),
        ("license", raw.get("license", "not stated")),
    ]
    return Table(("what", "value"), rows)


def sources_table(raw: Mapping[str, Any]) -> Table:
    """Return the credited sources with their terms."""
    rows = [(item["name"], item.get("images", "–"), item["citation"], item["terms"]) for item in raw.get("sources", ())]
    return Table(("source", "images", "citation", "terms"), rows)


def goals_table(raw: Mapping[str, Any]) -> Table:
    """Return every goal beside the figure that was measured, missed or met."""
    rows = [
        (row["what"], goal_text(row), figure_text(row["value"], row["low"], row["high"]), row["n"] or DASH,
         MET[row["met"]], row["note"])
        for row in raw.get("goals", ())
    ]  # fmt: skip
    return Table(("what", "goal", "measured", "n", "", "remark"), rows)


def goal_text(row: Mapping[str, Any]) -> str:
    """Return what a goal asks for: ``at least 0.96``; "reported" where there is no target."""
    return "reported" if row["goal"] is None else f"{row['rule']} {row['goal']:g}"


def operating_points_table(raw: Mapping[str, Any]) -> Table:
    """Return the thresholds of every finding, for a slice and for a study, and which of them coincide."""
    rows, same = [], []
    for finding, entry in raw.get("findings", {}).items():
        for unit, key in (("slice", "operating_points"), ("study", "study_operating_points")):
            points = entry.get(key, {})
            rows.append((finding, unit, *(figure_text(points.get(name)) for name in POINT_NAMES)))
            same += [f"{finding} per {unit}, {text}" for text in _coinciding(points)]
    note = f"One point under two names: {'; '.join(same)}. {COINCIDING}" if same else ""
    return Table(("finding", "unit", *POINT_NAMES.values()), rows, note)


def _coinciding(points: Mapping[str, float]) -> list[str]:
    names = [name for name in POINT_NAMES if name != "balanced" and points.get(name) == points.get("balanced")]
    return [f"{POINT_NAMES[name]} = balanced" for name in names if name in points]


def calibration_table(raw: Mapping[str, Any]) -> Table:
    """Return the expected calibration errors with their intervals."""
    rows = []
    for finding, record in raw.get("calibration", {}).items():
        for key, name in CALIBRATION_NAMES.items():
            if key in record:
                error = record[key]
                text = figure_text(error["ece"], error["low"], error["high"])
                rows.append((finding, name, record["images"], record["patients"], text))
    return Table(("finding", "calibration", "images", "patients", "ECE"), rows)


def subgroups_table(raw: Mapping[str, Any]) -> Table:
    """Return the figures per subgroup, and what is not known of any image."""
    rows = [
        (row["finding"], row["attribute"], row["group"], f"{row['images']} ({row['positives']}, {row['patients']})")
        + tuple(named_figure(row, name) for name in SUBGROUP_FIGURES)
        for row in raw.get("subgroups", ())
    ]
    header = ("finding", "by", "group", "n (positive, patients)", *SUBGROUP_FIGURES.values())
    unknown = ", ".join(raw.get("subgroups_unknown", ()))
    return Table(header, rows, f"Not known for any image: {unknown}." if unknown else "")


def own_source_table(raw: Mapping[str, Any]) -> Table:
    """Return what the network says of drawn infarcts, of the same slices healed, and of those patched elsewhere."""
    rows = []
    for row in raw.get("own_source", ()):
        size = row["images"], row["patients"], row["not_healed"]
        figures = (row[name] for name in ("auc", "flagged", "healed_flagged", "change"))
        rows.append((row["dataset"], "healed", *size, *(figure_text(*one) for one in figures)))
        control = row["control"]
        if control is not None:
            figures = (control[name] for name in ("auc", "flagged", "control_flagged", "change"))
            texts = (figure_text(*one) for one in figures)
            rows.append((row["dataset"], "patch beside the infarct", control["images"], DASH, DASH, *texts))
    header = ("source", "altered how", "slices", "patients", "left out", "AUC against the slice", "flagged before",
              "flagged after", "change of logit")  # fmt: skip
    note = (
        "Every drawn infarct, out of fold, against the same slice with the mirrored healthy side laid over it: same "
        "scanner, patient and window. Left out: slices whose other side cannot stand in. Flagged: share at or above "
        "the balanced operating point, each slice read alone; 95 % intervals by resampling patients."
    )
    return Table(header, rows, note)


def gallery_table(raw: Mapping[str, Any]) -> Table:
    """Return the worst mistakes by name; pictures are not part of a card."""
    rows = [
        (row["finding"], row["kind"], row["path"], row["dataset"], figure_text(row["probability"]),
         "presumed" if row["presumed"] else "read", figure_text(row["lesion_dice"]))
        for row in raw.get("gallery", ())
    ]  # fmt: skip
    return Table(("finding", "kind", "image", "source", "probability", "label", "Dice"), rows)


def experiments_table(raw: Mapping[str, Any]) -> Table:
    """Return what else was measured."""
    rows = [
        (row["what"], figure_text(row["figure"], row["low"], row["high"]), row["n"] or DASH)
        for row in raw.get("experiments", ())
    ]
    return Table(("what", "figure", "n"), rows)


def claim_table(raw: Mapping[str, Any]) -> Table:
    """Return the CLAIM items with where each is answered."""
    rows = [(row["number"], row["item"], row["status"], row["where"]) for row in raw.get("claim", ())]
    return Table(("item", "what", "status", "where"), rows)


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
