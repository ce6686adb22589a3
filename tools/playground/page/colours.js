// The colours of the style sheet, as canvases need them, and canvases as sharp as the screen.

const COLOUR_NAMES = ["paper", "panel", "ink", "soft", "faint", "rule", "accent"];

/** Reads the palette in force; again, when the theme changes. */
class Palette {
  constructor(changed) {
    this.probe = document.createElement("span");
    this.probe.hidden = true;
    document.body.append(this.probe);
    this.changed = changed;
    this.read();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.reread());
  }

  read() {
    for (const name of COLOUR_NAMES) {
      this.probe.style.color = `var(--${name})`;
      this[name] = getComputedStyle(this.probe).color;
    }
    // From minus one to one in 201 steps: ink, panel, accent. Small numbers are made visible.
    const [panel, accent, ink] = [this.panel, this.accent, this.ink].map((text) => text.match(/[\d.]+/g).map(Number));
    this.heat = new Uint32Array(201);
    const bytes = new Uint8ClampedArray(this.heat.buffer);
    for (let place = 0; place <= 200; place++) {
      const share = Math.abs(place - 100) / 100, end = place < 100 ? ink : accent;
      const mixed = share ** 0.65 * (place < 100 ? 0.72 : 1);
      for (let part = 0; part < 3; part++) bytes[4 * place + part] = panel[part] + (end[part] - panel[part]) * mixed;
      bytes[4 * place + 3] = 255;
    }
  }

  reread() {
    this.read();
    this.changed();
  }
}

/** Gives a canvas the size that it has on the screen, in the screen's pixels; returns its context in CSS pixels. */
function sharpen(canvas) {
  const { width, height } = canvas.getBoundingClientRect(), scale = devicePixelRatio || 1;
  const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== across || canvas.height !== down) [canvas.width, canvas.height] = [across, down];
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** Whether any of an element can be seen. */
function inView(element) {
  const { top, bottom, width } = element.getBoundingClientRect();
  return width > 0 && bottom > 0 && top < innerHeight;
}

const SANS = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif";
const MONO = "ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace";
