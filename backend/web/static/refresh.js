// Keep what is marked with data-refresh as it is now. What has the focus, is selected or is open is left alone.
import { showTimes } from "./time.js";

const EVERY = 4000; // ms

async function refresh(ask) {
  if (document.hidden) return;
  const answer = await ask().catch(() => null);
  showStale(!answer?.ok);
  if (!answer?.ok) return; // Redis or the network is away: what is there stays, until it is back
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

export function showStale(isStale) {
  document.querySelector("[data-stale]").hidden = !isStale;
}

// `ask` fetches a page that has the same parts as they are by then.
export function keepFresh(ask) {
  setTimeout(async () => {
    await refresh(ask).catch(() => showStale(true)); // it went away amid the answer: the next time may do
    keepFresh(ask);
  }, EVERY);
}
