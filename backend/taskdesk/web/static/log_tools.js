// Tools of a log: find a text in it, wrap its lines or not, their numbers and times, and the full screen.
import { numberLines } from "./log.js";
import { timeOfDay } from "./time.js";

const supportsMarks = "highlights" in CSS;

export function addLogTools(panel) {
  const bar = panel?.querySelector("[data-log-tools]");
  const log = panel?.querySelector("[data-log]");
  if (!bar || !log) return;
  const button = (label, pressed, act) => {
    const made = Object.assign(document.createElement("button"), { type: "button", className: "outline secondary", textContent: label });
    made.setAttribute("aria-pressed", pressed);
    made.addEventListener("click", () => made.setAttribute("aria-pressed", act()));
    return made;
  };
  const logs = [...panel.querySelectorAll(".log")]; // its beginning, and its end
  const toggle = (name) => logs.map((one) => one.classList.toggle(name)).pop();
  const wrap = button("Wrap lines", true, () => !toggle("unwrapped"));
  const numbers = button("Line numbers", false, () => {
    numberLines(log);
    return toggle("numbered");
  });
  const times = button("Times", false, () => {
    logs.forEach(showTimes);
    return toggle("timed");
  });
  const full = button("Full screen", false, () => {
    document.fullscreenElement ? document.exitFullscreen() : panel.requestFullscreen();
    return !document.fullscreenElement;
  });
  panel.addEventListener("fullscreenchange", () => full.setAttribute("aria-pressed", document.fullscreenElement === panel));
  const canNumber = Number(log.dataset.line) > 0; // else lines before it were left out
  bar.append(finder(log), wrap, ...(canNumber ? [numbers] : []), times, ...(document.fullscreenEnabled ? [full] : []));
}

// A line has the time as its title if that differs from the line before.
function showTimes(log) {
  let time = "";
  for (const line of log.children) {
    if (line.title) time = timeOfDay(new Date(line.title));
    line.dataset.time = time;
  }
}

// A field that marks each place where its text stands in the log. Enter goes to the next one, Shift+Enter back.
function finder(log) {
  const field = Object.assign(document.createElement("input"), { type: "search", placeholder: "Find in log", autocomplete: "off", spellcheck: false });
  field.setAttribute("aria-label", "Find in log");
  const count = document.createElement("small");
  count.setAttribute("aria-live", "polite");
  let found = [];
  let at = -1;
  const look = () => {
    found = field.value ? ranges(log, field.value.toLowerCase()) : [];
    at = -1;
    if (supportsMarks) CSS.highlights.set("found", new Highlight(...found));
    count.textContent = field.value ? `${found.length} found` : "";
  };
  const go = (step) => {
    if (!found.length) return;
    at = (at + step + found.length) % found.length;
    const place = found[at].getBoundingClientRect();
    log.scrollTop += place.top - log.getBoundingClientRect().top - log.clientHeight / 2;
    if (supportsMarks) CSS.highlights.set("found-now", new Highlight(found[at]));
    count.textContent = `${at + 1} of ${found.length}`;
  };
  field.addEventListener("input", look);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") go(event.shiftKey ? -1 : 1);
  });
  const box = document.createElement("span");
  box.className = "log-find";
  box.append(field, count);
  return box;
}

const MAX_FOUND = 1000;

function ranges(log, text) {
  const found = [];
  for (const line of log.children) {
    const whole = line.textContent.toLowerCase();
    for (let place = whole.indexOf(text); place >= 0; place = whole.indexOf(text, place + text.length)) {
      found.push(rangeIn(line, place, place + text.length));
      if (found.length === MAX_FOUND) return found;
    }
  }
  return found;
}

// The range from a place in the text of a line to another. The line has a text node for each of its colors.
function rangeIn(line, start, end) {
  const range = new Range();
  const nodes = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
  for (let node = nodes.nextNode(), place = 0; node; place += node.length, node = nodes.nextNode()) {
    if (start >= place && start < place + node.length) range.setStart(node, start - place);
    if (end <= place + node.length) {
      range.setEnd(node, end - place);
      break;
    }
  }
  return range;
}
