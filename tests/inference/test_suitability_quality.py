"""Quality flags on synthetic and real heads: none where nothing is wrong, the right one where something was done."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from factories_artefacts import cut, ghosted, grainy, jumped, sharpened, turned, with_metal, with_vessels
from PIL import Image

from strokeapp.demonstration import demonstrations
from strokeapp.inference.quality.checks import quality_flags
from strokeapp.inference.suitability import check, examine
from strokeapp.reading import load, open_inputs
from strokeapp.types import Modality, Plane, QualityFlag, Scan, Sequence, Severity, Units


def part(scan: Scan, first: int, last: int) -> Scan:
    """Return the slices from first to last, last excluded."""
    kept = slice(first, last)
    origins = scan.geometry.slice_origins[kept]
    return replace(scan, voxels=scan.voxels[kept], geometry=replace(scan.geometry, slice_origins=origins))


def picture(scan: Scan) -> Scan:
    """Return a CT as the brain-window pictures that an export makes of it."""
    gray = np.clip(scan.voxels * (255 / 80), 0, 255).astype(np.uint8)
    return replace(scan, voxels=gray, geometry=None, modality=Modality.PICTURE, units=Units.GRAY, plane=Plane.UNKNOWN)


def codes(scan: Scan) -> dict[str, Severity]:
    return {flag.code: flag.severity for flag in quality_flags(scan)}


def opened(path: Path, workspace: Path, modality: Modality) -> Scan:
    inventory = open_inputs([path], workspace=workspace)
    return next(load(s) for s in inventory.series if s.viewable and not s.refusal and s.modality is modality)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> dict[str, Scan]:
    folder, found = tmp_path_factory.mktemp("shipped"), {}
    for study in demonstrations():
        path = study.path
        if path.stem in ("synthetic_normal_ct", "synthetic_infarct_dwi"):
            modality = Modality.CT if path.stem.endswith("ct") else Modality.MR
            (folder / path.stem).mkdir()
            found[path.stem] = opened(path, folder / path.stem, modality)
    return found


@pytest.fixture(scope="module")
def head(shipped) -> Scan:
    return shipped["synthetic_normal_ct"]


@pytest.fixture(scope="module")
def small(head) -> Scan:
    """Give every other pixel of the head, for artefacts that do not need the fine ones."""
    g = head.geometry
    geometry = replace(g, row_step=2 * g.row_step, column_step=2 * g.column_step)
    return replace(head, voxels=np.ascontiguousarray(head.voxels[:, ::2, ::2]), geometry=geometry)


def test_heads_without_artefacts_get_no_flag(head, small, shipped):
    assert codes(head) == codes(small) == codes(picture(small)) == codes(shipped["synthetic_infarct_dwi"]) == {}


def test_flags_are_added_to_the_scan_once(small):
    scan = jumped(small, 16, 10)
    first = examine(scan)
    assert [flag.code for flag in first.scan.flags] == ["motion"] and first.abstention is None
    assert examine(first.scan).scan.flags == first.scan.flags


def test_a_severe_flag_abstains_with_its_own_words(small):
    result = examine(turned(small, 1))
    severe = next(flag for flag in result.scan.flags if flag.severity is Severity.SEVERE)
    assert (result.abstention.code, result.abstention.message) == ("turned_head", severe.message)
    assert check(turned(small, 1)) == result.abstention


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (0, 25, {"vertex_missing"}),
        (13, 32, {"base_missing"}),
        (13, 24, {"vertex_missing", "base_missing", "short_coverage"}),
        (5, 32, set()),
    ],
)
def test_ends_that_are_not_covered_are_named_and_never_severe(small, first, last, expected):
    found = codes(part(small, first, last))
    assert expected <= set(found) <= expected | {"short_coverage"}
    assert Severity.SEVERE not in found.values()


@pytest.mark.parametrize(("share", "severity"), [(0.05, None), (0.2, Severity.WARNING), (0.35, Severity.SEVERE)])
def test_a_brain_cut_by_the_border_is_flagged_by_how_much_is_gone(small, share, severity):
    for scan in (cut(small, share), cut(picture(small), share, empty=0)):
        assert codes(scan).get("brain_cropped") is severity
        assert "turned_head" not in codes(scan)


def test_a_picture_cut_tightly_around_the_skull_keeps_its_brain(small):
    voxels = picture(small).voxels
    rows, columns = (np.flatnonzero((voxels[16] > 30).any(axis)) for axis in (1, 0))
    tight = np.ascontiguousarray(voxels[16:17, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    assert "brain_cropped" not in codes(replace(picture(small), voxels=tight))


@pytest.mark.parametrize(("noise_hu", "flagged"), [(0.5, False), (4, False), (10, True), (40, True)])
def test_the_noise_of_a_bone_kernel_is_flagged(head, noise_hu, flagged):
    found = codes(sharpened(part(head, 10, 22), noise_hu))
    assert ("sharp_kernel" in found) is flagged and "noisy" not in found


def test_a_tag_lowers_the_bound_for_a_bone_kernel(head):
    scan = sharpened(part(head, 10, 22), 4)
    tag = QualityFlag("bone_kernel_tag", Severity.INFO, "The tags name a kernel for bone.")
    assert "sharp_kernel" not in codes(scan) and "sharp_kernel" in codes(replace(scan, flags=(tag,)))


@pytest.mark.parametrize(("noise_hu", "flagged"), [(5, False), (15, False), (32, True)])
def test_noise_that_hides_the_brain_abstains(head, noise_hu, flagged):
    found = codes(grainy(part(head, 10, 22), noise_hu, blur=1.5))
    assert (found.get("noisy") is Severity.SEVERE) is flagged


def test_no_reading_is_given_where_noise_leaves_no_brain_to_measure(head):
    assert check(grainy(part(head, 10, 22), 80, blur=1.5)) is not None


def test_metal_is_found_and_only_wide_streaks_abstain(small):
    middle = range(14, 18)
    clip = codes(with_metal(small, middle, radius_mm=2.5, starved=0.0))
    many = codes(with_metal(small, range(8, 28), radius_mm=8, starved=0.9))
    assert clip["metal"] is Severity.WARNING and many["metal"] is Severity.SEVERE


def test_metal_below_the_brain_is_only_a_note(small):
    voxels = small.voxels.copy()
    voxels[:2] = np.where((voxels[:2] > -50) & (voxels[:2] < 100), -100, voxels[:2])
    found = codes(with_metal(replace(small, voxels=voxels), range(1), radius_mm=2.5, starved=0.0))
    assert found == {"metal_below": Severity.INFO}


@pytest.mark.parametrize(("hu", "flagged"), [(90, False), (200, True), (400, True)])
def test_filled_vessels_on_both_sides_are_flagged_and_blood_is_not(head, hu, flagged):
    assert ("contrast_seen" in codes(with_vessels(head, hu))) is flagged


def test_calcium_on_one_side_is_not_contrast(head):
    scan = with_vessels(head, 300)
    scan.voxels.flags.writeable = True
    scan.voxels[:, :, :256] = head.voxels[:, :, :256]
    assert "contrast_seen" not in codes(scan)


@pytest.mark.parametrize(("pixels", "flagged"), [(2, False), (4, False), (10, True), (25, True)])
def test_slices_that_jump_sideways_are_motion(small, pixels, flagged):
    assert ("motion" in codes(jumped(small, 16, pixels))) is flagged


@pytest.mark.parametrize(("strength", "flagged"), [(0.02, False), (0.3, True)])
def test_ghosts_beside_an_mr_head_are_flagged(shipped, strength, flagged):
    found = codes(ghosted(shipped["synthetic_infarct_dwi"], strength))
    assert ("ghosting" in found) is flagged and Severity.SEVERE not in found.values()


@pytest.mark.parametrize("quarters", [1, 3])
def test_a_head_on_its_side_abstains(small, quarters):
    assert codes(turned(small, quarters))["turned_head"] is Severity.SEVERE
    assert codes(turned(picture(small), quarters))["turned_head"] is Severity.SEVERE


def test_a_head_upside_down_is_a_warning(small):
    assert codes(turned(small, 2)) == {"upside_down": Severity.WARNING}


def test_a_real_volume_is_judged_by_how_it_lies(shared):
    paths = sorted((shared / "data" / "ct_ich").glob("049_*.webp"))
    voxels = np.stack([np.asarray(Image.open(path).convert("L")) for path in paths])
    scan = Scan(voxels, None, Modality.PICTURE, Sequence.UNKNOWN, Units.GRAY, Plane.UNKNOWN)
    assert codes(scan) == {}
    assert codes(replace(scan, voxels=voxels[::-1])) == {"reversed_order": Severity.INFO}
    assert codes(turned(scan, 2)) == {"upside_down": Severity.WARNING}
    assert codes(turned(scan, 1))["turned_head"] is Severity.SEVERE


def test_slices_that_begin_above_the_base_are_not_called_reversed(small):
    assert "reversed_order" not in codes(part(small, 14, 32))


@pytest.mark.parametrize(("every", "severity"), [(1, None), (2, Severity.INFO), (3, Severity.WARNING)])
def test_the_distance_of_slices_is_judged(small, every, severity):
    g = small.geometry
    sparse = replace(small, voxels=small.voxels[::every], geometry=replace(g, slice_origins=g.slice_origins[::every]))
    assert codes(sparse).get("thick_slices") is severity


def test_forty_slices_take_less_than_a_second_of_processor_time(head):
    origins = head.geometry.slice_origins
    geometry = replace(head.geometry, slice_origins=np.r_[origins, origins[-1] + (origins[:8] - origins[0])])
    scan = replace(head, voxels=np.concatenate([head.voxels, head.voxels[8:16]]), geometry=geometry)
    begun = time.process_time()
    quality_flags(scan)
    assert time.process_time() - begun < 1.0


def test_a_real_ct_and_real_mr_get_no_false_alarm(shared, tmp_path):
    folder = shared / "cases" / "ct_dwi_acute_ischaemia_dicom"
    ct, mr = opened(folder, tmp_path, Modality.CT), opened(folder, tmp_path, Modality.MR)
    assert codes(ct) == {"thick_slices": Severity.INFO} and codes(mr) == {}
    assert check(ct) is None and check(mr) is None
