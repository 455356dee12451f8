"""Limits that hold: bombs, damaged headers, decoders that hang or want too much memory, too many files."""

from __future__ import annotations

import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import DeflatedExplicitVRLittleEndian

from factories import make_ct_series, make_mr_series, make_nifti, noise
from strokeapp.errors import CorruptFileError, LimitError
from strokeapp.reading import Limits, decoder_process, dicom_deflated, load, open_inputs
from strokeapp.reading.decoder_process import DecoderProcess
from strokeapp.reading.dicom_decode import Decoder
from strokeapp.reading.dicom_headers import read_header
from strokeapp.reading.nifti import read_facts, volumes


def sample(name):
    return Path(get_testdata_file(name, download=False))


def codes(inventory):
    return [problem.code for problem in inventory.problems]


@pytest.mark.parametrize("field", ["vox_offset", "scl_slope"])
def test_a_nifti_number_that_is_none_is_no_accident(tmp_path, field):
    path = make_nifti(tmp_path / "a.nii", noise(3, 40, 40), np.eye(4), header={field: np.nan})
    inventory = open_inputs([path], workspace=tmp_path)
    assert codes(inventory) == (["corrupt_file"] if field == "vox_offset" else [])


def test_a_nifti_header_cut_short_is_refused(tmp_path):
    path = tmp_path / "cut.nii"
    path.write_bytes((540).to_bytes(4, "little") + b"n+2\0" + bytes(300))
    assert codes(open_inputs([path], workspace=tmp_path)) == ["corrupt_file"]


def test_a_nifti_that_claims_more_than_it_holds_takes_no_memory(tmp_path):
    header = {"dim": [3, 800, 800, 800, 1, 1, 1, 1]}
    path = make_nifti(tmp_path / "claims.nii", noise(3, 40, 40), np.eye(4), header=header)
    facts = read_facts(path, path.name, Limits())
    with pytest.raises(CorruptFileError) as caught:
        next(volumes(facts))
    assert caught.value.code == "truncated"
    with pytest.raises(LimitError):
        read_facts(path, path.name, Limits(voxels=2**28))


def test_a_deflated_data_set_may_not_inflate_without_bound(tmp_path, monkeypatch):
    dataset = pydicom.dcmread(make_ct_series(tmp_path / "in", hu=np.zeros((1, 512, 512), np.int16))[0])
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(tmp_path / "bomb.dcm")
    assert read_header(tmp_path / "bomb.dcm", "bomb.dcm").rows == 512  # small enough to be believed
    with pytest.raises(LimitError):
        read_header(tmp_path / "bomb.dcm", "bomb.dcm", max_bytes=2**18)
    assert codes(open_inputs([tmp_path / "bomb.dcm"], workspace=tmp_path, limits=Limits(file_bytes=2**18))) == [
        "too_large"
    ]
    monkeypatch.setattr(dicom_deflated, "DEFLATE_RATIO_FROM", 2**16)
    with pytest.raises(LimitError):
        dicom_deflated.parted(tmp_path / "bomb.dcm", 2**31)


def test_a_deflate_bomb_is_refused_in_the_helper_and_it_lives_on(tmp_path):
    dataset = pydicom.dcmread(make_ct_series(tmp_path / "in", hu=np.zeros((1, 64, 64), np.int16))[0])
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(tmp_path / "good.dcm")
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    with (tmp_path / "bomb.dcm").open("wb") as file:
        file.write((tmp_path / "good.dcm").read_bytes()[: dicom_deflated.deflated_from(tmp_path / "good.dcm")])
        for _ in range(128):
            file.write(packer.compress(bytes(2**20)))
        file.write(packer.flush())
    assert (tmp_path / "bomb.dcm").stat().st_size < 2**18  # 128 MiB in less than a quarter of one
    inventory = open_inputs([tmp_path / "bomb.dcm", tmp_path / "good.dcm"], workspace=tmp_path)
    assert codes(inventory) == ["too_large"] and [one.source for one in inventory.series] == ["good.dcm"]


def test_an_enormous_matrix_is_listed_but_not_decoded(tmp_path):
    def huge(dataset, _index):
        dataset.Rows = dataset.Columns = 65_000

    path = make_ct_series(tmp_path / "in", n=1, edit=huge)[0]
    assert codes(open_inputs([path], workspace=tmp_path)) == ["truncated"]
    compressed = pydicom.dcmread(sample("MR_small_RLE.dcm"))
    compressed.Rows = compressed.Columns = 65_000
    compressed.save_as(tmp_path / "rle.dcm")
    (series,) = open_inputs([tmp_path / "rle.dcm"], workspace=tmp_path).series
    assert series.refusal.code == "too_large" and not series.viewable


def test_a_hundred_thousand_files_are_refused_at_once(tmp_path):
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number in range(100_000):
            archive.writestr(zipfile.ZipInfo(f"{number}.dcm"), b"")
    assert codes(open_inputs([path], workspace=tmp_path)) == ["too_many_files"]
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


HANGS = "import sys, time\nsys.stdin.readline()\ntime.sleep(600)\n"


def test_a_decoder_that_hangs_is_ended_and_costs_one_file(monkeypatch):
    helper, real = DecoderProcess(timeout=1.0), decoder_process.subprocess.Popen
    path = sample("MR_small_RLE.dcm")

    def hanging(_command, **options):
        return real([sys.executable, "-c", HANGS], **options)

    monkeypatch.setattr(decoder_process.subprocess, "Popen", hanging)
    with pytest.raises(CorruptFileError):
        helper.decode(path, 0)
    monkeypatch.undo()
    helper._timeout = 120.0
    np.testing.assert_array_equal(helper.decode(path, 0), Decoder().decode(path, 0))
    helper.close()


def test_a_decoder_that_wants_too_much_memory_costs_one_file(tmp_path):
    dataset = pydicom.dcmread(sample("MR_small_RLE.dcm"))
    dataset.Rows = dataset.Columns = 40_000
    dataset.save_as(tmp_path / "greedy.dcm")
    helper = DecoderProcess(memory=2 * 2**30)
    with pytest.raises(CorruptFileError):
        helper.decode(tmp_path / "greedy.dcm", 0)
    assert helper.decode(sample("MR_small_RLE.dcm"), 0).shape == (64, 64)
    helper.close()


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "MR_small_implicit.dcm", "MR_small_padded.dcm"])
def test_pixels_read_where_they_lie_equal_pydicom(name):
    facts = read_header(sample(name), name)
    assert facts.native is not None
    np.testing.assert_array_equal(facts.native.frame(facts.path, 0), Decoder().decode(facts.path, 0))


@pytest.mark.parametrize(
    "name",
    ["MR_small_RLE.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm", "SC_rgb_small_odd.dcm", "examples_palette.dcm"],
)
def test_what_needs_a_decoder_is_not_read_as_it_lies(name):
    assert read_header(sample(name), name).native is None


@pytest.mark.parametrize("intercept", [-1024, -1000.5, 40000])
@pytest.mark.parametrize("slope", [1, 2, 0.5])
def test_rescaling_is_the_textbook_formula(tmp_path, slope, intercept):
    stored = noise(2, 40, 48) + 1024
    tags = {"RescaleSlope": slope, "RescaleIntercept": intercept, "PixelPaddingValue": int(stored[0, 0, 0])}
    files = make_mr_series(tmp_path / "in", voxels=stored, tags={"Modality": "CT", **tags})
    (series,) = open_inputs(files, workspace=tmp_path).series
    expected = np.clip(np.rint(stored * float(slope) + intercept), -1024, 32767)
    expected[stored == stored[0, 0, 0]] = -1024
    np.testing.assert_array_equal(load(series).voxels, expected)
