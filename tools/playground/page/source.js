// The model's source. A line that computes something can be pointed at, and shows what it has computed.

class Source {
  constructor(box, lines, views, chosen) {
    Object.assign(this, { box, chosen, rows: [], current: -1 });
    this.viewsOf = lines.map((_, place) => views.filter((view) => view.lines.includes(place + 1)));
    const inside = linesInside("python", lines);
    lines.forEach((line, place) => {
      const row = make("div", "row");
      row.id = `line-${place + 1}`;
      const code = make("span", "code");
      const parts = inside.has(place) ? [[inside.get(place), line]] : syntaxParts("python", line);
      for (const [kind, text] of parts) code.append(make("span", kind ? `s-${kind}` : "", text));
      row.append(make("span", "number", String(place + 1)), code);
      if (this.viewsOf[place].length) {
        row.classList.add("live");
        row.setAttribute("role", "option");
        row.setAttribute("aria-selected", "false");
      } else row.setAttribute("role", "presentation");
      this.rows.push(row);
    });
    box.append(...this.rows);
    box.addEventListener("pointermove", (event) => event.pointerType === "mouse" && this.preview(this.placeOf(event.target)));
    box.addEventListener("pointerleave", () => this.preview(-1));
    box.addEventListener("click", (event) => this.select(this.placeOf(event.target)));
    box.addEventListener("keydown", (event) => this.key(event));
  }

  placeOf(target) {
    const place = this.rows.indexOf(target.closest(".row"));
    return place >= 0 && this.viewsOf[place].length ? place : -1;
  }

  /** Shows a line as long as the pointer is there. */
  preview(place) {
    this.show(place < 0 ? this.current : place);
  }

  select(place, scroll = false) {
    if (place < 0) return;
    if (this.current >= 0) this.rows[this.current].setAttribute("aria-selected", "false");
    this.current = place;
    this.rows[place].setAttribute("aria-selected", "true");
    this.box.setAttribute("aria-activedescendant", this.rows[place].id);
    if (scroll) this.reveal(place);
    this.show(place);
  }

  reveal(place) {
    const row = this.rows[place], { box } = this;
    const low = row.offsetTop - box.clientHeight / 3, high = row.offsetTop - (2 * box.clientHeight) / 3;
    if (box.scrollTop > low || box.scrollTop < high) box.scrollTop = low;
  }

  show(place) {
    if (place < 0 || place === this.shown) return;
    if (this.shown >= 0) this.rows[this.shown].classList.remove("here");
    this.shown = place;
    this.rows[place].classList.add("here");
    this.chosen(place, this.viewsOf[place]);
  }

  key(event) {
    const live = this.viewsOf.map((views, place) => (views.length ? place : -1)).filter((place) => place >= 0);
    const at = live.indexOf(this.current);
    const wanted = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: live.length - 1 }[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    if (wanted >= 0 && wanted < live.length) this.select(live[wanted], true);
  }
}
