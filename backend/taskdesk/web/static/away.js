// Redis is away. Ask until it is back, then reload the page.
const POLL_MS = 2000;
const { ready } = document.querySelector("[data-ready]").dataset;

async function ask() {
  const answer = document.hidden ? null : await fetch(ready).catch(() => null);
  if (answer?.ok) location.reload();
  else setTimeout(ask, POLL_MS);
}

setTimeout(ask, POLL_MS);
