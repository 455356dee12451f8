// Three-vectors in the patient frame (LPS, mm), as plain arrays.
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const along = (point, direction, length) => point.map((value, axis) => value + direction[axis] * length);
const plus = (a, b) => a.map((value, axis) => value + b[axis]);
const minus = (a, b) => a.map((value, axis) => value - b[axis]);
const distanceOf = (a, b) => Math.hypot(...minus(a, b));
const unitOf = (vector) => along([0, 0, 0], vector, 1 / Math.hypot(...vector));
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
