// A notification of the system when the job has ended, if the viewer has asked for it on this page.
const button = document.querySelector("[data-notify]");
// Chrome on Android has Notification, but lets only service workers use it.
const isPossible = "Notification" in window && Notification.permission !== "denied" && !/Android/.test(navigator.userAgent);
const ICON = document.querySelector("link[rel=icon]").href;

function promise() {
  button.textContent = "You will be notified";
  button.disabled = true;
  document.addEventListener("job:end", tell, { once: true });
}

// job.js knows the end: {id, task, status}.
function tell({ detail: { id, task, status } }) {
  const notification = new Notification(`${task}: ${status}`, { body: "Click to open the job.", icon: ICON, tag: id });
  notification.addEventListener("click", () => {
    window.focus();
    notification.close();
  });
}

if (button && isPossible) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    if ((await Notification.requestPermission()) === "granted") promise();
    else button.hidden = true;
  });
}
