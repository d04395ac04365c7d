// The store is away: ask whether it is back, and then load the page again.
const EVERY = 2000; // ms
const { ready } = document.querySelector("[data-ready]").dataset;

async function ask() {
  const answer = document.hidden ? null : await fetch(ready).catch(() => null);
  if (answer?.ok) location.reload();
  else setTimeout(ask, EVERY);
}

setTimeout(ask, EVERY);
