// Replace the regions of a page without moving what somebody reads or types.
import { makeSortable } from "./result.js";
import { showTimes } from "./time.js";

const PICTURES_MS = 3000; // to wait for pictures

// Return true if a region was left as it is, because a question is open in it.
export async function settle(job, fresh) {
  const pictures = [...fresh.querySelectorAll("[data-region] img")];
  await Promise.race([Promise.all(pictures.map(measure)), new Promise((done) => setTimeout(done, PICTURES_MS))]);
  const badge = job.querySelector("[data-status]");
  const now = fresh.querySelector("[data-status]");
  const hasChanged = badge.textContent !== now.textContent;
  if (hasChanged) {
    badge.textContent = now.textContent;
    badge.className = now.className;
  }
  const mark = job.querySelector("[data-log-panel]") ?? job;
  const before = mark.getBoundingClientRect().top;
  const regions = [...job.querySelectorAll("[data-region]")];
  for (const region of regions) {
    replace(region, fresh.querySelector(`[data-region=${region.dataset.region}]`), hasChanged);
  }
  if (scrollY > 0 && before < innerHeight) scrollBy(0, mark.getBoundingClientRect().top - before);
  return regions.some(isAsking);
}

// A picture whose size is known does not move the page when it loads.
async function measure(picture) {
  const ready = Object.assign(new Image(), { src: picture.src });
  await ready.decode().catch(() => {});
  Object.assign(picture, { width: ready.naturalWidth, height: ready.naturalHeight });
}

const isAsking = (region) => region.querySelector("dialog[open]") !== null;

function replace(old, now, isUrgent) {
  const selection = getSelection();
  const isRead = !selection.isCollapsed && selection.containsNode(old, true);
  if (isAsking(old) || (isRead && !isUrgent)) return;
  showTimes(now);
  makeSortable(now);
  if (now.innerHTML === old.innerHTML) return;
  const focused = old.contains(document.activeElement) && document.activeElement;
  old.replaceChildren(...now.childNodes);
  if (focused) (document.getElementById(focused.id) ?? document.querySelector("main")).focus({ preventScroll: true });
}
