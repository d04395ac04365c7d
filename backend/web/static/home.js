// The desk: its numbers and lists are kept as they are now, and its form is sent once.
import { keepFresh } from "./refresh.js";
import { setBusy } from "./time.js";

const form = document.querySelector("main form");
form.addEventListener("submit", () => setBusy(form, true));
addEventListener("pageshow", () => setBusy(form, false));
if (document.querySelector("[data-refresh]")) {
  keepFresh(() => fetch(location.href, { headers: { Accept: "text/html" } }));
}
