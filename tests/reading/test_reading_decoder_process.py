"""Compressed frames are decoded in a helper process, which may die without harm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.data import get_testdata_file

from strokeapp.errors import CorruptFileError
from strokeapp.reading.decoder_process import DecoderProcess
from strokeapp.reading.dicom_decode import Decoder


def sample(name):
    return Path(get_testdata_file(name, download=False))


@pytest.fixture
def helper():
    process = DecoderProcess()
    yield process
    process.close()


def test_the_helper_decodes_as_this_process_does(helper):
    for name in ("MR_small_jp2klossless.dcm", "SC_rgb_jpeg_gdcm.dcm", "SC_rgb_rle_2frame.dcm"):
        np.testing.assert_array_equal(helper.decode(sample(name), 0), Decoder().decode(sample(name), 0))


def test_errors_of_decoders_come_back_in_words(helper):
    with pytest.raises(CorruptFileError, match="JPEG Extended"):
        helper.decode(sample("JPGExtended.dcm"), 0)
    assert helper.decode(sample("MR_small_RLE.dcm"), 0).shape == (64, 64)


def test_a_helper_that_dies_costs_one_frame(helper):
    helper._timeout = 0.0  # killed before it can answer
    with pytest.raises(CorruptFileError):
        helper.decode(sample("MR_small_RLE.dcm"), 0)
    helper._timeout = 120.0
    assert helper.decode(sample("MR_small_RLE.dcm"), 0).shape == (64, 64)
