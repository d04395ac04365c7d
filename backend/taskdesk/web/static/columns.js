// The columns of a chosen CSV file, as suggestions for each field that takes one of them (data-column-of). The browser
// reads the beginning of the file itself. The server checks the value when the form is sent.
const HEAD_BYTES = 65_536;
const MARKS = [",", ";", "\t", "|"];

export function offerColumns(root) {
  for (const field of root.querySelectorAll("[data-column-of]")) {
    const file = document.getElementById(field.dataset.columnOf);
    if (!file) continue; // it is no upload of this form
    const reused = [...(field.list?.options ?? [])].map((option) => option.value); // of the file of an earlier job
    const list = Object.assign(document.createElement("datalist"), { id: `${field.id}-columns` });
    const offer = (names) => list.replaceChildren(...names.map((value) => Object.assign(document.createElement("option"), { value })));
    field.after(list);
    field.setAttribute("list", list.id);
    offer(reused);
    file.addEventListener("change", async () => offer(file.files.length ? columnsOf(await textOf(file.files[0])) : reused));
  }
}

async function textOf(file) {
  const bytes = await file.slice(0, HEAD_BYTES).arrayBuffer();
  const [first, second] = new Uint8Array(bytes);
  const isWide = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  if (isWide) return new TextDecoder(first === 0xff ? "utf-16le" : "utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true }); // the last character may be cut
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

function columnsOf(text) {
  const [line, mark] = text.trimStart().match(/^"?sep=(.)"?\s*\n/) ?? ["", ""]; // Excel's own line
  const rest = text.trimStart().slice(line.length);
  const records = (mark ? [mark] : MARKS).map((one) => record(rest, one));
  const names = records.reduce((widest, one) => (one.length > widest.length ? one : widest));
  return [...new Set(names.filter(Boolean))];
}

function record(text, mark) {
  const cells = [""];
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"' && isQuoted && text[at + 1] === '"') cells[cells.length - 1] += text[at++];
    else if (char === '"') isQuoted = !isQuoted;
    else if (char === mark && !isQuoted) cells.push("");
    else if (/[\r\n]/.test(char) && !isQuoted) break;
    else cells[cells.length - 1] += char;
  }
  return cells.map((cell) => cell.trim().replace(/\s+/g, " "));
}
