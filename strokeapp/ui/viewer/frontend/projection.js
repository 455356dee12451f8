// Maximum, minimum or mean through a slab, computed plane by plane so that the page never stalls.

const PROJECTIONS = { max: "Maximum", mean: "Mean", min: "Minimum" };
const PROJECTION_SAMPLES = 6e6; // above this the slab is sampled more coarsely, and the panel says so

// The plane in the middle of the slab, its pixels coarse enough for the budget, and the depths (mm) to visit.
function slabPlan(frame, { axis, thickness }, position) {
  const { low, high } = frame.bounds;
  const sizes = [0, 1, 2].map((at) => high[at] - low[at]);
  const depth = Math.min(thickness, sizes[axis]);
  const area = sizes.reduce((product, size, at) => (at === axis ? product : product * size), 1);
  const voxel = Math.min(frame.spacing.row, frame.spacing.column);
  const between = axis === frame.axis ? Math.min(frame.spacing.slice, 2 * voxel) : voxel;
  const coarse = Math.max(1, Math.cbrt((area * Math.max(depth, between)) / (voxel * voxel * between) / PROJECTION_SAMPLES));
  const count = Math.max(1, Math.round(depth / (between * coarse)));
  const plane = cutPlane(frame, axis, position, voxel * coarse);
  const depths = Array.from({ length: count }, (_, index) => ((index + 0.5) / count - 0.5) * depth);
  return { plane: { ...plane, key: `slab/${plane.key}/${depth}` }, depths, coarse: coarse > 1.05 ? voxel * coarse : null };
}

// Yields after every plane; returns the finished Int32Array.
function* projectSlab(grid, { plane, depths }, mode) {
  const size = plane.rows * plane.columns;
  const layer = new Int32Array(size);
  const out = new Int32Array(size).fill(OUTSIDE);
  const sums = mode === "mean" ? new Float64Array(size) : null;
  const counts = sums && new Uint16Array(size);
  for (const depth of depths) {
    const origin = [...plane.origin];
    origin[plane.axis] += depth;
    reslice(grid, { ...plane, origin }, layer);
    combine(layer, out, mode, sums, counts);
    yield;
  }
  if (sums) for (let i = 0; i < size; i++) if (counts[i]) out[i] = Math.round(sums[i] / counts[i]);
  return out;
}

function combine(layer, out, mode, sums, counts) {
  for (let i = 0; i < layer.length; i++) {
    const value = layer[i];
    if (value === OUTSIDE) continue;
    if (sums) {
      sums[i] += value;
      counts[i] += 1;
    } else if (out[i] === OUTSIDE || (mode === "max" ? value > out[i] : value < out[i])) out[i] = value;
  }
}
