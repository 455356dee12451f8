// Streamlit sets its columns below each other by the window's width alone, whether or not a sidebar takes a third of
// it. Where the row is too narrow for a picture with a panel beside it, the viewer's column asks for all of it.
const ROW_NEEDED = 760;

function columnAround(element) {
  for (let node = element; node; node = node.getRootNode().host) {
    const column = node.closest('[data-testid="stColumn"]');
    if (column) return column;
  }
  return null;
}

function takeRowWhenNarrow(element) {
  const column = columnAround(element);
  if (!column) return () => {};
  const observer = new ResizeObserver(() => {
    column.style.minWidth = column.parentElement.clientWidth < ROW_NEEDED ? "100%" : "";
  });
  observer.observe(column.parentElement);
  return () => {
    observer.disconnect();
    column.style.minWidth = "";
  };
}
