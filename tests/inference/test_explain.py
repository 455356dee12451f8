"""Explanations of scans: place, slabs, whole volumes, background work, and what is refused."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from factories_models import card_values, head_scan, install_network

from strokeapp.errors import StrokeAppError
from strokeapp.imaging.scan_digest import scan_digest
from strokeapp.inference.explain import content_key, explain, explain_volume
from strokeapp.inference.explanation.jobs import BackgroundJob
from strokeapp.inference.explanation.registry import LESION_MAP
from strokeapp.types import Finding

CAM = {"method": "LayerGradCam", "finding": Finding.ISCHEMIC}


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    return install_network(tmp_path_factory.mktemp("networks"), values=card_values())


@pytest.mark.parametrize("method", ["LayerGradCam", "IntegratedGradients", LESION_MAP.name])
@pytest.mark.parametrize("finding", list(Finding))
def test_an_explanation_lies_over_the_slice(card, method, finding):
    told = []
    scan = head_scan(slices=2, shape=(320, 256), spacing=(5.0, 0.6, 0.6))
    result = explain(scan, card, method=method, finding=finding, slice_index=1, progress=told.append)
    assert (result.method, result.finding, result.slice_index) == (method, finding, 1)
    assert result.values.shape == (256, 205) and result.values.dtype == np.float32
    assert result.values.min() >= 0 and result.values.max() <= 1
    assert told == sorted(told) and all(0 <= share <= 1 for share in told)
    again = explain(scan, card, method=method, finding=finding, slice_index=1)
    np.testing.assert_allclose(again.values, result.values, atol=1e-5)


def test_thin_slices_are_explained_by_the_slab_they_were_read_in(card):
    scan = head_scan(slices=10, spacing=(1.0, 1.5, 1.5))
    first, last, other = (explain(scan, card, slice_index=i, **CAM).values for i in (0, 4, 5))
    np.testing.assert_allclose(first, last, atol=1e-6)
    assert np.abs(first - other).max() > 1e-3


@pytest.mark.parametrize("spacing", [5.0, 1.0])
def test_a_volume_is_its_slices_one_by_one(card, spacing):
    scan, told = head_scan(slices=11, spacing=(spacing, 1.5, 1.5)), []
    volume = explain_volume(scan, card, progress=told.append, **CAM)
    assert volume.values.shape[0] == 11 and volume.values.dtype == np.uint8 and not volume.values.flags.writeable
    for index in (0, 8, 10):
        alone = explain(scan, card, slice_index=index, **CAM).values
        np.testing.assert_allclose(volume.values[index] / 255, alone, atol=2.1 / 255)
    assert told == sorted(told) and told[-1] == 1


def test_a_cancelled_volume_stops_at_once_and_gives_nothing(card):
    cancel, told = threading.Event(), []

    def tell(share: float) -> None:
        told.append(share)
        cancel.set()

    assert explain_volume(head_scan(slices=20), card, progress=tell, cancel=cancel, **CAM) is None
    assert len(told) == 1


def test_content_names_a_volume(card, tmp_path):
    scan = head_scan(slices=2)
    digest = scan_digest(scan)
    assert digest == scan_digest(head_scan(slices=2))
    other = head_scan(slices=2)
    other.voxels[1, 60, 60] += 1
    network = install_network(tmp_path, seed=1, values=card_values())
    keys = {
        content_key(digest, card, **CAM),
        content_key(scan_digest(other), card, **CAM),
        content_key(digest, network, **CAM),
        content_key(scan_digest(head_scan(slices=2, spacing=(1.0, 1.5, 1.5))), card, **CAM),
        content_key(digest, card, method="Occlusion", finding=Finding.ISCHEMIC),
        content_key(digest, card, method="LayerGradCam", finding=Finding.HEMORRHAGIC),
    }
    assert len(keys) == 6


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "Guess"}, "LayerGradCam"),
        ({"slice_index": 2}, "the scan has 2"),
        ({"slice_index": -1}, "no slice 0"),
    ],
)
def test_unknown_method_or_slice_is_refused(card, changes, words):
    asked = CAM | {"slice_index": 0} | changes
    with pytest.raises(StrokeAppError, match=words):
        explain(head_scan(slices=2), card, **asked)


def test_a_finding_the_network_does_not_read_is_refused(tmp_path):
    values = card_values()
    one = install_network(tmp_path, values=values | {"findings": {"ischemic": values["findings"]["ischemic"]}})
    for asked in ({"slice_index": 0}, {}):
        with pytest.raises(StrokeAppError, match="hemorrhagic"):
            function = explain if asked else explain_volume
            function(head_scan(slices=1), one, method="LayerGradCam", finding=Finding.HEMORRHAGIC, **asked)


def test_background_work_tells_how_far_it_is_and_can_be_stopped():
    go = threading.Event()

    def work(tell, cancel):
        tell(0.5)
        go.wait(10)
        return None if cancel.is_set() else "done"

    job = BackgroundJob(work)
    assert job.running and job.result() is None
    job.cancel()
    go.set()
    job.wait(10)
    assert not job.running and job.cancelled and job.share == 0.5 and job.result() is None
    finished = BackgroundJob(work)
    finished.wait(10)
    assert finished.result() == "done"


def test_background_work_that_fails_says_so():
    def refuse(_tell, _cancel):
        raise StrokeAppError("No such slice.")

    def break_down(_tell, _cancel):
        raise ZeroDivisionError

    for work, words in ((refuse, "No such slice"), (break_down, "could not be computed")):
        job = BackgroundJob(work)
        job.wait(10)
        with pytest.raises(StrokeAppError, match=words):
            job.result()
