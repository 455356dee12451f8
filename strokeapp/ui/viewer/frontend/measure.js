// What measurements are worth: lengths and angles between patient points, and values inside an ellipse.

const MEASURE_POINTS = { distance: 2, angle: 3, ellipse: 2 };
const MEASURE_NAMES = { distance: "Distance", angle: "Angle", ellipse: "Ellipse" };

function angleDegrees([first, vertex, last]) {
  const [a, b] = [minus(first, vertex), minus(last, vertex)];
  const size = Math.hypot(...a) * Math.hypot(...b);
  return size ? (Math.acos(clamp(dot(a, b) / size, -1, 1)) * 180) / Math.PI : 0;
}

// Mean, sample standard deviation (n - 1), extremes and area of the pixels whose centers lie in the ellipse that
// fills the box between two corners: acquired values on acquired slices, interpolated values on cuts.
function ellipseFigures(source, plane, corners) {
  const [[x0, y0], [x1, y1]] = corners.map((corner) => planePixel(plane, corner));
  const [cx, cy, rx, ry] = [(x0 + x1) / 2, (y0 + y1) / 2, Math.abs(x1 - x0) / 2, Math.abs(y1 - y0) / 2];
  const values = [];
  for (let y = Math.ceil(cy - ry); y <= cy + ry; y++) {
    for (let x = Math.ceil(cx - rx); x <= cx + rx; x++) {
      if (((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 > 1) continue;
      const value = plane.native === null ? source.valueAround(planePoint(plane, x, y)) : source.valueAt(plane.native, y, x);
      if (value !== null) values.push(value);
    }
  }
  return { ...figuresOf(values), area: Math.PI * rx * plane.dx * ry * plane.dy };
}

function figuresOf(values) {
  const count = values.length;
  if (!count) return { count, mean: null, deviation: null, low: null, high: null };
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const [low, high] = values.reduce(([l, h], value) => [Math.min(l, value), Math.max(h, value)], [Infinity, -Infinity]);
  return { count, mean, deviation: count > 1 ? Math.sqrt(squares / (count - 1)) : 0, low, high };
}

// The result in words; lengths are pixels where the series claims no geometry.
function measureText(source, plane, kind, points) {
  const unit = source.frame.known ? "mm" : "px";
  if (kind === "distance") return `${distanceOf(points[0], points[1]).toFixed(1)} ${unit}`;
  if (kind === "angle") return points.length < 3 ? "" : `${angleDegrees(points).toFixed(1)}°`;
  const { mean, deviation, count, area } = ellipseFigures(source, plane, points);
  const size = `${area.toFixed(area < 100 ? 1 : 0)} ${unit}² · ${count} px`;
  if (mean === null) return `no value\n${size}`;
  const { units } = source.scan;
  return `mean ${source.number(mean, 1)} ${units} · SD ${source.number(deviation, 1)}\n${size}`;
}
