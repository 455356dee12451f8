// The toolbars on narrow viewers: actions fold into a menu, and what then does not fit scrolls sideways.

function fitToolbars({ root, part }) {
  const tools = part(".tools");
  root.dataset.folded = "false";
  const folded = tools.scrollWidth > tools.clientWidth;
  root.dataset.folded = String(folded);
  if (!folded) setMenu({ root, part }, false);
  for (const group of root.querySelectorAll(".scrolls")) markCut(group);
}

// Fade the end behind which more is to be had.
function markCut(group) {
  const before = group.scrollLeft > 1;
  const after = group.scrollLeft + group.clientWidth < group.scrollWidth - 1;
  group.dataset.cut = before && after ? "both" : before ? "start" : after ? "end" : "none";
}

function setMenu({ root, part }, open) {
  root.dataset.menu = open ? "open" : "closed";
  part(".more-button").setAttribute("aria-expanded", String(open));
}

function bindToolbars(viewer, on) {
  const { root, part } = viewer;
  on(part(".more-button"), "click", () => setMenu(viewer, root.dataset.menu !== "open"));
  on(part(".actions"), "click", () => setMenu(viewer, false));
  on(document, "pointerdown", (event) => {
    const path = event.composedPath();
    if (!path.includes(part(".actions")) && !path.includes(part(".more-button"))) setMenu(viewer, false);
  });
  for (const group of root.querySelectorAll(".scrolls")) on(group, "scroll", () => markCut(group));
}
