"""Recognition of sequences, and choice of the series to read first."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from strokeapp.reading import Inventory, Refusal, Series, preselect, ranking
from strokeapp.reading.choice import RULES, SLICE_POINTS, bone_kernel
from strokeapp.reading.sequence import b_value_of_name, recognize
from strokeapp.types import Modality, Plane, QualityFlag, Sequence, Severity


def series(key, *, modality=Modality.CT, sequence=Sequence.NCCT, slices=30, refused=False, **options):
    values = {
        "source": key, "description": "", "frames": 1, "spacing_mm": (5.0, 0.5, 0.5), "plane": Plane.AXIAL,
        "synthetic": False, "viewable": True, "refusal": Refusal("localizer", "") if refused else None, **options,
    }  # fmt: skip
    return Series(key=key, modality=modality, sequence=sequence, slices=slices, **values)


def chosen(*several):
    found = preselect(Inventory(tuple(several), ()))
    return None if found is None else found.key


def mr(key, sequence, **options):
    return series(key, modality=Modality.MR, sequence=sequence, **options)


def test_plain_ct_then_diffusion_then_flair():
    flair, dwi, ct = mr("flair", Sequence.FLAIR), mr("dwi", Sequence.DWI), series("ct")
    assert chosen(flair, dwi, ct) == "ct"
    assert chosen(flair, dwi) == "dwi"
    assert chosen(mr("t1", Sequence.T1), flair) == "flair"


def test_refused_and_unviewable_are_never_chosen():
    assert chosen(series("a", refused=True), mr("t1", Sequence.T1)) == "t1"
    assert chosen(series("a", refused=True)) is None
    assert chosen(series("a", viewable=False)) is None
    assert chosen() is None


def test_axial_soft_kernel_and_more_slices_win():
    assert chosen(series("bone", kernel="H60s"), series("soft", kernel="H30s")) == "soft"
    assert chosen(series("words", description="Head BONE 1.0", slices=200), series("plain")) == "plain"
    assert chosen(series("coronal", plane=Plane.CORONAL), series("axial")) == "axial"
    assert chosen(series("few", slices=4), series("many", slices=32)) == "many"
    assert chosen(series("neck", description="Neck 2.0"), series("head", description="Head 4.8")) == "head"


def test_of_the_same_ct_the_thick_slices_are_read():
    thin, thick = series("thin", slices=250, spacing_mm=(0.6, 0.5, 0.5)), series("thick", slices=28)
    assert chosen(thin, thick) == chosen(thick, thin) == "thick"
    assert chosen(thin, series("bone", slices=28, kernel="H60s")) == "thin"
    assert chosen(thin, series("words", slices=250, spacing_mm=(0.6, 0.5, 0.5), description="Brain")) == "words"
    assert chosen(thin, series("coarse", slices=14, spacing_mm=(10.0, 0.5, 0.5))) == "thin"
    assert chosen(thin, series("single", slices=1, spacing_mm=(float("nan"), 0.5, 0.5))) == "thin"
    assert (
        chosen(mr("many", Sequence.FLAIR, slices=160, spacing_mm=(1.0, 1.0, 1.0)), mr("few", Sequence.FLAIR)) == "many"
    )


def test_the_page_of_rules_lists_every_rule():
    page = (Path(__file__).parents[2] / "docs" / "series.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if re.match(r"\| [+-]", line)]
    assert rows == [f"| {rule.points:+g} | {rule.why} |" for rule in RULES]
    assert SLICE_POINTS == 5.0 and "5 n / (n + 5)" in page


def test_b_value_near_1000_wins():
    low, high = mr("low", Sequence.DWI, b_value=500.0), mr("high", Sequence.DWI, b_value=1000.0)
    assert chosen(low, high) == "high"


def test_plain_and_acquired_win_over_contrast_and_computed():
    contrast = QualityFlag("contrast", Severity.WARNING, "")
    assert chosen(series("contrast", flags=(contrast,), slices=200), series("plain")) == "plain"
    assert chosen(series("reformatted", derived=True, slices=200), series("acquired")) == "acquired"
    trace = mr("trace", Sequence.DWI, derived=True, b_value=1000.0)
    assert chosen(trace, mr("other", Sequence.DWI)) == "trace"


def test_the_ranking_gives_every_series_its_place_and_reasons():
    several = (series("scout", refused=True), mr("t1", Sequence.T1), series("bone", kernel="H60s"), series("ct"))
    ranked = ranking(Inventory(several, ()))
    assert [one.series.key for one in ranked] == ["ct", "bone", "t1", "scout"]
    assert ranked[0].reasons[0] == (100, "plain CT") and (-15, "bone kernel") in ranked[1].reasons
    assert sum(points for points, _ in ranked[1].reasons) == pytest.approx(ranked[1].points, abs=0.05)
    assert ranked[0].series is preselect(Inventory(several, ()))


@pytest.mark.parametrize(
    ("kernel", "bone"),
    [("H30s", False), ("H70h", True), ("Hr40f", False), ("J30s", False), ("BONEPLUS", True), ("", False)],
)
def test_bone_kernels(kernel, bone):
    assert bone_kernel(series("x", kernel=kernel)) is bone


@pytest.mark.parametrize(
    ("text", "sequence"),
    [
        ("ep2d_diff_3scan_trace_p2_ADC", Sequence.ADC),
        ("Apparent Diffusion Coefficient (mm2/s)", Sequence.ADC),
        ("Exponential Apparent Diffusion Coefficient", Sequence.UNKNOWN),
        ("ep2d_diff_3scan_trace_TRACEW", Sequence.DWI),
        ("Ax T2 FLAIR FS", Sequence.FLAIR),
        ("Ax T1 FLAIR", Sequence.T1),
        ("t2_tirm_tra_dark-fluid", Sequence.FLAIR),
        ("t1_mprage_sag", Sequence.T1),
        ("T2* GRE", Sequence.SWI),
        ("SWI_Images", Sequence.SWI),
        ("AX T2 FRFSE", Sequence.T2),
        ("3D pCASL", Sequence.ASL),
        ("ep2d_perf DSC", Sequence.PERFUSION),
        ("resting BOLD", Sequence.TIME_SERIES),
        ("something else", Sequence.UNKNOWN),
    ],
)
def test_mr_descriptions(text, sequence):
    assert recognize(Modality.MR, text) is sequence


def test_ct_descriptions_and_b_values():
    assert recognize(Modality.CT, "Head 4.8 H31s") is Sequence.NCCT
    assert recognize(Modality.CT, "CTA Circle of Willis") is Sequence.CTA
    assert recognize(Modality.CT, "CT Perfusion 5.0") is Sequence.PERFUSION
    assert recognize(Modality.MR, "ep2d", b_value=1000.0) is Sequence.DWI
    assert recognize(Modality.MR, "DWI", b_value=0.0) is Sequence.B0
    assert recognize(Modality.OTHER, "DWI") is Sequence.UNKNOWN
    assert [b_value_of_name(name) for name in ("*ep_b1000t", "sub_b0", "b7_flair", "web2", "DWI_b=800")] == [
        1000.0, 0.0, None, None, 800.0,
    ]  # fmt: skip
