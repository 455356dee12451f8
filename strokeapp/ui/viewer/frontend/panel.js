// One panel: a plane of a series, where it stands on its canvas, and its picture.

const PANEL_HTML = `
  <canvas class="image" tabindex="0" role="img" aria-label="Slice image"></canvas>
  <div class="corner top left"><span class="title"></span><span class="kind"></span><span class="time"></span></div>
  <div class="corner top right"><ul class="notes"></ul></div>
  <div class="corner bottom left"><span class="probe">&nbsp;</span><span class="place"></span></div>
  <div class="corner bottom right">
    <span class="scale"><span class="scale-text"></span><span class="scale-bar"></span></span>
    <span class="window"></span><span class="zoom"></span>
  </div>
  <span class="edge" data-edge="top"></span><span class="edge" data-edge="bottom"></span>
  <span class="edge" data-edge="left"></span><span class="edge" data-edge="right"></span>`;

class Panel {
  constructor(viewer, name) {
    Object.assign(this, { viewer, name, sourceIndex: name === "second" ? 1 : 0 });
    this.element = document.createElement("section");
    this.element.className = "panel";
    this.element.dataset.panel = name;
    this.element.innerHTML = PANEL_HTML;
    this.canvas = this.part(".image");
    this.context = this.canvas.getContext("2d");
    this.view = { zoom: 1, panX: 0, panY: 0 };
    this.forget();
    new Gestures(viewer, this, viewer.closing.signal);
  }

  // Drop everything painted: the series is another one.
  forget() {
    Object.assign(this, { sheet: new PixelSheet(), painted: "", cutValues: null, cutKey: "", layers: new Map() });
    Object.assign(this, { job: null, drawnWhole: false });
  }

  part(selector) { return this.element.querySelector(selector); }
  get source() { return this.viewer.sources[this.sourceIndex]; }
  get point() { return this.viewer.pointIn(this.sourceIndex); }

  // Whether everything that the plane on show is made of has arrived.
  get loaded() {
    const { source, plane } = this;
    return source.complete || (plane.native !== null && source.holds(plane.native));
  }

  get slab() { return this.name === "slab"; }
  get acquired() { return !this.slab && this.axis === this.source.frame.axis; }

  get axis() {
    if (this.slab) return this.viewer.slab.axis;
    return this.name === "second" ? this.viewer.comparedAxis : AXIS_OF[this.name];
  }

  get plane() {
    const { frame } = this.source;
    if (this.acquired) return acquiredPlane(frame, frame.nearestSlice(this.point));
    if (this.slab) return this.slabPlan().plane;
    return cutPlane(frame, this.axis, this.point[this.axis]);
  }

  // The point on what is shown: an acquired slice need not pass through the point itself.
  onPlane({ native }) { return native === null ? this.point : this.source.frame.toSlice(this.point, native); }

  slabPlan() { return slabPlan(this.source.frame, this.viewer.slab, this.point[this.axis]); }

  // One step of the wheel or an arrow key, in mm, where it is not a slice.
  get stepMm() {
    const { row, column } = this.source.frame.spacing;
    return Math.max(1, Math.min(row, column));
  }

  get stepsAcross() {
    const { frame } = this.source;
    if (this.axis === frame.axis) return frame.slices;
    return Math.round((frame.bounds.high[this.axis] - frame.bounds.low[this.axis]) / this.stepMm);
  }

  fitScale(plane) {
    const { clientWidth, clientHeight } = this.canvas;
    return Math.min(clientWidth / (plane.columns * plane.dx), clientHeight / (plane.rows * plane.dy));
  }

  // Where the plane lies on the canvas, in CSS pixels: corner of the first pixel, size of a pixel.
  placement(plane = this.plane) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const { fit, center } = this.viewer.sharedFit(this, plane);
    const scale = fit * this.view.zoom;
    const [sx, sy] = [scale * plane.dx, scale * plane.dy];
    const x = width / 2 + this.view.panX - (center[0] + 0.5) * sx;
    const y = height / 2 + this.view.panY - (center[1] + 0.5) * sy;
    return { x, y, sx, sy, width, height, plane, perMm: this.source.frame.known ? scale : null };
  }

  toScreen(place, point) {
    const [x, y] = planePixel(place.plane, point);
    return [place.x + (x + 0.5) * place.sx, place.y + (y + 0.5) * place.sy];
  }

  // The patient point under a place on the canvas, on this panel's plane.
  pointAt({ x, y }, place = this.placement()) {
    return planePoint(place.plane, (x - place.x) / place.sx - 0.5, (y - place.y) / place.sy - 0.5);
  }

  zoomBy(factor, at) {
    const { zoom, panX, panY } = this.view;
    const next = clamp(zoom * factor, 0.5, 20);
    const ratio = next / zoom;
    const [x, y] = at ? [at.x - this.canvas.clientWidth / 2, at.y - this.canvas.clientHeight / 2] : [0, 0];
    Object.assign(this.view, { zoom: next, panX: x - (x - panX) * ratio, panY: y - (y - panY) * ratio });
  }

  // The plane in gray, as a canvas; null while a first projection is still being computed.
  picture(plane) {
    const values = this.values(plane);
    if (!values) return null;
    const { source } = this;
    const wanted = `${source.id}/${this.cutKey || plane.key}/${source.table.key}`;
    if (wanted === this.painted) return this.sheet.canvas;
    source.table.paint(values, this.sheet.fit(plane.columns, plane.rows));
    this.painted = wanted;
    return this.sheet.finish();
  }

  values(plane) {
    if (this.slab) return this.source.complete ? this.projected() : null;
    if (plane.native !== null) {
      this.cutKey = "";
      return this.source.holds(plane.native) ? this.source.sliceValues(plane.native) : null;
    }
    const key = `${plane.key}/${this.source.arrived}`; // cut again when more slices are there
    if (this.cutKey !== key) {
      const size = plane.columns * plane.rows;
      if (this.cutValues?.length !== size) this.cutValues = new Int32Array(size);
      reslice(this.source.grid, plane, this.cutValues);
      this.cutKey = key;
    }
    return this.cutValues;
  }

  // Work on the projection for a few milliseconds of this frame; until it is done the last one stays.
  projected() {
    const plan = this.slabPlan();
    const key = `${plan.plane.key}/${this.viewer.slab.mode}`;
    if (this.cutKey === key) return this.cutValues;
    if (this.job?.key !== key) this.job = { key, steps: projectSlab(this.source.grid, plan, this.viewer.slab.mode) };
    const until = performance.now() + 12;
    while (performance.now() < until) {
      const { done, value } = this.job.steps.next();
      if (!done) continue;
      Object.assign(this, { cutValues: value, cutKey: key, job: null });
      return value;
    }
    this.viewer.requestDraw();
    return this.cutValues?.length === plan.plane.rows * plan.plane.columns ? this.cutValues : null;
  }

  // An overlay in color on this plane, as a canvas.
  overlayPicture(plane, grid) {
    let layer = this.layers.get(grid);
    if (!layer) this.layers.set(grid, (layer = { sheet: new PixelSheet(), values: new Int32Array(0), painted: "" }));
    if (layer.painted === plane.key) return layer.sheet.canvas;
    const size = plane.columns * plane.rows;
    if (layer.values.length !== size) layer.values = new Int32Array(size);
    grid.paint(plane, layer.values, layer.sheet.fit(plane.columns, plane.rows));
    layer.painted = plane.key;
    return layer.sheet.finish();
  }
}
