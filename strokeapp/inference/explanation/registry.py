"""Register the explanation methods: name, title, what each costs, how its values are shown.

The table itself needs neither Captum nor PyTorch, so that a page can list the methods at once; a method's module is
imported when it is first used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING

from strokeapp.errors import StrokeAppError

if TYPE_CHECKING:
    from torch import Tensor

    from strokeapp.models.slice_network import SliceNetwork
    from strokeapp.types import Finding

    Attribute = Callable[[SliceNetwork, Tensor, Finding], Tensor]


class Cost(StrEnum):
    """How long a slice takes, in passes through the network."""

    CHEAP = "cheap"
    """One or two passes."""
    MODERATE = "moderate"
    """About sixteen to forty passes with gradients."""
    COSTLY = "costly"
    """More than a hundred passes."""


class Part(StrEnum):
    """What of a signed attribution is shown."""

    POSITIVE = "positive"
    """Where something speaks for the finding."""
    MAGNITUDE = "magnitude"
    """Where something matters, for or against."""
    PROBABILITY = "probability"
    """As it is: the lesion map's own probability."""


@dataclass(frozen=True)
class Method:
    """Describe one explanation.

    Args:
        name: Captum's class name where it has one, stored beside every attribution.
        title: As shown.
        cost: Per slice.
        part: Of its values that is shown.
        module: Of this package that holds ``attribute``.
        slope: Its values are slopes of the logit, to be multiplied by a change of the picture; else they are shares of
            the logit that a pixel brings.
    """

    name: str
    title: str
    cost: Cost
    part: Part
    module: str
    slope: bool = False

    @property
    def attribute(self) -> Attribute:
        """Return the method's function, importing its module.

        It takes a network, (n, 1, rows, columns) and a finding, and returns (n, rows, columns).
        """
        return import_module(f"{__package__}.{self.module}").attribute


LESION_MAP = Method("LesionMap", "Lesion map", Cost.CHEAP, Part.PROBABILITY, "lesion_map")
"""Not an explanation: the output that the explanations are compared with."""
METHODS = {
    method.name: method
    for method in (
        Method("LayerGradCam", "Grad-CAM", Cost.CHEAP, Part.POSITIVE, "grad_cam"),
        Method("MapGradCam", "Grad-CAM within the lesion map", Cost.CHEAP, Part.POSITIVE, "map_grad_cam"),
        Method("GuidedGradCam", "Guided Grad-CAM", Cost.CHEAP, Part.MAGNITUDE, "guided_grad_cam", slope=True),
        Method("IntegratedGradients", "Integrated gradients", Cost.MODERATE, Part.MAGNITUDE, "integrated_gradients"),
        Method("GradientShap", "Gradient SHAP", Cost.MODERATE, Part.MAGNITUDE, "gradient_shap"),
        Method("DeepLift", "DeepLift", Cost.CHEAP, Part.MAGNITUDE, "deep_lift"),
        Method("Occlusion", "Occlusion", Cost.COSTLY, Part.POSITIVE, "occlusion"),
        Method("FeatureAblation", "Ablation of head parts", Cost.COSTLY, Part.POSITIVE, "head_parts"),
        Method("NoiseTunnel", "Smoothed saliency", Cost.MODERATE, Part.MAGNITUDE, "smooth_saliency", slope=True),
    )
}


def method_of(name: str) -> Method:
    """Return a method by its name; the lesion map counts as one.

    Raises:
        StrokeAppError: There is no such method; names those there are.
    """
    if name == LESION_MAP.name:
        return LESION_MAP
    if name not in METHODS:
        raise StrokeAppError(
            f"There is no explanation called {name}. Choose one of {', '.join(METHODS)}.", code="unknown_method"
        )
    return METHODS[name]
