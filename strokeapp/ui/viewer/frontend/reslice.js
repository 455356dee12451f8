// Values of a volume on any plane: bilinear inside a slice, linear between the two neighboring slices, each at its
// own place. A grid is { frame, rows, columns, layers, noValue, rowDual, columnDual, rowShift, columnShift }:
// the frame's slices with any number of rows and columns, whose outer edges meet those of the frame.

const OUTSIDE = -1073741824; // below every stored value

// layers[k] holds the values of slice k; null where the slice has none (it then counts as 0), undefined where they
// are still on their way (it then has no value).
function makeGrid(frame, { rows, columns, layers, noValue = null }) {
  const [down, across] = [rows / frame.rows, columns / frame.columns];
  const scaled = (dual, factor) => dual.map((value) => value * factor);
  const shifted = (shift, factor) => shift.map((value) => value * factor - (0.5 * factor - 0.5));
  return {
    frame, rows, columns, layers, noValue,
    rowDual: scaled(frame.rowDual, down), rowShift: shifted(frame.rowShift, down),
    columnDual: scaled(frame.columnDual, across), columnShift: shifted(frame.columnShift, across),
  };
}

function bilinear(grid, slice, row, column) {
  const rows = grid.rows;
  const columns = grid.columns;
  const values = grid.layers[slice];
  const noValue = grid.noValue;
  // A hair of tolerance: edges that meet exactly must not flicker with rounding.
  if (row < -0.5001 || column < -0.5001 || row > rows - 0.4999 || column > columns - 0.4999) return NaN;
  if (!values) return values === null ? 0 : NaN;
  // The hottest lines of the viewer: no arrays are made here.
  const r = row < 0 ? 0 : row > rows - 1 ? rows - 1 : row;
  const c = column < 0 ? 0 : column > columns - 1 ? columns - 1 : column;
  const r0 = r | 0;
  const c0 = c | 0;
  const upper = r0 * columns;
  const lower = r0 + 1 < rows ? upper + columns : upper;
  const next = c0 + 1 < columns ? c0 + 1 : c0;
  const a = values[upper + c0];
  const b = values[upper + next];
  const d = values[lower + c0];
  const e = values[lower + next];
  const fr = r - r0;
  const fc = c - c0;
  if (noValue !== null && (a === noValue || b === noValue || d === noValue || e === noValue)) {
    const nearest = values[(fr < 0.5 ? upper : lower) + (fc < 0.5 ? c0 : next)];
    return nearest === noValue ? NaN : nearest;
  }
  const above = a + (b - a) * fc;
  return above + (d + (e - d) * fc - above) * fr;
}

// Value at a fractional slice; row and column still lack the shift of their slice. NaN where there is none.
function sampleAt(grid, slice, row, column) {
  if (slice !== slice) return NaN;
  let lower = slice | 0;
  let part = slice - lower;
  if (part > 0.999999) {
    lower += 1;
    part = 0;
  }
  const first = bilinear(grid, lower, row - grid.rowShift[lower], column - grid.columnShift[lower]);
  if (part < 1e-6) return first;
  const second = bilinear(grid, lower + 1, row - grid.rowShift[lower + 1], column - grid.columnShift[lower + 1]);
  if (first !== first) return part > 0.5 ? second : NaN;
  if (second !== second) return part > 0.5 ? NaN : first;
  return first + (second - first) * part;
}

function sampleGrid(grid, point) {
  const slice = grid.frame.sliceAt(dot(point, grid.frame.normal));
  return sampleAt(grid, slice, dot(point, grid.rowDual), dot(point, grid.columnDual));
}

// Fill `out` (Int32Array, rows * columns of the plane) with stored values, OUTSIDE where there are none.
function reslice(grid, plane, out) {
  const { frame, rowDual, columnDual } = grid;
  const across = [frame.normal, rowDual, columnDual].map((way) => dot(plane.right, way) * plane.dx);
  const level = Math.abs(across[0]) * plane.columns < 1e-6;
  for (let y = 0; y < plane.rows; y++) {
    const from = planePoint(plane, 0, y);
    const [height, row, column] = [frame.normal, rowDual, columnDual].map((way) => dot(from, way));
    const fixed = frame.sliceAt(height);
    const start = y * plane.columns;
    for (let x = 0; x < plane.columns; x++) {
      const slice = level ? fixed : frame.sliceAt(height + x * across[0]);
      const value = sampleAt(grid, slice, row + x * across[1], column + x * across[2]);
      out[start + x] = value === value ? Math.round(value) : OUTSIDE;
    }
  }
}
