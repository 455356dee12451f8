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
