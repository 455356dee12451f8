"""Walk the inputs and tell what each file is by its content."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path, PurePosixPath

from strokeapp.errors import ArchiveError, CorruptFileError, EmptyInputError, LimitError, UnsupportedFileError
from strokeapp.reading.archive import Budget, unpack
from strokeapp.reading.companions import Companion, by_name, by_suffix
from strokeapp.reading.decoder_process import SHARED
from strokeapp.reading.inventory import Problem
from strokeapp.reading.packed import MAGIC

HEAD_BYTES = 600
B_TABLE = ".bval"
CLAIMED_SUFFIXES = {".dcm", ".ima", ".nii", ".gz", ".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".zip"}
PACKED = {
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!\x1a\x07": "RAR",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*")


class Kind(Enum):
    """What a file is, by content."""

    DICOM = auto()
    NIFTI = auto()
    PICTURE = auto()
    ZIP = auto()


@dataclass(frozen=True, slots=True)
class Item:
    """Hold one file to read.

    Args:
        path: On disk.
        label: Named as the user gave it.
        kind: By content.
    """

    path: Path
    label: str
    kind: Kind

    @property
    def folder(self) -> str:
        """Return the label of the folder the file lies in, or its own label at top level."""
        parent = str(PurePosixPath(self.label).parent)
        return self.label if parent in ("", ".") else parent


@dataclass
class Collected:
    """Hold the files found, refused and left out, and by label the tables of b-values that lie beside images."""

    items: list[Item] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    b_tables: dict[str, Path] = field(default_factory=dict)
    left_out: list[tuple[str, Companion]] = field(default_factory=list)


def collect(
    paths: Sequence[Path], workspace: Path, budget: Budget, progress: Callable[[float, str], None] | None = None
) -> Collected:
    """List every file to read under the inputs, unpacking zip archives into the workspace.

    Args:
        paths: Files, folders and zip archives. Links are not followed out of a folder.
        workspace: Existing folder the caller owns.
        budget: Counts files and bytes of all inputs.
        progress: Called with a fraction and a sentence.

    Raises:
        EmptyInputError: Nothing was given, or a path does not exist.
        LimitError: The inputs together exceed a limit.
    """
    if not paths:
        raise EmptyInputError("No file was given. Choose a scan to open.")
    found = Collected()
    for number, path in enumerate(map(Path, paths)):
        if not path.exists():
            raise EmptyInputError(f"{path.name} does not exist any more. Give it again.")
        if progress:
            progress(number / len(paths), "Looking at the files")
        for file, label in _files(path, found):
            budget.spend(files=1)
            _take(file, label, workspace, budget, found)
    return found


def _files(path: Path, found: Collected) -> Iterator[tuple[Path, str]]:
    """Yield (file, label) under a path in the order of their names."""
    if not path.is_dir():
        yield path, path.name
        return
    yield from _under(path, path.name, path.resolve(), found)


def _under(folder: str | Path, label: str, root: Path, found: Collected) -> Iterator[tuple[Path, str]]:
    """Yield (file, label) of the files of a folder, then of the folders in it; links to folders are not followed."""
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError:
        return  # a folder that may not be looked into is as empty
    for entry in entries:
        if entry.is_dir():
            continue
        name = f"{label}/{entry.name}"
        if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(root):
            found.problems.append(Problem(name, "link_outside", "This link leads out of the folder given."))
        elif entry.is_file():
            yield Path(entry.path), name
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _under(entry.path, f"{label}/{entry.name}", root, found)


def _take(file: Path, label: str, workspace: Path, budget: Budget, found: Collected, *, counted: bool = False) -> None:
    """Sort one file into items or problems; unpack it if it is a zip archive."""
    try:
        kind = identify(file, label, budget.limits.file_bytes)
    except (EmptyInputError, UnsupportedFileError, CorruptFileError, LimitError) as error:
        found.problems.append(Problem.from_error(label, error))
        return
    if kind is Kind.ZIP:
        _take_archive(file, label, workspace, budget, found)
    elif isinstance(kind, Companion) and label.lower().endswith(B_TABLE):
        found.b_tables[label] = file
    elif isinstance(kind, Companion):
        found.left_out.append((label, kind))
    else:
        if not counted:
            budget.spend(size=file.stat().st_size)
        found.items.append(Item(file, label, kind))


def _take_archive(file: Path, label: str, workspace: Path, budget: Budget, found: Collected) -> None:
    folder = Path(tempfile.mkdtemp(prefix="zip-", dir=workspace))
    inner = Budget(budget.limits)
    try:
        unpacked = unpack(file, label, folder, inner)
    except (ArchiveError, LimitError) as error:
        # An archive that breaks a limit gives nothing: half of a series would look whole.
        shutil.rmtree(folder)
        found.problems.append(Problem.from_error(label, error))
        return
    budget.spend(files=inner.files, size=inner.bytes)
    found.problems.extend(unpacked.problems)
    for inner_file, inner_label in unpacked.files:
        _take(inner_file, inner_label, workspace, budget, found, counted=True)


def identify(path: Path, label: str, file_bytes: int) -> Kind | Companion:
    """Tell what a file is by its first bytes, or as what it lies beside images.

    Raises:
        EmptyInputError: Zero bytes.
        CorruptFileError: Named like an image, but the content is something else.
        UnsupportedFileError: Nothing this program reads.
        LimitError: Larger than ``file_bytes``.
    """
    name = label.rpartition("/")[2]
    named = by_name(name)
    if named is not None:
        return named
    file = os.open(path, os.O_RDONLY)
    try:
        size, head = os.fstat(file).st_size, os.read(file, HEAD_BYTES)
    finally:
        os.close(file)
    if size == 0:
        if (companion := by_suffix(name)) is not None:
            return companion
        raise EmptyInputError("The file is empty (zero bytes). Copy it again from its source.")
    if size > file_bytes:
        raise LimitError(f"A file is larger than {file_bytes / 2**30:.1f} GiB. Give one series at a time.")
    kind = _by_content(head, path)
    if kind is not None:
        return kind
    return _not_an_image(head, name)


def _by_content(head: bytes, path: Path) -> Kind | None:
    if head[128:132] == b"DICM" or looks_like_bare_dicom(head):
        return Kind.DICOM
    if head.startswith(PICTURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return Kind.PICTURE
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return Kind.ZIP
    if head[:2] == MAGIC:
        head = _inflated_head(path)
    return Kind.NIFTI if _is_nifti(head) else None


def _is_nifti(head: bytes) -> bool:
    return head[344:348] == b"n+1\x00" or head[4:8] == b"n+2\x00"


def _inflated_head(path: Path) -> bytes:
    try:
        return SHARED.packed_head(path, HEAD_BYTES)
    except CorruptFileError as error:
        raise CorruptFileError(
            "The compressed file is damaged or cut off. Copy it again from its source.", detail=error.detail
        ) from error


def looks_like_bare_dicom(head: bytes) -> bool:
    """Tell whether bytes begin like a DICOM data set without preamble (group 2 or 8, small length)."""
    if len(head) < 16:
        return False
    explicit = head[4:6] in (b"UL", b"CS", b"UI", b"DA", b"TM", b"OB", b"SH", b"LO")
    for order in ("little", "big"):
        group, element = int.from_bytes(head[:2], order), int.from_bytes(head[2:4], order)
        if group in (0x0002, 0x0008) and element <= 0x0100:
            return explicit or int.from_bytes(head[4:8], order) <= 128
    return False


def _not_an_image(head: bytes, name: str) -> Companion:
    """Return the kind of what commonly lies beside images; raise for everything else."""
    suffix = PurePosixPath(name).suffix.lower()
    for magic, packer in PACKED.items():
        if head.startswith(magic):
            raise UnsupportedFileError(f"{packer} archives are not opened. Unpack it first and give the files inside.")
    if head[:2] == MAGIC:
        raise UnsupportedFileError("The gzip file holds no NIfTI image. Unpack it first and give the files inside.")
    if head[344:348] == b"ni1\x00" or suffix == ".img":
        raise UnsupportedFileError("A NIfTI pair (.hdr and .img) is not read. Save it as one .nii or .nii.gz file.")
    if suffix in CLAIMED_SUFFIXES:
        raise CorruptFileError(f"The name says {suffix}, but the content is something else. Copy it from its source.")
    companion = by_suffix(name)
    if companion is not None:
        return companion
    raise UnsupportedFileError("The file is none of DICOM, NIfTI, PNG, JPEG, WebP, TIFF or zip.")
