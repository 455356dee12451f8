// From stored values to pixels, through a table.

function makeCanvas(columns, rows) {
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  return canvas;
}

function resizeCanvas(canvas, width, height, ratio) {
  const [wide, tall] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== tall) Object.assign(canvas, { width: wide, height: tall });
}

// A canvas of its own that takes packed RGBA pixels; it grows and shrinks with the plane.
class PixelSheet {
  constructor() {
    this.canvas = makeCanvas(1, 1);
    this.context = this.canvas.getContext("2d");
  }

  fit(columns, rows) {
    if (this.image?.width === columns && this.image?.height === rows) return this.pixels;
    Object.assign(this.canvas, { width: columns, height: rows });
    this.image = this.context.createImageData(columns, rows);
    this.pixels = new Uint32Array(this.image.data.buffer);
    return this.pixels;
  }

  finish() {
    this.context.putImageData(this.image, 0, 0);
    return this.canvas;
  }
}

// Gray for every stored value that can occur, for one window given in source units.
class GrayTable {
  constructor({ base, scale, offset, noValue }) {
    Object.assign(this, { base, scale, offset, noValue, key: "" });
    this.table = new Uint32Array(base ? 65536 : 256);
  }

  set({ width, level, inverted }) {
    const key = `${width}/${level}/${inverted}`;
    if (key === this.key) return;
    this.key = key;
    const low = level - width / 2;
    for (let index = 0; index < this.table.length; index++) {
      const value = (index - this.base) * this.scale + this.offset;
      const part = clamp((value - low) / width, 0, 1);
      const gray = Math.round(255 * (inverted ? 1 - part : part));
      this.table[index] = (0xff000000 | (gray << 16) | (gray << 8) | gray) >>> 0;
    }
    if (this.noValue !== null) this.table[this.noValue + this.base] = 0xff000000;
  }

  // Places outside the volume stay black, inverted or not.
  paint(values, pixels) {
    const { table, base } = this;
    for (let i = 0; i < pixels.length; i++) pixels[i] = values[i] === OUTSIDE ? 0xff000000 : table[values[i] + base];
  }
}

// One series in the browser: its values, where they lie, and the window it is seen through.
class Source {
  constructor({ header, values }, scan, id) {
    const [slices, rows, columns] = header.shape;
    Object.assign(this, { scan, id, slices, rows, columns, values });
    Object.assign(this, { scale: header.scale, offset: header.offset, noValue: header.noValue });
    this.base = values instanceof Uint8Array ? 0 : 32768;
    this.frame = new Frame(scan.geometry, header.shape);
    const starts = Int32Array.from({ length: slices }, (_, slice) => slice * rows * columns);
    this.grid = makeGrid(this.frame, { values, rows, columns, starts, noValue: this.noValue });
    this.table = new GrayTable(this);
    this.presets = scan.presets;
    this.minWidth = scan.units === "a.u." ? Math.max(this.presets[0].width / 500, this.scale) : 1;
    this.window = this.startWindow();
  }

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
    if (row < 0 || column < 0 || row >= this.rows || column >= this.columns) return null;
    const stored = this.values[(slice * this.rows + row) * this.columns + column];
    return stored === this.noValue ? null : stored * this.scale + this.offset;
  }

  // Source value at a point, interpolated; null where there is none.
  valueAround(point) {
    const stored = sampleGrid(this.grid, point);
    return Number.isNaN(stored) ? null : stored * this.scale + this.offset;
  }

  sliceValues(slice) {
    const size = this.rows * this.columns;
    return this.values.subarray(slice * size, (slice + 1) * size);
  }

  number(value, digits = 0) {
    if (this.scan.units === "a.u.") return String(Number(value.toPrecision(4))).replace("-", "−");
    return signed(value, digits);
  }
}

// An overlay's values on the grid of a source, and the color of each.
class OverlayGrid {
  constructor({ header, values }, { slices, colormap }, source) {
    const [count, rows, columns] = header.shape;
    const size = rows * columns;
    const starts = new Int32Array(source.slices).fill(-1);
    const indices = slices ?? Array.from({ length: count }, (_, slice) => slice);
    indices.forEach((slice, index) => { starts[slice] = index * size; });
    this.grid = makeGrid(source.frame, { values, rows, columns, starts });
    this.table = overlayTable(colormap);
  }

  covers(slice) { return this.grid.starts[slice] >= 0; }

  paint(plane, values, pixels) {
    reslice(this.grid, plane, values);
    for (let i = 0; i < pixels.length; i++) pixels[i] = values[i] === OUTSIDE ? 0 : this.table[values[i]];
  }
}

function signed(value, digits = 1) {
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? (0).toFixed(digits) : text).replace("-", "−");
}
