// The page plays its own copy of the recording, so that the server can delete the file at once.
async (file) => {
  if (!file?.url || file.url.startsWith("blob:")) return file;
  const answer = await fetch(file.url);
  if (!answer.ok) return file;
  return { ...file, url: URL.createObjectURL(await answer.blob()) };
}
