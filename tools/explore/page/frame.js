// The frame around the panes: dark and light, borders that move, panes that close and grow, help.

const PANES_KEY = "microgpt-explore";

/** The button that changes between dark, light and what the system says. */
function themeButton(button, changed) {
  const root = document.documentElement;
  const order = ["auto", "light", "dark"];
  const set = (theme) => {
    root.dataset.theme = theme;
    button.textContent = { auto: "◐ auto", light: "☀ light", dark: "☾ dark" }[theme];
    button.setAttribute("aria-label", `colours: ${theme}; change`);
    remember("theme", theme);
    changed();
  };
  button.addEventListener("click", () => set(order[(order.indexOf(root.dataset.theme) + 1) % order.length]));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  set(order.includes(recall("theme")) ? recall("theme") : "auto");
}

/** Keeps a choice for the next time, where the browser lets a page do so. */
function remember(name, value) {
  try {
    localStorage.setItem(`${PANES_KEY}-${name}`, value);
  } catch {
    // A page from a file may be refused storage; then nothing is kept.
  }
}

function recall(name) {
  try {
    return localStorage.getItem(`${PANES_KEY}-${name}`);
  } catch {
    return null;
  }
}

/** A border between two columns or rows, moved by the pointer or by arrow keys; it sets a variable of the style sheet. */
function movableBorder(border) {
  const { variable, axis } = border.dataset;
  const [least, most, start] = [border.dataset.least, border.dataset.most, border.dataset.start].map(Number);
  const main = document.querySelector("main");
  const set = (share) => {
    const kept = Math.max(least, Math.min(most, share));
    main.style.setProperty(variable, `${kept}fr`);
    border.setAttribute("aria-valuenow", Math.round(kept));
    border.share = kept;
  };
  border.setAttribute("aria-valuemin", least);
  border.setAttribute("aria-valuemax", most);
  set(start);
  border.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -2, ArrowUp: -2, ArrowRight: 2, ArrowDown: 2 }[event.key];
    if (!step) return;
    set(border.share + step);
    event.preventDefault();
  });
  border.addEventListener("pointerdown", (event) => {
    const before = border.previousElementSibling.getBoundingClientRect();
    const total = axis === "x" ? main.clientWidth : before.height + border.nextElementSibling.clientHeight;
    const [begin, first] = [axis === "x" ? event.clientX : event.clientY, border.share];
    border.setPointerCapture(event.pointerId);
    border.onpointermove = (move) => set(first + (100 * ((axis === "x" ? move.clientX : move.clientY) - begin)) / total);
    border.onpointerup = () => { border.onpointermove = null; };
  });
}

/** Buttons that show and hide panes, and one in each pane that lets it fill the window. */
function paneButtons(bar, changed) {
  const main = document.querySelector("main");
  for (const pane of document.querySelectorAll(".pane")) {
    const name = pane.dataset.pane;
    const title = pane.querySelector("h2").textContent;
    const button = el("button", "switch", title);
    button.type = "button";
    button.dataset.toggles = name;
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      pane.hidden = !pane.hidden;
      button.setAttribute("aria-pressed", String(!pane.hidden));
      closeEmptyColumns(main);
      changed();
    });
    bar.append(button);
    const grow = pane.querySelector(".grow");
    grow.addEventListener("click", () => {
      const isLarge = pane.classList.toggle("large");
      grow.setAttribute("aria-pressed", String(isLarge));
      changed();
    });
  }
}

function closeEmptyColumns(main) {
  for (const column of main.querySelectorAll(".column")) {
    column.hidden = !column.querySelector(".pane:not([hidden])");
    const panes = [...column.querySelectorAll(".pane")];
    const border = column.querySelector(".border");
    if (border) border.hidden = panes.some((pane) => pane.hidden);
    main.style.setProperty(`--${column.id}-shown`, column.hidden ? 0 : 1);
  }
  for (const border of main.querySelectorAll(":scope > .border")) {
    border.hidden = border.previousElementSibling.hidden || border.nextElementSibling.hidden;
  }
}

/** The help dialog, which also opens at the first visit. */
function helpDialog(dialog, button) {
  button.addEventListener("click", () => dialog.showModal());
  dialog.querySelector("form").addEventListener("submit", () => dialog.close());
}
