// The values of a line: for each array that it computes a card with its values and its gradient.

const OPERATIONS = {
  add: "sum", mul: "product", pow: "power", exp: "exponential", relu: "rectified", select: "choice", div: "quotient",
  log: "logarithm",
};

/** Makes an element with a class and a text. */
function make(tag, name = "", text = "") {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.textContent = text;
  return element;
}

class Card {
  constructor(view, palette, world) {
    Object.assign(this, { view, palette, world, marked: null, kept: false });
    this.element = make("article", "card");
    const heading = make("h3");
    heading.append(make("code", "", view.title), make("span", "scope", this.where()));
    this.pair = make("div", "pair");
    this.sides = [["value", view.values], ["gradient", view.gradient]].map(([name, strided]) => this.side(name, strided));
    this.readout = make("p", "readout");
    this.readout.setAttribute("aria-live", "polite");
    this.numbers = make("details", "numbers");
    this.numbers.append(make("summary", "", "Numbers"), make("pre"));
    this.numbers.addEventListener("toggle", () => this.write());
    this.element.append(heading, this.pair, this.readout, this.numbers);
  }

  where() {
    const { scope, operation } = this.view;
    if (!scope) return "weights";
    return [scope.replace(/(\D)(\d+)/g, "$1 $2").replaceAll(".", " · ").replaceAll("_", " "), OPERATIONS[operation] ?? operation].join(" · ");
  }

  side(name, strided) {
    const figure = make("figure", name), caption = make("figcaption", "", name), range = make("span", "range");
    caption.append(range);
    figure.append(caption);
    this.pair.append(figure);
    if (!strided) {
      figure.append(make("p", "none", "not stored: the program needs it only once"));
      return null;
    }
    const canvas = make("canvas");
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${name} of ${this.view.title}; arrow keys go from number to number`);
    figure.append(canvas);
    const heat = new Heat(canvas, this.palette);
    canvas.addEventListener("pointermove", (event) => this.point(heat.cellAt(event.offsetX, event.offsetY)));
    canvas.addEventListener("pointerdown", (event) => this.point(heat.cellAt(event.offsetX, event.offsetY)));
    canvas.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.point(null));
    canvas.addEventListener("keydown", (event) => this.key(event));
    return { name, strided, heat, range };
  }

  point(marked) {
    this.marked = marked;
    this.draw();
  }

  key(event) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    const { plate, row, column } = this.marked ?? { plate: 0, row: 0, column: -step[1] };
    const wanted = { plate, row: row + step[0], column: column + step[1] };
    if (this.plates()[plate].place(wanted.row, wanted.column) && this.inside(wanted)) this.point(wanted);
  }

  inside({ plate, row, column }) {
    const { rows, columns } = this.plates()[plate];
    return row >= 0 && column >= 0 && row < rows && column < columns;
  }

  plates() {
    const { world } = this;
    return platesOf(this.view, world.positions, world.length);
  }

  draw() {
    const { numbers, letters, alphabet } = this.world;
    if (!numbers || !this.element.isConnected) return;
    const plates = this.plates();
    for (const side of this.sides) {
      if (!side) continue;
      const canvas = side.heat.canvas, height = `${Math.ceil(Heat.height(plates, canvas.clientWidth))}px`;
      if (canvas.style.height !== height) canvas.style.height = height;
      side.heat.draw(plates, (index) => numbers[addressOf(side.strided, index)], this.marked);
      side.range.textContent = `\u00b1 ${shortNumber(side.heat.scale)}`;
    }
    const index = this.marked && this.inside(this.marked) ? plates[this.marked.plate].place(this.marked.row, this.marked.column) : null;
    this.readout.textContent = index ? this.sentence(index) : this.shape();
    if (this.numbers.open) this.write();
  }

  sentence(index) {
    const { numbers, letters, alphabet } = this.world;
    const parts = this.sides.filter(Boolean).map(({ name, strided }) => `${name} ${shortNumber(numbers[addressOf(strided, index)])}`);
    const name = this.view.axes.length === 1 && this.view.axes[0][2] === 1 ? "" : `${nameOf(this.view, index, letters, alphabet)}: `;
    return name + parts.join(", ");
  }

  shape() {
    const { world, view } = this;
    if (view.axes.length === 1 && view.axes[0][2] === 1) return this.sentence([0]);
    return view.axes.map(([name, first, count]) => {
      const number = name === "position" ? Math.max(0, Math.min(count, world.length - first)) : count;
      return `${number} ${name}${number === 1 ? "" : "s"}`;
    }).join(" × ");
  }

  /** The numbers themselves, as text. */
  write() {
    const { numbers } = this.world;
    if (!numbers || !this.numbers.open) return;
    const blocks = this.sides.filter(Boolean).map(({ name, strided }) => this.plates().map(({ title, rows, columns, place }) => {
      const lines = Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (_, column) => {
        const index = place(row, column);
        return index ? shortNumber(numbers[addressOf(strided, index)]).padStart(9) : "";
      }).join("").trimEnd()).filter(Boolean);
      return [`${name} ${title}`.trim(), ...lines].join("\n");
    }).join("\n\n"));
    this.numbers.lastElementChild.textContent = blocks.join("\n\n");
  }
}
