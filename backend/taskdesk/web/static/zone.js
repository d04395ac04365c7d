// Fields for date and time: in the viewer's time zone on the page, sent in UTC.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function addZones(root) {
  const inputs = root.querySelectorAll("input[type=datetime-local]");
  for (const input of inputs) {
    // After a reload the browser restores what was typed, which is local already.
    if (input.value === asShown(input.defaultValue)) input.value = localOf(input.value);
    const hint = document.getElementById(`${input.id}-hint`);
    hint.querySelector("[data-zone]").textContent = `In your time zone, ${zone}.`;
    const error = hint.querySelector("[data-error]"); // a filter has none
    if (error) input.addEventListener("input", () => (error.textContent = problemOf(input.value)));
  }
  for (const form of root.querySelectorAll("form")) {
    // a field of the form may be called "addEventListener"
    EventTarget.prototype.addEventListener.call(form, "formdata", ({ formData }) => {
      for (const { name, value } of inputs) if (formData.has(name)) formData.set(name, utcOf(value));
    });
  }
}

// When the clocks change, an hour of that day does not exist, or comes twice.
function problemOf(local) {
  const moment = new Date(local);
  if (Number.isNaN(moment.getTime())) return "";
  const read = localOf(moment.toISOString().slice(0, -1));
  if (!read.startsWith(local.slice(0, 16)))
    return `This time does not exist in ${zone}: the clocks go forward. ${read.slice(11, 16)} is sent.`;
  const later = localOf(new Date(moment.getTime() + 3_600_000).toISOString().slice(0, -1));
  return later.slice(0, 16) === local.slice(0, 16) ? `This time comes twice in ${zone}: the clocks go back. The first is sent.` : "";
}

// The browser drops zeros at the end of the seconds.
function asShown(moment) {
  return Object.assign(document.createElement("input"), { type: "datetime-local", value: moment }).value;
}

function localOf(utc) {
  const moment = new Date(`${utc}Z`);
  if (Number.isNaN(moment.getTime())) return utc;
  const local = new Date(moment.getTime() - 60_000 * moment.getTimezoneOffset()).toISOString().slice(0, -1);
  return local.replace(/(:00)?\.000$/, "");
}

function utcOf(local) {
  const moment = new Date(local);
  return Number.isNaN(moment.getTime()) ? local : moment.toISOString().replace(".000", "");
}
