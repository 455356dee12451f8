"""Credit the sources of the labelled images, with their terms."""

from __future__ import annotations

TERMS = "Weights learnt from sets for non-commercial research: for research, non-commercial. The code is Apache-2.0."

SOURCES = {
    "ct_ich": {
        "name": "PhysioNet CT-ICH",
        "citation": "Hssayeni et al. 2020, Intracranial hemorrhage segmentation using a deep convolutional model",
        "terms": "CC BY 4.0",
    },
    "phe_sich": {
        "name": "PHE-SICH-CT-IDS",
        "citation": "2023, spontaneous intracerebral hemorrhage with perihematomal edema",
        "terms": "non-commercial research",
    },
    "head_ct_200": {"name": "Head CT hemorrhage", "citation": "Kitamura", "terms": "none stated"},
    "teknofest": {
        "name": "Turkish Ministry of Health stroke set 2021",
        "citation": "Koç et al. 2022",
        "terms": "article CC BY 4.0; terms of the data not stated",
    },
    "aisd": {
        "name": "Acute Ischemic Stroke Dataset",
        "citation": "Liang et al. 2021",
        "terms": "non-commercial research",
    },
    "soop_flair": {
        "name": "Stroke Outcome Optimization Project",
        "citation": "Absher et al. 2024",
        "terms": "CC0 as mirrored; code BSD-2",
    },
    "isles22_dwi": {
        "name": "ISLES 2022, diffusion",
        "citation": "Hernandez Petzsche et al. 2022",
        "terms": "CC BY-SA 4.0",
    },
    "isles22_flair": {
        "name": "ISLES 2022, FLAIR",
        "citation": "Hernandez Petzsche et al. 2022",
        "terms": "CC BY-SA 4.0",
    },
}
