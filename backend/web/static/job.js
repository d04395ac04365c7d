// Follow a job while it runs: state, bar, log. At its end the page is loaded again, and has the result.
import { duration } from "./time.js";

const job = document.querySelector("[data-job]");
const find = (name) => job.querySelector(`[data-${name}]`);
const timeIn = (name) => Date.parse(find(name).querySelector("time")?.dateTime);
const title = document.title;

if (job.dataset.final === "no") follow();
else if (timeIn("started") && timeIn("ended")) {
  find("took").textContent = `took ${duration((timeIn("ended") - timeIn("started")) / 1000)}`;
}

function follow() {
  const events = new EventSource(job.dataset.events);
  const on = (type, handle) => events.addEventListener(type, (event) => handle(JSON.parse(event.data)));
  let shown = Number(find("log").dataset.size); // bytes; the stream begins with what is on the page already
  const isRunning = () => find("status").textContent === "running";
  let started = isRunning() ? timeIn("started") : NaN; // a job that waits for its next try has started before

  on("state", ({ status }) => {
    if (find("status").textContent === status) return;
    if (isRunning()) return location.reload(); // it waits again: the page says why
    find("status").textContent = status;
    find("status").className = `badge ${status}`;
    if (status !== "running") return;
    started ||= Date.now();
    find("bar").removeAttribute("value");
    find("message").textContent = "Running";
  });
  on("progress", ({ percent, message }) => {
    if (!isRunning()) return; // of the try before
    find("bar").value = percent;
    find("percent").textContent = `${percent} %`;
    find("message").textContent = message;
    document.title = `${percent} % ${title}`;
  });
  on("log", ({ offset, size, text }) => {
    if (offset < shown) return;
    shown = offset + size;
    const log = find("log");
    const following = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
    find("no-log")?.remove();
    log.append(text);
    if (following) log.scrollTop = log.scrollHeight;
  });
  on("end", () => {
    events.close();
    location.reload();
  });
  events.onerror = () => {
    // A lost connection comes back by itself. An error as the answer ends it: then the page says what is wrong.
    if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
  };
  find("log").scrollTop = find("log").scrollHeight;
  const tick = () => {
    if (started) find("elapsed").textContent = duration((Date.now() - started) / 1000).replace(/\.\d/, "");
  };
  tick();
  setInterval(tick, 1000);
}
