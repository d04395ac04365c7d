// Tools of a log: find a text in it, wrap its lines or not, and the full screen.
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
  const wrap = button("Wrap lines", true, () => !log.classList.toggle("unwrapped"));
  const full = button("Full screen", false, () => {
    document.fullscreenElement ? document.exitFullscreen() : panel.requestFullscreen();
    return !document.fullscreenElement;
  });
  panel.addEventListener("fullscreenchange", () => full.setAttribute("aria-pressed", document.fullscreenElement === panel));
  bar.append(finder(log), wrap, ...(document.fullscreenEnabled ? [full] : []));
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
  log.normalize(); // one text node, whose places are those of the text
  const node = log.firstChild;
  const whole = node?.data.toLowerCase() ?? "";
  const found = [];
  for (let place = whole.indexOf(text); place >= 0 && found.length < MAX_FOUND; place = whole.indexOf(text, place + text.length)) {
    const range = new Range();
    range.setStart(node, place);
    range.setEnd(node, place + text.length);
    found.push(range);
  }
  return found;
}
