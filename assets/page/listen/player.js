// Plays the page's own copy of the recording, all of it or exactly a stretch. Other parts of the page
// ask for a stretch with the event "ser:play" {start, end}, and hear of every moment with "ser:time"
// {time}; times are seconds of the whole recording. gradio gives element, props, trigger, watch;
// timeline.js, which shares this scope, draws.
const find = (selector) => element.querySelector(selector);
const audio = find("audio");
let position = 0;
let until = null; // where the stretch that is being played ends

const limits = () => [props.value?.from ?? 0, props.value?.to ?? 0];
const within = (time) => Math.min(limits()[1], Math.max(limits()[0], time));
const playing = () => !audio.paused;
const tellTime = () => {
  showTime();
  document.dispatchEvent(new CustomEvent("ser:time", { detail: { time: position } }));
};

const follow = () => {
  position = audio.currentTime;
  if (position >= (until ?? limits()[1])) {
    audio.pause();
    position = until ?? limits()[1];
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
  position = within(start);
  until = end === null ? null : within(end);
  audio.currentTime = position;
  audio.play().then(everyFrame, () => {
    find(".hint").textContent = "Your browser cannot play this kind of file.";
  });
  tellTime();
};
const toggle = () => {
  if (playing()) return audio.pause();
  play(position >= limits()[1] - 0.01 ? limits()[0] : position, until);
};

// The copy was kept under the upload's name when the recording was made or chosen.
let sound = null;
const load = () => {
  if (props.value?.sound === sound) return;
  sound = props.value?.sound ?? null;
  audio.pause();
  const copy = window.serCopies?.get(sound)?.url;
  if (copy) audio.src = copy;
  else audio.removeAttribute("src");
  find(".play").disabled = find(".hear").disabled = !copy;
  position = limits()[0];
};

const showPlaying = () => {
  find(".play").classList.toggle("on", playing());
  find(".play").ariaLabel = playing() ? "Pause" : "Play";
};
audio.addEventListener("play", showPlaying);
audio.addEventListener("pause", showPlaying);
audio.addEventListener("timeupdate", () => playing() && follow()); // no frames in a hidden tab
document.addEventListener("ser:play", (event) => play(event.detail.start, event.detail.end));
