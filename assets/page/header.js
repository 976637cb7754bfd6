element.querySelector(".theme").addEventListener("click", () => {
  document.body.classList.toggle("dark");
});

// Whatever the page made becomes a download.
window.serSave = (name, type, text) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};

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

// The page is shown when its last parts are there; see page.css.
const header = element.querySelector("header");
const show = () => {
  header.dataset.ready = "";
  const plotly = { rel: "prefetch", href: "vendor/plotly.min.js" }; // on the disk by its first use
  document.head.append(Object.assign(document.createElement("link"), plotly));
};
const LAST = ["#recording .record-button", ".examples button", "#summary .invitation"];
const whenWhole = new MutationObserver(() => {
  if (!LAST.every((part) => document.querySelector(part))) return;
  whenWhole.disconnect();
  requestAnimationFrame(show);
});
whenWhole.observe(document.body, { subtree: true, childList: true });
const LONGEST_MS = 8000; // whatever happens, nobody is left before an empty page
setTimeout(show, LONGEST_MS);
