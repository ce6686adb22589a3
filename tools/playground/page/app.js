// The page: hands what is chosen to the worker, and what the worker sends to the parts that draw it.

const byId = (id) => document.getElementById(id);
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

class Playground {
  constructor(data) {
    Object.assign(this, { data, losses: [], running: false, isReady: false, finished: false, step: 0, remark: "" });
    this.world = { numbers: null, letters: [], alphabet: [], length: 0, positions: 0 };
    this.palette = new Palette(() => this.redraw());
    this.curve = new Curve(byId("curve"), this.palette);
    this.plane = new Plane(byId("plane"), this.palette, still);
    this.attention = new Attention(byId("attention"), this.palette, still);
    this.names = new Names(byId("names"), byId("final"));
    this.controls = new Controls((name) => this.changed(name));
    this.documents = data.documents;
    this.known = new Set(data.alphabet);
    this.cards = [];
    // A classic worker: one that is a module cannot be made in a page that was opened as a file.
    this.worker = new Worker(URL.createObjectURL(new Blob([data.worker], { type: "text/javascript" })));
    this.worker.onmessage = ({ data: message }) => this[message.kind](message);
    this.worker.onerror = (event) => this.failed({ message: event.message || "the worker does not start" });
    new ResizeObserver(() => this.redraw()).observe(document.querySelector("main"));
    // What comes into view has not been drawn yet.
    for (const box of [document, byId("cards")]) box.addEventListener("scroll", () => this.redraw(), { passive: true });
    this.listen();
  }

  listen() {
    byId("run").addEventListener("click", () => this.toggle());
    byId("step").addEventListener("click", () => this.single());
    byId("reset").addEventListener("click", () => this.begin());
    byId("invent").addEventListener("click", () => this.send({ kind: "invent" }));
    for (const input of document.querySelectorAll('input[name="pace"]')) {
      input.addEventListener("change", () => this.send({ kind: "set", pace: this.controls.pace }));
    }
    for (const input of document.querySelectorAll('input[name="size"]')) input.addEventListener("change", () => this.begin());
    for (const input of document.querySelectorAll('input[name="reading"]')) input.addEventListener("change", () => this.read());
    byId("text").addEventListener("input", () => this.read());
    byId("use").addEventListener("click", () => this.use(documentsOf(byId("own").value, this.known)));
    byId("back").addEventListener("click", () => this.use(this.data.documents));
    byId("theme").addEventListener("click", () => this.theme());
    document.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const { target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || target.matches("textarea, input[type=text]")) return;
    const press = { " ": "run", s: "step", ".": "step", r: "reset", i: "invent", t: "theme" }[event.key];
    if (!press || (event.key === " " && target.closest("button, summary"))) return;
    event.preventDefault();
    byId(press).click();
  }

  send(message, moved = []) {
    this.worker.postMessage(message, moved);
  }

  /** Starts anew, with all that is chosen. */
  begin() {
    const size = this.data.sizes[this.controls.size];
    if (this.size !== size) {
      this.size = size;
      this.build(size);
    }
    this.isReady = false;
    this.send({
      kind: "begin", bytes: size.bytes, documents: this.documents, seed: this.controls.value("seed"),
      steps: this.controls.value("steps"), learningRate: this.controls.value("rate"), doubles: size.doubles,
      temperature: this.controls.value("temperature"), pace: this.controls.pace, ...this.reading(),
    });
  }

  /** Makes what depends on the size of the model. */
  build({ views }) {
    const place = this.source?.current ?? -1, top = this.source?.box.scrollTop;
    byId("source").replaceChildren();
    this.source = new Source(byId("source"), this.data.lines, views, (line, own) => this.chosen(line, own));
    if (place >= 0 && this.source.viewsOf[place].length) {
      this.source.select(place);
      byId("source").scrollTop = top;
    } else this.source.select(this.data.lines.findIndex((line) => line.includes(this.data.first)), true);
  }

  /** Shows the values of a line. */
  chosen(place, views) {
    byId("line").replaceChildren(...syntaxParts("python", this.data.lines[place].trim()).map(([kind, text]) => make("span", kind ? `s-${kind}` : "", text)));
    this.cards = views.map((view) => new Card(view, this.palette, this.world));
    const box = byId("cards");
    box.replaceChildren(...this.cards.map((card) => card.element));
    box.scrollTop = 0;
    this.drawCards();
  }

  // What the page does.

  toggle() {
    if (!this.isReady) return;
    if (this.finished) {
      this.begin();
      this.send({ kind: "run" });
    } else this.send({ kind: this.running ? "pause" : "run" });
  }

  single() {
    if (this.isReady && !this.finished) this.send({ kind: "step" });
  }

  changed(name) {
    clearTimeout(this.later);
    // While a slider is dragged, nothing begins.
    if (name === "seed") this.later = setTimeout(() => this.begin(), 120);
    else if (name === "rate") this.send({ kind: "set", learningRate: this.controls.value("rate") });
    else if (name === "temperature") this.send({ kind: "set", temperature: this.controls.value("temperature") });
    else this.send({ kind: "set", steps: this.controls.value("steps") });
  }

  reading() {
    const [text] = documentsOf(byId("text").value, this.known);
    const letters = [...(text ?? "")].filter((letter) => this.known.has(letter)).slice(0, this.data.block);
    const follow = document.querySelector('input[name="reading"]:checked').value === "step";
    return { text: letters.join("") || this.data.text, follow };
  }

  read() {
    this.send({ kind: "set", ...this.reading() });
  }

  use(documents) {
    if (!documents.length) {
      byId("corpus").textContent = "The box above is empty: write one name per line.";
      return;
    }
    this.documents = documents;
    this.begin();
  }

  theme() {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    this.palette.reread();
  }

  // What the worker says.

  refused({ refused }) {
    this.remark = `None of these can be read. ${aboutRefused(refused)} `;
    this.documents = this.data.documents;
    this.begin();
  }

  ready(message) {
    const { alphabet, block, vocabulary, documents, refused, parameters } = message;
    Object.assign(this, { isReady: true, losses: [], step: 0, finished: false });
    this.world.alphabet = [...alphabet, "·"];
    this.block = block;
    byId("parameters").textContent = parameters.toLocaleString("en");
    const own = this.documents !== this.data.documents;
    const what = `${documents.toLocaleString("en")} ${own ? "of your own " : ""}name${documents === 1 ? "" : "s"}`;
    byId("corpus").textContent = `${this.remark}Trains on ${what}. ${aboutRefused(refused)}`.trim();
    this.remark = "";
    byId("back").hidden = !own;
    byId("trouble").textContent = "";
    this.plane.clear();
    this.curve.clear(Math.log(vocabulary));
    this.names.clear(this.controls.value("steps"));
  }

  frame(message) {
    const { world } = this;
    for (const loss of message.losses) this.losses.push(loss);
    this.curve.steps = message.steps;
    this.curve.add(message.losses);
    for (const sample of message.samples) this.names.add(sample);
    if (message.final) this.names.finish(message.final);
    this.step = message.step;
    this.running = message.running;
    this.finished = message.step >= message.steps;
    world.numbers = message.numbers;
    world.length = message.length;
    world.positions = this.reading().follow ? this.block : message.length;
    world.letters = ["·", ...message.text].slice(0, message.length);
    this.figures(message);
    this.plane.show(this.rows("wte"), world.alphabet);
    this.attention.show(this.heads(), world.letters);
    requestAnimationFrame(() => {
      this.redraw();
      this.send({ kind: "shown" });
      document.documentElement.dataset.step = message.step;
    });
  }

  failed({ message }) {
    byId("trouble").textContent = message;
    this.running = false;
    this.buttons();
  }

  figures({ step, steps, rate, micros }) {
    byId("at").textContent = step.toLocaleString("en");
    byId("of").textContent = steps.toLocaleString("en");
    byId("loss").textContent = step ? this.losses[step - 1].toFixed(4) : "–";
    byId("bits").textContent = step ? hexOf(this.losses[step - 1]) : "";
    if (rate) byId("rate-now").textContent = Math.round(rate).toLocaleString("en");
    byId("micros").textContent = micros ? (micros < 1000 ? `${Math.round(micros)} µs` : `${(micros / 1000).toFixed(1)} ms`) : "–";
    this.buttons();
  }

  buttons() {
    const { running, finished } = this;
    byId("run").dataset.state = running ? "pause" : finished ? "again" : "run";
    byId("run-word").textContent = running ? "Pause" : finished ? "Again" : this.step ? "Resume" : "Train";
    byId("step").disabled = finished;
  }

  // From memory to what is drawn.

  view(title) {
    return this.size.views.find((view) => view.title === title && !view.scope);
  }

  rows(title) {
    const { values: [start, [stride]], axes: [[, , rows], [, , columns]] } = this.view(title);
    return Array.from({ length: rows }, (_, row) => Array.from(this.world.numbers.subarray(start + row * stride, start + row * stride + columns)));
  }

  heads() {
    const { world } = this;
    const { values, axes } = this.size.views.find(({ title, causal, gradient }) => title === "attention" && causal && gradient);
    return Array.from({ length: axes[1][2] }, (_, head) => Array.from({ length: world.length }, (_, row) =>
      Array.from({ length: row + 1 }, (_, column) => world.numbers[addressOf(values, [row, head, column])])));
  }

  redraw() {
    if (!this.world.numbers) return;
    if (inView(this.curve.canvas)) this.curve.draw();
    this.drawCards();
    this.animate();
  }

  drawCards() {
    for (const card of this.cards) if (inView(card.element)) card.draw();
  }

  animate() {
    const moves = [this.plane, this.attention].map((part) => {
      const on = part.move();
      if (inView(part.canvas)) part.draw();
      return on;
    });
    if (moves.some(Boolean) && !this.animating) {
      this.animating = requestAnimationFrame(() => {
        this.animating = 0;
        this.animate();
      });
    }
  }
}

(async () => {
  const about = JSON.parse(await unpackText("about"));
  for (const size of Object.values(about.sizes)) {
    size.views = size.views.map(([title, operation, scope, lines, axes, causal, values, gradient]) =>
      ({ title, operation, scope, lines, axes, causal, values, gradient }));
    size.bytes = (await unpackBytes(size.block)).buffer;
  }
  const [worker, lines, documents] = [await unpackText("worker"), await unpackLines("source"), await unpackLines("documents")];
  const playground = new Playground({ ...about, worker, lines, documents });
  window.playground = playground;
  playground.begin();
})();
