// The list of jobs: the rows stay where they are, and their states, the counts and the number of new jobs are kept fresh.
import { keepFresh } from "./refresh.js";

const FINAL = ["succeeded", "failed", "canceled"];
const list = document.querySelector("form.list");
const boxes = [...list.querySelectorAll("[name=id]")];
const ids = (some) => some.map((box) => box.value).join(" ");
const hasEnded = (box) => FINAL.includes(box.closest("tr").querySelector("[data-status]").textContent);

keepLive();
pickPages();
useLocalTimes(document.querySelector("form.filters"));
forgetWhatWasDone();
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

function keepLive() {
  const { live, cursor, later } = list.dataset;
  if (!live) return; // the filter is wrong
  keepFresh(() => {
    const body = new URLSearchParams({ moving: ids(boxes.filter((box) => !hasEnded(box))) });
    if (later === undefined) body.set("shown", ids(boxes)); // new jobs come on the first page only
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

// The server has times in UTC; whoever looks types them in the zone of the place.
function useLocalTimes(form) {
  for (const input of form.querySelectorAll("[type=datetime-local]")) {
    const moment = new Date(`${input.defaultValue}Z`);
    const local = new Date(moment - moment.getTimezoneOffset() * 60000);
    if (input.defaultValue) input.value = local.toISOString().slice(0, 16);
  }
  for (const note of form.querySelectorAll("[data-utc]")) note.remove();
  form.addEventListener("formdata", ({ formData }) => {
    for (const name of ["since", "until"]) {
      if (formData.get(name)) formData.set(name, new Date(formData.get(name)).toISOString());
    }
  });
}

function forgetWhatWasDone() {
  const here = new URL(location);
  here.searchParams.delete("done");
  history.replaceState(null, "", here);
}
