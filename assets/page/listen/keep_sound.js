// The browser keeps the sound of each take, so that it can be heard again when the take is shown.
(number, file) => {
  const sounds = (window.serSounds ??= new Map());
  if (number && file && !sounds.has(number)) sounds.set(number, file);
  const listed = [...document.querySelectorAll("#takes-list [data-number]")];
  const numbers = new Set([number, ...listed.map((take) => Number(take.dataset.number))]);
  for (const old of sounds.keys()) if (!numbers.has(old)) sounds.delete(old);
}
