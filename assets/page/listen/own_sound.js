// A take that is shown again has its own sound in the recorder, never that of the last recording.
// The page keeps the copies (keep_copy.js); where this one made room for others, that is said.
(player, told) => {
  const path = player?.sound;
  const copy = window.serCopies?.get(path);
  if (copy) {
    const named = { orig_name: path.split(/[\\/]/).pop(), meta: { _type: "gradio.FileData" } };
    return [{ path, url: copy.url, ...named }, told];
  }
  const gone = "The sound of this take is no longer on the page. Record or upload it again to hear it.";
  return [null, `${told ?? ""}<p class="quiet">${gone}</p>`];
}
