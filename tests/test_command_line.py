"""python -m strokeapp read: one strict JSON line per series or problem, an exit status, nothing left behind."""

from __future__ import annotations

import json
import tempfile

import numpy as np
import pytest
from factories_models import ellipse, head_scan, install_network

from factories import make_ct_series
from strokeapp.__main__ import main
from strokeapp.inference import classify, series

KEYS = {"input", "series", "quality", "reading", "abstained", "error", "seconds"}


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    install_network(folder)
    return folder


@pytest.fixture
def read(capsys, monkeypatch, tmp_path, networks):
    """Run the command with a toy network; return its status, its lines and what stands on standard error."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr(series, "read_scan", lambda scan, **more: classify.read_scan(scan, folder=networks, **more))

    def _read(*arguments):
        status = main(["read", *map(str, arguments)])
        captured = capsys.readouterr()
        lines = [json.loads(line, parse_constant=pytest.fail) for line in captured.out.splitlines()]
        assert list(temporary.iterdir()) == [], "temporary folders must be removed"
        assert all(set(line) == KEYS for line in lines)
        assert all(sum(line[k] is not None for k in ("reading", "abstained", "error")) == 1 for line in lines)
        return status, lines, captured.err

    return _read


@pytest.fixture
def good(tmp_path):
    folder = tmp_path / "good"
    scan = head_scan(slices=3)
    make_ct_series(folder, hu=scan.voxels, geometry=scan.geometry)
    return folder


def test_a_head_ct_gets_a_reading_and_status_0(read, good):
    status, (line,), stderr = read(good)
    assert status == 0 and stderr == ""
    assert line["reading"]["model"] == "toy_ct" and len(line["reading"]["slices"]) == line["series"]["slices"] == 3
    assert line["series"]["spacing_mm"] == pytest.approx([5.0, 1.5, 1.5])
    for result in line["reading"]["findings"].values():
        assert result["flagged"] == (result["probability"] >= result["threshold"])


def test_a_scan_that_is_no_head_is_an_abstention_not_a_failure(read, tmp_path):
    water = np.where(ellipse((64, 64), (32, 32), (25, 25)), 0, -1000).astype(np.int16)
    make_ct_series(tmp_path / "water", hu=np.stack([water + k for k in range(3)]))
    status, (line,), _ = read(tmp_path / "water")
    assert status == 0 and line["abstained"]["code"] == "not_a_head_ct" and line["reading"] is None


BAD = {
    "empty.dcm": b"",
    "text.dcm": b"this is a letter, not an image\n" * 20,
    "broken.zip": b"PK\x03\x04" + bytes(200),
    "cut.nii.gz": b"\x1f\x8b\x08" + bytes(40),
}


@pytest.mark.parametrize("name", list(BAD))
def test_bad_files_are_named_with_status_1(read, tmp_path, name):
    (tmp_path / name).write_bytes(BAD[name])
    status, lines, stderr = read(tmp_path / name)
    assert status == 1 and len(lines) == 1
    assert lines[0]["input"] == str(tmp_path / name) and lines[0]["error"]["code"]
    assert stderr == f"{tmp_path / name}: {lines[0]['error']['message']}\n"
    assert "Traceback" not in stderr


def test_a_missing_path_is_named_with_status_1(read, tmp_path):
    status, (line,), stderr = read(tmp_path / "nowhere")
    assert status == 1 and line["error"]["message"] and "nowhere" in stderr


def test_a_bad_file_does_not_cost_the_good_ones(read, good):
    (good / "empty.dcm").touch()
    status, lines, stderr = read(good)
    assert status == 1 and len(lines) == 2
    assert [line["reading"] is not None for line in sorted(lines, key=lambda one: one["error"] is None)] == [
        False,
        True,
    ]
    assert f"{good}/empty.dcm" in stderr


def test_a_bad_path_does_not_cost_the_next(read, good, tmp_path):
    status, lines, _ = read(tmp_path / "nowhere", good)
    assert status == 1 and [line["error"] is None for line in lines] == [False, True]


def test_each_file_makes_every_file_a_study(read, good):
    status, lines, _ = read("--each-file", good)
    assert status == 0 and len(lines) == 3
    assert all(line["series"]["slices"] == 1 for line in lines) and len({line["input"] for line in lines}) == 3
    threshold = {line["reading"]["findings"]["ischemic"]["threshold"] for line in lines}
    assert threshold == {0.3}, "single slices are judged by the slice threshold"


def test_an_empty_folder_is_status_1_with_words(read, tmp_path):
    (tmp_path / "void").mkdir()
    status, _, stderr = read(tmp_path / "void")
    assert status == 1 and stderr.strip()


def test_lines_can_go_to_a_file(read, good, tmp_path):
    status, lines, _ = read("--json", tmp_path / "out.jsonl", good)
    assert status == 0 and lines == []
    assert set(json.loads((tmp_path / "out.jsonl").read_text())) == KEYS


def test_an_output_that_cannot_be_written_is_said(read, good, tmp_path):
    status, _, stderr = read("--json", tmp_path / "no" / "out.jsonl", good)
    assert status == 1 and stderr.startswith("error:")


def test_a_wrong_call_is_status_2(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["read"])
    assert caught.value.code == 2 and "PATH" in capsys.readouterr().err


def test_no_patient_data_leaves(read, good):
    _, lines, stderr = read(good)
    assert "Secret" not in json.dumps(lines) + stderr
