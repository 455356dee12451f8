"""Decode compressed frames in a process of its own.

Decoders for JPEG and its kin are C and C++; on damaged data one of them ends the whole process (an uncaught
C++ exception, measured with GDCM 3.2), which would end every session of the application. Here it ends a helper,
the file gets an error, and the next frame a new helper. Requests are JSON lines, answers a JSON line and raw bytes.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from strokeapp.errors import CorruptFileError
from strokeapp.reading.dicom_decode import Decoder
from strokeapp.reading.dicom_headers import PARSE_ERRORS

TIMEOUT_SECONDS = 60.0
"""Longest time for one frame; a decoder that takes longer is ended."""
MEMORY_BYTES = 6 * 2**30
"""Address space of the helper; a frame that needs more is refused, not the memory of the machine spent."""
PACKAGE_ROOT = Path(__file__).resolve().parents[2]


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

    def decode(self, path: Path, index: int) -> NDArray:
        """Return stored values of one frame; see ``Decoder.decode``.

        Raises:
            CorruptFileError: The decoder refused the data, died of them or took too long.
        """
        with self._lock:
            process = self._running()
            timer = threading.Timer(self._timeout, process.kill)
            timer.start()
            try:
                return self._ask(process, path, index)
            except (OSError, EOFError, ValueError) as error:
                self._stop()
                raise CorruptFileError("The image cannot be decoded.", detail="the decoder ended") from error
            finally:
                timer.cancel()

    def close(self) -> None:
        """End the helper process."""
        with self._lock:
            self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PACKAGE_ROOT), *filter(None, sys.path)])}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "strokeapp.reading.decoder_process", str(self._memory)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
            )  # fmt: skip
        return self._process

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _ask(self, process: subprocess.Popen[bytes], path: Path, index: int) -> NDArray:
        requests, answers = process.stdin, process.stdout
        if requests is None or answers is None:
            raise EOFError
        requests.write(json.dumps({"path": str(path), "index": index}).encode() + b"\n")
        requests.flush()
        answer = json.loads(answers.readline() or b"null")
        if answer is None:
            raise EOFError
        if "error" in answer:
            raise CorruptFileError("The image cannot be decoded.", detail=answer["error"])
        raw = answers.read(answer["bytes"])
        return np.frombuffer(raw, np.dtype(answer["dtype"])).reshape(answer["shape"])


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until their pipe is closed."""
    decoder = Decoder()
    for line in requests:
        request = json.loads(line)
        try:
            image = np.ascontiguousarray(decoder.decode(Path(request["path"]), request["index"]))
        except (*PARSE_ERRORS, RuntimeError) as error:
            answers.write(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode() + b"\n")
        else:
            head = {"dtype": image.dtype.str, "shape": image.shape, "bytes": image.nbytes}
            answers.write(json.dumps(head).encode() + b"\n" + image.tobytes())
        answers.flush()


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


SHARED = DecoderProcess()
"""One helper for the whole application; it starts with the first compressed frame and ends with the application."""

if __name__ == "__main__":
    main()
