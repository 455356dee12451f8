"""Decode compressed frames and pictures in processes of their own.

Decoders for JPEG and its kin are C and C++; on damaged data one of them ends the whole process (an uncaught
C++ exception, measured with GDCM 3.2), which would end every session of the application. Here it ends a helper,
the file gets an error, and the next frame a new helper. Requests are JSON lines, answers a JSON line and raw bytes.
"""

from __future__ import annotations

import fcntl
import json
import os
import queue
import resource
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from strokeapp.errors import CorruptFileError
from strokeapp.reading.dicom_decode import Decoder
from strokeapp.reading.dicom_encapsulated import EncapsulatedPixels
from strokeapp.reading.dicom_headers import PARSE_ERRORS
from strokeapp.reading.picture_decode import PICTURE_ERRORS
from strokeapp.reading.picture_decode import decode as decode_picture

TIMEOUT_SECONDS = 60.0
"""Longest time for one frame; a decoder that takes longer is ended."""
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
PACKAGE_ROOT = Path(__file__).resolve().parents[2]


class HelperEndedError(CorruptFileError):
    """The helper died of the data."""


class DecoderProcess:
    """Own one helper process; start it when needed and again after it died. Safe to share between threads.

    Args:
        timeout: Seconds for one frame.
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
        request = {"path": str(path), "index": index, "pixels": None if pixels is None else asdict(pixels)}
        try:
            return self._answer(request, reuse)
        except HelperEndedError:
            if pixels is None:
                raise
            return self.decode(path, index)  # what the short way dies of, the long way may still read

    def picture(self, path: Path, max_pixels: int) -> NDArray:
        """Return a picture as shown; see ``picture_decode.decode``; errors as of ``decode``."""
        return self._answer({"path": str(path), "max_pixels": max_pixels})

    def _answer(self, request: dict[str, object], reuse: NDArray | None = None) -> NDArray:
        with self._lock:
            try:
                return self._ask(request, reuse)
            except TimeoutError as error:
                self._stop()
                raise CorruptFileError("The image cannot be decoded.", detail="the decoder took too long") from error
            except (OSError, EOFError, ValueError) as error:
                self._stop()
                raise HelperEndedError("The image cannot be decoded.", detail="the decoder ended") from error

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
                [sys.executable, "-m", "strokeapp.reading.decoder_process", str(self._memory)], bufsize=0,
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

    def _ask(self, request: dict[str, object], reuse: NDArray | None) -> NDArray:
        process = self._running()
        if process.stdin is None or process.stdout is None:
            raise EOFError
        process.stdin.write(json.dumps(request).encode() + b"\n")
        answers = _Answers(process.stdout.fileno(), time.monotonic() + self._timeout)
        answer = json.loads(answers.line())
        if "error" in answer:
            raise CorruptFileError("The image cannot be decoded.", detail=answer["error"])
        shape, dtype = tuple(answer["shape"]), np.dtype(answer["dtype"])
        agrees = reuse is not None and reuse.shape == shape and reuse.dtype == dtype and reuse.flags.c_contiguous
        image = reuse if reuse is not None and agrees else np.empty(shape, dtype)
        answers.fill(memoryview(image.reshape(-1)).cast("B"))
        return image


class _Answers:
    """Read one answer from a pipe before a moment passes."""

    def __init__(self, file: int, until: float) -> None:
        self._file, self._until, self._rest = file, until, b""
        self._poll = select.poll()
        self._poll.register(file, select.POLLIN)

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
        done = len(self._rest)
        if done > len(target):
            raise EOFError
        target[:done] = self._rest
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
    """

    def __init__(self, size: int = HELPERS) -> None:
        self._helpers = [DecoderProcess() for _ in range(size)]
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


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until their pipe is closed."""
    decoder = Decoder()
    for line in requests:
        request = json.loads(line)
        try:
            image = np.ascontiguousarray(_decoded(decoder, **request))
        except (*PARSE_ERRORS, *PICTURE_ERRORS, RuntimeError, Image.DecompressionBombError) as error:
            answers.write(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode() + b"\n")
        else:
            head = {"dtype": image.dtype.str, "shape": image.shape}
            answers.write(json.dumps(head).encode() + b"\n")
            answers.write(memoryview(image.reshape(-1)).cast("B"))
        answers.flush()


def _decoded(
    decoder: Decoder,
    *,
    path: str,
    index: int = 0,
    pixels: dict[str, object] | None = None,
    max_pixels: int | None = None,
) -> NDArray:
    """Answer one request; with ``max_pixels`` it is about a picture."""
    if max_pixels is not None:
        return decode_picture(Path(path), max_pixels)
    if pixels is not None:
        try:
            return EncapsulatedPixels(**pixels).decode(Path(path), index)  # type: ignore[arg-type]
        except (*PARSE_ERRORS, RuntimeError):
            pass  # the long way decides, and names the reason
    return decoder.decode(Path(path), index)


def main() -> None:
    """Serve over standard input and output; decoders that print must not write into the answers.

    The one argument is the address space in bytes; a smaller limit that is in force already stays.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    memory = int(sys.argv[1]) if hard == resource.RLIM_INFINITY else min(int(sys.argv[1]), hard)
    resource.setrlimit(resource.RLIMIT_AS, (memory, hard))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, answers)


SHARED = DecoderPool()
"""Helpers for the whole application; they start when they are first needed and end with the application."""

if __name__ == "__main__":
    main()
