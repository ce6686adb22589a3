// The details of what is lit: of one operation its formula, value and gradient, and where the gradient comes from; of
// several, how many of what.

const MOST_ROWS = 40;
const MOST_STATEMENTS = 8;

class Details {
  /**
   * @param notes by pane, what each line without operations is there for.
   * @param on what to call: `choose(selection)`.
   */
  constructor(element, atlas, notes, on) {
    this.body = element.querySelector(".details-body");
    this.atlas = atlas;
    this.on = on;
    this.values = null;
    this.notes = notes;
  }

  /** Tells of the operations marked in `ops`. */
  show(selection, ops, counts) {
    let count = 0;
    let only = -1;
    for (let op = 0; op < ops.length; op++) {
      if (!ops[op]) continue;
      count++;
      only = op;
    }
    if (!count) this.body.replaceChildren(this.#empty(selection));
    else if (count === 1) this.body.replaceChildren(...this.#operation(only));
    else this.body.replaceChildren(...this.#many(selection, ops, count, counts));
  }

  #empty(selection) {
    if (!selection) return el("p", "quiet", "Point at any line or node. A click keeps it.");
    const note = this.notes[selection.pane]?.[selection.line - 1];
    return el("p", "quiet", `No operation of this program belongs here${note ? `: ${note}` : ""}.`);
  }

  #many(selection, ops, count, counts) {
    const { graph } = this.atlas;
    const kinds = new Float64Array(graph.names.length);
    let [all, backward] = [0, 0];
    for (let op = 0; op < ops.length; op++) {
      if (!ops[op]) continue;
      const times = graph.times(op);
      all += times;
      if (graph.isBackward(op)) backward += times;
      kinds[graph.op[op]] += times;
    }
    const list = [...kinds.entries()].filter(([, number]) => number).sort((one, other) => other[1] - one[1]);
    const most = list[0][1];
    const lines = counts.map(([name, number]) => `${name} ${grouped(number)}`);
    const table = el("table", "kinds");
    for (const [kind, number] of list) {
      const bar = el("span", "bar");
      bar.style.width = `${Math.max(1, (100 * number) / most)}%`;
      const row = el("tr", "", el("th", "", graph.meta.ops[kind].name), el("td", "figure", grouped(number)));
      row.append(el("td", "share", bar));
      table.append(row);
    }
    return [
      el("p", "lead", el("strong", "", grouped(all)), ` operations${graph.places ? ` at ${grouped(count)} places` : ""}: `,
        el("span", "forward", `${grouped(all - backward)} forward`), ", ",
        el("span", "backward", `${grouped(backward)} backward`)),
      table,
      ...this.#statements(ops),
      el("p", "quiet", `Lines that belong to them: ${lines.join(" · ")}`),
    ];
  }

  /** The loops that marked places are in, with their formulas. */
  #statements(ops) {
    const { places } = this.atlas.graph;
    if (!places) return [];
    const numbers = new Set();
    for (let op = 0; op < ops.length; op++) if (ops[op] && places.statement[op] >= 0) numbers.add(places.statement[op]);
    // Those of all layers are alike.
    const found = new Map();
    for (const number of numbers) {
      const { formula, ranges } = places.statements[number];
      const known = found.get(formula) ?? { formula, ranges, count: 0 };
      known.count++;
      found.set(formula, known);
    }
    const list = [...found.values()].slice(0, MOST_STATEMENTS).map(({ formula, ranges, count }) => {
      const often = count > 1 ? `${count} loops` : "";
      return el("p", "statement", formula, el("span", "quiet", [ranges, often].filter(Boolean).join("; ")));
    });
    if (found.size > list.length) list.push(el("p", "quiet", `and ${found.size - list.length} more formulas`));
    return list;
  }

  #operation(node) {
    const { graph } = this.atlas;
    const row = graph.meta.ops[graph.op[node]];
    const origin = graph.originOf(node);
    const way = graph.isBackward(node) ? "backward" : "forward";
    const facts = el("dl", "facts");
    const fact = (name, ...content) => facts.append(el("dt", "", name), el("dd", "", ...content));
    const isLeaf = graph.isLeaf[graph.op[node]];
    const formula = el("p", "formula", this.#link(node), ...(isLeaf ? [] : [" = ", ...this.#formula(node, row)]));
    const [value, gradient] = this.#numbers(node);
    const worth = el("p", "worth");
    if (value !== null) worth.append(el("span", "", "value ", el("span", "figure", shortNumber(value))));
    if (gradient !== null) worth.append(el("span", "", "gradient ", el("span", "figure", shortNumber(gradient))));
    if (origin.line) fact("line", this.#go({ pane: "source", line: origin.at }, `${origin.file}:${origin.line}`));
    if (isLeaf) {
      fact("kind", row.name === "const" ? "a constant" : `read from the caller: ${row.name} ${graph.attribute[node]}`);
    } else {
      fact("scope", origin.scope || origin.function);
      fact("pass", el("span", way, way));
    }
    const statement = graph.places?.statements[graph.places.statement[node]];
    if (statement) {
      fact("carried out", `${grouped(graph.times(node))} times`);
      fact("loop", statement.formula);
      if (statement.ranges) fact("for", statement.ranges);
    }
    const relatives = isLeaf ? [] : graph.family(node).filter((other) => other !== node);
    if (relatives.length) {
      const links = relatives.slice(0, 8).flatMap((other, place) => [place ? ", " : "", this.#link(other)]);
      if (relatives.length > 8) links.push(` and ${relatives.length - 8} more`);
      fact(way === "forward" ? "differentiated by" : "goes with", ...links);
    }
    if (!this.values) return [formula, facts];
    return way === "forward" ? [formula, worth, ...this.#why(node), facts] : [formula, worth, facts];
  }

  #numbers(node) {
    if (!this.values) return [null, null];
    const isForward = !this.atlas.graph.isBackward(node);
    return [this.values.value[node], isForward && this.values.reached[node] ? this.values.gradient[node] : null];
  }

  #formula(node, row) {
    const { graph } = this.atlas;
    const kind = row.name;
    const operands = graph.operands(node);
    const links = operands.map((operand) => this.#link(operand));
    if (kind === "gather") {
      const tensor = graph.meta.inputs.findLast((each) => each.start <= graph.meta.tables[graph.attribute[node]][0]);
      return [`a row of ${tensor.name} chosen by `, ...links];
    }
    if (links.length === 2 && ["add", "mul", "div"].includes(kind)) return [links[0], ` ${row.symbol} `, links[1]];
    // Of a sum, only what it adds up is another place.
    if (links.length === 1 && ["add", "max"].includes(kind)) return [kind === "add" ? "Σ " : "max ", ...links];
    if (kind === "equal" && !graph.places) return [links[0], ` = ${graph.attribute[node]}?`];
    const shown = links.slice(0, 12).flatMap((link, place) => [place ? ", " : "", link]);
    return [`${kind}(`, ...shown, links.length > 12 ? ", …)" : ")"];
  }

  /** Where the gradient comes from: each operation that uses this one hands back its own gradient times a slope. */
  #why(node) {
    const { values } = this;
    if (values.result < 0) return [];
    const result = this.atlas.graph.meta.result;
    if (!values.reached[node]) return [el("p", "quiet", `No gradient flows here: it does not move the ${result}.`)];
    const rows = values.contributions(node);
    const heading = el("h3", "", "Why is this gradient so?");
    if (!rows.length) return [heading, el("p", "quiet", `This is the ${result} itself: its gradient is 1.`)];
    const total = rows.reduce((sum, row) => sum + Math.abs(row.value), 0) || 1;
    const table = el("table", "why");
    const names = ["handed back by", "slope", "gradient", "gives", "share"];
    table.append(el("tr", "", ...names.map((name) => el("th", "", name))));
    const order = rows.toSorted((one, other) => Math.abs(other.value) - Math.abs(one.value));
    for (const { user, local, upstream, value } of order.slice(0, MOST_ROWS)) {
      const share = Math.abs(value) / total;
      const bar = el("span", value < 0 ? "bar negative" : "bar");
      bar.style.width = `${(100 * share).toFixed(1)}%`;
      const cells = [local, upstream, value].map((number) => el("td", "figure", shortNumber(number, 4)));
      const percent = el("span", "percent", `${Math.round(100 * share)} %`);
      table.append(el("tr", "", el("td", "", this.#link(user)), ...cells, el("td", "share", bar, percent)));
    }
    const many = rows.length === 1 ? "One operation uses" : `${rows.length} operations use`;
    const gradient = shortNumber(values.gradient[node]);
    const sum = el("p", "quiet", `${many} it. Its gradient is the sum of slope × gradient: ${gradient}.`);
    const note = order.length > MOST_ROWS ? [el("p", "quiet", `The ${MOST_ROWS} largest are shown.`)] : [];
    return [heading, sum, table, ...note];
  }

  #link(node) {
    const value = this.values ? this.values.value[node] : null;
    const button = this.#go({ op: node }, this.atlas.graph.label(node));
    button.classList.add(this.atlas.graph.isBackward(node) ? "backward" : "forward");
    if (value !== null) button.title = `%${node} = ${value}`;
    return button;
  }

  #go(selection, text) {
    const button = el("button", "go", text);
    button.type = "button";
    button.addEventListener("click", () => this.on.choose(selection));
    return button;
  }
}

/** An element with a class and content; text is only ever put in as text. */
function el(name, className, ...content) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...content);
  return element;
}
