// Follow a job: events move its bar and its log. When its status changes, the regions of the page are fetched again.
import { readLog } from "./log.js";
import "./notify.js";
import { showStale } from "./refresh.js";
import { settle } from "./regions.js";
import "./result.js";
import { about, duration, setBusy } from "./time.js";

const POLL_MS = 2000; // between two looks at the place of a queued job
const SILENCE_MS = 40_000; // the stream sends a heartbeat every 15 s
const job = document.querySelector("[data-job]");
const find = (name) => job.querySelector(`[data-${name}]`);
const status = () => find("status").textContent;
const isFinal = () => job.dataset.final === "yes";

const address = new URL(location); // a notice is shown again while it is true, a question is not
address.searchParams.delete("confirm");
history.replaceState(null, "", location.pathname);

let progress = null; // the last event of this attempt
let beginning = NaN; // of the attempt, by the clock of this page
let turn = 0;
let isStale = false;
let heard = 0; // when the last event came
let isPutOff = false; // a question is open: its region is replaced once it is answered

// Fetch the page and replace the regions. The last request wins.
async function refresh() {
  const mine = ++turn;
  const answer = await fetch(address, { headers: { Accept: "text/html" } }).catch(() => null);
  if ([401, 404, 410].includes(answer?.status)) return location.reload(); // the job is gone, or the viewer has to log in
  if (!answer?.ok) return showStale((isStale = true)); // Redis or the network is away; the next look may succeed
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (mine !== turn) return;
  showStale((isStale = false));
  const fresh = page.querySelector("[data-job]");
  if (fresh.dataset.final === "yes" && !isFinal()) end(fresh);
  document.title = page.title;
  isPutOff = await settle(job, fresh);
  begin();
  addZonesLater();
}

// A field for a time has one of the questions of a job that has not started.
async function addZonesLater() {
  if (job.querySelector("[type=datetime-local]")) (await import("./zone.js")).addZones(job);
}

function end(fresh) {
  job.dataset.final = "yes";
  events?.close();
  clearInterval(clock);
  clearInterval(looks);
  log?.end(fresh.querySelector("[data-log]"));
  find("notify")?.remove();
  const detail = { id: job.dataset.job, task: job.dataset.task, status: fresh.querySelector("[data-status]").textContent };
  document.dispatchEvent(new CustomEvent("job:end", { detail }));
}

// Restart the clocks that count from the beginning of the attempt.
function begin() {
  const live = find("live");
  beginning = live ? performance.now() - 1000 * live.dataset.elapsed : NaN;
  if (!live) progress = null;
  if (progress) showProgress(progress);
  tick();
}

function showProgress({ percent, message }) {
  find("bar").value = percent;
  find("percent").textContent = `${percent} %`;
  find("message").textContent = message;
  document.title = `${percent} % ${document.title.replace(/^[\d.]+ % /, "")}`;
}

function tick() {
  const live = find("live");
  if (!live) return;
  const elapsed = (performance.now() - beginning) / 1000;
  const { median, p95 } = live.dataset;
  const percent = find("bar").hasAttribute("value") ? find("bar").value : 0;
  const left = percent ? (elapsed * (100 - percent)) / percent : median - elapsed;
  find("for").textContent = `${duration(elapsed).replace(/\.\d/, "")} elapsed`;
  find("left").textContent = left > 0 ? `About ${about(left)} left` : "";
  find("slow").hidden = !(elapsed > p95);
}

function follow() {
  const source = new EventSource(job.dataset.events);
  heard = Date.now();
  const on = (type, handle) =>
    source.addEventListener(type, (event) => {
      heard = Date.now();
      handle(JSON.parse(event.data), event.lastEventId);
    });
  on("state", (state) => {
    if (state.status === status()) return;
    progress = null;
    refresh();
  });
  on("progress", (event, id) => {
    if (parseInt(id) < Date.parse(find("live")?.dataset.since)) return; // of the attempt before
    progress = event;
    if (find("live")) showProgress(event); // otherwise the page does not show yet that the job is running
  });
  on("log", log.add);
  on("heartbeat", ({ live }) => showStale((isStale = !live)));
  source.onerror = () => showStale((isStale = true)); // the browser reconnects by itself
  on("end", () => {
    source.close();
    refresh();
  });
  return source;
}

// An error answer closes a stream for good. Then, and while the job waits, the page itself is fetched.
const look = () => {
  if (Date.now() - heard > SILENCE_MS && events.readyState !== EventSource.CLOSED) {
    showStale((isStale = true)); // it is dead, though no error event came
    events.close();
    events = follow();
  }
  if (!document.hidden && (isStale || status() !== "running" || events.readyState === EventSource.CLOSED)) refresh();
};

const log = isFinal() ? null : readLog(job);
let events = isFinal() ? null : follow();
const clock = isFinal() ? 0 : setInterval(tick, 1000);
const looks = isFinal() ? 0 : setInterval(look, POLL_MS);
begin();
addZonesLater();

job.addEventListener("submit", (event) => setBusy(event.target, true));
addEventListener("pageshow", () => job.querySelectorAll("form").forEach((form) => setBusy(form, false)));
job.addEventListener("close", () => isPutOff && refresh(), true);
