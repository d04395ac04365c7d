// Times in the viewer's zone, or as "3 minutes ago"; the exact one stands in the title.
const { lang } = document.documentElement; // words are in the language of the page, the clock is that of the viewer
const words = new Intl.RelativeTimeFormat(lang, { numeric: "auto", style: "short" });
const locale = navigator.languages.find((one) => one.split("-")[0] === lang) ?? lang;
const { hourCycle } = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions();
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];

export const timeOfDay = (moment) => moment.toLocaleTimeString(locale, { timeStyle: "medium", hourCycle });

const FUTURE = 120; // seconds: what is less ahead is a clock that is off

function ago(moment) {
  const ahead = (moment - Date.now()) / 1000;
  const seconds = ahead > FUTURE ? ahead : Math.min(0, ahead);
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? [];
  return unit ? words.format(Math.trunc(seconds / size), unit) : "just now";
}

export function showTimes(root = document) {
  for (const element of root.querySelectorAll("time")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const local = moment.toLocaleString(locale, { dateStyle: "medium", timeStyle: "medium", hourCycle });
    const isExact = !("relative" in element.dataset || "elapsed" in element.dataset);
    element.title = isExact ? moment.toISOString() : local;
    element.textContent = isExact ? local : "elapsed" in element.dataset ? lasted(moment) : ago(moment);
  }
}

const lasted = (moment) => `for ${duration((Date.now() - moment) / 1000).replace(/\.\d/, "")}`;

const joined = (...parts) => parts.join("\u00a0"); // a line does not break it
const pair = (large, unit, small, its) => (small ? joined(large, unit, small, its) : joined(large, unit));

// "8.2 s", "3 min 20 s", "2 h"
export function duration(seconds) {
  if (seconds < 60) return joined(seconds < 10 ? Math.max(0, seconds).toFixed(1) : Math.round(seconds), "s");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return pair(minutes, "min", Math.floor(seconds % 60), "s");
  return pair(Math.floor(minutes / 60), "h", minutes % 60, "min");
}

// A guess: "8 s", "4 min", "2 h 5 min"
export function about(seconds) {
  if (seconds < 60) return joined(Math.max(Math.round(seconds), 1), "s");
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? joined(minutes, "min") : pair(Math.floor(minutes / 60), "h", minutes % 60, "min");
}

// A form is sent once, however often its button is pressed; coming back to the page frees it.
export function setBusy(form, busy) {
  // a field of the form may be called "querySelector"
  const button = Element.prototype.querySelector.call(form, "button:not([type=button])");
  button.disabled = busy;
  button.setAttribute("aria-busy", busy);
}

// A form that is sent again after the user has come back to it submits another job: see form_token.py.
addEventListener("pageshow", () => {
  for (const token of document.querySelectorAll("[data-form-token]")) {
    token.value = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }
});

showTimes();
setInterval(() => {
  for (const element of document.querySelectorAll("time[data-elapsed]")) element.textContent = lasted(new Date(element.dateTime));
}, 1000);
setInterval(() => {
  for (const element of document.querySelectorAll("time[data-relative]")) element.textContent = ago(new Date(element.dateTime));
}, 30_000);
