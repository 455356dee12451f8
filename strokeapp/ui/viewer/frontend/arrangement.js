// Which panels are on show, and how: one, four, or two series beside each other. Mixed into the viewer.

const LAYOUTS = ["one", "grid", "compare"];
const CUT_PANELS = ["axial", "coronal", "sagittal", "slab"];

const ARRANGEMENT = {
  get main() { return this.panels[PLANE_OF[this.sources[0].frame.axis]]; },

  // The patient axis that both series show side by side.
  get comparedAxis() {
    return AXIS_OF[this.one] ?? this.sources[0].frame.axis;
  },

  get visible() {
    if (!this.sources[0]) return [];
    if (this.layout === "grid") return CUT_PANELS.map((name) => this.panels[name]);
    if (this.layout === "compare") return [this.panels[PLANE_OF[this.comparedAxis]], this.panels.second];
    return [this.panels[this.one]];
  },

  // Why a layout cannot be had; empty where it can.
  layoutRefusal(layout) {
    if (layout === "one") return "";
    if (layout === "grid") return this.sources[0].flat;
    if (!this.data.second) return "Choose a second series to compare with, above the viewer";
    if (!this.sources[1]) return "The second series is loading";
    return [this.sources[0], this.sources[1]].some(({ frame }) => !frame.known)
      ? "A series without geometry cannot be scrolled in mm" : "";
  },

  setLayout(layout) {
    if (!LAYOUTS.includes(layout) || layout === this.layout) return;
    const refusal = this.layoutRefusal(layout);
    if (refusal) {
      this.say(`${refusal}.`);
      return;
    }
    this.layout = layout;
    this.measuring.draft = null;
    if (layout === "one") this.one = this.active.sourceIndex === 0 ? this.active.name : this.one;
    this.arrange();
  },

  // Show a plane alone, or make its panel the active one where four are on show.
  showPlane(name) {
    const refusal = name === this.main.name ? "" : this.sources[0].flat;
    if (refusal) {
      this.say(`${refusal}.`);
      this.arrange();
      return;
    }
    if (this.layout === "compare" && name === "slab") this.layout = "one";
    this.one = name;
    if (this.layout === "grid") this.activate(this.panels[name]);
    this.arrange();
  },

  arrange() {
    const { visible } = this;
    const keys = this.root.getRootNode().activeElement?.classList.contains("image");
    for (const panel of Object.values(this.panels)) panel.element.hidden = !visible.includes(panel);
    if (!visible.includes(this.active)) this.activate(visible[0]);
    // A hidden canvas loses the keyboard; the one that takes its place gets it.
    if (keys) this.active.canvas.focus({ preventScroll: true });
    this.root.dataset.layout = this.layout;
    for (const button of this.root.querySelectorAll("[data-layout]")) {
      const refusal = this.layoutRefusal(button.dataset.layout);
      const keys = { one: "One panel (g)", grid: "Four panels (g)", compare: "Side by side (b)" };
      button.setAttribute("aria-pressed", String(button.dataset.layout === this.layout));
      button.setAttribute("aria-disabled", String(Boolean(refusal)));
      button.title = refusal || keys[button.dataset.layout];
    }
    this.arrangeControls(visible);
    this.requestDraw();
  },

  arrangeControls(visible) {
    const select = this.part(".plane-select");
    for (const option of select.options) {
      option.disabled = option.value !== this.main.name && Boolean(this.sources[0].flat);
    }
    select.value = this.layout === "grid" ? this.active.name : this.one;
    select.title = this.sources[0].flat || "Plane: a, c, s, p";
    const slab = visible.includes(this.panels.slab);
    this.part(".slab-controls").hidden = !slab;
    if (slab) this.panels.slab.element.append(this.part(".slab-controls"));
    // It speaks of the acquired slice, so it stands there.
    (visible.includes(this.main) ? this.main : visible[0]).element.append(this.part(".overlay-note"));
    this.part(".link").hidden = this.layout !== "compare";
    this.part(".link").setAttribute("aria-pressed", String(this.linked));
    this.part(".link").textContent = this.linked ? "Linked" : "Not linked";
    fitToolbars(this);
  },

  // Keys, presets and the value readout belong to the active panel.
  activate(panel) {
    if (!panel?.source || panel === this.active) return;
    const before = this.active?.source;
    this.active = panel;
    for (const each of Object.values(this.panels)) each.element.classList.toggle("active", each === panel);
    if (before !== panel.source) this.writePresets();
    this.requestDraw();
  },

  // Panels side by side share scale, pan and the patient point in their middle; others fit on their own.
  sharedFit(panel, plane) {
    const center = [(plane.columns - 1) / 2, (plane.rows - 1) / 2];
    if (this.layout !== "compare") return { fit: panel.fitScale(plane), center };
    const [left, right] = this.visible;
    const [leftPlane, rightPlane] = [left.plane, right.plane];
    const fit = Math.min(left.fitScale(leftPlane), right.fitScale(rightPlane));
    if (panel === left) return { fit, center };
    const middle = planePoint(leftPlane, (leftPlane.columns - 1) / 2, (leftPlane.rows - 1) / 2);
    return { fit, center: planePixel(rightPlane, plus(middle, this.shift)) };
  },

  setSlab(changes) {
    Object.assign(this.slab, changes);
    this.slab.thickness = clamp(Number(this.slab.thickness) || 1, 1, 500);
    this.part(".slab-mode").value = this.slab.mode;
    this.part(".slab-axis").value = String(this.slab.axis);
    this.part(".slab-thickness").value = String(this.slab.thickness);
    this.requestDraw();
  },

  toggleCrosshair() {
    this.crosshair = !this.showsCrosshair;
    this.requestDraw();
  },

  // Lines help where several planes are on show; a single picture stays clear unless asked.
  get showsCrosshair() {
    return this.sources[0].frame.known && (this.crosshair ?? this.layout === "grid");
  },
};
