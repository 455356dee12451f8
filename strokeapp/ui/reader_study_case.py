"""Open the files of one case: find its series, choose the one to start with, load it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from strokeapp.errors import ReaderStudyError
from strokeapp.reading import Series, load, open_inputs, preselect
from strokeapp.records.case_sources import case_files
from strokeapp.records.location import cases_folder
from strokeapp.records.reader_study import CasePlan
from strokeapp.types import Scan
from strokeapp.ui.workspace import Workspace

Progress = Callable[[float, str], None]


@dataclass
class OpenCase:
    """Hold the series of one case and the one scan in memory.

    Args:
        workspace: Owns what was unpacked.
        series: That can be viewed.
        first: Key of the series to start with; the network reads the same one.
        scan: In memory, with its series key.
    """

    workspace: Workspace
    series: tuple[Series, ...]
    first: str
    scan: tuple[str, Scan] | None = field(default=None, repr=False)

    def load(self, key: str, progress: Progress | None = None) -> Scan:
        """Return a series' scan without its description, which may tell the answer.

        Raises:
            ReadingError: It cannot be loaded.
        """
        if self.scan is None or self.scan[0] != key:
            self.scan = (key, replace(load(self.find(key), progress=progress), description=""))
        return self.scan[1]

    def find(self, key: str) -> Series:
        """Return a series by its key."""
        return next(series for series in self.series if series.key == key)

    def close(self) -> None:
        """Remove what was unpacked and forget the voxels."""
        self.scan = None
        self.workspace.close()


def open_case(plan: CasePlan, progress: Progress | None = None) -> OpenCase:
    """Open the files of a case.

    Args:
        plan: As stored.
        progress: Called with the share done and the step's name.

    Raises:
        ReaderStudyError: The files are gone, or hold nothing that can be viewed.
        ReadingError: They cannot be read.
    """
    paths = case_files(plan, cases_folder())
    workspace = Workspace()
    try:
        inventory = open_inputs(paths, workspace=workspace.unpacked, progress=progress)
        viewable = tuple(series for series in inventory.series if series.viewable)
        if not viewable:
            message = "This case holds no series that can be viewed. Tell the lead of the study."
            raise ReaderStudyError(message, code="case_unviewable")
        best = preselect(inventory) or viewable[0]
    except BaseException:
        workspace.close()
        raise
    return OpenCase(workspace, viewable, best.key)
