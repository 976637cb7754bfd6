// The page plays its own copy of the recording, so that the server can delete the file at once.
// Copies are remembered by the upload's name; the oldest make room where they become large.
async (file) => {
  setTimeout(window.serPlotly, 2500); // where the answer takes long, it is read meanwhile
  if (!file?.url || file.url.startsWith("blob:")) return file;
  const answer = await fetch(file.url);
  if (!answer.ok) return file;
  const blob = await answer.blob();
  const copies = (window.serCopies ??= new Map());
  copies.set(file.path, { url: URL.createObjectURL(blob), bytes: blob.size });
  let bytes = [...copies.values()].reduce((sum, copy) => sum + copy.bytes, 0);
  for (const [name, copy] of copies) {
    if (bytes < 600e6 || name === file.path) break;
    URL.revokeObjectURL(copy.url);
    copies.delete(name);
    bytes -= copy.bytes;
  }
  return { ...file, url: copies.get(file.path).url };
}
