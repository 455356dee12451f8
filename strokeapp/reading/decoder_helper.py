"""Be the helper process: answer requests for what has to be decoded, over standard input and output.

Requests are JSON lines; an answer is a JSON line and raw bytes, or a line that says why there are none. Spans of a
packed file come as many such answers, one morsel each.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from strokeapp.errors import LimitError
from strokeapp.reading.dicom_decode import Decoder
from strokeapp.reading.dicom_deflated import parted
from strokeapp.reading.dicom_encapsulated import EncapsulatedPixels
from strokeapp.reading.dicom_headers import PARSE_ERRORS
from strokeapp.reading.packed import PACKED_ERRORS, Spans, TooShortError, head, morsels
from strokeapp.reading.picture_decode import PICTURE_ERRORS
from strokeapp.reading.picture_decode import decode as decode_picture

Answer = tuple[NDArray, dict[str, Any]]
"""Values, and what is told beside their type and shape."""
REFUSED = (*PARSE_ERRORS, *PICTURE_ERRORS, *PACKED_ERRORS, RuntimeError, Image.DecompressionBombError, LimitError)
"""What is told of a file; anything else ends the helper, which costs the same one file."""


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until their pipe is closed."""
    decoder = Decoder()
    for line in requests:
        request = json.loads(line)
        try:
            for values, told in KINDS[request.pop("kind")](decoder, **request):
                values = np.ascontiguousarray(values)
                answers.write(_line({"dtype": values.dtype.str, "shape": values.shape, **told}))
                answers.write(memoryview(values.reshape(-1)).cast("B"))
                answers.flush()
        except REFUSED as error:
            answers.write(_line(_refusal(error)))
            answers.flush()


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def _refusal(error: Exception) -> dict[str, str]:
    if isinstance(error, LimitError):
        return {"error": error.user_message, "code": error.code}
    code = {"code": "truncated"} if isinstance(error, TooShortError) else {}
    return {"error": f"{type(error).__name__}: {error}", **code}


def _frame(decoder: Decoder, *, path: str, index: int, pixels: dict[str, Any] | None) -> Iterator[Answer]:
    if pixels is not None:
        try:
            image = EncapsulatedPixels(**pixels).decode(Path(path), index)
        except (*PARSE_ERRORS, RuntimeError):
            pass  # the long way decides, and names the reason
        else:
            yield image, {}
            return
    yield decoder.decode(Path(path), index), {}


def _picture(_decoder: Decoder, *, path: str, max_pixels: int) -> Iterator[Answer]:
    yield decode_picture(Path(path), max_pixels), {}


def _deflated(_decoder: Decoder, *, path: str, max_bytes: int) -> Iterator[Answer]:
    header, pixels = parted(Path(path), max_bytes)
    yield np.frombuffer(header, np.uint8), {"pixels": None if pixels is None else asdict(pixels)}


def _head(_decoder: Decoder, *, path: str, count: int) -> Iterator[Answer]:
    yield np.frombuffer(head(Path(path), count), np.uint8), {}


def _spans(_decoder: Decoder, *, path: str, starts: list[int], length: int, step: int) -> Iterator[Answer]:
    for morsel in morsels(Path(path), Spans(tuple(starts), length, step)):
        yield np.frombuffer(morsel, np.uint8), {}


KINDS: dict[str, Callable[..., Iterator[Answer]]] = {
    "frame": _frame, "picture": _picture, "deflated": _deflated, "head": _head, "spans": _spans,
}  # fmt: skip


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


if __name__ == "__main__":
    main()
