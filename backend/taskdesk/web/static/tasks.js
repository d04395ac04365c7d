// Show only the tasks that have all the words that are typed. Enter opens the first.
export function filterTasks(field) {
  const cards = [...document.querySelectorAll(".cards > li")];
  const texts = cards.map((card) => card.textContent.toLowerCase());
  const none = document.querySelector("[data-no-task]");
  const filter = () => {
    const words = field.value.toLowerCase().split(/\s+/);
    cards.forEach((card, n) => (card.hidden = !words.every((word) => texts[n].includes(word))));
    none.hidden = cards.some((card) => !card.hidden);
  };
  field.addEventListener("input", filter);
  field.addEventListener("keydown", ({ key, isComposing }) => {
    if (key === "Enter" && !isComposing && field.value) cards.find((card) => !card.hidden)?.querySelector("a").click();
  });
  addEventListener("pageshow", filter); // coming back, the browser has what was typed
}
