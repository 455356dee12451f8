"""Draw the same random numbers again, and leave everybody else's as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

SEED = 20170704


@contextmanager
def seeded(seed: int = SEED) -> Iterator[None]:
    """Seed PyTorch's and NumPy's global generators, which Captum draws from, and put them back after."""
    before = np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(before)
