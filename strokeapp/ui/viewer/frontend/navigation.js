// Moving through the patient: one point in mm that every panel shows its plane through. Mixed into the viewer.

const NAVIGATION = {
  // The point in the coordinates of a series. Two series differ by `shift`: nothing where they share a frame.
  pointIn(sourceIndex) { return sourceIndex === 0 ? this.point : plus(this.point, this.shift); },

  get slice() { return this.sources[0] ? this.sources[0].frame.nearestSlice(this.point) : 0; },
  get slices() { return this.sources[0]?.slices ?? 1; },

  // Move the point of one series; the other follows where they are linked, and stays where they are not.
  moveTo(point, sourceIndex = 0) {
    if (sourceIndex === 0) {
      if (!this.linked) this.shift = plus(this.shift, minus(this.point, point));
      this.point = point;
    } else if (this.linked) this.point = minus(point, this.shift);
    else this.shift = minus(point, this.point);
    this.changed();
  },

  step(count, panel = this.active) {
    if (!panel?.source) return;
    const { source, axis, point } = panel;
    const { frame } = source;
    if (axis === frame.axis) {
      const slice = clamp(frame.nearestSlice(point) + count, 0, frame.slices - 1);
      this.moveTo(frame.toSlice(point, slice), panel.sourceIndex);
      return;
    }
    const { low, high } = frame.bounds;
    const moved = [...point];
    moved[axis] = clamp(point[axis] + count * panel.stepMm, low[axis] + 1e-3, high[axis] - 1e-3);
    this.moveTo(moved, panel.sourceIndex);
  },

  page(direction) {
    const { active } = this;
    this.step(direction * Math.max(2, Math.round(active.stepsAcross / 8)), active);
  },

  goTo(slice) {
    if (!this.sources[0]) return;
    this.moveTo(this.sources[0].frame.toSlice(this.point, clamp(slice, 0, this.slices - 1)));
  },

  placePoint(panel, at) {
    const point = panel.pointAt(at);
    const { low, high } = panel.source.frame.bounds;
    this.moveTo(point.map((value, axis) => clamp(value, low[axis], high[axis])), panel.sourceIndex);
  },

  showPoint({ points, axis, sourceIndex, native }) {
    const source = this.sources[sourceIndex];
    const middle = points.reduce(plus).map((value) => value / points.length);
    this.moveTo(native === null ? middle : source.frame.toSlice(middle, native), sourceIndex);
    if (this.layout === "one" && sourceIndex === 0) this.showPlane(PLANE_OF[axis]);
  },

  toggleLink() {
    if (this.layout !== "compare") return;
    this.linked = !this.linked;
    // Series of one frame of reference lie right by themselves; others are linked as they now stand.
    if (this.linked && this.data.second.sameFrame === true) this.shift = [0, 0, 0];
    this.arrange();
    this.say(this.linked ? `Linked: ${this.linkWords()}.` : "Not linked: scroll each series, then link them as they stand.");
  },

  linkWords() {
    const same = this.data.second.sameFrame;
    if (same === true) return "one frame of reference, positions in mm agree";
    const moved = this.shift.some((value) => value !== 0);
    return moved ? "as they stand, not registered" : "positions in mm as the files give them";
  },

  // Where two series do not share a frame, their middles are laid over each other; the note says so.
  startShift() {
    const [first, second] = this.sources.map(({ frame }) => frame.bounds);
    const middles = [first, second].map(({ low, high }) => low.map((value, axis) => (value + high[axis]) / 2));
    const apart = minus(middles[1], middles[0]);
    const overlap = [0, 1, 2].every((axis) => first.low[axis] < second.high[axis] && second.low[axis] < first.high[axis]);
    const { sameFrame } = this.data.second;
    return sameFrame === true || (sameFrame === null && overlap) ? [0, 0, 0] : apart;
  },

  frameNote() {
    const same = this.data.second?.sameFrame;
    if (this.layout !== "compare" || same === true) return [];
    if (same === null) return ["Frame of reference not stated: positions may not agree"];
    return ["Frames of reference differ: aligned by eye or by their middles, not registered"];
  },
};
