// Search: finds lines in all listings, and operations by number or name, and steps through what was found.

const MOST_FOUND = 200;

class Search {
  /** @param places {name, title, count, text(line)}: where to look. */
  constructor(form, places, graph, on) {
    Object.assign(this, { form, places, graph, on });
    this.input = form.querySelector("input");
    this.status = form.querySelector("output");
    this.found = [];
    this.at = -1;
    this.words = "";
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#step(1);
    });
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") this.#step(1);
      else if (event.key === "ArrowUp") this.#step(-1);
      else return;
      event.preventDefault();
    });
  }

  #step(way) {
    const words = this.input.value.trim();
    if (!words) return;
    if (words !== this.words) {
      this.words = words;
      this.found = this.#find(words);
      this.at = way > 0 ? -1 : 0;
    }
    const count = this.found.length;
    if (!count) {
      this.status.textContent = "nothing found";
      return;
    }
    this.at = (this.at + way + count) % count;
    this.on.choose(this.found[this.at].select);
    const many = count >= MOST_FOUND ? `${count} or more` : count;
    this.status.textContent = `${this.at + 1} of ${many}, in ${this.found[this.at].title}`;
  }

  #find(words) {
    const number = words.match(/^%(\d+)$/);
    if (number && Number(number[1]) < this.graph.size) return [{ title: "IR", select: { op: Number(number[1]) } }];
    const wanted = words.toLowerCase();
    const found = [];
    for (const place of this.places) {
      for (let line = 0; line < place.count && found.length < MOST_FOUND; line++) {
        if (!place.text(line).toLowerCase().includes(wanted)) continue;
        found.push({ title: place.title, select: place.select(line) });
      }
    }
    return found;
  }
}
