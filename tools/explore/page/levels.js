// The levels of the drawing: which nodes stand for which operations, and what they hand on. From the whole model (a
// node for each block and direction) to one block (a node for each scope), one scope (a node for the operations of one
// kind and line), one kind (a node for each statement), and one operation with its neighbours.

const MOST_NODES = 120;
const MOST_NEIGHBOURS = 24;
const MOST_RELATIVES = 12;

/** The picture that shows a selection: nodes, edges, and `nodeOf`, the node of each operation or -1. */
function pictureOf(atlas, selection) {
  if (selection && "op" in selection) return neighbourhood(atlas, selection.op);
  if (!selection || "pane" in selection) return modelPicture(atlas);
  if (selection.vector !== undefined) return vectorPicture(atlas, selection);
  if (selection.scope !== undefined) return scopePicture(atlas, selection);
  return blockPicture(atlas, selection);
}

function opsText(count) {
  return count === 1 ? "1 op" : `${grouped(count)} ops`;
}

/** Collects nodes by key, in the order of their first operation, and edges between them. */
class Picture {
  constructor(atlas, level) {
    this.atlas = atlas;
    this.level = level;
    this.nodes = [];
    this.byKey = new Map();
    this.nodeOf = new Int32Array(atlas.graph.size).fill(-1);
    this.edges = new Map();
    this.left = 0;
  }

  node(key, make) {
    let place = this.byKey.get(key);
    if (place === undefined) {
      place = this.nodes.length;
      this.nodes.push({ count: 0, ...make() });
      this.byKey.set(key, place);
    }
    return place;
  }

  edge(from, to) {
    if (from === to || from < 0 || to < 0) return;
    const key = from * 4096 + to;
    this.edges.set(key, (this.edges.get(key) ?? 0) + 1);
  }

  edgeList() {
    return [...this.edges].map(([key, count]) => ({ from: Math.floor(key / 4096), to: key % 4096, count }));
  }
}

function wayOf(graph, node) {
  return graph.isBackward(node) ? "backward" : "forward";
}

/** Nodes by `keyOf(operation)` (null: not in the picture) and the edges between them. */
function gather(picture, keyOf, make) {
  const { graph } = picture.atlas;
  for (let node = 0; node < graph.size; node++) {
    const key = keyOf(node);
    if (key === null) continue;
    const place = picture.node(key, () => make(node));
    picture.nodeOf[node] = place;
    picture.nodes[place].count += graph.times(node);
  }
}

/** Edges of all operations; those that come from or go to what is not in the picture lead to neighbours. */
function connect(picture, neighbours) {
  const { graph } = picture.atlas;
  const own = picture.nodeOf.slice();
  for (let node = 0; node < graph.size; node++) {
    for (const operand of graph.operands(node)) {
      if (own[node] >= 0 && own[operand] >= 0) picture.edge(own[operand], own[node]);
      else if (own[node] >= 0 && neighbours) picture.edge(neighbour(picture, operand, wayOf(graph, node)), own[node]);
      else if (own[operand] >= 0 && neighbours) {
        picture.edge(own[operand], neighbour(picture, node, wayOf(graph, node)));
      }
    }
    if (neighbours && own[node] >= 0 && graph.names[graph.op[node]] === "gather") {
      const tensor = graph.meta.inputs.findLast((each) => each.start <= graph.meta.tables[graph.attribute[node]][0]);
      picture.edge(tensorNode(picture, tensor, "forward"), own[node]);
    }
  }
  if (!neighbours) return;
  for (let node = 0; node < graph.size; node++) {
    if (own[node] >= 0) continue;
    const key = neighbourKey(picture, node, wayOf(graph, node));
    picture.nodeOf[node] = picture.byKey.get(key) ?? -1;
  }
}

function neighbourKey(picture, node, way) {
  const { atlas } = picture;
  if (atlas.block[node] >= 0) return `near ${atlas.block[node]} ${wayOf(atlas.graph, node)}`;
  if (atlas.graph.names[atlas.graph.op[node]] !== "input") return null;
  return `tensor ${tensorOf(atlas.graph, node).name} ${way}`;
}

function tensorOf(graph, node) {
  return graph.meta.inputs.findLast((each) => each.start <= graph.attribute[node]);
}

function tensorNode(picture, tensor, way) {
  return picture.node(`tensor ${tensor.name} ${way}`, () => ({
    title: tensor.name, sub: tensor.shape.join(" × ") || "a number", way, near: true, select: null,
  }));
}

function neighbour(picture, node, way) {
  const { atlas } = picture;
  const key = neighbourKey(picture, node, way);
  if (key === null) return -1;
  if (key.startsWith("tensor")) return tensorNode(picture, tensorOf(atlas.graph, node), way);
  const block = atlas.blocks[atlas.block[node]];
  return picture.node(key, () => ({
    title: block, sub: "", way: wayOf(atlas.graph, node), near: true, select: { block, way: wayOf(atlas.graph, node) },
  }));
}

function modelPicture(atlas) {
  const picture = new Picture(atlas, "model");
  const { graph } = atlas;
  gather(
    picture,
    (node) => (atlas.block[node] < 0 ? null : atlas.block[node] * 2 + graph.isBackward(node)),
    (node) => {
      const block = atlas.blocks[atlas.block[node]];
      const [, layer, rest] = block.match(/^(layer\d+)(?:\.| (?=\())(.*)$/) ?? [];
      const title = rest ? rest.replace(/^\((\d+)\)$/, "add ($1)") : block;
      return { title, group: layer, twin: block, way: wayOf(graph, node), select: { block, way: wayOf(graph, node) } };
    },
  );
  connect(picture, false);
  for (const node of picture.nodes) node.sub = opsText(node.count);
  return picture;
}

function blockPicture(atlas, { block }) {
  const picture = new Picture(atlas, "block");
  const { graph } = atlas;
  const number = atlas.blocks.indexOf(block);
  gather(
    picture,
    (node) => (atlas.block[node] === number ? atlas.scope[node] * 2 + graph.isBackward(node) : null),
    (node) => {
      const scope = atlas.scopes[atlas.scope[node]];
      const way = wayOf(graph, node);
      return { title: scope, way, cell: cellOf(scope), select: { block, scope, way } };
    },
  );
  connect(picture, true);
  const shared = block.replace(/ \(\d+\)$/, "").split(".");
  for (const node of picture.nodes) {
    if (node.near) continue;
    node.sub = opsText(node.count);
    // What all have in common is said by the block's name already.
    const numbers = node.title.split(".").filter((part) => /\d$/.test(part) && !shared.includes(part));
    node.title = numbers.join(" ") || node.title;
  }
  return picture;
}

/** Row and column of a scope in its block: the number of its position, and the other numbers. */
function cellOf(scope) {
  const numbers = [...scope.matchAll(/(\d+)(?=\.|$)/g)].map((match) => Number(match[1]));
  return [numbers[0] ?? 0, numbers.at(-1) ?? 0];
}

function scopePicture(atlas, { block, scope }) {
  const picture = new Picture(atlas, "scope");
  const { graph } = atlas;
  const [blockNumber, scopeNumber] = [atlas.blocks.indexOf(block), atlas.scopes.indexOf(scope)];
  gather(
    picture,
    (node) =>
      atlas.block[node] === blockNumber && atlas.scope[node] === scopeNumber
        ? `${atlas.vector[node]} ${graph.isBackward(node)}`
        : null,
    (node) => {
      const kind = graph.names[graph.op[node]];
      return { kind, line: graph.originOf(node), way: wayOf(graph, node), select: atlas.around(node) };
    },
  );
  connect(picture, true);
  for (const node of picture.nodes) {
    if (node.near) continue;
    node.title = `${grouped(node.count)} ${node.kind}`;
    node.sub = `${node.line.file}:${node.line.line}`;
  }
  return picture;
}

function vectorPicture(atlas, selection) {
  const picture = new Picture(atlas, "vector");
  const { graph } = atlas;
  const marks = new Uint8Array(graph.size);
  atlas.mark(selection, marks);
  const shown = new Set();
  for (let node = 0; node < graph.size; node++) {
    if (!marks[node]) continue;
    const root = graph.root[node] < 0 ? node : graph.root[node];
    if (shown.has(root)) continue;
    if (shown.size < MOST_NODES) shown.add(root);
    else picture.left++;
  }
  gather(
    picture,
    (node) => (shown.has(graph.root[node] < 0 ? node : graph.root[node]) ? graph.root[node] : null),
    (node) => {
      const root = graph.root[node] < 0 ? node : graph.root[node];
      return { title: graph.label(root), way: wayOf(graph, root), select: { op: root } };
    },
  );
  connect(picture, false);
  for (const node of picture.nodes) node.sub = opsText(node.count);
  return picture;
}

/** An operation with what it is computed from, three steps back, what uses it, and what differentiates it. */
function neighbourhood(atlas, centre) {
  const picture = new Picture(atlas, "op");
  const { graph } = atlas;
  const distance = new Map([[centre, 0]]);
  let reach = [centre];
  for (let step = 1; step <= 3 && distance.size < 40; step++) {
    const further = [];
    for (const node of reach) {
      for (const operand of graph.operands(node)) {
        if (distance.has(operand)) continue;
        if (distance.size >= 40) {
          picture.left++;
          continue;
        }
        distance.set(operand, step);
        further.push(operand);
      }
    }
    reach = further;
  }
  const users = [...new Set(graph.users(centre))];
  for (const user of users.slice(0, MOST_NEIGHBOURS)) if (!distance.has(user)) distance.set(user, -1);
  picture.left += Math.max(0, users.length - MOST_NEIGHBOURS);
  const relatives = graph.isLeaf[graph.op[centre]] ? [] : graph.family(centre);
  for (const relative of relatives.slice(0, MOST_RELATIVES)) if (!distance.has(relative)) distance.set(relative, -1);
  // A constant stands beside each of its users: one for all would tie the drawing into a knot.
  for (const node of [...distance.keys()].sort((one, other) => one - other)) {
    const kind = graph.names[graph.op[node]];
    const leaf = graph.isLeaf[graph.op[node]];
    const place = picture.node(node, () => ({
      title: leaf ? graph.label(node) : graph.meta.ops[graph.op[node]].symbol,
      sub: leaf ? kind : graph.label(node),
      way: wayOf(graph, node),
      near: leaf,
      centre: node === centre,
      op: node,
      select: { op: node },
    }));
    picture.nodeOf[node] = place;
    picture.nodes[place].count = 1;
  }
  for (const node of distance.keys()) {
    for (const operand of graph.operands(node)) picture.edge(picture.nodeOf[operand], picture.nodeOf[node]);
  }
  return picture;
}
