"""Find shipped networks, check their weights against their cards, and load them."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load

from strokeapp.errors import ModelError, WeightsHashError, WeightsMissingError
from strokeapp.models.backbones import LITE0
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.types import Finding, Modality, Sequence

WEIGHTS_FOLDER = Path(__file__).parent / "weights"
EARLIER_FOLDER = WEIGHTS_FOLDER.parent / "earlier"
CARD, WEIGHTS, PREDICTIONS = "card.json", "weights.safetensors", "predictions.csv"
FOLDS = "folds"
_LOADING = threading.Lock()


@dataclass(frozen=True)
class FindingSettings:
    """Hold how one finding of one network is judged.

    Args:
        temperature, shift: Calibration of a slice's logit z: sigmoid(z / temperature + shift).
        operating_points: Name to threshold on the slice's probability.
        study_temperature, study_shift: The same for a study's pooled logit.
        study_operating_points: Name to threshold on the study's probability.
        neighbor_weight: What a slice next to it adds to a slice's logit, beside its own 1.
        neighbor_reach_mm: Largest distance of slice planes at which that was measured; None: any.
    """

    temperature: float
    shift: float
    operating_points: Mapping[str, float]
    study_temperature: float
    study_shift: float
    study_operating_points: Mapping[str, float]
    neighbor_weight: float = 0.0
    neighbor_reach_mm: float | None = None

    @property
    def threshold(self) -> float:
        """Return the slice threshold in use."""
        return self.operating_points["balanced"]

    @property
    def study_threshold(self) -> float:
        """Return the study threshold in use."""
        return self.study_operating_points["balanced"]


@dataclass(frozen=True)
class Card:
    """Describe one shipped network.

    Args:
        name, version, title: As shown beside every reading.
        modality, sequences: What it was trained for and may read.
        size, margin: Of its input.
        findings: The findings it reads.
        map_cut: Lesion-map probability from which a pixel counts as lesion.
        folder: Holds card, weights and out-of-fold predictions.
        raw: Everything in the card's file.
    """

    name: str
    version: str
    title: str
    modality: Modality
    sequences: tuple[Sequence, ...]
    size: int
    margin: float
    findings: Mapping[Finding, FindingSettings]
    map_cut: float
    folder: Path
    raw: Mapping[str, Any]

    @property
    def weights_hash(self) -> str:
        """Return the SHA-256 of the weight file."""
        return self.raw["weights"]["sha256"]

    @property
    def predictions(self) -> Path:
        """Return the file of stored out-of-fold predictions."""
        return self.folder / PREDICTIONS

    @property
    def kept_folds(self) -> int:
        """Return of how many folds the weights were kept; 0 where they were not."""
        return len(self.raw["weights"].get(FOLDS, ()))


def read_card(folder: Path) -> Card:
    """Read ``card.json`` in a network's folder.

    Raises:
        ModelError: The card is missing or lacks a field.
    """
    try:
        raw = json.loads((folder / CARD).read_text(encoding="utf-8"))
        findings = {Finding(name): FindingSettings(**values) for name, values in raw["findings"].items()}
        _check_parts(raw, findings)
        return Card(
            name=raw["name"],
            version=raw["version"],
            title=raw["title"],
            modality=Modality(raw["modality"]),
            sequences=tuple(Sequence(item) for item in raw["sequences"]),
            size=int(raw["input"]["size"]),
            margin=float(raw["input"]["margin"]),
            findings=findings,
            map_cut=float(raw["map_cut"]),
            folder=folder,
            raw=raw,
        )
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"The model card of {folder.name} cannot be used. Reinstall the application.", detail=repr(error)
        ) from error


def _check_parts(raw: Mapping[str, Any], findings: Mapping[Finding, FindingSettings]) -> None:
    """Touch what is used only when the network reads, so that a bad card is noticed at once."""
    if len(raw["weights"]["sha256"]) != 64:
        raise ValueError("weights.sha256 is not a SHA-256")
    tuple(item["sha256"] for item in raw["weights"].get(FOLDS, ()))
    float(raw["network"]["top_share"])
    tuple(raw["network"]["pooled"])
    for settings in findings.values():
        float(settings.threshold)
        float(settings.study_threshold)


def installed(folder: Path = WEIGHTS_FOLDER) -> tuple[Card, ...]:
    """Return the cards of all shipped networks, by name."""
    return tuple(read_card(path.parent) for path in sorted(folder.glob(f"*/{CARD}")))


def earlier(folder: Path = EARLIER_FOLDER) -> tuple[Card, ...]:
    """Return the cards of earlier versions of the shipped networks: predictions to compare with, no weights."""
    return installed(folder)


def find(name: str, folder: Path = WEIGHTS_FOLDER) -> Card:
    """Return the card of one network.

    Raises:
        WeightsMissingError: No such network is installed; names those that are.
    """
    cards = installed(folder)
    for card in cards:
        if card.name == name:
            return card
    names = ", ".join(card.name for card in cards) or "none"
    raise WeightsMissingError(f"No network called {name} is installed. Installed: {names}.")


def choose(modality: Modality, sequence: Sequence, folder: Path = WEIGHTS_FOLDER) -> Card | None:
    """Return the network trained for a modality and sequence, or None: a network reads nothing else."""
    for card in installed(folder):
        if card.modality is modality and sequence in card.sequences:
            return card
    return None


def sha256(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fold_file(network: Path, fold: int) -> Path:
    """Return where a fold's weights lie: in ``folds/NAME`` beside the folder of shipped networks.

    They judge the network out of fold and read nobody, so the application neither loads nor hashes them.

    Args:
        network: Folder of the shipped network.
        fold: Its number.
    """
    return network.parent.parent / FOLDS / network.name / f"fold{fold}.safetensors"


def load_network(card: Card, fold: int | None = None) -> SliceNetwork:
    """Load a network's weights after checking their hash; kept in memory for the next call.

    The returned network is shared: it is in evaluation mode and must not be changed.

    Args:
        card: Of the network.
        fold: Number of the fold whose network is asked for, which has not seen that fold's patients; the final
            network unless given.

    Raises:
        WeightsMissingError: There is no weight file, or none was kept of that fold.
        WeightsHashError: The file is not the one the card describes.
        ModelError: The tensors do not fit the network.
    """
    path, expected = (card.folder / WEIGHTS, card.weights_hash) if fold is None else _kept(card, fold)
    if not path.is_file():
        what = "weights" if fold is None else f"weights of fold {fold}"
        raise WeightsMissingError(f"The {what} of {card.name} are not installed; without them there is no reading.")
    with _LOADING:  # two sessions that come at once share one copy
        return _load(card.folder, path, expected, path.stat().st_mtime_ns)


def _kept(card: Card, fold: int) -> tuple[Path, str]:
    """Return file and SHA-256 of a fold's weights."""
    if not 0 <= fold < card.kept_folds:
        raise WeightsMissingError(
            f"The weights of fold {fold} of {card.name} were not kept. "
            "Package its run again: python -m model_training package RUN."
        )
    return fold_file(card.folder, fold), card.raw["weights"][FOLDS][fold]["sha256"]


@lru_cache(maxsize=8)
def _load(folder: Path, path: Path, expected: str, _modified: int) -> SliceNetwork:
    card, data = read_card(folder), path.read_bytes()
    actual = hashlib.sha256(data).hexdigest()
    if actual != expected:
        raise WeightsHashError(
            f"The weights of {card.name} are not the ones its card describes. Reinstall the application.",
            detail=f"SHA-256 {actual}, card {expected}",
        )
    settings = card.raw["network"]
    backbone = settings.get("backbone", LITE0)
    network = SliceNetwork(pooled=tuple(settings["pooled"]), top_share=settings["top_share"], backbone=backbone)
    try:
        tensors = {name: tensor.float() for name, tensor in load(data).items()}
        state = network.state_dict()
        counters = {name: value for name, value in state.items() if name.endswith("num_batches_tracked")}
        network.load_state_dict(counters | tensors)
    except (SafetensorError, RuntimeError) as error:
        raise ModelError(f"The weights of {card.name} do not fit its network.", detail=str(error)) from error
    return network.eval().requires_grad_(False)
