// The palette (Ctrl+K): go to a page or a task, press a button of this page, or search among the jobs.
const MOST = 12; // rows

let tasks = null; // fetched when the palette opens first

export async function openPalette(text) {
  if (document.querySelector("dialog[open]")) return;
  const { dialog, field, list } = build();
  const draw = () => fill(list, choices(field.value.trim()));
  field.addEventListener("input", draw);
  field.addEventListener("keydown", (event) => (event.key === "Enter" ? choose(dialog, list.querySelector("[aria-selected=true]")) : steer(event, list)));
  list.addEventListener("click", ({ target }) => choose(dialog, target.closest("[role=option]")));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  field.value = text;
  draw();
  tasks ??= await fetchTasks();
  draw();
}

function build() {
  const dialog = Object.assign(document.createElement("dialog"), { className: "keys palette" });
  dialog.setAttribute("aria-label", "Go to");
  const field = Object.assign(document.createElement("input"), { type: "text", placeholder: "Go to a page or a task, or search jobs", autocomplete: "off", spellcheck: false });
  for (const [name, value] of [["role", "combobox"], ["aria-label", "Go to"], ["aria-expanded", "true"], ["aria-controls", "-choices"]]) field.setAttribute(name, value);
  const list = Object.assign(document.createElement("ul"), { id: "-choices", role: "listbox", ariaLabel: "Choices" });
  const article = document.createElement("article");
  article.append(field, list);
  dialog.append(article);
  return { dialog, field, list };
}

async function fetchTasks() {
  const answer = await fetch(document.body.dataset.tasks, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok) return [];
  const { data } = await answer.json();
  return data.map(({ name, title }) => ({ label: title.replace(/\.$/, ""), hint: name, href: `${document.body.dataset.taskPage}${name}` }));
}

function choices(text) {
  const pages = [...document.querySelectorAll("[data-go]")].map((link) => ({ label: link.textContent, hint: "page", href: link.href }));
  const buttons = [...document.querySelectorAll("main .buttons > a, main .buttons > form > button")];
  const actions = buttons.map((button) => ({ label: button.textContent, hint: "this job", press: button }));
  const words = text.toLowerCase().split(/\s+/);
  const fits = ({ label, hint }) => words.every((word) => `${label} ${hint}`.toLowerCase().includes(word));
  const search = text ? [{ label: `Search jobs for “${text}”`, hint: "jobs", href: `${document.querySelector("[data-go=j]")?.href}?q=${encodeURIComponent(text)}` }] : [];
  return [...[...actions, ...pages, ...(tasks ?? [])].filter(fits).slice(0, MOST), ...search];
}

function fill(list, found) {
  list.replaceChildren(
    ...found.map((choice, place) => {
      const row = document.createElement("li");
      Object.assign(row, { role: "option", id: `-choice-${place}`, choice });
      row.setAttribute("aria-selected", place === 0);
      row.append(Object.assign(document.createElement("span"), { textContent: choice.label, dir: "auto" }), Object.assign(document.createElement("small"), { textContent: choice.hint }));
      return row;
    }),
  );
  tell(list);
}

function steer(event, list) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const rows = [...list.children];
  if (!step || !rows.length) return;
  event.preventDefault();
  const at = rows.findIndex((row) => row.ariaSelected === "true");
  const next = (at + step + rows.length) % rows.length;
  rows.forEach((row, place) => row.setAttribute("aria-selected", place === next));
  rows[next].scrollIntoView({ block: "nearest" });
  tell(list);
}

function tell(list) {
  const row = list.querySelector("[aria-selected=true]");
  list.parentElement.querySelector("input").setAttribute("aria-activedescendant", row?.id ?? "");
}

function choose(dialog, row) {
  if (!row) return;
  dialog.close();
  const { href, press } = row.choice;
  href ? location.assign(href) : press.click();
}
