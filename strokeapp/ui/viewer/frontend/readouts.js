// The text around the pictures: place, window, value under the cursor, scale. The snapshot prints the same words.

function panelWords(panel) {
  const { source, viewer } = panel;
  const place = panel.placement();
  const { plane } = place;
  const { width, level, inverted } = source.window;
  const large = viewer.layout !== "grid";
  return {
    plane: place, title: large ? source.scan.title : "", kind: kindWords(panel, plane),
    time: source.scan.timeWords,
    place: placeWords(panel, plane), edges: panelEdges(panel),
    window: `W ${source.number(width)}  L ${source.number(level)}${inverted ? "  inverted" : ""}`,
    zoom: `Zoom ${Math.round(panel.view.zoom * 100)} %`, scale: scaleOf(place),
  };
}

function kindWords(panel, plane) {
  const { frame } = panel.source;
  if (!frame.known) return "";
  const name = PLANE_OF[plane.axis];
  const title = name[0].toUpperCase() + name.slice(1);
  if (!panel.loaded) return `${title}, loading`;
  if (!panel.slab) return plane.native === null ? `${title}, interpolated` : `${title}, acquired`;
  const { mode, thickness } = panel.viewer.slab;
  const depth = Math.min(thickness, frame.bounds.high[plane.axis] - frame.bounds.low[plane.axis]);
  const { coarse } = panel.slabPlan();
  const words = `${PROJECTIONS[mode]} over ${signed(depth, 0)} mm, ${name}`;
  return panel.job ? `${words} …` : coarse ? `${words}, every ${coarse.toFixed(1)} mm` : words;
}

function placeWords(panel, plane) {
  const { frame, slices } = panel.source;
  // Narrow panels break the line between slice and position, not inside them.
  const at = `${AXIS_LETTERS[plane.axis]}\u00a0${signed(panel.onPlane(plane)[plane.axis])}\u00a0mm`;
  if (plane.native === null) return at;
  const slice = `Slice ${plane.native + 1} / ${slices}`;
  return frame.known ? `${slice} · ${at}` : slice;
}

// Letters of the acquired slices come from their orientation; cuts lie along the patient's axes. A series that does not
// state its orientation has none, on no plane.
function panelEdges(panel) {
  const { edges } = panel.source.scan;
  return panel.acquired || !edges ? edges : SCREEN[panel.axis].edges;
}

function scaleOf({ perMm, width }) {
  if (!perMm) return null;
  const longest = Math.min(140, width / 4);
  const length = [100, 50, 20, 10, 5, 2, 1].find((mm) => mm * perMm <= longest) ?? 1;
  return { text: `${length} mm`, pixels: length * perMm };
}

function probeWords(panel) {
  const { pointer } = panel.viewer;
  if (pointer?.panel !== panel) return "\u00a0";
  const { source } = panel;
  const place = panel.placement();
  const point = panel.pointAt(pointer.at, place);
  const [column, row] = planePixel(place.plane, point).map(Math.round);
  if (row < 0 || column < 0 || row >= place.plane.rows || column >= place.plane.columns) return "\u00a0";
  const where = point.map((value, axis) => `${AXIS_LETTERS[axis]} ${signed(value)}`).join("  ");
  const mm = source.frame.known ? ` · ${where} mm` : "";
  if (panel.slab) return mm.slice(3);
  const acquired = place.plane.native !== null;
  const value = acquired ? source.valueAt(place.plane.native, row, column) : source.valueAround(point);
  if (value === null) return panel.loaded ? "no value" : "loading";
  const cell = acquired ? ` · row ${row + 1}, column ${column + 1}` : "";
  return `${source.number(value)} ${source.scan.units}${cell}${mm}`;
}

function writePanel(panel) {
  const words = panelWords(panel);
  for (const name of ["title", "kind", "time", "place", "window", "zoom"]) panel.part(`.${name}`).textContent = words[name];
  panel.part(".probe").textContent = probeWords(panel);
  for (const edge of panel.element.querySelectorAll(".edge")) edge.textContent = words.edges?.[edge.dataset.edge] ?? "";
  panel.part(".scale").style.visibility = words.scale ? "visible" : "hidden";
  panel.part(".scale-text").textContent = words.scale?.text ?? "";
  panel.part(".scale-bar").style.width = `${words.scale?.pixels ?? 0}px`;
  panel.canvas.setAttribute("aria-label", [words.kind, words.time, words.place].filter(Boolean).join(", "));
}

function writeReadouts(viewer) {
  const { slice, active, root } = viewer;
  viewer.visible.forEach(writePanel);
  viewer.part(".slider").value = slice;
  viewer.part(".slider").setAttribute("aria-valuetext", `${slice + 1} of ${viewer.slices}`);
  const { window, presets } = active.source;
  for (const button of root.querySelectorAll("[data-preset]")) {
    const preset = presets.find(({ name }) => name === button.dataset.preset);
    button.setAttribute("aria-pressed", String(preset?.width === window.width && preset?.level === window.level));
  }
  viewer.part(".invert").setAttribute("aria-pressed", String(window.inverted));
  writeStripLabels(viewer);
  const note = viewer.overlays.note(slice);
  viewer.part(".overlay-note").textContent = note;
  const chosen = viewer.overlays.all();
  Object.assign(root.dataset, {
    slice, width: window.width, level: window.level, inverted: window.inverted, zoom: active.view.zoom,
    transform: active.element.dataset.transform, overlay: chosen.map(({ label }) => label).join(" + "),
    overlayDrawn: String(chosen.length > 0 && !note), layout: viewer.layout, plane: active.name,
    point: viewer.point.map((value) => value.toFixed(3)).join(","),
  });
}

function writeStripLabels(viewer) {
  [...viewer.part(".labels").children].forEach((element, index) => {
    const { label, values, threshold } = viewer.data.strips[index];
    const value = values[viewer.slice];
    element.className = value !== null && value >= threshold ? "flagged" : "";
    element.textContent = `${label} ${value === null ? "–" : value.toFixed(2)}`;
  });
}
