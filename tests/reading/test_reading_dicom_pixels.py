"""Pixels read the short way equal pixels read the long way: compressed, in place, turned, padded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import JPEGLosslessSV1

from factories import make_ct_series, noise
from strokeapp.benchmark.files import write_ct, write_jpeg_lossless
from strokeapp.errors import CorruptFileError
from strokeapp.reading import load, loading, open_inputs
from strokeapp.reading.decoder_process import DecoderPool, DecoderProcess
from strokeapp.reading.dicom_decode import Decoder
from strokeapp.reading.dicom_facts import FrameFacts
from strokeapp.reading.dicom_headers import read_header
from strokeapp.reading.dicom_pixels import FrameReader, Measure
from strokeapp.reading.dicom_quick import HeaderReader

COMPRESSED = ("MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm")


def sample(name):
    return Path(get_testdata_file(name, download=False))


def frame(slope=1.0, intercept=0.0, index=0):
    return FrameFacts(index, None, None, None, slope, intercept, None, None, "", (0.0,) * 5)


@pytest.fixture
def lossless(tmp_path):
    volume = noise(4, 40, 48) % 2000
    write_jpeg_lossless(tmp_path, volume.astype(np.int16))
    return sorted(tmp_path.iterdir()), volume


@pytest.mark.parametrize("name", COMPRESSED)
def test_frames_decoded_where_they_lie_equal_frames_decoded_by_header(name):
    pixels = HeaderReader().read(sample(name), name).encapsulated
    np.testing.assert_array_equal(pixels.decode(sample(name), 0), Decoder().decode(sample(name), 0))


def test_lossless_jpeg_equals_pydicoms_decoder(lossless):
    files, volume = lossless
    for path, image in zip(files, volume, strict=True):
        pixels = HeaderReader().read(path, "").encapsulated
        assert pixels.syntax == JPEGLosslessSV1
        np.testing.assert_array_equal(pixels.decode(path, 0), Decoder().decode(path, 0))
        np.testing.assert_array_equal(pixels.decode(path, 0), image + 1024)


def test_where_the_short_way_fails_the_long_one_decides(lossless):
    files, _ = lossless
    wrong = HeaderReader().read(sample(COMPRESSED[0]), "").encapsulated  # of another file
    helper = DecoderProcess()
    np.testing.assert_array_equal(helper.decode(files[0], 0, wrong), Decoder().decode(files[0], 0))
    with pytest.raises(CorruptFileError):
        helper.decode(files[0].parent / "missing.dcm", 0, wrong)
    helper.close()


def test_a_pool_starts_a_second_helper_only_for_a_second_thread():
    pool, path = DecoderPool(2), sample(COMPRESSED[0])
    with pool._helper() as first, pool._helper() as second:
        assert first is not second
    for _ in range(2):
        pool.decode(path, 0)
    assert sorted(helper._process is None for helper in pool._helpers) == [False, True]
    pool.close()


def test_a_long_compressed_series_is_read_by_several_threads(tmp_path, lossless, monkeypatch):
    monkeypatch.setattr(loading, "SLICES_FOR_HELPERS", 4)
    monkeypatch.setattr(loading, "_cores", lambda: 2)
    files, volume = lossless
    series = open_inputs([files[0].parent], workspace=tmp_path).series[0]
    told = []
    np.testing.assert_array_equal(load(series, progress=lambda part, text: told.append(part)).voxels, volume)
    assert told == sorted(told) and told[-1] == 1.0
    files[2].write_bytes(files[2].read_bytes()[:600])
    with pytest.raises(CorruptFileError, match="00002"):
        load(series)


@pytest.mark.parametrize("padding", [None, -2000])
@pytest.mark.parametrize(
    ("slope", "intercept"), [(1.0, -1024.0), (1.0, 0.0), (1.0, -1500.0), (2.0, 0.5), (1.0, 40000.0)]
)
def test_values_written_in_place_equal_values_computed_apart(tmp_path, padding, slope, intercept):
    hu = noise(1, 24, 20)
    hu[0, :5] = -3024  # stored as -2000
    path = make_ct_series(tmp_path, hu=hu, tags={} if padding is None else {"PixelPaddingValue": padding})[0]
    file = HeaderReader().read(path, "")
    assert file.padding == padding
    for measure in (Measure.HU, Measure.INTEGER, Measure.FLOAT):
        expected = FrameReader().measured(file, frame(slope, intercept), measure)
        for make in (np.empty((24, 20), measure.dtype), np.empty((20, 24), measure.dtype).T[::-1, ::-1]):
            FrameReader().measure_into(make, file, frame(slope, intercept), measure)
            np.testing.assert_array_equal(make, expected)


def test_a_file_that_became_shorter_is_named(tmp_path):
    write_ct(tmp_path, np.zeros((1, 32, 32), np.int16))
    path = next(tmp_path.iterdir())
    file = read_header(path, "mine.dcm")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CorruptFileError, match=r"mine\.dcm"):
        FrameReader().measure_into(np.empty((32, 32), np.int16), file, frame(), Measure.HU)
