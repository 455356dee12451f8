"""An infarct against its healed self: where the control's patch lies, figures with known answers, the card's words."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from factories_models import SETTINGS, card_values, ellipse, install_network
from factories_training import toy_table, write_toy_manifest
from scipy import ndimage

from model_training import own_source
from model_training.card import measured_limits
from model_training.evaluate import evaluate
from model_training.own_source import Pairs, own_pairs, own_source_records, patched_elsewhere, ship
from strokeapp.errors import ManifestError, ModelError, WeightsMissingError
from strokeapp.inference.slices import SliceOutputs, calibrated
from strokeapp.models.card_text import card_markdown
from strokeapp.models.registry import read_card
from strokeapp.types import Finding

SHAPE = (128, 128)
N = 40


def striped_brain() -> np.ndarray:
    """Return a brain whose two sides differ a little, so that a patch from the other side can be seen."""
    gray = np.zeros(SHAPE, np.float32)
    gray[ellipse(SHAPE, (63.5, 63.5), (58, 46))] = 0.4
    gray[:, :64] += 0.05 * (np.arange(64) % 4 < 2) * (gray[:, :64] > 0)
    return gray


@pytest.mark.parametrize(("center", "radii"), [((60, 40), (8, 6)), ((40, 80), (14, 10)), ((63, 60), (6, 6))])
def test_the_control_keeps_the_lesion_and_alters_healthy_tissue_beside_it(center, radii):
    lesion, gray = ellipse(SHAPE, center, radii), striped_brain()
    gray[lesion] = 0.25
    patched = patched_elsewhere(gray, lesion)
    changed = np.abs(patched - gray) > 0.01
    near = ndimage.binary_dilation(lesion | lesion[:, ::-1], iterations=3)
    assert changed.sum() > 20 and not changed[near].any()
    assert (gray[changed] > 0.3).mean() > 0.9, "the patch lies in the brain"
    assert (patched[~near] > 0.3).sum() == pytest.approx((gray[~near] > 0.3).sum(), rel=0.05), "no second lesion"


def test_a_lesion_that_leaves_no_room_has_no_control():
    lesion = ellipse(SHAPE, (63, 40), (50, 20))
    assert patched_elsewhere(striped_brain(), lesion) is None


@pytest.fixture
def installed(tmp_path):
    """Install a network of two folds whose stored predictions are of four bleeds and four drawn infarcts."""
    card = install_network(tmp_path / "weights", fold_seeds=(7, 8))
    manifest = write_toy_manifest(tmp_path / "data", toy_table(bleeds=4, infarcts=4))
    stored = evaluate(manifest, tmp_path / "stored", folder=card.folder.parent)
    stored["fold"] = ["0", "0", "1", "1", "0", "0", "1", "external"]
    stored["patient"] = [str(number) for number in range(8)]
    stored.to_csv(card.predictions, index=False)
    return card, manifest


def test_every_drawn_infarct_of_the_folds_is_read_in_three_forms(installed, tmp_path):
    card, manifest = installed
    pairs = own_pairs(card, manifest)
    assert pairs.table["path"].tolist() == ["4.png", "5.png", "6.png"], "the external one is not a fold's to judge"
    alone = evaluate(manifest, tmp_path / "out", folder=card.folder.parent, out_of_fold=True)
    own = calibrated(pairs.own, card.findings[Finding.ISCHEMIC])
    np.testing.assert_allclose(own, alone.loc[4:6, "ischemic_probability"], atol=1e-5)
    assert (pairs.healed != pairs.own).all() and np.isfinite(pairs.healed).all()


def test_a_network_of_dark_pixels_sees_the_healing_and_not_the_control(installed, monkeypatch):
    card, manifest = installed

    def darkest(network, items, modality):
        """Score by the darkness where the infarcts of the toy set are drawn."""
        logits = np.array([[0.0, -item.gray[27:32, 41:45].mean() * 100] for item in items], np.float32)
        return SliceOutputs(logits, np.zeros((len(items), 2, 32, 32), np.float16))

    monkeypatch.setattr(own_source, "run_slices", darkest)
    pairs = own_pairs(card, manifest)
    assert (pairs.healed < pairs.own - 10).all()
    assert np.isfinite(pairs.control).all() and (np.abs(pairs.control - pairs.own) < 0.1).all()


def test_figures_of_known_logits(tmp_path):
    finding = SETTINGS | {"temperature": 1.0, "shift": 0.0, "operating_points": {"balanced": 0.5}}
    card = install_network(tmp_path, values=card_values(findings={"ischemic": finding}))
    table = pd.DataFrame({"dataset": "d", "patient": ["1", "1", "2", "3"]})
    nan = np.nan
    own, healed, control = (np.array(x) for x in ([2.0, 1, 3, -1], [-2.0, 1.5, -3, -4], [2.0, nan, nan, -2]))
    (row,) = own_source_records(Pairs(table, own, healed, control, {"d": 5}), card, n=N)
    assert (row["images"], row["patients"], row["not_healed"]) == (4, 3, 5)
    # 16 pairs of a slice and a healed one: 2, 3 above all healed; 1 below 1.5; -1 below 1.5.
    assert row["auc"][0] == pytest.approx(14 / 16)
    assert (row["flagged"][0], row["healed_flagged"][0]) == (0.75, 0.25)
    assert row["change"][0] == pytest.approx((-4 + 0.5 - 6 - 3) / 4)
    other = row["control"]
    assert (other["images"], other["flagged"][0], other["control_flagged"][0]) == (2, 0.5, 0.5)
    assert (other["change"][0], other["healed_flagged"][0]) == (-0.5, 0.0)
    (bare,) = own_source_records(Pairs(table, own, healed, np.full(4, nan), {}), card, n=N)
    assert bare["control"] is None and bare["not_healed"] == 0


def test_the_card_tells_it_under_limits_and_in_a_table(installed):
    card, manifest = installed
    records = own_source_records(own_pairs(card, manifest), card, n=N)
    shipped = ship(card, records)
    assert json.loads((card.folder / "card.json").read_text(), parse_constant=pytest.fail)["own_source"] == records
    assert shipped == read_card(card.folder)
    (limit,) = [text for text in shipped.raw["limits"] if text.startswith("Leaning on the source")]
    assert "3 slices of infarcts" in limit and f"{records[0]['healed_flagged'][0]:.3f}" in limit
    text = card_markdown(shipped.raw)
    assert limit in text and "## Infarct against its healed self" in text and "patch beside the infarct" in text
    assert measured_limits({"sequences": ["NCCT"]}) == [t for t in shipped.raw["limits"] if t != limit]


def test_what_cannot_be_asked_is_refused(installed, tmp_path):
    card, _ = installed
    with pytest.raises(ManifestError, match="no drawn infarct"):
        own_pairs(card, write_toy_manifest(tmp_path / "bleeds", toy_table(bleeds=4, infarcts=0)))
    values = card_values(name="bleeds", findings={"hemorrhagic": SETTINGS})
    with pytest.raises(ModelError, match="reads no infarcts"):
        own_pairs(install_network(tmp_path / "other", values=values), tmp_path / "data" / "manifest.csv")
    bare = install_network(tmp_path / "bare")
    bare.predictions.write_bytes(card.predictions.read_bytes())
    with pytest.raises(WeightsMissingError, match="were not kept"):
        own_pairs(bare, tmp_path / "data" / "manifest.csv")
