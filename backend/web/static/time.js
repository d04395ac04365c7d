// Show times in the viewer's zone; the exact one stays in the title.
for (const element of document.querySelectorAll("time")) {
  const moment = new Date(element.dateTime);
  if (Number.isNaN(moment.getTime())) continue;
  element.title = moment.toISOString();
  element.textContent = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}
