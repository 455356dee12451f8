"""Diffusion series: b-values apart, b = 0 never read as DWI, directions combined to their trace."""

from __future__ import annotations

import shutil

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from factories import make_enhanced_mr, make_mr_series, make_nifti, noise, slice_geometry
from strokeapp.inference.classify import network_for
from strokeapp.reading import Limits, load, nifti, open_inputs, preselect
from strokeapp.reading.diffusion import b_table, b_value_of, shells_of, trace_of
from strokeapp.types import Abstention, Modality, Plane, Sequence

RAS = np.diag([1.0, 1.0, 4.0, 1.0])


def opened(tmp_path, *paths, **options):
    workspace = tmp_path / "workspace"
    workspace.mkdir(exist_ok=True)
    return open_inputs(paths or [tmp_path / "in"], workspace=workspace, **options)


def signal(b_value, diffusivity, *, slices=4):
    """Return S0 exp(-b D) on a picture with structure."""
    base = noise(slices, 64, 64, seed=1).astype(np.float64) + 1100
    return np.rint(10 * base * np.exp(-b_value * diffusivity)).astype(np.uint16)


def write(folder, b_value, values, uid, prefix, **tags):
    make_mr_series(
        folder, voxels=values, series_uid=uid, prefix=prefix,
        tags={"DiffusionBValue": float(b_value), "SeriesDescription": "ep2d_diff", **tags},
    )  # fmt: skip


def test_b_values_and_maps_of_one_series_part_and_the_strong_one_is_read(tmp_path):
    uid = generate_uid()
    for b_value in (0, 500, 1000):
        write(tmp_path / "in", b_value, signal(b_value, 8e-4), uid, f"b{b_value}-")
    adc = ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]
    make_mr_series(
        tmp_path / "in", voxels=noise(4, 64, 64) + 1000, series_uid=uid, prefix="adc-",
        tags={"ImageType": adc, "SeriesDescription": "ep2d_diff"},
    )  # fmt: skip
    inventory = opened(tmp_path)
    found = {(series.sequence, series.b_value): series for series in inventory.series}
    assert set(found) == {
        (Sequence.B0, 0.0), (Sequence.DWI, 500.0), (Sequence.DWI, 1000.0), (Sequence.ADC, None),
    }  # fmt: skip
    assert found[Sequence.DWI, 500.0].refusal.code == "low_b_value"
    assert preselect(inventory) is found[Sequence.DWI, 1000.0]


def test_no_network_reads_unweighted_images(tmp_path):
    write(tmp_path / "in", 0, signal(0, 8e-4), generate_uid(), "b0-")
    scan = load(opened(tmp_path).series[0])
    assert scan.sequence is Sequence.B0
    answer = network_for(scan)
    assert isinstance(answer, Abstention) and answer.code == "no_network"


def test_directions_are_shown_as_their_trace(tmp_path):
    uid, diffusivities = generate_uid(), (5e-4, 8e-4, 14e-4)
    for number, diffusivity in enumerate(diffusivities):
        write(tmp_path / "in", 1000, signal(1000, diffusivity), uid, f"d{number}-", AcquisitionTime=f"12000{number}")
    (series,) = opened(tmp_path).series
    assert (series.sequence, series.frames, series.refusal) == (Sequence.DWI, 3, None)
    assert "trace_computed" in {flag.code for flag in series.flags}
    np.testing.assert_allclose(load(series).voxels, signal(1000, np.mean(diffusivities)), atol=2)


def write_directions(folder, volumes, uid, prefix="", edit=None):
    """Write one volume for each direction, in order of time."""
    for number, values in enumerate(volumes):
        make_mr_series(
            folder, voxels=values, series_uid=uid, prefix=f"{prefix}d{number}-", edit=edit,
            tags={"DiffusionBValue": 1000.0, "SeriesDescription": "ep2d_diff", "AcquisitionTime": f"12000{number}"},
        )  # fmt: skip


@pytest.mark.parametrize("same_instances", [True, False])
def test_files_given_twice_do_not_weigh_twice_in_the_trace(tmp_path, same_instances):
    uid, diffusivities = generate_uid(), (2e-4, 8e-4, 14e-4)
    volumes = [signal(1000, diffusivity) for diffusivity in diffusivities]
    write_directions(tmp_path / "in" / "a", volumes, uid)
    if same_instances:
        shutil.copytree(tmp_path / "in" / "a", tmp_path / "in" / "b")
    else:
        write_directions(tmp_path / "in" / "b", volumes, uid)
    (series,) = opened(tmp_path).series
    flags = {flag.code: flag.message for flag in series.flags}
    assert series.frames == 3 and "12 identical" in flags["duplicates_dropped"] and "trace_computed" in flags
    np.testing.assert_allclose(load(series).voxels, signal(1000, np.mean(diffusivities)), atol=2)


@pytest.mark.parametrize("twice", [False, True])
def test_masked_slices_at_the_end_of_a_series_are_no_copies(tmp_path, twice):
    """Directions of 100, 400 and 1600 have the trace 400; the outermost slices are masked to zero in all of them."""
    uid = generate_uid()
    pattern = np.random.default_rng(0).integers(1, 3, (5, 64, 64))
    volumes = [(pattern * value).astype(np.uint16) for value in (100, 400, 1600)]
    for volume in volumes:
        volume[[0, -1]] = 0
    for folder in ("a", "b")[: 1 + twice]:
        write_directions(tmp_path / "in" / folder, volumes, uid)
    (series,) = opened(tmp_path).series
    codes = {flag.code for flag in series.flags}
    assert series.frames == 3 and "trace_computed" in codes and "repeated_positions" not in codes
    expected = 400 * pattern
    expected[[0, -1]] = 0
    np.testing.assert_allclose(load(series).voxels, expected, atol=1)


def test_files_of_one_instance_identifier_that_differ_are_kept(tmp_path):
    """A faulty export writes one identifier into all files: nothing is lost by it."""
    instance = generate_uid()
    make_mr_series(tmp_path / "in", edit=lambda ds, _: setattr(ds, "SOPInstanceUID", instance))
    assert opened(tmp_path).series[0].slices == 6
    volumes = [signal(1000, diffusivity) for diffusivity in (2e-4, 8e-4)]
    write_directions(
        tmp_path / "b", volumes, generate_uid(), edit=lambda ds, _: setattr(ds, "SOPInstanceUID", instance)
    )
    (series,) = opened(tmp_path, tmp_path / "b").series
    assert (series.slices, series.frames) == (4, 2)


def test_trace_of_is_the_geometric_mean_and_zero_stays_zero():
    images = [np.array([[1, 0, 4]], np.int16), np.array([[100, 5, 9]], np.int16)]
    assert trace_of(images).tolist() == [[10, 0, 6]] and trace_of(images).dtype == np.int16
    assert trace_of([np.array([[-3.0, 2.0]], np.float32)]).tolist() == [[0.0, pytest.approx(2.0)]]


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({(0x0018, 0x9087): ("FD", 800.0)}, 800.0),
        ({(0x0019, 0x0010): ("LO", "SIEMENS MR HEADER"), (0x0019, 0x100C): ("IS", "1000")}, 1000.0),
        ({(0x0019, 0x0010): ("LO", "SIEMENS MR HEADER"), (0x0019, 0x100C): ("UN", b"1000 ")}, 1000.0),
        ({(0x0019, 0x0010): ("LO", "GEMS_ACQU_01"), (0x0019, 0x100C): ("IS", "1000")}, None),
        ({(0x0043, 0x0010): ("LO", "GEMS_PARM_01"), (0x0043, 0x1039): ("IS", ["1000001000", "8", "0", "0"])}, 1000.0),
        ({(0x0043, 0x0010): ("LO", "GEMS_PARM_01"), (0x0043, 0x1039): ("UN", b"0\\8\\0\\0")}, 0.0),
        ({(0x2001, 0x0010): ("LO", "Philips Imaging DD 001"), (0x2001, 0x1003): ("FL", 1000.0)}, 1000.0),
        ({(0x2001, 0x0010): ("LO", "Philips Imaging DD 001"), (0x2001, 0x1003): ("UN", b"\0\0\x7a\x44")}, 1000.0),
        ({(0x0018, 0x0024): ("SH", "*ep_b1000t")}, 1000.0),
        ({(0x0018, 0x0024): ("SH", "*tse2d1_7")}, None),
    ],
)
def test_every_vendor_is_asked_for_the_b_value(elements, expected):
    dataset = Dataset()
    for tag, (representation, value) in elements.items():
        dataset.add_new(tag, representation, value)
    assert b_value_of(dataset) == expected


def test_frames_of_one_enhanced_file_part_by_direction_and_kind(tmp_path):
    """Trace (ISOTROPIC) and single directions of one b-value must not share a stack; an ADC frame is an ADC."""
    geometry = slice_geometry(3)
    voxels = np.random.default_rng(0).integers(1, 4000, (12, 48, 40), dtype=np.uint16)
    path = make_enhanced_mr(tmp_path / "x.dcm", voxels, geometry, b_values=[0.0] * 3 + [1000.0] * 6 + [None] * 3)
    dataset = pydicom.dcmread(path)
    dataset.ImageType = ["DERIVED", "PRIMARY", "MIXED", "MIXED"]
    for number, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        kind = Dataset()
        kind.FrameType = ["DERIVED", "PRIMARY", "DIFFUSION", "ADC" if number >= 9 else "NONE"]
        group.MRImageFrameTypeSequence = [kind]
        if number < 9:
            direction = "NONE" if number < 3 else "DIRECTIONAL" if number < 6 else "ISOTROPIC"
            group.MRDiffusionSequence[0].DiffusionDirectionality = direction
    dataset.save_as(path)
    found = opened(tmp_path, path).series
    assert sorted((s.sequence.value, s.slices, s.frames) for s in found) == [
        ("ADC", 3, 1), ("DWI", 3, 1), ("DWI", 3, 1), ("DWI b0", 3, 1),
    ]  # fmt: skip


def four_dimensional(tmp_path, table, *, name="sub-1_dwi.nii.gz", volumes=5):
    values = np.stack([signal(0, 0), *[signal(1000, d) for d in (4e-4, 6e-4, 8e-4, 10e-4)]][:volumes], axis=-1)
    path = make_nifti(tmp_path / name, values.transpose(2, 1, 0, 3).astype(np.int16), RAS)
    (tmp_path / name.replace(".nii.gz", ".bval")).write_text(table)
    return opened(tmp_path, path, tmp_path / name.replace(".nii.gz", ".bval"))


def test_a_table_of_b_values_beside_a_nifti_file_parts_its_volumes(tmp_path):
    inventory = four_dimensional(tmp_path, "0 995 1000\t1005 1000\n", name="anything.nii.gz")
    found = {series.b_value: series for series in inventory.series}
    assert {b: (s.sequence, s.frames, s.modality) for b, s in found.items()} == {
        0.0: (Sequence.B0, 1, Modality.MR), 1000.0: (Sequence.DWI, 4, Modality.MR),
    }  # fmt: skip
    assert preselect(inventory) is found[1000.0] and len({series.key for series in inventory.series}) == 2
    trace = load(found[1000.0])
    assert trace.plane is Plane.AXIAL and "trace_computed" in {flag.code for flag in trace.flags}
    np.testing.assert_allclose(np.sort(trace.voxels, None), np.sort(signal(1000, 7e-4), None), atol=2)
    np.testing.assert_array_equal(np.sort(load(found[0.0]).voxels, None), np.sort(signal(0, 0), None))


@pytest.mark.parametrize("table", ["0 1000", "", "0 1000 a 1000 1000", "0 1000 -5 1000 1000"])
def test_a_table_that_does_not_fit_is_not_used_and_told(tmp_path, table):
    (series,) = four_dimensional(tmp_path, table).series if table else four_dimensional(tmp_path, " ").series
    assert series.refusal.code == "time_series" and "b_values_disagree" in {flag.code for flag in series.flags}


def test_a_packed_file_is_inflated_once_for_all_b_values_and_never_beyond_the_limit(tmp_path, monkeypatch):
    values = np.full((32, 32, 4, 40), 100, np.int16)
    values[:16] = np.arange(40)
    path = make_nifti(tmp_path / "dwi.nii.gz", values, RAS)
    (tmp_path / "dwi.bval").write_text(" ".join(str(50 * number) for number in range(40)))
    passes, real = [], nifti.SHARED.packed_spans
    monkeypatch.setattr(nifti.SHARED, "packed_spans", lambda *args: passes.append(args) or real(*args))
    inventory = opened(tmp_path, path, tmp_path / "dwi.bval")
    assert len(inventory.series) == 40 and len(passes) == 1  # the values of all shells
    size = 352 + values.nbytes
    assert not opened(tmp_path, path, tmp_path / "dwi.bval", limits=Limits(file_bytes=size)).problems
    (problem,) = opened(tmp_path, path, tmp_path / "dwi.bval", limits=Limits(file_bytes=size - 1)).problems
    assert problem.code == "too_large" and "40 volumes" in problem.message


def test_shells_and_tables(tmp_path):
    assert shells_of([5, 1000, 995, 0, 2010]) == {0.0: (0, 3), 1000.0: (1, 2), 2000.0: (4,)}
    (tmp_path / "x.bval").write_text("0\n1e3 nan")
    assert b_table(tmp_path / "x.bval") == []


@pytest.mark.parametrize(("name", "volumes", "sequence"), [("ASL", 1, Sequence.UNKNOWN), ("ASL", 3, Sequence.ASL)])
def test_three_letters_that_may_name_axes_tell_no_sequence(tmp_path, name, volumes, sequence):
    values = np.stack([signal(0, 0).transpose(2, 1, 0).astype(np.int16) + k for k in range(volumes)], axis=-1)
    path = make_nifti(tmp_path / f"{name}.nii.gz", values[..., 0] if volumes == 1 else values, RAS)
    assert opened(tmp_path, path).series[0].sequence is sequence
