// The theme that the viewer has chosen on the desk, where it has the same origin; otherwise that of the system.
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch { /* the storage is forbidden */ }
