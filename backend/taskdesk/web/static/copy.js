// Buttons that copy a text, the answer of an address, or the text of an element. app.css hides them where no scripts run.
async function textOf({ copy, copyUrl, copyOf }) {
  return copy ?? (copyUrl ? (await fetch(copyUrl)).text() : document.getElementById(copyOf).textContent);
}

async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = Object.assign(document.createElement("textarea"), { value: text }); // a page by plain HTTP has no clipboard
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

document.addEventListener("click", async ({ target }) => {
  // a form may have a field called "closest"
  const button = Element.prototype.closest.call(target, "[data-copy], [data-copy-url], [data-copy-of]");
  if (!button) return;
  await write(await textOf(button.dataset));
  button.dataset.word ??= button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = button.dataset.word), 2000);
});
