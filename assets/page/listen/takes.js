// The list of takes: tells the server what is done with them, keeps the keyboard's place when the
// list is drawn anew, tells the time of day where the visitor is, and lets the page's copy of a
// sound (keep_copy.js) go with its last take.
const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const numberOf = (node) => Number(node.closest("[data-number]")?.dataset.number);

let held = null; // what has the keyboard, to be found again in the next list
document.addEventListener("focusin", ({ target }) => {
  const inside = element.contains(target) && target.dataset.does;
  held = inside ? { does: target.dataset.does, number: numberOf(target) } : null;
});
const hold = () => {
  if (!held || document.activeElement !== document.body) return;
  const own = `[data-number="${held.number}"] `;
  const again = element.querySelector(`${own}[data-does="${held.does}"]`)
    ?? element.querySelector(`${own}input`) ?? element.querySelector("input");
  again?.focus();
};

element.addEventListener("click", ({ target }) => {
  const button = target.closest("button[data-does]");
  if (!button) return;
  const act = { does: button.dataset.does, number: numberOf(button) };
  if (act.does === "choose") trigger("choose", act);
  else trigger("edit", act);
});
element.addEventListener("change", ({ target }) => {
  const { does } = target.dataset;
  if (does === "tick") trigger("edit", { does, number: numberOf(target), value: target.checked });
  if (does === "rename") trigger("edit", { does, number: numberOf(target), value: target.value });
});
element.addEventListener("keydown", ({ key, target }) => {
  if (key === "Enter" && target.dataset.does === "rename") target.blur();
});

let listed = []; // names of the copies that takes had
const letGo = () => {
  const copies = window.serCopies ?? new Map();
  const kept = [...element.querySelectorAll("[data-copy]")].map(({ dataset }) => dataset.copy);
  for (const name of kept.length ? listed : [...copies.keys()]) {
    if (kept.includes(name) || !copies.has(name)) continue;
    URL.revokeObjectURL(copies.get(name).url);
    copies.delete(name);
  }
  listed = kept;
};

const refresh = () => {
  letGo();
  for (const time of element.querySelectorAll("time[data-made]")) {
    const made = new Date(1000 * Number(time.dataset.made));
    time.dateTime = made.toISOString();
    time.textContent = clock.format(made);
  }
  hold();
};
watch("value", refresh);
refresh();
