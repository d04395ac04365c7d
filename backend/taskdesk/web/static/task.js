// The form of a task: as tabs with the same request in curl and Python, with rows, dropped files and local times;
// how far an upload is; and it is sent only once. Without this script the form works all the same.
import { offerColumns } from "./columns.js";
import "./copy.js";
import { addDropZones, RESTORED, sizeInWords } from "./files.js";
import { addRows } from "./rows.js";
import { addTabs } from "./tabs.js";
import { setBusy } from "./time.js";
import { addZones } from "./zone.js";

const find = (selector) => document.querySelector(`main ${selector}`);
const files = () => [...document.querySelectorAll("main form input[type=file]")];
// A field may be called "action", "querySelector" or "closest", and hides that property of the form.
const attribute = (name) => Element.prototype.getAttribute.call(find("form.panel"), name);

function enhance() {
  const main = document.querySelector("main");
  addRows(main);
  addDropZones(main);
  offerColumns(main);
  addZones(main);
  addTabs(main);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form !== find("form.panel")) return; // it deletes a preset
  if (event.submitter?.hasAttribute("data-save-preset")) {
    event.preventDefault();
    return savePreset(form, event.submitter.formAction);
  }
  const chosen = files().flatMap((input) => [...input.files]);
  const size = chosen.reduce((sum, file) => sum + file.size, 0);
  const limit = Number(attribute("data-max-bytes"));
  if (size > limit) {
    event.preventDefault();
    const large = chosen.find((file) => file.size > limit);
    const what = large ? `${large.name} is too large` : "Too large";
    return say(`${what}: the limit is ${sizeInWords(limit)} in all.`);
  }
  setBusy(form, true);
  if (size) {
    event.preventDefault();
    upload(form);
  }
});
addEventListener("pageshow", () => setBusy(find("form.panel"), false));

// A preset has no files, and the form stays as it is, with those that were chosen.
async function savePreset(form, address) {
  const data = new FormData(form);
  for (const input of files()) data.delete(input.name);
  const answer = await fetch(address, { method: "POST", body: data }).catch(() => null);
  const main = new DOMParser().parseFromString((await answer?.text()) ?? "", "text/html").querySelector("main");
  if (!main?.querySelector("[data-presets]")) return say(answer?.status === 401 ? "Your session has ended. Log in again." : "The preset could not be saved. Try again.");
  if (!answer.ok) return showAnswer(main);
  find("[data-presets]").replaceWith(document.adoptNode(main.querySelector("[data-presets]")));
  document.getElementById("-preset").value = "";
  find("details.presets").open = false;
  find("[data-problem]").hidden = true;
  find("[data-presets] [aria-current]").focus();
}

let isLoggedOut = false; // the session had ended when the form was sent

async function upload(form) {
  if (isLoggedOut && !(await renew())) return askToLogIn(form);
  const request = new XMLHttpRequest();
  const url = new URL(attribute("action"), location);
  request.upload.onprogress = ({ loaded, total }) => showUpload((100 * loaded) / total);
  request.onload = () => {
    if (request.status === 401) return askToLogIn(form);
    if (new URL(request.responseURL).pathname !== url.pathname) return location.assign(request.responseURL); // the job
    const answer = new DOMParser().parseFromString(request.responseText, "text/html").querySelector("main");
    if (answer?.querySelector("form")) return showAnswer(answer);
    stop(form, answer?.querySelector("h1 + p")?.textContent ?? `The server answered ${request.status} ${request.statusText}`);
  };
  request.onerror = () =>
    stop(form, "The connection ended before an answer came. Send it again; no second job is made.");
  request.open("POST", url);
  request.send(new FormData(form));
}

// The chosen file stays: the login is in another tab. Then the form has to have the token of the new session.
function askToLogIn(form) {
  isLoggedOut = true;
  stop(form, "Your session has ended. ");
  const { href } = document.querySelector("[data-logged-out] a");
  find("[data-problem]").append(Object.assign(document.createElement("a"), { href, target: "_blank", textContent: "Log in in a new tab" }), ", then run it again.");
}

async function renew() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok) return false;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  find("form.panel [name='-csrf']").value = page.querySelector("main form.panel [name='-csrf']").value;
  isLoggedOut = false;
  return true;
}

function showUpload(percent) {
  const [bar, text] = find("[data-upload]").children;
  bar.parentElement.hidden = false;
  bar.value = percent;
  text.textContent = percent < 100 ? `Uploading: ${Math.floor(percent)} %` : "Uploaded, checking …";
}

// The same page with what is wrong. The chosen files stay chosen.
function showAnswer(answer) {
  const chosen = files();
  document.querySelector("main").replaceWith(document.adoptNode(answer));
  enhance();
  for (const { id, files } of chosen) {
    document.getElementById(id).files = files;
    if (files.length) document.getElementById(id).dispatchEvent(new CustomEvent("change", { detail: RESTORED }));
  }
  (find("[aria-invalid=true]") ?? find("[data-problem]")).focus();
}

function stop(form, problem) {
  find("[data-upload]").hidden = true;
  setBusy(form, false);
  say(problem);
}

function say(problem) {
  find("[data-problem]").textContent = problem;
  find("[data-problem]").hidden = false;
  find("[data-problem]").scrollIntoView({ block: "center" });
}

// Code samples for the form as it is now. The server writes them, as it would read the form; it gets only the names of files.
document.addEventListener("shown", async ({ target }) => {
  if (!target.querySelector("code")) return;
  const data = new FormData(find("form.panel"));
  for (const input of files()) {
    data.delete(input.name);
    for (const file of input.files) data.append(input.name, file.name);
  }
  try {
    const answer = await fetch(attribute("data-samples"), { method: "POST", body: data });
    if (!answer.ok) throw new Error(answer.statusText);
    for (const [name, text] of Object.entries(await answer.json())) document.getElementById(`sample-${name}`).textContent = text;
  } catch (error) {
    say(`The code could not be filled in with what you typed: ${error.message}.`);
  }
});

enhance();
(find("[aria-invalid=true]") ?? find("[data-problem]:not([hidden])"))?.focus();
