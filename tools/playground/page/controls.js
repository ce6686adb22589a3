// Sliders, and what they stand for.

// The learning rates and numbers of steps that the sliders offer.
const RATES = [0.0003, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.014, 0.02, 0.03, 0.05, 0.07, 0.1, 0.2];
const STEPS = [50, 100, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000, 10000, 20000, 50000];

const SLIDERS = {
  rate: { value: (place) => RATES[place], text: String },
  steps: { value: (place) => STEPS[place], text: (value) => value.toLocaleString("en") },
  seed: { value: Number, text: String },
  temperature: { value: (place) => place / 20, text: (value) => value.toFixed(2) },
};

class Controls {
  constructor(changed) {
    this.inputs = {};
    for (const [name, { value, text }] of Object.entries(SLIDERS)) {
      const input = document.getElementById(name), output = document.querySelector(`output[for="${name}"]`);
      const write = () => {
        output.value = text(value(Number(input.value)));
        input.setAttribute("aria-valuetext", output.value);
        input.style.setProperty("--share", `${(100 * (input.value - input.min)) / (input.max - input.min)}%`);
      };
      write();
      input.addEventListener("input", () => {
        write();
        changed(name);
      });
      this.inputs[name] = input;
    }
  }

  value(name) {
    return SLIDERS[name].value(Number(this.inputs[name].value));
  }

  get pace() {
    return document.querySelector('input[name="pace"]:checked').value;
  }

  get size() {
    return document.querySelector('input[name="size"]:checked').value;
  }
}

/** The documents in a text, one a line: small letters without accents, as the model knows them. */
function documentsOf(text) {
  const lines = text.split(/\r\n|\r|\n/).map((line) => line.trim()).filter(Boolean);
  return lines.map((line) => line.normalize("NFD").replace(/\p{Mn}/gu, "").toLowerCase());
}

/** A sentence about documents that were left out. */
function aboutRefused(refused) {
  if (!refused.length) return "";
  const [{ document, character }] = refused;
  const shown = document.length > 24 ? `${document.slice(0, 24)}…` : document;
  const others = refused.length > 1 ? ` and ${(refused.length - 1).toLocaleString("en")} more` : "";
  return `Left out: “${shown}”${others}, since the model has no “${character}”.`;
}
