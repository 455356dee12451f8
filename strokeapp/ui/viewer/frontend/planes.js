// Planes that panels show: acquired slices as they are, and cuts along the patient axes.
// A plane is { key, axis, native, position, origin, right, down, dx, dy, columns, rows }: the center of pixel (x, y)
// is origin + x dx right + y dy down, in the patient frame (LPS, mm).

const AXIS_OF = { sagittal: 0, coronal: 1, axial: 2 };
const PLANE_OF = ["sagittal", "coronal", "axial"];
const AXIS_LETTERS = "xyz";
const SCREEN = [
  { right: [0, 1, 0], down: [0, 0, -1], edges: { left: "A", right: "P", top: "S", bottom: "I" } },
  { right: [1, 0, 0], down: [0, 0, -1], edges: { left: "R", right: "L", top: "S", bottom: "I" } },
  { right: [1, 0, 0], down: [0, 1, 0], edges: { left: "R", right: "L", top: "A", bottom: "P" } },
];
const LARGEST_SIDE = 1024;

function acquiredPlane(frame, slice) {
  return {
    key: `slice/${slice}`, axis: frame.axis, native: slice, position: frame.positions[slice],
    origin: frame.origins[slice], right: unitOf(frame.columnStep), down: unitOf(frame.rowStep),
    dx: frame.spacing.column, dy: frame.spacing.row, columns: frame.columns, rows: frame.rows,
  };
}

// A cut at a position (mm) along a patient axis, over the whole series, with pixels of at least `finest` mm.
function cutPlane(frame, axis, position, finest = 0) {
  const { right, down } = SCREEN[axis];
  const { low, high } = frame.bounds;
  const [wide, tall] = [right, down].map((way) => Math.abs(dot(minus(high, low), way)));
  const voxel = Math.min(frame.spacing.row, frame.spacing.column);
  const pixel = Math.max(voxel, finest, wide / LARGEST_SIDE, tall / LARGEST_SIDE);
  const corner = [0, 1, 2].map((at) => (at === axis ? position : right[at] + down[at] > 0 ? low[at] : high[at]));
  return {
    key: `cut/${axis}/${position.toFixed(3)}/${pixel.toFixed(4)}`, axis, native: null, position,
    origin: along(along(corner, right, pixel / 2), down, pixel / 2), right, down, dx: pixel, dy: pixel,
    columns: Math.max(1, Math.round(wide / pixel)), rows: Math.max(1, Math.round(tall / pixel)),
  };
}

function planePoint(plane, x, y) {
  return along(along(plane.origin, plane.right, x * plane.dx), plane.down, y * plane.dy);
}

function planePixel(plane, point) {
  const offset = minus(point, plane.origin);
  return [dot(offset, plane.right) / plane.dx, dot(offset, plane.down) / plane.dy];
}

// The line that another plane draws in this one: { point, direction } in pixels, or null where they are parallel.
function lineOfPlane(plane, other) {
  const [mine, theirs] = [cross(plane.right, plane.down), cross(other.right, other.down)];
  const direction = cross(mine, theirs);
  const square = dot(direction, direction);
  if (square < 1e-6) return null;
  const [a, b] = [dot(plane.origin, mine), dot(other.origin, theirs)];
  const [first, second] = [cross(theirs, direction), cross(direction, mine)];
  const point = first.map((value, axis) => (a * value + b * second[axis]) / square);
  const [from, to] = [planePixel(plane, point), planePixel(plane, plus(point, direction))];
  return { point: from, direction: [to[0] - from[0], to[1] - from[1]] };
}
