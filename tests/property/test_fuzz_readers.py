"""Damaged files of every kind end in a reading or a typed error; the long run is tools/fuzz_readers.py."""

from __future__ import annotations

import gzip
import zlib

import numpy as np
import pytest

from tools.fuzz.readers import Outcome, mutant, read_mutant
from tools.fuzz.run import fuzz
from tools.fuzz.seeds import seeds

MUTANTS = 600
MOST_GROWN_MIB = 400


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    return seeds(tmp_path_factory.mktemp("seeds"))


def test_the_seeds_are_valid(tmp_path, valid):
    refused = {seed.name for seed in valid if read_mutant(0, seed.name, seed.content, tmp_path).outcome != Outcome.READ}
    assert refused == {"report.dcm", "private-sequence.dcm", "no-meta.dcm", "DICOMDIR", "directory.dcm"}  # no images


def test_shells_open_and_close_without_loss(valid):
    shelled = [seed for seed in valid if seed.unwrap]
    assert len(shelled) == 2
    for seed in shelled:
        inside = seed.unwrap(seed.content)
        assert seed.unwrap(seed.wrap(inside)) == inside
    with pytest.raises((OSError, EOFError, zlib.error)):
        gzip.decompress(shelled[1].content[:40])


def test_mutants_can_be_made_again(valid):
    first = [mutant(number, 1, valid) for number in range(50)]
    assert first == [mutant(number, 1, valid) for number in range(50)]
    originals = {seed.content for seed in valid}
    assert np.mean([content not in originals for _, content in first]) > 0.9


def test_a_fault_is_found_and_named(tmp_path, monkeypatch, valid):
    def broken(*_args, **_options):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("tools.fuzz.readers.open_inputs", broken)
    result = read_mutant(7, "one.nii", valid[0].content, tmp_path)
    assert result.outcome is Outcome.FAULT and "planted" in result.detail and not list(tmp_path.iterdir())


@pytest.mark.slow
def test_only_typed_errors_and_bounded_memory():
    report = fuzz(MUTANTS, seed=3)
    assert report.faults == [] and report.total == MUTANTS
    assert report.grown_mib < MOST_GROWN_MIB
    assert min(report.counts[Outcome.READ], report.counts[Outcome.REFUSED]) > MUTANTS / 20
