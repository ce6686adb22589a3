// Which lines of a text belong to which operations. Lines belong to units (a statement, a loop nest, a line of the
// model), and units carry out operations.

class Relation {
  /**
   * @param lineStart,lineUnits the units of line n are lineUnits[lineStart[n]] up to lineUnits[lineStart[n + 1]]; lines
   *     count from 0.
   * @param unitStart,unitOps likewise the operations of each unit.
   */
  constructor(lineStart, lineUnits, unitStart, unitOps) {
    Object.assign(this, { lineStart, lineUnits, unitStart, unitOps });
    this.lines = lineStart.length - 1;
    this.units = unitStart.length - 1;
    this.litUnits = new Uint8Array(this.units);
    this.litLines = new Uint8Array(this.lines);
    this.orphans = [];
  }

  /** Leaves that have no unit are spelled out wherever they are used: their lines are those of their users. */
  adopt(graph) {
    const known = new Uint8Array(graph.size);
    for (const op of this.unitOps) known[op] = 1;
    for (let op = 0; op < graph.size; op++) if (!known[op] && graph.isLeaf[graph.op[op]]) this.orphans.push(op);
    this.graph = graph;
    return this;
  }

  /** A relation of operations with lines that are numbered as they are. */
  static identity(count) {
    const start = Int32Array.from({ length: count + 1 }, (_, place) => place);
    const relation = new Relation(start, start, start, start);
    relation.isIdentity = true;
    return relation;
  }

  /** Marks in `ops` those that belong to a line; the others are unmarked. */
  markOps(line, ops) {
    ops.fill(0);
    const { lineStart, lineUnits, unitStart, unitOps } = this;
    for (let i = lineStart[line]; i < lineStart[line + 1]; i++) {
      const unit = lineUnits[i];
      for (let j = unitStart[unit]; j < unitStart[unit + 1]; j++) ops[unitOps[j]] = 1;
    }
  }

  /** A mark for each line: whether it belongs to one of the operations marked in `ops`. */
  markLines(ops) {
    if (this.isIdentity) return ops;
    const lit = this.orphans.filter((op) => ops[op]);
    if (lit.length) {
      ops = ops.slice();
      for (const op of lit) for (const user of this.graph.users(op)) ops[user] = 1;
    }
    const { lineStart, lineUnits, unitStart, unitOps, litUnits, litLines } = this;
    for (let unit = 0; unit < this.units; unit++) {
      let lit = 0;
      for (let j = unitStart[unit]; j < unitStart[unit + 1] && !lit; j++) lit = ops[unitOps[j]];
      litUnits[unit] = lit;
    }
    for (let line = 0; line < this.lines; line++) {
      let lit = 0;
      for (let i = lineStart[line]; i < lineStart[line + 1] && !lit; i++) lit = litUnits[lineUnits[i]];
      litLines[line] = lit;
    }
    return litLines;
  }

  /** Whether any operation belongs to the line. */
  isLinked(line) {
    return this.lineStart[line + 1] > this.lineStart[line];
  }
}
