"""Unpack zip archives without trusting anything they declare."""

from __future__ import annotations

import stat
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from strokeapp.errors import ArchiveError, CorruptFileError, LimitError, StrokeAppError
from strokeapp.reading.inventory import Problem
from strokeapp.reading.limits import Limits

CHUNK = 2**20


@dataclass
class Budget:
    """Count files and bytes of all inputs against the limits.

    Args:
        limits: What may be spent.
        files: Files counted so far.
        bytes: Bytes counted so far.
    """

    limits: Limits
    files: int = 0
    bytes: int = 0

    def spend(self, *, files: int = 0, size: int = 0) -> None:
        """Count files and bytes; raise LimitError once a limit is passed."""
        self.files += files
        self.bytes += size
        if self.files > self.limits.files:
            raise LimitError(
                f"More than {self.limits.files:,} files were given. Give one study at a time.", code="too_many_files"
            )
        if self.bytes > self.limits.total_bytes:
            raise LimitError(
                f"The input is larger than {self.limits.total_bytes / 2**30:.1f} GiB once unpacked. "
                "Give one study at a time."
            )


@dataclass
class Unpacked:
    """Hold what came out of an archive.

    Args:
        files: (file on disk, name shown to the user).
        problems: Entries that were refused or damaged.
    """

    files: list[tuple[Path, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def unpack(archive: Path, label: str, folder: Path, budget: Budget) -> Unpacked:
    """Unpack a zip archive into a folder, under numbered names.

    Entries never choose where they are written: names inside the archive live on as labels only, so ``..``,
    absolute names, name collisions and reserved names cannot do harm. They are refused all the same.

    Args:
        archive: Zip file.
        label: Name shown to the user.
        folder: Existing folder to write into; the caller removes it.
        budget: Counts what is unpacked against the limits while it streams.

    Raises:
        ArchiveError: The archive is encrypted, damaged or an office document.
        LimitError: It holds more files or bytes than allowed, or unpacks suspiciously well.
    """
    result = Unpacked()
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            _check_archive(entries, label)
            budget.spend(files=len(entries))
            for number, entry in enumerate(entries):
                _unpack_entry(opened, entry, folder / f"{number:06d}", f"{label}/{entry.filename}", budget, result)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, OSError) as error:
        raise ArchiveError(
            "The archive is damaged. Make it again, or give the files themselves.", detail=str(error)
        ) from error
    return result


def _check_archive(entries: list[zipfile.ZipInfo], label: str) -> None:
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise ArchiveError(
            "The archive is encrypted. Unpack it with its password and give the files inside.",
            code="encrypted_archive",
        )
    if any(entry.filename == "[Content_Types].xml" for entry in entries):
        raise ArchiveError("This is an office document, not an archive of images.", detail=label)


def _unpack_entry(
    opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, label: str, budget: Budget, result: Unpacked
) -> None:
    """Write one entry; an entry that is bad by itself becomes a problem, a passed limit raises."""
    reason = _unsafe(entry)
    if reason:
        result.problems.append(Problem(label, "unsafe_entry", reason))
        return
    try:
        _stream(opened, entry, target, budget)
    except LimitError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        target.unlink(missing_ok=True)
        damaged: StrokeAppError = CorruptFileError(
            "This file inside the archive is damaged or packed in an unknown way. Make the archive again.",
            detail=str(error),
        )
        result.problems.append(Problem.from_error(label, damaged))
        return
    if _is_zip(target):
        target.unlink()
        result.problems.append(
            Problem(label, "nested_archive", "An archive inside an archive is not opened. Unpack the inner one first.")
        )
        return
    result.files.append((target, label))


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def _unsafe(entry: zipfile.ZipInfo) -> str:
    """Return why an entry must not be unpacked, or an empty string."""
    name = entry.filename.replace("\\", "/")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or (len(name) > 1 and name[1] == ":"):
        return "The archive names a place outside itself for this file. It was not unpacked."
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "The archive holds a link instead of a file here. It was not followed."
    return ""


def _stream(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, budget: Budget) -> None:
    """Copy an entry in chunks, counting real bytes against every limit."""
    limits, written = budget.limits, 0
    packed = max(entry.compress_size, 1)
    with opened.open(entry) as source, target.open("wb") as sink:
        while chunk := source.read(CHUNK):
            written += len(chunk)
            budget.spend(size=len(chunk))
            if written > limits.file_bytes:
                raise LimitError(f"A file inside the archive is larger than {limits.file_bytes / 2**30:.1f} GiB.")
            if written > limits.zip_ratio_from and written > limits.zip_ratio * packed:
                raise LimitError(
                    "The archive unpacks to far more than it should (a decompression bomb). It was not opened.",
                    code="archive_bomb",
                )
            sink.write(chunk)
