// The viewer of one element: what is on show, and drawing it.

// Where each scan was left, by viewer key and content, for elements that Streamlit mounts anew (page changes).
const REMEMBERED = new Map();
const REMEMBERED_MOST = 16;

class Viewer {
  constructor(root) {
    this.root = root;
    this.closing = new AbortController();
    this.sources = [];
    this.loading = [];
    this.data = null;
    this.mode = "window";
    this.modeChosen = false;
    this.pointer = null;
    this.frames = 0;
    this.part = (selector) => root.querySelector(selector);
    this.start();
    this.overlays = new Overlays(this);
    this.measuring = new Measuring(this);
    this.panels = Object.fromEntries([...CUT_PANELS, "second"].map((name) => [name, new Panel(this, name)]));
    this.panels.second.view = null;
    this.part(".panels").append(...Object.values(this.panels).map(({ element }) => element));
    bindControls(this);
    this.setMode("window");
  }

  // What a scan opens with.
  start() {
    Object.assign(this, {
      point: [0, 0, 0], shift: [0, 0, 0], linked: true, layout: "one", one: "axial", active: null, crosshair: null,
      slab: { axis: 2, thickness: 20, mode: "max" },
    });
  }

  get presets() { return this.active?.source.presets ?? []; }
  get escapes() {
    return this.measuring.draft || this.root.dataset.menu === "open" || this.root.querySelector(".drawer:not([hidden])");
  }

  escape() {
    if (this.measuring.draft) this.measuring.cancel();
    else if (this.root.dataset.menu === "open") {
      setMenu(this, false);
      this.part(".more-button").focus();
    } else for (const drawer of this.root.querySelectorAll(".drawer")) drawer.hidden = true;
  }

  // Take what Python sent: the first time, or again with other overlays, strips or another scan.
  update(data) {
    if (!data?.volume?.blocks || !data.scan) {
      this.showMessage("There is no image to show. Open the scan again.");
      return;
    }
    const before = this.data;
    this.data = data;
    // Lower windows get a lower viewer: picture and controls stay on one screen.
    this.root.style.height = `clamp(360px, 100vh - 110px, ${data.height}px)`;
    this.part(".explain").hidden = !data.explain;
    const same = before?.volume.id === data.volume.id;
    const later = !same && this.sources[0] && isOtherTime(before, data);
    if (later) this.loadTime(0, data);
    else if (!same) this.load(data);
    else if (this.sources[0]) this.refresh(before);
    this.updateSecond(before?.second, data.second, same || later);
  }

  updateSecond(before, second, kept) {
    if (kept && before?.volume.id === second?.volume.id) return;
    if (kept && this.sources[1] && isOtherTime(before, second)) this.loadTime(1, second);
    else this.loadSecond(second);
  }

  // Fill a series as its blocks arrive; `begin` takes it as soon as the first one is there, or it is ready.
  async fetch(index, volume, scan, begin, ready = () => true) {
    this.loading[index]?.abort();
    this.loading[index] = new AbortController();
    const { signal } = this.loading[index];
    let begun = false;
    try {
      const source = new Source(volume, scan);
      await receiveBlocks(source, volume, signal, () => {
        if (!begun && ready(source)) {
          begun = true;
          begin(source);
        }
        this.showArrival();
      });
    } catch (error) {
      if (signal.aborted) return;
      this.loading[index].abort(); // one block is missing: the others are of no use
      this.showMessage(error.message);
    }
  }

  showArrival() {
    const words = arrivalWords(this.sources);
    const shown = this.part(".arrival");
    Object.assign(shown, { textContent: words, hidden: !words });
    this.root.dataset.complete = String(this.sources.length > 0 && !words);
    // A slice that is drawn does not change when others arrive.
    if (this.visible.some((panel) => !panel.drawnWhole)) this.requestDraw();
  }

  load(data) {
    this.sources = [];
    this.overlays.forget();
    this.start();
    for (const panel of Object.values(this.panels)) panel.forget();
    Object.assign(this.root.dataset, { ready: "false", complete: "false" });
    this.part(".arrival").hidden = true;
    this.showMessage("Loading image");
    this.fetch(0, data.volume, data.scan, (source) => {
      this.sources[0] = source;
      this.open();
      if (this.waiting) this.joinSecond(this.waiting);
    });
  }

  loadSecond(second) {
    this.waiting = null;
    this.sources.length = Math.min(this.sources.length, 1);
    if (this.layout === "compare") this.layout = "one";
    if (this.sources[0]) this.measuring.keepSources([this.sources[0].id]);
    if (this.sources[0]) this.arrange();
    if (!second) {
      this.loading[1]?.abort();
      return;
    }
    this.fetch(1, second.volume, second.scan, (source) => {
      if (this.sources[0]) this.joinSecond(source);
      else this.waiting = source;
    });
  }

  // Another time point of a series on show takes its place when all of it is there; everything else stays.
  loadTime(index, { volume, scan }) {
    this.fetch(index, volume, scan, (source) => {
      const before = this.sources[index];
      source.window = before.window;
      this.sources[index] = source;
      for (const panel of Object.values(this.panels)) panel.forget();
      this.measuring.follow(before, source);
      this.refresh(this.data);
    }, (source) => source.complete);
  }

  // A second series is asked for to be seen: it opens beside the first.
  joinSecond(source) {
    this.waiting = null;
    this.sources[1] = source;
    this.panels.second.forget();
    this.shift = this.startShift();
    this.linked = true;
    this.setLayout("compare");
    this.arrange();
    this.writeScan();
  }

  open() {
    const [source] = this.sources;
    const remembered = REMEMBERED.get(this.memoryName);
    this.one = this.main.name;
    this.slab.axis = source.frame.axis;
    this.point = source.frame.toSlice(source.frame.center(), this.data.initialSlice);
    if (remembered) this.recall(remembered);
    this.measuring.keepSources([source.id]);
    this.activate(this.panels[this.one]);
    this.part(".message").hidden = true;
    this.setSlab({});
    this.refresh(null);
    this.arrange();
    this.root.dataset.ready = "true";
  }

  // Text and controls that only change with the data.
  writeScan() {
    const { notes, synthetic } = this.data.scan;
    for (const panel of Object.values(this.panels)) {
      const lines = panel === this.main ? [...notes] : [];
      if (panel === this.main && !this.sources[0].frame.known) lines.push("No geometry: sides, sizes and positions unknown");
      if (panel.name === "second" && this.sources[1]) lines.push(...this.sources[1].scan.notes, ...this.frameNote());
      panel.part(".notes").replaceChildren(...lines.map((text) => textElement("li", text)));
    }
    this.root.dataset.synthetic = String(synthetic);
    this.root.dataset.time = this.sources.map(({ scan }) => scan.time ?? "").join(" ");
    Object.assign(this.part(".slider"), { max: this.slices - 1, disabled: this.slices < 2 });
    this.root.dataset.strips = String(this.data.strips.length);
    this.writePresets();
  }

  writePresets() {
    this.part(".presets").replaceChildren(...this.presets.map((preset, index) => this.presetButton(preset, index)));
    fitToolbars(this);
  }

  presetButton({ name, label, width, level }, index) {
    const { source } = this.active;
    const button = textElement("button", label);
    button.type = "button";
    button.dataset.preset = name;
    button.title = `Width ${source.number(width)}, level ${source.number(level)} (${index + 1})`;
    button.addEventListener("click", () => this.usePreset(index));
    return button;
  }

  usePreset(index) {
    const { width, level } = this.presets[index];
    this.setWindow({ width, level });
  }

  // Bring choosers, strips and pictures up to date with this.data, keeping the view.
  refresh(before) {
    if (this.sources[0].id === this.data.volume.id) this.sources[0].scan = this.data.scan;
    this.writeScan();
    this.overlays.refresh(before, this.slice);
    this.part(".labels").replaceChildren(...this.data.strips.map(() => textElement("span", "")));
    this.requestDraw();
  }

  setMode(mode) {
    this.mode = mode;
    this.root.dataset.mode = mode;
    this.measuring.draft = null;
    for (const button of this.root.querySelectorAll("[data-mode]")) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
    }
    this.requestDraw();
  }

  chooseMode(mode) {
    this.modeChosen = true;
    this.setMode(mode);
  }

  setWindow(changes, panel = this.active) {
    const { window, minWidth } = panel.source;
    Object.assign(window, changes);
    window.width = Math.max(minWidth, window.width);
    this.changed();
  }

  // Right widens, down raises the level; a whole window per 300 CSS pixels.
  dragWindow({ width, level, dx, dy }, panel) {
    const factor = Math.max(width, 10 * panel.source.minWidth) / 300;
    this.setWindow({ width: width + dx * factor, level: level + dy * factor }, panel);
  }

  invert() {
    this.setWindow({ inverted: !this.active.source.window.inverted });
  }

  // Side by side, both panels move as one.
  viewed(panel) { return this.layout === "compare" ? this.visible[0] : panel; }

  panBy(dx, dy, panel = this.active) {
    const { view } = this.viewed(panel);
    Object.assign(view, { panX: view.panX + dx, panY: view.panY + dy });
    this.changed();
  }

  zoomBy(factor, at, panel = this.active) {
    this.viewed(panel).zoomBy(factor, at);
    this.changed();
  }

  reset(panel = this.active) {
    Object.assign(panel.source.window, panel.source.startWindow());
    Object.assign(this.viewed(panel).view, { zoom: 1, panX: 0, panY: 0 });
    this.changed();
  }

  changed() {
    this.changedAt ??= performance.now();
    this.requestDraw();
  }

  explain() {
    if (this.sources[0] && this.data.explain) this.sendExplain(this.slice);
  }

  pointTo(panel, at) {
    this.pointer = panel && { panel, at };
    this.requestDraw();
  }

  requestDraw() {
    if (this.sources[0]) this.frame ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
    if (!this.sources[0] || !this.part(".stage").clientWidth) return;
    if (this.layout === "compare") this.panels.second.view = this.visible[0].view;
    for (const panel of this.visible) drawPanel(panel);
    writeReadouts(this);
    drawStrips(this.part(".strips"), {
      strips: this.data.strips, slices: this.slices, current: this.slice, palette: this.palette(),
    });
    this.remember();
    this.frames += 1;
    this.root.dataset.frames = String(this.frames);
    if (this.changedAt !== undefined) this.root.dataset.drawMs = (performance.now() - this.changedAt).toFixed(2);
    this.changedAt = undefined;
  }

  palette() {
    const style = getComputedStyle(this.root);
    const muted = getComputedStyle(this.part(".labels")).color;
    return { text: style.color, muted, track: style.borderTopColor, font: style.fontFamily };
  }

  get memoryName() { return `${this.data.key}/${this.data.volume.id}`; }

  remember() {
    const { point, layout, one, crosshair, slab } = this;
    REMEMBERED.delete(this.memoryName);
    REMEMBERED.set(this.memoryName, {
      point, crosshair, one, layout: layout === "compare" ? "one" : layout, slab: { ...slab },
      window: { ...this.sources[0].window }, chosen: { ...this.overlays.chosen }, measures: this.measuring.items,
      views: CUT_PANELS.map((name) => ({ ...this.panels[name].view })),
    });
    if (REMEMBERED.size > REMEMBERED_MOST) REMEMBERED.delete(REMEMBERED.keys().next().value);
  }

  recall({ window, chosen, measures, views, ...rest }) {
    Object.assign(this, rest);
    this.sources[0].window = { ...window };
    this.overlays.chosen = { ...chosen };
    this.measuring.restore(measures);
    CUT_PANELS.forEach((name, index) => { this.panels[name].view = { ...views[index] }; });
  }

  async saveSnapshot() {
    if (this.visible.some((panel) => !panel.loaded)) {
      this.say("What is on show is still loading. Save the picture when it is there.");
      return;
    }
    this.draw(); // what was asked for in this very frame, too
    if (this.visible.some((panel) => panel.job)) {
      this.say("The projection is still being computed. Save the picture when it is there.");
      return;
    }
    try {
      await downloadSnapshot(this);
      this.say("Picture saved. It carries no name; check it before sharing.");
    } catch (error) {
      this.say(error.message);
    }
  }

  async toggleFullScreen() {
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else await this.root.requestFullscreen();
    } catch {
      this.say("The browser does not allow full screen here.");
    }
  }

  toggleDrawer(name) {
    const drawer = this.part(`.${name}`);
    const opens = drawer.hidden;
    for (const each of this.root.querySelectorAll(".drawer")) each.hidden = true;
    drawer.hidden = !opens;
    this.part(".help-button").setAttribute("aria-expanded", String(name === "help" && opens));
    this.part(".measure-button").setAttribute("aria-expanded", String(name !== "help" && opens));
  }

  // One sentence that goes away by itself.
  say(text) {
    const toast = this.part(".toast");
    Object.assign(toast, { textContent: text, hidden: false });
    clearTimeout(this.toastTimer);
    this.toastTimer = setTimeout(() => { toast.hidden = true; }, 5000);
  }

  showMessage(text) {
    const message = this.part(".message");
    message.textContent = text;
    message.hidden = false;
  }

  dispose() {
    this.closing.abort();
    for (const loading of this.loading) loading?.abort();
    this.resizing.disconnect();
    clearTimeout(this.toastTimer);
    cancelAnimationFrame(this.frame);
  }
}

for (const part of [ARRANGEMENT, NAVIGATION]) {
  Object.defineProperties(Viewer.prototype, Object.getOwnPropertyDescriptors(part));
}
