// One box for all figures: they hold the regions already and draw them when it is ticked.
element.addEventListener("change", ({ target }) => {
  window.serRegions = target.checked;
  window.dispatchEvent(new Event("ser:regions"));
});
const refresh = () => {
  const box = element.querySelector("input");
  if (box) box.checked = Boolean(window.serRegions); // the choice outlives the answer
};
watch("value", refresh);
refresh();
