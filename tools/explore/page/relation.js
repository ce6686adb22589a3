// Which lines of a text belong to which operations. Both belong to groups (a statement, a loop nest, a line of the
// model); an operation and a line belong to each other if they share one.

class Relation {
  /**
   * @param opStart,opGroups the groups of operation n are opGroups[opStart[n]] up to opGroups[opStart[n + 1]].
   * @param lineStart,lineGroups likewise for lines, counted from 0.
   */
  constructor(groups, opStart, opGroups, lineStart, lineGroups) {
    Object.assign(this, { groups, opStart, opGroups, lineStart, lineGroups });
    this.lines = lineStart.length - 1;
    this.litGroups = new Uint8Array(groups);
    this.litLines = new Uint8Array(this.lines);
  }

  /** A relation of operations with lines that are numbered as they are. */
  static identity(count) {
    const start = Int32Array.from({ length: count + 1 }, (_, place) => place);
    return new Relation(count, start, start, start, start);
  }

  /** Marks in `ops` those that belong to a line; the others are unmarked. */
  markOps(line, ops) {
    const groups = this.litGroups.fill(0);
    for (let i = this.lineStart[line]; i < this.lineStart[line + 1]; i++) groups[this.lineGroups[i]] = 1;
    const { opStart, opGroups } = this;
    for (let op = 0; op < ops.length; op++) {
      let lit = 0;
      for (let i = opStart[op]; i < opStart[op + 1]; i++) lit |= groups[opGroups[i]];
      ops[op] = lit;
    }
  }

  /** A mark for each line: whether it belongs to one of the operations marked in `ops`. */
  markLines(ops) {
    const groups = this.litGroups.fill(0);
    const { opStart, opGroups, lineStart, lineGroups, litLines } = this;
    for (let op = 0; op < ops.length; op++) {
      if (ops[op]) for (let i = opStart[op]; i < opStart[op + 1]; i++) groups[opGroups[i]] = 1;
    }
    for (let line = 0; line < this.lines; line++) {
      let lit = 0;
      for (let i = lineStart[line]; i < lineStart[line + 1]; i++) lit |= groups[lineGroups[i]];
      litLines[line] = lit;
    }
    return litLines;
  }

  /** Whether any operation belongs to the line. */
  isLinked(line) {
    return this.lineStart[line + 1] > this.lineStart[line];
  }
}
