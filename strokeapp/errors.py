"""One tree of errors: raised everywhere below the pages, caught at the edge."""

from __future__ import annotations


class StrokeAppError(Exception):
    """Say what went wrong in words a clinician can act on.

    Args:
        user_message: One or two sentences: what happened and what to do. Free of patient data.
        detail: Technical detail for a log; may name a tag or a value, never a patient.
        code: Stable snake_case identifier; the class default unless given.
    """

    default_code = "error"

    def __init__(self, user_message: str, *, detail: str = "", code: str | None = None) -> None:
        super().__init__(user_message)
        self.user_message = user_message
        self.detail = detail
        self.code = code or self.default_code

    def __str__(self) -> str:
        return f"{self.user_message} ({self.detail})" if self.detail else self.user_message


class ReadingError(StrokeAppError):
    """The bytes given cannot be opened as a scan."""

    default_code = "unreadable"


class EmptyInputError(ReadingError):
    """Nothing was given, or a file of zero bytes."""

    default_code = "empty_input"


class UnsupportedFileError(ReadingError):
    """The file is none of DICOM, NIfTI, PNG, JPEG or zip."""

    default_code = "unsupported_file"


class CorruptFileError(ReadingError):
    """The file claims a format but is truncated or damaged."""

    default_code = "corrupt_file"


class ArchiveError(ReadingError):
    """The archive is encrypted, nested, dangerous or damaged."""

    default_code = "bad_archive"


class LimitError(ReadingError):
    """The input exceeds a limit that protects the application."""

    default_code = "too_large"


class GeometryError(ReadingError):
    """Positions, orientation or spacing are missing or contradict each other."""

    default_code = "bad_geometry"


class UnsuitableSeriesError(ReadingError):
    """The series is intact but is not something this program reads as a scan."""

    default_code = "unsuitable_series"


class ModelError(StrokeAppError):
    """A network or its weights cannot be used."""

    default_code = "model_unavailable"


class WeightsMissingError(ModelError):
    """No weights are installed for the network asked for."""

    default_code = "weights_missing"


class WeightsHashError(ModelError):
    """The weight file is not the one its card describes."""

    default_code = "weights_hash_mismatch"


class ManifestError(StrokeAppError):
    """A table of labelled images does not have the documented form."""

    default_code = "bad_manifest"


class RecipeError(StrokeAppError):
    """A training recipe has missing, unknown or impossible settings."""

    default_code = "bad_recipe"


class PerformanceError(StrokeAppError):
    """Predictions from which the figure asked for cannot be computed."""

    default_code = "bad_predictions"


class PerfusionError(StrokeAppError):
    """Concentration curves cannot be analyzed."""

    default_code = "bad_curves"


class RecordsError(StrokeAppError):
    """The database of records cannot be opened, read or written."""

    default_code = "records_unavailable"


class ReaderStudyError(StrokeAppError):
    """A reader study cannot be set up, entered or answered as asked."""

    default_code = "reader_study"
