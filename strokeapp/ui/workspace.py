"""Keep uploaded files on disk only as long as a study is open."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Protocol

PREFIX = "strokeapp-session-"
LONGEST_NAME = 200
"""Bytes; file systems take 255, and a number may be added."""


class Uploaded(Protocol):
    """What Streamlit's uploader gives: a file with a name."""

    name: str

    def seek(self, offset: int) -> int:
        """Go to a byte."""

    def read(self, size: int = -1) -> bytes:
        """Read bytes."""


class Workspace:
    """Own a private folder; it is removed on close, when the session is forgotten, and at exit."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-")
        self.uploads = Path(self._folder.name) / "uploads"
        self.unpacked = Path(self._folder.name) / "unpacked"
        self.uploads.mkdir()
        self.unpacked.mkdir()

    def spool(self, files: Iterable[Uploaded]) -> list[Path]:
        """Write uploads to disk under the names the user gave; return the top-level paths.

        Names are reduced to what lies inside the workspace; equal names are numbered.
        """
        tops: dict[Path, None] = {}
        for file in files:
            *folders, name = safe_parts(file.name)
            folder = self.uploads
            for part in folders:
                folder = folder / part
                while folder.is_file():
                    folder = folder.with_name(f"{folder.name} (folder)")
            folder.mkdir(parents=True, exist_ok=True)
            target = self._free(folder / name)
            file.seek(0)
            with target.open("wb") as out:
                _copy(file, out)
            tops[self.uploads / target.relative_to(self.uploads).parts[0]] = None
        return list(tops)

    @staticmethod
    def _free(target: Path) -> Path:
        candidate, number = target, 2
        while candidate.exists():
            candidate, number = target.with_name(f"{target.stem} ({number}){target.suffix}"), number + 1
        return candidate

    def close(self) -> None:
        """Remove the folder and all in it."""
        self._folder.cleanup()


def _copy(file: Uploaded, out: BinaryIO) -> None:
    shutil.copyfileobj(file, out, length=1 << 20)


def safe_parts(name: str) -> tuple[str, ...]:
    """Return a name's parts without drive, root, ``.`` or ``..``; never empty."""
    parts = name.replace("\0", "").replace("\\", "/").split("/")
    if len(parts) > 1 and re.fullmatch(r"[A-Za-z]:", parts[0]):
        parts = parts[1:]
    return tuple(_short(part) for part in parts if part not in ("", ".", "..")) or ("unnamed",)


def _short(part: str) -> str:
    """Cut a long name in its middle, since file systems count bytes and the suffix tells the format."""
    raw = part.encode("utf-8", "replace")
    if len(raw) <= LONGEST_NAME:
        return raw.decode("utf-8")
    return raw[: LONGEST_NAME - 20].decode("utf-8", "ignore") + raw[-20:].decode("utf-8", "ignore")


def sweep_abandoned(folder: Path | None = None) -> int:
    """Remove workspaces whose process is gone (a server that was killed); return how many."""
    removed = 0
    for path in (folder or Path(tempfile.gettempdir())).glob(f"{PREFIX}*"):
        process = path.name.removeprefix(PREFIX).partition("-")[0]
        if process.isdigit() and not Path(f"/proc/{process}").exists() and Path("/proc/self").exists():
            shutil.rmtree(path, ignore_errors=True)
            removed += 1
    return removed
