// Keep the numbers and the lists of the desk as they are now. What has the focus, or is selected, is left alone.
import { setBusy, showTimes } from "./time.js";

const EVERY = 4000; // ms

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return; // Redis is away: what is there stays, until it is back
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const old of document.querySelectorAll("[data-refresh]")) {
    const fresh = page.querySelector(`[data-refresh=${old.dataset.refresh}]`);
    if (!fresh || old.contains(document.activeElement) || getSelection().containsNode(old, true)) continue;
    showTimes(fresh);
    if (fresh.innerHTML !== old.innerHTML) old.replaceChildren(...fresh.childNodes);
  }
}

async function keepFresh() {
  await refresh().catch(() => {}); // the network is away: the next time may do
  setTimeout(keepFresh, EVERY);
}

const form = document.querySelector("form");
form.addEventListener("submit", () => setBusy(form, true));
addEventListener("pageshow", () => setBusy(form, false));
if (document.querySelector("[data-refresh]")) setTimeout(keepFresh, EVERY);
