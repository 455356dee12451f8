"""Run one explanation in the background: progress to look at, and a way to stop it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from strokeapp.errors import StrokeAppError

T = TypeVar("T")
logger = logging.getLogger(__name__)
Work = Callable[[Callable[[float], None], threading.Event], T | None]
"""Takes a function to tell the share done and an event to look at; returns None if it stopped for it."""


class BackgroundJob(Generic[T]):
    """Do one piece of work in a thread of its own, which ends with the program.

    Args:
        work: Looks at the event now and then, and stops when it is set.
    """

    def __init__(self, work: Work) -> None:
        self._work, self._cancel, self._share = work, threading.Event(), 0.0
        self._result: T | None = None
        self._error: StrokeAppError | None = None
        self._thread = threading.Thread(target=self._run, name="explanation", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._work(self._tell, self._cancel)
        except StrokeAppError as error:
            self._error = error
        except Exception as error:
            # Nobody waits on this thread; without this the page would show progress forever.
            logger.exception("explanation failed")
            self._error = StrokeAppError(
                "The explanation could not be computed. Try another method.", detail=repr(error)
            )

    def _tell(self, share: float) -> None:
        self._share = share

    @property
    def share(self) -> float:
        """Return the share done, in [0, 1]."""
        return min(1.0, max(0.0, self._share))

    @property
    def running(self) -> bool:
        """Tell whether the work goes on."""
        return self._thread.is_alive()

    @property
    def cancelled(self) -> bool:
        """Tell whether it was asked to stop."""
        return self._cancel.is_set()

    def cancel(self) -> None:
        """Ask the work to stop; it does at its next look."""
        self._cancel.set()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until the work has ended, or for some seconds."""
        self._thread.join(seconds)

    def result(self) -> T | None:
        """Return what came of it; None while it runs and where it was cancelled.

        Raises:
            StrokeAppError: The work failed.
        """
        if self._error is not None:
            raise self._error
        return None if self.running else self._result
