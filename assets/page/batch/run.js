// Files -> server, a lot at a time -> rows. gradio gives element, props, trigger, upload, watch.
const room = element.querySelector(".batch");
const find = (selector) => room.querySelector(selector);
const [fileInput, folderInput] = room.querySelectorAll(".batch-input");
const counted = (number, noun = "file") => `${number} ${noun}${number === 1 ? "" : "s"}`;

let waiting = []; // { file, name }
let next = []; // the same, chosen while a run is ending
let total = 0; // files of this run
let done = 0;
let atWork = false;
let givenUp = false;

// --- what is told ----------------------------------------------------------------------------

const tell = (text) => { find(".batch-told").textContent = text; };
const complain = (text) => {
  find(".batch-problem").textContent = text;
  find(".batch-problem").classList.toggle("problem", Boolean(text));
};
const showProgress = () => {
  find(".batch-progress").hidden = !atWork;
  find("progress").max = Math.max(1, total);
  find("progress").value = done;
  find(".batch-results").hidden = rows.length === 0;
  if (atWork) tell(givenUp ? "Ending …" : `${done} of ${counted(total)} done`);
};

// --- a lot of files --------------------------------------------------------------------------

let sent = null; // { lot, files } on its way
let answered = null; // takes what the server says of it
watch("value", () => {
  if (props.value) answered?.(props.value);
});
room.addEventListener("ser:failed", () => answered?.({ lot: sent.lot, done: true, failed: true }));
// The server says nothing more of a lot that left the line before its turn.
room.addEventListener("ser:ended", () => {
  if (givenUp) answered?.({ ...props.value, lot: sent.lot, done: true });
});

const LOST = "The server is busy or cannot be reached. Choose the files that are missing again later.";
const tooMuch = "The file could not be sent. It may be larger than 1 GB, or the connection was lost.";

const sendOne = async ({ file, name }) => {
  try {
    return { path: (await upload(file)).path, name };
  } catch {
    return { name };
  }
};

const showAnswers = (answers, from) => {
  for (const { row, json } of answers.slice(from)) {
    addRow(row, json);
    done += 1;
  }
  showProgress();
};
const fail = (name, error) => showAnswers([{ row: { file: name, error }, json: JSON.stringify({ file: name, error }) }], 0);

// Comes back when the server has answered, refused or given up the lot; false ends the run.
const analyse = (files) => new Promise((resolve) => {
  const lot = `${Date.now()}-${Math.random()}`;
  let shown = 0;
  sent = { lot, files };
  answered = (said) => {
    if (said.lot !== lot) return;
    if (givenUp && !said.done) trigger("give_up", sent); // it may have begun only now
    const answers = said.answers ?? [];
    showAnswers(answers, shown);
    shown = Math.max(shown, answers.length);
    if (!said.done) return;
    answered = null;
    props.value = null; // the answers are rows by now
    if (said.problem && !givenUp) files.slice(shown).forEach(({ name }) => fail(name, said.problem));
    if (said.failed) trigger("give_up", sent);
    resolve(!said.failed);
  };
  trigger("analyse", sent);
});

const work = async () => {
  atWork = true;
  givenUp = false;
  complain("");
  while (waiting.length && !givenUp) {
    showProgress();
    const lot = await Promise.all(waiting.splice(0, props.at_once).map(sendOne));
    lot.filter(({ path }) => !path).forEach(({ name }) => fail(name, tooMuch));
    const files = lot.filter(({ path }) => path);
    if (givenUp) trigger("give_up", { files });
    else if (files.length && !(await analyse(files))) {
      waiting = [];
      complain(LOST);
    }
  }
  atWork = false;
  const end = givenUp ? `Ended. ${done} of ${counted(total)} done; what is done stays.` : `${counted(done)} done.`;
  waiting = next;
  next = [];
  showProgress();
  tell(end);
  total = waiting.length;
  done = 0;
  return waiting.length ? work() : null;
};

const take = (files) => {
  if (!files.length) {
    tell("No recordings were found there.");
    return;
  }
  const free = props.limit - rows.length - (total - done) - next.length;
  const taken = files.slice(0, Math.max(0, free));
  if (atWork && givenUp) next.push(...taken);
  else {
    waiting.push(...taken);
    total += taken.length;
  }
  const start = taken.length && !atWork ? work() : null;
  if (taken.length < files.length) {
    complain(`${props.limit} files are the most in one table, so ${files.length - taken.length} of `
      + `${counted(files.length)} were left out. Save the table, clear it, then choose them again.`);
  }
  showProgress();
  return start;
};

// --- files of the table ----------------------------------------------------------------------

const inOrder = () => [...rows].sort(compare);

watch("value", () => {
  const text = props.value?.csv;
  if (text === undefined) return;
  props.value = null;
  window.serSave("emotions.csv", "text/csv", text);
});

// --- what a visitor does ---------------------------------------------------------------------

const drop = find(".batch-drop");
find(".batch-files").addEventListener("click", () => fileInput.click());
find(".batch-folder").addEventListener("click", () => folderInput.click());
find(".batch-folder").hidden = !("webkitdirectory" in folderInput);
for (const input of [fileInput, folderInput]) {
  input.addEventListener("change", () => take(chosenFiles(input)));
}
const marked = (event, isOver) => {
  event.preventDefault();
  drop.classList.toggle("batch-over", isOver);
};
drop.addEventListener("dragover", (event) => marked(event, true));
drop.addEventListener("dragleave", (event) => marked(event, false));
drop.addEventListener("drop", async (event) => {
  marked(event, false);
  take(await droppedFiles(event.dataTransfer));
});
find(".batch-cancel").addEventListener("click", () => {
  givenUp = true;
  waiting = [];
  if (answered) trigger("give_up", sent);
  showProgress();
});
find(".batch-all").addEventListener("change", ({ target }) => {
  table.classList.toggle("batch-wide", target.checked);
});
find("[data-save=csv]").addEventListener("click", () => {
  trigger("save", { rows: inOrder().map(({ row }) => row) });
});
find("[data-save=jsonl]").addEventListener("click", () => {
  window.serSave("emotions.jsonl", "application/jsonl", inOrder().map(({ json }) => `${json}\n`).join(""));
});
find(".batch-clear").addEventListener("click", () => {
  clearRows();
  complain("");
  tell(atWork ? "" : "The table is empty.");
  showProgress();
  find(".batch-files").focus();
});
