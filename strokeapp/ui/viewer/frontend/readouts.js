// The text around the picture: place, window, value under the cursor, scale.

function writeReadouts(viewer) {
  const { slice, width, level, zoom } = viewer.view;
  const { positions } = viewer.data.scan;
  const mm = positions ? ` · ${positions[slice].toFixed(1).replace("-", "−")} mm` : "";
  viewer.part(".place").textContent = `Slice ${slice + 1} / ${viewer.slices}${mm}`;
  viewer.part(".window").textContent = `W ${viewer.number(width)}  L ${viewer.number(level)}`;
  viewer.part(".zoom").textContent = `Zoom ${Math.round(zoom * 100)} %`;
  viewer.part(".probe").textContent = probe(viewer);
  viewer.part(".slider").value = slice;
  viewer.part(".slider").setAttribute("aria-valuetext", `${slice + 1} of ${viewer.slices}`);
  viewer.canvas.setAttribute("aria-label", `Slice ${slice + 1} of ${viewer.slices}`);
  for (const button of viewer.root.querySelectorAll("[data-preset]")) {
    const preset = viewer.presets.find(({ name }) => name === button.dataset.preset);
    button.setAttribute("aria-pressed", String(preset.width === width && preset.level === level));
  }
  writeStripLabels(viewer);
  writeOverlayNote(viewer);
  writeScale(viewer);
  Object.assign(viewer.root.dataset, { slice, width, level, zoom, overlay: viewer.chosen ?? "" });
}

function writeStripLabels(viewer) {
  [...viewer.part(".labels").children].forEach((element, index) => {
    const { label, values, threshold } = viewer.data.strips[index];
    const value = values[viewer.view.slice];
    element.className = value !== null && value >= threshold ? "flagged" : "";
    element.textContent = `${label} ${value === null ? "–" : value.toFixed(2)}`;
  });
}

function writeOverlayNote(viewer) {
  const overlay = viewer.overlay;
  const raster = overlay && viewer.rasters.get(overlay.blob);
  let note = overlay && !raster ? "Loading overlay" : "";
  if (note && viewer.failed.has(overlay.blob)) note = "This overlay cannot be shown. Reload the page.";
  if (raster && raster.mapOf(viewer.view.slice) === null) {
    const places = overlay.slices.map((slice) => slice + 1).join(", ");
    note = `Not on this slice; made for slice ${places}`;
  }
  viewer.part(".overlay-note").textContent = note;
  viewer.root.dataset.overlayDrawn = String(Boolean(raster) && !note);
}

function probe(viewer) {
  if (!viewer.pointer) return "\u00a0";
  const { x, y, sx, sy } = viewer.placement();
  const [row, column] = [Math.floor((viewer.pointer.y - y) / sy), Math.floor((viewer.pointer.x - x) / sx)];
  const inside = row >= 0 && column >= 0 && row < viewer.volume.rows && column < viewer.volume.columns;
  if (!inside) return "\u00a0";
  const value = viewer.volume.valueAt(viewer.view.slice, row, column);
  if (value === null) return "no value";
  return `${viewer.number(value)} ${viewer.data.scan.units} · row ${row + 1}, column ${column + 1}`;
}

function writeScale(viewer) {
  const { perMm } = viewer.placement();
  viewer.part(".scale").style.visibility = perMm ? "visible" : "hidden";
  if (!perMm) return;
  const longest = Math.min(140, viewer.canvas.clientWidth / 5);
  const length = [100, 50, 20, 10, 5, 2, 1].find((mm) => mm * perMm <= longest) ?? 1;
  viewer.part(".scale-text").textContent = `${length} mm`;
  viewer.part(".scale-bar").style.width = `${length * perMm}px`;
}
