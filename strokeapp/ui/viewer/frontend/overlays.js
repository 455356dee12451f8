// Which maps and explanations are laid over the slices, and the controls that choose them.

const OVERLAY_KINDS = ["map", "explanation"];

class Overlays {
  constructor(viewer) {
    Object.assign(this, { viewer, opacity: 0.5, chosen: { map: null, explanation: null }, before: null });
    this.forget();
  }

  forget() {
    Object.assign(this, { loaded: new Map(), failed: new Set(), chosen: { map: null, explanation: null } });
  }

  get offered() { return this.viewer.data?.overlays ?? []; }
  select(kind) { return this.viewer.part(`.overlay-${kind}`); }
  shown(kind) { return this.offered.find(({ label }) => label === this.chosen[kind]) ?? null; }
  all() { return OVERLAY_KINDS.map((kind) => this.shown(kind)).filter(Boolean); }
  grids() { return this.all().map(({ blob }) => this.loaded.get(blob)).filter(Boolean); }

  // Bring the choosers up to date with what Python offers; one just made for the slice on show was asked for.
  refresh(before, slice) {
    const known = new Set((before?.overlays ?? []).map(({ label }) => label));
    const fresh = this.offered.filter((o) => before && !known.has(o.label) && o.kind === "explanation");
    const asked = fresh.find((o) => o.slices === null || o.slices.includes(slice));
    if (asked) this.chosen[asked.kind] = asked.label;
    if (!before) for (const { kind, label } of this.offered.filter((o) => o.shown)) this.chosen[kind] = label;
    const wanted = new Set(this.offered.map(({ blob }) => blob));
    for (const blob of [...this.loaded.keys()]) if (!wanted.has(blob)) this.loaded.delete(blob);
    this.viewer.part(".overlay-bar").hidden = !this.offered.length;
    for (const kind of OVERLAY_KINDS) this.fill(kind);
  }

  fill(kind) {
    const labels = this.offered.filter((overlay) => overlay.kind === kind).map(({ label }) => label);
    this.select(kind).replaceChildren(new Option(`No ${kind}`, ""), ...labels.map((label) => new Option(label, label)));
    this.viewer.part(`.choose-${kind}`).hidden = !labels.length;
    this.choose(kind, labels.includes(this.chosen[kind]) ? this.chosen[kind] : null);
  }

  async choose(kind, label) {
    this.chosen[kind] = label;
    if (label !== null) this.before = null;
    const overlay = this.shown(kind);
    this.select(kind).value = label ?? "";
    const bar = this.viewer.part(`.choose-${kind} .colorbar`);
    bar.dataset.empty = String(!overlay); // it keeps its place: the picture must not jump when a map is chosen
    if (overlay) {
      bar.querySelector("i").style.background = cssGradient(overlay.colormap);
      bar.title = `Color of ${overlay.quantity}, 0 to 1`;
      bar.querySelector(".quantity").textContent = overlay.quantity;
    }
    this.viewer.part(".opacity").disabled = !this.all().length;
    this.viewer.requestDraw();
    if (overlay && !this.loaded.has(overlay.blob)) await this.load(overlay);
  }

  async load(overlay) {
    const { viewer } = this;
    const signal = viewer.loading[0].signal;
    try {
      const unpacked = await unpackBlob(await waitForBlob(overlay.blob, { signal }));
      if (signal.aborted || !viewer.sources[0]) return;
      this.loaded.set(overlay.blob, new OverlayGrid(unpacked, overlay, viewer.sources[0]));
    } catch (error) {
      if (signal.aborted) return;
      this.failed.add(overlay.blob);
    }
    viewer.requestDraw();
  }

  // Hide what is shown, or bring back what was hidden last, or the first there is.
  toggle() {
    if (this.all().length) {
      const hidden = { ...this.chosen };
      for (const kind of OVERLAY_KINDS) this.choose(kind, null);
      this.before = hidden;
      return;
    }
    const first = this.offered[0];
    const back = this.before ?? (first ? { [first.kind]: first.label } : {});
    for (const kind of OVERLAY_KINDS) if (back[kind]) this.choose(kind, back[kind]);
  }

  setOpacity(opacity) {
    this.opacity = opacity;
    this.viewer.requestDraw();
  }

  // Why an overlay that is chosen is not to be seen here.
  note(slice) {
    const missing = this.all().filter(({ blob }) => !this.loaded.has(blob));
    if (missing.some(({ blob }) => this.failed.has(blob))) return "This overlay cannot be shown. Reload the page.";
    if (missing.length) return "Loading overlay";
    const away = this.all().find((o) => o.slices && !o.slices.includes(slice));
    if (!away) return "";
    return `Not on this slice; made for slice ${away.slices.map((made) => made + 1).join(", ")}`;
  }
}
