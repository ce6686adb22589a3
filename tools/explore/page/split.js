// Splits: rows and columns of panes with borders between them, which the pointer and the arrow keys move. What one side
// of a border wins, the other loses. A part without a pane that is shown takes no room.

// Of a part, out of what the two beside a border have.
const LEAST_SHARE = 0.08;
const BORDER = 8;

/** Makes an element a split: its children are parts, and a border between each two. */
function makeSplit(split) {
  const { axis } = split.dataset;
  const parts = [...split.children].filter((child) => !child.matches(".border"));
  const borders = [...split.children].filter((child) => child.matches(".border"));
  const first = parts.map((part) => Number(part.dataset.share));
  let shares = first.slice();
  const isShown = (part) => (part.matches(".pane") ? !part.hidden : part.querySelector(".pane:not([hidden])") !== null);

  /** The parts on both sides of a border that are shown; -1 for none. */
  const sides = (border) => {
    const place = borders.indexOf(border);
    const before = parts.findLastIndex((part, number) => number <= place && isShown(part));
    const after = parts.findIndex((part, number) => number > place && isShown(part));
    return [before, after];
  };
  const arrange = () => {
    const tracks = [];
    parts.forEach((part, number) => {
      const shown = isShown(part);
      if (!part.matches(".pane")) part.hidden = !shown;
      const border = borders[number - 1];
      if (border) {
        border.hidden = !shown || sides(border)[0] < 0;
        if (!border.hidden) tracks.push(`${BORDER}px`);
      }
      if (shown) tracks.push(`minmax(0, ${shares[number]}fr)`);
    });
    split.style[axis === "x" ? "gridTemplateColumns" : "gridTemplateRows"] = tracks.join(" ");
    split.style[axis === "x" ? "gridTemplateRows" : "gridTemplateColumns"] = "minmax(0, 1fr)";
    borders.forEach(tell);
  };
  const share = (border) => {
    const [before, after] = sides(border);
    return before < 0 || after < 0 ? 0.5 : shares[before] / (shares[before] + shares[after]);
  };
  const tell = (border) => border.setAttribute("aria-valuenow", Math.round(100 * share(border)));
  const set = (border, wanted) => {
    const [before, after] = sides(border);
    if (before < 0 || after < 0) return;
    const sum = shares[before] + shares[after];
    shares[before] = sum * Math.max(LEAST_SHARE, Math.min(1 - LEAST_SHARE, wanted));
    shares[after] = sum - shares[before];
    arrange();
  };
  for (const border of borders) {
    border.setAttribute("role", "separator");
    border.setAttribute("aria-orientation", axis === "x" ? "vertical" : "horizontal");
    border.setAttribute("aria-valuemin", 0);
    border.setAttribute("aria-valuemax", 100);
    border.tabIndex = 0;
    border.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -0.02, ArrowUp: -0.02, ArrowRight: 0.02, ArrowDown: 0.02 }[event.key];
      if (!step) return;
      set(border, share(border) + step);
      event.preventDefault();
    });
    border.addEventListener("dblclick", () => {
      shares = first.slice();
      arrange();
    });
    border.addEventListener("pointerdown", (event) => {
      const [before, after] = sides(border);
      const boxes = [parts[before], parts[after]].map((part) => part.getBoundingClientRect());
      const pixels = boxes.reduce((sum, box) => sum + (axis === "x" ? box.width : box.height), 0);
      const at = (each) => (axis === "x" ? each.clientX : each.clientY);
      const [begin, start] = [at(event), share(border)];
      border.setPointerCapture(event.pointerId);
      border.classList.add("moving");
      border.onpointermove = (move) => set(border, start + (at(move) - begin) / pixels);
      border.onpointerup = border.onpointercancel = () => {
        border.onpointermove = null;
        border.classList.remove("moving");
      };
    });
  }
  split.arrange = arrange;
  /** Gives the first part so many pixels, within limits; that is where a double click leads back to. */
  split.prefer = (pixels, least, most) => {
    const whole = axis === "x" ? split.clientWidth : split.clientHeight;
    const wanted = Math.max(least, Math.min(most, pixels / whole));
    const sum = first[0] + first[1];
    first[0] = sum * wanted;
    first[1] = sum - first[0];
    shares = first.slice();
    arrange();
  };
  arrange();
}
