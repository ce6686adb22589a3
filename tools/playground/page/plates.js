// From a view, an array of up to three dimensions somewhere in memory, to plates: flat grids of cells that can be drawn.

/** A grid of cells. `place(row, column)` is the index of a cell in the view; null where there is none. */
class Plate {
  constructor(title, rows, columns, place) {
    Object.assign(this, { title, rows, columns, place });
  }
}

/** The plates of a view. `positions` is how many positions are shown, `length` how many of them are filled. */
function platesOf({ axes, causal }, positions, length) {
  const extents = axes.map(([name, first, count]) => (name === "position" ? Math.min(count, positions - first) : count));
  const filled = (axis, i) => axes[axis][0] !== "position" || axes[axis][1] + i < length;
  if (axes.length === 1) {
    const [count] = extents;
    return [new Plate("", 1, count, (row, column) => (filled(0, column) ? [column] : null))];
  }
  if (axes.length === 2) {
    const [down, across] = extents;
    const place = (i, j) => (filled(0, i) && filled(1, j) ? [i, j] : null);
    // The long side lies, but time always runs down.
    const lying = down > across && axes[0][0] !== "position";
    return [lying ? new Plate("", across, down, (row, column) => place(column, row)) : new Plate("", down, across, place)];
  }
  const [down, heads, across] = extents;
  if (causal) {
    return Array.from({ length: heads }, (_, head) =>
      new Plate(`head ${head + 1}`, down, across, (row, column) => (filled(0, row) && column <= row ? [row, head, column] : null)));
  }
  return [new Plate("", down, heads * across, (row, column) =>
    (filled(0, row) ? [row, Math.floor(column / across), column % across] : null))];
}

/** Where in memory an element is. */
function addressOf([start, strides], index) {
  return index.reduce((sum, number, axis) => sum + number * strides[axis], start);
}

/** What an element is called: "position 2 (m), unit 5". */
function nameOf({ axes }, index, letters, alphabet) {
  return index.map((number, axis) => {
    const [name, first] = axes[axis], place = first + number;
    if (name === "position") return axis ? `looking at ${place} (${letters[place] ?? ""})` : `position ${place} (${letters[place] ?? ""})`;
    if (name === "token") return `token ${alphabet[place]}`;
    return `${name} ${name === "head" ? place + 1 : place}`;
  }).join(", ");
}

/** A number in six characters or little more. */
function shortNumber(number) {
  if (!Number.isFinite(number)) return String(number);
  const size = Math.abs(number);
  const text = size !== 0 && (size < 1e-3 || size >= 1e5) ? number.toExponential(1) : number.toFixed(size < 10 ? 4 : size < 1000 ? 2 : 0);
  return text.replace("-", "\u2212");
}

const PLATE_GAP = 14;

/** Draws plates side by side; returns where each is, for the pointer. */
class Heat {
  constructor(canvas, palette) {
    Object.assign(this, { canvas, palette, scale: 0, boxes: [], sheet: document.createElement("canvas") });
  }

  /** The height that plates need at a width. */
  static height(plates, width) {
    const { tall } = Heat.measure(plates, width);
    return tall;
  }

  static measure(plates, width) {
    const titled = plates[0].title ? 16 : 0, many = plates.length;
    const across = many > 1 ? 2 : 1, room = (width - PLATE_GAP * (across - 1)) / across;
    const { rows, columns } = plates[0];
    const cell = many > 1 ? Math.min(room / columns, 18) : rows === 1 ? 26 : rows > 20 ? 7 : 11;
    const wide = many > 1 ? cell * columns : room, high = cell * rows;
    const tall = Math.ceil(many / across) * (high + titled + PLATE_GAP) - PLATE_GAP;
    return { titled, across, room, wide, high, tall };
  }

  draw(plates, numberAt, marked) {
    const { context, width } = sharpen(this.canvas), { palette } = this;
    const { titled, across, room, wide, high } = Heat.measure(plates, width);
    let most = 0;
    for (const { rows, columns, place } of plates) {
      for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) {
        const index = place(i, j);
        if (index) most = Math.max(most, Math.abs(numberAt(index)) || 0);
      }
    }
    // The scale grows at once and shrinks slowly, so that colours do not flicker.
    this.scale = Math.max(most, 0.92 * this.scale + 0.08 * most);
    this.boxes = plates.map((plate, number) => {
      const left = (number % across) * (room + PLATE_GAP), top = Math.floor(number / across) * (high + titled + PLATE_GAP) + titled;
      if (titled) {
        context.fillStyle = palette.soft;
        context.font = `11px ${SANS}`;
        context.fillText(plate.title, left, top - 6);
      }
      this.plate(context, plate, numberAt, left, top, wide, high);
      return { left, top, wide, high, plate };
    });
    if (marked) this.mark(context, marked);
  }

  plate(context, { rows, columns, place }, numberAt, left, top, wide, high) {
    const { sheet, palette, scale } = this;
    [sheet.width, sheet.height] = [columns, rows];
    const pixels = new Uint32Array(rows * columns);
    for (let i = 0, at = 0; i < rows; i++) for (let j = 0; j < columns; j++, at++) {
      const index = place(i, j);
      if (!index) continue;
      const share = scale > 0 ? numberAt(index) / scale : 0;
      pixels[at] = palette.heat[Number.isFinite(share) ? Math.round(100 + 100 * Math.min(1, Math.max(-1, share))) : 200];
    }
    sheet.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), columns, rows), 0, 0);
    context.fillStyle = palette.faint;
    context.fillRect(left, top, wide, high);
    context.imageSmoothingEnabled = false;
    context.drawImage(sheet, left, top, wide, high);
  }

  mark(context, { plate: number, row, column }) {
    const box = this.boxes[number];
    if (!box) return;
    const across = box.wide / box.plate.columns, down = box.high / box.plate.rows;
    context.strokeStyle = this.palette.ink;
    context.lineWidth = 1.5;
    context.strokeRect(box.left + column * across - 0.5, box.top + row * down - 0.5, across + 1, down + 1);
  }

  /** The cell under a point: plate, row and column; null if there is none. */
  cellAt(x, y) {
    for (const [number, { left, top, wide, high, plate }] of this.boxes.entries()) {
      const column = Math.floor(((x - left) / wide) * plate.columns), row = Math.floor(((y - top) / high) * plate.rows);
      if (row >= 0 && column >= 0 && row < plate.rows && column < plate.columns && plate.place(row, column)) return { plate: number, row, column };
    }
    return null;
  }
}
