// Show how far an upload is, and send a form only once. Without this script the form works all the same.
import { setBusy } from "./time.js";

const find = (selector) => document.querySelector(`main ${selector}`);
const filesOf = (form) => [...form.querySelectorAll("input[type=file]")];

document.addEventListener("submit", (event) => {
  const form = event.target;
  const size = filesOf(form).reduce((sum, input) => sum + (input.files[0]?.size ?? 0), 0);
  const limit = Number(form.getAttribute("data-max-bytes")); // a field may be called "dataset" or "action"
  if (size > limit) {
    event.preventDefault();
    return say(`The file is too large: ${limit.toLocaleString("en")} bytes are allowed in all.`);
  }
  setBusy(form, true);
  if (size) {
    event.preventDefault();
    upload(form);
  }
});
addEventListener("pageshow", () => setBusy(find("form"), false));

function upload(form) {
  const request = new XMLHttpRequest();
  const url = new URL(form.getAttribute("action"), location);
  request.upload.onprogress = ({ loaded, total }) => showUpload((100 * loaded) / total);
  request.onload = () => {
    if (new URL(request.responseURL).pathname !== url.pathname) return location.assign(request.responseURL); // the job
    const answer = new DOMParser().parseFromString(request.responseText, "text/html").querySelector("main");
    if (answer?.querySelector("form")) return showAnswer(answer);
    stop(form, answer?.querySelector("h1 + p")?.textContent ?? `The server answered ${request.status} ${request.statusText}`);
  };
  request.onerror = () =>
    stop(form, "The connection ended before an answer came. See on the desk whether the job is there before you send it again.");
  request.open("POST", url);
  request.send(new FormData(form));
}

function showUpload(percent) {
  const [bar, text] = find("[data-upload]").children;
  bar.parentElement.hidden = false;
  bar.value = percent;
  text.textContent = percent < 100 ? `Uploading: ${Math.floor(percent)} %` : "Uploaded, checking …";
}

// The same page with what is wrong. The chosen files stay chosen.
function showAnswer(answer) {
  const chosen = filesOf(find("form"));
  document.querySelector("main").replaceWith(document.adoptNode(answer));
  for (const input of chosen) document.getElementById(input.id).files = input.files;
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
