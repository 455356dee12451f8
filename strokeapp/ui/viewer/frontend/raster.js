// From stored values to pixels: one slice at a time, through a table.

function makeCanvas(columns, rows) {
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  return canvas;
}

// A volume that paints its slices gray through a window given in source units.
class VolumeRaster {
  constructor({ header, values }) {
    [this.slices, this.rows, this.columns] = header.shape;
    Object.assign(this, { values, scale: header.scale, offset: header.offset, noValue: header.noValue });
    this.base = values instanceof Uint8Array ? 0 : 32768;
    this.table = new Uint32Array(this.base ? 65536 : 256);
    this.canvas = makeCanvas(this.columns, this.rows);
    this.context = this.canvas.getContext("2d");
    this.image = this.context.createImageData(this.columns, this.rows);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.painted = "";
  }

  // Source value of a voxel; null outside the slice or where there is none.
  valueAt(slice, row, column) {
    if (row < 0 || column < 0 || row >= this.rows || column >= this.columns) return null;
    const stored = this.values[(slice * this.rows + row) * this.columns + column];
    return stored === this.noValue ? null : stored * this.scale + this.offset;
  }

  setWindow(width, level) {
    const low = level - width / 2;
    for (let index = 0; index < this.table.length; index++) {
      const value = (index - this.base) * this.scale + this.offset;
      const gray = Math.round(255 * Math.min(1, Math.max(0, (value - low) / width)));
      this.table[index] = (0xff000000 | (gray << 16) | (gray << 8) | gray) >>> 0;
    }
    if (this.noValue !== null) this.table[this.noValue + this.base] = 0xff000000;
  }

  paint(slice, width, level) {
    const wanted = `${slice}/${width}/${level}`;
    if (wanted === this.painted) return this.canvas;
    this.setWindow(width, level);
    const size = this.rows * this.columns;
    const start = slice * size;
    for (let i = 0; i < size; i++) this.pixels[i] = this.table[this.values[start + i] + this.base];
    this.context.putImageData(this.image, 0, 0);
    this.painted = wanted;
    return this.canvas;
  }
}

// An overlay that paints its slices in color, its values (not its colors) interpolated to the slice's pixels.
class OverlayRaster {
  constructor({ header, values }, { slices, colormap }, volume) {
    [this.count, this.rows, this.columns] = header.shape;
    this.values = values;
    this.indexOf = slices === null ? null : new Map(slices.map((slice, index) => [slice, index]));
    this.table = overlayTable(colormap);
    this.canvas = makeCanvas(Math.max(volume.columns, this.columns), Math.max(volume.rows, this.rows));
    this.context = this.canvas.getContext("2d");
    this.painted = -1;
  }

  mapOf(slice) {
    const index = this.indexOf === null ? slice : this.indexOf.get(slice);
    if (index === undefined || index >= this.count) return null;
    return this.values.subarray(index * this.rows * this.columns, (index + 1) * this.rows * this.columns);
  }

  // The slice's map as a canvas, or null where the overlay has none.
  paint(slice) {
    const map = this.mapOf(slice);
    if (map === null) return null;
    if (slice === this.painted) return this.canvas;
    const { width, height } = this.canvas;
    const image = this.context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const across = interpolation(width, this.columns);
    const down = interpolation(height, this.rows);
    for (let y = 0; y < height; y++) {
      const upper = down.from[y] * this.columns;
      const lower = down.to[y] * this.columns;
      for (let x = 0; x < width; x++) {
        const left = across.from[x];
        const right = across.to[x];
        const part = across.part[x];
        const above = map[upper + left] + (map[upper + right] - map[upper + left]) * part;
        const below = map[lower + left] + (map[lower + right] - map[lower + left]) * part;
        pixels[y * width + x] = this.table[Math.round(above + (below - above) * down.part[y])];
      }
    }
    this.context.putImageData(image, 0, 0);
    this.painted = slice;
    return this.canvas;
  }
}

// Neighbors and weights for linear interpolation; the outer edges of both grids meet.
function interpolation(wanted, given) {
  const table = { from: new Int32Array(wanted), to: new Int32Array(wanted), part: new Float32Array(wanted) };
  for (let i = 0; i < wanted; i++) {
    const position = Math.min(Math.max(((i + 0.5) * given) / wanted - 0.5, 0), given - 1);
    table.from[i] = Math.floor(position);
    table.to[i] = Math.min(table.from[i] + 1, given - 1);
    table.part[i] = position - table.from[i];
  }
  return table;
}
