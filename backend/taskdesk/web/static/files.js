// Drop zones for files. A field shows the name and size of its file, and at once a problem with it.
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
      input.files = firstOf(event.dataTransfer.files);
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
    zone.classList.add("live");
    chosen.textContent = chosen.dataset.chosen;
    input.addEventListener("change", () => {
      const [file] = input.files;
      zone.classList.toggle("chosen", Boolean(file));
      chosen.textContent = file ? `${file.name}, ${sizeInWords(file.size)}` : chosen.dataset.chosen;
      say(input, file ? problemOf(file, input) : "");
    });
  }
}

// Without this, a file dropped beside its field would replace the page, and what was typed would be lost.
for (const type of ["dragover", "drop"]) {
  document.addEventListener(type, (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
}

function firstOf(files) {
  const chosen = new DataTransfer();
  chosen.items.add(files[0]);
  return chosen.files;
}

function say(input, problem) {
  document.getElementById(`${input.id}-hint`).querySelector("[data-error]").textContent = problem;
  if (problem) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

function problemOf({ name, size }, input) {
  const extensions = input.accept.split(",").filter(Boolean);
  if (extensions.length && !extensions.some((extension) => name.toLowerCase().endsWith(extension.toLowerCase())))
    return `${name} does not end in ${extensions.join(" or ")}. Is it the right file?`;
  return size ? "" : "The file is empty. Choose one that has content.";
}

// 1 kB is 1000 bytes, as the server has it.
export function sizeInWords(bytes) {
  const unit = bytes < 1e3 ? "byte" : bytes < 1e6 ? "kilobyte" : "megabyte";
  const shown = bytes / { byte: 1, kilobyte: 1e3, megabyte: 1e6 }[unit];
  return shown.toLocaleString("en", { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 1 });
}
