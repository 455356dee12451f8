// Wheel, mouse, pen and touch on one panel, turned into the viewer's verbs.

const CLICK_REACH = 3; // CSS pixels a press may move and still be a click

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
  constructor(viewer, panel, signal) {
    Object.assign(this, { viewer, panel, canvas: panel.canvas, pointers: new Map(), wheel: new WheelSteps(), drag: null });
    const on = (type, handler, options) =>
      this.canvas.addEventListener(type, handler.bind(this), { signal, ...options });
    on("pointerenter", this.onEnter);
    on("focus", () => viewer.activate(panel));
    on("wheel", this.onWheel, { passive: false });
    on("pointerdown", this.onDown);
    on("pointermove", this.onMove);
    on("pointerup", this.onUp);
    on("pointercancel", this.onCancel);
    on("pointerleave", () => viewer.pointTo(null, null));
    on("dblclick", () => {
      if (!(viewer.mode in MEASURE_POINTS)) viewer.reset(panel);
    });
    on("contextmenu", (event) => event.preventDefault());
    on("auxclick", (event) => event.preventDefault());
  }

  // Keys follow the mouse into the picture, unless something outside the viewer or a field inside it holds them.
  onEnter() {
    const inside = this.canvas.getRootNode().activeElement;
    const free = inside ? !/^(INPUT|SELECT)$/.test(inside.tagName) : document.activeElement === document.body;
    if (free) this.canvas.focus({ preventScroll: true });
  }

  onWheel(event) {
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) this.viewer.zoomBy(Math.exp(-event.deltaY / 400), this.point(event), this.panel);
    else this.viewer.step(this.wheel.take(event), this.panel);
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  modeOf(event) {
    if (event.pointerType === "touch" && !this.viewer.modeChosen) return "scroll";
    if (event.button === 1 || event.button === 2 || event.shiftKey) return "pan";
    return this.viewer.mode;
  }

  onDown(event) {
    event.preventDefault();
    if (!this.panel.source) return;
    this.canvas.focus({ preventScroll: true });
    this.viewer.activate(this.panel);
    this.canvas.setPointerCapture(event.pointerId);
    const point = this.point(event);
    this.pointers.set(event.pointerId, point);
    this.pinch = this.pointers.size === 2 ? this.spread() : null;
    const mode = this.modeOf(event);
    this.drag = { mode, start: point, last: point, window: { ...this.panel.source.window }, rest: 0, moved: false };
    if (mode in MEASURE_POINTS) this.viewer.measuring.down(this.panel, mode, point);
    if (mode === "crosshair") this.viewer.placePoint(this.panel, point);
  }

  spread() {
    const [a, b] = [...this.pointers.values()];
    return { distance: Math.hypot(a.x - b.x, a.y - b.y) || 1, x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  }

  onMove(event) {
    const point = this.point(event);
    this.viewer.pointTo(this.panel, point);
    if (!this.pointers.has(event.pointerId)) {
      if (this.viewer.measuring.draft) this.viewer.measuring.move(this.panel, point);
      return;
    }
    this.pointers.set(event.pointerId, point);
    if (this.pointers.size === 2) this.pinchTo(this.spread());
    else if (this.drag) this.dragTo(point);
  }

  pinchTo(now) {
    if (this.drag) this.viewer.measuring.cancel();
    if (this.pinch) {
      this.viewer.panBy(now.x - this.pinch.x, now.y - this.pinch.y, this.panel);
      this.viewer.zoomBy(now.distance / this.pinch.distance, now, this.panel);
    }
    this.pinch = now;
    this.drag = null;
  }

  dragTo(point) {
    const { viewer, panel, drag } = this;
    const { mode, start, last, window } = drag;
    const [dx, dy] = [point.x - last.x, point.y - last.y];
    drag.moved ||= Math.hypot(point.x - start.x, point.y - start.y) > CLICK_REACH;
    if (mode === "window") viewer.dragWindow({ ...window, dx: point.x - start.x, dy: point.y - start.y }, panel);
    if (mode === "pan") viewer.panBy(dx, dy, panel);
    if (mode === "zoom") viewer.zoomBy(Math.exp(-dy / 150), start, panel);
    if (mode === "scroll") this.dragSlices(dy);
    if (mode === "crosshair") viewer.placePoint(panel, point);
    if (mode in MEASURE_POINTS) viewer.measuring.move(panel, point);
    drag.last = point;
  }

  dragSlices(dy) {
    const perSlice = clamp(this.canvas.clientHeight / this.panel.stepsAcross, 4, 24);
    this.drag.rest += dy;
    const steps = Math.trunc(this.drag.rest / perSlice);
    this.drag.rest -= steps * perSlice;
    if (steps) this.viewer.step(steps, this.panel);
  }

  // A click that dragged nothing puts the crosshair there.
  onUp(event) {
    const { drag, panel, viewer } = this;
    const point = this.point(event);
    this.onCancel(event);
    if (!drag) return;
    if (drag.mode in MEASURE_POINTS) viewer.measuring.up(panel, point);
    else if (!drag.moved && event.button === 0) viewer.placePoint(panel, point);
  }

  onCancel(event) {
    this.pointers.delete(event.pointerId);
    this.pinch = null;
    this.drag = null;
  }
}
