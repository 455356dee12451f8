"""Check the phantom's building bricks against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from model_training.phantom.anatomy import Head
from model_training.phantom.ct import CtProtocol, ct_geometry
from model_training.phantom.lesions import Bleed, Infarct, Lesion, Subdural
from model_training.phantom.mr import DWI_PROTOCOL, FLAIR_PROTOCOL, mr_geometry
from model_training.phantom.noise import Field, ct_noise, rician
from model_training.phantom.shapes import Canvas, Points, capsule, cover, ellipsoid, mirror, union
from model_training.phantom.tissues import CT_HU, DIFFUSION, FLAIR, Tissue


def grid(step: float = 1.0, half: float = 30.0) -> Points:
    axis = np.arange(-half, half + step / 2, step, dtype=np.float32)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    return Points(x.reshape(len(axis), -1), y.reshape(len(axis), -1), z.reshape(len(axis), -1))


def test_ellipsoid_is_exact_for_a_sphere_and_has_the_right_volume():
    points = grid()
    distance = np.sqrt(points.x**2 + points.y**2 + points.z**2)
    np.testing.assert_allclose(ellipsoid(points, (0, 0, 0), (12, 12, 12)), 12 - distance, atol=2e-3)
    volume = cover(ellipsoid(points, (1, 2, 3), (10, 16, 8))).sum()
    assert volume == pytest.approx(4 / 3 * np.pi * 10 * 16 * 8, rel=0.01)


def test_capsule_measures_the_distance_to_its_segment():
    points = Points(*(np.array([[v]], np.float32) for v in (5.0, 3.0, 0.0)))
    assert capsule(points, (0, 0, 0), (10, 0, 0), (4, 4))[0, 0] == pytest.approx(1.0)
    assert capsule(points, (0, 0, 0), (10, 0, 0), (2, 6))[0, 0] == pytest.approx(1.0)


def test_union_contains_both_solids_and_adds_only_a_fillet():
    a, b = np.array([[3.0, -9.0]], np.float32), np.array([[-9.0, 0.0]], np.float32)
    joined = union(a, b, 2.0)
    assert (joined >= np.maximum(a, b)).all()
    assert (joined - np.maximum(a, b)).max() <= 0.5 + 1e-6


def test_mirror_makes_sides_equal():
    points = Points(*(np.array([[-v, v]], np.float32) for v in (5.0, 3.0, 1.0)))
    assert mirror(points).x.tolist() == [[5.0, 5.0]]


def test_painting_other_tissue_hides_the_lesion():
    canvas = Canvas(np.zeros((1, 2), np.float32), np.zeros((1, 2), np.float32))
    canvas.paint(np.ones((1, 2), np.float32), 60.0, lesion=True)
    canvas.paint(np.array([[0.0, 0.75]], np.float32), 8.0)
    np.testing.assert_allclose(canvas.lesion, [[1.0, 0.25]])
    np.testing.assert_allclose(canvas.values, [[60.0, 0.75 * 8 + 0.25 * 60]])


def test_field_repeats_and_has_its_wavelength():
    field = Field.draw(np.random.default_rng(0), wavelength_mm=20.0, nodes=64, per_wave=8)
    x = np.arange(0, 160, 1.0, dtype=np.float32)[None]
    zero = np.zeros_like(x)
    line = np.concatenate([field(Points(x, zero + y, zero)) for y in range(0, 160, 10)])
    np.testing.assert_allclose(field(Points(x + 160, zero, zero)), line[:1], atol=1e-3)
    assert line.std() == pytest.approx(1.0, abs=0.15)
    # In a section through a spectral ring the mean number of zero crossings per length is (2/√3)/λ.
    crossings = (np.diff(np.sign(line), axis=1) != 0).mean()
    assert crossings == pytest.approx(2 / np.sqrt(3) / 20.0, rel=0.2)


def test_ct_noise_has_unit_variance_no_low_frequencies_and_its_peak():
    noise = ct_noise(np.random.default_rng(0), (256, 256), pixel_mm=0.46, peak_per_mm=0.17)
    assert noise.std() == pytest.approx(1.0, abs=1e-5)
    power = np.abs(np.fft.fft2(noise)) ** 2
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(256, 0.46), np.fft.fftfreq(256, 0.46)))
    near = power[(f > 0.13) & (f < 0.21)].mean()
    assert power[(f > 0) & (f < 0.03)].mean() < 0.45 * near
    assert power[f > 0.7].mean() < 0.01 * near


def test_rician_noise_has_a_floor():
    image = rician(np.random.default_rng(0), np.zeros((200, 200), np.float32), sigma=10.0)
    assert image.mean() == pytest.approx(10.0 * np.sqrt(np.pi / 2), rel=0.02)


def test_every_palette_values_every_tissue():
    for palette in (CT_HU, FLAIR, DIFFUSION):
        assert set(palette) == set(Tissue)
    assert 37 <= CT_HU[Tissue.GRAY] <= 40
    assert 27 <= CT_HU[Tissue.WHITE] <= 31
    assert 5 <= CT_HU[Tissue.SPINAL_FLUID] <= 12
    assert FLAIR[Tissue.SPINAL_FLUID] < FLAIR[Tissue.WHITE] < FLAIR[Tissue.GRAY] < FLAIR[Tissue.INFARCT]


def test_head_frame_and_patient_frame_are_inverse():
    head = Head.draw(np.random.default_rng(3))
    target = (27.0, -11.0, 4.0)
    back = head.place(head.locate(target)[None, None])
    np.testing.assert_allclose([float(a[0, 0]) for a in back], target, atol=0.6)


@pytest.mark.parametrize("tilt", [0.0, 10.0, -15.0])
def test_ct_geometry_has_the_gap_and_the_tilt(tilt: float):
    geometry = ct_geometry(CtProtocol(tilt_degrees=tilt))
    np.testing.assert_allclose(geometry.spacing_mm, (4.8, 0.46, 0.46))
    assert geometry.tilt_degrees == pytest.approx(abs(tilt), abs=1e-4)
    np.testing.assert_allclose(np.diff(geometry.slice_origins, axis=0)[:, :2], 0, atol=1e-12)
    assert (np.diff(geometry.positions_mm) > 0).all()


@pytest.mark.parametrize("protocol", [FLAIR_PROTOCOL, DWI_PROTOCOL])
def test_mr_geometry_keeps_the_field_of_view(protocol):
    geometry = mr_geometry(protocol)
    edge = geometry.slice_origins[0, 0] - geometry.spacing_mm[2] / 2
    assert edge == pytest.approx(-protocol.size * protocol.pixel_mm / 2)


def test_lesions_move_tissue_only_where_they_are():
    far = Points(*(np.array([[v]], np.float32) for v in (0.0, 90.0, -60.0)))
    for lesion in (Lesion(), Bleed(), Infarct(), Subdural()):
        for moved, stayed in zip(lesion.displace(far), far, strict=True):
            assert abs(float(moved[0, 0] - stayed[0, 0])) < 0.6
    midline = Points(*(np.array([[v]], np.float32) for v in (0.0, 0.0, 18.0)))
    assert float(Subdural(side=1).displace(midline).x[0, 0]) > 4.0
    assert float(Subdural(side=-1).displace(midline).x[0, 0]) < -4.0


def test_bleed_volume_is_that_of_an_ellipsoid():
    assert Bleed(radii=(10.0, 10.0, 10.0)).volume_ml == pytest.approx(4.18879, rel=1e-5)
