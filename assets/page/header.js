element.querySelector(".theme").addEventListener("click", () => {
  document.body.classList.toggle("dark");
});

// gradio's accordions do not tell screen readers whether they are open.
const tell = (button) => {
  const open = String(button.classList.contains("open"));
  if (button.ariaExpanded !== open) button.ariaExpanded = open;
};
const tellAll = () => document.querySelectorAll(".gr-accordion > .label-wrap").forEach(tell);
new MutationObserver(tellAll).observe(document.body, {
  subtree: true, childList: true, attributes: true, attributeFilter: ["class"],
});
tellAll();
