// The loss curve: a dot for each step, and a line through their running mean.

const LEAST_LOSS = 1.5, MOST_LOSS = 3.9;

class Curve {
  constructor(canvas, palette) {
    Object.assign(this, { canvas, palette, losses: [], means: [], steps: 1000, guessing: 0, at: null });
    canvas.addEventListener("pointermove", (event) => this.point(event.offsetX));
    canvas.addEventListener("pointerleave", () => this.point(null));
  }

  clear(guessing) {
    Object.assign(this, { losses: [], means: [], guessing });
  }

  add(losses) {
    for (const loss of losses) {
      this.losses.push(loss);
      const count = this.losses.length, before = this.means[count - 2] ?? loss;
      // A mean over all at first, then over about a twentieth of the run.
      this.means.push(before + (loss - before) / Math.min(count, Math.max(10, this.steps / 20)));
    }
  }

  point(x) {
    this.at = x;
    this.draw();
  }

  draw() {
    const { context, width, height } = sharpen(this.canvas), { palette } = this;
    const left = 34, right = width - 12, top = 10, bottom = height - 26;
    const most = Math.max(MOST_LOSS, Math.ceil(2 * (Math.max(0, ...this.means.slice(-1)) + 0.2)) / 2);
    const x = (step) => left + ((right - left) * step) / this.steps;
    const y = (loss) => bottom - ((bottom - top) * (loss - LEAST_LOSS)) / (most - LEAST_LOSS);
    this.axes(context, { left, right, top, bottom, most, x, y });
    const { losses, means } = this, count = losses.length;
    if (!count) return;
    context.save();
    context.beginPath();
    context.rect(left - 4, top - 6, right - left + 10, bottom - top + 8);
    context.clip();
    context.fillStyle = palette.ink;
    context.globalAlpha = Math.min(0.4, 0.12 + 60 / this.steps);
    // No more dots than there is room for.
    const every = Math.max(1, Math.floor(count / (3 * width)));
    for (let i = 0; i < count; i += every) {
      context.beginPath();
      context.arc(x(i + 1), y(losses[i]), 1.4, 0, 7);
      context.fill();
    }
    context.globalAlpha = 1;
    context.strokeStyle = palette.accent;
    context.lineWidth = 2.5;
    context.lineJoin = context.lineCap = "round";
    context.beginPath();
    const stride = Math.max(1, Math.floor(count / (2 * width)));
    for (let i = 0; i < count; i += stride) context.lineTo(x(i + 1), y(means[i]));
    context.lineTo(x(count), y(means[count - 1]));
    context.stroke();
    context.fillStyle = palette.accent;
    context.beginPath();
    context.arc(x(count), y(means[count - 1]), 4, 0, 7);
    context.fill();
    context.restore();
    this.readout(context, { left, right, top, bottom, x, y });
  }

  axes(context, { left, right, top, bottom, most, x, y }) {
    const { palette } = this;
    context.font = `11.5px ${SANS}`;
    context.lineWidth = 1;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (let loss = LEAST_LOSS; loss <= most + 1e-9; loss += most > 6 ? 1 : 0.5) {
      const line = Math.round(y(loss)) + 0.5;
      context.strokeStyle = palette.rule;
      context.beginPath();
      context.moveTo(left, line);
      context.lineTo(right, line);
      context.stroke();
      context.fillStyle = palette.soft;
      context.fillText(loss.toFixed(1), left - 8, line);
    }
    context.textBaseline = "alphabetic";
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      context.textAlign = share === 0 ? "left" : share === 1 ? "right" : "center";
      const step = Math.round(share * this.steps);
      context.fillText(step.toLocaleString("en"), x(step), bottom + 19);
    }
    if (!this.guessing) return;
    const line = Math.round(y(this.guessing)) + 0.5;
    context.setLineDash([2, 4]);
    context.strokeStyle = palette.soft;
    context.beginPath();
    context.moveTo(left, line);
    context.lineTo(right, line);
    context.stroke();
    context.setLineDash([]);
    context.textAlign = "right";
    context.fillText("guessing", right, line - 6);
  }

  readout(context, { left, right, top, bottom, x, y }) {
    if (this.at === null) return;
    const step = Math.round(((this.at - left) / (right - left)) * this.steps);
    if (step < 1 || step > this.losses.length) return;
    const { palette } = this, loss = this.losses[step - 1], across = Math.round(x(step)) + 0.5;
    context.strokeStyle = palette.soft;
    context.beginPath();
    context.moveTo(across, top);
    context.lineTo(across, bottom);
    context.stroke();
    context.fillStyle = palette.accent;
    context.beginPath();
    context.arc(across, y(loss), 3.5, 0, 7);
    context.fill();
    const text = `step ${step.toLocaleString("en")}   ${loss.toFixed(4)}`;
    context.font = `12px ${SANS}`;
    const room = context.measureText(text).width + 16, begin = Math.min(Math.max(across - room / 2, left), right - room);
    context.fillStyle = palette.panel;
    context.fillRect(begin, top - 6, room, 22);
    context.fillStyle = palette.ink;
    context.textAlign = "left";
    context.fillText(text, begin + 8, top + 9);
  }
}
