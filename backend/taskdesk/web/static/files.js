// Drop zones for files. A field shows the name and size of its file, and at once a problem with it. A field of several
// files lists them. What is dropped or chosen then is added, and each can be removed.
export const RESTORED = "restored"; // the detail of a change event for files that were chosen before

export function addDropZones(root) {
  for (const zone of root.querySelectorAll("[data-drop]")) {
    const input = zone.querySelector("input");
    const chosen = zone.querySelector("[data-chosen]");
    const mark = (over) => zone.classList.toggle("over", over);
    zone.addEventListener("dragover", () => mark(true));
    zone.addEventListener("dragleave", () => mark(false));
    zone.addEventListener("drop", (event) => {
      mark(false);
      if (!event.dataTransfer.files.length) return;
      input.files = fileList(input.multiple ? event.dataTransfer.files : [event.dataTransfer.files[0]]);
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
    if (matchMedia("(hover: hover)").matches) chosen.textContent = chosen.dataset.chosen; // there is something to drop from
    const nothing = chosen.textContent;
    const list = zone.querySelector("ul");
    let kept = [];
    const show = (isRestored) => {
      const files = [...input.files];
      zone.classList.toggle("chosen", files.length > 0);
      chosen.textContent = files.length ? inWords(files) : nothing;
      const problem = problemsOf(files, input);
      if (problem || !isRestored) say(input, problem); // the answer of the server may have another
      warn(input, files.map((file) => doubtAbout(file, input)).join(" ").trim());
      if (list) showList(list, files, remove);
    };
    const remove = (place) => {
      kept = kept.filter((_, other) => other !== place);
      input.files = fileList(kept);
      show();
      (list.querySelectorAll("button")[Math.min(place, kept.length - 1)] ?? input).focus();
    };
    input.addEventListener("change", ({ detail }) => {
      if (list) {
        kept = [...kept, ...[...input.files].filter((file) => !kept.some((other) => isSame(file, other)))];
        input.files = fileList(kept);
      }
      show(detail === RESTORED);
    });
  }
}

// Without this, a file dropped beside its field would replace the page, and what was typed would be lost.
for (const type of ["dragover", "drop"]) {
  document.addEventListener(type, (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
}

function fileList(files) {
  const chosen = new DataTransfer();
  for (const file of files) chosen.items.add(file);
  return chosen.files;
}

const isSame = (one, other) =>
  one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;

function inWords(files) {
  const size = sizeInWords(files.reduce((sum, file) => sum + file.size, 0));
  return `${files.length === 1 ? files[0].name : `${files.length} files`}, ${size}`;
}

function showList(list, files, remove) {
  list.hidden = !files.length;
  list.replaceChildren(
    ...files.map((file, place) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      Object.assign(button, { type: "button", className: "plain", title: "Remove", textContent: "✕" });
      button.setAttribute("aria-label", `Remove ${file.name}`);
      button.addEventListener("click", () => remove(place));
      item.append(`${file.name}, ${sizeInWords(file.size)} `, button);
      return item;
    }),
  );
}

function say(input, problem) {
  document.getElementById(`${input.id}-hint`).querySelector("[data-error]").textContent = problem;
  if (problem) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

function problemsOf(files, input) {
  const problems = files.filter(({ size }) => !size).map(({ name }) => `${name} is empty. Choose a file that has content.`);
  const most = Number(input.dataset.most);
  if (files.length > most) problems.unshift(`${files.length} files are chosen, and ${most} are the most. Remove some.`);
  return problems.filter(Boolean).join(" ");
}

// The server takes such a file all the same.
function warn(input, doubt) {
  const hint = document.getElementById(`${input.id}-hint`);
  const note = hint.querySelector(".doubt") ?? Object.assign(document.createElement("span"), { className: "doubt" });
  note.textContent = doubt;
  hint.prepend(note);
}

function doubtAbout({ name }, input) {
  const extensions = input.accept.split(",").filter(Boolean);
  if (extensions.length && !extensions.some((extension) => name.toLowerCase().endsWith(extension.toLowerCase())))
    return `${name} does not end in ${extensions.join(" or ")}. Is it the right file?`;
  return "";
}

// 1 kB is 1000 bytes, as the server has it.
export function sizeInWords(bytes) {
  if (bytes < 1e3) return bytes === 1 ? "1 Byte" : `${bytes} Bytes`; // as the server writes it
  const unit = bytes < 1e6 ? "kilobyte" : "megabyte";
  const shown = bytes / { kilobyte: 1e3, megabyte: 1e6 }[unit];
  return shown.toLocaleString("en", { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 1 });
}
