// The picture of the recording as a place to go to and to choose from; what each window says.
// player.js plays. gradio gives element, props, trigger, watch.
const { limits, within, playing, seek, play, toggle, ready } = window.serPlayer;
const find = (selector) => element.querySelector(selector);
const hear = (name, act) => {
  const listener = (event) => {
    if (element.isConnected) act(event);
    else document.removeEventListener(name, listener); // the tab has made this part anew
  };
  document.addEventListener(name, listener);
};
const CLICK_PX = 4; // less movement than this between press and release is a click
const SHORTEST_S = 0.3; // less cannot be analysed
const CAPTION_WORDS = 12;
const HINT = find(".hint").textContent;
const seeker = find(".seeker");
let position = window.serPlayer.position();
let chosen = null; // {start, end} in s
let view = null; // [first, last] in s, where less than all of it is seen

const canvas = () => find("#timeline .canvas");
const drawn = () => canvas()?._fullLayout?.xaxis && canvas()._fullLayout;
const clock = (time) => {
  const rest = (time % 60).toFixed(1);
  return time < 60 ? rest : `${Math.floor(time / 60)}:${rest.padStart(4, "0")}`;
};
const unit = (time) => (time < 60 ? " s" : "");
const seconds = (time) => clock(time) + unit(time);
const between = ({ start, end }) => `${clock(start)} to ${seconds(end)}`;

// --- what is told in words -------------------------------------------------------------------------

const windowAt = (time) => {
  const { own_start: starts, own_end: ends } = props.value?.windows ?? { own_start: [] };
  let [low, high] = [0, starts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle] <= time) low = middle + 1;
    else high = middle;
  }
  return low > 0 && time <= ends[low - 1] ? low - 1 : null;
};
let told = null;
const showWindow = (index) => {
  const { windows, classes, attributes } = props.value;
  if (index === null || index === told) return;
  told = index;
  const room = find(".window");
  const span = between({ start: windows.start[index], end: windows.end[index] });
  room.querySelector("h3").textContent = `Window ${index + 1} of ${windows.start.length}: ${span}`;
  const shares = windows.shares[index];
  room.querySelector("ul").replaceChildren(...classes.map(([name, colour], place) => {
    const entry = document.createElement("li");
    entry.classList.toggle("first", shares[place] === Math.max(...shares));
    const [label, bar, share] = ["span", "i", "b"].map((tag) => document.createElement(tag));
    label.textContent = name;
    share.textContent = `${(shares[place] / 10).toFixed(1)}%`;
    bar.style.setProperty("--share", shares[place] / 1000);
    bar.style.setProperty("--hue", colour);
    entry.append(label, bar, share);
    return entry;
  }));
  room.querySelector("dl").replaceChildren(...attributes.flatMap((name, place) => {
    const [term, value] = ["dt", "dd"].map((tag) => document.createElement(tag));
    [term.textContent, value.textContent] = [name, windows.attributes[index][place].toFixed(2)];
    return [term, value];
  }));
};

let spoken = [null, null]; // which word is marked, in which line of words
const showCaption = () => {
  const { words } = props.value;
  const next = words.findIndex(([, , end]) => end > position);
  const current = next >= 0 && words[next][1] <= position ? next : null;
  const near = next < 0 ? words.length - 1 : next;
  const first = near - (near % CAPTION_WORDS);
  if (spoken[0] === current && spoken[1] === first) return;
  spoken = [current, first];
  find(".caption").replaceChildren(...words.slice(first, first + CAPTION_WORDS).flatMap(([text], index) => {
    const word = document.createElement(first + index === current ? "mark" : "span");
    word.textContent = text;
    return [word, " "];
  }));
};

const showTime = () => {
  if (!props.value) return;
  const index = windowAt(position);
  const here = `${clock(position)} of ${seconds(props.value.duration)}`;
  find(".clock").textContent = here;
  seeker.ariaValueNow = position.toFixed(1);
  const top = index === null ? "" : `, ${topOf(index)}`;
  seeker.ariaValueText = here + top;
  showWindow(index);
  showCaption();
  keepInView();
};
hear("ser:time", ({ detail }) => {
  position = detail.time;
  showTime();
});
hear("ser:playing", ({ detail }) => {
  find(".play").disabled = find(".hear").disabled = !ready();
  find(".play").classList.toggle("on", playing());
  find(".play").ariaLabel = playing() ? "Pause" : "Play";
  find(".hint").textContent = detail.failed ? "Your browser cannot play this kind of file." : HINT;
});
const topOf = (index) => {
  const shares = props.value.windows.shares[index];
  const best = shares.indexOf(Math.max(...shares));
  return `${props.value.classes[best][0]} ${Math.round(shares[best] / 10)}%`;
};

const showChosen = () => {
  find(".hint").hidden = Boolean(chosen);
  find(".stretch").hidden = !chosen;
  if (chosen) find(".stretch b").textContent = between(chosen);
  find(".analyse").disabled = !chosen || chosen.end - chosen.start < SHORTEST_S;
  find(".wider").hidden = !view;
  layOver();
};

// --- over the picture ------------------------------------------------------------------------------

// The seeker covers the plot, below the pointer's reach; its <i> is the chosen stretch.
const layOver = () => {
  const layout = drawn();
  seeker.hidden = !layout;
  if (!layout) return;
  const { xaxis, _size: size } = layout;
  const [from, to] = [element.getBoundingClientRect(), canvas().getBoundingClientRect()];
  Object.assign(seeker.style, {
    left: `${to.left - from.left + xaxis._offset}px`, top: `${to.top - from.top + size.t}px`,
    width: `${xaxis._length}px`, height: `${size.h}px`,
  });
  const mark = seeker.firstElementChild;
  mark.hidden = !chosen;
  if (!chosen) return;
  const pixel = (time) => Math.min(xaxis._length, Math.max(0, xaxis.l2p(time)));
  mark.style.left = `${pixel(chosen.start)}px`;
  mark.style.width = `${pixel(chosen.end) - pixel(chosen.start)}px`;
};
const timeAt = (event) => {
  const { xaxis } = drawn();
  return within(xaxis.p2l(event.clientX - canvas().getBoundingClientRect().left - xaxis._offset));
};
const overPlot = (event) => {
  const layout = drawn();
  if (!layout || !canvas().contains(event.target)) return false;
  const { left, top } = canvas().getBoundingClientRect();
  const [x, y] = [event.clientX - left - layout.xaxis._offset, event.clientY - top - layout._size.t];
  return x >= 0 && x <= layout.xaxis._length && y >= 0 && y <= layout._size.h;
};

let pressed = null; // {time, x} where the pointer went down
let dragging = false;
const choose = (one, other) => {
  const [start, end] = [one, other].map(within).sort((a, b) => a - b);
  chosen = end - start > 0.02 ? { start, end } : null;
  showChosen();
};
// plotly would answer the press with drags and covers of its own.
for (const press of ["mousedown", "touchstart"]) {
  const hide = (event) => overPlot(event.touches?.[0] ?? event) && event.stopPropagation();
  element.addEventListener(press, hide, { capture: true, passive: true });
}
element.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !overPlot(event)) return;
  pressed = { time: timeAt(event), x: event.clientX };
  dragging = false;
});
element.addEventListener("pointermove", (event) => {
  if (pressed && (dragging || Math.abs(event.clientX - pressed.x) > CLICK_PX)) {
    if (!dragging) element.setPointerCapture(event.pointerId);
    dragging = true;
    choose(pressed.time, timeAt(event));
  } else if (!pressed && overPlot(event)) {
    showWindow(windowAt(timeAt(event)));
  }
});
element.addEventListener("pointerup", (event) => {
  if (!pressed) return;
  const clicked = !dragging;
  pressed = null;
  seeker.focus({ preventScroll: true });
  if (!clicked) return seek(chosen?.start ?? position);
  const time = timeAt(event);
  if (chosen && (time < chosen.start || time > chosen.end)) choose(time, time);
  seek(time);
});
element.addEventListener("pointercancel", () => (pressed = null));
element.addEventListener("pointerleave", () => props.value && showWindow(windowAt(position)));

const look = async (range) => {
  view = range;
  const [first, last] = range ?? props.value.range;
  const Plotly = await window.serPlotly();
  const [now, end] = drawn().xaxis.range;
  if (now !== first || end !== last) await Plotly.relayout(canvas(), { "xaxis.range": [first, last] });
  showChosen();
};
const keepInView = () => {
  if (!view || !playing() || (position >= view[0] && position <= view[1])) return;
  look([position, position + view[1] - view[0]]);
};
hear("ser:drawn", (event) => {
  if (event.target !== canvas()) return;
  layOver();
  if (view && drawn().xaxis.range[0] !== view[0]) look(view); // drawn anew, as in another theme
});

// --- buttons and keys ------------------------------------------------------------------------------

const onClick = (selector, act) => find(selector).addEventListener("click", act);
onClick(".play", toggle);
onClick(".hear", () => play(chosen.start, chosen.end));
onClick(".analyse", () => trigger("stretch", { ...chosen }));
onClick(".back", () => trigger("back"));
onClick(".drop", () => choose(0, 0));
onClick(".closer", () => look([chosen.start, chosen.end]));
onClick(".wider", () => look(null));

let held = null; // where the stretch began that is being chosen with shift and the arrows
const step = (event, by) => {
  const before = position;
  if (!event.shiftKey) held = null;
  seek(position + by);
  if (!event.shiftKey) return;
  held ??= before;
  choose(held, position);
};
const keys = {
  " ": () => toggle(),
  ArrowLeft: (event) => step(event, -smallest()),
  ArrowRight: (event) => step(event, smallest()),
  ArrowDown: (event) => step(event, -smallest()),
  ArrowUp: (event) => step(event, smallest()),
  PageDown: (event) => step(event, -stride()),
  PageUp: (event) => step(event, stride()),
  Home: (event) => step(event, -Infinity),
  End: (event) => step(event, Infinity),
  Escape: () => choose(0, 0),
};
const stride = () => ((view?.[1] ?? limits()[1]) - (view?.[0] ?? limits()[0])) / 10;
const smallest = () => Math.max(0.1, 0.1 * stride()); // seconds: what is told has one decimal
seeker.addEventListener("keydown", (event) => {
  if (!keys[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  keys[event.key](event);
});

// --- a new answer ----------------------------------------------------------------------------------

const show = () => {
  [chosen, view, told, spoken, held] = [null, null, null, [null, null], null];
  const { value } = props;
  if (!value) return;
  find(".play").disabled = find(".hear").disabled = !ready();
  find(".part").hidden = !value.part;
  find(".part p").textContent = value.part ?? "";
  find(".window").hidden = value.windows.start.length < 2;
  [seeker.ariaValueMin, seeker.ariaValueMax] = [value.from, value.to];
  position = window.serPlayer.position();
  showChosen();
  showWindow(value.windows.start.length ? 0 : null);
  showTime();
};
watch("value", show);
show();
