// A list as rows that can be added and removed. The textarea with an entry per line is still what is sent. A long list
// stays a textarea.
const MAX_ROWS = 50;

export function addRows(root) {
  for (const group of root.querySelectorAll("[data-rows]")) {
    const text = group.querySelector("textarea");
    const entries = text.value.split("\n").filter((line) => line.trim());
    if (entries.length <= MAX_ROWS) makeRows(group, text, entries);
  }
}

function makeRows(group, text, entries) {
  const { id } = text;
  const label = document.getElementById(`${id}-label`);
  const template = group.querySelector("template");
  const adder = group.querySelector(":scope > button");
  const inputs = () => [...group.querySelectorAll(".row > :first-child")];

  const update = () => {
    text.value = inputs().map((input) => input.value).join("\n");
    inputs().forEach((input, n) => {
      input.id = n ? `${id}-${n + 1}` : id; // the label and the list of errors link to the first
      input.setAttribute("aria-label", `${label.firstChild.textContent.trim()}, entry ${n + 1}`);
    });
  };
  const add = (value, after = null) => {
    const row = template.content.firstElementChild.cloneNode(true);
    after ? after.after(row) : adder.before(row);
    row.firstElementChild.value = value;
    row.firstElementChild.setAttribute("aria-describedby", `${id}-hint`);
    return row;
  };
  const remove = (row) => {
    const neighbor = row.previousElementSibling?.matches(".row") ? row.previousElementSibling : row.nextElementSibling;
    row.remove();
    (neighbor.matches(".row") ? neighbor : add("")).firstElementChild.focus(); // one is always there
  };

  group.addEventListener("input", update);
  group.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button === adder) add("").firstElementChild.focus();
    else remove(button.parentElement);
    update();
  });
  group.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input")) return;
    event.preventDefault(); // the next entry, and not the end of the form
    add("", event.target.parentElement).firstElementChild.focus();
    update();
  });
  group.addEventListener("paste", (event) => {
    const [first, ...more] = event.clipboardData.getData("text").split(/\r?\n/).filter((line) => line.trim());
    if (!more.length || !event.target.matches("input") || event.target.value) return;
    event.preventDefault();
    event.target.value = first;
    more.reduce((row, line) => add(line, row), event.target.parentElement);
    update();
  });

  text.hidden = true;
  text.removeAttribute("id");
  document.getElementById(`${id}-hint`).querySelector("[data-plain]").hidden = true;
  adder.hidden = false;
  for (const entry of entries.length ? entries : [""]) add(entry);
  update();
}
