"""Headers read the short way say what pydicom says, and the short way gives up on everything unusual."""

from __future__ import annotations

import random
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import ImplicitVRLittleEndian

from factories import make_ct_series, make_enhanced_mr, make_mr_series, noise, slice_geometry
from strokeapp.errors import StrokeAppError
from strokeapp.reading.dicom_headers import PARSE_ERRORS, read_header
from strokeapp.reading.dicom_layout import Layout
from strokeapp.reading.dicom_quick import APART, SHARED, HeaderReader
from strokeapp.reading.dicom_scan import CHUNK, Scanner, Unusual
from tools.fuzz.mutations import mutate


def is_part_10(path):
    return path.is_file() and path.read_bytes()[128:132] == b"DICM"


def short_way(path, reader=None):
    """Return what the short way says, None where it gives up."""
    try:
        return (reader or HeaderReader())._quick(path, "label")
    except (Unusual, StrokeAppError, *PARSE_ERRORS):
        return None


def agrees(path, reader=None):
    """Return whether the short way was gone; it must then agree with the long one."""
    facts = short_way(path, reader)
    if facts is not None:
        assert replace(facts, encapsulated=None) == read_header(path, "label"), path.name
    return facts is not None


def written(path, change=lambda dataset: None, *, implicit=False, source="CT_small.dcm"):
    """Write one of pydicom's files changed, its long values cut."""
    dataset = pydicom.dcmread(get_testdata_file(source, download=False))
    if implicit:
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    change(dataset)
    dataset.save_as(path, implicit_vr=implicit, little_endian=True)
    return path


def test_pydicoms_own_files_read_the_same():
    files = [path for path in Path(pydicom.data.__file__).parent.rglob("*.dcm") if is_part_10(path)]
    assert sum(agrees(path) for path in files) > 40


def test_the_cases_read_the_same_with_one_reader_for_all(shared):
    reader = HeaderReader()
    files = [path for path in sorted((shared / "cases").rglob("*")) if is_part_10(path)]
    assert sum(agrees(path, reader) for path in files) > 0.9 * len(files)


@pytest.mark.parametrize("implicit", [False, True])
def test_generated_series_read_the_same(tmp_path, implicit):
    ct = make_ct_series(tmp_path / "ct", n=5)
    mr = make_mr_series(tmp_path / "mr", voxels=noise(5, 40, 40) + 1000)
    enhanced = tmp_path / "enhanced.dcm"
    make_enhanced_mr(enhanced, noise(4, 40, 40), slice_geometry(2), b_values=[0, 0, 1000, 1000])
    reader = HeaderReader()
    for path in [*ct, *mr, enhanced]:
        if implicit:
            dataset = pydicom.dcmread(path)
            dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
            dataset.save_as(path, implicit_vr=True, little_endian=True)
        assert agrees(path, reader)


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize(
    "tags",
    [
        {"AcquisitionNumber": 7, "FrameOfReferenceUID": "1.2.3", "RescaleType": "MGML", "HighBit": 11},
        {"SpacingBetweenSlices": "2.5", "SliceThickness": "5", "AcquisitionNumber": None, "RescaleType": None},
        {"SpacingBetweenSlices": None, "SliceThickness": None, "RescaleIntercept": None, "FrameOfReferenceUID": None},
    ],
)
def test_tags_that_part_a_series_read_the_same(tmp_path, implicit, tags):
    def change(dataset):
        for keyword, value in tags.items():
            setattr(dataset, keyword, value)

    path = written(tmp_path / "tagged.dcm", change, implicit=implicit)
    facts = short_way(path)
    assert agrees(path) and facts.acquisition == tags.get("AcquisitionNumber", facts.acquisition)
    assert facts.frames[0].rescale_type == (tags.get("RescaleType", "") or "")


def test_files_that_differ_in_one_shared_element_are_not_mixed_up(tmp_path):
    reader = HeaderReader()
    for number, spacing in enumerate([(0.5, 0.5), (0.5, 0.6), (0.5, 0.5)]):
        path = written(tmp_path / f"{number}.dcm", lambda dataset, s=spacing: setattr(dataset, "PixelSpacing", list(s)))
        assert reader.read(path, "label").frames[0].spacing == spacing


@pytest.mark.parametrize("implicit", [False, True])
def test_sequences_of_undefined_length_are_walked_over(tmp_path, implicit):
    def nest(dataset):
        inner, outer = Dataset(), Dataset()
        inner.PatientID, inner.is_undefined_length_sequence_item = "inside", True
        outer.ReferencedImageSequence = [inner, Dataset()]
        outer["ReferencedImageSequence"].is_undefined_length = True
        outer.RescaleSlope = 77
        dataset.ReferencedStudySequence = [outer, inner]
        dataset["ReferencedStudySequence"].is_undefined_length = True
        dataset.add_new(0x00091001, "OB", bytes(3 * CHUNK))  # the next element lies in another chunk

    path = written(tmp_path / "nested.dcm", nest, implicit=implicit)
    assert agrees(path) and short_way(path).frames[0].slope == 1.0


@pytest.mark.parametrize("charset", ["ISO_IR 100", "ISO_IR 192", "ISO_IR 144"])
def test_text_is_decoded_by_its_character_set(tmp_path, charset):
    def name(dataset):
        dataset.SpecificCharacterSet = charset
        dataset.SeriesDescription = "Schädel" if charset != "ISO_IR 144" else "череп"

    path = written(tmp_path / "named.dcm", name)
    assert agrees(path) and short_way(path).description in ("Schädel", "череп")


@pytest.mark.parametrize(
    "value",
    [b"1\\2\\3 ", b" 1.5\\-2e1\\+.25 ", b"1\\2", b"1\\2\\x ", b"1\\2\\1e999 ", b"", b"nan\\1\\2 ", b"1_0\\2\\3 "],
)
def test_positions_are_read_as_pydicom_reads_them_or_not_at_all(tmp_path, value):
    path = written(tmp_path / "one.dcm")
    raw, tag = path.read_bytes(), struct.pack("<HH2s", 0x0020, 0x0032, b"DS")
    at = raw.index(tag)
    (length,) = struct.unpack_from("<H", raw, at + 6)
    changed = raw[: at + 6] + struct.pack("<H", len(value)) + value + raw[at + 8 + length :]
    path.write_bytes(changed)
    if short_way(path) is not None:
        assert agrees(path)
    else:
        assert value not in (b"1\\2\\3 ", b" 1.5\\-2e1\\+.25 ", b"")


@pytest.mark.parametrize("source", ["MR_small_bigendian.dcm", "image_dfl.dcm", "SC_rgb_rle_2frame.dcm"])
def test_what_is_unusual_is_left_to_pydicom(source):
    path = Path(get_testdata_file(source, download=False))
    assert short_way(path) is None
    assert HeaderReader().read(path, "label") == read_header(path, "label")


def test_cut_files_and_bytes_behind_the_pixels_are_left_to_pydicom(tmp_path):
    raw = written(tmp_path / "whole.dcm").read_bytes()
    end = raw.index(struct.pack("<HH2s", 0x7FE0, 0x0010, b"OW")) + 12 + 2 * 128 * 128
    for number, changed in enumerate([raw[: end - 2], raw[:end] + b"junk", raw[: end // 2], raw[:200]]):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(changed)
        assert short_way(path) is None
    (tmp_path / "padded.dcm").write_bytes(raw[:end] + struct.pack("<HH2s2xI", 0xFFFC, 0xFFFC, b"OB", 4) + bytes(4))
    assert agrees(tmp_path / "padded.dcm")


def test_the_errors_are_those_of_the_long_way(tmp_path):
    path = written(tmp_path / "cut.dcm")
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(StrokeAppError) as long_way:
        read_header(path, "label")
    with pytest.raises(StrokeAppError) as found:
        HeaderReader().read(path, "label")
    assert (found.value.code, str(found.value)) == (long_way.value.code, str(long_way.value))


def test_damaged_headers_read_the_same_or_are_left_to_pydicom(tmp_path):
    enhanced = tmp_path / "enhanced.dcm"
    make_enhanced_mr(enhanced, noise(3, 16, 16), slice_geometry(3))
    valid = [written(tmp_path / "ct.dcm").read_bytes(), enhanced.read_bytes()]
    chance, path = random.Random(11), tmp_path / "damaged.dcm"
    short = 0
    for _ in range(150):
        path.write_bytes(mutate(chance.choice(valid), chance, valid))
        short += agrees(path)
    assert short > 5


def scanned(scanner, path):
    try:
        return scanner.scan(path)
    except Unusual:
        return None


@pytest.mark.parametrize("implicit", [False, True])
def test_a_header_laid_out_as_the_one_before_reads_as_if_it_were_the_first(tmp_path, implicit, monkeypatch):
    chance, remembering = random.Random(5), Scanner(SHARED, APART)
    followed = []
    follow = Layout.follow
    monkeypatch.setattr(Layout, "follow", lambda self, buffer: followed.append(follow(self, buffer)) or followed[-1])
    for number in range(60):

        def change(dataset, number=number):
            dataset.SOPInstanceUID = f"1.2.3.{10 ** chance.randrange(6)}"
            dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
            dataset.InstanceNumber = 10 ** chance.randrange(4)
            dataset.ImagePositionPatient = [chance.choice([-120, -7.25]), 1, number * chance.choice([1, 2.5])]
            dataset.ImageComments = "x" * chance.randrange(0, 30, 2)
            dataset.add_new(0x00091001, "UN", bytes(chance.choice([4, 4, 4, 8])))
            if number % 10 == 9:
                dataset.PatientName, dataset.RescaleIntercept = "Another^Name", -number
            if number % 20 == 7:
                del dataset.ImageComments

        path = written(tmp_path / "one.dcm", change, implicit=implicit)
        fresh = Scanner(SHARED, APART).scan(path)
        assert remembering.scan(path) == fresh
    assert sum(found is not None for found in followed) > 30


def test_damage_is_seen_behind_a_header_laid_out_as_the_one_before(tmp_path):
    chance, remembering = random.Random(3), Scanner(SHARED, APART)
    raw, path = written(tmp_path / "ct.dcm").read_bytes(), tmp_path / "damaged.dcm"
    header, same = raw.index(struct.pack("<HH2s", 0x7FE0, 0x0010, b"OW")) + 12, 0
    for _ in range(600):
        path.write_bytes(raw)
        assert scanned(remembering, path) is not None
        changed = bytearray(raw)
        changed[chance.randrange(128, header)] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        found = scanned(remembering, path)
        assert found == scanned(Scanner(SHARED, APART), path)
        same += found is not None
    assert 100 < same < 600


def test_fragments_are_counted_and_measured(tmp_path):
    frames = [bytes([number]) * (10 + 2 * number) for number in range(4)]

    def compress(dataset):
        dataset.NumberOfFrames = 4
        dataset.PixelData = encapsulate(frames)

    path = written(tmp_path / "frames.dcm", compress, source="MR_small_RLE.dcm")
    found = Scanner(frozenset(), {}).scan(path)
    assert found.encapsulated and found.fragments == 4
    value = path.read_bytes()[found.offset : found.offset + found.length]
    assert value[:4] == b"\xfe\xff\x00\xe0" and value[-8:] == b"\xfe\xff\xdd\xe0\0\0\0\0"


def test_pixels_are_where_the_scan_says(tmp_path):
    path = written(tmp_path / "ct.dcm", implicit=True)
    dataset, found = pydicom.dcmread(path), Scanner(frozenset(), {}).scan(path)
    stored = np.frombuffer(path.read_bytes()[found.offset : found.offset + found.length], "<i2")
    np.testing.assert_array_equal(stored.reshape(128, 128), dataset.pixel_array)
