"""A fresh installation has something to compare each network with: its earlier version, on the same cases."""

from __future__ import annotations

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from strokeapp.models.registry import WEIGHTS, earlier, find, installed


def show() -> None:
    from strokeapp.models.registry import earlier, installed
    from strokeapp.ui.performance_view import show_performance

    show_performance(installed(), earlier())


@pytest.mark.parametrize("before", earlier(), ids=lambda card: f"{card.name} {card.version}")
def test_an_earlier_version_judged_the_same_cases_and_reads_nothing(before):
    now = find(before.name)
    assert before.version < now.version and list(before.findings) == list(now.findings)
    assert not (before.folder / WEIGHTS).exists()
    tables = [pd.read_csv(card.predictions, dtype={"path": str}).set_index("path") for card in (before, now)]
    assert set(tables[0].index) == set(tables[1].index)


@pytest.mark.parametrize("number", range(len(installed())))
def test_each_network_stands_beside_its_earlier_version(number):
    app = AppTest.from_function(show, default_timeout=120).run()
    app = app.radio[0].set_value(number).run() if number else app
    assert not app.exception
    now = installed()[number]
    rival = next(one for one in app.selectbox if one.label == "Compare with")
    assert rival.options[0].startswith(now.title)
    table = next(one.value for one in app.table if "Test" in one.value.columns)
    assert table["Test"].str.contains("DeLong").any() and table["Test"].str.contains("McNemar").any()
