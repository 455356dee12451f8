// The viewer of one element: what is on show, and drawing it.

// Where each scan was left, by viewer key and content, for elements that Streamlit mounts anew (page changes).
const REMEMBERED = new Map();
const REMEMBERED_MOST = 16;

class Viewer {
  constructor(root) {
    this.root = root;
    this.closing = new AbortController();
    this.loading = null;
    this.volume = null;
    this.data = null;
    this.mode = "window";
    this.modeChosen = false;
    this.rasters = new Map();
    this.failed = new Set(); // blobs of overlays that did not arrive whole
    this.chosen = null;
    this.lastChosen = null;
    this.opacity = 0.5;
    this.pointer = null;
    this.view = { slice: 0, width: 1, level: 0, zoom: 1, panX: 0, panY: 0 };
    this.part = (selector) => root.querySelector(selector);
    this.canvas = this.part(".image");
    this.context = this.canvas.getContext("2d");
    this.bind();
    this.setMode("window");
  }

  bind() {
    const { signal } = this.closing;
    const on = (target, type, handler) => target.addEventListener(type, handler, { signal });
    this.gestures = new Gestures(this, this.canvas, signal);
    // Streamlit has page-wide keys of its own ("r" reruns): keys meant for the viewer end here.
    for (const type of ["keydown", "keypress", "keyup"]) on(this.root, type, (event) => this.onKey(event));
    for (const button of this.root.querySelectorAll("[data-mode]")) {
      on(button, "click", () => {
        this.modeChosen = true;
        this.setMode(button.dataset.mode);
      });
    }
    on(this.part(".reset"), "click", () => this.reset());
    on(this.part(".explain"), "click", () => this.explain());
    on(this.part(".help-button"), "click", () => this.toggleHelp());
    on(this.part(".slider"), "input", (event) => this.goTo(Number(event.target.value)));
    on(this.part(".overlay"), "change", (event) => this.chooseOverlay(event.target.value || null));
    on(this.part(".opacity"), "input", (event) => this.setOpacity(Number(event.target.value) / 100));
    this.bindStrips(on);
    this.resizing = new ResizeObserver(() => this.draw());
    this.resizing.observe(this.part(".stage"));
    this.resizing.observe(this.part(".strips"));
  }

  bindStrips(on) {
    const strips = this.part(".strips");
    const sliceUnder = (event) =>
      sliceAtX(event.clientX - strips.getBoundingClientRect().left, this.slices, strips.clientWidth);
    on(strips, "pointerdown", (event) => {
      strips.setPointerCapture(event.pointerId);
      this.goTo(sliceUnder(event));
    });
    on(strips, "pointermove", (event) => {
      if (!this.volume) return;
      strips.title = stripTooltip(this.data.strips, sliceUnder(event), this.slices);
      if (event.buttons & 1) this.goTo(sliceUnder(event));
    });
  }

  onKey(event) {
    if (!this.volume || event.ctrlKey || event.metaKey || event.altKey) return;
    const control = event.composedPath()[0];
    // The chooser and the opacity slider keep their keys; on the slice slider keys do what they do on the picture.
    const moves = /^(Arrow|Page|Home|End)/.test(event.key);
    const own = control?.tagName === "SELECT" || (moves && control === this.part(".opacity"));
    const action = own ? null : keyAction(this, event.key);
    if (own || action) event.stopPropagation();
    if (!action || event.type !== "keydown") return;
    event.preventDefault();
    action();
  }

  get slices() { return this.volume?.slices ?? 1; }
  get presets() { return this.data?.scan.presets ?? []; }
  get helpOpen() { return !this.part(".help").hidden; }

  // Take what Python sent: the first time, or again with other overlays, strips or another scan.
  update(data) {
    if (!data || typeof data.volume !== "string" || !data.scan) {
      this.showMessage("There is no image to show. Open the scan again.");
      return;
    }
    const before = this.data;
    this.data = data;
    // Lower windows get a lower viewer: picture and controls stay on one screen.
    this.root.style.height = `clamp(360px, 100vh - 150px, ${data.height}px)`;
    this.part(".explain").hidden = !data.explain;
    if (before?.volume !== data.volume) this.load(data);
    else if (this.volume) this.refresh(before);
  }

  async load(data) {
    this.loading?.abort();
    this.loading = new AbortController();
    const { signal } = this.loading;
    this.volume = null;
    this.rasters.clear();
    this.failed.clear();
    this.chosen = null;
    this.root.dataset.ready = "false";
    this.showMessage("Loading image");
    try {
      const unpacked = await unpackBlob(await waitForBlob(data.volume, { signal }));
      if (signal.aborted) return;
      this.volume = new VolumeRaster(unpacked);
      this.open();
    } catch (error) {
      if (!signal.aborted) this.showMessage(error.message);
    }
  }

  open() {
    const remembered = REMEMBERED.get(`${this.data.key}/${this.data.volume}`);
    this.view = remembered ? { ...remembered.view } : { slice: this.data.initialSlice, ...this.startView() };
    if (remembered) this.chosen = remembered.chosen;
    this.minWidth = this.data.scan.units === "a.u." ? Math.max(this.presets[0].width / 500, this.volume.scale) : 1;
    this.part(".message").hidden = true;
    this.writeScan();
    this.refresh(null);
    this.root.dataset.ready = "true";
  }

  startView() {
    const { width, level } = this.presets[0];
    return { width, level, zoom: 1, panX: 0, panY: 0 };
  }

  // Text and controls that only change with the data.
  writeScan() {
    const { title, edges, notes, synthetic } = this.data.scan;
    this.part(".title").textContent = title;
    for (const edge of this.root.querySelectorAll(".edge")) edge.textContent = edges?.[edge.dataset.edge] ?? "";
    const lines = edges ? notes : [...notes, "No geometry: sides, sizes and positions unknown"];
    this.part(".notes").replaceChildren(...lines.map((text) => textElement("li", text)));
    this.root.dataset.synthetic = String(synthetic);
    Object.assign(this.part(".slider"), { max: this.slices - 1, disabled: this.slices < 2 });
    this.part(".presets").replaceChildren(...this.presets.map((preset, index) => this.presetButton(preset, index)));
  }

  presetButton({ name, width, level }, index) {
    const button = textElement("button", name);
    button.type = "button";
    button.dataset.preset = name;
    button.title = `Width ${this.number(width)}, level ${this.number(level)} (${index + 1})`;
    button.addEventListener("click", () => this.setWindow(width, level));
    return button;
  }

  // Bring chooser, strips and picture up to date with this.data, keeping the view.
  refresh(before) {
    this.writeScan();
    const { overlays, strips } = this.data;
    const known = new Set((before?.overlays ?? []).map(({ label }) => label));
    const asked = overlays.find((o) => before && !known.has(o.label) && o.slices?.includes(this.view.slice));
    if (asked) this.chosen = asked.label;
    if (!overlays.some(({ label }) => label === this.chosen)) this.chosen = null;
    const wanted = new Set(overlays.map(({ blob }) => blob));
    for (const blob of [...this.rasters.keys()]) if (!wanted.has(blob)) this.rasters.delete(blob);
    const select = this.part(".overlay");
    const options = overlays.map(({ label }) => new Option(label, label));
    select.replaceChildren(new Option(overlays.length ? "None" : "No overlays", ""), ...options);
    select.disabled = !overlays.length;
    this.part(".labels").replaceChildren(...strips.map(() => textElement("span", "")));
    this.chooseOverlay(this.chosen);
  }

  get overlay() { return this.data.overlays.find(({ label }) => label === this.chosen) ?? null; }

  async chooseOverlay(label) {
    this.chosen = label;
    if (label !== null) this.lastChosen = label;
    const overlay = this.overlay;
    this.part(".overlay").value = label ?? "";
    this.part(".opacity").disabled = overlay === null;
    this.part(".colorbar").style.visibility = overlay ? "visible" : "hidden";
    if (overlay) this.part(".colorbar i").style.background = cssGradient(overlay.colormap);
    this.requestDraw();
    if (overlay && !this.rasters.has(overlay.blob)) await this.loadOverlay(overlay);
  }

  async loadOverlay(overlay) {
    const { signal } = this.loading;
    try {
      const unpacked = await unpackBlob(await waitForBlob(overlay.blob, { signal }));
      if (signal.aborted || !this.volume) return;
      this.rasters.set(overlay.blob, new OverlayRaster(unpacked, overlay, this.volume));
      this.requestDraw();
    } catch (error) {
      if (signal.aborted) return;
      this.failed.add(overlay.blob);
      this.requestDraw();
    }
  }

  toggleOverlay() {
    if (this.chosen !== null) return this.chooseOverlay(null);
    const { overlays } = this.data;
    const back = overlays.find(({ label }) => label === this.lastChosen) ?? overlays[0];
    return back && this.chooseOverlay(back.label);
  }

  setOpacity(opacity) {
    this.opacity = opacity;
    this.requestDraw();
  }

  setMode(mode) {
    this.mode = mode;
    this.root.dataset.mode = mode;
    for (const button of this.root.querySelectorAll("[data-mode]")) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
    }
  }

  step(count) { this.goTo(this.view.slice + count); }

  goTo(slice) { this.change({ slice: Math.min(this.slices - 1, Math.max(0, slice)) }); }

  setWindow(width, level) { this.change({ width: Math.max(this.minWidth, width), level }); }

  // Right widens, down raises the level; a whole window per 300 CSS pixels.
  dragWindow({ width, level, dx, dy }) {
    const factor = Math.max(width, 10 * this.minWidth) / 300;
    this.setWindow(width + dx * factor, level + dy * factor);
  }

  panBy(dx, dy) { this.change({ panX: this.view.panX + dx, panY: this.view.panY + dy }); }

  zoomBy(factor, point) {
    const { zoom, panX, panY } = this.view;
    const next = Math.min(20, Math.max(0.5, zoom * factor));
    const [x, y] = [(point?.x ?? 0) - this.canvas.clientWidth / 2, (point?.y ?? 0) - this.canvas.clientHeight / 2];
    const [fixedX, fixedY] = point ? [x, y] : [0, 0];
    const ratio = next / zoom;
    this.change({ zoom: next, panX: fixedX - (fixedX - panX) * ratio, panY: fixedY - (fixedY - panY) * ratio });
  }

  reset() { this.change(this.startView()); }

  change(changes) {
    if (!this.volume) return;
    this.changedAt ??= performance.now();
    Object.assign(this.view, changes);
    this.requestDraw();
  }

  explain() {
    if (this.volume && this.data.explain) this.sendExplain(this.view.slice);
  }

  toggleHelp() {
    const help = this.part(".help");
    help.hidden = !help.hidden;
    this.part(".help-button").setAttribute("aria-expanded", String(!help.hidden));
  }

  pointAt(point) {
    this.pointer = point;
    this.requestDraw();
  }

  requestDraw() {
    this.frame ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
    if (!this.volume || !this.canvas.clientWidth) return;
    this.drawImage();
    writeReadouts(this);
    drawStrips(this.part(".strips"), {
      strips: this.data.strips, slices: this.slices, current: this.view.slice, palette: this.palette(),
    });
    this.remember();
    if (this.changedAt !== undefined) this.root.dataset.drawMs = (performance.now() - this.changedAt).toFixed(2);
    this.changedAt = undefined;
  }

  palette() {
    const style = getComputedStyle(this.root);
    const muted = getComputedStyle(this.part(".labels")).color;
    return { text: style.color, muted, track: style.borderTopColor, font: style.fontFamily };
  }

  // Where the slice lies on the canvas, in CSS pixels: origin of the first voxel's corner, size of a voxel.
  placement() {
    const { columns, rows } = this.volume;
    const [tall, wide] = this.data.scan.pixel ?? [1, 1];
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    const scale = Math.min(width / (columns * wide), height / (rows * tall)) * this.view.zoom;
    const [sx, sy] = [scale * wide, scale * tall];
    const x = width / 2 + this.view.panX - (columns * sx) / 2;
    const y = height / 2 + this.view.panY - (rows * sy) / 2;
    return { x, y, sx, sy, width, height, perMm: this.data.scan.pixel ? scale : null };
  }

  drawImage() {
    const { slice, width, level } = this.view;
    const place = this.placement();
    const ratio = globalThis.devicePixelRatio || 1;
    resizeCanvas(this.canvas, place.width, place.height, ratio);
    const context = this.context;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, place.width, place.height);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = place.sx < 1 ? "high" : "medium";
    const box = [place.x, place.y, this.volume.columns * place.sx, this.volume.rows * place.sy];
    context.drawImage(this.volume.paint(slice, width, level), ...box);
    const overlay = this.overlay && this.rasters.get(this.overlay.blob)?.paint(slice);
    if (overlay) {
      context.globalAlpha = this.opacity;
      context.drawImage(overlay, ...box);
      context.globalAlpha = 1;
    }
    if (this.data.scan.synthetic) this.burnIn("SYNTHETIC", 10, 44);
    this.root.dataset.transform = [place.x, place.y, place.sx, place.sy].join(",");
  }

  // Drawn into the picture, not beside it: it must survive a saved or copied image.
  burnIn(text, x, y) {
    this.context.font = "700 14px sans-serif";
    this.context.lineWidth = 3;
    this.context.strokeStyle = "#000";
    this.context.strokeText(text, x, y);
    this.context.fillStyle = "#e0c48a";
    this.context.fillText(text, x, y);
  }

  number(value) {
    if (this.data.scan.units === "a.u.") return String(Number(value.toPrecision(4)));
    return String(Math.round(value) + 0).replace("-", "−");
  }

  remember() {
    const name = `${this.data.key}/${this.data.volume}`;
    REMEMBERED.delete(name);
    REMEMBERED.set(name, { view: { ...this.view }, chosen: this.chosen });
    if (REMEMBERED.size > REMEMBERED_MOST) REMEMBERED.delete(REMEMBERED.keys().next().value);
  }

  showMessage(text) {
    const message = this.part(".message");
    message.textContent = text;
    message.hidden = false;
  }

  dispose() {
    this.closing.abort();
    this.loading?.abort();
    this.resizing.disconnect();
    cancelAnimationFrame(this.frame);
  }
}

function textElement(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}
