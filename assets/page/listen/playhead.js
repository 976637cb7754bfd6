// A thin line at the moment that is being played, in every figure over time.
let moment = null;
const place = (canvas) => {
  const { xaxis, _size: size, meta } = canvas._fullLayout ?? {};
  const room = canvas.parentElement;
  const line = room.querySelector(":scope > .playhead") ?? document.createElement("i");
  const x = meta?.time && moment !== null ? xaxis.l2p(moment) : -1;
  line.className = "playhead";
  line.hidden = !(x >= 0 && x <= xaxis?._length);
  if (line.hidden) return;
  if (!line.isConnected) room.append(line);
  room.style.position = "relative";
  line.style.height = `${size.h}px`;
  line.style.transform =
    `translate(${canvas.offsetLeft + xaxis._offset + x}px, ${canvas.offsetTop + size.t}px)`;
};
document.addEventListener("ser:drawn", (event) => place(event.target));
document.addEventListener("ser:time", (event) => {
  moment = event.detail.time;
  document.querySelectorAll(".canvas").forEach(place);
});
