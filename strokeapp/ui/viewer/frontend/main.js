// Streamlit calls this on mount and again whenever the data changed; the viewer of an element outlives the calls.
const VIEWERS = new WeakMap();

export default function mount({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".viewer");
  if (!root) return undefined;
  let viewer = VIEWERS.get(root);
  if (!viewer) {
    viewer = new Viewer(root);
    viewer.leaveRow = takeRowWhenNarrow(root);
    VIEWERS.set(root, viewer);
  }
  viewer.sendExplain = (slice) => setTriggerValue("explain", slice);
  viewer.update(data);
  return () => {
    viewer.leaveRow();
    viewer.dispose();
    VIEWERS.delete(root);
  };
}
