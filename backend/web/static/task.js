// Show how far an upload is, and send a form only once. Without this script the form works all the same.
// It runs again, as a module of its own, for a form that came back with errors.
const form = document.querySelector("[data-task-form]");
const button = form.querySelector("button");
const bar = form.querySelector("[data-upload]");
const files = () => [...form.querySelectorAll("input[type=file]")];

function ready() {
  button.removeAttribute("aria-busy");
  button.disabled = false;
  bar.hidden = true;
}

function complain(sentence) {
  document.querySelector("[data-complaint]")?.remove();
  const notice = document.createElement("p");
  notice.className = "notice bad";
  notice.dataset.complaint = "";
  notice.setAttribute("role", "alert");
  notice.textContent = sentence;
  form.before(notice);
  ready();
}

function showErrors(answer) {
  const chosen = files();
  document.querySelector("main").replaceWith(answer.querySelector("main"));
  for (const input of chosen) document.getElementById(input.id).replaceWith(input); // the chosen files stay
  const script = document.createElement("script");
  script.type = "module";
  script.src = `${import.meta.url.split("?")[0]}?${Date.now()}`;
  document.head.append(script);
}

form.addEventListener("submit", (event) => {
  button.setAttribute("aria-busy", "true");
  button.disabled = true;
  if (!files().some((input) => input.files.length)) return;

  event.preventDefault();
  bar.hidden = false;
  const request = new XMLHttpRequest();
  request.upload.onprogress = ({ loaded, total }) => { bar.value = (100 * loaded) / total; };
  request.onload = () => {
    if (request.status === 200) return location.assign(request.responseURL); // the job's page, after the redirect
    const answer = new DOMParser().parseFromString(request.responseText, "text/html");
    if (answer.querySelector("[data-task-form]")) return showErrors(answer);
    complain(answer.querySelector("main p")?.textContent ?? `The server answered ${request.status}.`);
  };
  request.onerror = () => complain("The connection broke before all was sent. Please try again.");
  request.open("POST", form.action);
  request.send(new FormData(form));
});

addEventListener("pageshow", ready);
