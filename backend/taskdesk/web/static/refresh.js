// Keep the elements with data-refresh fresh, but those that have the focus, a selection or something open. One with a
// data-version is replaced when that changes: its order stays, and the elements in it are kept fresh on their own.
import { showTimes } from "./time.js";

const POLL_MS = 4000;
const NEVER = Infinity;

// Refresh once. Return the milliseconds until the next time.
async function refresh(ask) {
  if (document.hidden) return POLL_MS;
  const answer = await ask().catch(() => null);
  if (answer?.status === 401) return showLoggedOut();
  showStale(!answer?.ok);
  if (answer?.ok) await take(answer);
  return Math.max(POLL_MS, 1000 * (Number(answer?.headers.get("Retry-After")) || 0)); // the server is away or too busy
}

async function take(answer) {
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const shown = new Map([...document.querySelectorAll("[data-refresh]")].map((old) => [old.dataset.refresh, old]));
  for (const fresh of page.querySelectorAll("[data-refresh]")) {
    const old = shown.get(fresh.dataset.refresh);
    if (!old || isInUse(old) || (old.dataset.version && old.dataset.version === fresh.dataset.version)) continue;
    showTimes(fresh);
    if (fresh.innerHTML === old.innerHTML) continue;
    if (fresh.dataset.version) old.dataset.version = fresh.dataset.version;
    old.replaceChildren(...fresh.childNodes);
  }
}

function isInUse(part) {
  const selection = getSelection();
  const isSelected = !selection.isCollapsed && selection.containsNode(part, true);
  return isSelected || "held" in part.dataset || part.contains(document.activeElement) || part.querySelector("[open]");
}

function showLoggedOut() {
  showStale(false);
  document.querySelector("[data-logged-out]").hidden = false;
  return NEVER;
}

export function showStale(isStale) {
  document.querySelector("[data-stale]").hidden = !isStale;
}

// `ask` fetches a page with the same elements.
export function keepFresh(ask) {
  const look = async () => {
    const pause = await refresh(ask).catch(() => showStale(true) ?? POLL_MS); // the connection broke amid the answer; the next try may succeed
    if (pause !== NEVER) setTimeout(look, pause);
  };
  setTimeout(look, POLL_MS);
}
