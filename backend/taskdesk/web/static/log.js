// The log of a running job. It follows while its end is in view, can be paused, and keeps only the last part.
const MAX_CHARACTERS = 100_000; // as many as the server sends

export function readLog(job) {
  const find = (name) => job.querySelector(`[data-${name}]`);
  const log = find("log");
  const pause = find("pause");
  let known = Number(log.dataset.size); // bytes that are on the page; the stream starts with them again
  let held = null; // what came after it was paused
  const toEnd = () => (log.scrollTop = log.scrollHeight);

  const show = (text) => {
    const following = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
    if (find("no-log")) find("log-panel").open = true; // the first output
    find("no-log")?.remove();
    log.append(text);
    if (!following) return; // the reader has scrolled up
    cut();
    toEnd();
  };
  const cut = () => {
    const surplus = log.textContent.length - MAX_CHARACTERS;
    if (surplus <= 0) return;
    log.normalize();
    log.firstChild.deleteData(0, log.textContent.indexOf("\n", surplus) + 1 || surplus);
    find("cut").hidden = false;
  };

  pause.onclick = () => {
    if (held === null) {
      held = "";
      pause.textContent = "Resume";
      return;
    }
    const text = held;
    held = null;
    pause.textContent = "Pause";
    show(text);
    toEnd();
  };
  pause.hidden = false;
  toEnd();

  const add = ({ offset, size, text }) => {
    if (offset + size <= known) return;
    if (offset < known) text = new TextDecoder().decode(new TextEncoder().encode(text).slice(known - offset)); // sent again
    known = offset + size;
    if (held === null) return show(text);
    held += text;
    const lines = held.split("\n").length - 1;
    pause.textContent = `Resume (${lines} new ${lines === 1 ? "line" : "lines"})`;
  };
  // Add what the page of an ended job has and the stream has not brought, because it closed early.
  const catchUp = ({ dataset, textContent }) => {
    const missing = Number(dataset.size) - known;
    const bytes = new TextEncoder().encode(textContent);
    if (missing > 0) add({ offset: known, size: missing, text: new TextDecoder().decode(bytes.slice(-missing)) });
  };

  return {
    add,
    // Nothing more comes. What is held back stays so until the reader resumes.
    end(whole) {
      if (whole) catchUp(whole);
      if (held === null) pause.hidden = true;
      else pause.addEventListener("click", () => (pause.hidden = true));
      const empty = find("no-log");
      if (empty) empty.textContent = "No output.";
    },
  };
}
