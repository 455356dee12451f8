// Measurements on their slices: placing, changing, listing, deleting.

const HANDLE_REACH = 9; // CSS pixels

class Measuring {
  constructor(viewer) {
    Object.assign(this, { viewer, items: [], draft: null, selected: null, held: null, last: 0 });
  }

  // Measurements that belong to what a panel shows.
  on(panel) {
    if (panel.slab) return [];
    const plane = panel.plane;
    return this.items.filter((item) => item.source === panel.source.id && item.axis === plane.axis && (
      item.native === null
        ? plane.native === null && Math.abs(item.position - plane.position) <= panel.stepMm / 2
        : item.native === plane.native));
  }

  // Press: take a handle, start a measurement, or fix the next point of one that is being drawn.
  down(panel, kind, at) {
    if (panel.slab) return this.viewer.say("Measure on a slice, not on a projection.");
    if (!panel.loaded) return this.viewer.say("This slice is still loading. Measure when it is there.");
    if (this.draft && this.draft.panel !== panel) this.draft = null;
    this.pressed = at;
    this.held = this.draft ? null : this.handleAt(panel, at);
    if (this.held) {
      this.selected = this.held.item.id;
      return undefined;
    }
    const point = panel.pointAt(at);
    if (this.draft) this.draft.points[this.draft.points.length - 1] = point;
    else this.draft = { kind, panel, points: [point, point], fresh: true, text: "" };
    return this.refresh();
  }

  move(panel, at) {
    const point = panel.pointAt(at);
    if (this.held?.panel === panel) {
      this.held.item.points[this.held.index] = point;
      this.held.item.text = measureText(panel.source, panel.plane, this.held.item.kind, this.held.item.points);
      this.listChanged();
    } else if (this.draft?.panel === panel) {
      this.draft.points[this.draft.points.length - 1] = point;
      this.refresh();
    }
  }

  // Release: a drag fixes a point, a click leaves the next one hanging on the pointer.
  up(panel, at) {
    if (this.held) {
      this.held = null;
      return;
    }
    const { draft } = this;
    if (!draft || draft.panel !== panel) return;
    const dragged = Math.hypot(at.x - this.pressed.x, at.y - this.pressed.y) > 4;
    const hangs = draft.fresh && !dragged;
    draft.fresh = false;
    if (hangs) return;
    if (draft.points.length === MEASURE_POINTS[draft.kind]) this.commit();
    else draft.points.push(panel.pointAt(at));
    this.refresh();
  }

  refresh() {
    const { draft } = this;
    if (draft) draft.text = measureText(draft.panel.source, draft.panel.plane, draft.kind, draft.points);
    this.viewer.requestDraw();
  }

  commit() {
    const { kind, panel, points, text } = this.draft;
    this.draft = null;
    const { axis, native, position } = panel.plane;
    this.last += 1;
    this.items.push({ id: this.last, kind, source: panel.source.id, sourceIndex: panel.sourceIndex,
      axis, native, position, points, text });
    this.selected = this.last;
    this.listChanged();
  }

  handleAt(panel, at) {
    const place = panel.placement();
    for (const item of this.on(panel)) {
      const index = item.points.findIndex((point) => {
        const [x, y] = panel.toScreen(place, point);
        return Math.hypot(x - at.x, y - at.y) <= HANDLE_REACH;
      });
      if (index >= 0) return { panel, item, index };
    }
    return null;
  }

  cancel() {
    this.draft = null;
    this.viewer.requestDraw();
  }

  remove(id = this.selected ?? this.items.at(-1)?.id) {
    this.items = this.items.filter((item) => item.id !== id);
    if (this.selected === id) this.selected = this.items.at(-1)?.id ?? null;
    this.listChanged();
  }

  clear() {
    Object.assign(this, { items: [], selected: null, draft: null });
    this.listChanged();
  }

  // Take up measurements made before the element was mounted anew.
  restore(items) {
    this.items = items;
    this.last = Math.max(0, ...items.map(({ id }) => id));
  }

  // Keep only what belongs to series still on show.
  keepSources(ids) {
    this.items = this.items.filter((item) => ids.includes(item.source));
    this.draft = null;
    this.listChanged();
  }

  // Bring measurements to another time point of their series: places stay, values are taken anew.
  follow({ id }, source) {
    this.draft = null;
    this.items = this.items.map((item) => {
      if (item.source !== id) return item;
      const { axis, native, position, kind, points } = item;
      const plane = native === null ? cutPlane(source.frame, axis, position) : acquiredPlane(source.frame, native);
      return { ...item, source: source.id, text: measureText(source, plane, kind, points) };
    });
    this.listChanged();
  }

  place(item) {
    if (item.native !== null) return `slice ${item.native + 1}`;
    return `${PLANE_OF[item.axis]} ${AXIS_LETTERS[item.axis]} ${signed(item.position)} mm`;
  }

  listChanged() {
    const { viewer } = this;
    viewer.part(".measure-count").textContent = this.items.length ? String(this.items.length) : "";
    viewer.part(".measure-none").hidden = this.items.length > 0;
    viewer.part(".measure-clear").disabled = !this.items.length;
    viewer.part(".measure-items").replaceChildren(...this.items.map((item) => this.row(item)));
    viewer.root.dataset.measures = JSON.stringify(this.items.map(({ kind, text }) => ({ kind, text })));
    viewer.requestDraw();
  }

  row(item) {
    const element = document.createElement("li");
    const show = textElement("button", `${MEASURE_NAMES[item.kind]}, ${this.place(item)}: ${item.text.replace("\n", " · ")}`);
    show.className = "measure-show";
    show.title = "Show where it was measured";
    show.addEventListener("click", () => {
      this.selected = item.id;
      this.viewer.showPoint(item);
    });
    const remove = textElement("button", "×");
    remove.setAttribute("aria-label", `Delete ${MEASURE_NAMES[item.kind].toLowerCase()} ${item.text}`);
    remove.addEventListener("click", () => this.remove(item.id));
    for (const button of [show, remove]) button.type = "button";
    element.append(show, remove);
    return element;
  }
}
