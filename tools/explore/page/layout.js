// Places for the nodes of a picture: forward on the left, backward on the right, each in layers from above to below.
// Where a backward node has a forward twin, it stands beside it, and the backward pass runs upwards.

const NODE_HEIGHT = 34;
const ROW_GAP = 18;
const COLUMN_GAP = 10;
const WIDEST_ROW = 640;
const HALF_GAP = 44;

/**
 * Sets `x`, `y` (centres), `width` and `height` of each node; returns the size of the whole.
 * @param isStacked whether backward stands below forward instead of beside it.
 */
function placeNodes(nodes, edges, isStacked) {
  for (const node of nodes) {
    node.width = Math.max(56, 16 + Math.max(7.1 * node.title.length, 6.2 * node.sub.length));
    node.height = NODE_HEIGHT;
  }
  const halves = ["forward", "backward"].map((way) => nodes.filter((node) => node.way === way));
  const [forward, backward] = halves;
  const hasTwins = forward.some((node) => node.twin) && backward.length > 0;
  const forwardRows = rowsOf(forward, nodes, edges);
  const backwardRows = hasTwins ? twinRows(backward, forwardRows) : rowsOf(backward, nodes, edges);
  const spans = [];
  let [left, top, right, bottom] = [0, 0, 0, 0];
  for (const rows of [forwardRows, backwardRows]) {
    if (!rows.length) continue;
    const lines = hasTwins ? rows : rows.flatMap(brokenRow);
    const width = Math.max(...lines.map(widthOf));
    lines.forEach((line, number) => {
      let x = left + (width - widthOf(line)) / 2;
      for (const node of line) {
        node.x = x + node.width / 2;
        node.y = top + number * (NODE_HEIGHT + ROW_GAP) + NODE_HEIGHT / 2;
        x += node.width + COLUMN_GAP;
      }
    });
    spans.push({ way: rows.flat()[0].way, left, top, width, nodes: rows.flat() });
    right = Math.max(right, left + width);
    bottom = Math.max(bottom, top + lines.length * (NODE_HEIGHT + ROW_GAP) - ROW_GAP);
    if (isStacked) top = bottom + HALF_GAP;
    else left = right + HALF_GAP;
  }
  for (const span of isStacked ? spans : []) {
    const shift = (right - span.width) / 2;
    span.left += shift;
    for (const node of span.nodes) node.x += shift;
  }
  return { width: right, height: bottom, spans };
}

function widthOf(row) {
  return row.reduce((sum, node) => sum + node.width + COLUMN_GAP, -COLUMN_GAP);
}

/** A row as several, each narrow enough. */
function brokenRow(row) {
  const lines = [[]];
  for (const node of row) {
    if (lines.at(-1).length && widthOf([...lines.at(-1), node]) > WIDEST_ROW) lines.push([]);
    lines.at(-1).push(node);
  }
  return lines;
}

function twinRows(nodes, forwardRows) {
  const rows = forwardRows.map(() => []);
  for (const node of nodes) {
    const row = forwardRows.findIndex((line) => line.some((twin) => twin.twin === node.twin));
    rows[row < 0 ? 0 : row].push(node);
  }
  forwardRows.forEach((line, number) => {
    const order = new Map(line.map((node, place) => [node.twin, place]));
    rows[number].sort((one, other) => (order.get(one.twin) ?? 0) - (order.get(other.twin) ?? 0));
  });
  return rows;
}

/** The nodes in rows: by their cells where they have some, else each below all that it depends on. */
function rowsOf(part, nodes, edges) {
  if (!part.length) return [];
  const celled = part.filter((node) => node.cell);
  const layer = new Map(part.map((node) => [node, 0]));
  const inside = edges
    .map((edge) => [nodes[edge.from], nodes[edge.to]])
    .filter(([from, to]) => layer.has(from) && layer.has(to));
  if (celled.length) return cellRows(part, celled, inside);
  const waiting = new Map(part.map((node) => [node, 0]));
  const users = new Map(part.map((node) => [node, []]));
  for (const [from, to] of inside) {
    waiting.set(to, waiting.get(to) + 1);
    users.get(from).push(to);
  }
  // In topological order; where there is a circle, it is broken at the node that comes first.
  const ready = part.filter((node) => waiting.get(node) === 0);
  const done = new Set();
  while (done.size < part.length) {
    const node = ready.shift() ?? part.find((each) => !done.has(each));
    if (done.has(node)) continue;
    done.add(node);
    for (const user of users.get(node)) {
      if (done.has(user)) continue;
      layer.set(user, Math.max(layer.get(user), layer.get(node) + 1));
      waiting.set(user, waiting.get(user) - 1);
      if (waiting.get(user) === 0) ready.push(user);
    }
  }
  // What nothing depends on within the picture from above moves down to just above its first user.
  for (const node of [...done].reverse()) {
    const below = users.get(node).map((user) => layer.get(user)).filter((depth) => depth > layer.get(node));
    if (below.length && !inside.some(([, to]) => to === node)) layer.set(node, Math.min(...below) - 1);
  }
  const rows = [];
  for (const node of part) (rows[layer.get(node)] ??= []).push(node);
  return orderRows(rows.filter(Boolean), inside);
}

function cellRows(part, celled, inside) {
  const rows = [];
  for (const node of celled) (rows[node.cell[0]] ??= []).push(node);
  for (const row of rows.filter(Boolean)) row.sort((one, other) => one.cell[1] - other.cell[1]);
  const givers = part.filter((node) => !node.cell && inside.some(([from]) => from === node));
  const others = part.filter((node) => !node.cell && !givers.includes(node));
  return [givers, ...rows.filter(Boolean), others].filter((row) => row.length);
}

/** Orders each row by where its neighbours in other rows stand (Sugiyama's barycentres), so that fewer edges cross. */
function orderRows(rows, edges) {
  const place = new Map();
  const number = () => rows.forEach((row) => row.forEach((node, at) => place.set(node, (at + 0.5) / row.length)));
  number();
  const around = new Map(rows.flat().map((node) => [node, []]));
  for (const [from, to] of edges) {
    around.get(from).push(to);
    around.get(to).push(from);
  }
  for (let sweep = 0; sweep < 6; sweep++) {
    for (const row of sweep % 2 ? rows.toReversed() : rows) {
      const wish = new Map(
        row.map((node) => {
          const others = around.get(node).map((other) => place.get(other));
          return [node, others.length ? others.reduce((sum, at) => sum + at, 0) / others.length : place.get(node)];
        }),
      );
      row.sort((one, other) => wish.get(one) - wish.get(other));
      row.forEach((node, at) => place.set(node, (at + 0.5) / row.length));
    }
  }
  return rows;
}
