// A picture of the panels on show with everything a report needs burned in, and no name of anyone.

const SNAPSHOT_FOOT = 46; // CSS pixels below the panels

function snapshotCanvas(viewer) {
  const stage = viewer.part(".panels").getBoundingClientRect();
  const ratio = Math.max(2, globalThis.devicePixelRatio || 1);
  const canvas = makeCanvas(Math.round(stage.width * ratio), Math.round((stage.height + SNAPSHOT_FOOT) * ratio));
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.fillStyle = "#000";
  context.fillRect(0, 0, stage.width, stage.height + SNAPSHOT_FOOT);
  for (const panel of viewer.visible) {
    const box = panel.canvas.getBoundingClientRect();
    burnPanel(context, panel, { x: box.left - stage.left, y: box.top - stage.top, width: box.width, height: box.height });
  }
  burnFoot(context, viewer, stage);
  return canvas;
}

function burnPanel(context, panel, { x, y, width, height }) {
  const words = panelWords(panel);
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.drawImage(panel.canvas, x, y, width, height);
  const write = (text, at, line, align) => text && burnText(context, text, at, line, align);
  const lines = [words.title, words.kind, words.time].filter(Boolean);
  lines.forEach((text, index) => write(text, x + 10, y + 16 + 16 * index, "left"));
  write(words.place, x + 10, y + height - 14, "left");
  write(words.window, x + width - 10, y + height - 14, "right");
  const edges = words.edges ?? {};
  write(edges.top, x + width / 2, y + 16, "center");
  write(edges.bottom, x + width / 2, y + height - 14, "center");
  write(edges.left, x + 10, y + height / 2, "left");
  write(edges.right, x + width - 10, y + height / 2, "right");
  if (words.scale) burnScale(context, words.scale, x + width - 10, y + height - 36);
  if (panel.name === "second") burnNotes(context, panel.viewer.frameNote(), { right: x + width - 10, y: y + 36, width: width / 2 });
  context.restore();
  context.strokeStyle = "#333";
  context.strokeRect(x, y, width, height);
}

function burnText(context, text, x, y, align, color = "#dfe7ee") {
  context.font = "600 13px sans-serif";
  context.textAlign = align;
  context.textBaseline = "middle";
  context.lineWidth = 3;
  context.strokeStyle = "#000";
  context.strokeText(text, x, y);
  context.fillStyle = color;
  context.fillText(text, x, y);
}

// What must not be forgotten about how two series lie beside each other, broken into lines.
function burnNotes(context, notes, { right, y, width }) {
  const lines = [""];
  for (const word of notes.join(" ").split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (context.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  lines.forEach((line, index) => line && burnText(context, line, right, y + 16 * index, "right", "#e0c48a"));
}

function burnScale(context, { text, pixels }, right, y) {
  context.strokeStyle = "#dfe7ee";
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(right - pixels, y - 4);
  context.lineTo(right - pixels, y);
  context.lineTo(right, y);
  context.lineTo(right, y - 4);
  context.stroke();
  burnText(context, text, right, y - 13, "right");
}

// Series, warning and the color bars of the overlays on show.
function burnFoot(context, viewer, { width, height }) {
  const y = height + SNAPSHOT_FOOT / 2;
  burnText(context, "StrokeApp · research use, not a medical device", 10, y - 10, "left", "#e0c48a");
  const titles = [...new Set(viewer.visible.map((panel) => panel.source.scan.title))];
  burnText(context, titles.join("   |   "), 10, y + 10, "left", "#a9b4be");
  let right = width - 10;
  for (const { label, colormap, quantity } of viewer.overlays.all()) {
    right = burnBar(context, { label: `${label}: ${quantity}`, colormap }, right, y) - 24;
  }
}

function burnBar(context, { label, colormap }, right, y) {
  const [left, size] = [right - 120, 120];
  for (let i = 0; i < size; i++) {
    context.fillStyle = `rgb(${colorAt(colormap, i / (size - 1)).join(",")})`;
    context.fillRect(left + i, y - 2, 1, 7);
  }
  burnText(context, "0", left, y + 13, "left");
  burnText(context, "0.5", left + size / 2, y + 13, "center");
  burnText(context, "1", right, y + 13, "right");
  burnText(context, label, right, y - 12, "right");
  return Math.min(left, right - context.measureText(label).width);
}

async function downloadSnapshot(viewer) {
  const canvas = snapshotCanvas(viewer);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) throw new Error("The browser could not make a picture of this view.");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `strokeapp-${viewer.layout === "one" ? viewer.active.name : viewer.layout}-slice-${viewer.slice + 1}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
