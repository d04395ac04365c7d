// Show only the tasks that have all the words that are typed, the best match first. Enter opens it.
const textOf = (card, part) => card.querySelector(part)?.textContent.toLowerCase() ?? "";

// The lower, the better: the phrase in the title, all words there, in the name, or anywhere. Infinity: no match.
function rank(card, phrase) {
  const words = phrase.split(" ");
  const hasAll = (text) => words.every((word) => text.includes(word));
  const title = textOf(card, "h3");
  if (title.includes(phrase)) return title.startsWith(phrase) ? 0 : 1;
  const place = [title, textOf(card, "code"), card.textContent.toLowerCase()].findIndex(hasAll);
  return place < 0 ? Infinity : place + 2;
}

export function filterTasks(field) {
  const cards = () => [...document.querySelectorAll(".cards > li")];
  const none = document.querySelector("[data-no-task]");
  const titleOf = (card) => textOf(card, "h3");
  const places = new Map(cards().map((card, n) => [titleOf(card), n]));
  const filter = () => {
    if (field.value) field.closest("section").querySelector(".cards").dataset.held = ""; // refresh.js leaves it as it is
    else delete field.closest("section").querySelector(".cards").dataset.held;
    const phrase = field.value.toLowerCase().trim().split(/\s+/).join(" ");
    const ranked = cards().map((card) => [phrase ? rank(card, phrase) : 0, places.get(titleOf(card)) ?? Infinity, card]);
    ranked.sort(([a, n], [b, m]) => (a === b ? (n === m ? 0 : n - m) : a - b)); // Infinity - Infinity is no number
    for (const [its, , card] of ranked) card.hidden = its === Infinity;
    ranked[0]?.[2].parentElement.append(...ranked.map(([, , card]) => card));
    none.hidden = ranked.some(([its]) => its !== Infinity);
  };
  field.addEventListener("input", filter);
  field.addEventListener("keydown", ({ key, isComposing }) => {
    if (key === "Enter" && !isComposing && field.value.trim()) cards().find((card) => !card.hidden)?.querySelector("a").click();
  });
  addEventListener("pageshow", filter); // coming back, the browser has what was typed
  if (field.value) filter();
}
