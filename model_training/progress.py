"""Keep the log of a training: JSON lines, TensorBoard where it is installed, and the time left of the whole run."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from tqdm import tqdm

LOG, EVENTS = "log.jsonl", "tensorboard"


class RunClock:
    """Tell how long a whole run still takes from the steps done so far.

    Args:
        steps: Of the whole run that are still to be done.
        now: Clock in seconds.
    """

    def __init__(self, steps: int, *, now: Callable[[], float] = time.perf_counter) -> None:
        self.left, self.done, self.spent, self._now = steps, 0, 0.0, now
        self._last: float | None = None

    def start(self) -> None:
        """Begin to count; what happened since the last step (decoding, prediction) does not."""
        self._last = self._now()

    def step(self) -> None:
        """Count one step."""
        now = self._now()
        if self._last is not None:
            self.spent += now - self._last
        self._last, self.done, self.left = now, self.done + 1, max(0, self.left - 1)

    def skip(self, steps: int) -> None:
        """Take away steps that need not be done: done before an interruption, or stopped early."""
        self.left = max(0, self.left - steps)

    def time_left(self) -> str:
        """Return hours, minutes and seconds at the mean pace so far; "?" before the first step."""
        return tqdm.format_interval(self.spent / self.done * self.left) if self.done else "?"


class TrainingLog:
    """Write one training's figures; a silent one (another process writes) writes nothing.

    TensorBoard's events go into ``folder/tensorboard`` if the package is installed; the JSON lines are complete
    without it.

    Args:
        folder: Of the training.
        step: Steps done before; events after it are those of an interrupted attempt and are dropped.
        silent: Write nothing.
    """

    def __init__(self, folder: Path, *, step: int = 0, silent: bool = False) -> None:
        self.path = None if silent else folder / LOG
        self.events = None if silent else _event_writer(folder / EVENTS, step)

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.events is not None:
            self.events.close()

    def scalars(self, step: int, **values: float) -> None:
        """Add values at a step to TensorBoard only."""
        for name, value in values.items():
            if self.events is not None:
                self.events.add_scalar(name, value, step)

    def epoch(self, step: int, line: dict[str, Any]) -> None:
        """Add an epoch's figures to both logs."""
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
        numbers = {f"epoch/{name}": value for name, value in line.items() if isinstance(value, int | float)}
        self.scalars(step, **numbers)


def _event_writer(folder: Path, step: int):
    """Return TensorBoard's writer, or None (said once) where the package is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        print("TensorBoard is not installed: the log is written as JSON lines only.", file=sys.stderr)
        return None
    return SummaryWriter(str(folder), purge_step=step)
