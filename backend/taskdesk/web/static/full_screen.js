// A button that shows its part of the page on the full screen, where the browser can.
for (const part of document.querySelectorAll("[data-full-screen]")) {
  const button = part.querySelector("[data-full-screen-button]");
  button.hidden = !document.fullscreenEnabled;
  button.addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : part.requestFullscreen()));
  part.addEventListener("fullscreenchange", () => {
    button.textContent = document.fullscreenElement === part ? "Leave full screen" : "Full screen";
  });
}
