"""Say what a network is for and where it must not be trusted; both depend on what it learnt from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from strokeapp.inference.pooling import TOP_SLICES
from strokeapp.models.markdown import figure_text, named_figure

INTENDED_USE = {
    "purpose": "Research on, and demonstration of, reading head CT and MR for stroke with a network.",
    "users": "Clinicians and researchers who look at the images themselves and know the limits below.",
    "not_for": "Not a medical device: not for diagnosis, triage, treatment or any decision about a patient. "
    "Not for children, other body parts, other sequences, or images after contrast.",
    "oversight": "Every reading is shown beside the image, its explanation and its operating point; a person decides.",
}

COMMON = (
    "Research and demonstration only; not a medical device. Not flagged is not normal.",
    "Probabilities are calibrated to the mix of these sets, not to the prevalence of an emergency department.",
    f"Slices are judged alone, or together with the slices next to them; no network sees a whole volume. A study's "
    f"probability is pooled from its {TOP_SLICES} highest slices.",
)

BY_SEQUENCE = {
    "NCCT": (
        "Every infarct on CT comes from two sources and the infarct-free slices from others; lesion masks, transplants "
        "and one level of gray loosen the tie between source and finding but cannot prove it cut.",
        "Absence of infarction in trauma and bleed patients, and of bleeding in the ministry's infarct class, is "
        "presumed from how those sets were collected.",
        "Study-level infarct figures compare scan sessions of a few infarct slices with whole volumes of other "
        "patients.",
        "Nothing is known of age, sex, scanner or time since onset in the CT sets: no figure tells whom the network "
        "serves worse.",
    ),
    "DWI": (
        "Reads infarcts only: a hemorrhage, a tumor or an abscess may be bright on diffusion images and be called an "
        "infarct.",
        "Every patient of the diffusion set has an infarct; the only lesion-free slices come from the few whole "
        "volumes, so specificity is measured on very few heads.",
        "Hardly any whole volumes exist: the calibration and the operating points of a study come from studies made "
        "up of single slices.",
        "Most images were taken from published figures, whose gray window differs from case to case, with the skull "
        "removed and at one millimeter a pixel; a clinical series has its skull and its own resolution.",
        "A large infarct in a narrow window, white without any contrast in it, is often mapped in parts only: its "
        "volume is then far too small.",
        "A head under a surface coil, bright near the coil on every slice, can be taken for an infarct; only where "
        "nearly all slices of a whole head are marked is the reading withheld.",
        "Only the high b-value image is read; the ADC map is not, so T2 shine-through is not told apart.",
    ),
    "FLAIR": (
        "Reads infarcts only. Every patient of the training set had a stroke: a slice without an infarct is not that "
        "of a healthy person, and healthy people were never seen.",
        "One fixed axial level per patient was learnt from, so infarcts above and below it, in the posterior fossa "
        "above all, were hardly ever seen; no figure is for a whole study, whose operating points come from studies "
        "made up of single slices.",
        "Lesions were drawn on diffusion images: some are not visible on FLAIR, and white-matter disease that looks "
        "like them is common.",
        "Training images are brain-extracted and in a standard space; a clinical series has its skull and its own "
        "angle.",
    ),
}

WEAK, LEAST_IMAGES = 0.8, 20
"""A recall or specificity below the first, on at least so many images, is a limit of its own."""

UNKNOWN_SEQUENCE = "Nothing has been written down about the limits of this sequence; treat every reading with doubt."


def limits_of(sequences: Iterable[str]) -> list[str]:
    """Return the limits of a network that reads the given sequences, the common ones first.

    Args:
        sequences: Names as in ``strokeapp.types.Sequence``.
    """
    special = [text for name in sequences for text in BY_SEQUENCE.get(name, (UNKNOWN_SEQUENCE,))]
    return list(dict.fromkeys((*COMMON, *special)))


def weak_sources(subgroups: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return one limit for every source and subtype on which a network measurably fails too often.

    Args:
        subgroups: Records of the card, at the shipped operating points.
    """
    found = []
    for row in subgroups:
        if row["attribute"] not in ("source", "subtype"):
            continue
        sizes = {"recall": row["positives"], "specificity": row["images"] - row["positives"]}
        for measure, size in sizes.items():
            value = row[measure]
            if value is not None and value < WEAK and size >= LEAST_IMAGES:
                which = "with" if measure == "recall" else "without"
                found.append(
                    f"Weak on {row['group']} ({row['attribute']}): {row['finding']} {measure} "
                    f"{named_figure(row, measure)} on {size:,} images {which} the finding, at the shipped operating "
                    "point."
                )
    return found


def leaning_on_source(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return one limit for every source: how often a slice is still taken for an infarct when the infarct is gone.

    Args:
        records: The card's ``own_source``.
    """
    found = []
    for row in records:
        control = row["control"]
        found.append(
            f"Leaning on the source: of {row['images']:,} slices of {row['dataset']} with a drawn infarct, a share of "
            f"{figure_text(*row['healed_flagged'])} is still taken for one when the mirrored healthy side is laid over "
            f"it ({figure_text(*row['flagged'])} before). That much is seen in the rest of the slice, be it the "
            f"scanner or infarct that nobody drew. AUC of slice against healed slice: {figure_text(*row['auc'])}. "
            + (
                f"A like patch beside the infarct, which should change nothing, leaves "
                f"{figure_text(*control['control_flagged'])} of {control['images']:,} flagged."
                if control
                else "No slice had room for a like patch beside the infarct, so the patch's own doing is not known."
            )
        )
    return found
