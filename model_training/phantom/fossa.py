"""Paint the posterior fossa."""

from __future__ import annotations

import numpy as np

from model_training.phantom.anatomy import petrous_line
from model_training.phantom.context import Context
from model_training.phantom.shapes import Plane, bump, capsule, cover, ellipsoid, smoothstep, union
from model_training.phantom.tissues import Tissue


def paint_posterior_fossa(ctx: Context, below: Plane) -> None:
    """Paint cerebellum and brainstem with the fluid around them.

    Args:
        ctx: Of the slice.
        below: Distance under the tentorium and behind the petrous ridges, mm.
    """
    ctx.paint(below + 0.5, Tissue.SPINAL_FLUID)
    _paint_cerebellum(ctx, below)
    _paint_brainstem(ctx)


def _paint_cerebellum(ctx: Context, below: Plane) -> None:
    """Paint two hemispheres with folia, darker white matter and a brighter vermis."""
    p, side, palette = ctx.points, ctx.side, ctx.palette
    width = np.float32(ctx.head.atrophy)
    room = np.minimum(below, ctx.depth)
    leaf = np.sqrt(p.x**2 + (p.y - 25.0) ** 2 + (1.5 * (p.z + 40.0)) ** 2) + 1.6 * ctx.texture
    folia = np.sin(leaf * np.float32(2 * np.pi / 4.6)) * smoothstep(room, 15.0, 3.0)
    contrast = palette[Tissue.GRAY] - palette[Tissue.WHITE]
    notch = ellipsoid(p, (0.0, 84.0, -45.0), (5.0, 22.0, 22.0))
    front = np.maximum(17.0 - 0.9 * np.maximum(side.x - 14.0, 0.0), petrous_line(p) + 1.0)
    hemispheres = np.minimum(np.minimum(np.minimum(below + 0.1, ctx.depth - 0.8 * width), p.y - front), -notch)
    tissue = palette[Tissue.CEREBELLUM] + 0.3 * contrast * folia
    fissures = 0.3 * smoothstep(-folia, 0.5, 1.0)
    tissue = tissue + fissures * (palette[Tissue.SPINAL_FLUID] - tissue)
    core = ellipsoid(side, (20.0, 36.0, -42.0), (15.0, 12.0, 10.0))
    tissue = tissue - 0.45 * contrast * cover(core, 6.0)
    tissue = tissue + 0.15 * contrast * bump(side.x, 0.0, 7.0)
    ctx.canvas.paint(cover(hemispheres), tissue)


def _paint_brainstem(ctx: Context) -> None:
    """Paint midbrain, pons and medulla in their cisterns."""
    p, side, width = ctx.points, ctx.side, np.float32(ctx.head.atrophy)
    midbrain = ellipsoid(p, (0.0, 5.0, -16.0), (17.0, 13.0, 13.0))
    midbrain = np.minimum(midbrain, -capsule(p, (0.0, -10.0, -22.0), (0.0, -9.0, -8.0), (4.0, 4.0)))
    peduncles = capsule(side, (9.0, -3.0, -13.0), (13.0, -1.0, -6.0), (5.5, 6.0))
    pons = ellipsoid(p, (0.0, 9.0, -36.0), (17.5, 13.0, 14.0))
    arms = capsule(side, (12.0, 13.0, -38.0), (24.0, 27.0, -40.0), (7.0, 6.0))
    medulla = capsule(p, (0.0, 15.0, -50.0), (0.0, 23.0, -80.0), (9.0, 6.5))
    stem = union(union(union(np.maximum(midbrain, peduncles), pons, 4.0), medulla, 4.0), arms, 4.0)
    cisterns = np.minimum(stem + 3.2 + 1.2 * width, smoothstep(p.z, -4.0, -10.0) * 20.0 - 6.0)
    free = np.maximum(midbrain + 4.2, pons + 4.0)
    ctx.paint(np.minimum(cisterns, np.maximum(free, medulla + 4.0) - 6.0 * cover(p.y - 20.0, 3.0)), Tissue.SPINAL_FLUID)
    ctx.paint(np.minimum(stem, ctx.depth - 1.0), Tissue.BRAINSTEM, soft=1.5)
