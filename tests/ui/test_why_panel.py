"""The why panel without a browser: facts, offered methods with their record, and all slices in the background."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from factories_models import head_scan
from streamlit.testing.v1 import AppTest

from strokeapp.inference.explanation.measured import measured, offered
from strokeapp.inference.explanation.registry import METHODS
from strokeapp.models.registry import find
from strokeapp.types import Finding, FindingResult, QualityFlag, Reading, Severity
from strokeapp.ui.state import KEY
from strokeapp.ui.why_panel import first_to_explain, warned

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def app() -> AppTest:
    """Open and read the demonstration infarct."""
    test = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=600).run()
    [item for item in test.button if item.label == "Open"][2].click().run()
    next(item for item in test.button if item.label == "Read this scan").click().run()
    return test


def test_methods_on_offer_are_those_that_passed_each_with_its_record(app: AppTest) -> None:
    card = find(next(iter(app.session_state[KEY].outcomes.values())).reading.model)
    figures = measured(card.folder)
    choice = next(item for item in app.selectbox if item.label == "Method")
    assert choice.options == [METHODS[name].title for name in offered(figures)]
    text = "\n".join(item.value for item in app.caption)
    assert ("known" in text) if figures else ("has not been measured" in text)


def test_the_slices_that_a_study_rests_on_are_drawn(app: AppTest) -> None:
    assert any("left out one at a time" in item.value for item in app.caption)


def test_all_slices_are_explained_beside_other_work(app: AppTest) -> None:
    next(item for item in app.button if item.label == "Explain all slices").click().run()
    assert not app.exception
    study = app.session_state[KEY]
    study.volume_job.wait(500)
    app.run()
    assert not app.exception
    (held,) = study.volumes.values()
    scan = study.scan[1]
    assert len(held[1].values) == len(scan.voxels) and held[1].values.max() > 0
    assert any("is under Explanation" in item.value for item in app.caption)
    assert not any(item.label == "Explain all slices" for item in app.button)


def test_closing_the_study_stops_what_runs(app: AppTest) -> None:
    stopped = []

    class Job:
        running = True
        share = 0.2
        cancelled = False

        def cancel(self) -> None:
            stopped.append(time.time())

    app.session_state[KEY].volume_job = Job()
    app.run()
    assert any(item.label == "Cancel" for item in app.button)
    next(item for item in app.button if item.label == "Close study").click().run()
    assert len(stopped) == 1 and KEY not in app.session_state


def test_quality_warnings_are_named_beside_the_facts_and_told_in_full_once() -> None:
    flags = [("gantry_tilt", Severity.WARNING), ("metal", Severity.SEVERE), ("first_volume", Severity.INFO)]
    scan = replace(head_scan(slices=2), flags=tuple(QualityFlag(code, how, f"Long {code}.") for code, how in flags))
    assert warned(scan) == ("Read with care: gantry tilt, metal (see the notes above).",)
    assert warned(head_scan(slices=2)) == ()


def test_what_is_flagged_is_explained_first_though_its_probability_is_lower() -> None:
    findings = {Finding.HEMORRHAGIC: FindingResult(0.30, 0.33), Finding.ISCHEMIC: FindingResult(0.25, 0.20)}
    assert first_to_explain(Reading("toy", "1", findings, ())) is Finding.ISCHEMIC
    both = {Finding.HEMORRHAGIC: FindingResult(1.00, 0.71), Finding.ISCHEMIC: FindingResult(0.53, 0.25)}
    assert first_to_explain(Reading("toy", "1", both, ())) is Finding.HEMORRHAGIC
