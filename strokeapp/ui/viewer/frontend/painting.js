// Draw a panel: picture, overlays, crosshair, measurements, and what must survive a saved image.

const CROSSHAIR_COLORS = ["#f0c94a", "#5fd3a6", "#6fb7f2"]; // of the sagittal, coronal and axial plane
const MEASURE_COLOR = "#ffe066";
const EDGE = 27; // CSS pixels that the letters take
const SLAB_EDGE = 58; // below the controls of the projection

function drawPanel(panel) {
  const { viewer, canvas, context, source } = panel;
  const place = panel.placement();
  const ratio = globalThis.devicePixelRatio || 1;
  resizeCanvas(canvas, place.width, place.height, ratio);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.fillStyle = "#000";
  context.fillRect(0, 0, place.width, place.height);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = place.sx < 1 ? "high" : "medium";
  source.table.set(source.window);
  const box = [place.x, place.y, place.plane.columns * place.sx, place.plane.rows * place.sy];
  const picture = panel.picture(place.plane);
  panel.drawnWhole = panel.loaded;
  if (picture) context.drawImage(picture, ...box);
  else writeWaiting(context, place, panel.source.complete ? "Computing" : "Loading");
  if (picture) drawOverlays(panel, place.plane, box);
  if (viewer.showsCrosshair) drawCrosshair(panel, place);
  drawMeasures(panel, place);
  if (source.scan.synthetic) burnIn(context, "SYNTHETIC", 10, place.height < 260 ? 52 : 60);
  Object.assign(panel.element.dataset, {
    transform: [place.x, place.y, place.sx, place.sy].join(","), zoom: panel.view.zoom,
    plane: place.plane.key, position: place.plane.position, computing: String(panel.job !== null),
  });
}

function drawOverlays(panel, plane, box) {
  if (panel.sourceIndex !== 0 || panel.slab) return;
  for (const grid of panel.viewer.overlays.grids()) {
    if (plane.native !== null && !grid.covers(plane.native)) continue;
    panel.context.globalAlpha = panel.viewer.overlays.opacity;
    panel.context.drawImage(panel.overlayPicture(plane, grid), ...box);
    panel.context.globalAlpha = 1;
  }
}

// Black alone could be taken for air.
function writeWaiting(context, { width, height }, text) {
  context.font = "13px sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = "#a9b6c2";
  context.fillText(text, width / 2, height / 2);
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
}

// Where the two other planes cut this one, with a gap around the point so that it is not covered.
function drawCrosshair(panel, place) {
  const { frame } = panel.source;
  const { context, point } = panel;
  const top = panel.slab ? SLAB_EDGE : EDGE;
  context.save();
  context.beginPath();
  context.rect(EDGE, top, place.width - 2 * EDGE, place.height - EDGE - top);
  context.clip(); // the letters at the edges stay free of lines
  for (const axis of [0, 1, 2]) {
    if (axis === panel.axis) continue;
    const other = axis === frame.axis ? acquiredPlane(frame, frame.nearestSlice(point)) : cutPlane(frame, axis, point[axis]);
    const line = lineOfPlane(place.plane, other);
    if (line) strokeLine(panel, place, line, CROSSHAIR_COLORS[axis]);
  }
  context.restore();
}

function strokeLine(panel, place, { point, direction }, color) {
  const { context } = panel;
  const [x, y] = [place.x + (point[0] + 0.5) * place.sx, place.y + (point[1] + 0.5) * place.sy];
  const [dx, dy] = [direction[0] * place.sx, direction[1] * place.sy];
  const length = Math.hypot(dx, dy);
  const [ux, uy] = [dx / length, dy / length];
  const center = panel.toScreen(place, panel.point);
  const foot = (center[0] - x) * ux + (center[1] - y) * uy;
  const far = place.width + place.height;
  context.strokeStyle = color;
  context.lineWidth = 1;
  context.beginPath();
  for (const [from, to] of [[foot - far, foot - 12], [foot + 12, foot + far]]) {
    context.moveTo(x + from * ux, y + from * uy);
    context.lineTo(x + to * ux, y + to * uy);
  }
  context.stroke();
}

function drawMeasures(panel, place) {
  const { measuring } = panel.viewer;
  for (const item of measuring.on(panel)) drawMeasure(panel, place, item, item.id === measuring.selected);
  if (measuring.draft?.panel === panel) drawMeasure(panel, place, measuring.draft, true);
}

function drawMeasure(panel, place, item, strong) {
  const { context } = panel;
  const points = item.points.map((point) => panel.toScreen(place, point));
  for (const [color, width] of [["#000c", 4], [MEASURE_COLOR, strong ? 2 : 1.5]]) {
    context.strokeStyle = color;
    context.lineWidth = width;
    context.beginPath();
    if (item.kind === "ellipse") tracePointsAsEllipse(context, points);
    else points.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.stroke();
  }
  context.fillStyle = MEASURE_COLOR;
  for (const [x, y] of points) context.fillRect(x - 2.5, y - 2.5, 5, 5);
  const [x, y] = points.reduce((right, point) => (point[0] > right[0] ? point : right));
  const room = place.width - x < 150;
  writeHaloed(context, item.text.split("\n"), room ? x - 8 : x + 8, y + 4, room ? "right" : "left");
}

function tracePointsAsEllipse(context, [[x0, y0], [x1, y1]]) {
  context.ellipse((x0 + x1) / 2, (y0 + y1) / 2, Math.abs(x1 - x0) / 2, Math.abs(y1 - y0) / 2, 0, 0, 2 * Math.PI);
}

function writeHaloed(context, lines, x, y, align) {
  context.font = "12px sans-serif";
  context.textAlign = align;
  context.textBaseline = "middle";
  context.lineWidth = 3;
  context.strokeStyle = "#000d";
  context.fillStyle = MEASURE_COLOR;
  lines.forEach((line, index) => {
    context.strokeText(line, x, y + 15 * index);
    context.fillText(line, x, y + 15 * index);
  });
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
}

// Drawn into the picture, not beside it: it must survive a saved or copied image.
function burnIn(context, text, x, y) {
  context.font = "700 14px sans-serif";
  context.lineWidth = 3;
  context.strokeStyle = "#000";
  context.strokeText(text, x, y);
  context.fillStyle = "#e0c48a";
  context.fillText(text, x, y);
}
