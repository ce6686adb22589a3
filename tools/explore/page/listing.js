// A listing: one pane of lines, of which only those in view are in the document. It is a list box: one line is the
// current one for the keyboard, any number of lines may be lit.

const ROW_HEIGHT = 18;
const ROWS_AROUND = 3;
// So many lit lines in a row are a piece of code.
const LONG_RUN = 6;

class Listing {
  /**
   * @param element the pane: a section with a `.lines` list box in it.
   * @param source `count` lines, `text(line)` of one, their `language`; `columns`, how wide they are; `inside`, see
   *     linesInside; `fill(row, line)`, where a line has more than code; `numbered`, `prefersRuns`.
   * @param relation to the operations.
   * @param on what to call: `hover(line or null)`, `choose(line)`.
   */
  constructor(element, source, relation, on) {
    Object.assign(this, { element, source, relation, on });
    this.name = element.dataset.pane;
    this.box = element.querySelector(".lines");
    this.sheet = document.createElement("div");
    this.sheet.className = "sheet";
    this.sheet.setAttribute("role", "presentation");
    this.sheet.style.height = `${source.count * ROW_HEIGHT}px`;
    this.sheet.style.minWidth = `calc(${source.columns ?? 100}ch + 8em)`;
    this.box.replaceChildren(this.sheet);
    this.ruler = new Ruler(this.box);
    this.box.setAttribute("role", "listbox");
    this.box.setAttribute("aria-multiselectable", "true");
    this.box.tabIndex = 0;
    this.rows = new Map();
    this.lit = new Uint8Array(source.count);
    this.litCount = 0;
    this.current = -1;
    this.here = -1;
    this.pointed = null;
    this.#listen();
    // Asking the browser where it has scrolled to, or how high something is, makes it lay out the page at once; so both
    // are remembered.
    this.top = 0;
    this.height = this.box.clientHeight;
    new ResizeObserver(() => this.measure()).observe(this.box);
    this.render();
  }

  /** Fits what is shown to the size of the pane. */
  measure() {
    this.height = this.box.clientHeight;
    // A pane that has grown may show more than what is left below; one that was not shown has lost its place.
    this.#scrollTo(this.top);
  }

  #listen() {
    this.box.addEventListener(
      "scroll",
      () => {
        if (this.scrolled) return;
        this.top = this.box.scrollTop;
        this.render();
      },
      { passive: true },
    );
    this.box.addEventListener("mousemove", (event) => this.#pointAt(this.#lineAt(event)));
    this.box.addEventListener("mouseleave", () => this.#pointAt(null));
    this.box.addEventListener("click", (event) => {
      const line = this.#lineAt(event);
      if (line !== null) this.#goTo(line, true);
    });
    this.box.addEventListener("keydown", (event) => this.#key(event));
    this.box.addEventListener("focus", () => {
      if (this.current < 0) this.current = this.#firstInView();
      this.render();
    });
    this.box.addEventListener("blur", () => {
      this.on.hover(null, true);
      this.render();
    });
  }

  #pointAt(line) {
    if (line === this.pointed) return;
    this.pointed = line;
    this.on.hover(line);
  }

  #lineAt(event) {
    const row = event.target.closest?.(".row");
    return row ? Number(row.dataset.line) : null;
  }

  #firstInView() {
    return Math.min(this.source.count - 1, Math.ceil(this.top / ROW_HEIGHT));
  }

  #key(event) {
    const page = Math.max(1, Math.floor(this.height / ROW_HEIGHT) - 1);
    const last = this.source.count - 1;
    const moves = {
      ArrowDown: this.current + 1, ArrowUp: this.current - 1, PageDown: this.current + page,
      PageUp: this.current - page, Home: 0, End: last, n: this.#nextLit(1), p: this.#nextLit(-1),
    };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in moves) {
      this.#goTo(Math.max(0, Math.min(last, moves[event.key])), false);
    } else if (event.key === "Enter" || event.key === " ") {
      this.#goTo(Math.max(0, this.current), true);
    } else {
      return;
    }
    event.preventDefault();
  }

  /** The next lit line after the current one, around the end. */
  #nextLit(step) {
    const { count } = this.source;
    for (let i = 1; i <= count; i++) {
      const line = (((this.current + step * i) % count) + count) % count;
      if (this.lit[line]) return line;
    }
    return this.current;
  }

  #goTo(line, choose) {
    this.current = line;
    this.reveal(line);
    this.render();
    if (choose) this.on.choose(line);
    else this.on.hover(line, true);
  }

  #scrollTo(top) {
    this.top = Math.max(0, Math.min(top, this.source.count * ROW_HEIGHT - this.height));
    this.scrolled = true;
    this.render();
    this.#soon();
  }

  /** What makes the browser lay out the page is done once a frame, after all panes have their rows. */
  #soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (this.scrolled) this.box.scrollTop = this.top;
      this.scrolled = false;
      this.ruler.draw(this.lit, this.litCount, this.height);
    });
  }

  /** Scrolls as little as shows the line with some around it. */
  reveal(line) {
    const margin = Math.min(3 * ROW_HEIGHT, Math.floor(this.height / 3));
    const top = line * ROW_HEIGHT;
    if (top < this.top + ROW_HEIGHT / 2) this.#scrollTo(top - margin);
    else if (top + ROW_HEIGHT > this.top + this.height) {
      this.#scrollTo(Math.ceil((top + ROW_HEIGHT + margin - this.height) / ROW_HEIGHT) * ROW_HEIGHT);
    }
  }

  /**
   * Lights lines.
   * @param lit a mark for each line.
   * @param here the line that the light comes from; -1 if it is in another pane.
   * @param scroll whether to bring that line, or else a lit one, into view.
   */
  light(lit, here, scroll) {
    this.lit.set(lit);
    this.here = here;
    this.litCount = 0;
    for (let line = 0; line < lit.length; line++) this.litCount += lit[line];
    if (scroll && here >= 0) this.reveal(here);
    else if (scroll && this.litCount) this.#showNearest();
    for (const [line, row] of this.rows) this.#mark(row, line);
    this.#soon();
  }

  /**
   * Brings a lit line into view, the nearest of those that say most: a line of few units rather than a heading of many;
   * where the source prefers runs, a piece of code rather than a line that calls it.
   */
  #showNearest() {
    const { lit, source } = this;
    const { lineStart } = this.relation;
    const first = Math.ceil(this.top / ROW_HEIGHT);
    const last = Math.floor((this.top + this.height) / ROW_HEIGHT) - 1;
    let [most, nearest, least] = [-Infinity, -1, Infinity];
    for (let line = 0, run = 0; line < lit.length; line++) {
      if (!lit[line]) continue;
      if (!line || !lit[line - 1]) {
        run = 1;
        while (run < LONG_RUN && lit[line + run]) run++;
      }
      const says = source.prefersRuns ? run : lineStart[line] - lineStart[line + 1];
      const away = line < first ? first - line : line > last ? line - last : 0;
      if (says > most || (says === most && away < least)) [most, nearest, least] = [says, line, away];
    }
    if (least === 0) return;
    this.#scrollTo((nearest - Math.floor(this.height / 3 / ROW_HEIGHT)) * ROW_HEIGHT);
  }

  /** Row classes are only touched where they change: most rows stay as they are. */
  #mark(row, line) {
    const isCurrent = line === this.current;
    const state = (this.lit[line] ? " lit" : "") + (line === this.here ? " here" : "") + (isCurrent ? " current" : "");
    if (row.state === state) return;
    row.state = state;
    row.className = `row${this.relation.isLinked(line) ? " linked" : ""}${state}`;
    row.setAttribute("aria-selected", this.lit[line] === 1);
    if (isCurrent) this.box.setAttribute("aria-activedescendant", row.id);
  }

  /** Makes rows for what is in view, and drops the others. */
  render() {
    const first = Math.max(0, Math.floor(this.top / ROW_HEIGHT) - ROWS_AROUND);
    const last = Math.min(this.source.count - 1, Math.ceil((this.top + this.height) / ROW_HEIGHT) + ROWS_AROUND);
    for (const [line, row] of this.rows) {
      if (line < first || line > last) {
        row.remove();
        this.rows.delete(line);
      }
    }
    for (let line = first; line <= last; line++) {
      let row = this.rows.get(line);
      if (!row) {
        row = this.#row(line);
        this.rows.set(line, row);
        this.sheet.append(row);
      }
      this.#mark(row, line);
    }
  }

  #row(line) {
    const row = document.createElement("div");
    row.id = `${this.name}-${line + 1}`;
    row.dataset.line = line;
    row.setAttribute("role", "option");
    row.setAttribute("aria-posinset", line + 1);
    row.setAttribute("aria-setsize", this.source.count);
    row.style.top = `${line * ROW_HEIGHT}px`;
    const number = document.createElement("span");
    number.className = "number";
    number.textContent = this.source.numbered === false ? "" : (this.source.number?.(line) ?? line + 1);
    row.append(number);
    this.source.fill?.(row, line);
    const code = document.createElement("span");
    code.className = "code";
    const inside = this.source.inside?.get(line);
    const whole = this.source.text(line);
    for (const [kind, text] of inside ? [[inside, whole]] : syntaxParts(this.source.language, whole)) {
      if (kind) {
        const part = document.createElement("span");
        part.className = `s-${kind}`;
        part.textContent = text;
        code.append(part);
      } else {
        code.append(text);
      }
    }
    row.append(code);
    return row;
  }

  /** How wide a letter of the code is, in pixels. */
  letterWidth() {
    const ruler = el("span", "code", "0".repeat(100));
    const row = el("div", "row", ruler);
    this.sheet.append(row);
    const width = ruler.getBoundingClientRect().width / 100;
    row.remove();
    return width;
  }

  /** Scrolls to the first line that has operations. */
  showFirst(line = 0) {
    while (line < this.source.count - 1 && !this.relation.isLinked(line)) line++;
    this.#scrollTo((line - 2) * ROW_HEIGHT);
  }

  /** Fills the rows anew, because what `fill` says has changed. */
  refresh() {
    for (const row of this.rows.values()) row.remove();
    this.rows.clear();
    this.render();
  }

  /** The lit lines, counted from 1: for tests. */
  litLines() {
    const found = [];
    for (let line = 0; line < this.lit.length; line++) if (this.lit[line]) found.push(line + 1);
    return found;
  }
}
