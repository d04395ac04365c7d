// Keyboard shortcuts on all pages. `g` and then the key in `data-go` opens an entry of the navigation.
const KEYS = [
  ["/", "Search, or go to the first field"],
  ["j", "Next row"],
  ["k", "Previous row"],
  ["Enter", "Open the row"],
  ["?", "This help"],
];
const ACTIONS = { "/": search, j: () => move(1), k: () => move(-1), "?": help, g: () => (goBefore = Date.now() + 1500) };
const TYPING = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
const FIELDS = "main :is(input:not([type=hidden], [type=checkbox], [type=radio]), textarea, select)";
let goBefore = 0; // until this time a key opens a page

document.addEventListener("keydown", (event) => {
  const { key, ctrlKey, metaKey, altKey, isComposing, target } = event;
  if (event.defaultPrevented || ctrlKey || metaKey || altKey || isComposing) return;
  if (target.closest(TYPING) || document.querySelector("dialog[open]")) return;
  const page = Date.now() < goBefore && entry(key);
  if (key !== "Shift") goBefore = 0;
  const act = page ? () => page.click() : ACTIONS[key];
  if (!act) return;
  event.preventDefault();
  act();
});

function entry(key) {
  return [...document.querySelectorAll("[data-go]")].find((link) => link.dataset.go === key);
}

// Go to the search field of the page, else to that of the jobs, else to the first field.
function search() {
  const field = document.querySelector("main input[type=search]");
  const jobs = entry("j");
  if (!field && jobs && jobs.pathname !== location.pathname) return location.assign(`${jobs.href}#search`);
  const first = [...document.querySelectorAll(FIELDS)].find((one) => one.checkVisibility());
  (field ?? first)?.focus();
}

// Focus the first link of the row: the browser marks it, and opens it on Enter.
function move(step) {
  const rows = [...document.querySelectorAll("[data-row], ul.jobs > li")].filter((row) => row.checkVisibility());
  const row = rows[rows.findIndex((one) => one.contains(document.activeElement)) + step];
  (row?.querySelector("a[href]") ?? row)?.focus();
}

function help() {
  const pages = [...document.querySelectorAll("[data-go]")].map((link) => [`g ${link.dataset.go}`, link.textContent]);
  const rows = [...KEYS, ...pages].flatMap(([keys, what]) => [
    make("dt", ...keys.split(" ").map((key) => make("kbd", key))),
    make("dd", what),
  ]);
  const close = make("button", "Close");
  close.className = "outline secondary";
  const dialog = make("dialog", make("article", make("h2", "Keyboard shortcuts"), make("dl", ...rows), close));
  dialog.className = "keys";
  dialog.setAttribute("aria-label", "Keyboard shortcuts");
  dialog.addEventListener("click", ({ target }) => (target === dialog || target === close) && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function make(tag, ...children) {
  const element = document.createElement(tag);
  element.append(...children);
  return element;
}

document.querySelector("[data-keys-button]").addEventListener("click", help);
if (location.hash === "#search") search();
