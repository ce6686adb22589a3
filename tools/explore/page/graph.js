// The graph of operations: the columns of compiler/ir/graph.py, and what follows from them.

class Graph {
  /**
   * @param meta what the page knows of the graph: `ops`, `origins`, `constants`, `tables`, `inputs`, ...; `places`, if
   *   its operations are places in loops: how often each is carried out, and the statement that it is in.
   * @param columns `op`, `attribute`, `origin`, `source`, `root`: an integer for each operation; `flat`, the operands
   *   of all, and `starts`, where those of each begin.
   */
  constructor(meta, columns) {
    Object.assign(this, columns);
    this.meta = meta;
    this.places = meta.places ?? null;
    this.size = columns.op.length;
    this.names = meta.ops.map((row) => row.name);
    const leaves = ["const", "input", "index"];
    this.isLeaf = this.names.map((name) => leaves.includes(name));
  }

  /** The operations that `node` is computed from, in order. */
  operands(node) {
    return Array.from(this.flat.subarray(this.starts[node], this.starts[node + 1]));
  }

  /** Whether differentiation added the operation. */
  isBackward(node) {
    return this.source[node] < 0;
  }

  /** How often the operation is carried out. */
  times(node) {
    return this.places ? this.places.times[node] : 1;
  }

  originOf(node) {
    return this.meta.origins[this.origin[node]];
  }

  /** What uses `node`, ascending. */
  users(node) {
    this.#findUsers();
    return this.userList.subarray(this.userStart[node], this.userStart[node + 1]);
  }

  #findUsers() {
    if (this.userStart) return;
    const { size, starts, flat } = this;
    const owner = new Int32Array(flat.length);
    for (let node = 0; node < size; node++) owner.fill(node, starts[node], starts[node + 1]);
    [this.userStart, this.userList] = groupedBy(flat, size, (place) => owner[place]);
  }

  /** The operations that came from the same operation of the trace: itself, if forward, and what differentiates it. */
  family(node) {
    if (!this.familyStart) {
      const traced = this.source.map((source) => (source < 0 ? ~source : source));
      const count = traced.reduce((most, each) => Math.max(most, each), -1) + 1;
      [this.familyStart, this.familyList] = groupedBy(traced, count, (other) => other);
      this.traced = traced;
    }
    const traced = this.traced[node];
    return Array.from(this.familyList.subarray(this.familyStart[traced], this.familyStart[traced + 1]));
  }

  /** The name of an input: `layer0.attn_wq[2,5]`. */
  inputName(number) {
    const tensor = this.meta.inputs.findLast((each) => each.start <= number);
    if (this.places) return tensor.name;
    let offset = number - tensor.start;
    const subscripts = [];
    for (const extent of tensor.shape.toReversed()) {
      subscripts.unshift(offset % extent);
      offset = Math.floor(offset / extent);
    }
    return subscripts.length ? `${tensor.name}[${subscripts.join(",")}]` : tensor.name;
  }

  /** An operation as the text form of graphs has it: `%17 = mul %3, %9`. */
  text(node) {
    const row = this.meta.ops[this.op[node]];
    let fields = this.operands(node).map((operand) => `%${operand}`);
    if (row.fixed !== null) fields = [...fields.slice(0, row.fixed), `(${fields.slice(row.fixed).join(", ")})`];
    const isSaid = row.attribute !== "-" && (!this.places || row.attribute === "constant");
    if (isSaid) fields.push(this.#attributeText(row.attribute, this.attribute[node]));
    return `%${node} = ${row.name} ${fields.join(", ")}`;
  }

  #attributeText(kind, number) {
    if (kind === "constant") return this.meta.constants[number];
    if (kind === "table") {
      const [base, stride, count] = this.meta.tables[number];
      return `[${base} + ${stride} * i, i < ${count}]`;
    }
    return String(number);
  }

  /** What stands behind the operation in the listing: what it is called and where it comes from. */
  trail(node) {
    const origin = this.originOf(node);
    if (this.isLeaf[this.op[node]]) return this.label(node);
    const place = `${origin.file}:${origin.line} ${origin.scope || origin.function}`;
    return `${place}${this.isBackward(node) ? " backward" : ""}`;
  }

  /** A short name for people: that of its statement, of an input or of a constant, or its number. */
  label(node) {
    const kind = this.names[this.op[node]];
    if (kind === "input") return this.inputName(this.attribute[node]);
    if (kind === "const") return shortNumber(this.meta.numbers[this.attribute[node]]);
    if (kind === "index") {
      const tensor = this.meta.indices.findLast((each) => each.start <= this.attribute[node]);
      return this.places ? tensor.name : `${tensor.name}[${this.attribute[node] - tensor.start}]`;
    }
    return this.statementName.get(node) ?? `%${node}`;
  }
}

/**
 * What has each key: a list of all, by key, and where those of each begin. Columns of numbers, since a graph is large.
 * @param keys from 0 to `count` - 1.
 * @param itemOf what stands at a place of `keys`.
 */
function groupedBy(keys, count, itemOf) {
  const start = new Int32Array(count + 1);
  for (const key of keys) start[key + 1]++;
  for (let key = 0; key < count; key++) start[key + 1] += start[key];
  const next = start.slice(0, count);
  const list = new Int32Array(keys.length);
  for (let place = 0; place < keys.length; place++) list[next[keys[place]]++] = itemOf(place);
  return [start, list];
}

/** A number with at most six digits, or as many as said. */
function shortNumber(value, digits = 6) {
  if (value === null || value === undefined) return "–";
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const isOrdinary = Math.abs(value) >= 1e-4 && Math.abs(value) < 1e6;
  const text = isOrdinary ? String(Number(value.toPrecision(digits))) : value.toExponential(digits - 2);
  return text.replace(/\.?0+e/, "e").replace("-", "−");
}

/** A whole number with separators. */
function grouped(count) {
  return count.toLocaleString("en-US");
}
