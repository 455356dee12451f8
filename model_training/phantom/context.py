"""Hold what the painters of one slice of the brain share."""

from __future__ import annotations

from dataclasses import dataclass

from model_training.phantom.anatomy import Head
from model_training.phantom.lesions import Lesion
from model_training.phantom.shapes import Canvas, Plane, Points, cover, mirror
from model_training.phantom.tissues import Palette, Tissue


@dataclass(frozen=True)
class Context:
    """Hold one slice of one head while it is painted.

    Args:
        canvas: Cropped to the cavity.
        here: Points before displacement by a lesion (head frame, mm).
        points: Points from which tissue is taken: displaced by mass effect.
        depth: Distance under the dura, mm.
        head: Whose brain it is.
        palette: Value per tissue.
        lesion: What is wrong.
        texture: Fine field at the points.
    """

    canvas: Canvas
    here: Points
    points: Points
    depth: Plane
    head: Head
    palette: Palette
    lesion: Lesion
    texture: Plane

    @property
    def side(self) -> Points:
        """Return the points folded onto the left half."""
        return mirror(self.points)

    def paint(self, distance: Plane, tissue: Tissue, *, soft: float = 0.9) -> None:
        """Paint a solid given by its signed distance."""
        self.canvas.paint(cover(distance, soft), self.palette[tissue])
