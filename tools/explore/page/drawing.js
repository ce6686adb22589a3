// The graph pane: draws a picture as SVG, lights nodes, and takes clicks and keys.

const SVG = "http://www.w3.org/2000/svg";
const PADDING = 12;
const HEADING = 26;
// Edges of more lit nodes than these would be a tangle.
const MOST_WITH_EDGES = 4;

function svgElement(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

class Drawing {
  /** @param on what to call: `hover(selection or null)`, `choose(selection)`. */
  constructor(element, atlas, on) {
    Object.assign(this, { element, atlas, on });
    this.canvas = element.querySelector(".canvas");
    this.crumbs = element.querySelector(".crumbs");
    this.note = element.querySelector(".note");
    this.current = 0;
    this.canvas.setAttribute("role", "listbox");
    this.canvas.setAttribute("aria-multiselectable", "true");
    this.canvas.tabIndex = 0;
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    this.canvas.addEventListener("focus", () => this.#setCurrent(this.current));
    this.canvas.addEventListener("blur", () => this.#setCurrent(this.current));
  }

  /** Draws the picture of a selection. */
  show(selection) {
    this.selection = selection;
    this.pointed = -1;
    this.picture = pictureOf(this.atlas, selection);
    const { nodes } = this.picture;
    if (this.values) for (const node of nodes) sayValue(node, this.picture.level, this.values);
    const edges = this.picture.edgeList();
    // What is wide stands below each other: the grid of a block's scopes, and scalars with their values.
    const size = placeNodes(nodes, edges, ["block", "op"].includes(this.picture.level));
    const width = size.width + 2 * PADDING;
    const height = size.height + 2 * PADDING + HEADING;
    const svg = svgElement("svg", {
      viewBox: `0 0 ${width} ${height}`, role: "presentation", class: `level-${this.picture.level}`,
    });
    // Large enough to read, small enough to see: never larger than drawn, never below two thirds.
    svg.style.width = `max(${(width * 0.66).toFixed(0)}px, min(100%, ${width.toFixed(0)}px))`;
    const inner = svgElement("g", { transform: `translate(${PADDING} ${PADDING + HEADING})` });
    for (const span of size.spans) {
      const middle = span.left + span.width / 2;
      const heading = svgElement("text", { x: middle, y: span.top - 14, class: `heading ${span.way}` });
      heading.textContent = span.way;
      inner.append(heading);
    }
    this.edgeElements = edges.map((edge) => this.#edge(edge, nodes));
    this.nodeElements = nodes.map((node, number) => this.#node(node, number));
    inner.append(...groupBoxes(nodes), ...this.edgeElements.map((edge) => edge.path), ...this.nodeElements);
    svg.append(inner);
    this.canvas.replaceChildren(svg);
    this.canvas.scrollTo(0, 0);
    this.current = Math.max(0, nodes.findIndex((node) => node.centre));
    this.#setCurrent(this.current);
    if (nodes[this.current]?.centre) {
      this.nodeElements[this.current].scrollIntoView({ block: "center", inline: "center" });
    }
    const left = this.picture.left;
    const total = nodes.filter((node) => !node.near).length;
    const hint = this.picture.level === "model" ? "a click opens a block" : "";
    this.note.textContent = left ? `${total} shown, ${grouped(left)} more are left out` : hint;
    this.#showCrumbs();
  }

  #node(node, number) {
    const group = svgElement("g", {
      id: `node-${number}`,
      role: "option",
      "aria-selected": "false",
      "aria-label": `${node.title}, ${node.sub} ${node.way}`,
      class: ["node", node.way, node.near ? "near" : "", node.centre ? "centre" : ""].join(" ").trim(),
      transform: `translate(${node.x.toFixed(1)} ${node.y.toFixed(1)})`,
    });
    const box = { x: -node.width / 2, y: -node.height / 2, width: node.width, height: node.height, rx: 6 };
    group.append(svgElement("rect", box));
    const title = svgElement("text", { class: "title", y: node.sub ? -2 : 4 });
    title.textContent = node.title;
    const sub = svgElement("text", { class: "sub", y: 12 });
    sub.textContent = node.sub;
    group.append(title, sub);
    group.addEventListener("mousemove", (event) => this.#pointAt(number, event));
    group.addEventListener("mouseleave", (event) => this.#pointAt(-1, event));
    group.addEventListener("click", (event) => {
      this.still = [event.clientX, event.clientY];
      this.#open(number);
    });
    return group;
  }

  /** Lights a node under the pointer; not one that a click has put under it, before it moves again. */
  #pointAt(number, event) {
    if (this.still && event.clientX === this.still[0] && event.clientY === this.still[1]) return;
    this.still = null;
    if (number === this.pointed) return;
    this.pointed = number;
    this.on.hover(number < 0 ? null : this.picture.nodes[number].select);
  }

  #edge(edge, nodes) {
    const [from, to] = [nodes[edge.from], nodes[edge.to]];
    const saved = from.way !== to.way;
    const path = svgElement("path", { d: edgePath(from, to), class: saved ? "edge saved" : `edge ${from.way}` });
    // What crosses the whole picture, or a grid, only shows when one of its ends is lit.
    const isQuiet = saved ? this.picture.level !== "op" && !(from.twin && from.twin === to.twin) : from.cell || to.cell;
    if (isQuiet) path.classList.add("quiet");
    path.style.strokeWidth = (0.9 + 0.35 * Math.log10(edge.count)).toFixed(2);
    return { ...edge, path };
  }

  /** Lights the nodes that stand for marked operations, and the edges between them. */
  light(ops) {
    const counts = new Int32Array(this.picture.nodes.length);
    const { nodeOf } = this.picture;
    for (let op = 0; op < ops.length; op++) if (ops[op] && nodeOf[op] >= 0) counts[nodeOf[op]]++;
    this.nodeElements.forEach((element, number) => {
      element.classList.toggle("lit", counts[number] > 0);
      element.setAttribute("aria-selected", counts[number] > 0);
    });
    this.litNodes = [...counts.keys()].filter((number) => counts[number] > 0);
    // Where everything is lit, nothing is: nodes keep their colours, and edges stay as they are.
    const own = this.picture.nodes.filter((node) => !node.near).length;
    this.canvas.firstChild.classList.toggle("all-lit", this.litNodes.length >= own);
    const few = this.litNodes.length <= MOST_WITH_EDGES;
    for (const edge of this.edgeElements) {
      edge.path.classList.toggle("lit", few && (counts[edge.from] > 0 || counts[edge.to] > 0));
    }
  }

  #open(number) {
    const { select } = this.picture.nodes[number];
    if (select) this.on.choose(deeper(this.atlas, this.picture.level, select));
  }

  #setCurrent(number) {
    this.nodeElements[this.current]?.classList.remove("current");
    this.current = number;
    const element = this.nodeElements[number];
    if (!element) return;
    this.canvas.setAttribute("aria-activedescendant", element.id);
    if (document.activeElement === this.canvas) element.classList.add("current");
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") this.#open(this.current);
    else if (event.key === "Backspace") this.on.choose(shallower(this.atlas, this.selection));
    else if (event.key.startsWith("Arrow")) this.#move(event.key.slice(5));
    else return;
    event.preventDefault();
  }

  /** To the nearest node in a direction; what is aside counts more than what is ahead. */
  #move(direction) {
    const nodes = this.picture.nodes;
    const here = nodes[this.current];
    const [alongX, sign] = { Left: [true, -1], Right: [true, 1], Up: [false, -1], Down: [false, 1] }[direction];
    let best = -1;
    let least = Infinity;
    nodes.forEach((node, number) => {
      const ahead = sign * (alongX ? node.x - here.x : node.y - here.y);
      const aside = Math.abs(alongX ? node.y - here.y : node.x - here.x);
      if (ahead > 4 && ahead + 2 * aside < least) [best, least] = [number, ahead + 2 * aside];
    });
    if (best < 0) return;
    this.#setCurrent(best);
    this.nodeElements[best].scrollIntoView({ block: "nearest", inline: "nearest" });
    this.on.hover(nodes[best].select);
  }

  #showCrumbs() {
    this.crumbs.replaceChildren();
    const trail = crumbsOf(this.atlas, this.selection);
    trail.forEach(({ title, select }, number) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = title;
      if (number === trail.length - 1) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => this.on.choose(select));
      item.append(button);
      this.crumbs.append(item);
    });
  }
}

/** Puts the value of a scalar into its node. */
function sayValue(node, level, values) {
  const op = node.op ?? (level === "vector" ? node.select?.op : undefined);
  if (op === undefined) return;
  const value = shortNumber(values.value[op], 4);
  if (node.sub === "const") return;
  node.sub = level === "vector" ? value : `${node.sub} = ${value}`;
}

/** Boxes around the nodes of the same layer and direction. */
function groupBoxes(nodes) {
  const groups = new Map();
  for (const node of nodes) {
    if (!node.group) continue;
    const key = `${node.group} ${node.way}`;
    const [left, top] = [node.x - node.width / 2 - 10, node.y - node.height / 2 - 8];
    const [right, bottom] = [node.x + node.width / 2 + 10, node.y + node.height / 2 + 8];
    const box = groups.get(key) ?? [left, top, right, bottom, node.group];
    box[0] = Math.min(box[0], left);
    box[1] = Math.min(box[1], top);
    box[2] = Math.max(box[2], right);
    box[3] = Math.max(box[3], bottom);
    groups.set(key, box);
  }
  return [...groups.values()].map(([left, top, right, bottom, name]) => {
    const label = svgElement("text", { x: left + 8, y: top + 14 });
    label.textContent = name;
    const box = svgElement("rect", { x: left, y: top, width: right - left, height: bottom - top, rx: 10 });
    return svgElement("g", { class: "group" }, box, label);
  });
}

function edgePath(from, to) {
  if (from.way !== to.way && Math.abs(from.y - to.y) < 1) {
    const side = from.x < to.x ? 1 : -1;
    return `M${from.x + (side * from.width) / 2} ${from.y} L${to.x - (side * to.width) / 2} ${to.y}`;
  }
  const down = from.y < to.y ? 1 : -1;
  const [x1, y1, x2, y2] = [from.x, from.y + (down * from.height) / 2, to.x, to.y - (down * to.height) / 2];
  const bend = Math.max(12, Math.abs(y2 - y1) / 2) * down;
  const [start, first, second, end] = [[x1, y1], [x1, y1 + bend], [x2, y2 - bend], [x2, y2]].map(
    ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`,
  );
  return `M${start} C${first} ${second} ${end}`;
}

/** What a click on a node selects: levels with a single node are passed over. */
function deeper(atlas, level, select) {
  if (level !== "model" || !("block" in select) || select.scope !== undefined) return select;
  const block = atlas.blocks.indexOf(select.block);
  const scopes = new Set();
  for (let node = 0; node < atlas.graph.size; node++) if (atlas.block[node] === block) scopes.add(atlas.scope[node]);
  return scopes.size === 1 ? { ...select, scope: atlas.scopes[[...scopes][0]] } : select;
}

/** The selection one level up. */
function shallower(atlas, selection) {
  const trail = crumbsOf(atlas, selection);
  return trail.length > 1 ? trail.at(-2).select : null;
}

/** The way from the whole model to a selection. */
function crumbsOf(atlas, selection) {
  const trail = [{ title: "model", select: null }];
  if (!selection || "pane" in selection) return trail;
  const isOp = "op" in selection;
  const { block, scope, way, vector } = isOp ? atlas.around(selection.op) : selection;
  if (block !== undefined) trail.push({ title: block, select: way ? { block, way } : { block } });
  if (scope !== undefined) trail.push({ title: scope, select: way ? { block, scope, way } : { block, scope } });
  if (vector !== undefined) {
    trail.push({ title: vector.replace(/(\d+)\.(.*)/, "$2, line $1"), select: { block, scope, way, vector } });
  }
  if (isOp) trail.push({ title: atlas.graph.label(selection.op), select: selection });
  return trail;
}
