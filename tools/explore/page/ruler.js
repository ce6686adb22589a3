// A ruler beside a listing: ticks where the lit lines are, also those out of view.

const RULER_WIDTH = 6;

class Ruler {
  /** @param box the list box that it stands beside. */
  constructor(box) {
    this.canvas = el("canvas", "ruler");
    this.canvas.setAttribute("aria-hidden", "true");
    box.after(this.canvas);
  }

  /**
   * Draws the ticks; none if all lines are lit.
   * @param lit a mark for each line, of which `count` are lit.
   * @param height of the list box.
   */
  draw(lit, count, height) {
    const { canvas } = this;
    const scale = window.devicePixelRatio || 1;
    canvas.height = Math.round(height * scale); // which also clears it
    canvas.width = Math.round(RULER_WIDTH * scale);
    if (!count || count === lit.length) return;
    const context = canvas.getContext("2d");
    context.fillStyle = getComputedStyle(canvas).color;
    const tick = canvas.height / lit.length;
    let drawn = -1;
    for (let line = 0; line < lit.length; line++) {
      const at = Math.floor(line * tick);
      if (!lit[line] || at === drawn) continue;
      drawn = at;
      context.fillRect(0, at, canvas.width, Math.max(2 * scale, tick));
    }
  }
}
