"""Folders, archives and stray files: what is taken, what is refused, what nothing may do."""

from __future__ import annotations

import random
import stat
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factories import make_ct_series, make_nifti, make_picture, make_zip, noise
from strokeapp.errors import EmptyInputError, LimitError
from strokeapp.reading import Limits, load, open_inputs


@pytest.fixture
def series_folder(tmp_path):
    make_ct_series(tmp_path / "study", n=4)
    return tmp_path / "study"


def zip_folder(folder, path):
    return make_zip(path, {f"{folder.name}/{file.name}": file.read_bytes() for file in folder.iterdir()})


def problem_codes(inventory):
    return sorted(problem.code for problem in inventory.problems)


def test_file_folder_and_archive_hold_the_same_series(tmp_path, opened, series_folder):
    archive = zip_folder(series_folder, tmp_path / "study.zip")
    scans = [
        load(opened(*paths).series[0]).voxels
        for paths in ([series_folder], sorted(series_folder.iterdir()), [archive], [archive, series_folder])
    ]
    for voxels in scans:
        np.testing.assert_array_equal(voxels, scans[0])


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(5)))
def test_the_order_of_files_does_not_matter(tmp_path_factory, order):
    folder = tmp_path_factory.mktemp("order")
    hu = noise(5, 40, 40)
    files = make_ct_series(folder / "in", hu=hu)
    random.Random(str(order)).shuffle(files)
    inventory = open_inputs([files[k] for k in order], workspace=folder)
    np.testing.assert_array_equal(load(inventory.series[0]).voxels, hu)


def test_nothing_given(opened, tmp_path):
    with pytest.raises(EmptyInputError):
        opened()
    with pytest.raises(EmptyInputError):
        opened(tmp_path / "gone.dcm")


def test_stray_files_are_skipped_and_others_reported(tmp_path, opened, series_folder):
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "DICOMDIR", "README.txt", "notes.md", "dwi.bval"):
        (series_folder / name).write_bytes(b"anything at all")
    assert not opened(series_folder).problems
    (series_folder / "empty.dcm").write_bytes(b"")
    (series_folder / "text.dcm").write_text("this is no image " * 40)
    (series_folder / "letter.odt").write_bytes(b"MZ" + bytes(500))
    (series_folder / "pack.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(100))
    inventory = opened(series_folder)
    assert inventory.series[0].slices == 4
    assert problem_codes(inventory) == ["corrupt_file", "empty_input", "unsupported_file", "unsupported_file"]
    assert {problem.source for problem in inventory.problems} == {
        f"study/{name}" for name in ("empty.dcm", "text.dcm", "letter.odt", "pack.7z")
    }


def test_what_lies_beside_images_is_listed_by_kind_and_is_no_problem(tmp_path, opened, series_folder):
    names = ("a.csv", "b.TXT", "info.json", "report.pdf", "viewer.exe", "codec.dll", "DICOMDIR", "._0001", "x.bvec")
    for name in names:
        (series_folder / name).write_bytes(b"MZ no image at all")
    (series_folder / "empty.txt").write_bytes(b"")
    inventory = opened(series_folder)
    found = {group.kind: [name.rpartition("/")[2] for name in group.files] for group in inventory.left_out}
    assert found == {
        "text and tables": ["a.csv", "b.TXT", "empty.txt", "info.json"],
        "documents": ["report.pdf"],
        "viewer programs": ["codec.dll", "viewer.exe"],
        "disk indexes": ["DICOMDIR"],
        "system files": ["._0001"],
        "gradient tables": ["x.bvec"],
    }
    assert not inventory.problems and all(group.reason.endswith(".") for group in inventory.left_out)


def test_left_out_files_inside_an_archive_are_listed_too(tmp_path, opened):
    archive = make_zip(tmp_path / "cd.zip", {"viewer/run.exe": b"MZ..", "readme": b"words"})
    inventory = opened(archive)
    assert {name for group in inventory.left_out for name in group.files} == {"cd.zip/viewer/run.exe", "cd.zip/readme"}


def test_an_image_with_the_name_of_a_program_is_read(tmp_path, opened):
    (file,) = make_ct_series(tmp_path / "in", n=1, names=["slice.exe"])
    inventory = opened(file)
    assert len(inventory.series) == 1 and not inventory.left_out


def test_content_decides_not_the_name(tmp_path, opened):
    files = make_ct_series(tmp_path / "in", n=2, names=["slice_a.png", "slice_b"])
    make_picture(tmp_path / "p.png", noise(1, 64, 64)[0].astype(np.uint8)).rename(tmp_path / "p.dcm")
    inventory = opened(*files, tmp_path / "p.dcm")
    assert sorted(series.modality for series in inventory.series) == ["CT", "picture"] and not inventory.problems


def test_links_are_not_followed_out_of_a_folder(tmp_path, opened, series_folder):
    secret = tmp_path / "secret"
    make_ct_series(secret, n=2)
    (series_folder / "link.dcm").symlink_to(secret / "0000.dcm")
    (series_folder / "linked").symlink_to(secret)
    inventory = opened(series_folder)
    assert [series.slices for series in inventory.series] == [4]
    assert problem_codes(inventory) == ["link_outside"]


def test_archives_cannot_write_outside_and_links_stay_closed(tmp_path, opened):
    image = make_ct_series(tmp_path / "in", n=1)[0].read_bytes()
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("../../up.dcm", "/abs.dcm", "C:\\win.dcm", "a/../../b.dcm"):
            archive.writestr(zipfile.ZipInfo(name), image)
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("good.dcm", image)
    before = {file for file in tmp_path.rglob("*") if "workspace" not in file.parts}
    inventory = opened(path)
    assert problem_codes(inventory) == ["unsafe_entry"] * 5
    assert [series.source for series in inventory.series] == ["evil.zip/good.dcm"]
    assert {file for file in tmp_path.rglob("*") if "workspace" not in file.parts} == before


def test_nested_corrupt_and_foreign_archives(tmp_path, opened, series_folder):
    inner = zip_folder(series_folder, tmp_path / "inner.zip").read_bytes()
    assert problem_codes(opened(make_zip(tmp_path / "outer.zip", {"inner.zip": inner}))) == ["nested_archive"]
    (tmp_path / "cut.zip").write_bytes(inner[: len(inner) // 2])
    assert problem_codes(opened(tmp_path / "cut.zip")) == ["bad_archive"]
    assert problem_codes(opened(make_zip(tmp_path / "letter.docx", {"[Content_Types].xml": b"<x/>"}))) == [
        "bad_archive"
    ]


def test_one_damaged_entry_costs_one_problem(tmp_path, opened, series_folder):
    path = tmp_path / "study.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(series_folder.iterdir()):
            archive.write(file, file.name)
        offset = archive.infolist()[2].header_offset
    content = bytearray(path.read_bytes())
    content[offset + 3000] ^= 0xFF
    path.write_bytes(content)
    inventory = opened(path)
    assert problem_codes(inventory) == ["corrupt_file"] and inventory.problems[0].source == "study.zip/0002.dcm"
    assert inventory.series[0].slices == 3


def test_encrypted_archives_are_refused(tmp_path, opened, series_folder):
    path = zip_folder(series_folder, tmp_path / "locked.zip")
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        start = content.find(signature)
        while start >= 0:
            content[start + offset] |= 1
            start = content.find(signature, start + 4)
    path.write_bytes(content)
    assert problem_codes(opened(path)) == ["encrypted_archive"]


def test_archive_bombs_give_nothing_and_leave_nothing(tmp_path, opened):
    limits = Limits(zip_ratio_from=2**20)
    bomb = make_zip(tmp_path / "bomb.zip", {"zeros.dcm": bytes(32 * 2**20)})
    assert problem_codes(opened(bomb, limits=limits)) == ["archive_bomb"]
    assert not [file for file in (tmp_path / "workspace").rglob("*") if file.is_file()]
    small = Limits(file_bytes=2**20, zip_ratio=1e9)
    assert problem_codes(opened(bomb, limits=small)) == ["too_large"]
    assert problem_codes(opened(bomb, limits=Limits(total_bytes=2**20, zip_ratio=1e9))) == ["too_large"]


def test_sizes_declared_by_an_archive_are_not_trusted(tmp_path, opened):
    path = make_zip(tmp_path / "liar.zip", {"zeros.dcm": bytes(8 * 2**20)})
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        start = content.find(signature)
        content[start + offset : start + offset + 4] = (1000).to_bytes(4, "little")
    path.write_bytes(content)
    inventory = opened(path, limits=Limits(file_bytes=2**20))
    assert not inventory.series and problem_codes(inventory)[0] in ("corrupt_file", "too_large")
    assert sum(file.stat().st_size for file in (tmp_path / "workspace").rglob("*") if file.is_file()) <= 2**21


def test_too_many_entries_and_too_many_files(tmp_path, opened, series_folder):
    many = make_zip(tmp_path / "many.zip", {f"{k}.txt": b"" for k in range(300)}, compression=zipfile.ZIP_STORED)
    assert problem_codes(opened(many, limits=Limits(files=200))) == ["too_many_files"]
    with pytest.raises(LimitError):
        opened(series_folder, limits=Limits(files=3))
    with pytest.raises(LimitError):
        opened(series_folder, limits=Limits(total_bytes=10_000))


def test_progress_rises_to_one(tmp_path, opened, series_folder):
    make_nifti(series_folder / "flair.nii", noise(9, 40, 40), np.eye(4))
    seen = []
    inventory = opened(series_folder, progress=lambda fraction, text: seen.append((fraction, text)))
    load(inventory.series[0], progress=lambda fraction, text: seen.append((1 + fraction, text)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions) and fractions[-1] == 2.0 and all(text for _, text in seen)
