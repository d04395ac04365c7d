// Keyboard shortcuts on all pages. `g` and then the key in `data-go` opens an entry of the navigation.
const KEYS = [
  ["/", "Search, or go to the first field"],
  ["j", "Next row"],
  ["k", "Previous row"],
  ["Enter", "Open the row"],
  ["x", "Select the row"],
  ["r", "Retry the job, or the selected ones"],
  ["c", "Cancel the job, or the selected ones"],
  ["Ctrl+Enter", "Run the task"],
  ["Ctrl+K", "Go to a page or a task, or search jobs"],
  ["?", "This help"],
];
const ACTIONS = { "/": search, j: () => move(1), k: () => move(-1), "?": help, g: () => (goBefore = Date.now() + 1500), x: select, r: () => act("retry"), c: () => act("cancel") };
const TYPING = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
const FIELDS = "main :is(input:not([type=hidden], [type=checkbox], [type=radio]), textarea, select)";
let goBefore = 0; // until this time a key opens a page
let typedAhead = null; // text that is typed while the palette loads

document.addEventListener("keydown", (event) => {
  const { key, ctrlKey, metaKey, altKey, isComposing, target } = event;
  if (key === "k" && (ctrlKey || metaKey) && document.body.dataset.tasks) return palette(event);
  if (key === "Enter" && (ctrlKey || metaKey) && !isComposing) return run(event);
  if (key === " " && target.matches("a[role=button]")) return press(event);
  if (event.defaultPrevented || ctrlKey || metaKey || altKey || isComposing) return;
  if (typedAhead !== null) return typeAhead(event);
  if (target.closest(TYPING) || document.querySelector("dialog[open]")) return;
  const page = Date.now() < goBefore && entry(key);
  if (key !== "Shift") goBefore = 0;
  const answer = page ? () => page.click() : ACTIONS[key];
  if (!answer) return;
  event.preventDefault();
  answer();
});

function entry(key) {
  return [...document.querySelectorAll("[data-go]")].find((link) => link.dataset.go === key);
}

// Go to the search field of the page, else to that of the jobs, else to the first field.
function search() {
  const field = document.querySelector("main input[type=search]:not(.log-find *)");
  const jobs = entry("j");
  if (!field && !document.querySelector("[data-samples]") && jobs && jobs.pathname !== location.pathname) return location.assign(`${jobs.href}#search`);
  const first = [...document.querySelectorAll(FIELDS)].find((one) => one.checkVisibility());
  (field ?? first)?.focus();
}

// Focus the first link of the row: the browser marks it, and opens it on Enter.
function move(step) {
  const rows = [...document.querySelectorAll("[data-row], ul.jobs > li")].filter((row) => row.checkVisibility());
  const row = rows[rows.findIndex((one) => one.contains(document.activeElement)) + step];
  (row?.querySelector("a[href]") ?? row)?.focus();
}

const rowOf = (element) => element.closest("[data-row], ul.jobs > li");

function select() {
  rowOf(document.activeElement)?.querySelector("[name=id]")?.click();
}

// Press the button of the list for the selected jobs; else that of the job.
function act(name) {
  const button = document.querySelector(`.bulk [value=${name}], #do-${name}, #ask-${name}`);
  if (button?.checkVisibility()) button.click();
}

function run(event) {
  const button = document.querySelector("form[data-samples] .run > button");
  if (!button) return;
  event.preventDefault();
  button.click();
}

// The browser loads it when it is used first.
async function palette(event) {
  event.preventDefault();
  if (typedAhead !== null) return;
  typedAhead = "";
  try {
    (await import("./palette.js")).openPalette(typedAhead);
  } finally {
    typedAhead = null;
  }
}

function typeAhead(event) {
  event.preventDefault();
  if (event.key.length === 1) typedAhead += event.key;
}

// A link that is told as a button takes the space bar as one.
function press(event) {
  event.preventDefault();
  event.target.click();
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
document.querySelector(".links [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" }); // on a phone
