// The characters on a plane: their embeddings, as seen where they differ most. The plane turns with them.

const VOWELS = new Set("aeiouy");

/** The two directions in which the rows of a matrix differ most, starting from those of the time before. */
function principal(rows, before) {
  const width = rows[0].length;
  const mean = rows[0].map((_, j) => rows.reduce((sum, row) => sum + row[j], 0) / rows.length);
  const centred = rows.map((row) => row.map((number, j) => number - mean[j]));
  let basis = before ?? [0, 1].map((k) => mean.map((_, j) => Math.sin((j + 1) * (k + 1.3))));
  // A few turns of orthogonal iteration; they converge from frame to frame.
  for (let turn = 0; turn < (before ? 3 : 60); turn++) {
    basis = basis.map((direction) => {
      const along = centred.map((row) => dot(row, direction));
      return mean.map((_, j) => centred.reduce((sum, row, i) => sum + row[j] * along[i], 0));
    });
    basis[0] = unit(basis[0]);
    const shared = dot(basis[0], basis[1]);
    basis[1] = unit(basis[1].map((number, j) => number - shared * basis[0][j]));
  }
  return { basis, points: centred.map((row) => basis.map((direction) => dot(row, direction))), width };
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function unit(vector) {
  const size = Math.sqrt(dot(vector, vector)) || 1;
  return vector.map((number) => number / size);
}

class Plane {
  constructor(canvas, palette, still) {
    Object.assign(this, { canvas, palette, still, targets: [], points: [], basis: null, scale: 0 });
  }

  clear() {
    Object.assign(this, { basis: null, points: [], scale: 0 });
  }

  /** Takes the embeddings: an array of rows. */
  show(rows, names) {
    if (!rows.every((row) => row.every(Number.isFinite))) return;
    const { basis, points } = principal(rows, this.basis);
    Object.assign(this, { basis, targets: points, names });
    if (this.points.length !== points.length) this.points = points.map((point) => [...point]);
  }

  /** Moves towards the targets; whether there is some way left. */
  move() {
    const share = this.still() ? 1 : 0.25;
    let way = 0;
    this.points.forEach((point, i) => {
      for (const k of [0, 1]) {
        const step = (this.targets[i][k] - point[k]) * share;
        point[k] += step;
        way = Math.max(way, Math.abs(step));
      }
    });
    const room = Math.max(1e-9, ...this.targets.map(([a, b]) => Math.max(Math.abs(a), Math.abs(b))));
    const wanted = 1.12 * room, before = this.scale;
    this.scale = before ? before + (wanted - before) * share : wanted;
    return way > 0.002 * this.scale || Math.abs(this.scale - before) > 0.002 * this.scale;
  }

  draw() {
    const { context, width, height } = sharpen(this.canvas), { palette } = this;
    const x = (a) => width / 2 + (a / this.scale) * (width / 2 - 12), y = (b) => height / 2 - (b / this.scale) * (height / 2 - 12);
    context.strokeStyle = palette.rule;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(Math.round(width / 2) + 0.5, 4);
    context.lineTo(Math.round(width / 2) + 0.5, height - 4);
    context.moveTo(4, Math.round(height / 2) + 0.5);
    context.lineTo(width - 4, Math.round(height / 2) + 0.5);
    context.stroke();
    context.textAlign = "center";
    context.textBaseline = "middle";
    this.points.forEach(([a, b], i) => {
      const vowel = VOWELS.has(this.names[i]);
      context.font = `${vowel ? "600 " : ""}16px ${MONO}`;
      context.lineWidth = 4;
      context.lineJoin = "round";
      context.strokeStyle = palette.panel;
      context.strokeText(this.names[i], x(a), y(b));
      context.fillStyle = vowel ? palette.accent : palette.ink;
      context.fillText(this.names[i], x(a), y(b));
    });
  }
}
