"""Paint nuclei, ventricles and the fluid of sulci and cisterns."""

from __future__ import annotations

import numpy as np

from model_training.phantom.context import Context
from model_training.phantom.shapes import Plane, Points, capsule, chain, cover, ellipsoid, mirror, smoothstep, union
from model_training.phantom.tissues import Tissue

Node = tuple[float, float, float, float]
"""x, y, z and radius of a tube, mm, head frame, left side."""

FRONTAL_HORN: tuple[Node, ...] = ((4.0, -17.0, 9.0, 2.4), (9.0, -30.0, 6.5, 4.0), (14.5, -40.0, 4.0, 2.9))
BODY: tuple[Node, ...] = (
    (6.5, -24.0, 14.0, 4.2),
    (10.5, -4.0, 19.5, 4.6),
    (16.5, 14.0, 18.5, 4.8),
    (25.0, 29.0, 12.0, 6.0),
)
OCCIPITAL_HORN: tuple[Node, ...] = ((25.0, 29.0, 12.0, 5.6), (28.0, 42.0, 6.0, 3.6), (25.0, 58.0, 3.0, 1.2))
TEMPORAL_HORN: tuple[Node, ...] = (
    (26.0, 28.0, 8.0, 4.4),
    (34.0, 16.0, -7.0, 2.6),
    (33.0, 2.0, -15.0, 1.9),
    (27.0, -7.0, -20.0, 1.6),
)


def paint_nuclei(ctx: Context) -> None:
    """Paint caudate, lentiform nucleus, thalamus, claustrum and the darker internal capsule."""
    p, side, z = ctx.points, ctx.side, ctx.points.z
    if z.min() > 34.0 or z.max() < -25.0:
        return
    turned = Points(side.x * 0.90 + p.y * 0.42, p.y * 0.90 - side.x * 0.42, z)
    lentiform = ellipsoid(turned, (17.0, -21.0, 1.0), (8.0, 18.5, 11.5))
    ctx.paint(lentiform, Tissue.DEEP_GRAY, soft=2.0)
    pallidum = ellipsoid(turned, (12.5, -20.0, 0.0), (4.5, 9.0, 6.0))
    ctx.canvas.paint(0.5 * cover(pallidum, 3.0), ctx.palette[Tissue.WHITE])
    caudate = chain(
        side,
        [(12.0, -34.0, 3.0, 6.0), (14.0, -29.0, 12.0, 5.0), (17.5, -12.0, 19.0, 3.2), (22.0, 10.0, 19.0, 2.0)],
        blend=4.0,
    )
    ctx.paint(caudate, Tissue.DEEP_GRAY, soft=1.6)
    thalamus_frame = Points(side.x * 0.87 - p.y * 0.5, p.y * 0.87 + side.x * 0.5, z)
    thalamus = ellipsoid(thalamus_frame, (8.0, 9.0, 8.0), (8.5, 15.5, 9.5))
    ctx.paint(thalamus, Tissue.DEEP_GRAY, soft=2.0)
    claustrum = np.minimum(
        ellipsoid(side, (31.5, -14.0, 4.0), (3.0, 17.0, 12.0)), 0.7 - np.abs(side.x - 33.0 + 0.0045 * (p.y + 12.0) ** 2)
    )
    ctx.canvas.paint(0.7 * cover(claustrum, 1.5), ctx.palette[Tissue.GRAY])


def paint_fluid(ctx: Context, gap: Plane, below: Plane) -> None:
    """Paint sulci, fissures, ventricles and cisterns; the lesion may put blood into the ventricles."""
    above = np.maximum(-below, 0.0)
    ctx.canvas.paint(cover(-gap) * cover(above - 1.0), ctx.palette[Tissue.SPINAL_FLUID])
    ventricles = ventricle_depth(ctx.points, ctx.head.ventricles)
    caps = smoothstep(ventricles, -5.0, -0.5) * np.clip(0.35 + 0.4 * ctx.head.depth(ctx.points), 0.0, 0.9)
    caps = caps * np.maximum(smoothstep(ctx.points.y, -28.0, -40.0), 0.8 * smoothstep(ctx.points.y, 22.0, 38.0))
    ctx.canvas.paint(caps * (ctx.points.z > -4.0), ctx.palette[Tissue.CAP])
    ctx.paint(ventricles, Tissue.SPINAL_FLUID, soft=1.2)
    ctx.lesion.paint_ventricles(ctx.canvas, ctx.here, ventricles, ctx.palette)
    if ctx.points.z.min() < 12.0:
        _paint_basal_cisterns(ctx)


def _paint_basal_cisterns(ctx: Context) -> None:
    """Paint suprasellar, quadrigeminal and superior cerebellar cistern, cisterna magna and the chiasm."""
    p, side, w = ctx.points, ctx.side, np.float32(ctx.head.atrophy)
    star = ellipsoid(p, (0.0, -15.0, -21.0), (12.0, 9.5, 6.5))
    star = union(star, capsule(p, (0.0, -20.0, -20.0), (0.0, -40.0, -14.0), (3.0, 1.2)), 3.0)
    collicular = chain(side, [(0.0, 20.5, -11.0, 2.6), (10.0, 17.5, -12.0, 2.4), (18.0, 9.0, -14.0, 1.5)], blend=1.5)
    vermian = capsule(p, (0.0, 22.0, -8.0), (0.0, 42.0, -9.0), (3.0, 1.0))
    magna = ellipsoid(p, (0.0, 60.0, -62.0), (13.0, 9.0, 9.0))
    for cistern in (star - 0.8, collicular, vermian, magna):
        ctx.paint(cistern + 0.8 * (w - 1.0), Tissue.SPINAL_FLUID, soft=1.5)
    chiasm = capsule(side, (0.0, -17.0, -19.0), (10.0, -30.0, -24.0), (2.2, 1.8))
    ctx.canvas.paint(0.8 * cover(chiasm, 1.2), ctx.palette[Tissue.BRAINSTEM])


def ventricle_depth(points: Points, size: float) -> Plane:
    """Return the signed distance (mm) to lateral, third and fourth ventricles and aqueduct.

    Args:
        points: Head frame, mm.
        size: Multiplies the radii; 1 is about sixty years of age.
    """
    x = np.abs(points.x)
    lateral = _lateral_ventricle(mirror(points), size)
    third = np.minimum(1.3 * size + 0.2 - x, ellipsoid(points, (0.0, -4.0, -1.0), (8.0, 16.0, 10.0)))
    aqueduct = capsule(points, (0.0, 12.0, -8.0), (0.0, 20.0, -28.0), (1.0, 1.2))
    wedge = 10.0 * size - 1.1 * np.sqrt(x**2 + 4.0) - 1.25 * np.sqrt((points.y - 24.0) ** 2 + 1.5)
    fourth = np.minimum(wedge * 0.65, ellipsoid(points, (0.0, 24.0, -38.0), (12.0, 9.0, 12.0)))
    return np.maximum(np.maximum(lateral, third), np.maximum(aqueduct, fourth))


def _lateral_ventricle(side: Points, size: float) -> Plane:
    """Return the signed distance (mm) to the lateral ventricle, at x > 0, up to the septum."""
    # The frontal horn is taller than wide: z is shrunk for it.
    tall = Points(side.x, side.y * np.float32(0.92), side.z * np.float32(0.72))
    distance = _tube(tall, FRONTAL_HORN, size)
    for nodes in (BODY, OCCIPITAL_HORN, TEMPORAL_HORN):
        distance = np.maximum(distance, _tube(side, nodes, size))
    return np.minimum(distance, side.x - 0.8)


def _tube(points: Points, nodes: tuple[Node, ...], size: float) -> Plane:
    return chain(points, [(x, y, z, radius * size) for x, y, z, radius in nodes], blend=3.0)
