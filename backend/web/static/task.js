// Show how far an upload is, and send a form only once. Without this script the form works all the same.
const form = document.querySelector("[data-task-form]");
const button = form.querySelector("button");
const bar = form.querySelector("[data-upload]");
const hasFile = () => [...form.querySelectorAll("input[type=file]")].some((input) => input.files.length);

form.addEventListener("submit", (event) => {
  button.setAttribute("aria-busy", "true");
  button.disabled = true;
  if (!hasFile()) return;

  event.preventDefault();
  bar.hidden = false;
  const request = new XMLHttpRequest();
  request.upload.onprogress = ({ loaded, total }) => { bar.value = (100 * loaded) / total; };
  request.onload = () => {
    if (request.status === 200) return location.assign(request.responseURL); // it followed the redirect to the job
    const answer = new DOMParser().parseFromString(request.responseText, "text/html");
    const files = [...form.querySelectorAll("input[type=file]")];
    document.querySelector("main").replaceWith(answer.querySelector("main"));
    for (const input of files) document.getElementById(input.id)?.replaceWith(input); // keep the chosen file
    const script = document.createElement("script");
    script.src = document.querySelector("script[src*='task.js']").src;
    script.type = "module"; // its names are its own, so it may run again for the new form
    script.src += `?${Date.now()}`;
    document.head.append(script);
  };
  request.onerror = () => form.submit(); // let the browser show what is wrong
  request.open("POST", form.action);
  request.send(new FormData(form));
});

addEventListener("pageshow", () => {
  button.removeAttribute("aria-busy");
  button.disabled = false;
});
