"""Paint dura, venous sinuses, basal arteries and calcifications."""

from __future__ import annotations

import numpy as np

from model_training.phantom.anatomy import callosal_radius, falx_bend, petrous_line
from model_training.phantom.context import Context
from model_training.phantom.shapes import Plane, capsule, chain, cover, ellipsoid, smoothstep
from model_training.phantom.tissues import Tissue


def paint_vessels_and_dura(ctx: Context, tent: Plane) -> None:
    """Paint falx, tentorium, venous sinuses, basal arteries, pineal and choroid calcifications.

    Args:
        ctx: Of the slice.
        tent: Height above the tentorium, mm.
    """
    _paint_dura(ctx, tent)
    _paint_veins(ctx, tent)
    _paint_arteries_and_calcium(ctx)


def _paint_dura(ctx: Context, tent: Plane) -> None:
    """Paint falx and tentorium."""
    p, side = ctx.points, ctx.side
    falx = 0.55 - np.abs(p.x - falx_bend(p))
    reach = callosal_radius(p) - (1.22 + 0.22 * smoothstep(p.y, 0.0, -40.0))
    falx = np.minimum(np.minimum(falx, reach * 30.0), tent)
    ctx.canvas.paint(0.9 * cover(falx), ctx.palette[Tissue.DURA])
    sheet = np.minimum(0.4 - np.abs(tent) * 0.93, p.y - petrous_line(p))
    edge = np.sqrt((side.x / 17.0) ** 2 + ((p.y - 2.0) / 27.0) ** 2) - 1.0
    ctx.canvas.paint(0.75 * cover(np.minimum(sheet, edge * 15.0), 1.6), ctx.palette[Tissue.DURA])


def _paint_veins(ctx: Context, tent: Plane) -> None:
    """Paint sagittal, transverse and straight sinus; the first two keep to the skull."""
    p, here = ctx.points, ctx.here
    sagittal = np.minimum(4.2 - 1.0 * np.abs(here.x) - 0.75 * ctx.depth, here.z + 18.0 + 40.0 * (here.y < 0))
    sagittal = np.minimum(sagittal, 40.0 * (here.z > 0.0) + here.y)
    transverse = np.minimum(3.6 - 0.9 * np.abs(tent + 1.0) - 0.7 * ctx.depth, here.y - 30.0)
    straight = capsule(p, (0.0, 30.0, -2.0), (0.0, 80.0, -20.0), (1.6, 2.4))
    for vein in (sagittal, transverse, straight):
        ctx.paint(vein, Tissue.VEIN)


def _paint_arteries_and_calcium(ctx: Context) -> None:
    """Paint basilar, carotid and middle cerebral arteries, pineal and choroid plexus."""
    p, side = ctx.points, ctx.side
    basilar = capsule(p, (1.0, -7.0, -22.0), (-0.5, -6.0, -46.0), (1.6, 1.5))
    carotid = chain(side, [(11.0, -17.0, -25.0, 1.9), (12.0, -18.0, -19.0, 1.7), (30.0, -26.0, -15.0, 1.1)])
    for artery in (basilar, carotid):
        ctx.paint(artery, Tissue.ARTERY)
    pineal = ellipsoid(p, (0.0, 20.0, -1.0), (2.0, 2.6, 2.6))
    ctx.canvas.paint(0.75 * cover(pineal), ctx.palette[Tissue.CALCIUM])
    choroid = ellipsoid(side, (24.0, 29.0, 11.0), (2.0, 3.0, 3.2)) + 0.6 * ctx.texture * (p.x > 0) - 0.5
    ctx.canvas.paint(0.6 * cover(choroid), ctx.palette[Tissue.CALCIUM])
