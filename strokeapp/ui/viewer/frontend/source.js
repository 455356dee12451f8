// The series on show, and the overlays on their grids.

// One series in the browser: its values as far as they have come, where they lie, and the window they are seen through.
class Source {
  constructor({ id, shape, dtype, scale, offset, noValue }, scan) {
    const [slices, rows, columns] = shape;
    Object.assign(this, { scan, id, slices, rows, columns, scale, offset, noValue, arrived: 0 });
    this.base = dtype === "uint8" ? 0 : 32768;
    this.frame = new Frame(scan.geometry, shape);
    this.grid = makeGrid(this.frame, { rows, columns, layers: new Array(slices).fill(undefined), noValue });
    this.table = new GrayTable(this);
    this.presets = scan.presets;
    this.minWidth = scan.units === "a.u." ? Math.max(this.presets[0].width / 500, this.scale) : 1;
    this.window = this.startWindow();
  }

  // Take up the slices of a block, where they lie: copying a large volume would cost as much as inflating it.
  accept(first, values) {
    const size = this.rows * this.columns;
    const count = values.length / size;
    for (let at = 0; at < count; at++) this.grid.layers[first + at] = values.subarray(at * size, (at + 1) * size);
    this.arrived += count;
  }

  get complete() { return this.arrived === this.slices; }
  get share() { return this.arrived / this.slices; }
  holds(slice) { return this.grid.layers[slice] !== undefined; }

  startWindow() {
    const { width, level } = this.presets[0];
    return { width, level, inverted: false };
  }

  // Why there are no cuts of this series; empty where there are.
  get flat() {
    if (!this.frame.known) return "This series claims no geometry: only its own slices can be shown";
    return this.slices < 2 ? "One slice only: there is nothing to cut" : "";
  }

  // Source value of a voxel; null outside the slice or where there is none.
  valueAt(slice, row, column) {
    if (!this.holds(slice) || row < 0 || column < 0 || row >= this.rows || column >= this.columns) return null;
    const stored = this.grid.layers[slice][row * this.columns + column];
    return stored === this.noValue ? null : stored * this.scale + this.offset;
  }

  // Source value at a point, interpolated; null where there is none.
  valueAround(point) {
    const stored = sampleGrid(this.grid, point);
    return Number.isNaN(stored) ? null : stored * this.scale + this.offset;
  }

  sliceValues(slice) { return this.grid.layers[slice]; }

  number(value, digits = 0) {
    if (this.scan.units === "a.u.") return String(Number(value.toPrecision(4))).replace("-", "−");
    return signed(value, digits);
  }
}

// Whether two series are the same one at two times: of one shape and place, and each says its time.
function isOtherTime(before, { volume, scan }) {
  if (!before?.scan.time || !scan.time || String(before.volume.shape) !== String(volume.shape)) return false;
  return JSON.stringify(before.scan.geometry) === JSON.stringify(scan.geometry);
}

// An overlay's values on the grid of a source, and the color of each.
class OverlayGrid {
  constructor({ header, values }, { slices, colormap }, source) {
    const [count, rows, columns] = header.shape;
    const size = rows * columns;
    const layers = new Array(source.slices).fill(null);
    const indices = slices ?? Array.from({ length: count }, (_, slice) => slice);
    indices.forEach((slice, index) => { layers[slice] = values.subarray(index * size, (index + 1) * size); });
    this.grid = makeGrid(source.frame, { rows, columns, layers });
    this.table = overlayTable(colormap);
  }

  covers(slice) { return this.grid.layers[slice] !== null; }

  paint(plane, values, pixels) {
    reslice(this.grid, plane, values);
    for (let i = 0; i < pixels.length; i++) pixels[i] = values[i] === OUTSIDE ? 0 : this.table[values[i]];
  }
}

function signed(value, digits = 1) {
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? (0).toFixed(digits) : text).replace("-", "−");
}
