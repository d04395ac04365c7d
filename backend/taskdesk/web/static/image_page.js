// Tutorial 001: ask for the progress twice a second; when it is done, show the picture.
const panel = document.querySelector("[data-progress]");
const say = (text) => (panel.querySelector("[role=status]").textContent = text);

async function poll() {
  const answer = await fetch(panel.dataset.progress).catch(() => null);
  if (answer?.ok) {
    const { state, progress } = await answer.json();
    if (state === "SUCCESS") return show();
    if (state === "FAILURE" || state === "REVOKED") return say("There is no picture. The page of the job says why.");
    if (progress !== undefined) {
      panel.querySelector("progress").value = progress;
      say(`${Math.round(100 * progress)} %`);
    }
  } else if (answer?.status === 404 || answer?.status === 410) return say("This job no longer exists.");
  else say("No answer. Trying again.");
  setTimeout(poll, 500);
}

function show() {
  const link = Object.assign(document.createElement("a"), { className: "picture", href: panel.dataset.picture });
  link.append(Object.assign(new Image(), { src: panel.dataset.picture, alt: "The picture, in full size" }));
  panel.replaceChildren(link);
}

poll();
