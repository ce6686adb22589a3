// Attention: for each head a triangle. A row is the character that is being read; the darker a cell, the more it looks at
// the character of that column.

class Attention {
  constructor(canvas, palette, still) {
    Object.assign(this, { canvas, palette, still, target: [], shown: [], letters: [], heads: 0 });
  }

  /** Takes weights, head by head, row by row; and the characters that are read. */
  show(heads, letters) {
    const same = this.letters.join("\n") === letters.join("\n") && this.heads === heads.length;
    Object.assign(this, { target: heads, letters, heads: heads.length });
    if (!same) this.shown = heads.map((rows) => rows.map((row) => [...row]));
  }

  move() {
    const share = this.still() ? 1 : 0.35;
    let way = 0;
    this.shown.forEach((rows, h) => rows.forEach((row, t) => row.forEach((weight, s) => {
      const step = (this.target[h][t][s] - weight) * share;
      row[s] = weight + step;
      way = Math.max(way, Math.abs(step));
    })));
    return way > 0.004;
  }

  draw() {
    const { context, width, height } = sharpen(this.canvas), { palette, letters } = this;
    const across = Math.min(2, this.heads), down = Math.ceil(this.heads / across);
    const gap = 26, room = (width - gap * (across - 1)) / across, tall = (height - 22 * (down - 1)) / down;
    const cell = Math.min((room - 22) / letters.length, (tall - 40) / letters.length, 34);
    this.shown.forEach((rows, head) => {
      const left = (head % across) * (room + gap) + 22, top = Math.floor(head / across) * (tall + 22) + 40;
      context.fillStyle = palette.soft;
      context.font = `11.5px ${SANS}`;
      context.textAlign = "left";
      context.textBaseline = "alphabetic";
      context.fillText(`head ${head + 1}`, left, top - 26);
      context.font = `${Math.min(13, Math.max(9, cell * 0.6))}px ${MONO}`;
      context.textBaseline = "middle";
      rows.forEach((row, t) => {
        context.fillStyle = palette.soft;
        context.textAlign = "right";
        context.fillText(letters[t], left - 8, top + (t + 0.5) * cell);
        context.textAlign = "center";
        context.fillText(letters[t], left + (t + 0.5) * cell, top - 9);
        row.forEach((weight, s) => {
          context.fillStyle = palette.faint;
          context.fillRect(left + s * cell + 0.75, top + t * cell + 0.75, cell - 1.5, cell - 1.5);
          context.globalAlpha = Math.min(1, Math.max(0, weight)) ** 0.8;
          context.fillStyle = palette.accent;
          context.fillRect(left + s * cell + 0.75, top + t * cell + 0.75, cell - 1.5, cell - 1.5);
          context.globalAlpha = 1;
        });
      });
    });
  }
}
