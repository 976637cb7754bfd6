// What carries a stretch of time is played by the page's player when it is pressed.
element.addEventListener("click", (event) => {
  const pressed = event.target.closest("[data-start]");
  if (!pressed) return;
  const detail = { start: Number(pressed.dataset.start), end: Number(pressed.dataset.end) };
  document.dispatchEvent(new CustomEvent("ser:play", { detail }));
});

// Words are one tab stop: arrow keys lead from word to word.
const words = () => [...element.querySelectorAll(".weighed button")];
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
element.addEventListener("keydown", (event) => {
  const all = words();
  const from = all.indexOf(event.target);
  if (from < 0) return;
  const ends = { Home: 0, End: all.length - 1 };
  const to = ends[event.key] ?? from + (STEPS[event.key] ?? 0);
  if (to === from || !all[to]) return;
  event.preventDefault();
  all[to].focus();
});
element.addEventListener("focusin", (event) => {
  if (!event.target.closest(".weighed button")) return;
  for (const word of words()) word.tabIndex = word === event.target ? 0 : -1;
});
