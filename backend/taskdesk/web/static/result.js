// The page of a job without the server: sort tables, enlarge pictures, ask before an action.
import "./copy.js";
import { addLogTools } from "./log_tools.js";

const words = new Intl.Collator(document.documentElement.lang, { numeric: true });

export function makeSortable(root) {
  for (const head of root.querySelectorAll("[data-sortable] th")) {
    const button = Object.assign(document.createElement("button"), { type: "button" });
    button.append(...head.childNodes);
    head.append(button);
  }
}

function sort(head) {
  const isDown = head.ariaSort === "ascending";
  const body = head.closest("table").tBodies[0];
  const isNumber = head.classList.contains("number");
  const cell = (row) => row.cells[head.cellIndex] ?? row.cells[0];
  const value = (row) => (isNumber ? parseFloat(cell(row).title || cell(row).textContent) : cell(row).textContent);
  const compare = isNumber ? (a, b) => a - b : words.compare;
  const rows = [...body.rows].map((row) => [value(row), row]);
  const isGap = (value) => value === "–" || Number.isNaN(value); // no value: last in both directions
  rows.sort(([a], [b]) => isGap(a) - isGap(b) || (isGap(a) ? 0 : isDown ? compare(b, a) : compare(a, b)));
  for (const other of head.parentElement.cells) other.ariaSort = other === head ? (isDown ? "descending" : "ascending") : null;
  body.append(...rows.map(([, row]) => row));
}

const zoom = document.querySelector("[data-zoom]");
const size = zoom.querySelector("[data-size]");

function enlarge(link) {
  const picture = zoom.querySelector("img");
  picture.src = link.href;
  picture.alt = link.querySelector("img").alt;
  zoom.querySelector("[data-save]").href = link.dataset.picture;
  setSize(false);
  zoom.showModal();
}

function setSize(isActual) {
  zoom.classList.toggle("actual", isActual);
  size.ariaPressed = isActual;
}

const does = {
  "[data-sortable] th": sort,
  "[data-picture]": enlarge,
  "[data-size], .zoom-view img": () => setSize(!zoom.classList.contains("actual")),
  "[data-ask]": (link) => document.getElementById(link.dataset.ask).showModal(),
  "[data-close]": (link) => link.closest("dialog").close(),
};

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a link in a new tab
  for (const [selector, act] of Object.entries(does)) {
    const target = event.target.closest(selector);
    if (!target) continue;
    event.preventDefault();
    act(target);
  }
});

// The end is what matters of a log and of a traceback. What is folded has no height: it is scrolled when it opens.
const toEnd = (box) => (box.scrollTop = box.scrollHeight);

document.addEventListener("toggle", ({ target }) => target.open && target.querySelectorAll?.("[data-end]").forEach(toEnd), true);
document.querySelectorAll("[data-end]").forEach(toEnd);
addLogTools(document.querySelector("[data-log-panel]"));
makeSortable(document);
