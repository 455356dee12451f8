"""Fast erosion, dilation and opening give what SciPy gives, borders included."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from strokeapp.inference.quality.morphology import DISK, dilated, eroded, opened


@pytest.mark.parametrize("shape", [(128, 128), (128, 97), (5, 9), (1, 1), (3, 128)])
@pytest.mark.parametrize("share", [0.3, 0.9, 1.0])
def test_the_same_as_scipy(shape, share):
    mask = np.random.default_rng(0).random(shape) < share
    np.testing.assert_array_equal(opened(mask), ndimage.binary_opening(mask, DISK))
    for times in (1, 3, 10):
        np.testing.assert_array_equal(eroded(mask, iterations=times), ndimage.binary_erosion(mask, iterations=times))
        np.testing.assert_array_equal(dilated(mask, iterations=times), ndimage.binary_dilation(mask, iterations=times))
