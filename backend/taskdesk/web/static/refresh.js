// Keep what is marked with data-refresh as it is now. What has the focus, is selected or is open is left alone.
import { showTimes } from "./time.js";

const EVERY = 4000; // ms
const NEVER = Infinity;

// In how many ms to look again.
async function refresh(ask) {
  if (document.hidden) return EVERY;
  const answer = await ask().catch(() => null);
  if (answer?.status === 401) return showSignedOut();
  showStale(!answer?.ok);
  if (answer?.ok) await take(answer);
  return Math.max(EVERY, 1000 * (Number(answer?.headers.get("Retry-After")) || 0)); // where it is away, or has too much to do
}

async function take(answer) {
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const shown = new Map([...document.querySelectorAll("[data-refresh]")].map((old) => [old.dataset.refresh, old]));
  for (const fresh of page.querySelectorAll("[data-refresh]")) {
    const old = shown.get(fresh.dataset.refresh);
    if (!old || isInUse(old)) continue;
    showTimes(fresh);
    if (fresh.innerHTML !== old.innerHTML) old.replaceChildren(...fresh.childNodes);
  }
}

function isInUse(part) {
  const selection = getSelection();
  const isSelected = !selection.isCollapsed && selection.containsNode(part, true);
  return isSelected || part.contains(document.activeElement) || part.querySelector("[open]");
}

function showSignedOut() {
  showStale(false);
  document.querySelector("[data-signed-out]").hidden = false;
  return NEVER;
}

export function showStale(isStale) {
  document.querySelector("[data-stale]").hidden = !isStale;
}

// `ask` fetches a page that has the same parts as they are by then.
export function keepFresh(ask) {
  const look = async () => {
    const pause = await refresh(ask).catch(() => showStale(true) ?? EVERY); // it went away amid the answer: the next time may do
    if (pause !== NEVER) setTimeout(look, pause);
  };
  setTimeout(look, EVERY);
}
