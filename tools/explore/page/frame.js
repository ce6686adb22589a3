// The frame around the panes: dark and light, borders that move, panes that close and grow, help.

const PANES_KEY = "microgpt-explore";
// Of a column or row, out of about a hundred.
const LEAST_SHARE = 12;

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

/**
 * A border between two columns or rows, moved by the pointer or by arrow keys: what one wins, the other loses. Their
 * shares are variables of the style sheet, in the unit fr.
 */
function movableBorder(border) {
  const { before, after, axis } = border.dataset;
  const main = document.querySelector("main");
  const share = (name) => parseFloat(getComputedStyle(main).getPropertyValue(name));
  const set = (wanted) => {
    const sum = share(before) + share(after);
    const kept = Math.max(LEAST_SHARE, Math.min(sum - LEAST_SHARE, wanted));
    main.style.setProperty(before, `${kept}fr`);
    main.style.setProperty(after, `${sum - kept}fr`);
    tell();
  };
  const tell = () => {
    border.setAttribute("aria-valuenow", Math.round((100 * share(before)) / (share(before) + share(after))));
  };
  border.setAttribute("role", "separator");
  border.setAttribute("aria-orientation", axis === "x" ? "vertical" : "horizontal");
  border.tabIndex = 0;
  border.setAttribute("aria-valuemin", 0);
  border.setAttribute("aria-valuemax", 100);
  tell();
  border.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -2, ArrowUp: -2, ArrowRight: 2, ArrowDown: 2 }[event.key];
    if (!step) return;
    set(share(before) + step);
    event.preventDefault();
  });
  border.addEventListener("pointerdown", (event) => {
    const neighbours = [border.previousElementSibling, border.nextElementSibling];
    const sides = neighbours.map((side) => side.getBoundingClientRect());
    const pixels = sides.reduce((sum, box) => sum + (axis === "x" ? box.width : box.height), 0);
    const each = (share(before) + share(after)) / pixels;
    const [begin, first] = [axis === "x" ? event.clientX : event.clientY, share(before)];
    border.setPointerCapture(event.pointerId);
    border.onpointermove = (move) => set(first + each * ((axis === "x" ? move.clientX : move.clientY) - begin));
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
    const grow = el("button", "grow", "⤢");
    grow.type = "button";
    grow.setAttribute("aria-label", `enlarge: ${title}`);
    grow.setAttribute("aria-pressed", "false");
    pane.querySelector("header").append(grow);
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
