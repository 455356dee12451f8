// Wire buttons, sliders, keys and strips to the viewer's verbs.

function textElement(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

function bindControls(viewer) {
  const { root, part } = viewer;
  const { signal } = viewer.closing;
  const on = (target, type, handler) => target.addEventListener(type, handler, { signal });
  // Streamlit has page-wide keys of its own ("r" reruns): keys meant for the viewer end here.
  for (const type of ["keydown", "keypress", "keyup"]) on(root, type, (event) => takeKey(viewer, event));
  for (const button of root.querySelectorAll("[data-mode]")) on(button, "click", () => viewer.chooseMode(button.dataset.mode));
  for (const button of root.querySelectorAll("[data-layout]")) {
    on(button, "click", () => viewer.sources[0] && viewer.setLayout(button.dataset.layout));
  }
  const verbs = {
    ".reset": () => viewer.reset(), ".explain": () => viewer.explain(), ".invert": () => viewer.invert(),
    ".snapshot": () => viewer.saveSnapshot(), ".full": () => viewer.toggleFullScreen(),
    ".link": () => viewer.toggleLink(), ".measure-clear": () => viewer.measuring.clear(),
    ".help-button": () => viewer.toggleDrawer("help"), ".measure-button": () => viewer.toggleDrawer("measure-list"),
  };
  for (const [selector, verb] of Object.entries(verbs)) {
    on(part(selector), "click", () => (viewer.sources[0] || selector === ".help-button") && verb());
  }
  bindToolbars(viewer, on);
  bindFields(viewer, on);
  bindStrips(viewer, on);
  writeHelp(part(".help"));
  viewer.resizing = new ResizeObserver(() => {
    fitToolbars(viewer);
    viewer.draw();
  });
  for (const selector of [".first-bar", ".panels", ".strips"]) viewer.resizing.observe(part(selector));
}

function bindFields(viewer, on) {
  const { part } = viewer;
  on(part(".slider"), "input", (event) => viewer.goTo(Number(event.target.value)));
  on(part(".plane-select"), "change", (event) => viewer.showPlane(event.target.value));
  on(part(".opacity"), "input", (event) => viewer.overlays.setOpacity(Number(event.target.value) / 100));
  for (const kind of OVERLAY_KINDS) {
    on(part(`.overlay-${kind}`), "change", (event) => viewer.overlays.choose(kind, event.target.value || null));
  }
  on(part(".slab-mode"), "change", (event) => viewer.setSlab({ mode: event.target.value }));
  on(part(".slab-axis"), "change", (event) => viewer.setSlab({ axis: Number(event.target.value) }));
  on(part(".slab-thickness"), "change", (event) => viewer.setSlab({ thickness: event.target.value }));
}

function bindStrips(viewer, on) {
  const strips = viewer.part(".strips");
  const sliceUnder = (event) =>
    sliceAtX(event.clientX - strips.getBoundingClientRect().left, viewer.slices, strips.clientWidth);
  on(strips, "pointerdown", (event) => {
    strips.setPointerCapture(event.pointerId);
    viewer.goTo(sliceUnder(event));
  });
  on(strips, "pointermove", (event) => {
    if (!viewer.sources[0]) return;
    strips.title = stripTooltip(viewer.data.strips, sliceUnder(event), viewer.slices);
    if (event.buttons & 1) viewer.goTo(sliceUnder(event));
  });
}

function takeKey(viewer, event) {
  if (!viewer.sources[0] || event.ctrlKey || event.metaKey || event.altKey) return;
  const control = event.composedPath()[0];
  // Choosers, numbers and the opacity slider keep their keys, buttons their Enter and space; on the slice slider
  // keys do what they do on the picture.
  const moves = /^(Arrow|Page|Home|End)/.test(event.key);
  const typed = control?.tagName === "SELECT" || control?.type === "number";
  const own = (typed && event.key !== "Escape") || (moves && control === viewer.part(".opacity"));
  const action = own ? null : keyAction(viewer, event.key);
  if (own || action) event.stopPropagation();
  if (!action || event.type !== "keydown") return;
  event.preventDefault();
  action();
}
