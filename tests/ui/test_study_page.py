"""The study page without a browser: first screen, demonstration study, reading, closing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from strokeapp.inference.explanation.measured import measured
from strokeapp.inference.words import DISCLAIMER
from strokeapp.models.registry import choose
from strokeapp.types import Finding, Modality, Sequence
from strokeapp.ui.state import KEY
from strokeapp.ui.workspace import PREFIX

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    """Run the app with temporary files in a folder of the test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(REPOSITORY)
    yield AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=120).run()


def button(app: AppTest, label: str, nth: int = 0):
    return [item for item in app.button if item.label == label][nth]


def captions(app: AppTest) -> str:
    return "\n".join(item.value for item in app.caption)


def test_first_screen_offers_synthetic_studies_and_says_what_it_is_not(app: AppTest) -> None:
    assert not app.exception
    assert app.title[0].value == "Open a head CT or MRI"
    assert sum(item.label == "Open" for item in app.button) >= 4
    assert captions(app).count("synthetic") >= 4
    assert DISCLAIMER in captions(app)


def test_demonstration_bleed_is_read_and_closing_leaves_nothing_on_disk(app: AppTest, tmp_path: Path) -> None:
    button(app, "Open", 1).click().run()
    assert not app.exception
    assert list(tmp_path.glob(f"{PREFIX}*"))
    button(app, "Read this scan").click().run()
    assert not app.exception
    (outcome,) = app.session_state[KEY].outcomes.values()
    result = next(value for finding, value in outcome.reading.findings.items() if finding.value == "hemorrhagic")
    assert result.flagged
    assert any("flagged" in item.value for item in app.subheader)
    assert DISCLAIMER in captions(app)
    button(app, "Close study").click().run()
    assert app.title[0].value == "Open a head CT or MRI"
    assert not list(tmp_path.glob(f"{PREFIX}*"))


def test_explanation_is_computed_once_and_kept(app: AppTest) -> None:
    button(app, "Open", 2).click().run()
    button(app, "Read this scan").click().run()
    ask = next(item for item in app.button if item.label.startswith("Explain slice"))
    ask.click().run()
    assert not app.exception
    (kept,) = app.session_state[KEY].attributions.values()
    assert [item.method for item in kept] == [measured(choose(Modality.CT, Sequence.NCCT).folder).default]
    assert kept[0].values.max() == pytest.approx(1.0, abs=0.05)
    next(item for item in app.button if item.label.startswith("Explain slice")).click().run()
    assert len(next(iter(app.session_state[KEY].attributions.values()))) == 1


def test_flair_is_read_by_the_flair_network_for_infarcts_only(app: AppTest) -> None:
    button(app, "Open", 4).click().run()
    button(app, "Read this scan").click().run()
    (outcome,) = app.session_state[KEY].outcomes.values()
    assert outcome.reading.model == "mr_flair" and list(outcome.reading.findings) == [Finding.ISCHEMIC]
