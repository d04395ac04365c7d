// Show only the tasks that have all the words that are typed, the best match first. Enter opens it.
const textOf = (card, part) => card.querySelector(part)?.textContent.toLowerCase() ?? "";

// The lower, the better: the phrase in the title, all words there, in the name, or anywhere. Infinity: no match.
function rank(card, phrase) {
  const words = phrase.split(" ");
  const hasAll = (text) => words.every((word) => text.includes(word));
  const title = textOf(card, "h3, h4");
  if (title.includes(phrase)) return title.startsWith(phrase) ? 0 : 1;
  const place = [title, textOf(card, "code"), card.textContent.toLowerCase()].findIndex(hasAll);
  return place < 0 ? Infinity : place + 2;
}

export function filterTasks(field) {
  const cards = () => [...document.querySelectorAll(".cards > .card")];
  const modules = () => [...document.querySelectorAll(".cards > .group")];
  const none = document.querySelector("[data-no-task]");
  const order = () => new Map([...document.querySelectorAll(".cards > li")].map((item, n) => [item, n]));
  let places = order();
  const filter = () => {
    const list = document.querySelector(".cards");
    if (field.value) list.dataset.held = ""; // refresh.js leaves it as it is
    else delete list.dataset.held;
    if ([...list.children].some((item) => !places.has(item))) places = order(); // it was replaced meanwhile
    const phrase = field.value.toLowerCase().trim().split(/\s+/).join(" ");
    const ranked = cards().map((card) => [phrase ? rank(card, phrase) : 0, card]);
    for (const [its, card] of ranked) card.hidden = its === Infinity;
    for (const module of modules()) module.hidden = phrase !== "";
    const ranks = new Map(ranked.map(([its, card]) => [card, its]));
    const before = (one, other) => (ranks.get(one) ?? 0) - (ranks.get(other) ?? 0) || places.get(one) - places.get(other); // Infinity - Infinity is no number
    list.append(...[...list.children].sort(before));
    none.hidden = ranked.some(([its]) => its !== Infinity);
  };
  field.addEventListener("input", filter);
  field.addEventListener("keydown", ({ key, isComposing }) => {
    if (key === "Enter" && !isComposing && field.value.trim()) cards().find((card) => !card.hidden)?.querySelector("a").click();
  });
  addEventListener("pageshow", filter); // coming back, the browser has what was typed
  if (field.value) filter();
}
