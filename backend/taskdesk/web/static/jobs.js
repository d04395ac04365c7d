// The list of jobs: rows keep their places; their statuses, the counts and the number of new jobs are kept fresh.
import { keepFresh } from "./refresh.js";
import { addZones } from "./zone.js";

const list = document.querySelector("form.list");
const rows = [...list.querySelectorAll("tr[data-id]")];
const boxes = [...list.querySelectorAll("[name=id]")]; // of the jobs that the user may change
const ids = (some) => some.map((row) => row.dataset.id).join(" ");
const hasEnded = (row) => row.querySelector("[data-final]") !== null;

keepLive();
pickPages();
addZones(document.querySelector("main")); // of its first form
applyAtOnce(document.querySelector(".filters"));
forgetWhatWasDone();
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

function keepLive() {
  const { live, cursor, later } = list.dataset;
  if (!live) return; // a filter is not valid
  keepFresh(() => {
    const body = new URLSearchParams({ moving: ids(rows.filter((row) => !hasEnded(row))) });
    if (later === undefined) body.set("shown", ids(rows)); // new jobs come on the first page only
    if (cursor) body.set("cursor", cursor);
    return fetch(live, { method: "POST", body });
  });
}

function pickPages() {
  const all = list.querySelector("[data-page]");
  if (!all) return;
  all.closest("label").hidden = false;
  all.addEventListener("change", () => boxes.forEach((box) => (box.checked = all.checked)));
  const follow = () => {
    const picked = boxes.filter((box) => box.checked).length;
    all.checked = picked === boxes.length;
    all.indeterminate = picked > 0 && !all.checked;
  };
  list.addEventListener("change", follow);
  addEventListener("pageshow", follow); // coming back, the browser has them ticked as they were
}

// A filter applies when it is chosen; the field has the focus again on the next page. A range of times has a button.
function applyAtOnce(form) {
  const FIELD = "taskdesk.filter";
  form.addEventListener("change", ({ target }) => {
    if (target.matches("[data-fold], [type=datetime-local], [type=search]") || target.value === "custom") return;
    sessionStorage.setItem(FIELD, (form.contains(document.activeElement) ? document.activeElement : target).id);
    form.requestSubmit();
  });
  document.getElementById(sessionStorage.getItem(FIELD))?.focus({ preventScroll: true });
  sessionStorage.removeItem(FIELD);
}

function forgetWhatWasDone() {
  const here = new URL(location);
  here.searchParams.delete("done");
  history.replaceState(null, "", here);
}
