// Keys and what they do. The help panel is written from the same tables, so it cannot lie.

const KEYS = [
  { keys: ["ArrowDown", "ArrowRight"], shown: "↓ →", does: "next slice", run: (v) => v.step(1) },
  { keys: ["ArrowUp", "ArrowLeft"], shown: "↑ ←", does: "previous slice", run: (v) => v.step(-1) },
  { keys: ["PageDown"], shown: "Page down", does: "several slices on", run: (v) => v.page(1) },
  { keys: ["PageUp"], shown: "Page up", does: "several slices back", run: (v) => v.page(-1) },
  { keys: ["Home"], shown: "Home", does: "first slice", run: (v) => v.step(-1e6) },
  { keys: ["End"], shown: "End", does: "last slice", run: (v) => v.step(1e6) },
  { keys: ["a"], shown: "a", does: "axial", run: (v) => v.showPlane("axial") },
  { keys: ["c"], shown: "c", does: "coronal", run: (v) => v.showPlane("coronal") },
  { keys: ["s"], shown: "s", does: "sagittal", run: (v) => v.showPlane("sagittal") },
  { keys: ["p"], shown: "p", does: "projection through a slab", run: (v) => v.showPlane("slab") },
  { keys: ["g"], shown: "g", does: "one panel or four", run: (v) => v.setLayout(v.layout === "grid" ? "one" : "grid") },
  { keys: ["b"], shown: "b", does: "two series side by side", run: (v) => v.setLayout(v.layout === "compare" ? "one" : "compare") },
  { keys: ["u"], shown: "u", does: "link or unlink the two series", run: (v) => v.toggleLink() },
  { keys: ["x"], shown: "x", does: "crosshair lines on or off", run: (v) => v.toggleCrosshair() },
  { keys: ["t"], shown: "t", does: "drag: crosshair", run: (v) => v.chooseMode("crosshair") },
  { keys: ["w"], shown: "w", does: "drag: window and level", run: (v) => v.chooseMode("window") },
  { keys: ["h"], shown: "h", does: "drag: pan", run: (v) => v.chooseMode("pan") },
  { keys: ["z"], shown: "z", does: "drag: zoom", run: (v) => v.chooseMode("zoom") },
  { keys: ["d"], shown: "d", does: "measure a distance", run: (v) => v.chooseMode("distance") },
  { keys: ["n"], shown: "n", does: "measure an angle", run: (v) => v.chooseMode("angle") },
  { keys: ["l"], shown: "l", does: "ellipse: mean, deviation, area", run: (v) => v.chooseMode("ellipse") },
  { keys: ["m"], shown: "m", does: "list of measurements", run: (v) => v.toggleDrawer("measure-list") },
  { keys: ["Delete", "Backspace"], shown: "Delete", does: "delete the last measurement", run: (v) => v.measuring.remove() },
  { keys: [], shown: "1 – 9", does: "window presets" },
  { keys: ["i"], shown: "i", does: "invert gray", run: (v) => v.invert() },
  { keys: ["+", "="], shown: "+", does: "zoom in", run: (v) => v.zoomBy(1.25) },
  { keys: ["-"], shown: "−", does: "zoom out", run: (v) => v.zoomBy(0.8) },
  { keys: ["r"], shown: "r", does: "reset window, zoom and pan", run: (v) => v.reset() },
  { keys: ["o"], shown: "o", does: "overlays on or off", run: (v) => v.overlays.toggle() },
  { keys: ["e"], shown: "e", does: "explain this slice", run: (v) => v.explain() },
  { keys: ["v"], shown: "v", does: "save a picture of the view", run: (v) => v.saveSnapshot() },
  { keys: ["f"], shown: "f", does: "full screen", run: (v) => v.toggleFullScreen() },
  { keys: ["?"], shown: "?", does: "this list", run: (v) => v.toggleDrawer("help") },
];

const GESTURES = [
  ["Click, tap", "crosshair here"],
  ["Wheel, touchpad", "slice by slice"],
  ["Ctrl + wheel", "zoom at the pointer"],
  ["Drag", "what the tool says; window at first"],
  ["Shift, middle or right drag", "pan"],
  ["Double click", "reset the view"],
  ["One finger", "slices, or the tool chosen"],
  ["Two fingers", "zoom and pan"],
];

function keyAction(viewer, key) {
  if (key === "Escape") return viewer.escapes ? () => viewer.escape() : null;
  if (/^[1-9]$/.test(key)) return viewer.presets[Number(key) - 1] ? () => viewer.usePreset(Number(key) - 1) : null;
  const found = KEYS.find(({ keys }) => keys.includes(key));
  return found ? () => found.run(viewer) : null;
}

function writeHelp(element) {
  const table = (rows) => {
    const body = document.createElement("table");
    body.append(...rows.map(([what, does]) => {
      const row = document.createElement("tr");
      row.append(textElement("th", what), textElement("td", does));
      return row;
    }));
    return body;
  };
  const keys = KEYS.map(({ shown, does }) => [shown, does]);
  const half = Math.ceil(keys.length / 2);
  const columns = document.createElement("div");
  columns.className = "help-columns";
  columns.append(table(keys.slice(0, half)), table(keys.slice(half)), table(GESTURES));
  element.replaceChildren(textElement("strong", "Keys and gestures"), columns);
}
