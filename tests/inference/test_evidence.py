"""What is measured on a lesion map: brightness, area, place; the same numbers for half precision."""

from __future__ import annotations

import numpy as np
import pytest

from strokeapp.inference.evidence import EVIDENCE, HIGHEST, LOWEST, MAP_NAMES, map_statistics, slice_evidence

SIDE = 40


def map_with(value: float, rows: slice, columns: slice, *, rest: float = 0.0) -> np.ndarray:
    values = np.full((1, SIDE, SIDE), rest, np.float32)
    values[0, rows, columns] = value
    return values


def named(values: np.ndarray) -> dict[str, float]:
    return dict(zip(MAP_NAMES, map_statistics(values)[0].tolist(), strict=True))


def logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def test_a_square_lesion_is_measured():
    found = named(map_with(0.8, slice(0, 10), slice(30, 40)))
    assert found["top_spot"] == pytest.approx(logit(0.8), abs=1e-4)
    assert found["top_large"] == pytest.approx(logit(0.8), abs=1e-4)
    assert found["area_50"] == pytest.approx(np.log10(100 / SIDE**2), abs=0.01)
    center = np.linspace(-1, 1, SIDE)[:10].mean()
    assert (found["row"], found["column"]) == pytest.approx((center, -center), abs=0.01)


def test_a_small_lesion_fills_only_the_spot():
    found = named(map_with(0.9, slice(20, 21), slice(20, 21)))
    assert found["top_spot"] > 2 > found["top_lesion"] > found["top_large"] > logit(LOWEST) - 0.01


def test_areas_follow_their_cuts():
    found = named(map_with(0.3, slice(0, 20), slice(0, SIDE)))
    assert found["area_10"] == pytest.approx(np.log10(0.5), abs=0.01)
    assert found["area_50"] == pytest.approx(-np.log10(SIDE**2), abs=1e-4)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_certain_maps_stay_finite_and_centered(value):
    found = named(np.full((1, SIDE, SIDE), value, np.float32))
    assert found["top_spot"] == pytest.approx(logit(HIGHEST if value else LOWEST), abs=1e-3)
    assert (found["row"], found["column"]) == pytest.approx((0, 0), abs=1e-5)


def test_half_precision_changes_next_to_nothing():
    values = 1 / (1 + np.exp(-np.random.default_rng(0).normal(-3, 2, (5, SIDE, SIDE))))
    np.testing.assert_allclose(map_statistics(values), map_statistics(values.astype(np.float16)), atol=0.1)


def test_the_row_is_in_the_documented_order():
    rng = np.random.default_rng(1)
    logits, subtypes, maps = rng.normal(size=(3, 2)), rng.normal(size=(3, 5)), rng.random((3, 2, SIDE, SIDE))
    found = slice_evidence(logits, subtypes, maps)
    assert found.shape == (3, len(EVIDENCE)) and found.dtype == np.float32
    np.testing.assert_allclose(found[:, EVIDENCE.index("hemorrhagic_logit")], logits[:, 0], rtol=1e-6)
    np.testing.assert_allclose(found[:, EVIDENCE.index("subdural_logit")], subtypes[:, 4], rtol=1e-6)
    first = EVIDENCE.index("ischemic_top_spot")
    np.testing.assert_array_equal(found[:, first:], map_statistics(maps[:, 1]))
