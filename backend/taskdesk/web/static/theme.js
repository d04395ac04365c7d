// The theme: that of the system, or the viewer's choice. It runs before anything is drawn, so that nothing flashes.
// Pico.css and app.css follow [data-theme]; without it, the system.
{
  const THEMES = ["system", "light", "dark"];
  const root = document.documentElement;
  const current = () => root.dataset.theme ?? "system";
  const next = () => THEMES[(THEMES.indexOf(current()) + 1) % THEMES.length];

  const show = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
    const button = document.querySelector("[data-theme-button]");
    button?.setAttribute("aria-label", `Theme: ${current()}. Change to ${next()}`);
    button?.setAttribute("title", `Theme: ${current()}`);
  };

  // The storage may be forbidden: then a theme is chosen for this page only.
  const read = () => {
    try { return localStorage.getItem("theme"); } catch { return null; }
  };
  const keep = (theme) => {
    try { localStorage.setItem("theme", theme); } catch { /* as above */ }
  };

  root.dataset.scripts = "on"; // app.css hides what needs them
  show(read());
  addEventListener("storage", ({ key, newValue }) => key === "theme" && show(newValue)); // chosen in another tab
  document.addEventListener("DOMContentLoaded", () => {
    show(current());
    document.querySelector("[data-theme-button]").addEventListener("click", () => {
      keep(next());
      show(next());
    });
  });
}
