// The answer to the question is sent once, however often its button is pressed.
import { setBusy } from "./time.js";
import { addZones } from "./zone.js";

const form = document.querySelector("form.confirm");
form?.addEventListener("submit", () => setBusy(form, true));
addZones(document.querySelector("main"));
addEventListener("pageshow", () => form && setBusy(form, false));
