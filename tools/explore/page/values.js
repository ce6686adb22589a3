// What every operation is worth for one text, and its gradient. The page carries the graph out by itself: additions,
// multiplications and divisions are the same in every language, and what the C library's functions gave is in the data,
// so that values have the bits of the compiled program.

class Values {
  /**
   * @param inputs what the graph reads, by number.
   * @param indices the whole numbers it reads.
   * @param given the values of the operations that are not carried out here, in the order of the graph.
   * @param slopes the derivatives of those of them that have any, operand by operand.
   * @param result the name of the output that gradients are those of.
   */
  constructor(graph, inputs, indices, given, slopes, result) {
    this.graph = graph;
    this.value = evaluate(graph, inputs, indices, given);
    this.slopes = slopes;
    this.slopeStart = slopeStarts(graph);
    this.result = graph.meta.outputs.find((output) => output.name === result)?.node ?? -1;
    this.gradient = new Float64Array(graph.size);
    this.reached = new Uint8Array(graph.size);
    this.inputGradient = new Float64Array(inputs.length);
    this.#differentiate();
  }

  /** Reverse mode over the forward operations. The walk adds up what `contributions` tells one by one. */
  #differentiate() {
    const { graph, gradient, reached, result } = this;
    if (result < 0) return;
    gradient[result] = 1;
    reached[result] = 1;
    for (let node = result; node >= 0; node--) {
      if (!reached[node] || graph.isBackward(node)) continue;
      const kind = graph.names[graph.op[node]];
      if (kind === "input") this.inputGradient[graph.attribute[node]] += gradient[node];
      if (kind === "gather") this.inputGradient[this.gathered(node)] += gradient[node];
      for (const operand of new Set(graph.operands(node))) {
        const local = this.local(node, operand);
        if (local === null) continue;
        gradient[operand] += local * gradient[node];
        reached[operand] = 1;
      }
    }
  }

  /** The number of the input that a gather has chosen. */
  gathered(node) {
    const { graph, value } = this;
    const [base, stride] = graph.meta.tables[graph.attribute[node]];
    return base + stride * value[graph.operands(node)[0]];
  }

  /** The derivative of `node` in `operand`; null where no gradient flows. */
  local(node, operand) {
    const { graph, value } = this;
    const kind = graph.names[graph.op[node]];
    if (kind === "select") {
      const [index, ...choices] = graph.operands(node);
      return operand === choices[value[index]] ? 1 : null;
    }
    if (kind === "branch") {
      const [condition, ...sides] = graph.operands(node);
      return operand === sides[value[condition] ? 0 : 1] ? 1 : null;
    }
    const [a, b] = graph.operands(node);
    const sides = [a, b].map((each, side) => (operand === each ? this.#side(kind, node, a, b, side) : null));
    const known = sides.filter((side) => side !== null);
    return known.length ? known.reduce((sum, side) => sum + side) : null;
  }

  #side(kind, node, a, b, side) {
    const { value, graph } = this;
    if (graph.meta.ops[graph.op[node]].sloped) return this.slopes[this.slopeStart.get(node) + side];
    switch (kind) {
      case "add": return 1;
      case "mul": return value[side ? a : b];
      case "div": return side ? -(value[node] / value[b]) : 1 / value[b];
      case "pow": return side ? null : value[b] * Math.pow(value[a], value[b] - 1);
      case "log": return 1 / value[a];
      case "exp": return value[node];
      case "relu": return value[a] > 0 ? 1 : 0;
      case "where": return side ? (value[a] ? 1 : 0) : null;
      case "unless": return side ? (value[a] ? 0 : 1) : null;
      default: return null;
    }
  }

  /** Where the gradient of a forward operation comes from: a row for each operation that uses it. */
  contributions(node) {
    const { graph, gradient, reached } = this;
    const rows = [];
    for (const user of new Set(graph.users(node))) {
      if (graph.isBackward(user) || !reached[user]) continue;
      const local = this.local(user, node);
      if (local !== null) rows.push({ user, local, upstream: gradient[user], value: local * gradient[user] });
    }
    return rows;
  }
}

/** Where the given derivatives of each operation begin. */
function slopeStarts(graph) {
  const starts = new Map();
  let next = 0;
  for (let node = 0; node < graph.size; node++) {
    if (graph.isBackward(node) || !graph.meta.ops[graph.op[node]].sloped) continue;
    starts.set(node, next);
    next += graph.starts[node + 1] - graph.starts[node];
  }
  return starts;
}

/** The value of every operation. */
function evaluate(graph, inputs, indices, given) {
  const { op, starts, flat, attribute, meta, names } = graph;
  const value = new Float64Array(graph.size);
  let next = 0;
  for (let node = 0; node < graph.size; node++) {
    const x = flat[starts[node]];
    const y = flat[starts[node] + 1];
    const own = attribute[node];
    switch (names[op[node]]) {
      case "const": value[node] = meta.numbers[own]; break;
      case "input": value[node] = inputs[own]; break;
      case "index": value[node] = indices[own]; break;
      case "gather": value[node] = inputs[meta.tables[own][0] + meta.tables[own][1] * value[x]]; break;
      case "add": value[node] = value[x] + value[y]; break;
      case "mul": value[node] = value[x] * value[y]; break;
      case "div": value[node] = value[x] / value[y]; break;
      case "relu": value[node] = value[x] > 0 ? value[x] : 0; break;
      case "step": value[node] = value[x] > 0 ? 1 : 0; break;
      case "max": value[node] = value[y] > value[x] ? value[y] : value[x]; break;
      case "equal": value[node] = value[x] === own ? 1 : 0; break;
      case "where": value[node] = value[x] ? value[y] : 0; break;
      case "unless": value[node] = value[x] ? 0 : value[y]; break;
      case "branch": value[node] = value[x] ? value[y] : value[flat[starts[node] + 2]]; break;
      case "select": value[node] = value[flat[starts[node] + 1 + value[x]]]; break;
      default: value[node] = given[next++];
    }
  }
  return value;
}
