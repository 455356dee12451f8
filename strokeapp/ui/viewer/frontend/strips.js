// Probabilities along the slices: bars over the slider, a threshold line, the current slice marked.

const STRIP_INSET = 8; // half a slider thumb: a bar stands over the thumb of its slice

function sliceX(slice, slices, width) {
  return slices < 2 ? width / 2 : STRIP_INSET + (slice * (width - 2 * STRIP_INSET)) / (slices - 1);
}

function sliceAtX(x, slices, width) {
  if (slices < 2) return 0;
  const position = ((x - STRIP_INSET) * (slices - 1)) / (width - 2 * STRIP_INSET);
  return Math.min(slices - 1, Math.max(0, Math.round(position)));
}

function drawStrips(canvas, { strips, slices, current, palette }) {
  const ratio = globalThis.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!width || !height) return;
  resizeCanvas(canvas, width, height, ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const row = height / Math.max(1, strips.length);
  const shared = { row, width, slices, palette, current };
  strips.forEach((strip, index) => drawStrip(context, strip, { top: index * row, ...shared }));
  if (!strips.length) drawEmpty(context, width, height, palette);
  context.fillStyle = palette.text;
  context.fillRect(Math.round(sliceX(current, slices, width)), 0, 1, height);
}

function drawEmpty(context, width, height, palette) {
  context.fillStyle = palette.track;
  context.fillRect(0, height - 1, width, 1);
  context.fillStyle = palette.muted;
  context.font = `12px ${palette.font}`;
  context.textBaseline = "middle";
  context.fillText("No slice probabilities", 10, height / 2);
}

function drawStrip(context, strip, { top, row, width, slices, palette, current }) {
  const [floor, span] = [Math.round(top + row - 2), row - 5];
  const step = (width - 2 * STRIP_INSET) / Math.max(1, slices - 1);
  const bar = Math.min(2 * STRIP_INSET, step > 4 ? step - 1 : step);
  context.fillStyle = palette.track;
  context.fillRect(0, floor, width, 1);
  strip.values.forEach((value, slice) => {
    if (value === null) return;
    const tall = Math.max(1, value * span);
    // Below the operating point a bar is pale: what is flagged must catch the eye without a legend.
    context.globalAlpha = value >= strip.threshold ? 1 : slice === current ? 0.7 : 0.4;
    context.fillStyle = strip.color;
    context.fillRect(sliceX(slice, slices, width) - bar / 2, floor - tall, bar, tall);
  });
  context.globalAlpha = 1;
  context.strokeStyle = palette.muted;
  context.setLineDash([3, 3]);
  context.beginPath();
  const line = Math.round(floor - strip.threshold * span) + 0.5;
  context.moveTo(0, line);
  context.lineTo(width, line);
  context.stroke();
  context.setLineDash([]);
}

function stripTooltip(strips, slice, slices) {
  const numbers = strips.map(({ label, values, threshold }) => {
    const value = values[slice];
    return `${label}: ${value === null ? "not read" : value.toFixed(2)} (threshold ${threshold.toFixed(2)})`;
  });
  return [`Slice ${slice + 1} of ${slices}`, ...numbers].join("\n");
}
