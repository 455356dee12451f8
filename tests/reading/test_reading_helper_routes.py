"""Whatever needs a decoder goes through a helper process: it may hang, crash or eat memory, and costs one file."""

from __future__ import annotations

import gzip
import sys
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.pixels import apply_color_lut
from pydicom.uid import DeflatedExplicitVRLittleEndian

from factories import make_ct_series, make_nifti, noise
from strokeapp.errors import CorruptFileError
from strokeapp.reading import (
    Limits,
    collect,
    decoder_process,
    dicom_headers,
    dicom_pixels,
    load,
    nifti,
    open_inputs,
    thumbnail,
)
from strokeapp.reading.decoder_process import DecoderPool, DecoderProcess
from strokeapp.reading.dicom_headers import read_header
from strokeapp.reading.dicom_pixels import FrameReader
from strokeapp.reading.nifti import blocks, read_facts, volumes
from strokeapp.reading.packed import Spans

RAS = np.array([[1.0, 0, 0, -30], [0, 1.0, 0, -20], [0, 0, 4.0, 10], [0, 0, 0, 1]])
USERS = (collect, dicom_headers, dicom_pixels, nifti)
PATIENCE = 120.0
PLANTED = """
import importlib, os, sys, time
from strokeapp.reading import decoder_helper
def planted(*args, **options):
    if sys.argv[2] == "hangs":
        time.sleep(600)
    if sys.argv[2] == "crashes":
        os.abort()
    return bytearray(2**34)
setattr(importlib.import_module("strokeapp.reading." + sys.argv[3]), sys.argv[4], planted)
decoder_helper.main()
"""
"""A helper like the real one, limits among it, in which one decoder was exchanged."""


def sample(name):
    return Path(get_testdata_file(name, download=False))


def deflated(folder):
    dataset = pydicom.dcmread(make_ct_series(folder / "plain", n=1)[0])
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(folder / "bad.dcm")
    return folder / "bad.dcm"


def packed(folder):
    return make_nifti(folder / "bad_flair.nii.gz", noise(4, 40, 48).transpose(2, 1, 0), RAS)


ROUTES = {
    "gzip, what kind of file": (packed, "decoder_helper", "head", "corrupt_file"),
    "gzip, voxels": (packed, "decoder_helper", "morsels", "corrupt_file"),
    "deflated, header": (deflated, "dicom_deflated", "inflated", "corrupt_file"),
    "deflated, pixels": (deflated, "dicom_decode", "whole_dataset", "undecodable"),
    "big-endian": (lambda _: sample("MR_small_bigendian.dcm"), "dicom_decode", "pixel_array", "undecodable"),
    "palette": (lambda _: sample("examples_palette.dcm"), "dicom_decode", "apply_color_lut", "undecodable"),
}
"""File, decoder in the helper, and the code of what the file costs."""


@pytest.fixture
def plant(monkeypatch, tmp_path_factory):
    """Give a function that puts helpers with a planted decoder in the place of the application's."""
    pools, picture = [], tmp_path_factory.mktemp("picture") / "black.png"
    Image.new("L", (8, 8)).save(picture)

    def put(fault, module, name):
        real = decoder_process.subprocess.Popen
        pools.append(DecoderPool(1, timeout=PATIENCE, memory=3 * 2**30))
        for user in USERS:
            monkeypatch.setattr(user, "SHARED", pools[-1])

        def popen(command, **options):
            return real([sys.executable, "-c", PLANTED, command[-1], fault, module, name], **options)

        monkeypatch.setattr(decoder_process.subprocess, "Popen", popen)
        pools[-1].picture(picture, 2**20)  # a busy machine takes a while to start a process
        if fault == "hangs":
            pools[-1]._helpers[0]._timeout = 1.0

    yield put
    monkeypatch.undo()
    for pool in pools:
        pool.close()


@pytest.mark.parametrize("fault", ["hangs", "crashes", "eats"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_decoder_that_fails_costs_one_file(tmp_path, monkeypatch, plant, route, fault):
    make, module, name, code = ROUTES[route]
    bad, good = make(tmp_path), make_ct_series(tmp_path / "good", n=4)
    plant(fault, module, name)
    inventory = open_inputs([bad, tmp_path / "good"], workspace=tmp_path)
    intact = [one for one in inventory.series if one.source == "good"]
    assert len(intact) == 1 and len(load(intact[0]).voxels) == len(good)
    refused = [one.refusal.code for one in inventory.series if one is not intact[0]]
    assert refused + [problem.code for problem in inventory.problems] == [code]
    monkeypatch.undo()
    assert not open_inputs([bad], workspace=tmp_path).problems  # nothing was wrong with the file


@pytest.mark.parametrize("fault", ["hangs", "crashes", "eats"])
def test_a_packed_volume_that_fails_later_is_told_by_name(tmp_path, plant, fault):
    (series,) = open_inputs([packed(tmp_path)], workspace=tmp_path).series
    plant(fault, "decoder_helper", "morsels")
    for action in (load, thumbnail):
        with pytest.raises(CorruptFileError, match="bad_flair"):
            action(series)


def test_a_deflated_header_says_what_the_plain_one_says(tmp_path):
    path = deflated(tmp_path)
    plain, packed_one = (read_header(one, "x") for one in (tmp_path / "plain" / "0000.dcm", path))
    assert plain.native is not None and packed_one.native is None
    assert replace(packed_one, path=plain.path, native=plain.native) == plain
    frames = (FrameReader().stored(facts, facts.frames[0]) for facts in (plain, packed_one))
    np.testing.assert_array_equal(*frames)


def test_a_deflated_image_that_is_cut_off_is_refused(tmp_path):
    dataset = pydicom.dcmread(make_ct_series(tmp_path / "plain", n=1)[0])
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.PixelData = dataset.PixelData[:-20]
    dataset.save_as(tmp_path / "short.dcm")
    whole = deflated(tmp_path).read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[: len(whole) * 2 // 3])
    inventory = open_inputs([tmp_path / "short.dcm", tmp_path / "cut.dcm"], workspace=tmp_path)
    assert [problem.code for problem in inventory.problems] == ["truncated", "corrupt_file"]


def test_big_endian_and_palettes_keep_their_values():
    images = []
    for name in ("MR_small_bigendian.dcm", "MR_small.dcm"):  # one image, written in both orders
        facts = read_header(sample(name), name)
        images.append(FrameReader().stored(facts, facts.frames[0]))
    assert images[0].dtype.isnative and images[0].max() > 255
    np.testing.assert_array_equal(*images)
    palette = sample("examples_palette.dcm")
    dataset, facts = pydicom.dcmread(palette), read_header(palette, "palette.dcm")
    expected = apply_color_lut(dataset.pixel_array, dataset)
    np.testing.assert_array_equal(FrameReader().stored(facts, facts.frames[0]), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float64, ">i2"])
def test_packed_voxels_are_those_nibabel_reads(tmp_path, dtype):
    values = np.random.default_rng(1).integers(0, 200, (33, 31, 70, 3)).astype(dtype)  # 70 planes: two and a bit blocks
    path = make_nifti(tmp_path / "x_flair.nii.gz", values, RAS)
    facts, stored = read_facts(path, path.name, Limits()), np.asarray(nibabel.load(path).dataobj)
    for number, volume in zip((0, 2), volumes(facts, (0, 2)), strict=True):
        np.testing.assert_array_equal(volume, stored[..., number].transpose(2, 0, 1))
    seen = np.concatenate([block for number, block in blocks(facts, (0, 2)) if number == 2], axis=2)
    np.testing.assert_array_equal(seen, stored[..., 2])


def test_a_pass_that_is_given_up_leaves_a_helper_that_answers(tmp_path):
    content = np.random.default_rng(2).integers(0, 256, 9 * 2**20, dtype=np.uint8).tobytes()
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(content, 1))
    helper, size = DecoderProcess(), 2**20 + 5
    given_up = helper.packed_spans(path, Spans((0, 5), 4 * size, size))
    assert next(given_up).tobytes() == content[:size]
    given_up.close()
    pieces = [piece.tobytes() for piece in helper.packed_spans(path, Spans((0, 5), 2 * size + 7, size))]
    assert pieces == [
        content[start + first : start + min(first + size, 2 * size + 7)]
        for start in (0, 5)
        for first in range(0, 2 * size + 7, size)
    ]
    with pytest.raises(CorruptFileError) as caught:
        list(helper.packed_spans(path, Spans((len(content) - 5,), 6, 4)))
    assert caught.value.code == "truncated" and helper.packed_head(path, 7) == content[:7]
    helper.close()


def test_uncompressed_files_need_no_helper(tmp_path, monkeypatch):
    def nobody(*_args, **_options):
        raise AssertionError("a helper was asked")

    for user in USERS:
        for name in ("decode", "deflated_header", "packed_head", "packed_spans"):
            monkeypatch.setattr(user.SHARED, name, nobody)
    make_ct_series(tmp_path / "in" / "ct", n=4)
    make_nifti(tmp_path / "in" / "x_flair.nii", noise(4, 40, 48).transpose(2, 1, 0), RAS)
    inventory = open_inputs([tmp_path / "in"], workspace=tmp_path)
    assert len(inventory.series) == 2 and all(load(one).voxels.size and thumbnail(one).size for one in inventory.series)
