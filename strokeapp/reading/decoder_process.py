"""Have everything that needs a decoder decoded in processes of their own.

Decoders for JPEG and its kin are C and C++; on damaged data one of them ends the whole process (an uncaught
C++ exception, measured with GDCM 3.2), which would end every session of the application. Here it ends a helper,
the file gets an error, and the next frame a new helper. The other side is ``decoder_helper``.
"""

from __future__ import annotations

import fcntl
import json
import os
import queue
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strokeapp.errors import CorruptFileError, LimitError
from strokeapp.reading.dicom_deflated import PixelElement
from strokeapp.reading.dicom_encapsulated import EncapsulatedPixels
from strokeapp.reading.packed import Spans

TIMEOUT_SECONDS = 60.0
"""Longest time for one frame, header or morsel of a packed file; a decoder that takes longer is ended."""
MEMORY_BYTES = 6 * 2**30
"""Address space of a helper; a frame that needs more is refused, not the memory of the machine spent."""
PIPE_BYTES = 2**20
"""Wanted capacity of the pipe, so that a frame of 512 × 512 passes in one go (Linux; less is slower, not wrong)."""
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(64 * 2**20)}
"""Settings of glibc: memory of one frame is used for the next, not given back and faulted in again (a quarter of the
time of a helper; other systems do not know them)."""
HELPERS = 2
MOST_ANSWER_BYTES = 2**16
"""A longer first line is no answer of a helper."""
UNDECODABLE = "The image cannot be decoded."
PACKAGE_ROOT = Path(__file__).resolve().parents[2]


class HelperEndedError(CorruptFileError):
    """The helper died of the data."""


class DecoderProcess:
    """Own one helper process; start it when needed and again after it died. Safe to share between threads.

    Args:
        timeout: Seconds for one answer.
        memory: Bytes of address space.
    """

    def __init__(self, *, timeout: float = TIMEOUT_SECONDS, memory: int = MEMORY_BYTES) -> None:
        self._timeout = timeout
        self._memory = memory
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def decode(
        self, path: Path, index: int, pixels: EncapsulatedPixels | None = None, *, reuse: NDArray | None = None
    ) -> NDArray:
        """Return stored values of one frame; see ``Decoder.decode``.

        Args:
            path: DICOM file with pixels.
            index: Frame in the file.
            pixels: Where they lie, if that is known: saves parsing the header again.
            reuse: Array whose memory may be taken for the answer, if shape and type agree.

        Raises:
            CorruptFileError: The decoder refused the data, died of them or took too long.
        """
        where = None if pixels is None else asdict(pixels)
        try:
            return self._answer(reuse, kind="frame", path=str(path), index=index, pixels=where)[0]
        except HelperEndedError:
            if pixels is None:
                raise
            return self.decode(path, index)  # what the short way dies of, the long way may still read

    def picture(self, path: Path, max_pixels: int) -> NDArray:
        """Return a picture as shown; see ``picture_decode.decode``; errors as of ``decode``."""
        return self._answer(kind="picture", path=str(path), max_pixels=max_pixels)[0]

    def deflated_header(self, path: Path, max_bytes: int) -> tuple[bytes, PixelElement | None]:
        """Return the header of a deflated DICOM file and how its pixels are written; see ``dicom_deflated.parted``.

        Raises:
            LimitError: It inflates to more than ``max_bytes``, or than is believable.
            CorruptFileError: As of ``decode``.
        """
        header, told = self._answer(kind="deflated", path=str(path), max_bytes=max_bytes)
        return header.tobytes(), None if told["pixels"] is None else PixelElement(**told["pixels"])

    def packed_head(self, path: Path, count: int) -> bytes:
        """Return the first bytes of what a gzip file holds; see ``packed.head``; errors as of ``decode``."""
        return self._answer(kind="head", path=str(path), count=count)[0].tobytes()

    def packed_spans(self, path: Path, spans: Spans) -> Iterator[NDArray[np.uint8]]:
        """Yield the pieces of spans of what a gzip file holds; the helper is engaged until the last or ``close``.

        Raises:
            CorruptFileError: As of ``decode``; with the code ``truncated`` where the file ends before the spans do.
        """
        sizes, left = spans.sizes(), len(spans.starts) * -(-spans.length // spans.step)
        with self._guarded():
            try:
                answers = self._asked({"kind": "spans", "path": str(path), **asdict(spans)})
                for size in sizes:
                    piece = self._piece(answers, size)
                    left -= 1
                    yield piece
            except GeneratorExit:
                if left:
                    self._stop()  # what it has sent already would be taken for the next answer
                raise

    def _piece(self, answers: _Answers, size: int) -> NDArray[np.uint8]:
        piece, done = np.empty(size, np.uint8), 0
        while done < size:
            answers.until(time.monotonic() + self._timeout)
            count = _checked(answers)["shape"][0]
            answers.fill(memoryview(piece)[done : done + count])
            done += count
        return piece

    def _answer(self, reuse: NDArray | None = None, **request: object) -> tuple[NDArray, dict[str, Any]]:
        with self._guarded():
            answers = self._asked(request)
            told = _checked(answers)
            shape, dtype = tuple(told["shape"]), np.dtype(told["dtype"])
            agrees = reuse is not None and reuse.shape == shape and reuse.dtype == dtype and reuse.flags.c_contiguous
            image = reuse if reuse is not None and agrees else np.empty(shape, dtype)
            answers.fill(memoryview(image.reshape(-1)).cast("B"))
            return image, told

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Hold the helper; end it where its answer is late or none."""
        with self._lock:
            try:
                yield
            except TimeoutError as error:
                self._stop()
                raise CorruptFileError(UNDECODABLE, detail="the decoder took too long") from error
            except (OSError, EOFError, ValueError) as error:
                self._stop()
                raise HelperEndedError(UNDECODABLE, detail="the decoder ended") from error

    def start(self) -> None:
        """Start the helper process without waiting for it."""
        with self._lock:
            self._running()

    def close(self) -> None:
        """End the helper process."""
        with self._lock:
            self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            search = os.pathsep.join([str(PACKAGE_ROOT), *filter(None, sys.path)])
            environment = {**os.environ, **KEEP_MEMORY, "PYTHONPATH": search}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "strokeapp.reading.decoder_helper", str(self._memory)], bufsize=0,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
            )  # fmt: skip
            if self._process.stdout is not None:
                _widen(self._process.stdout.fileno())
        return self._process

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _asked(self, request: dict[str, object]) -> _Answers:
        """Send a request; return where its answer comes."""
        process = self._running()
        if process.stdin is None or process.stdout is None:
            raise EOFError
        process.stdin.write(json.dumps(request).encode() + b"\n")
        return _Answers(process.stdout.fileno(), time.monotonic() + self._timeout)


def _checked(answers: _Answers) -> dict[str, Any]:
    """Return the line before the bytes of an answer.

    Raises:
        LimitError, CorruptFileError: It says why there are none.
    """
    told: dict[str, Any] = json.loads(answers.line())
    if told.get("code") == LimitError.default_code:
        raise LimitError(told["error"])
    if "error" in told:
        raise CorruptFileError(UNDECODABLE, detail=told["error"], code=told.get("code"))
    return told


class _Answers:
    """Read answers from a pipe before a moment passes."""

    def __init__(self, file: int, until: float) -> None:
        self._file, self._until, self._rest = file, until, b""
        self._poll = select.poll()
        self._poll.register(file, select.POLLIN)

    def until(self, moment: float) -> None:
        """Wait no longer than to a moment of ``time.monotonic``."""
        self._until = moment

    def _wait(self) -> None:
        if not self._poll.poll(max(0.0, self._until - time.monotonic()) * 1000):
            raise TimeoutError

    def line(self) -> bytes:
        """Return the next line; what was read behind it is kept."""
        while b"\n" not in self._rest:
            self._wait()
            more = os.read(self._file, 512)
            if not more or len(self._rest) > MOST_ANSWER_BYTES:
                raise EOFError
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def fill(self, target: memoryview) -> None:
        """Read as many bytes as the target holds."""
        done = min(len(self._rest), len(target))
        target[:done], self._rest = self._rest[:done], self._rest[done:]
        while done < len(target):
            self._wait()
            more = os.readv(self._file, [target[done:]])
            if not more:
                raise EOFError
            done += more


class DecoderPool:
    """Share several helpers between threads: each frame goes to one that is free, the one last used first.

    Args:
        size: Number of helpers; they start when so many threads decode at once.
        timeout: Seconds for one answer.
        memory: Bytes of address space of each.
    """

    def __init__(self, size: int = HELPERS, *, timeout: float = TIMEOUT_SECONDS, memory: int = MEMORY_BYTES) -> None:
        self._helpers = [DecoderProcess(timeout=timeout, memory=memory) for _ in range(size)]
        self._free: queue.LifoQueue[DecoderProcess] = queue.LifoQueue()
        for helper in self._helpers:
            self._free.put(helper)

    def decode(
        self, path: Path, index: int, pixels: EncapsulatedPixels | None = None, *, reuse: NDArray | None = None
    ) -> NDArray:
        """Return stored values of one frame; arguments and errors as of ``DecoderProcess.decode``."""
        with self._helper() as helper:
            return helper.decode(path, index, pixels, reuse=reuse)

    def start(self) -> None:
        """Start one helper without waiting for it, so that the first frame or picture finds it ready."""
        with self._helper() as helper:
            helper.start()

    def picture(self, path: Path, max_pixels: int) -> NDArray:
        """Return a picture as shown; arguments and errors as of ``DecoderProcess.picture``."""
        with self._helper() as helper:
            return helper.picture(path, max_pixels)

    def deflated_header(self, path: Path, max_bytes: int) -> tuple[bytes, PixelElement | None]:
        """Return the header of a deflated DICOM file; arguments and errors as of ``DecoderProcess.deflated_header``."""
        with self._helper() as helper:
            return helper.deflated_header(path, max_bytes)

    def packed_head(self, path: Path, count: int) -> bytes:
        """Return the first bytes of what a gzip file holds; arguments and errors as of ``DecoderProcess``."""
        with self._helper() as helper:
            return helper.packed_head(path, count)

    def packed_spans(self, path: Path, spans: Spans) -> Iterator[NDArray[np.uint8]]:
        """Yield pieces of what a gzip file holds, as ``DecoderProcess`` does.

        The helper serves nobody else until the last piece is taken or the generator closed: take all, or close it.
        """
        with self._helper() as helper, closing(helper.packed_spans(path, spans)) as pieces:
            yield from pieces

    @contextmanager
    def _helper(self) -> Iterator[DecoderProcess]:
        helper = self._free.get()
        try:
            yield helper
        finally:
            self._free.put(helper)

    def close(self) -> None:
        """End all helper processes."""
        for helper in self._helpers:
            helper.close()


def _widen(pipe: int) -> None:
    """Ask for a larger pipe; a system that does not grant it is only slower."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        try:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        except PermissionError:
            return


SHARED = DecoderPool()
"""Helpers for the whole application; they start when they are first needed and end with the application."""
