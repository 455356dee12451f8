// Where the voxels of a series lie. Every slice has an origin of its own, so tilted, unevenly spaced and
// sideways shifted slices are in their right places; nothing here assumes a regular grid.

// Voxels as their own unit of length, for series that claim no geometry.
function voxelGeometry(slices) {
  const origins = Array.from({ length: slices }, (_, slice) => [0, 0, slice]);
  return { origins, rowStep: [0, 1, 0], columnStep: [1, 0, 0] };
}

class Frame {
  constructor(geometry, [slices, rows, columns]) {
    this.known = geometry !== null;
    Object.assign(this, geometry ?? voxelGeometry(slices), { slices, rows, columns });
    const normal = unitOf(cross(this.columnStep, this.rowStep));
    const rises = dot(this.origins[slices - 1], normal) >= dot(this.origins[0], normal);
    this.normal = rises ? normal : along([0, 0, 0], normal, -1);
    this.axis = [0, 1, 2].reduce((best, axis) => (Math.abs(normal[axis]) > Math.abs(normal[best]) ? axis : best), 0);
    this.positions = Float64Array.from(this.origins, (origin) => dot(origin, this.normal));
    this.spacing = { row: Math.hypot(...this.rowStep), column: Math.hypot(...this.columnStep) };
    const gaps = Array.from(this.positions).slice(1).map((at, index) => at - this.positions[index]);
    this.spacing.slice = gaps.length ? gaps.sort((a, b) => a - b)[gaps.length >> 1] : 1;
    this.reach = this.spacing.slice / 2; // half a slice beyond the first and the last
    this.setDuals();
  }

  // Row of p in slice k is p . rowDual - rowShift[k]; the steps need not be perpendicular.
  setDuals() {
    const [a, b] = [this.columnStep, this.rowStep];
    const [aa, ab, bb] = [dot(a, a), dot(a, b), dot(b, b)];
    const determinant = aa * bb - ab * ab;
    this.columnDual = a.map((value, axis) => (bb * value - ab * b[axis]) / determinant);
    this.rowDual = b.map((value, axis) => (aa * value - ab * a[axis]) / determinant);
    this.rowShift = Float64Array.from(this.origins, (origin) => dot(origin, this.rowDual));
    this.columnShift = Float64Array.from(this.origins, (origin) => dot(origin, this.columnDual));
  }

  toPatient(slice, row, column) {
    return along(along(this.origins[slice], this.rowStep, row), this.columnStep, column);
  }

  // Fractional slice at a height along the normal; NaN more than half a slice outside the stack.
  sliceAt(height) {
    const { positions, slices, reach } = this;
    const last = slices - 1;
    if (height <= positions[0]) return height >= positions[0] - reach - 1e-6 ? 0 : NaN;
    if (height >= positions[last]) return height <= positions[last] + reach + 1e-6 ? last : NaN;
    let [low, high] = [0, last];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (positions[middle] <= height) low = middle;
      else high = middle;
    }
    return low + (height - positions[low]) / (positions[high] - positions[low] || 1);
  }

  nearestSlice(point) {
    const height = dot(point, this.normal);
    const slice = this.sliceAt(clamp(height, this.positions[0], this.positions[this.slices - 1]));
    return Math.round(slice);
  }

  // Move a point into a slice along the patient axis that the slices are stacked on: the two other coordinates
  // stay, and with them the cuts that are on show beside it.
  toSlice(point, slice) {
    const moved = [...point];
    moved[this.axis] += (this.positions[slice] - dot(point, this.normal)) / this.normal[this.axis];
    return moved;
  }

  center() {
    return this.toPatient(this.slices >> 1, (this.rows - 1) / 2, (this.columns - 1) / 2);
  }

  // Smallest box along the patient axes that holds every voxel: { low, high }.
  get bounds() {
    this.box ??= this.measureBounds();
    return this.box;
  }

  measureBounds() {
    const [low, high] = [[Infinity, Infinity, Infinity], [-Infinity, -Infinity, -Infinity]];
    for (let slice = 0; slice < this.slices; slice++) {
      for (const row of [-0.5, this.rows - 0.5]) {
        for (const column of [-0.5, this.columns - 0.5]) {
          for (const side of [-this.reach, this.reach]) {
            along(this.toPatient(slice, row, column), this.normal, side).forEach((value, axis) => {
              low[axis] = Math.min(low[axis], value);
              high[axis] = Math.max(high[axis], value);
            });
          }
        }
      }
    }
    return { low, high };
  }
}
