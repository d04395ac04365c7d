// Sections as tabs, as the ARIA practices have them: arrow keys, Home and End move. Without this script all sections
// are there, one below the other. A section that comes into view gets the event "shown", which bubbles. A link to what
// another tab has leads there.
// A form may have a field called "closest".
const closest = (element, selector) => Element.prototype.closest.call(element, selector);

export function addTabs(root) {
  for (const list of root.querySelectorAll("[role=tablist]")) {
    const tabs = [...list.querySelectorAll("[role=tab]")];
    const panelOf = (tab) => document.getElementById(tab.getAttribute("aria-controls"));
    const select = (chosen) => {
      for (const tab of tabs) {
        tab.setAttribute("aria-selected", tab === chosen);
        tab.tabIndex = tab === chosen ? 0 : -1;
        panelOf(tab).hidden = tab !== chosen;
      }
      panelOf(chosen).dispatchEvent(new Event("shown", { bubbles: true }));
    };
    for (const tab of tabs) {
      panelOf(tab).setAttribute("role", "tabpanel");
      panelOf(tab).setAttribute("aria-labelledby", tab.id);
      tab.addEventListener("click", () => select(tab));
    }
    list.addEventListener("keydown", (event) => {
      const at = tabs.indexOf(document.activeElement);
      const next = { ArrowRight: at + 1, ArrowLeft: at - 1 + tabs.length, Home: 0, End: tabs.length - 1 }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      tabs[next % tabs.length].focus();
      select(document.activeElement);
    });
    root.addEventListener("click", ({ target }) => {
      const goal = document.getElementById(closest(target, "a[href^='#']")?.hash.slice(1));
      const hides = tabs.find((tab) => goal && panelOf(tab).hidden && panelOf(tab).contains(goal));
      if (hides) select(hides);
      goal?.closest("details")?.setAttribute("open", "");
    });
    list.hidden = false;
    select(tabs[0]);
  }
}
