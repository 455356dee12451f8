"""Let the network read the cases of a study in the background; one run per study and server."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field

from strokeapp.errors import StrokeAppError
from strokeapp.records.database import Database
from strokeapp.records.network_store import load_results, store_result
from strokeapp.records.reader_study import StudyCase
from strokeapp.records.study_repository import load_cases
from strokeapp.ui.reader_study_case import open_case

logger = logging.getLogger(__name__)
_LOCK = threading.Lock()
_RUNS: dict[tuple[str, int], NetworkRun] = {}


@dataclass
class NetworkRun:
    """Follow one run.

    Args:
        total: Cases to read in all.
        done: Cases that have a result.
        failures: Name of a case and why it has none; it can be tried again.
        thread: That works.
    """

    total: int
    done: int
    failures: dict[str, str] = field(default_factory=dict)
    thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Tell whether cases are being read now."""
        return self.thread is not None and self.thread.is_alive()


def start(database: Database, study_id: int) -> NetworkRun:
    """Read in the background the cases that have no result yet; a run under way is left alone."""
    with _LOCK:
        run = _RUNS.get((str(database.path), study_id))
        if run is not None and run.running:
            return run
        cases, known = load_cases(database, study_id), load_results(database, study_id)
        missing = [case for case in cases if case.id not in known]
        run = NetworkRun(len(cases), len(known))
        run.thread = threading.Thread(
            target=_read_all, args=(database, missing, run), name=f"reader-study-{study_id}", daemon=True
        )
        _RUNS[str(database.path), study_id] = run
        run.thread.start()
        return run


def state(database: Database, study_id: int) -> NetworkRun:
    """Return how far the network is, also where no run was started since the server began."""
    with _LOCK:
        run = _RUNS.get((str(database.path), study_id))
    return run or NetworkRun(len(load_cases(database, study_id)), len(load_results(database, study_id)))


def _read_all(database: Database, cases: list[StudyCase], run: NetworkRun) -> None:
    for case in cases:
        try:
            _read_one(database, case)
            run.done += 1
        except StrokeAppError as error:
            logger.warning("reader study, case %d: %s", case.number, error.code)
            run.failures[case.plan.name] = error.user_message
        except Exception as error:  # a thread has no page above it that would show it
            logger.exception("reader study, case %d", case.number)
            run.failures[case.plan.name] = _unexpected(error)


def _unexpected(error: Exception) -> str:
    """Say that something broke that nobody foresaw, by its kind: its text may name a patient."""
    kind = type(error).__name__
    return f"The network could not read this case: unexpected error {kind}. The log of the server says where."


def _read_one(database: Database, case: StudyCase) -> None:
    """Read a case's preselected series and store the reading or the abstention; errors are not stored."""
    from strokeapp.inference.series import read_series

    opened = open_case(case.plan)
    try:
        outcome = read_series(opened.find(opened.first))
    finally:
        opened.close()
    if outcome.error is not None:
        raise StrokeAppError(outcome.error.message, code=outcome.error.code)
    message = "" if outcome.abstained is None else outcome.abstained.message
    store_result(database, case.id, outcome.reading, message)
