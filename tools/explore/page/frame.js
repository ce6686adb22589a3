// The frame around the panes: dark and light, panes that close and grow or are tabs, help.

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

/**
 * Buttons for the panes: in a wide window each shows and hides one, on a phone they are tabs, of which one is chosen. And
 * in each pane one that lets it fill the window.
 * @param changed is called when panes have changed their size.
 */
function paneButtons(bar, changed) {
  const narrow = matchMedia("(max-width: 700px)");
  const panes = [...document.querySelectorAll(".pane")];
  const tabs = new Map();
  const choose = (chosen) => {
    for (const pane of panes) pane.classList.toggle("tab", pane === chosen);
    arrange();
  };
  const arrange = () => {
    bar.setAttribute("role", narrow.matches ? "tablist" : "group");
    for (const [pane, button] of tabs) {
      const isTab = pane.classList.contains("tab");
      button.role = narrow.matches ? "tab" : "";
      if (narrow.matches) {
        button.removeAttribute("aria-pressed");
        button.setAttribute("aria-selected", String(isTab));
      } else {
        button.removeAttribute("role");
        button.removeAttribute("aria-selected");
        button.setAttribute("aria-pressed", String(!pane.hidden));
      }
    }
    document.querySelectorAll(".split").forEach((split) => split.arrange());
    changed();
  };
  for (const pane of panes) {
    const button = el("button", "switch", pane.querySelector("h2").textContent, el("span", "lit-count"));
    button.type = "button";
    button.dataset.toggles = pane.dataset.pane;
    button.addEventListener("click", () => {
      if (narrow.matches) choose(pane);
      else pane.hidden = !pane.hidden;
      arrange();
    });
    tabs.set(pane, button);
    bar.append(button);
    pane.querySelector("header").append(growButton(pane, changed));
  }
  narrow.addEventListener("change", arrange);
  choose(panes[0]);
  return {
    /** Says in the tabs how many lines of each pane are lit. */
    tell(counts) {
      for (const [pane, button] of tabs) {
        const count = counts[pane.dataset.pane] ?? 0;
        button.lastChild.textContent = count ? grouped(count) : "";
      }
    },
    /** Brings a pane to the front, where one is shown at a time. */
    open(name) {
      const pane = panes.find((each) => each.dataset.pane === name);
      if (narrow.matches) choose(pane);
    },
  };
}

function growButton(pane, changed) {
  const grow = el("button", "grow", "⤢");
  grow.type = "button";
  grow.setAttribute("aria-label", `enlarge: ${pane.querySelector("h2").textContent}`);
  grow.setAttribute("aria-pressed", "false");
  grow.addEventListener("click", () => {
    const isLarge = pane.classList.toggle("large");
    grow.setAttribute("aria-pressed", String(isLarge));
    changed();
  });
  return grow;
}

/** The help dialog, which also opens at the first visit. */
function helpDialog(dialog, button) {
  button.addEventListener("click", () => dialog.showModal());
  dialog.querySelector("form").addEventListener("submit", () => dialog.close());
}
