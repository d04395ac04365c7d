// Fields for date and time: in the viewer's time zone on the page, sent in UTC.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function addZones(root) {
  const inputs = root.querySelectorAll("input[type=datetime-local]");
  for (const input of inputs) {
    // After a reload the browser restores what was typed, which is local already.
    if (input.value === input.defaultValue) input.value = localOf(input.value);
    document.getElementById(`${input.id}-hint`).querySelector("[data-zone]").textContent = `In your time zone, ${zone}.`;
  }
  root.querySelector("form")?.addEventListener("formdata", ({ formData }) => {
    for (const { name, value } of inputs) formData.set(name, utcOf(value));
  });
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
