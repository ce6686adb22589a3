// Puts the page together: unpacks the data, makes the panes, and passes on what is pointed at and what is chosen.

// The listings of this page: of a program that is too large for a graph, loops in place of Python.
const LISTINGS = [
  { name: "source", title: "model", language: "python" },
  { name: "ir", title: "IR", language: "ir" },
  { name: "python", title: "Python", language: "python" },
  { name: "loops", title: "loops", language: "loops" },
  { name: "c", title: "C", language: "c" },
  { name: "assembly", title: "assembly", language: "assembly" },
].filter(({ name }) => document.querySelector(`[data-pane="${name}"]`));

// Letters that stand before a line of the model: its number and its heat.
const GUTTER = 19;
// The panes that the numbers 1 to 6 lead to.
const KEYS = ["source", "graph", ...LISTINGS.slice(1).map(({ name }) => name)];

class Explorer {
  async start() {
    const meta = JSON.parse(await unpackText("meta"));
    this.meta = meta;
    meta.numbers = meta.decimals.map(Number);
    const columns = {};
    await Promise.all(meta.columns.map(async ([name, differences]) => {
      columns[name] = await unpackIntegers(name, differences);
    }));
    this.graph = new Graph(meta, restoreOperands(columns));
    await this.#nameStatements();
    const texts = {};
    const relations = {};
    const notes = {};
    for (const { name } of LISTINGS.filter((each) => each.name !== "ir" && meta.listings.includes(each.name))) {
      texts[name] = await unpackLines(`${name}-text`);
      notes[name] = await unpackLines(`${name}-notes`);
      const parts = ["line-start", "line-units", "unit-start", "unit-ops"];
      const columns = await Promise.all(parts.map((part) => unpackIntegers(`${name}-${part}`, true)));
      relations[name] = new Relation(...columns).adopt(this.graph);
    }
    const blockOfTraced = await unpackIntegers("block-of-traced", true);
    this.atlas = new Atlas(this.graph, meta.blocks, blockOfTraced, relations);
    this.ops = new Uint8Array(this.graph.size);
    this.pinned = undefined;
    this.text = 0;
    this.durations = [];
    this.#makeListings(texts, { ...relations, ir: Relation.identity(this.graph.size) });
    this.drawing = new Drawing(document.querySelector('[data-pane="graph"]'), this.atlas, {
      hover: (selection) => this.hover(selection, true),
      choose: (selection) => this.choose(selection),
    });
    this.details = new Details(document.querySelector('[data-pane="details"]'), this.atlas, notes, {
      choose: (selection) => this.choose(selection),
    });
    await this.#prepareTexts();
    this.#frame(texts);
    Object.values(this.listings).forEach((listing) => listing.measure());
    addEventListener("hashchange", () => this.#readAddress());
    this.#readAddress();
    document.documentElement.dataset.ready = "true";
    performance.mark("ready");
  }

  async #nameStatements() {
    const names = await unpackLines("statement-names");
    const map = new Map();
    let next = 0;
    for (let node = 0; node < this.graph.size; node++) if (this.graph.root[node] === node) map.set(node, names[next++]);
    this.graph.statementName = map;
  }

  #makeListings(texts, relations) {
    this.listings = {};
    this.relations = relations;
    for (const { name, language } of LISTINGS) {
      const pane = document.querySelector(`[data-pane="${name}"]`);
      const lines = texts[name];
      if (name !== "ir" && !lines) {
        pane.querySelector(".lines").replaceChildren(el("p", "quiet", this.meta.missing[name] ?? "not in this page"));
        continue;
      }
      const source = name === "ir" ? this.#irSource() : textSource(lines, language);
      if (name === "source") Object.assign(source, { fill: heatCells(this.meta.heat), number: this.#numberOf });
      const select = (line) => (name === "ir" ? { op: line } : { pane: name, line: line + 1 });
      this.listings[name] = new Listing(pane, source, relations[name], {
        hover: (line, firmly) => this.hover(line === null ? null : select(line), firmly),
        choose: (line) => this.choose(select(line)),
      });
      const first = name === "ir" ? this.graph.op.findIndex((op) => !this.graph.isLeaf[op]) : this.#firstOf(name);
      this.listings[name].showFirst(first);
    }
  }

  /** The number of a line of the model; several files stand one below the other. */
  #numberOf = (line) => line + 1 - (this.meta.files.findLast((file) => file.start <= line)?.start ?? 0);

  /** The line that a listing begins with: of the model, that of the function that was compiled. */
  #firstOf(name) {
    const own = this.meta.origins.filter((origin) => origin.function === this.meta.name && origin.line);
    return name === "source" && own.length ? Math.min(...own.map((origin) => origin.at)) - 1 : 0;
  }

  #irSource() {
    const text = (node) => this.#irLine(node);
    return { count: this.graph.size, columns: 110, language: "ir", numbered: false, text };
  }

  #irLine(node) {
    const { graph } = this;
    const value = this.details?.values ? `= ${shortNumber(this.details.values.value[node])}`.padEnd(16) : "";
    const times = graph.places && !graph.isLeaf[graph.op[node]] ? `${grouped(graph.times(node))} ×` : "";
    const count = graph.places ? `${times.padStart(13)}  ` : "";
    return `${graph.text(node).padEnd(36)}  ${count}${value}${graph.trail(node)}`;
  }

  async #prepareTexts() {
    const { texts } = this.meta;
    const field = document.getElementById("texts");
    if (!texts.length) return;
    const select = field.querySelector("select");
    texts.forEach((text, place) => select.append(new Option(text.name, place)));
    field.hidden = false;
    this.inputs = await unpackDoubles("inputs");
    this.given = await unpackDoubles("given");
    this.slopes = await unpackDoubles("slopes");
    select.addEventListener("change", () => {
      this.useText(Number(select.value));
      this.#keepAddress();
    });
    this.useText(0);
  }

  /** Computes all values for one of the page's texts, and shows them. */
  useText(place) {
    const { texts, result } = this.meta;
    const own = (column) => {
      const each = column.length / texts.length;
      return column.subarray(place * each, (place + 1) * each);
    };
    const { graph } = this;
    const values = new Values(graph, this.inputs, texts[place].indices, own(this.given), own(this.slopes), result);
    this.details.values = values;
    this.text = place;
    const words = values.result < 0 ? "" : `${result} ${shortNumber(values.value[values.result])}`;
    document.querySelector("#texts output").textContent = words;
    this.listings.ir.refresh();
    this.drawing.values = this.details.values;
    if (this.drawing.picture) this.#show();
  }

  #frame(texts) {
    const bar = document.querySelector(".switches");
    document.querySelectorAll(".split").forEach(makeSplit);
    // As wide as the longest line of the model, so that its lines can be read whole; the code beside it needs room, too.
    const letter = this.listings.source.letterWidth();
    const longest = texts.source.reduce((most, line) => Math.max(most, line.length), 0);
    document.querySelector("main").prefer(letter * (longest + GUTTER), 0.45, 0.7);
    this.tabs = paneButtons(bar, () => Object.values(this.listings).forEach((listing) => listing.measure()));
    themeButton(document.getElementById("theme"), () => {
      Object.values(this.listings).forEach((listing) => listing.light(listing.lit, listing.here, false));
    });
    const help = document.getElementById("help");
    helpDialog(help, document.getElementById("help-button"));
    const words = (node) => `${this.graph.text(node)} ${this.graph.label(node)} ${this.graph.trail(node)}`;
    const places = LISTINGS.filter(({ name }) => this.listings[name]).map(({ name, title }) => ({
      title,
      count: this.listings[name].source.count,
      text: name === "ir" ? words : (line) => texts[name][line],
      select: (line) => (name === "ir" ? { op: line } : { pane: name, line: line + 1 }),
    }));
    this.search = new Search(document.getElementById("search"), places, this.graph, {
      choose: (selection) => this.choose(selection),
    });
    addEventListener("keydown", (event) => this.#key(event, help));
  }

  #key(event, help) {
    const isTyping = event.target.matches?.("input, select");
    if (event.key === "Escape") {
      const large = document.querySelector(".pane.large");
      if (help.open) return;
      if (isTyping) event.target.blur();
      else if (large) large.querySelector(".grow").click();
      else this.choose(null);
    } else if (isTyping || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    } else if (event.key === "/") {
      this.search.input.focus();
      this.search.input.select();
      event.preventDefault();
    } else if (event.key === "?") {
      help.showModal();
    } else if (/^[1-6]$/.test(event.key)) {
      const pane = document.querySelector(`[data-pane="${KEYS[event.key - 1]}"]`);
      this.tabs.open(pane.dataset.pane);
      (pane.querySelector(".lines") ?? pane.querySelector(".canvas")).focus();
    }
  }

  #readAddress() {
    const hash = location.hash;
    if (this.pinned !== undefined && hash.replace(/^#/, "") === this.#address()) return;
    this.pinned = parseSelection(hash, this.atlas);
    const text = Number(new URLSearchParams(hash.replace(/^#/, "")).get("text") ?? 0);
    if (text !== this.text && this.meta.texts[text]) {
      document.querySelector("#texts select").value = text;
      this.useText(text);
    }
    this.#show();
  }

  #address() {
    const words = [formatSelection(this.pinned), this.text ? `text=${this.text}` : ""];
    return words.filter(Boolean).join("&");
  }

  #keepAddress() {
    const address = this.#address();
    history.pushState(null, "", address ? `#${address}` : location.pathname + location.search);
  }

  /**
   * What is pointed at: lights everything that belongs to it; with null, what is pinned is lit again.
   * @param firmly whether to do so although something is pinned, which lines under the pointer do not.
   */
  hover(selection, firmly = false) {
    if (this.pinned && !firmly) return;
    const start = performance.now();
    this.#light(selection ?? this.pinned, selection !== null);
    this.durations.push(performance.now() - start);
    if (this.durations.length > 1000) this.durations.shift();
  }

  /** Pins a selection; the same again, or null, lets go. */
  choose(selection) {
    const same = selection && formatSelection(selection) === formatSelection(this.pinned);
    this.pinned = same && "pane" in selection ? null : selection;
    this.#keepAddress();
    this.#show();
  }

  #show() {
    document.documentElement.classList.toggle("pinned", this.pinned !== null);
    const isLine = this.pinned && "pane" in this.pinned;
    if (!isLine || !this.drawing.picture) this.drawing.show(this.pinned);
    this.#light(this.pinned, false);
    if (isLine && !this.drawing.litNodes.length && this.drawing.picture.level !== "model") {
      this.drawing.show(null);
      this.drawing.light(this.ops);
    }
  }

  /**
   * Lights everything that belongs to a selection.
   * @param isPointed whether the pointer or the keyboard is on it: then its own pane need not be scrolled.
   */
  #light(selection, isPointed) {
    this.atlas.mark(selection, this.ops);
    const counts = [];
    const litLines = {};
    for (const { name, title } of LISTINGS) {
      const listing = this.listings[name];
      if (!listing) continue;
      const here = lineIn(name, selection);
      listing.light(this.relations[name].markLines(this.ops), here, !(isPointed && here >= 0));
      litLines[name] = listing.litCount;
      if (name !== "ir") counts.push([title, listing.litCount]);
    }
    this.drawing.light(this.ops);
    this.details.show(selection, this.ops, counts);
    this.tabs?.tell(litLines);
  }

  /** What is lit in a pane: line numbers counted from 1 (in the IR, operations). For tests. */
  lit(name) {
    const lines = this.listings[name].litLines();
    return name === "ir" ? lines.map((line) => line - 1) : lines;
  }
}

/** The line that a selection names in a listing, counted from 0; -1 if it is of another one. */
function lineIn(name, selection) {
  if (selection?.pane === name) return selection.line - 1;
  return name === "ir" && selection?.op !== undefined ? selection.op : -1;
}

/** What a listing shows of the lines of a text. */
function textSource(lines, language) {
  return {
    count: lines.length,
    columns: lines.reduce((most, line) => Math.max(most, line.length), 0),
    language,
    text: (line) => lines[line],
    inside: linesInside(language, lines),
    prefersRuns: language === "c" || language === "assembly",
  };
}

/** Operands come as distances from their operation, which are small and alike. */
function restoreOperands(columns) {
  const { flat, starts } = columns;
  for (let node = 0; node + 1 < starts.length; node++) {
    for (let at = starts[node]; at < starts[node + 1]; at++) flat[at] = node - flat[at];
  }
  const { root } = columns;
  for (let node = 0; node < root.length; node++) root[node] = root[node] < 0 ? -1 : node + root[node];
  return columns;
}

const explorer = new Explorer();
window.explorer = explorer;
// After the first paint: the empty frame is on the screen before anything is unpacked.
requestAnimationFrame(() => setTimeout(() => explorer.start()));
