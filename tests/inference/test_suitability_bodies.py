"""Chests, pelves, necks, joints, phantoms, toys and fruit are turned away, as CT, as pictures and as MR."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories_bodies import BODY_WINDOW, CT_BODIES, MR_BODIES, as_pictures, ct_body, mr_body
from pydicom.data import get_testdata_file

from strokeapp.inference.suitability import check
from strokeapp.reading import load, open_inputs
from strokeapp.types import Sequence

MISTAKEN = {("head phantom with rods", "brain"), ("coconut", "body")}
"""Pictures without millimeters or HU that are still taken for heads: docs/suitability.md says so."""


@pytest.mark.parametrize("name", CT_BODIES)
def test_a_ct_of_anything_else_is_turned_away_with_a_reason(name):
    result = check(ct_body(name))
    assert result is not None and result.code == "not_a_head_ct" and result.message.endswith("not read as a head CT.")


@pytest.mark.parametrize("name", CT_BODIES)
@pytest.mark.parametrize("window", ["brain", "body"])
def test_pictures_of_anything_else_are_turned_away(name, window):
    scan = ct_body(name)
    result = check(as_pictures(scan) if window == "brain" else as_pictures(scan, BODY_WINDOW))
    assert (result is None) == ((name, window) in MISTAKEN)


@pytest.mark.parametrize("name", MR_BODIES)
@pytest.mark.parametrize("sequence", [Sequence.FLAIR, Sequence.DWI])
def test_an_mr_of_anything_else_is_turned_away_whatever_its_tags_say(name, sequence):
    result = check(replace(mr_body(name), sequence=sequence))
    assert result is not None and result.code == "not_a_head_mr"


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm"])
def test_real_scans_of_a_body_are_turned_away(name, tmp_path):
    (series,) = open_inputs([get_testdata_file(name)], workspace=tmp_path).series
    assert series.refusal is not None or check(load(series)).code.startswith("not_a_head")
