"""Every documented row about a reader that is installed is measured anew; refusals and words are kept."""

from __future__ import annotations

import os
import sys

import pytest
from conftest import REPOSITORY
from factories_spheres import SPHERES

from strokeapp.benchmark.grids import GRID_READERS
from tools import compare_geometry
from tools.compare_geometry import OURS, Outcome, Words, compare, measure_other, said, table


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    root = tmp_path_factory.mktemp("geometry")
    return {name: compare(case, root / str(number)) for number, (name, case) in enumerate(SPHERES.items())}


def test_the_documented_rows_are_what_the_readers_do(found):
    text = (REPOSITORY / "docs" / "geometry.md").read_text(encoding="utf-8").splitlines()
    for cell in (lambda outcome: outcome.volume_cell, lambda outcome: outcome.center_cell):
        lines = table(found, cell)
        assert any(line.startswith("| dcm2niix, its correction |") for line in lines)
        assert [line for line in lines if line not in text] == [], "docs/geometry.md tells other figures"


def test_this_program_flags_every_irregular_case_and_no_other(found):
    for name, case in SPHERES.items():
        assert bool(found[name][OURS].warned) == bool(case.flags)


def test_reasons_are_listed_once_with_their_cases(found):
    lines = [line for line in said(found) if line.startswith("- highdicom")]
    assert len(lines) == 1 and lines[0].endswith("jitter: Series is not a regularly-spaced volume.")
    assert said({"a": {OURS: Outcome(1.0)}}) == []


def test_a_reader_that_ends_with_an_error_refuses_and_the_streams_are_given_back(tmp_path, monkeypatch):
    def fail(folder):
        raise ValueError("no such geometry")

    monkeypatch.setitem(GRID_READERS, "broken", ("pydicom", fail))
    before = [os.fstat(number).st_ino for number in (1, 2)], sys.stdout
    outcome = measure_other("broken", tmp_path)["broken"]
    assert outcome.refused == "no such geometry" and outcome.volume_cell == outcome.center_cell == "refuses"
    assert before == ([os.fstat(number).st_ino for number in (1, 2)], sys.stdout)


def test_words_from_python_and_from_below_are_kept_if_they_are_about_geometry():
    words = Words()
    with words.kept():
        print("Gantry tilt of 3 degrees")
        os.write(2, b"Missing images?\nEmpty protocol name\n")
    assert sorted(words.lines) == ["Gantry tilt of 3 degrees", "Missing images?"]


def test_readers_that_are_not_installed_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(compare_geometry.importlib.util, "find_spec", lambda package: None)
    assert list(compare(SPHERES["regular"], tmp_path)) == [OURS]
