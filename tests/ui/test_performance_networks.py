"""Run the performance page for every network that ships, by image and by patient."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from strokeapp.models.registry import installed
from strokeapp.performance.prevalence import predictive_values
from strokeapp.ui import performance_data as data
from strokeapp.ui.guard import ENTERED

PAGE = Path(__file__).resolve().parents[2] / "pages" / "performance.py"


@pytest.mark.parametrize("index", range(len(installed())), ids=[network.name for network in installed()])
def test_every_network_fills_the_page(index: int) -> None:
    app = AppTest.from_file(str(PAGE), default_timeout=300)
    app.session_state[ENTERED] = True
    app.session_state["performance_network"] = index
    for unit in ("image", "patient"):
        app.session_state["performance_unit"] = unit
        app.run()
        assert not app.exception and not app.error
        values = {one.label: one.value for one in app.metric}
        if values["AUC"] == "–":
            assert any("one kind only" in one.value for one in app.info) and values["NPV"] == "–"
        else:
            assert 0.5 < float(values["AUC"]) <= 1
            low = predictive_values(float(values["Recall"]), float(values["Specificity"]), 0.1)
            assert float(values["NPV"]) == pytest.approx(low.negative, abs=0.01)
        headings = {one.value for one in app.subheader}
        assert {"In use", "Worst mistakes", "Beside another network", "Beside the literature"} <= headings
    findings = data.findings_of(data.source_of(installed()[index]))
    titles = [one.value for one in app.markdown]
    assert ("**Hemorrhagic stroke**" in titles) == ("hemorrhagic" in findings)
    assert "**Ischemic stroke**" in titles
