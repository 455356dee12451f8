"""What the viewer sends: deterministic, lossless where promised, refused where impossible."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from strokeapp.errors import LimitError, StrokeAppError
from strokeapp.imaging.windows import CT_PRESETS, WindowPreset, apply_window, mr_presets, percentile_window
from strokeapp.types import Geometry, Modality, Plane, QualityFlag, Scan, Sequence, Severity, Units
from strokeapp.ui.viewer.cache import RunCache
from strokeapp.ui.viewer.description import describe_comparison, describe_overlay, describe_scan
from strokeapp.ui.viewer.model import Comparison, Overlay, Strip, check_overlay, check_strip
from strokeapp.ui.viewer.orientation import direction_letters, edge_letters
from strokeapp.ui.viewer.packing import Blob, pack_array, pack_overlay
from strokeapp.ui.viewer.storage import NO_VALUE, storage_of
from strokeapp.ui.viewer.volume import PackedVolume


def unpack(blob: Blob) -> tuple[dict, np.ndarray]:
    """Read a blob as the browser does."""
    assert blob.data[:4] == b"SAB2"
    length = int.from_bytes(blob.data[4:8], "little")
    header = json.loads(blob.data[8 : 8 + length])
    assert header["id"] == blob.id
    planes, at = [], 8 + length
    for size in header["parts"]:
        planes.append(np.frombuffer(gzip.decompress(blob.data[at : at + size]), np.uint8).astype(np.uint16))
        at += size
    assert at == len(blob.data)
    values = planes[0] if len(planes) == 1 else planes[0] | (planes[1] << 8)
    return header, values.astype(np.uint16).view(np.int16).astype(header["dtype"]).reshape(header["shape"])


def arrive(volume: PackedVolume) -> tuple[dict, np.ndarray]:
    """Put a volume together as the browser does: each block where the description says it starts."""
    described = volume.describe()
    values = np.full(described["shape"], -99, described["dtype"] if described["dtype"] == "int16" else np.int16)
    for place, blob in zip(described["blocks"], volume.blocks(), strict=True):
        header, block = unpack(blob)
        assert blob.id == place["id"]
        assert header["dtype"] == described["dtype"]
        values[place["start"] : place["start"] + len(block)] = block
    return described, values


def scan(slices: int = 4, *, units: Units = Units.HU, **changes) -> Scan:
    origins = np.stack([np.zeros(slices), np.zeros(slices), 5.0 * np.arange(slices)], axis=1)
    given = {
        "voxels": np.zeros((slices, 6, 7), np.int16),
        "geometry": Geometry(origins, np.array([0, 0.5, 0]), np.array([0.4, 0, 0])),
        "modality": Modality.CT,
        "sequence": Sequence.NCCT,
        "units": units,
        "plane": Plane.AXIAL,
    }
    return Scan(**{**given, **changes})


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32])
def test_integers_arrive_unchanged(dtype: type) -> None:
    voxels = np.random.default_rng(1).integers(0, 256, (3, 5, 7)).astype(dtype)
    described, arrived = arrive(PackedVolume(voxels))
    np.testing.assert_array_equal(arrived * described["scale"] + described["offset"], voxels)


@pytest.mark.parametrize("block_voxels", [1, 2 * 77, 5 * 77, 10**6])
@pytest.mark.parametrize("order", ["C", "F"])
def test_volume_of_several_blocks_arrives_unchanged(block_voxels: int, order: str) -> None:
    voxels = np.random.default_rng(6).integers(-2000, 3000, (11, 7, 11)).astype(np.int16, order=order)
    described, arrived = arrive(PackedVolume(voxels, first_slice=8, block_voxels=block_voxels))
    assert len(described["blocks"]) == {1: 11, 154: 6, 385: 3}.get(block_voxels, 1)
    np.testing.assert_array_equal(arrived, voxels)


@pytest.mark.parametrize(("first", "order"), [(0, [0, 2, 4, 6, 8]), (5, [4, 2, 6, 0, 8]), (9, [8, 6, 4, 2, 0])])
def test_block_on_show_comes_first_and_its_neighbors_next(first: int, order: list[int]) -> None:
    voxels = np.zeros((10, 4, 4), np.int16)
    described = PackedVolume(voxels, first_slice=first, block_voxels=32).describe()
    assert [block["start"] for block in described["blocks"]] == order


def test_blocks_are_packed_once_even_if_the_first_run_was_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    packed: list[str] = []

    def counted(values: np.ndarray, *, name: str) -> Blob:
        packed.append(name)
        return pack_array(values, name=name)

    monkeypatch.setattr("strokeapp.ui.viewer.volume.pack_array", counted)
    volume = PackedVolume(np.arange(6 * 16, dtype=np.int16).reshape(6, 4, 4), block_voxels=16)
    run = volume.blocks()
    first = next(run)
    run.close()
    whole = list(volume.blocks())
    assert whole[0] is first
    assert packed.count(first.id) == 1
    packed.clear()
    assert list(volume.blocks()) == whole
    assert packed == []


def test_extremes_of_int16_survive_the_byte_planes() -> None:
    voxels = np.array([-32768, -1024, -1, 0, 1, 255, 256, 32767], np.int16).reshape(1, 2, 4)
    np.testing.assert_array_equal(arrive(PackedVolume(voxels))[1], voxels)


@pytest.mark.parametrize("dtype", [">i2", "<i2", ">u2", ">f4"])
def test_byte_order_of_the_source_does_not_matter(dtype: str) -> None:
    voxels = np.array([0, 1, 255, 256, 1000, 32767], dtype).reshape(1, 2, 3)
    described, arrived = arrive(PackedVolume(voxels))
    np.testing.assert_allclose(arrived * described["scale"] + described["offset"], voxels.astype(float), atol=0.5)


def test_equal_content_gives_equal_bytes_and_other_content_another_name() -> None:
    voxels = np.random.default_rng(2).integers(-1000, 1000, (4, 16, 16)).astype(np.int16)
    first, again = PackedVolume(voxels, block_voxels=512), PackedVolume(voxels.copy(order="F"), block_voxels=512)
    assert first.describe() == again.describe()
    assert list(first.blocks()) == list(again.blocks())
    changed = voxels.copy()
    changed[3, 15, 15] += 1
    others = [changed, voxels.reshape(4, 8, 32), voxels.view(np.uint16)]
    assert len({PackedVolume(other).id for other in others} | {first.id}) == 4


def test_blocks_of_other_sizes_have_other_names() -> None:
    voxels = np.zeros((4, 4, 4), np.int16)
    names = [[blob.id for blob in PackedVolume(voxels, block_voxels=size).blocks()] for size in (16, 32)]
    assert not set(names[0]) & set(names[1])


def test_equal_overlays_have_equal_bytes_and_others_another_name() -> None:
    ones = np.ones((2, 4, 4), np.uint8)
    assert pack_overlay(ones) == pack_overlay(np.asfortranarray(ones))
    np.testing.assert_array_equal(unpack(pack_overlay(ones))[1], ones)
    others = [ones, ones * 2, ones.reshape(1, 8, 4), ones.reshape(2, 2, 8)]
    assert len({pack_overlay(other).id for other in others}) == 4


@pytest.mark.parametrize("values", [[0, 65535, 40000], [-(2**31), 2**31 - 1, 5]])
def test_integers_beyond_int16_come_back_to_four_digits_of_their_range(values: list[int]) -> None:
    voxels = np.array(values, np.int64).reshape(1, 1, 3)
    voxels = voxels.astype(np.uint16 if voxels.min() == 0 else np.int32)
    described, arrived = arrive(PackedVolume(voxels))
    off = arrived * described["scale"] + described["offset"] - voxels.astype(float)
    assert np.abs(off).max() < 1e-4 * float(np.ptp(voxels.astype(float)))
    assert described["noValue"] is None


@pytest.mark.parametrize("span", [1e-6, 1.0, 3.7e5])
def test_floats_come_back_to_four_digits_of_their_range(span: float) -> None:
    voxels = (np.random.default_rng(3).random((3, 9, 9), np.float32) * span - span / 3).astype(np.float32)
    header, arrived = arrive(PackedVolume(voxels, block_voxels=81))
    assert np.abs(arrived * header["scale"] + header["offset"] - voxels).max() < 1e-4 * span


def test_constant_floats_come_back() -> None:
    header, arrived = arrive(PackedVolume(np.full((1, 2, 2), 7.25, np.float32)))
    np.testing.assert_allclose(arrived * header["scale"] + header["offset"], 7.25)


def test_missing_values_are_marked_not_invented() -> None:
    voxels = np.array([[[np.nan, 1.0], [np.inf, 3.0]]], np.float32)
    storage = storage_of(voxels)
    assert storage.has_gaps
    np.testing.assert_array_equal(storage.store(voxels) == NO_VALUE, ~np.isfinite(voxels))
    assert PackedVolume(voxels).describe()["noValue"] == NO_VALUE
    assert PackedVolume(np.ones((1, 2, 2), np.float32)).describe()["noValue"] is None


@pytest.mark.parametrize(
    "voxels",
    [
        np.zeros((4, 4), np.int16),
        np.zeros((0, 4, 4), np.int16),
        np.full((1, 2, 2), np.nan),
        np.zeros((1, 2, 2), complex),
    ],
)
def test_what_cannot_be_shown_is_refused(voxels: np.ndarray) -> None:
    with pytest.raises(StrokeAppError):
        PackedVolume(voxels)


def test_too_large_volume_and_too_large_block_are_refused() -> None:
    noise = np.random.default_rng(4).integers(0, 255, (2, 64, 64)).astype(np.uint8)
    with pytest.raises(LimitError):
        PackedVolume(noise, max_bytes=8191)
    assert PackedVolume(noise, max_bytes=8192).id
    with pytest.raises(LimitError):
        pack_array(noise, name="x", max_bytes=1000)


def test_overlay_must_be_uint8_maps() -> None:
    with pytest.raises(StrokeAppError):
        pack_overlay(np.zeros((1, 4, 4), np.float32))


def test_unchanged_arrays_are_packed_once_and_dropped_ones_forgotten() -> None:
    packed = []
    cache: RunCache[int] = RunCache()
    first, second = np.zeros(3), np.ones(3)

    def run(*arrays: np.ndarray) -> None:
        for array in arrays:
            cache.get(array, lambda given: packed.append(given) or len(packed))
        cache.finish_run()

    run(first, second)
    run(first, second)
    assert len(packed) == 2
    run(first)
    run(first)
    assert len(cache) == 1
    run(first, second)
    assert len(packed) == 3


def test_letters_of_the_edges() -> None:
    axial = Geometry(np.zeros((1, 3)), np.array([0, 0.5, 0]), np.array([0.5, 0, 0]))
    assert edge_letters(axial) == {"left": "R", "right": "L", "top": "A", "bottom": "P"}
    sagittal = Geometry(np.zeros((1, 3)), np.array([0, 0, -1.0]), np.array([0, 1.0, 0]))
    assert edge_letters(sagittal) == {"left": "A", "right": "P", "top": "S", "bottom": "I"}


def test_oblique_directions_get_two_letters_and_small_tilts_one() -> None:
    assert direction_letters(np.array([0, 0.8, 0.6])) == "PS"
    assert direction_letters(np.array([0, np.cos(0.3), np.sin(0.3)])) == "P"


def test_description_shows_geometry_and_only_flags_that_matter() -> None:
    flags = (QualityFlag("a", Severity.INFO, "Quiet."), QualityFlag("b", Severity.SEVERE, "Loud."))
    described = describe_scan(scan(flags=flags), CT_PRESETS)
    assert described["notes"] == ["Loud."]
    assert described["geometry"]["rowStep"] == [0, 0.5, 0]
    assert described["geometry"]["columnStep"] == [0.4, 0, 0]
    assert [origin[2] for origin in described["geometry"]["origins"]] == [0.0, 5.0, 10.0, 15.0]
    json.dumps(described)


def test_description_claims_nothing_without_geometry() -> None:
    described = describe_scan(scan(geometry=None), CT_PRESETS)
    assert described["edges"] is described["geometry"] is None


def test_description_names_no_side_where_the_file_states_no_orientation() -> None:
    flag = QualityFlag("unknown_orientation", Severity.WARNING, "Left and right may be exchanged.")
    described = describe_scan(scan(flags=(flag,)), CT_PRESETS)
    assert described["edges"] is None and described["notes"] == [flag.message]
    assert described["geometry"]["columnStep"] == [0.4, 0, 0]
    assert describe_scan(scan(), CT_PRESETS)["edges"]["left"] == "R"


@pytest.mark.parametrize(
    "overlay",
    [
        Overlay("wrong count", np.zeros((3, 2, 2), np.uint8)),
        Overlay("no such slice", np.zeros((1, 2, 2), np.uint8), (4,)),
        Overlay("no such colors", np.zeros((4, 2, 2), np.uint8), None, "jet"),  # type: ignore[arg-type]
    ],
)
def test_overlay_of_another_series_is_refused(overlay: Overlay) -> None:
    with pytest.raises(StrokeAppError):
        check_overlay(overlay, scan(4))


@pytest.mark.parametrize("values", [(0.1,) * 3, (0.1, 0.2, 1.2, None), (float("nan"),) * 4])
def test_strip_of_another_series_is_refused(values: tuple[float | None, ...]) -> None:
    with pytest.raises(StrokeAppError):
        check_strip(Strip("Ischemic", values, 0.5), scan(4))


def test_window_is_linear_between_its_ends() -> None:
    brain = CT_PRESETS[0]
    assert (brain.low, brain.high) == (0, 80)
    np.testing.assert_allclose(apply_window(np.array([-50, 0, 20, 40, 80, 900]), brain), [0, 0, 0.25, 0.5, 1, 1])


def test_percentile_window_of_a_ramp() -> None:
    window = percentile_window(np.linspace(0, 1000, 100_001).reshape(1, 1, -1))
    assert (window.low, window.high) == pytest.approx((10, 995), abs=0.1)


def test_percentile_windows_hold_for_constant_and_gappy_volumes() -> None:
    assert percentile_window(np.zeros((2, 2, 2))).width > 0
    gappy = np.array([np.nan, 0.0, 1.0, np.inf])
    assert percentile_window(gappy, 0, 100).high == pytest.approx(1)
    with pytest.raises(StrokeAppError):
        percentile_window(np.full(4, np.nan))


def test_mr_presets_are_ordered_by_contrast() -> None:
    auto, soft, bright = mr_presets(np.random.default_rng(5).gamma(2, 100, (4, 32, 32)))
    assert bright.width < auto.width < soft.width


def test_impossible_window_is_refused() -> None:
    with pytest.raises(StrokeAppError):
        WindowPreset("none", 0, 40)


def test_preset_buttons_of_ct_say_width_and_level_and_those_of_mr_their_name() -> None:
    labels = [preset["label"] for preset in describe_scan(scan(), CT_PRESETS)["presets"]]
    assert labels == ["Brain 80/40", "Stroke 40/40", "Stroke 8/32", "Subdural 200/75", "Bone 2800/600"]
    mr = describe_scan(scan(units=Units.ARBITRARY), (WindowPreset("Auto", 331.5, 170.25),))
    assert [preset["label"] for preset in mr["presets"]] == ["Auto"]


def test_overlays_say_what_their_colors_mean() -> None:
    whole, single = Overlay("a", np.zeros((4, 2, 2), np.uint8)), Overlay("b", np.zeros((1, 2, 2), np.uint8), (2,))
    volume = Overlay("c", np.zeros((4, 2, 2), np.uint8), explains=True)
    assert [describe_overlay(item, "x")["kind"] for item in (whole, single)] == ["map", "explanation"]
    assert describe_overlay(volume, "x")["kind"] == "explanation"
    assert describe_overlay(volume, "x")["quantity"] == "relative attribution"
    assert [describe_overlay(item, "x")["quantity"] for item in (whole, single)] == [
        "probability",
        "relative attribution",
    ]


@pytest.mark.parametrize("same", [True, False, None])
def test_comparison_carries_its_own_series_and_whether_frames_agree(same: bool | None) -> None:
    volume = PackedVolume(np.zeros((3, 2, 2), np.int16)).describe()
    described = describe_comparison(Comparison(scan(3, description="Other"), same), CT_PRESETS, volume)
    assert (described["volume"], described["sameFrame"]) == (volume, same)
    assert len(described["scan"]["geometry"]["origins"]) == 3
    assert described["scan"]["title"].endswith("Other")
