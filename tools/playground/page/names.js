// The names that the model invents: some on the way, each in its place from the beginning, so that nothing moves.

const SLOT_COUNT = 12;

class Names {
  constructor(list, final) {
    Object.assign(this, { list, final, slots: [] });
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const row = make("li"), step = make("span", "when"), name = make("span", "name");
      row.append(step, name);
      list.append(row);
      this.slots.push({ step, name });
    }
  }

  clear(steps) {
    this.slots.forEach(({ step, name }, slot) => {
      step.textContent = Math.ceil(((slot + 1) * steps) / SLOT_COUNT).toLocaleString("en");
      name.textContent = "";
    });
    this.final.replaceChildren(make("span", "quiet", "Twenty more at the end of training."));
  }

  add({ slot, step, text }) {
    if (!this.slots[slot]) return;
    this.slots[slot].step.textContent = step.toLocaleString("en");
    this.slots[slot].name.textContent = text || "(empty)";
  }

  finish(texts) {
    this.final.replaceChildren(...texts.map((text) => make("span", "name", text || "(empty)")));
  }
}
