"""The model card page, driven without a browser: it shows what the card says, and pictures only from the folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from factories_models import card_values, install_network
from streamlit.testing.v1 import AppTest

from factories import make_picture
from strokeapp.ui import model_card_data as data
from strokeapp.ui.guard import ENTERED
from strokeapp.ui.model_card_view import _pixels

REPOSITORY = Path(__file__).resolve().parents[2]
ROW = {
    "finding": "ischemic", "kind": "missed", "path": "set/one.png", "dataset": "set", "probability": 0.0123,
    "threshold": 0.3, "presumed": False, "lesion_dice": None,
}  # fmt: skip


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch):
    """Return a function that runs the page with the given networks installed."""

    def run(*cards) -> AppTest:
        monkeypatch.setattr("strokeapp.models.registry.installed", lambda: cards)
        test = AppTest.from_file(str(REPOSITORY / "pages" / "model_card.py"), default_timeout=120)
        test.session_state[ENTERED] = True
        return test.run()

    return run


def shown(app: AppTest) -> str:
    return "\n".join(one.value for one in (*app.markdown, *app.caption, *app.info, *app.error, *app.subheader))


def test_without_a_network_the_page_says_so(page) -> None:
    app = page()
    assert not app.exception and "No network is installed" in app.info[0].value


def test_a_bare_card_says_what_is_missing_instead_of_showing_nothing(page, tmp_path) -> None:
    app = page(install_network(tmp_path, values=card_values()))
    assert not app.exception
    assert sum("model_training card toy_ct" in one.value for one in app.info) == 3
    assert any("Package the run again" in one.value for one in app.error)


def test_the_gallery_is_named_without_and_shown_with_the_images(page, tmp_path, monkeypatch) -> None:
    card = install_network(tmp_path / "weights", values=card_values(gallery=[ROW]))
    monkeypatch.setenv(data.SHARED_VARIABLE, str(tmp_path / "nowhere"))
    app = page(card)
    named = [list(one.value.iloc[0, 2:5]) for one in app.table]
    assert "here they are named only" in shown(app) and ["set/one.png", "set", "0.012"] in named
    make_picture(tmp_path / "shared" / "data" / "set" / "one.png", np.full((20, 10), 99, np.uint8))
    monkeypatch.setenv(data.SHARED_VARIABLE, str(tmp_path / "shared"))
    app = page(card)
    assert not app.exception and "set/one.png · 0.012 · set" in shown(app) and "named only" not in shown(app)


def test_networks_can_be_changed(page, tmp_path) -> None:
    cards = [
        install_network(tmp_path, values=card_values(name=n, title=n, limits=[f"Limit of {n}."])) for n in ("a", "b")
    ]
    app = page(*cards)
    assert "Limit of a." in shown(app) and "Limit of b." not in shown(app)
    app = app.radio[0].set_value(1).run()
    assert "Limit of b." in shown(app)


def test_pictures_are_square_and_stay_inside_the_folder(tmp_path) -> None:
    make_picture(tmp_path / "in" / "a.png", np.full((20, 10), 99, np.uint8))
    make_picture(tmp_path / "secret.png", np.full((4, 4), 1, np.uint8))
    (tmp_path / "in" / "text.png").write_text("no picture")
    square = _pixels(tmp_path / "in", "a.png")
    assert square.shape == (20, 20) and (square[:, 5:15] == 99).all() and (square[:, :5] == 0).all()
    outside = [str(tmp_path / "secret.png"), "../secret.png", "missing.png", "text.png"]
    assert [_pixels(tmp_path / "in", name) for name in outside] == [None] * 4


def test_tables_of_the_card_are_written_out_with_capitals_and_unbroken_intervals(page, tmp_path) -> None:
    found = {"finding": "ischemic", "attribute": "sex", "group": "F|D", "images": 9, "positives": 3, "patients": 4}
    found |= {"auc": 0.9, "auc_low": 0.8, "auc_high": 0.95}
    app = page(install_network(tmp_path, values=card_values(subgroups=[found], subgroups_unknown=["age"])))
    table = next(one.value for one in app.table if "Group" in one.value)
    assert list(table.columns) == ["Finding", "By", "Group", "n (positive, patients)", "AUC", "Recall", "Specificity",
                                   "Lesion Dice"]  # fmt: skip
    first = table.iloc[0]
    assert first["Group"] == "F|D" and first["AUC"].replace("\u2060", "") == "0.900 :gray[(0.800–0.950)]"
    assert "\u2060–\u2060" in first["AUC"] and first["Recall"] == "–"
    assert "Not known for any image: age." in shown(app)
