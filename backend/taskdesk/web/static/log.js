// The log of a running job. It follows while its end is in view, can be paused, and keeps only the last part.
import { timeOfDay } from "./time.js";

const MAX_CHARACTERS = 100_000; // as many as the server sends
const COLORS = /\x1b\[([\d;]*)m/; // each line sets its own; with the capture, split() returns the numbers, too

export function readLog(job) {
  const find = (name) => job.querySelector(`[data-${name}]`);
  const log = find("log");
  const pause = find("pause");
  let known = Number(log.dataset.size); // bytes that are on the page; the stream starts with them again
  let held = null; // what came after it was paused, as [text, time]
  let whole = null; // the log of the page of the ended job, if the stream closed before it had brought all
  const toEnd = () => (log.scrollTop = log.scrollHeight);

  const show = (change) => {
    const following = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
    if (find("no-log")) find("log-panel").open = true; // the first output
    find("no-log")?.remove();
    change();
    if (!following) return; // the reader has scrolled up
    if (cut(log)) find("cut").hidden = false;
    toEnd();
  };
  const replace = () => {
    log.replaceChildren(...whole.childNodes);
    log.dataset.line = whole.dataset.line;
  };

  pause.onclick = () => {
    if (held === null) {
      held = [];
      pause.textContent = "Resume";
      return;
    }
    const pieces = held;
    held = null;
    pause.textContent = "Pause";
    show(() => (whole ? replace() : pieces.forEach((piece) => append(log, ...piece))));
    toEnd();
  };
  pause.hidden = false;
  toEnd();

  const add = ({ offset, size, text }, id) => {
    if (offset + size <= known) return;
    if (offset < known) text = new TextDecoder().decode(new TextEncoder().encode(text).slice(known - offset)); // sent again
    known = offset + size;
    const piece = [text, new Date(parseInt(id))];
    if (held === null) return show(() => append(log, ...piece));
    held.push(piece);
    const lines = held.reduce((sum, [text]) => sum + text.split("\n").length - 1, 0);
    pause.textContent = `Resume (${lines} new ${lines === 1 ? "line" : "lines"})`;
  };

  return {
    add,
    // Nothing more comes. What is held back stays so until the reader resumes.
    end(fresh) {
      if (Number(fresh?.dataset.size) > known) {
        whole = fresh;
        if (held === null) show(replace);
      }
      if (held === null) pause.hidden = true;
      else pause.addEventListener("click", () => (pause.hidden = true));
      const empty = find("no-log");
      if (empty) empty.textContent = "No output.";
    },
  };
}

// Add text to the log: a span for each line, as view/log_lines.py writes it. The last line may go on.
function append(log, text, time) {
  const pieces = text.split("\n");
  pieces.forEach((piece, n) => {
    const isEnded = n < pieces.length - 1;
    if (!piece && !isEnded) return;
    const isOpen = log.lastChild?.nodeType === Node.ELEMENT_NODE;
    const line = isOpen ? log.lastChild : log.appendChild(document.createElement("span"));
    line.append(...colored(piece));
    if (!isOpen) Object.assign(line, { title: time.toISOString().replace(/\.\d+/, "") }).dataset.time = timeOfDay(time);
    if (isEnded) log.append("\n");
  });
}

function colored(text) {
  const [first, ...parts] = text.split(COLORS);
  const made = [first];
  for (let n = 0; n < parts.length; n += 2) {
    const className = parts[n].split(";").filter(Number).map((number) => `c${number}`).join(" ");
    made.push(className ? Object.assign(document.createElement("span"), { className, textContent: parts[n + 1] }) : parts[n + 1]);
  }
  return made.filter((piece) => piece !== "");
}

// Remove the first lines of a log that has grown too long. Return true if there were any.
function cut(log) {
  let surplus = log.textContent.length - MAX_CHARACTERS;
  const isCut = surplus > 0;
  for (; surplus > 0 && log.children.length > 1; log.dataset.line &&= Number(log.dataset.line) && Number(log.dataset.line) + 1) {
    const line = log.firstElementChild;
    surplus -= line.textContent.length + 1;
    line.nextElementSibling.title ||= line.title;
    line.nextSibling.remove(); // the end of the line
    line.remove();
  }
  if (surplus > 0) log.firstElementChild.textContent = log.textContent.slice(surplus);
  if (isCut) numberLines(log);
  return isCut;
}

export function numberLines(log) {
  log.style.counterReset = `line ${log.dataset.line - 1}`;
}
