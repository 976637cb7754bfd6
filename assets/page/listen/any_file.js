// gradio refuses files that the browser does not call audio: .webm and .mp4 (video to it), .opus
// without a type. The server reads whatever holds sound and says what is wrong with the rest.
const asAudio = (files) => {
  const relabelled = new DataTransfer();
  for (const file of files) {
    const audio = file.type.startsWith("audio/");
    relabelled.items.add(audio ? file : new File([file], file.name, { type: "audio/any" }));
  }
  return relabelled.files;
};
const inside = (event) => event.target.closest?.("#recording");
const settled = (files) => Array.from(files).every((file) => file.type.startsWith("audio/"));

document.addEventListener("click", (event) => {
  if (inside(event) && event.target.type === "file") event.target.accept = "audio/*,video/*";
}, true);
document.addEventListener("change", (event) => {
  if (!inside(event) || event.target.type !== "file" || settled(event.target.files)) return;
  event.target.files = asAudio(event.target.files);
}, true);
document.addEventListener("drop", (event) => {
  const input = inside(event)?.querySelector("input[type=file]");
  const files = event.dataTransfer?.files ?? [];
  if (!input || settled(files)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  input.files = asAudio(files);
  input.dispatchEvent(new Event("change", { bubbles: true }));
}, true);
