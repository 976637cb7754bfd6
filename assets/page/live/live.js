// Microphone -> server -> what is shown. gradio gives element, props, server, trigger, watch.
const PAUSE_MS = 200; // between two messages; each takes all sound that has come meanwhile
const ASK_MS = 2000; // where no sound comes, the server is still asked whether it goes on
const AT_ONCE_S = 5; // of sound in one message, after the connection was slow
const PATIENCE_MS = 15000; // without an answer, before the connection counts as lost
const HIDDEN_MS = 30000; // the page may be out of sight so long
const SPOKEN_MS = 5000; // a screen reader is told a new emotion not more often

const room = element.closest("#live"); // this component, the answer and the path
const find = (selector) => room.querySelector(selector);
const toggle = find(".live-toggle");
const slider = find(".live-window input");
const level = find(".live-level i");
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const percent = (share) => `${(100 * share).toFixed(1)}%`;
const minutes = (seconds) =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
const windowSeconds = () => Number(slider.value);

// --- what is shown -------------------------------------------------------------------------

const setState = (state) => {
  room.dataset.state = state; // idle, starting, listening, stopping
  toggle.textContent = state === "listening" || state === "stopping" ? "Stop" : "Start listening";
  toggle.disabled = state === "starting" || state === "stopping";
};
const tell = (text) => { find(".live-told").textContent = text; };
const complain = (text) => {
  const box = find(".live-problem");
  box.textContent = text;
  box.classList.toggle("problem", Boolean(text));
};
const setHeadline = (text, share) => {
  find(".headline strong").textContent = text;
  find(".headline span").textContent = share;
};
const capital = (name) => name[0].toUpperCase() + name.slice(1);

// One line for each class of the bundle, made once: afterwards only numbers and widths change.
let drawn = "";
const makeBars = (names) => {
  if (names.join() === drawn) return;
  drawn = names.join();
  find(".live-bars").replaceChildren(...names.map((name) => {
    const line = document.createElement("li");
    line.dataset.emotion = name;
    line.innerHTML = '<span></span><i aria-hidden="true"><b></b></i><strong></strong>';
    line.firstElementChild.textContent = capital(name);
    line.querySelector("b").style.background = props.colours[name];
    return line;
  }));
};

// Where the browser draws the cube without a graphics card, that may take most of its time: the
// path then moves more seldom, so that bars, button and the sending of sound stay quick.
const trail = { free: 0 };
const showTrail = (figure) => {
  const began = performance.now();
  if (began < trail.free) return;
  trail.free = Infinity;
  find("#trail .canvas")?.dispatchEvent(new CustomEvent("ser:figure", { bubbles: true, detail: figure }));
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const now = performance.now();
    trail.free = now + Math.min(3000, 1.5 * (now - began));
  }));
};
// The first drawing takes longest; nobody speaks yet.
const prepareTrail = async () => {
  const drawn = new Promise((resolve) => { room.addEventListener("ser:drawn", resolve, { once: true }); });
  trail.free = 0;
  showTrail(props.empty);
  await Promise.race([drawn, pause(5000)]);
};

let spoken = { emotion: null, at: -SPOKEN_MS };
const speak = (emotion) => {
  const now = performance.now();
  if (emotion === spoken.emotion || now - spoken.at < SPOKEN_MS) return;
  spoken = { emotion, at: now };
  find(".live-spoken").textContent = emotion ? `Sounds ${emotion}.` : "Nobody speaks.";
};

const showUpdate = (update) => {
  const { emotions, attributes, emotion } = update;
  room.classList.toggle("live-quiet", !emotion);
  if (emotions) makeBars(Object.keys(emotions));
  setHeadline(emotion ? capital(emotion) : "Nobody speaks", emotion ? percent(emotions[emotion]) : "");
  for (const line of find(".live-bars").children) {
    const share = emotions?.[line.dataset.emotion] ?? 0;
    line.querySelector("b").style.transform = `scaleX(${share})`;
    line.lastElementChild.textContent = emotion ? percent(share) : "–";
    line.classList.toggle("most", line.dataset.emotion === emotion);
  }
  for (const scale of room.querySelectorAll("[data-attribute]")) {
    const value = attributes?.[scale.dataset.attribute];
    scale.querySelector("strong").textContent = value?.toFixed(2) ?? "–";
    if (value) scale.querySelector("i").style.left = percent((value - 1) / 6);
  }
  speak(emotion);
};

const showLevel = (block) => {
  let sum = 0;
  for (const sample of block) sum += (sample / 32768) ** 2;
  const decibels = 10 * Math.log10(sum / Math.max(1, block.length) + 1e-7);
  level.style.transform = `scaleX(${Math.max(0, Math.min(1, (decibels + 60) / 60))})`;
};

// --- one time of listening -----------------------------------------------------------------

let session = null;

const showHeard = (reply) => {
  const { sent, rate } = session;
  const ends = reply.ended ? "" : ` Ends by itself at ${minutes(props.limit_s)}.`;
  const lost = reply.lost_s >= 0.05 ? `, ${reply.lost_s.toFixed(1)} s lost` : "";
  find(".live-heard").textContent = `Heard ${reply.received_s.toFixed(1)} s of `
    + `${(sent / rate).toFixed(1)} s${lost}.${ends}`;
};

const showReply = (reply) => {
  if (reply.received_s !== undefined) showHeard(reply);
  const newest = reply.updates?.at(-1);
  if (newest) {
    session.after = newest.number;
    session.updates += reply.updates.length;
    showUpdate(newest);
    showTrail(reply.figure);
  }
  // for whoever measures: plain numbers, no sound
  Object.assign(room.dataset, {
    updates: session.updates, sent: session.sent / session.rate, received: reply.received_s ?? 0,
  });
};

// All sound that waits, as one array, at most AT_ONCE_S of it.
const takeWaiting = () => {
  const most = AT_ONCE_S * session.rate;
  const taken = [];
  let length = 0;
  while (session.waiting.length && length + session.waiting[0].length <= most) {
    length += session.waiting[0].length;
    taken.push(session.waiting.shift());
  }
  const sound = new Int16Array(length);
  let at = 0;
  for (const block of taken) {
    sound.set(block, at);
    at += block.length;
  }
  return sound;
};

const asText = (sound) => {
  const bytes = new Uint8Array(sound.buffer); // every browser of today is little-endian
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(text);
};

// Sent until it is answered: the server counts a message that comes twice once.
const send = async (message) => {
  const began = performance.now();
  while (performance.now() - began < PATIENCE_MS) {
    const answer = await Promise.race([server.hear(message), pause(PATIENCE_MS)]);
    if (answer) return answer;
    await pause(500);
  }
  return { ended: "The connection to the server was lost, so listening ended. Start again." };
};

const deliver = async () => {
  let asked = performance.now();
  while (session.open || session.waiting.length) {
    const sound = takeWaiting();
    if (sound.length || performance.now() - asked > ASK_MS) {
      asked = performance.now();
      const { id, sent: first, rate: rate_hz, after } = session;
      session.sent += sound.length;
      const message = { id, first, rate_hz, after, window_s: windowSeconds(), sound: asText(sound) };
      const reply = await send(message);
      showReply(reply);
      if (reply.ended) {
        session.open = false;
        session.waiting.length = 0;
        return reply.ended;
      }
    }
    if (session.open) await pause(PAUSE_MS);
  }
  return null;
};

// The server's own word for the beginning comes as this component's value.
let begun = null;
watch("value", () => begun?.(props.value));
const begin = () => new Promise((resolve) => {
  begun = resolve;
  setTimeout(() => resolve({ problem: "The server does not answer. Try again." }), 60000);
  trigger("begin", { window_s: windowSeconds() });
});

const isSeen = () => !document.hidden && element.checkVisibility();

const watchSight = () => setInterval(() => {
  const now = performance.now();
  if (isSeen()) session.seen = now;
  if (now - session.seen > HIDDEN_MS) {
    stop(`Listening ended because the page was out of sight for ${HIDDEN_MS / 1000} s.`);
  }
}, 1000);

const start = async () => {
  complain("");
  tell("Allow the microphone if your browser asks.");
  setState("starting");
  await prepareTrail();
  const waiting = [];
  let microphone;
  let lost = null; // why no more sound can come, also where nobody is listened to yet
  try {
    microphone = await openMicrophone(
      props.worklet,
      (block) => {
        waiting.push(block);
        showLevel(block);
      },
      (why) => {
        lost = why;
        stop(why);
      },
    );
  } catch (error) {
    tell("");
    complain(error.message);
    setState("idle");
    return;
  }
  const ticket = await begin();
  if (ticket.problem) {
    await microphone.stop();
    level.style.transform = "scaleX(0)";
    tell("");
    complain(ticket.problem);
    setState("idle");
    return;
  }
  const { rate } = microphone;
  session = {
    microphone, waiting, rate, id: ticket.id, sent: 0, after: 0, updates: 0, open: true,
    seen: performance.now(), ended: null,
  };
  session.sight = watchSight();
  setState("listening");
  tell(microphone.kept ? "Listening. This browser changes the sound (automatic gain or noise "
    + "suppression), so voices may sound other than they are." : "Listening.");
  room.classList.add("live-quiet");
  setHeadline("Listening …", "");
  if (lost) stop(lost);
  const ended = await deliver();
  if (ended) session.ended = ended;
  await finish();
};

// Asks for the end; `start` goes on when all that waited has been delivered.
const stop = async (why) => {
  if (!session?.open) return;
  setState("stopping");
  session.ended = why;
  await session.microphone.stop(); // its last block is among what waits
  if (session) session.open = false;
};

const finish = async () => {
  clearInterval(session.sight);
  setState("stopping");
  await session.microphone.stop();
  const { id, after } = session;
  const reply = await Promise.race([server.end({ id, after }), pause(PATIENCE_MS)]);
  trail.free = 0; // the last answer is drawn in any case
  if (reply?.updates) showReply(reply);
  if (session.ended) complain(session.ended);
  tell(session.ended ? "" : "Listening has ended.");
  level.style.transform = "scaleX(0)";
  session = null;
  setState("idle");
};

toggle.addEventListener("click", () => (session ? stop(null) : start()));
slider.addEventListener("input", () => { find(".live-window output").textContent = slider.value; });
setState("idle");
