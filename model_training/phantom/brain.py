"""Paint the contents of the cranial cavity: here the folded cortex and its white matter."""

from __future__ import annotations

import numpy as np

from model_training.phantom.anatomy import (
    Head,
    callosal_radius,
    falx_bend,
    petrous_line,
    tentorium_height,
    vault_radius,
)
from model_training.phantom.context import Context
from model_training.phantom.deep import paint_fluid, paint_nuclei
from model_training.phantom.dura import paint_vessels_and_dura
from model_training.phantom.fossa import paint_posterior_fossa
from model_training.phantom.shapes import Plane, Points, capsule, cover, smoothstep
from model_training.phantom.tissues import Tissue

RIBBON_MM = 3.0
"""Thickness of the cortex (1.5 to 4.5 mm in life, Fischl and Dale 2000)."""


def paint_cavity(ctx: Context) -> None:
    """Paint dura, fluid, brain, lesion and vessels inside the cranial cavity."""
    inside = cover(ctx.depth)
    before = ctx.canvas.values.copy(), ctx.canvas.lesion.copy()
    ctx.canvas.paint(np.ones_like(inside), ctx.palette[Tissue.SPINAL_FLUID])
    tent = ctx.points.z - tentorium_height(ctx.points)
    front = np.maximum(petrous_line(ctx.points) - 2.0, 19.0 * smoothstep(ctx.points.z, -16.0, -8.0) - 2.0)
    below = np.minimum(-tent, ctx.points.y - front)
    gap = _cortex_gap(ctx, below)
    _paint_cerebrum(ctx, gap)
    paint_nuclei(ctx)
    if ctx.points.z.min() < 5.0:
        paint_posterior_fossa(ctx, below)
    ctx.lesion.paint_parenchyma(ctx.canvas, ctx.here, ctx.head, ctx.palette, ctx.texture)
    paint_fluid(ctx, gap, below)
    paint_vessels_and_dura(ctx, tent)
    ctx.lesion.paint_subdural(ctx.canvas, ctx.here, ctx.depth, ctx.head, ctx.palette, ctx.texture)
    for old, new in zip(before, (ctx.canvas.values, ctx.canvas.lesion), strict=True):
        new += (1.0 - inside) * (old - new)


def _cortex_gap(ctx: Context, below: Plane) -> Plane:
    """Return the distance (mm) from cerebral tissue to the nearest fluid of surface, sulci and fissures.

    Sulci are zero surfaces of a band-limited field that is drawn out toward the center of the brain, so that
    the folds stand across the surface; their width shrinks with depth.
    """
    p, head = ctx.points, ctx.head
    wobbly = head.wobble(p)
    k = np.maximum(vault_radius(p), np.float32(0.25))
    width = np.float32(head.atrophy) * ctx.lesion.sulcal_factor(ctx.here, head)
    deep = head.depth(p)
    width = width * (1.0 - 0.65 * smoothstep(p.z, -24.0, -36.0))
    frontal = smoothstep(p.y, -10.0, -60.0) * smoothstep(p.z, -10.0, 30.0)
    surface = ctx.depth - (0.4 + 0.9 * width * (0.6 + 0.5 * frontal))
    stretch = k ** np.float32(-0.75)
    spread = Points(*(axis * stretch for axis in wobbly))
    gap = surface
    for field, reach, half in ((head.sulci, 21.0, 1.35), (head.shallow, 8.5, 1.1)):
        sheet = field(spread) / stretch
        gap = np.minimum(gap, _sulcus_gap(sheet, surface, reach * (1.0 + 0.38 * deep), half * width))
    gap = np.minimum(gap, _medial_gap(ctx, wobbly, width, deep))
    gap = np.minimum(gap, _sylvian_gap(wobbly, surface, width, deep, _shifted(head, p)))
    return np.minimum(gap, np.maximum(-below, 0.0) + 0.5 + 3.0 * (p.y < 0.0))


def _sulcus_gap(sheet: Plane, depth: Plane, reach: Plane, half_width: Plane | float) -> Plane:
    """Return the distance to the fluid of a sulcus that narrows with depth and ends at ``reach``."""
    reach = np.maximum(reach, np.float32(2.0))
    narrowing = np.clip(1.0 - depth / reach, 0.0, 1.0)
    half = half_width * (0.35 + 0.5 * narrowing + 0.5 * smoothstep(depth, 4.0, 0.0))
    beyond = np.maximum(depth - reach, 0.0)
    return np.sqrt(sheet**2 + beyond**2) - half


def _medial_gap(ctx: Context, wobbly: Points, width: Plane | float, deep: Plane) -> Plane:
    """Return the distance to the interhemispheric fissure and the sulci that open into it."""
    p = ctx.points
    around = callosal_radius(p)
    middle = np.abs(p.x - falx_bend(p))
    front = smoothstep(p.y, 0.0, -45.0)
    half = 0.45 + width * (0.3 + 0.55 * front) * np.clip(1.0 + 0.5 * deep, 0.2, 1.8)
    inside = np.maximum(1.0 - around, 0.0) * 38.0 + 60.0 * (p.z < -20.0) * (p.y > -32.0)
    fissure = np.sqrt(middle**2 + inside**2) - half
    offset = np.where(p.x > 0, np.float32(11.0), np.float32(-17.0))
    sheet = ctx.head.medial(Points(offset + 0.25 * wobbly.x, wobbly.y, wobbly.z))
    cingulate = np.abs(around - 1.36 - 0.004 * p.x - 0.05 * deep) * 30.0 + 0.7
    sheet = np.minimum(sheet, cingulate) + 9.0 * (around < 1.12)
    sulci = _sulcus_gap(sheet, middle - half, 7.0 * (1.0 + 0.5 * deep), 0.8 * width)
    return np.minimum(fissure, sulci)


def _shifted(head: Head, points: Points) -> Plane:
    """Return the slow field at another place, independent of what it is at the points."""
    return head.depth(Points(points.x + 60.0, points.y - 45.0, points.z + 30.0))


def _sylvian_gap(wobbly: Points, surface: Plane, width: Plane | float, deep: Plane, rough: Plane) -> Plane:
    """Return the distance to the Sylvian fissure: the sheet over the insula and the cleft to the surface."""
    ax, y, z = np.abs(wobbly.x), wobbly.y, wobbly.z
    insula_x = 38.5 - 0.0045 * (y + 12.0) ** 2 + 1.6 * deep
    patch = np.sqrt(((y + 10.0) / 25.0) ** 2 + ((z - 5.0) / 18.0) ** 2)
    outside = np.maximum(patch - 1.0, 0.0) * 20.0
    front = smoothstep(y, 0.0, -30.0)
    insular = np.sqrt((ax - insula_x) ** 2 + outside**2) - width * (0.6 + 0.8 * front) * np.clip(
        1.0 + 0.7 * rough, 0.1, 2.0
    )
    cleft = np.abs(z - (-5.0 + 0.38 * (y + 30.0)) - 2.0 * rough) * 0.93
    span = np.maximum(np.maximum(insula_x - ax, 0.0), np.maximum(np.abs(y + 6.0) - 30.0, 0.0))
    lateral = np.sqrt(cleft**2 + span**2) - width * (
        0.5 + 0.7 * front + 0.8 * smoothstep(surface, 10.0, 0.0)
    ) * np.clip(1.0 + 0.6 * rough, 0.1, 2.0)
    limen = capsule(Points(ax, y, z), (18.0, -20.0, -20.0), (39.0, -33.0, -9.0), (2.2, 2.8))
    return np.minimum(np.minimum(insular, lateral), -limen)


def _paint_cerebrum(ctx: Context, gap: Plane) -> None:
    """Paint white matter and the cortical ribbon."""
    white = ctx.palette[Tissue.WHITE]
    contrast = ctx.palette[Tissue.GRAY] - white
    slow = ctx.head.depth(Points(ctx.points.x * 0.6, ctx.points.y * 0.6, ctx.points.z * 0.6 + 40.0))
    brain = np.minimum(ctx.depth, gap + 0.3)
    ctx.canvas.paint(cover(brain), white + 0.07 * contrast * slow)
    ribbon = cover(RIBBON_MM + 0.4 * slow - gap, 2.5) * cover(brain)
    ctx.canvas.paint(ribbon, ctx.palette[Tissue.GRAY] + 0.05 * contrast * ctx.texture)
