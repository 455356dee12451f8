"""The benchmark's files are what they say, readers agree on them, and the table reports failures as such."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pydicom
import pytest

from strokeapp.benchmark import command
from strokeapp.benchmark import measure as measure_module
from strokeapp.benchmark.files import CASES
from strokeapp.benchmark.measure import Measurement, measure
from strokeapp.benchmark.readers import FLOOR, READERS


def small(case):
    return dataclasses.replace(case, shape=(6, 48, 56))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_readers_return_the_voxels_that_were_written(tmp_path, case):
    case = small(case)
    volume = case.volume()
    case.write(tmp_path, volume)
    found = READERS["strokeapp"].read(tmp_path)
    offset = 1024 if case.name == "mr96" else 0  # stored values, no Hounsfield units
    np.testing.assert_array_equal(found, volume + offset)
    other = READERS["pydicom + numpy"].read(tmp_path)
    np.testing.assert_array_equal(other.astype(np.int16), volume + offset)


def test_the_lossless_case_is_compressed(tmp_path):
    case = small(next(case for case in CASES if case.name == "jpeg240"))
    case.write(tmp_path, case.volume())
    syntaxes = {pydicom.dcmread(path).file_meta.TransferSyntaxUID for path in tmp_path.iterdir()}
    assert syntaxes == {"1.2.840.10008.1.2.4.70"}


def test_a_measurement_counts_time_memory_and_voxels(tmp_path):
    case = dataclasses.replace(CASES[0], shape=(6, 256, 256))
    volume = case.volume()
    case.write(tmp_path, volume)
    found = measure("pydicom + numpy", tmp_path, tmp_path, repeats=2)
    assert not found.failed and found.seconds > 0 and found.cpu_seconds >= 0
    assert found.total == int((volume.astype(np.int64) - volume.min()).sum())


def test_a_reader_that_fails_says_so(tmp_path):
    found = measure("strokeapp", tmp_path, tmp_path, repeats=1)
    assert found.failed and np.isnan(found.seconds)
    assert "failed" in command._row("strokeapp", found, Measurement(cpu_seconds=1.0), 1, 0)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_floor_decodes_every_frame(tmp_path, case):
    case = small(case)
    volume = case.volume()
    case.write(tmp_path, volume)
    np.testing.assert_array_equal(READERS[FLOOR].read(tmp_path), volume + 1024)


def test_processor_time_of_a_living_helper_is_counted():
    spin = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass\nprint(1)\ninput()"
    before = measure_module._cpu()
    with subprocess.Popen([sys.executable, "-uc", spin], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as helper:
        assert helper.stdout.readline() == b"1\n"
        alive = measure_module._cpu() - before
        helper.stdin.write(b"\n")
    assert alive >= 0.2
