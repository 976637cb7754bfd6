// Draws `props.value` (a plotly figure as JSON) into `.canvas`. gradio gives element, props, watch.
const canvas = element.querySelector(".canvas");
const label = canvas.getAttribute("aria-label");
const NARROW_PX = 480;

// plotly.js is loaded once for all figures, from the page's own server, when the first is wanted:
// reading it keeps a browser busy for a second, which the page's opening should not wait for.
window.serPlotly ??= () => (window.serPlotlyLoaded ??= new Promise((resolve, reject) => {
  const script = document.createElement("script");
  script.src = new URL("vendor/plotly.min.js", document.baseURI).href;
  script.onload = () => resolve(window.Plotly);
  script.onerror = () => {
    window.serPlotlyLoaded = undefined; // the next figure tries again
    reject(new Error("plotly.js could not be loaded"));
  };
  document.head.append(script);
}));

const isDark = () => document.body.classList.contains("dark");
const colour = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();

// Fonts, grids and backgrounds of the page's theme; figures leave them open.
const template = () => {
  const ink = colour("--body-text-color");
  const grid = isDark() ? "#39414e" : "#d5dae1";
  const axis = { color: ink, gridcolor: grid, linecolor: grid, zerolinecolor: grid, tickcolor: grid };
  const wall = { ...axis, showbackground: true, backgroundcolor: isDark() ? "#1b212b" : "#f4f6f8" };
  return { data: { bar: [{ insidetextfont: { color: ink } }] }, layout: {
    font: { color: ink, family: getComputedStyle(element).fontFamily, size: 13 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    xaxis: axis,
    yaxis: axis,
    scene: { xaxis: wall, yaxis: wall, zaxis: wall },
    hoverlabel: { bgcolor: isDark() ? "#000" : "#fff", bordercolor: grid, font: { color: ink } },
  } };
};

// Marks are a little lighter on dark, so that the darkest of them keep a contrast of 3:1.
const lighter = (value) => {
  if (Array.isArray(value)) return value.map(lighter);
  const rgb = /^#(..)(..)(..)$/.exec(value)?.slice(1).map((pair) => parseInt(pair, 16));
  return rgb ? `rgb(${rgb.map((part) => Math.round(part + (255 - part) * 0.25)).join(",")})` : value;
};
const forDark = (trace) => {
  for (const part of [trace.marker, trace.line, trace.marker?.line]) {
    if (part?.color) part.color = lighter(part.color);
  }
  return trace;
};

// Words lie in their boxes where most of them fit, else stand on end; a word that does not fit is
// left to the hover.
const pen = document.createElement("canvas").getContext("2d");
const fitWords = (trace, pixelsPerSecond, lanePixels) => {
  pen.font = `${trace.textfont.size}px ${getComputedStyle(element).fontFamily}`;
  const words = trace.customdata.map(([text], index) => ({
    text, long: pen.measureText(text).width + 4, room: trace.x[index] * pixelsPerSecond,
  }));
  const lying = words.filter((word) => word.long <= word.room).length >= 0.8 * words.length;
  const fits = (word) => lying
    ? word.long <= word.room
    : word.room >= 0.85 * trace.textfont.size && word.long <= lanePixels;
  return {
    text: words.map((word) => (fits(word) ? word.text : "")),
    textangle: lying ? 0 : -90,
    constraintext: "none",
  };
};

// Of the thousands of words of a long recording only those are drawn that can be told apart.
const MANY_WORDS = 400;
const NARROWEST_PX = 2;
let allWords = null;
const isWords = (trace) => trace.meta === "words";
const wordsInView = ([first, last], pixelsPerSecond) => {
  const { base, x, y, customdata } = allWords;
  const seen = base.flatMap((start, index) => {
    const inside = start < last && start + x[index] > first;
    return inside && x[index] * pixelsPerSecond >= NARROWEST_PX ? [index] : [];
  });
  const pick = (values) => seen.map((index) => values[index]);
  return { base: pick(base), x: pick(x), y: pick(y), customdata: pick(customdata) };
};
const fitLabels = (Plotly) => {
  const index = (canvas.data ?? []).findIndex(isWords);
  if (index < 0) return;
  const { xaxis, yaxis2 } = canvas._fullLayout;
  const perSecond = xaxis._length / (xaxis.range[1] - xaxis.range[0]);
  const many = allWords.x.length > MANY_WORDS;
  const drawn = many ? wordsInView(xaxis.range, perSecond) : {};
  const fitted = fitWords({ ...canvas.data[index], ...drawn }, perSecond, yaxis2._length);
  const changes = Object.entries({ ...drawn, text: fitted.text }).map(([key, list]) => [key, [list]]);
  Plotly.restyle(canvas, { ...fitted, ...Object.fromEntries(changes) }, [index]);
};

// Whoever lays something over the figure, as the playhead, finds its axes anew.
const tellDrawn = () => canvas.dispatchEvent(new CustomEvent("ser:drawn", { bubbles: true }));

// The picture as it is seen, on the card's colour: its letters are made for that one.
const save = element.querySelector(".save-picture");
save.addEventListener("click", async () => {
  const Plotly = await window.serPlotly();
  const { data, layout, clientWidth: width, clientHeight: height } = canvas;
  const ground = colour("--background-fill-primary");
  Plotly.downloadImage(
    { data, layout: { ...layout, paper_bgcolor: ground } },
    { format: "png", scale: 2, width, height, filename: save.dataset.name },
  );
});

// Whoever has turned a cube finds the way back. plotly's own button would stand inside the image,
// where screen readers do not look for buttons.
const turnBack = element.querySelector(".turn-back");
turnBack.addEventListener("click", async () => {
  const Plotly = await window.serPlotly();
  Plotly.relayout(canvas, { "scene.camera": (given ?? props.value).layout.scene.camera });
});

// Regions of the emotions come with the figure and are drawn when somebody asks for them.
const isShown = ({ meta, name }) => ![meta, name].includes("region") || Boolean(window.serRegions);

// Another component of the page may give the figure itself, as live answers do.
let given = null;
element.addEventListener("ser:figure", ({ detail }) => {
  given = detail;
  draw();
});

let listening = false;
let drawnWidth = 0; // in pixels; 0 where the newest value has not been drawn
const draw = async () => {
  const Plotly = (given ?? props.value)?.data || listening ? await window.serPlotly() : null;
  const figure = given ?? props.value;
  save.hidden = !figure?.data;
  turnBack.hidden = !figure?.data || !figure.layout.scene;
  if (!figure?.data) {
    if (listening) Plotly.purge(canvas);
    listening = false;
    canvas.setAttribute("aria-label", label);
    canvas.style.height = "0";
    return;
  }
  drawnWidth = canvas.clientWidth;
  if (!drawnWidth) return; // in a closed part of the page: it is drawn when that is opened
  const { data: traces, layout } = structuredClone(figure);
  const data = traces.filter(isShown);
  if (canvas.clientWidth < NARROW_PX) Object.assign(layout, layout.meta.narrow);
  if (layout.scene?.annotations) layout.scene.annotations = layout.scene.annotations.filter(isShown);
  canvas.setAttribute("aria-label", layout.meta.description);
  canvas.style.height = `${layout.height}px`;
  layout.template = template();
  allWords = data.find(isWords);
  if (allWords?.x.length > MANY_WORDS) {
    data[data.findIndex(isWords)] = { ...allWords, base: [], x: [], y: [], text: [], customdata: [] };
  }
  if (matchMedia("(pointer: coarse)").matches && !layout.scene) layout.dragmode = false;
  const drawn = isDark() ? data.map(forDark) : data;
  await Plotly.react(canvas, drawn, layout, { displayModeBar: false });
  fitLabels(Plotly);
  if (!listening) canvas.on("plotly_relayout", () => fitLabels(Plotly)); // zoom, change of width
  if (!listening) canvas.on("plotly_afterplot", tellDrawn);
  listening = true;
  tellDrawn();
};

watch("value", draw);
new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
new ResizeObserver(() => {
  if (canvas.clientWidth && canvas.clientWidth !== drawnWidth) draw(); // opened, or another width
}).observe(canvas);
window.addEventListener("ser:regions", draw);
draw();
