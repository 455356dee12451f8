// Wheel, mouse, pen, touch and keys, turned into the viewer's verbs.

// Wheel notches are one slice each; the many small steps of a touchpad add up to slices.
class WheelSteps {
  constructor() {
    this.sum = 0;
  }

  take(event) {
    const delta = event.deltaY * (event.deltaMode === 1 ? 40 : event.deltaMode === 2 ? 400 : 1);
    if (Math.abs(delta) >= 50) {
      this.sum = 0;
      return Math.sign(delta);
    }
    this.sum += delta;
    const steps = Math.trunc(this.sum / 25);
    this.sum -= steps * 25;
    return steps;
  }
}

class Gestures {
  constructor(viewer, canvas, signal) {
    Object.assign(this, { viewer, canvas, pointers: new Map(), wheel: new WheelSteps(), drag: null });
    const on = (type, handler, options) =>
      canvas.addEventListener(type, handler.bind(this), { signal, ...options });
    on("pointerenter", this.onEnter);
    on("wheel", this.onWheel, { passive: false });
    on("pointerdown", this.onDown);
    on("pointermove", this.onMove);
    on("pointerup", this.onUp);
    on("pointercancel", this.onUp);
    on("pointerleave", () => viewer.pointAt(null));
    on("dblclick", () => viewer.reset());
    on("contextmenu", (event) => event.preventDefault());
    on("auxclick", (event) => event.preventDefault());
  }

  // Keys follow the mouse into the picture, unless something outside the viewer holds them.
  onEnter() {
    const inside = this.canvas.getRootNode().activeElement;
    if (inside || document.activeElement === document.body) this.canvas.focus({ preventScroll: true });
  }

  onWheel(event) {
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) this.viewer.zoomBy(Math.exp(-event.deltaY / 400), this.point(event));
    else this.viewer.step(this.wheel.take(event));
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  modeOf(event) {
    if (event.pointerType === "touch") return this.viewer.modeChosen ? this.viewer.mode : "scroll";
    if (event.button === 1 || event.button === 2 || event.shiftKey) return "pan";
    return this.viewer.mode;
  }

  onDown(event) {
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    const point = this.point(event);
    this.pointers.set(event.pointerId, point);
    this.pinch = this.pointers.size === 2 ? this.spread() : null;
    const { width, level } = this.viewer.view;
    this.drag = { mode: this.modeOf(event), start: point, last: point, width, level, rest: 0 };
  }

  spread() {
    const [a, b] = [...this.pointers.values()];
    return { distance: Math.hypot(a.x - b.x, a.y - b.y) || 1, x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  }

  onMove(event) {
    const point = this.point(event);
    this.viewer.pointAt(point);
    if (!this.pointers.has(event.pointerId)) return;
    this.pointers.set(event.pointerId, point);
    if (this.pointers.size === 2) this.pinchTo(this.spread());
    else if (this.drag) this.dragTo(point);
  }

  pinchTo(now) {
    if (this.pinch) {
      this.viewer.panBy(now.x - this.pinch.x, now.y - this.pinch.y);
      this.viewer.zoomBy(now.distance / this.pinch.distance, now);
    }
    this.pinch = now;
    this.drag = null;
  }

  dragTo(point) {
    const { mode, start, last, width, level } = this.drag;
    const [dx, dy] = [point.x - last.x, point.y - last.y];
    if (mode === "window") this.viewer.dragWindow({ width, level, dx: point.x - start.x, dy: point.y - start.y });
    if (mode === "pan") this.viewer.panBy(dx, dy);
    if (mode === "zoom") this.viewer.zoomBy(Math.exp(-dy / 150), start);
    if (mode === "scroll") this.dragSlices(dy);
    this.drag.last = point;
  }

  dragSlices(dy) {
    const perSlice = Math.min(24, Math.max(4, this.canvas.clientHeight / this.viewer.slices));
    this.drag.rest += dy;
    const steps = Math.trunc(this.drag.rest / perSlice);
    this.drag.rest -= steps * perSlice;
    this.viewer.step(steps);
  }

  onUp(event) {
    this.pointers.delete(event.pointerId);
    this.pinch = null;
    this.drag = null;
  }
}

// Keys and what they do; the help panel lists the same.
function keyAction(viewer, key) {
  const page = Math.max(2, Math.round(viewer.slices / 8));
  const preset = /^[1-9]$/.test(key) ? viewer.presets[Number(key) - 1] : null;
  if (preset) return () => viewer.setWindow(preset.width, preset.level);
  return {
    ArrowDown: () => viewer.step(1), ArrowRight: () => viewer.step(1),
    ArrowUp: () => viewer.step(-1), ArrowLeft: () => viewer.step(-1),
    PageDown: () => viewer.step(page), PageUp: () => viewer.step(-page),
    Home: () => viewer.goTo(0), End: () => viewer.goTo(viewer.slices - 1),
    "+": () => viewer.zoomBy(1.25), "=": () => viewer.zoomBy(1.25), "-": () => viewer.zoomBy(0.8),
    r: () => viewer.reset(), o: () => viewer.toggleOverlay(), e: () => viewer.explain(),
    "?": () => viewer.toggleHelp(), Escape: viewer.helpOpen ? () => viewer.toggleHelp() : null,
  }[key] ?? null;
}
