// What is selected, and how the address says it. A selection is one of
//   { op }                              one operation
//   { pane, line }                      a line of the listing of that name, counted from 1
//   { block, scope?, way?, vector? }    a block of the model; of it one scope; of that the operations of one kind
// and none at all is null.

/** A selection from the part of the address behind `#`; null if it says none that exists. */
function parseSelection(hash, atlas) {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const isBelow = (text, end) => /^\d+$/.test(text ?? "") && Number(text) < end;
  if (isBelow(words.get("op"), atlas.graph.size)) return { op: Number(words.get("op")) };
  for (const [pane, relation] of Object.entries(atlas.relations)) {
    const line = words.get(pane);
    if (isBelow(line, relation.lines + 1) && line !== "0") return { pane, line: Number(line) };
  }
  const block = words.get("block");
  if (!atlas.blocks.includes(block)) return null;
  const selection = { block };
  for (const name of ["scope", "way", "vector"]) if (words.has(name)) selection[name] = words.get(name);
  return selection;
}

/** The selection as part of an address. */
function formatSelection(selection) {
  if (!selection) return "";
  if ("pane" in selection) return new URLSearchParams({ [selection.pane]: selection.line }).toString();
  return new URLSearchParams(selection).toString();
}

/** Everything that lines and nodes are looked up in: the graph, the blocks, and each listing's relation to them. */
class Atlas {
  constructor(graph, blocks, blockOfTraced, relations) {
    this.graph = graph;
    this.blocks = blocks;
    this.relations = relations;
    this.block = new Int16Array(graph.size).fill(-1);
    this.scopes = [...new Set(graph.meta.origins.map((origin) => origin.scope))];
    const scopeOfOrigin = graph.meta.origins.map((origin) => this.scopes.indexOf(origin.scope));
    const kinds = new Map();
    this.scope = new Int32Array(graph.size);
    this.vector = new Int32Array(graph.size);
    for (let node = 0; node < graph.size; node++) {
      this.scope[node] = scopeOfOrigin[graph.origin[node]];
      const kind = `${graph.originOf(node).at}.${graph.names[graph.op[node]]}`;
      if (!kinds.has(kind)) kinds.set(kind, kinds.size);
      this.vector[node] = kinds.get(kind);
      if (!graph.isLeaf[graph.op[node]]) {
        const source = graph.source[node];
        this.block[node] = blockOfTraced[source < 0 ? ~source : source] ?? -1;
      }
    }
    this.vectors = [...kinds.keys()];
  }

  /** Marks the operations of a selection in `ops`, and unmarks the others. */
  mark(selection, ops) {
    ops.fill(0);
    if (!selection) return;
    if ("op" in selection) {
      ops[selection.op] = 1;
    } else if ("pane" in selection) {
      this.relations[selection.pane].markOps(selection.line - 1, ops);
    } else {
      const { graph } = this;
      const block = this.blocks.indexOf(selection.block);
      const scope = selection.scope === undefined ? -1 : this.scopes.indexOf(selection.scope);
      const vector = selection.vector === undefined ? -1 : this.vectors.indexOf(selection.vector);
      for (let node = 0; node < graph.size; node++) {
        ops[node] =
          this.block[node] === block &&
          (selection.scope === undefined || this.scope[node] === scope) &&
          (selection.vector === undefined || this.vector[node] === vector) &&
          (selection.way === undefined || graph.isBackward(node) === (selection.way === "backward"));
      }
    }
  }

  /** The selection of everything that stands with an operation: its block, scope, way and kind. */
  around(node) {
    if (this.block[node] < 0) return { op: node };
    return {
      block: this.blocks[this.block[node]],
      scope: this.scopes[this.scope[node]],
      way: this.graph.isBackward(node) ? "backward" : "forward",
      vector: this.vectors[this.vector[node]],
    };
  }
}
