// Plays the page's own copy of the recording, all of it or exactly a stretch. It is there for the
// whole page: others ask for a stretch with the event "ser:play" {start, end} and hear of every
// moment with "ser:time" {time}, and of play and pause with "ser:playing"; the picture of the
// recording over time uses window.serPlayer. Times are seconds of the whole recording.
const audio = element.querySelector("audio");
let position = 0;
let until = null; // where the stretch that is being played ends

const limits = () => [props.value?.from ?? 0, props.value?.to ?? 0];
const within = (time) => Math.min(limits()[1], Math.max(limits()[0], time));
const playing = () => !audio.paused;
const say = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
const tellTime = () => say("ser:time", { time: position });

const follow = () => {
  const end = until ?? limits()[1];
  position = Math.min(audio.currentTime, end);
  if (position === end) {
    audio.pause();
    audio.currentTime = end; // sound runs on for a moment before anybody can stop it
    until = null;
  }
  tellTime();
};
const everyFrame = () => {
  if (!playing()) return;
  follow();
  requestAnimationFrame(everyFrame);
};

const seek = (time) => {
  position = within(time);
  until = null;
  audio.currentTime = position;
  tellTime();
};
const play = (start, end = null) => {
  if (!audio.src) return;
  seek(start);
  until = end === null ? null : within(end);
  // Paused or loaded anew before it began is no failure.
  audio.play().then(everyFrame, ({ name }) => say("ser:playing", { failed: name === "NotSupportedError" }));
};
const toggle = () => {
  if (playing()) audio.pause();
  else play(position >= limits()[1] - 0.01 ? limits()[0] : position, until);
};

// The copy was kept under the upload's name when the recording was made or chosen.
let sound = null;
const load = () => {
  if (props.value?.sound !== sound) {
    sound = props.value?.sound ?? null;
    audio.pause();
    const copy = window.serCopies?.get(sound)?.url;
    if (copy) audio.src = copy;
    else {
      audio.removeAttribute("src");
      audio.load(); // what was loaded stays in memory otherwise
    }
    position = limits()[0];
  }
  if (props.value) seek(position);
  say("ser:playing", {});
};
watch("value", load);
load();

for (const change of ["play", "pause"]) audio.addEventListener(change, () => say("ser:playing", {}));
audio.addEventListener("pause", follow); // the last frame may be a while ago
audio.addEventListener("timeupdate", () => playing() && follow()); // no frames in a hidden tab
document.addEventListener("ser:play", ({ detail }) => play(detail.start, detail.end));
window.serPlayer = {
  limits, within, playing, seek, play, toggle, position: () => position, ready: () => Boolean(audio.src),
};
