// Files that a visitor chooses or drops, whole folders too: a list of { file, name }.
const ENDINGS = /\.(aac|aif|aiff|amr|au|flac|m4a|mka|mkv|mov|mp3|mp4|oga|ogg|opus|wav|webm|wma)$/i;

// A folder may hold texts and pictures beside the recordings; what was chosen by name is taken.
const isSound = ({ file, name }) => /^(audio|video)\//.test(file.type) || ENDINGS.test(name);
const isHidden = ({ name }) => /(^|\/)\./.test(name);
const inFolder = (files) => files.filter((one) => isSound(one) && !isHidden(one));

const chosenFiles = (input) => {
  const files = Array.from(input.files, (file) => ({ file, name: file.webkitRelativePath || file.name }));
  input.value = ""; // the same choice counts again
  return input.webkitdirectory ? inFolder(files) : files;
};

const inside = async (entry, path) => {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => { entry.file(resolve, reject); });
    return [{ file, name: path + entry.name }];
  }
  const reader = entry.createReader();
  const files = [];
  for (;;) { // a hundred entries at a time
    const some = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (!some.length) return files;
    for (const one of some) files.push(...await inside(one, `${path}${entry.name}/`));
  }
};

const droppedFiles = async (transfer) => {
  const items = [...transfer.items].filter((item) => item.kind === "file"); // read before any wait
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? null);
  const files = items.map((item) => item.getAsFile());
  const found = [];
  for (const [index, entry] of entries.entries()) {
    if (entry?.isDirectory) found.push(...inFolder(await inside(entry, "")));
    else if (files[index]) found.push({ file: files[index], name: files[index].name });
  }
  return found;
};
