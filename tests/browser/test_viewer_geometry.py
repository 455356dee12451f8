"""Where the viewer's cuts take their values from, in the browser's own arithmetic, against closed forms.

No server and no page: the viewer's modules are evaluated in an empty tab with series made of numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from strokeapp.ui.viewer import assets

pytestmark = pytest.mark.browser

MODULES = ("vectors", "colormaps", "frame", "planes", "reslice", "projection", "raster", "source", "measure")
SERIES = """
// (slices, side, side) int16 whose voxels are a function of their place in the patient (LPS, mm).
function series({ slices, gap, pixel, side, tilt = 0, uneven = false, jitter = 0, axes = [0, 1, 2] }, valueAt) {
  const turned = (vector) => axes.map((axis) => vector[axis]);
  const angle = (tilt * Math.PI) / 180;
  const rowStep = [0, pixel * Math.cos(angle), pixel * Math.sin(angle)];
  const columnStep = [pixel, 0, 0];
  let z = -20;
  const origins = [];
  for (let k = 0; k < slices; k++) {
    if (k) z += (uneven && k > slices / 2 ? 2 : 1) * gap;
    const middle = [jitter * Math.sin(7 * k), jitter * Math.cos(5 * k), z];
    origins.push(turned(along(along(middle, rowStep, -(side - 1) / 2), columnStep, -(side - 1) / 2)));
  }
  const geometry = { origins, rowStep: turned(rowStep), columnStep: turned(columnStep) };
  const frame = new Frame(geometry, [slices, side, side]);
  const values = new Int16Array(slices * side * side);
  for (let k = 0, i = 0; k < slices; k++) {
    for (let r = 0; r < side; r++) {
      for (let c = 0; c < side; c++) values[i++] = Math.round(valueAt(frame.toPatient(k, r, c)));
    }
  }
  const volume = { id: "made", dtype: "int16", shape: [slices, side, side], scale: 1, offset: 0, noValue: null };
  const scan = { geometry, presets: [{ width: 80, level: 40 }], units: "HU", title: "" };
  const source = new Source(volume, scan);
  source.accept(0, values);
  return source;
}
function cut(source, axis, position) {
  const plane = cutPlane(source.frame, axis, position);
  const values = new Int32Array(plane.columns * plane.rows);
  reslice(source.grid, plane, values);
  return { plane, values };
}
"""
SHAPES = {
    "regular": {},
    "tilted": {"tilt": 20},
    "tilted the other way": {"tilt": -27},
    "two spacings": {"uneven": True},
    "shifted sideways": {"jitter": 3},
    "tilted, uneven and shifted": {"tilt": 12, "uneven": True, "jitter": 2},
    "sagittal": {"axes": [2, 0, 1]},
    "coronal": {"axes": [0, 2, 1], "tilt": 10},
}
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))


@pytest.fixture(scope="module")
def calculate(browser) -> Iterator:
    page = browser.new_page()
    source = assets._joined(tuple(f"{name}.js" for name in MODULES)) + SERIES

    def run(body: str, argument: object = None):
        return page.evaluate(f"(given) => {{ {source}\n{body} }}", argument)

    yield run
    page.close()


@shapes
def test_cuts_of_a_linear_field_are_that_field(calculate, shape: dict) -> None:
    # Interpolation between right places is exact for a linear field; a voxel taken from a wrong place is not.
    worst, inside = calculate(
        """
        const field = (p) => 20 * p[0] - 13 * p[1] + 17 * p[2];
        const source = series({ slices: 24, gap: 4, pixel: 1.5, side: 48, ...given }, field);
        const { low, high } = source.frame.bounds;
        let [worst, inside] = [0, 0];
        for (const axis of [0, 1, 2]) {
          const { plane, values } = cut(source, axis, 0.4 * low[axis] + 0.6 * high[axis]);
          for (let y = 0; y < plane.rows; y++) for (let x = 0; x < plane.columns; x++) {
            const value = values[y * plane.columns + x];
            const p = planePoint(plane, x, y);
            const slice = source.frame.sliceAt(dot(p, source.frame.normal));
            if (value === OUTSIDE || slice <= 0 || slice >= 23) continue; // ends are held, not extended
            const rim = [Math.floor(slice), Math.ceil(slice)].some((k) => {
              const r = dot(p, source.grid.rowDual) - source.grid.rowShift[k];
              const c = dot(p, source.grid.columnDual) - source.grid.columnShift[k];
              return r < 0 || c < 0 || r > 47 || c > 47;
            });
            if (rim) continue;
            inside += 1;
            worst = Math.max(worst, Math.abs(value - field(p)));
          }
        }
        return [worst, inside];
        """,
        shape,
    )
    assert inside > 3000
    assert worst <= 1.01  # voxels and result are each rounded to whole HU


@shapes
def test_ball_keeps_its_place_and_section(calculate, shape: dict) -> None:
    found = calculate(
        """
        const center = given.axes ? given.axes.map((axis) => [6, -4, 30][axis]) : [6, -4, 30];
        const source = series({ slices: 48, gap: 2, pixel: 1, side: 80, ...given },
          (p) => 1000 * clamp(14.5 - distanceOf(p, center), 0, 1));
        return [0, 1, 2].map((axis) => {
          const { plane, values } = cut(source, axis, center[axis]);
          let [mass, sum] = [0, [0, 0, 0]];
          values.forEach((value, i) => {
            if (value === OUTSIDE) return;
            mass += value;
            const point = planePoint(plane, i % plane.columns, Math.floor(i / plane.columns));
            sum = along(sum, point, value);
          });
          const off = distanceOf(along([0, 0, 0], sum, 1 / mass), center);
          return { off, area: (mass / 1000) * plane.dx * plane.dy };
        });
        """,
        shape,
    )
    for section in found:
        assert section["off"] < 0.25
        assert section["area"] == pytest.approx(math.pi * 14**2, rel=0.02)


def test_steps_stay_on_the_cuts_beside_them(calculate) -> None:
    points = calculate(
        """
        const { frame } = series({ slices: 24, gap: 4, pixel: 1.5, side: 48, tilt: 20 }, () => 0);
        return [3, 12, 20].map((slice) => [slice, frame.toSlice([5, -7, 11], slice)]).map(([slice, p]) =>
        ({ point: p, slice: frame.nearestSlice(p), asked: slice, off: dot(p, frame.normal) - frame.positions[slice] }));
        """
    )
    for entry in points:
        assert entry["point"][:2] == pytest.approx([5, -7])
        assert entry["slice"] == entry["asked"]
        assert entry["off"] == pytest.approx(0, abs=1e-9)


def test_gap_of_the_stack_is_not_filled_beyond_half_a_slice(calculate) -> None:
    beyond = calculate(
        """
        const { frame } = series({ slices: 5, gap: 6, pixel: 1, side: 8 }, () => 0);
        return [-24, -22.9, 4, 6.9, 7.1].map((z) => Number.isNaN(frame.sliceAt(z)));
        """
    )
    assert beyond == [True, False, False, False, True]


def test_overlay_of_fewer_pixels_covers_the_same_ground(calculate) -> None:
    off = calculate(
        """
        const source = series({ slices: 6, gap: 4, pixel: 1, side: 64, tilt: 20 }, () => 0);
        const values = new Uint8Array(6 * 16 * 16);
        for (let i = 0; i < values.length; i++) values[i] = 10 * (i % 16); // rises with the column
        const packed = { header: { shape: [6, 16, 16] }, values };
        const { grid } = new OverlayGrid(packed, { slices: null, colormap: "hot" }, source);
        return [2, 20, 33.5, 60].map((column) =>
          sampleGrid(grid, source.frame.toPatient(3, 30, column)) - 10 * ((column + 0.5) / 4 - 0.5));
        """
    )
    assert off == pytest.approx([0] * 4, abs=1e-6)


def test_projection_takes_extremes_and_mean_of_the_slab(calculate) -> None:
    values = calculate(
        """
        const source = series({ slices: 40, gap: 1, pixel: 1, side: 40 }, (p) => (Math.abs(p[2]) < 0.5 ? 500 : 10));
        const plan = slabPlan(source.frame, { axis: 2, thickness: 20 }, 0);
        return ["max", "mean", "min"].map((mode) => {
          const steps = projectSlab(source.grid, plan, mode);
          for (;;) {
            const { done, value } = steps.next();
            if (done) return value[Math.floor(value.length / 2) + 3];
          }
        });
        """
    )
    assert values[0] == pytest.approx(500, abs=250)  # a plane of one slice, met within half a slice
    assert values[1] == pytest.approx(10 + 490 / 20, abs=8)
    assert values[2] == 10


def test_projection_of_a_whole_volume_is_sampled_within_its_budget(calculate) -> None:
    plan = calculate(
        """
        const frame = new Frame({ origins: Array.from({ length: 240 }, (_, k) => [0, 0, k]),
          rowStep: [0, 0.45, 0], columnStep: [0.45, 0, 0] }, [240, 512, 512]);
        const { plane, depths, coarse } = slabPlan(frame, { axis: 1, thickness: 500 }, 100);
        return { samples: plane.rows * plane.columns * depths.length, coarse, budget: PROJECTION_SAMPLES };
        """
    )
    assert plan["samples"] <= 1.1 * plan["budget"]
    assert plan["coarse"] > 0.45


def test_angles_and_figures(calculate) -> None:
    angles, figures = calculate(
        """
        const angles = [
          [[1, 0, 0], [0, 0, 0], [0, 0, 2]], [[1, 1, 0], [0, 0, 0], [1, 0, 0]], [[3, 0, 0], [1, 0, 0], [-5, 0, 0]],
        ];
        return [angles.map(angleDegrees), figuresOf([2, 4, 4, 4, 5, 5, 7, 9])];
        """
    )
    assert angles == pytest.approx([90, 45, 180])
    assert figures["mean"] == 5
    assert figures["deviation"] == pytest.approx(math.sqrt(32 / 7))


@pytest.mark.parametrize("name", ["hot", "cool", "viridis", "cividis"])
def test_color_maps_rise_in_lightness(calculate, name: str) -> None:
    lightness = calculate(
        """
        const linear = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
        return Array.from({ length: 33 }, (_, i) => colorAt(given, i / 32)).map(
          ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b));
        """,
        name,
    )
    assert all(after > before for before, after in zip(lightness, lightness[1:], strict=False))
