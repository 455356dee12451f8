"""Foretell how long a measurement of explanations takes, in passes through the network, and tell the time left."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from tqdm import tqdm

PASSES = {
    "LesionMap": 1,
    "LayerGradCam": 3,
    "MapGradCam": 4,
    "GuidedGradCam": 8,
    "IntegratedGradients": 100,
    "GradientShap": 55,
    "DeepLift": 15,
    "Occlusion": 140,
    "FeatureAblation": 110,
    "NoiseTunnel": 50,
}
"""Per slice and method, in forward passes of one picture, as measured beside the lesion map's one."""
UNKNOWN = 50
PACE_FROM = 0.01
"""Share of all passes from which their pace is believed."""


class Clock:
    """Count passes that are done and tell what the rest takes at the pace so far.

    Args:
        passes: To be done.
        now: Clock in seconds.
    """

    def __init__(self, passes: float, *, now: Callable[[], float] = time.perf_counter) -> None:
        self.all, self.left, self.done, self._now = passes, passes, 0.0, now
        self._begun = now()

    def spend(self, passes: float) -> None:
        """Count passes that took time."""
        self.done += passes
        self.skip(passes)

    def skip(self, passes: float) -> None:
        """Take away passes that need not be done: kept from an earlier attempt, or refused."""
        self.left = max(0.0, self.left - passes)

    @property
    def seconds_left(self) -> float:
        """Return the time left at the mean pace so far; nan before enough is done to tell a pace."""
        enough = self.done and self.done >= PACE_FROM * self.all
        return (self._now() - self._begun) / self.done * self.left if enough else float("nan")

    def words(self) -> str:
        """Return the time left as hours, minutes and seconds, or "?"."""
        left = self.seconds_left
        return "?" if math.isnan(left) else tqdm.format_interval(left)
