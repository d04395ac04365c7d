// The desk: keep its numbers and lists fresh, and send its form once.
import { keepFresh } from "./refresh.js";
import { filterTasks } from "./tasks.js";
import { setBusy } from "./time.js";

const form = document.querySelector("form.quick"); // none if there is no such task
form?.addEventListener("submit", () => setBusy(form, true));
addEventListener("pageshow", () => form && setBusy(form, false));
const find = document.querySelector("[data-find-task]"); // where there are many
if (find) filterTasks(find);
if (document.querySelector("[data-refresh]")) {
  keepFresh(() => fetch(location.href, { headers: { Accept: "text/html" } }));
}
